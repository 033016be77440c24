//! Contents as X.400 systems write them.

use ber::{BitString, Encoder, Oid};
use x400::OrName;

use super::*;
use crate::address::to_or_address;

fn envelope(content_type: i64) -> MessageTransferEnvelope {
    let mut envelope = crate::build_message(&crate::NewMessage {
        originator: &crate::SmtpOriginator {
            reverse_path: "jo@east.test".into(),
            ..crate::SmtpOriginator::default()
        },
        recipients: &[crate::SmtpRecipient {
            address: "a@west.test".into(),
            ..crate::SmtpRecipient::default()
        }],
        identifier: "c=US;a= ;p=ORG;l=EAST-1".parse().unwrap(),
        base: &"/C=US/ADMD= /PRMD=ORG/O=EAST/".parse().unwrap(),
        priority: Priority::Urgent,
        submitted: "2026-11-22T06:47:00Z".parse().unwrap(),
    })
    .unwrap();
    envelope.content_type = ContentType::BuiltIn(content_type);
    envelope
}

fn oid(text: &str) -> Oid {
    text.parse().unwrap()
}

fn jane() -> OrName {
    "/C=DE/ADMD= /PRMD=ACME/O=X/S=Doe/G=Jane/".parse::<x400::OrAddress>().unwrap().into()
}

fn of_mail(address: &str) -> OrName {
    to_or_address(address, &"/C=US/ADMD= /PRMD=ORG/".parse().unwrap())
}

fn descriptor(out: &mut Encoder, tag: Tag, name: &OrName, free_form: Option<&[u8]>) {
    out.constructed(tag, |out| {
        out.raw(&name_octets(name));
        if let Some(text) = free_form {
            out.primitive(Tag::context(0), text);
        }
    });
}

/// ORName under its own tag.
fn name_octets(name: &OrName) -> Vec<u8> {
    name.encode()
}

fn identifier(out: &mut Encoder, tag: Tag, user: Option<&OrName>, relative: &str) {
    out.constructed(tag, |out| {
        if let Some(user) = user {
            out.raw(&name_octets(user));
        }
        out.text(Tag::PRINTABLE_STRING, relative);
    });
}

/// A message with this heading behind the identifier, and this body.
fn ipm(heading: impl FnOnce(&mut Encoder), body: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut out = Encoder::new();
    out.constructed(Tag::context(0), |out| {
        out.constructed(Tag::SET, |out| {
            identifier(out, Tag::application(11), Some(&jane()), "26 1");
            heading(out);
        });
        out.constructed(Tag::SEQUENCE, body);
    });
    out.finish()
}

fn ia5(out: &mut Encoder, text: &[u8]) {
    out.constructed(Tag::context(0), |out| {
        out.constructed(Tag::SET, |_| {});
        out.primitive(Tag::IA5_STRING, text);
    });
}

fn external(out: &mut Encoder, tag: Tag, kind: &str, value: impl FnOnce(&mut Encoder)) {
    out.constructed(tag, |out| {
        out.oid(Tag::OBJECT_IDENTIFIER, &oid(kind));
        out.constructed(Tag::context(0), value);
    });
}

fn mail(content: &[u8]) -> String {
    String::from_utf8(ipm_to_mail(&envelope(22), content).unwrap()).unwrap()
}

