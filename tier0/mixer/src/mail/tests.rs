use x400::describe::{Described, Node, Value, describe};

use super::*;
use crate::oids;

fn base() -> OrAddress {
    "/C=US/ADMD= /PRMD=ORG/O=EAST/".parse().unwrap()
}

fn converted(mail: &[u8], edition: Edition) -> Described {
    let content = mail_to_ipm(mail, &base(), edition).content;
    let mut all = describe(&content, None, &|offset| offset);
    assert_eq!(all.len(), 1, "{all:?}");
    let described = all.remove(0);
    assert!(described.faults.is_empty(), "{:?}", described.faults);
    described
}

fn ipm(mail: &str) -> Described {
    converted(mail.replace('\n', "\r\n").as_bytes(), Edition::Of1988)
}

fn list(node: &Node) -> &[Node] {
    let Value::List(nodes) = &node.value else { panic!("{node:?}") };
    nodes
}

fn text(node: &Node) -> &str {
    let Value::Text(text) = &node.value else { panic!("{node:?}") };
    text
}

fn at<'a>(described: &'a Described, path: &[&str]) -> &'a Node {
    described.fields.at(path).unwrap_or_else(|| panic!("no {path:?} in {:?}", described.fields))
}

fn address(descriptor: &Node) -> String {
    format!("{:?}", descriptor.at(&["formal-name"]))
}

fn extension(described: &Described, name: &str) -> Option<Node> {
    let extensions = described.fields.at(&["heading", "extensions"])?;
    let found = list(extensions).iter().find(|one| format!("{one:?}").contains(name))?;
    Some(found.clone())
}

/// The fields of the list in the heading.
fn fields(described: &Described) -> String {
    format!("{:?}", extension(described, "rfc-822-field-list"))
}

fn parts(described: &Described) -> &[Node] {
    list(at(described, &["body"]))
}

const FULL: &str = "Received: from a by b; Fri, 27 Nov 2026 10:00:00 +0000
Date: Fri, 27 Nov 2026 10:00:00 +0000
From: =?utf-8?Q?J=C3=B6rg_M=C3=BCller?= <joerg@east.test>
Sender: office@east.test
To: Anna <anna@west.test>, ben@west.test
Cc: carl@west.test
Reply-To: list@east.test
Subject: =?iso-8859-1?Q?Gr=FC=DFe?=
Message-ID: <one@east.test>
In-Reply-To: <zero@west.test>
References: <minus.one@west.test> <zero@west.test>
Expires: Fri, 04 Dec 2026 10:00:00 +0100
Importance: High
Sensitivity: Company-Confidential
Autoforwarded: TRUE
X-Thing: kept
 on two lines
MIME-Version: 1.0

hello
";

#[test]
fn every_field_stands_in_its_place() {
    let described = ipm(FULL);
    assert_eq!(
        text(at(&described, &["heading", "this-IPM", "user-relative-identifier"])),
        "one(a)east.test"
    );
    let originator = at(&described, &["heading", "originator"]);
    assert!(address(originator).contains("office(a)east.test"), "{originator:?}");
    let authorizing = list(at(&described, &["heading", "authorizing-users"]));
    assert!(address(&authorizing[0]).contains("joerg(a)east.test"), "{authorizing:?}");
    let to = list(at(&described, &["heading", "primary-recipients"]));
    assert_eq!(to.len(), 2);
    assert_eq!(text(to[0].at(&["recipient", "free-form-name"]).unwrap()), "Anna");
    assert_eq!(list(at(&described, &["heading", "copy-recipients"])).len(), 1);
    assert_eq!(list(at(&described, &["heading", "reply-recipients"])).len(), 1);
    let replied = at(&described, &["heading", "replied-to-IPM", "user-relative-identifier"]);
    assert_eq!(text(replied), "zero(a)west.test");
    assert_eq!(list(at(&described, &["heading", "related-IPMs"])).len(), 2);
    let expiry = at(&described, &["heading", "expiry-time"]);
    assert!(
        matches!(&expiry.value, Value::Time { raw, .. } if raw == "261204090000Z"),
        "{expiry:?}"
    );
    for (field, value) in [("importance", 2), ("sensitivity", 3)] {
        let found = at(&described, &["heading", field]);
        assert!(
            matches!(found.value, Value::Enumerated { value: v, .. } if v == value),
            "{found:?}"
        );
    }
    assert_eq!(at(&described, &["heading", "auto-forwarded"]).value, Value::Boolean(true));
    let list = fields(&described);
    assert!(
        list.contains("X-Thing: kept on two lines") && list.contains("Received: from a"),
        "{list}"
    );
    for told in ["Subject", "From", "Date", "MIME-Version", "Importance", "Message-ID"] {
        assert!(!list.contains(&format!("{told}: ")), "{told} in {list}");
    }
    let whole = extension(&described, "extended-subject").unwrap();
    assert!(format!("{whole:?}").contains("Gr\u{fc}\u{df}e"), "{whole:?}");
}

