//! Any octets become a content that can be read, the same one each time.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panic too")]

use mixer::{Edition, mail_to_ipm};
use proptest::prelude::*;

/// Pieces that mails are made of, so that the generator gets beyond the first line.
const PIECES: [&str; 24] = [
    "Content-Type: multipart/mixed; boundary=b\r\n",
    "Content-Type: multipart/alternative; boundary=\"b\"\r\n",
    "Content-Type: multipart/digest; boundary=b\r\n",
    "Content-Type: message/rfc822\r\n",
    "Content-Type: text/plain; charset=utf-8\r\n",
    "Content-Type: text/plain; charset=iso-2022-jp\r\n",
    "Content-Type: text/html; name=\"=?utf-8?B?w7w=?=\"\r\n",
    "Content-Disposition: attachment; filename*0*=utf-8''%FF; filename*1=x\r\n",
    "Content-Transfer-Encoding: base64\r\n",
    "Content-Transfer-Encoding: quoted-printable\r\n",
    "--b\r\n",
    "--b--\r\n",
    "\r\n",
    "To: a: b <c@d>, \"e\\\" (f) <g@h>;, i@j\r\n",
    "From: =?utf-8?Q?=C3?= <@x:\r\n",
    "Message-ID: <\"*\"@MHS> <a\r\n",
    "References: <a@b>\r\n\t<c@d>\r\n",
    "Expires: 31 Feb 99999 25:61 +9999\r\n",
    "Subject: \u{65e5}\u{fc}\u{1f600}\r\n",
    "R3LDvMOfZQo=\r\n",
    "=C3=BC=\r\n",
    "=4\n",
    "\u{fc}\u{20ac}\r\n",
    "\r",
];

fn check(mail: &[u8]) {
    let base = "/C=US/ADMD= /PRMD=ORG/O=EAST/".parse().unwrap();
    for edition in [Edition::Of1984, Edition::Of1988] {
        let found = mail_to_ipm(mail, &base, edition);
        assert_eq!(found, mail_to_ipm(mail, &base, edition));
        let described = x400::describe::describe(&found.content, None, &|offset| offset);
        assert_eq!(described.len(), 1, "{described:?}");
        assert!(described[0].faults.is_empty(), "{described:?}");
    }
}

proptest! {
    #[test]
    fn any_octets(mail in prop::collection::vec(any::<u8>(), 0..400)) {
        check(&mail);
    }

    #[test]
    fn pieces_of_mail(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..30)) {
        check(pieces.concat().as_bytes());
    }

    #[test]
    fn pieces_of_mail_with_octets_between(
        pieces in prop::collection::vec((prop::sample::select(&PIECES[..]), any::<[u8; 2]>()), 0..20),
    ) {
        let mail: Vec<u8> =
            pieces.iter().flat_map(|(piece, octets)| [piece.as_bytes(), octets].concat()).collect();
        check(&mail);
    }
}
