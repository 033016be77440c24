//! The content on the wire: end of data and dot-stuffing (RFC 5321 4.5.2, Transparency), size and line ends.
//!
//! Only CRLF.CRLF ends the data, where the CRLF of the DATA command itself counts as the first one (RFC 5321 4.1.1.4).
//! Whatever else looks like an end (LF.LF, CR.CR, CRLF.CRCRLF ...) stays content, which is then refused for its bare CR
//! or LF: the next server might see an end there.

use memchr::{memchr2, memmem};

/// Limit of the octets of a refused content that are read to reach its end; nothing of them is kept.
pub(crate) const MAX_DISCARDED: u64 = 1 << 30;

/// Where in the data the receiver stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    LineStart,
    /// A dot at the start of a line, not yet given on.
    Dot,
    /// A dot at the start of a line and a CR.
    DotCr,
    Text,
    /// A CR in a line, not yet given on.
    Cr,
}

/// Removes dots and finds the end of the data.
#[derive(Debug)]
pub(crate) struct DataReceiver {
    position: Position,
    content: Content,
}

impl DataReceiver {
    pub(crate) fn new(limit: usize) -> Self {
        Self { position: Position::LineStart, content: Content::new(limit) }
    }

    /// Takes octets up to the end of data; gives back how many were used and whether the end was reached.
    pub(crate) fn receive(&mut self, bytes: &[u8]) -> (usize, bool) {
        let mut at = 0;
        while let Some(&octet) = bytes.get(at) {
            if self.position == Position::Text {
                let rest = bytes.get(at..).unwrap_or_default();
                at += self.receive_lines(rest);
                continue;
            }
            at += 1;
            if self.step(octet) {
                return (at, true);
            }
        }
        (at, false)
    }

    /// Takes text up to the next line that begins with a dot, or all of it; gives back how many octets were used.
    fn receive_lines(&mut self, text: &[u8]) -> usize {
        let (used, held) = match memmem::find(text, b"\r\n.") {
            Some(end) => (end + 2, 0),
            // What may be the beginning of a line end waits for the next octet.
            None => (text.len(), usize::from(text.ends_with(b"\r"))),
        };
        let taken = text.get(..used - held).unwrap_or_default();
        self.position = match (held, taken.ends_with(b"\r\n")) {
            (0, true) => Position::LineStart,
            (0, false) => Position::Text,
            _ => Position::Cr,
        };
        self.content.push(taken);
        used
    }

    pub(crate) fn is_endless(&self) -> bool {
        self.content.is_endless()
    }

    pub(crate) fn len(&self) -> usize {
        self.content.len()
    }

    pub(crate) fn into_content(self) -> Content {
        self.content
    }

    fn step(&mut self, octet: u8) -> bool {
        self.position = match (self.position, octet) {
            (Position::LineStart, b'.') => Position::Dot,
            (Position::Dot, b'\r') => Position::DotCr,
            (Position::DotCr, b'\n') => return true,
            (Position::Cr, b'\n') => {
                self.content.push(b"\r\n");
                Position::LineStart
            }
            // The held CR was a bare one; this octet may begin a CRLF itself.
            (Position::DotCr | Position::Cr, b'\r') => {
                self.content.push(b"\r");
                Position::Cr
            }
            (Position::DotCr | Position::Cr, _) => {
                self.content.push(&[b'\r', octet]);
                Position::Text
            }
            (Position::LineStart | Position::Text, b'\r') => Position::Cr,
            (Position::LineStart | Position::Dot | Position::Text, _) => {
                self.content.push(&[octet]);
                Position::Text
            }
        };
        false
    }
}

/// A content that is being received, never larger than its limit.
#[derive(Debug)]
pub(crate) struct Content {
    octets: Vec<u8>,
    limit: usize,
    discarded: u64,
    after_cr: bool,
    bare: bool,
}

impl Content {
    pub(crate) fn new(limit: usize) -> Self {
        Self { octets: Vec::new(), limit, discarded: 0, after_cr: false, bare: false }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.check_line_ends(bytes);
        let room = self.limit - self.octets.len();
        if self.discarded == 0 && bytes.len() <= room {
            self.octets.extend_from_slice(bytes);
            return;
        }
        // From here on the message is lost; its memory need not be held until the client is done.
        self.discarded =
            self.discarded.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        self.octets = Vec::new();
    }

    /// Octets that are held.
    pub(crate) fn len(&self) -> usize {
        self.octets.len()
    }

    pub(crate) fn is_too_large(&self) -> bool {
        self.discarded > 0
    }

    pub(crate) fn is_endless(&self) -> bool {
        self.discarded > MAX_DISCARDED
    }

    /// How many octets may still come.
    pub(crate) fn room(&self) -> u64 {
        u64::try_from(self.limit - self.octets.len()).unwrap_or(u64::MAX)
    }

    /// Whether a CR or LF stands alone, a CR at the very end included.
    pub(crate) fn has_bare_newline(&self) -> bool {
        self.bare || self.after_cr
    }

    pub(crate) fn into_octets(self) -> Vec<u8> {
        self.octets
    }

    fn check_line_ends(&mut self, bytes: &[u8]) {
        if self.bare {
            return;
        }
        let (after_cr, bare) = scan_line_ends(self.after_cr, bytes);
        self.after_cr = after_cr;
        self.bare = bare;
    }
}

/// Whether `content` has a CR or an LF that is not part of a CRLF.
pub(crate) fn has_bare_newline(content: &[u8]) -> bool {
    let (after_cr, bare) = scan_line_ends(false, content);
    after_cr || bare
}