/// T.61: an accent before its letter.
#[test]
fn short_texts_are_in_t61() {
    let cases: [(&str, &[u8], bool); 4] = [
        ("Gr\u{fc}\u{df}e \u{f8}\u{142}\u{17e}", b"Gr\xc8u\xfbe \xf9\xf8\xcfz", true),
        ("u\u{308} #\u{a7}\u{3a9}", b"\xc8u #\xa7\xe0", true),
        ("\u{65e5}#x", b"?#x", false),
        ("\u{1ebd}", b"?", false),
    ];
    for (text, octets, exact) in cases {
        let found = characters::teletex(text, 128);
        assert_eq!((found.octets.as_slice(), found.exact), (octets, exact), "{text}");
    }
    // An accent is not cut off its letter.
    let cut = characters::teletex(&"\u{fc}".repeat(100), 127);
    assert_eq!((cut.octets.len(), cut.exact), (126, false));
}

#[test]
fn what_the_heading_cannot_hold_stands_in_the_list_as_it_came() {
    let long = "x".repeat(200);
    let described = ipm(&format!(
        "To: undisclosed-recipients:;\nCc: \"{long}\" <a@b.test>\nSubject: {long}\nMessage-ID: <{long}@b>\nReply-By: whenever\nFrom: nobody\n\n"
    ));
    let list = fields(&described);
    for name in [
        "To: undisclosed-recipients:;",
        "Cc: ",
        "Message-ID: <xx",
        "Reply-By: whenever",
        "Subject: xx",
        "From: nobody",
    ] {
        assert!(list.contains(name), "{name} in {list}");
    }
    assert_eq!(
        text(at(&described, &["heading", "this-IPM", "user-relative-identifier"])).len(),
        64
    );
    assert_eq!(text(at(&described, &["heading", "originator", "free-form-name"])), "nobody");
    assert!(described.fields.at(&["heading", "primary-recipients"]).is_none());
}

#[test]
fn identifiers_of_x400_become_themselves() {
    let described = ipm("Message-ID: <\"42*/C=DE/ADMD= /S=Doe/\"@MHS>\n\n");
    let this = at(&described, &["heading", "this-IPM"]);
    assert_eq!(text(this.at(&["user-relative-identifier"]).unwrap()), "42");
    assert!(format!("{:?}", this.at(&["user"])).contains("Doe"), "{this:?}");
}

#[test]
fn texts_go_in_the_smallest_set() {
    let cases = [
        ("utf-8", "plain", None),
        ("utf-8", "Gr\u{fc}\u{df}e", Some((100, b"Gr\xfc\xdfe".to_vec()))),
        ("utf-8", "5 \u{20ac}", Some((203, b"5 \xa4".to_vec()))),
        ("utf-8", "\u{142}", Some((101, b"\xb3".to_vec()))),
        ("utf-8", "\u{43c}\u{438}\u{440}", Some((144, b"\xdc\xd8\xe0".to_vec()))),
        ("utf-8", "\u{65e5}\u{fc}", Some((196, "\u{65e5}\u{fc}".as_bytes().to_vec()))),
    ];
    for (charset, body, expected) in cases {
        let mail = format!("Content-Type: text/plain; charset={charset}\r\n\r\n{body}");
        let found = characters::set_for(body, Some(charset));
        match &expected {
            None => assert_eq!(found, characters::Text::Ia5(body.into())),
            Some((set, octets)) => {
                assert_eq!(found, characters::Text::General(*set, octets.clone()), "{body}");
            }
        }
        let described = converted(mail.as_bytes(), Edition::Of1988);
        let part = format!("{:?}", parts(&described)[0]);
        let kind = if expected.is_some() { "id-et-general-text" } else { "ia5-text" };
        assert!(part.contains(kind), "{part}");
    }
    // The set that a mail names goes first where it is enough.
    let named = characters::set_for("\u{fc}", Some("ISO-8859-15"));
    assert_eq!(named, characters::Text::General(203, vec![0xfc]));
}

