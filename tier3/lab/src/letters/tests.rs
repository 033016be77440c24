//! What the letters are made of.

use super::*;

fn stamp(round: u32, entering: Side) -> Stamp {
    Stamp { round, entering, time: "2026-11-22T12:00:00Z".parse().unwrap() }
}

#[test]
fn built_in_letters_can_be_sent_by_any_smtp_client() {
    for entering in Side::BOTH {
        for letter in built_in(stamp(1, entering), &Cast::demo()) {
            let text = std::str::from_utf8(&letter.content).unwrap();
            assert!(text.ends_with("\r\n"), "{}", letter.title);
            assert!(!text.replace("\r\n", "").contains(['\r', '\n']), "{}", letter.title);
            assert!(text.split("\r\n").all(|line| line.len() <= 998), "{}", letter.title);
            let (header, _) = text.split_once("\r\n\r\n").unwrap();
            assert!(header.contains("Date: Sun, 22 Nov 2026 12:00:00 -0000"), "{header}");
            assert_eq!(header.is_ascii(), !letter.title.contains("UTF-8"), "{}", letter.title);
        }
    }
}

#[test]
fn no_two_built_in_letters_are_equal() {
    let all: Vec<Letter> = [(1, Side::East), (1, Side::West), (2, Side::East)]
        .into_iter()
        .flat_map(|(round, side)| built_in(stamp(round, side), &Cast::demo()))
        .collect();
    let distinct: std::collections::HashSet<&[u8]> = all.iter().map(|one| &*one.content).collect();
    assert_eq!(distinct.len(), 15);
}

#[test]
fn the_attachment_has_five_megabytes_and_is_the_same_each_time() {
    assert_eq!(noise(ATTACHMENT).len(), ATTACHMENT);
    assert_eq!(noise(100), noise(ATTACHMENT)[..100]);
    let letters = built_in(stamp(1, Side::East), &Cast::demo());
    assert!(letters[3].content.len() > ATTACHMENT / 3 * 4);
}

#[test]
fn base64_of_rfc_4648() {
    for (octets, expected) in [
        ("", ""),
        ("f", "Zg==\r\n"),
        ("fo", "Zm8=\r\n"),
        ("foo", "Zm9v\r\n"),
        ("foob", "Zm9vYg==\r\n"),
        ("fooba", "Zm9vYmE=\r\n"),
        ("foobar", "Zm9vYmFy\r\n"),
    ] {
        assert_eq!(base64(octets.as_bytes()), expected);
    }
    assert_eq!(base64(&[0xfb, 0xff]), "+/8=\r\n");
    let lines = base64(&[0; 58]);
    let lengths: Vec<usize> = lines.split("\r\n").map(str::len).collect();
    assert_eq!(lengths, [76, 4, 0]);
}

#[test]
fn only_bare_newlines_change() {
    for (given, expected) in [
        ("a\nb\n", "a\r\nb\r\n"),
        ("a\r\nb", "a\r\nb"),
        ("\n\n", "\r\n\r\n"),
        ("a\rb\r\r\n", "a\rb\r\r\n"),
    ] {
        assert_eq!(with_crlf(given.as_bytes()), expected.as_bytes(), "{given:?}");
    }
}

#[test]
fn given_files_are_read_or_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let mail = folder.path().join("mail.eml");
    std::fs::write(&mail, "Subject: x\n\ny\n").unwrap();
    let letters = Letters::read(std::slice::from_ref(&mail)).unwrap();
    let letters = letters.of(stamp(1, Side::West), &Cast::demo());
    assert_eq!(letters.len(), 1);
    assert_eq!(&*letters[0].content, b"Subject: x\r\n\r\ny\r\n");
    let gone = folder.path().join("gone.eml");
    assert!(
        matches!(Letters::read(&[mail, gone]), Err(LetterError::Read { path, .. }) if path.ends_with("gone.eml"))
    );
    let empty = folder.path().join("empty.eml");
    std::fs::write(&empty, "").unwrap();
    assert!(matches!(Letters::read(&[empty]), Err(LetterError::Empty { .. })));
    assert!(matches!(Letters::read(&[]), Ok(Letters::BuiltIn)));
}

#[test]
fn every_fifth_goes_to_everybody_and_the_others_across() {
    let cast = Cast::demo();
    for entering in Side::BOTH {
        assert_eq!(recipients(4, entering, &cast), crate::cast::MAILBOXES[..4]);
        assert_eq!(recipients(9, entering, &cast), crate::cast::MAILBOXES[..4]);
        for index in 0..4 {
            let [only] = recipients(index, entering, &cast)[..] else { panic!("one recipient") };
            assert_eq!(only.side, entering.other());
        }
        assert_ne!(recipients(0, entering, &cast), recipients(1, entering, &cast));
    }
    assert!(Side::ALL.into_iter().all(|side| sender(side).side == side));
}

#[test]
fn short_letters_go_to_every_other_server() {
    let cast = Cast::random(&mut crate::chance::Chance::new(5), 3);
    let letters = Letters::Short.of(stamp(2, Side::East), &cast);
    let mut to: Vec<Side> = letters.iter().map(|letter| letter.recipients[0].side).collect();
    to.sort();
    assert_eq!(to, [Side::West, Side::North]);
    assert_ne!(letters[0].content, letters[1].content);
}
