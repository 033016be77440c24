//! The form that an MTA name has in X.400, where it is an IA5String (X.411, MTAName; ub-mta-name-length is 32).
//!
//! A name beyond ASCII is written as DNS writes its labels: `xn--` and Punycode (RFC 3492), without the mapping of RFC 5891, since
//! upper and lower case count here. Each name has one form, and no two names the same.

/// Before a name that is written in Punycode (RFC 5890 section 2.3.2.1).
const PREFIX: &str = "xn--";

// RFC 3492 section 5: the parameters of Punycode.
const BASE: u32 = 36;
const T_MIN: u32 = 1;
const T_MAX: u32 = 26;
const SKEW: u32 = 38;
const DAMP: u32 = 700;
const FIRST_BIAS: u32 = 72;
const FIRST_CODE: u32 = 0x80;

/// The name as X.400 has it: itself where it is of ASCII, else its form in Punycode.
#[must_use]
pub fn ia5_name(name: &str) -> String {
    if name.is_ascii() { name.to_owned() } else { format!("{PREFIX}{}", punycode(name)) }
}

/// RFC 3492 section 6.3. Sums saturate: names have far fewer characters than it takes to get there.
fn punycode(name: &str) -> String {
    let codes: Vec<u32> = name.chars().map(u32::from).collect();
    let mut out: String = name.chars().filter(char::is_ascii).collect();
    let basic = u32::try_from(out.len()).unwrap_or(u32::MAX);
    let mut handled = basic;
    if basic > 0 {
        out.push('-');
    }
    let (mut next, mut delta, mut bias) = (FIRST_CODE, 0u32, FIRST_BIAS);
    // The smallest that is not written yet; each turn writes at least one.
    while let Some(smallest) = codes.iter().copied().filter(|code| *code >= next).min() {
        let step = smallest.saturating_sub(next).saturating_mul(handled.saturating_add(1));
        delta = delta.saturating_add(step);
        for code in &codes {
            if *code < smallest {
                delta = delta.saturating_add(1);
            } else if *code == smallest {
                write_number(&mut out, delta, bias);
                bias = adapted(delta, handled.saturating_add(1), handled == basic);
                delta = 0;
                handled = handled.saturating_add(1);
            }
        }
        delta = delta.saturating_add(1);
        next = smallest.saturating_add(1);
    }
    out
}

/// A number of variable length, RFC 3492 section 3.3.
fn write_number(out: &mut String, number: u32, bias: u32) {
    let (mut rest, mut place) = (number, BASE);
    loop {
        let threshold = place.saturating_sub(bias).clamp(T_MIN, T_MAX);
        if rest < threshold {
            out.extend(digit(rest));
            return;
        }
        let span = BASE - threshold;
        out.extend(digit(threshold + (rest - threshold) % span));
        rest = (rest - threshold) / span;
        place = place.saturating_add(BASE);
    }
}

fn digit(number: u32) -> Option<char> {
    char::from_digit(if number < 26 { number + 10 } else { number - 26 }, BASE)
}

/// RFC 3492 section 6.1.
fn adapted(delta: u32, points: u32, first: bool) -> u32 {
    let mut delta = delta / if first { DAMP } else { 2 };
    delta += delta / points.max(1);
    let mut turns = 0;
    while delta > ((BASE - T_MIN) * T_MAX) / 2 {
        delta /= BASE - T_MIN;
        turns += BASE;
    }
    turns + (BASE - T_MIN + 1) * delta / (delta + SKEW)
}

#[cfg(test)]
mod tests {
    use super::ia5_name;

    /// RFC 3492 section 7.1 (B, G, H, L, R, S), and names of the field; Python's codec `punycode` gives the same.
    #[test]
    fn names_beyond_ascii_have_one_form_of_ascii() {
        for (name, form) in [
            ("EAST", "EAST"),
            ("Köln", "xn--Kln-sna"),
            ("KÖLN", "xn--KLN-4ja"),
            ("Größe", "xn--Gre-6ka8i"),
            ("日本", "xn--wgv71a"),
            ("他们为什么不说中文", "xn--ihqwcrb4cv8a8dqg056pqjye"),
            ("3年B組金八先生", "xn--3B-ww4c5e180e575a65lsy2b"),
            ("Hello-Another-Way-それぞれの場所", "xn--Hello-Another-Way--fc4qua05auwb3674vfr0b"),
            ("そのスピードで", "xn--d9juau41awczczp"),
            ("Ko\u{308}ln", "xn--Koln-wwc"),
        ] {
            assert_eq!(ia5_name(name), form, "{name}");
        }
    }
}