const SEVERAL: &str = "Subject: x
Content-Type: multipart/mixed; boundary=o

ignored
--o
Content-Type: multipart/alternative; boundary=\"i i\"

--i i
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: quoted-printable

<b>=C3=BC</b>
--i i
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: base64

R3LDvMOfZQo=
--i i--
--o
Content-Type: application/pdf
Content-Disposition: attachment; filename*=UTF-8''%C3%9Cbersicht.pdf
Content-Transfer-Encoding: base64

AAECAwQ=
--o
Content-Type: message/rfc822

Subject: inner
Date: Fri, 27 Nov 2026 10:00:00 +0000
From: a@b.test

inner text
--o--
epilogue
";

#[test]
fn several_parts_stand_one_after_another() {
    let described = ipm(SEVERAL);
    let parts = parts(&described);
    let shown: Vec<String> = parts.iter().map(|part| format!("{part:?}")).collect();
    assert_eq!(parts.len(), 4, "{shown:?}");
    assert!(shown[0].contains("id-et-general-text"), "the plain text first: {}", shown[0]);
    assert!(
        shown[1].contains("text/html; charset=utf-8") && shown[1].contains("part-2.html"),
        "{}",
        shown[1]
    );
    assert!(
        shown[2].contains("Ubersicht.pdf") && shown[2].contains("%C3%9Cbersicht.pdf"),
        "{}",
        shown[2]
    );
    assert!(!shown[2].contains("Content-Transfer-Encoding"), "{}", shown[2]);
    let inner = format!("{:?}", parts[3].at(&["basic", "message", "data"]));
    assert!(inner.contains("inner text") && inner.contains("Date: Fri"), "{inner}");
    let data = parts[2].at(&["extended", "data", "encoding", "single-ASN1-type"]).unwrap();
    let data = list(data)[0].at(&["encoding", "octet-aligned"]).unwrap();
    assert_eq!(data.value, Value::Octets(vec![0, 1, 2, 3, 4]));
}

#[test]
fn what_cannot_be_read_is_a_file_with_its_octets() {
    for (header, body) in [
        ("Content-Type: text/plain; charset=x-nobody-knows", "\u{fc}"),
        ("Content-Type: text/plain; charset=utf-8", "\u{fc}"),
        ("Content-Type: multipart/mixed; boundary=none", "no delimiter"),
        ("Content-Type: multipart/mixed", "--\r\n\r\nx"),
        ("Content-Transfer-Encoding: base64", "not! base64!"),
        ("Content-Transfer-Encoding: x-uuencode", "begin"),
        ("Content-Disposition: attachment", "text"),
    ] {
        // The second one says UTF-8 and is Latin-1.
        let mut mail = format!("{header}\r\n\r\n").into_bytes();
        let latin: Vec<u8> = body.chars().map(|c| u8::try_from(c).unwrap()).collect();
        mail.extend_from_slice(&latin);
        let described = converted(&mail, Edition::Of1988);
        let part = &parts(&described)[0];
        let data = part.at(&["extended", "data", "encoding", "single-ASN1-type"]);
        let data = data.unwrap_or_else(|| panic!("{header}: {part:?}"));
        let data = list(data)[0].at(&["encoding", "octet-aligned"]).unwrap();
        assert_eq!(data.value, Value::Octets(latin), "{header}");
    }
}

