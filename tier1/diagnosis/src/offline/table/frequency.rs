//! How often a cause was met in the documented field.

use finding::Cause;

/// The table: one cause a line, with the number of cases.
const TEXT: &str = include_str!("frequency.txt");

/// How often it was met; at least once.
pub(in crate::offline) fn met(cause: Cause) -> u16 {
    let mut lines = TEXT.lines().filter_map(|line| line.split_once(' '));
    let found = lines.find(|(slug, _)| *slug == cause.slug());
    found.and_then(|(_, count)| count.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::str::FromStr;

    #[test]
    fn every_line_names_a_cause() {
        for line in TEXT.lines().filter(|line| !line.starts_with('#')) {
            let (slug, count) = line.split_once(' ').unwrap();
            assert_eq!(u16::from_str(count).ok(), Some(met(Cause::from_str(slug).unwrap())));
        }
    }
}