#[test]
fn a_heading_becomes_fields() {
    let content = ipm(
        |out| {
            descriptor(out, Tag::context(0), &jane(), Some(b"J\xc8urgen D."));
            out.constructed(Tag::context(2), |out| {
                out.constructed(Tag::SET, |out| {
                    descriptor(out, Tag::context(0), &of_mail("a@west.test"), Some(b"Anna"));
                    out.bits(Tag::context(1), &BitString::from_bits(&[true, true]));
                });
            });
            out.constructed(Tag::context(3), |out| {
                out.constructed(Tag::SET, |out| {
                    descriptor(out, Tag::context(0), &of_mail("b@x.test"), None)
                });
            });
            out.constructed(Tag::context(4), |out| {
                out.constructed(Tag::SET, |out| {
                    descriptor(out, Tag::context(0), &of_mail("secret@x.test"), None);
                });
            });
            identifier(out, Tag::context(5), None, "<first(a)mail.test>");
            out.constructed(Tag::context(8), |out| out.primitive(Tag::T61_STRING, b"Gr\xc8u\xfbe"));
            out.text(Tag::context(9), "261201120000Z");
            out.integer(Tag::context(12), 2);
            out.integer(Tag::context(13), 3);
            out.boolean(Tag::context(14), true);
        },
        |out| ia5(out, b"Hello\r\n"),
    );
    let mail = mail(&content);
    for expected in [
        "From: =?UTF-8?B?SsO8cmdlbiBELg==?= <\"/C=DE/ADMD= /PRMD=ACME/O=X/S=Doe/G=Jane/\"@x400.invalid>\r\n",
        "To: \"Anna\" <a@west.test>\r\n",
        "Cc: <b@x.test>\r\n",
        "In-Reply-To: <first@mail.test>\r\n",
        "References: <first@mail.test>\r\n",
        "Subject: =?UTF-8?B?R3LDvMOfZQ==?=\r\n",
        "Date: Sun, 22 Nov 2026 06:47:00 +0000\r\n",
        "Message-ID: <\"26_1*/C=DE/ADMD=_/PRMD=ACME/O=X/S=Doe/G=Jane/\"@MHS>\r\n",
        "Expires: Tue, 01 Dec 2026 12:00:00 +0000\r\n",
        "Importance: high\r\n",
        "Sensitivity: Company-Confidential\r\n",
        "Autoforwarded: TRUE\r\n",
        "Disposition-Notification-To: =?UTF-8?B?",
        "X400-MTS-Identifier: [c=US;a= ;p=ORG;l=EAST-1]\r\n",
        "X400-Content-Type: 22\r\n",
        "Priority: urgent\r\n",
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n",
    ] {
        assert!(mail.contains(expected), "{expected} is missing in {mail}");
    }
    assert!(mail.ends_with("\r\n\r\nHello\r\n"), "{mail}");
    assert!(!mail.contains("secret"), "a blind recipient is told: {mail}");
}

#[test]
fn each_part_has_its_type_and_none_is_dropped() {
    let picture = b"\xff\xd8picture";
    let content = ipm(
        |_| {},
        |out| {
            ia5(out, b"cover");
            // general-text in Latin-1
            out.constructed(Tag::context(15), |out| {
                external(out, Tag::context(0), "2.6.1.11.11", |out| {
                    out.constructed(Tag::SET, |out| {
                        for number in [1, 6, 100] {
                            out.integer(Tag::INTEGER, number);
                        }
                    });
                });
                external(out, Tag::EXTERNAL, "2.6.1.4.11", |out| {
                    out.primitive(Tag::GENERAL_STRING, b"Gr\xfc\xdfe");
                });
            });
            // file transfer, in two pieces
            out.constructed(Tag::context(15), |out| {
                external(out, Tag::context(0), "2.6.1.11.12", |out| {
                    out.constructed(Tag::SEQUENCE, |out| {
                        out.constructed(Tag::context(4), |out| {
                            out.constructed(Tag::context(0), |out| {
                                out.text(Tag::GRAPHIC_STRING, "C:\\dir\\plan.pdf");
                            });
                        });
                    });
                });
                external(out, Tag::EXTERNAL, "2.6.1.4.12", |out| {
                    out.constructed(Tag::SEQUENCE, |out| {
                        for piece in [b"one ", b"two!"] {
                            out.constructed(Tag::EXTERNAL, |out| {
                                out.octets(Tag::context(1), piece)
                            });
                        }
                    });
                });
            });
            out.constructed(Tag::context(15), |out| {
                out.constructed(Tag::EXTERNAL, |out| {
                    out.oid(Tag::OBJECT_IDENTIFIER, &oid("1.3.6.1.7.1.2.1.3"));
                    out.octets(Tag::context(1), picture);
                });
            });
            out.octets(Tag::context(14), b"ours");
            // g3-facsimile has no type here; it stays what it is
            out.constructed(Tag::context(3), |out| {
                out.constructed(Tag::SET, |_| {});
                out.constructed(Tag::SEQUENCE, |_| {});
            });
        },
    );
    let mail = mail(&content);
    for expected in [
        "Content-Type: multipart/mixed; boundary=\"=_",
        "\r\n\r\ncover\r\n",
        "charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nGr=FC=DFe\r\n",
        "Content-Disposition: attachment; filename=\"plan.pdf\"\r\n\r\nb25lIHR3byE=\r\n",
        "Content-Type: image/jpeg\r\n",
        "\r\n\r\nb3Vycw==\r\n",
        "Content-Type: application/x400-bp; bp-type=3\r\n",
    ] {
        assert!(mail.contains(expected), "{expected} is missing in {mail}");
    }
}