#[test]
fn mails_that_are_none_cross_too() {
    for mail in [&b""[..], b"no field at all", b"\r\n\r\n", b"\0\xff\xfe", b":\r\n"] {
        let described = converted(mail, Edition::Of1988);
        assert_eq!(parts(&described).len(), 1);
    }
    let endless = b"X: y\r\n".repeat(60_000);
    let described = converted(&endless, Edition::Of1988);
    let part = format!("{:?}", parts(&described)[0]);
    assert!(part.contains("message.eml"), "a header over the limit goes whole as a file");
}

#[test]
fn depth_and_number_of_parts_are_bounded() {
    let mut nested = String::new();
    for level in 0..200 {
        nested.push_str(&format!(
            "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n"
        ));
    }
    let described = converted(nested.as_bytes(), Edition::Of1988);
    assert_eq!(parts(&described).len(), 1);
    let forwarded = "Content-Type: message/rfc822\r\n\r\n".repeat(200);
    let described = converted(forwarded.as_bytes(), Edition::Of1988);
    let shown = format!("{described:?}");
    assert!(shown.contains("part-1.eml"), "the ninth is a file");
    let many = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}",
        "--b\r\n\r\nx\r\n".repeat(5000)
    );
    assert_eq!(parts(&converted(many.as_bytes(), Edition::Of1988)).len(), 1, "one file");
}

/// What a plain mail becomes is P2 as it is, so that X.400 of 1984 takes it.
#[test]
fn a_plain_mail_can_go_to_1984() {
    let mail = FULL.replace("Gr=FC=DFe", "Gr=FC").replace('\n', "\r\n");
    let found = mail_to_ipm(mail.as_bytes(), &base(), Edition::Of1984);
    let time = "2026-11-22T06:47:00Z".parse().unwrap();
    let mut envelope = crate::build_message(&crate::NewMessage {
        originator: &crate::SmtpOriginator::default(),
        recipients: &[crate::SmtpRecipient { address: "a@b.test".into(), ..Default::default() }],
        identifier: "c=US;a= ;p=ORG;l=EAST-1".parse().unwrap(),
        base: &base(),
        priority: x400::Priority::Normal,
        submitted: time,
    })
    .unwrap();
    assert_eq!(envelope.content_type, x400::ContentType::Extended(oids::rfc822_content()));
    envelope.content_type = x400::ContentType::BuiltIn(22);
    let message = |content| x400::Message { envelope: envelope.clone(), content };
    let mut apdu = x400::MtsApdu::Message(message(found.content.clone()));
    // The empty reverse path needs an extension attribute; that is not what is looked at.
    let x400::MtsApdu::Message(made) = &mut apdu else { panic!() };
    made.envelope.originator = base().into();
    apdu.downgrade().unwrap();
    let x400::MtsApdu::Message(old) = &apdu else { panic!() };
    assert_eq!(old.envelope.content_type, x400::ContentType::BuiltIn(2));
    let described = converted(mail.as_bytes(), Edition::Of1984);
    let first = format!("{:?}", parts(&described)[0]);
    assert!(first.contains("RFC-822-HEADERS:\\r\\nX-Thing: kept on two lines\\r\\n"), "{first}");
    assert!(!first.contains("Received"), "{first}");
    // With its extensions it would be none.
    let new = mail_to_ipm(mail.as_bytes(), &base(), Edition::Of1988).content;
    let mut apdu = x400::MtsApdu::Message(message(new));
    assert!(apdu.downgrade().is_err());
}

#[test]
fn information_types_say_what_is_inside() {
    let types = |mail: &str| {
        let types = mail_to_ipm(mail.as_bytes(), &base(), Edition::Of1988).information_types;
        wire::to_hex(types.as_bytes())
    };
    assert_eq!(types("\r\nplain"), "650480020520");
    // 1.0.10021.7.1.0.{1,6,100}
    let latin = types("Content-Type: text/plain; charset=utf-8\r\n\r\n\u{fc}");
    assert!(latin.contains("0607 28ce25070100 64".replace(' ', "").as_str()), "{latin}");
    let file = types("Content-Type: application/pdf\r\n\r\n\u{fc}");
    assert!(file.contains("060456010c00"), "{file}");
}
