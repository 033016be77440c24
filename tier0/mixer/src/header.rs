//! The header of a mail: its block, and values of fields in it (RFC 5322 2.2).

/// Octets of a header that are looked at; longer headers are cut at a line.
const MAX_HEADER: usize = 256 * 1024;

/// The header of a mail up to its empty line, at most 256 KiB, whole lines.
#[must_use]
pub fn header_block(mail: &[u8]) -> &[u8] {
    let mut end = 0;
    for line in mail.split_inclusive(|octet| *octet == b'\n') {
        let empty = matches!(line, b"\n" | b"\r\n");
        if empty || end + line.len() > MAX_HEADER {
            break;
        }
        end += line.len();
    }
    &mail[..end]
}

/// The value of the first field of this name, unfolded and trimmed; octets that are not UTF-8
/// are replaced.
#[must_use]
pub fn header_value(mail: &[u8], name: &str) -> Option<String> {
    let mut lines = header_block(mail).split(|octet| *octet == b'\n').peekable();
    while let Some(line) = lines.next() {
        let Some(value) = field(line, name) else { continue };
        let mut value = String::from_utf8_lossy(value).trim().to_owned();
        while let Some(folded) =
            lines.next_if(|line| line.starts_with(b" ") || line.starts_with(b"\t"))
        {
            value.push(' ');
            value.push_str(String::from_utf8_lossy(folded).trim());
        }
        return Some(value);
    }
    None
}

/// How many servers a mail passed: its Received fields (RFC 5321 6.3).
#[must_use]
pub fn count_received(mail: &[u8]) -> usize {
    let lines = header_block(mail).split(|octet| *octet == b'\n');
    lines.filter(|line| field(line, "Received").is_some()).count()
}

/// What stands behind `name:` in a line.
fn field<'a>(line: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    if !start.eq_ignore_ascii_case(name.as_bytes()) {
        return None;
    }
    // RFC 822 allowed white space before the colon.
    rest.trim_ascii_start().strip_prefix(b":")
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAIL: &[u8] =
        b"Subject: one\r\n two\r\nMessage-Id : <a@b>\r\nX:\r\n\r\nX-Priority: 1\r\n";

    #[test]
    fn block_and_values() {
        assert!(header_block(MAIL).ends_with(b"X:\r\n"));
        assert_eq!(header_value(MAIL, "subject").unwrap(), "one two");
        assert_eq!(header_value(MAIL, "Message-ID").unwrap(), "<a@b>");
        assert_eq!(header_value(MAIL, "x").unwrap(), "");
        assert_eq!(header_value(MAIL, "X-Priority"), None);
        let passed =
            b"Received: a\r\n by b\r\nreceived : c\r\nX-Received: d\r\n\r\nReceived: e\r\n";
        assert_eq!((count_received(passed), count_received(MAIL)), (2, 0));
        assert_eq!(header_block(b"\r\nbody"), b"");
        assert_eq!(header_block(b"no end"), b"no end");
        let long = b"A: bbbbbbbbbbbbbbbbbbbbbbbbbbbb\r\n".repeat(10_000);
        assert!(header_block(&long).len() <= MAX_HEADER && header_block(&long).ends_with(b"\n"));
    }
}