/// One message in the other, deeper than is unfolded.
#[test]
fn forwarded_messages_are_mails_in_mails() {
    fn nest(out: &mut Encoder, depth: usize) {
        if depth == 0 {
            return ia5(out, b"innermost");
        }
        out.constructed(Tag::context(9), |out| {
            out.constructed(Tag::SET, |_| {});
            out.constructed(Tag::SEQUENCE, |out| {
                out.constructed(Tag::SET, |out| {
                    identifier(out, Tag::application(11), None, &format!("<{depth}(a)x.test>"));
                });
                out.constructed(Tag::SEQUENCE, |out| nest(out, depth - 1));
            });
        });
    }
    let one = mail(&ipm(|_| {}, |out| nest(out, 1)));
    assert!(one.contains("Content-Type: message/rfc822\r\n"), "{one}");
    assert!(
        one.contains("Message-ID: <1@x.test>\r\n") && one.ends_with("\r\ninnermost\r\n"),
        "{one}"
    );
    let deep = mail(&ipm(|_| {}, |out| nest(out, 12)));
    assert_eq!(deep.matches("message/rfc822").count(), MAX_LEVEL);
    assert!(deep.contains("application/x400-bp; bp-type=9"), "{deep}");
}

#[test]
fn notifications_are_reports_of_disposition() {
    let mut out = Encoder::new();
    out.constructed(Tag::context(1), |out| {
        identifier(out, Tag::application(11), None, "<first(a)mail.test>");
        descriptor(out, Tag::context(1), &jane(), None);
        out.constructed(Tag::context(0), |out| {
            out.constructed(Tag::context(1), |out| {
                out.text(Tag::context(0), "261122070000Z");
                out.integer(Tag::context(1), 1);
            });
        });
    });
    let mail = mail(&out.finish());
    for expected in [
        "Subject: Read\r\n",
        "multipart/report; report-type=disposition-notification; boundary=",
        "Original-Message-ID: <first@mail.test>\r\n",
        "Disposition: automatic-action/MDN-sent-automatically; displayed\r\n",
        "Sun, 22 Nov 2026 07:00:00 +0000, by a program.",
    ] {
        assert!(mail.replace("\r\n ", " ").contains(expected), "{expected} is missing in {mail}");
    }
}

#[test]
fn nothing_that_came_adds_a_line_to_the_header() {
    let evil = b"x\r\nBcc: evil@x.test\r\n\r\nbody";
    let content = ipm(
        |out| {
            descriptor(out, Tag::context(0), &jane(), Some(evil));
            identifier(out, Tag::context(5), None, "<a(a)b>(013)(010)Bcc: evil");
            out.constructed(Tag::context(8), |out| out.primitive(Tag::T61_STRING, evil));
            out.constructed(Tag::context(15), |out| {
                out.constructed(Tag::SEQUENCE, |out| {
                    out.oid(Tag::OBJECT_IDENTIFIER, &oid("1.3.6.1.7.1.3.2"));
                    out.constructed(Tag::SEQUENCE, |out| {
                        for name in ["X-Good", "Bcc\r\nX", "From", "Content-Type"] {
                            out.constructed(Tag::SEQUENCE, |out| {
                                out.text(Tag::IA5_STRING, name);
                                out.primitive(Tag::IA5_STRING, evil);
                            });
                        }
                    });
                });
            });
        },
        |out| ia5(out, b"text"),
    );
    let mail = mail(&content);
    let (header, body) = mail.split_once("\r\n\r\n").unwrap();
    assert!(header.lines().all(|line| !line.starts_with("Bcc")), "{header}");
    assert_eq!(header.matches("\r\nFrom:").count(), 1, "{header}");
    assert_eq!(header.matches("\r\nContent-Type:").count(), 1, "{header}");
    assert!(header.contains("\r\nX-Good: x Bcc: evil@x.test body\r\n"), "{header}");
    assert_eq!(body, "text\r\n");
}

#[test]
fn what_is_no_message_is_refused_and_every_piece_of_one_is_taken_or_refused() {
    let content = ipm(|_| {}, |out| ia5(out, b"text"));
    for end in 0..content.len() {
        assert!(ipm_to_mail(&envelope(22), &content[..end]).is_err());
    }
    for (at, flip) in (0..content.len()).flat_map(|at| (0..8).map(move |bit| (at, 1 << bit))) {
        let mut broken = content.clone();
        broken[at] ^= flip;
        // Whatever comes of it, it comes.
        let _ = ipm_to_mail(&envelope(22), &broken);
    }
    assert!(ipm_to_mail(&envelope(22), b"Subject: a mail\r\n\r\n").is_err());
    assert!(
        is_interpersonal(&ContentType::BuiltIn(2)) && !is_interpersonal(&ContentType::BuiltIn(35))
    );
    assert!(is_interpersonal(&ContentType::Extended(oid("1.3.26.0.4406.0.4.1"))));
}
