//! The known name that is nearest to a mistyped one.

/// Longest name that is compared: the work grows with the product of the lengths, and no key is nearly as long.
const NAME_MAX: usize = 64;

/// The candidate with the fewest edits from `name`, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let name: Vec<char> = name.to_lowercase().chars().take(NAME_MAX).collect();
    candidates
        .into_iter()
        .map(|candidate| (distance(&name, &candidate.chars().collect::<Vec<_>>()), candidate))
        .filter(|(edits, candidate)| *edits <= (candidate.len().max(name.len()) / 2).max(1))
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours (optimal string alignment).
fn distance(left: &[char], right: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, r) in right.iter().enumerate() {
            let replaced = above[j] + usize::from(l != r);
            let mut best = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *l == right[j - 1] && left[i - 1] == *r {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[right.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_what_was_meant() {
        let keys = ["mapper_port", "port", "password_file", "call_timeout_s"];
        let cases = [
            ("maper_port", Some("mapper_port")),
            ("prot", Some("port")),
            ("Password_File", Some("password_file")),
            ("call_timeout", Some("call_timeout_s")),
            ("colour_of_the_moon", None),
            ("", None),
        ];
        for (typed, expected) in cases {
            assert_eq!(nearest(typed, keys), expected, "{typed}");
        }
    }
}