fn scan_line_ends(after_cr: bool, bytes: &[u8]) -> (bool, bool) {
    let mut at = match bytes.first() {
        None => return (after_cr, false),
        Some(b'\n') if after_cr => 1,
        Some(_) if after_cr => return (false, true),
        Some(_) => 0,
    };
    while let Some(rest) = bytes.get(at..)
        && let Some(found) = memchr2(b'\r', b'\n', rest)
    {
        match (rest.get(found), rest.get(found + 1)) {
            (Some(b'\r'), Some(b'\n')) => at += found + 2,
            (Some(b'\r'), None) => return (true, false),
            _ => return (false, true),
        }
    }
    (false, false)
}

/// The wire form of a content whose lines all end with CRLF: dots doubled, the end of data appended; a last line
/// without CRLF gets one (RFC 5321 4.1.1.4).
pub(crate) fn stuff(content: &[u8]) -> Vec<u8> {
    let mut wire = Vec::with_capacity(content.len() + content.len() / 64 + 5);
    if content.first() == Some(&b'.') {
        wire.push(b'.');
    }
    let mut rest = content;
    while let Some((lines, next)) =
        memmem::find(rest, b"\n.").and_then(|end| rest.split_at_checked(end + 1))
    {
        wire.extend_from_slice(lines);
        wire.push(b'.');
        rest = next;
    }
    wire.extend_from_slice(rest);
    if !content.is_empty() && !content.ends_with(b"\r\n") {
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b".\r\n");
    wire
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: usize = 1 << 20;

    fn receive(wire: &[u8], cut: usize) -> (usize, bool, Content) {
        let mut receiver = DataReceiver::new(LIMIT);
        let (head, tail) = wire.split_at(cut);
        let (mut used, mut ended) = receiver.receive(head);
        if !ended {
            let (more, end) = receiver.receive(tail);
            used += more;
            ended = end;
        }
        (used, ended, receiver.into_content())
    }

    #[test]
    fn dots_are_removed_and_the_end_is_found_at_every_cut() {
        for (wire, content) in [
            (".\r\n", ""),
            ("a\r\n.\r\n", "a\r\n"),
            ("..\r\n.\r\n", ".\r\n"),
            (".a\r\n...b\r\n\r\n.\r\n", "a\r\n..b\r\n\r\n"),
            ("a.\r\nb.c\r\n.\r\n", "a.\r\nb.c\r\n"),
            ("nul\0\r\n.\r\n", "nul\0\r\n"),
        ] {
            for cut in 0..=wire.len() {
                let (used, ended, received) = receive(wire.as_bytes(), cut);
                assert!(ended, "{wire:?} cut at {cut}");
                assert_eq!(used, wire.len());
                assert!(!received.has_bare_newline());
                assert_eq!(received.into_octets(), content.as_bytes());
            }
            for end in 0..wire.len() {
                assert!(!receive(&wire.as_bytes()[..end], 0).1, "{wire:?} truncated at {end}");
            }
        }
    }

    #[test]
    fn nothing_else_ends_the_data() {
        for wire in [
            "a\n.\n",
            "a\n.\r\n",
            "a\r\n.\n",
            "a\r.\r",
            "a\r.\r\n",
            "a\r\n.\r",
            "a\r\n.\r\r\n",
            "a\r\n\0.\r\n",
            "a\r\n.\0\r\n",
            "a\r\n.\r\0\n",
            "a\n.\r",
            "a\r\n. \r\n",
            "a\r\r\n.\r\r\n",
            ".\n",
            "\n.\r\n",
        ] {
            for cut in 0..=wire.len() {
                assert!(!receive(wire.as_bytes(), cut).1, "{wire:?} cut at {cut}");
            }
            let whole = format!("{wire}x\r\n.\r\n");
            let (used, ended, _) = receive(whole.as_bytes(), 0);
            assert!(ended && used == whole.len(), "{wire:?}");
        }
    }

    #[test]
    fn sizes_and_line_ends() {
        let mut content = Content::new(3);
        content.push(b"abc");
        assert!(!content.is_too_large());
        content.push(b"d");
        assert!(content.is_too_large());
        content.push(b"");
        assert!(content.into_octets().is_empty());
        for (text, bare) in [
            ("a\r\n", false),
            ("a\n", true),
            ("a\r", true),
            ("\r\r\n", true),
            ("\n", true),
            ("", false),
        ] {
            assert_eq!(has_bare_newline(text.as_bytes()), bare, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn stuffing_round_trips(lines in prop::collection::vec("[.a\\x00]{0,4}", 0..8), cut in any::<prop::sample::Index>()) {
            let content: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let wire = stuff(content.as_bytes());
            let (used, ended, received) = receive(&wire, cut.index(wire.len() + 1));
            prop_assert!(ended);
            prop_assert_eq!(used, wire.len());
            prop_assert_eq!(received.into_octets(), content.into_bytes());
        }

        #[test]
        fn cuts_do_not_matter(wire in prop::collection::vec(prop::sample::select(b".\r\n\0a".to_vec()), 0..24), cut in any::<prop::sample::Index>()) {
            let (used, ended, whole) = receive(&wire, 0);
            let (used_cut, ended_cut, parts) = receive(&wire, cut.index(wire.len() + 1));
            prop_assert_eq!((used, ended, whole.bare, &whole.octets), (used_cut, ended_cut, parts.bare, &parts.octets));
            // An independent statement of the rule.
            let framed = [b"\r\n".as_slice(), &wire].concat();
            let end = framed.windows(5).position(|w| w == b"\r\n.\r\n").map(|at| at + 3);
            prop_assert_eq!(ended.then_some(used), end);
        }
    }
}
