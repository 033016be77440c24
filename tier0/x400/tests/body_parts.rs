//! Extended body parts and extensions that the samples do not have: X.420 (1999) with its file transfer body part, and
//! STANAG 4406.

#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panic too")]

use ber::{BitString, Encoder, Oid, Tag};
use x400::describe::{Described, Node, Value, describe};

const GRAPHIC_STRING: Tag = Tag::universal(25);

fn oid(dotted: &str) -> Oid {
    let arcs: Vec<u128> = dotted.split('.').map(|arc| arc.parse().unwrap()).collect();
    Oid::from_arcs(&arcs).unwrap()
}

/// An EXTERNAL whose value is one ASN.1 type.
fn external(out: &mut Encoder, tag: Tag, name: &str, fill: impl FnOnce(&mut Encoder)) {
    out.constructed(tag, |out| {
        out.oid(Tag::OBJECT_IDENTIFIER, &oid(name));
        out.constructed(Tag::context(0), fill);
    });
}

/// An interpersonal message with one extended body part.
fn message(parameters: (&str, &[u8]), data: (&str, &[u8])) -> Vec<u8> {
    let mut out = Encoder::new();
    out.constructed(Tag::context(0), |out| {
        out.constructed(Tag::SET, |out| {
            out.constructed(Tag::application(11), |out| out.text(Tag::PRINTABLE_STRING, "1"));
        });
        out.constructed(Tag::SEQUENCE, |out| {
            out.constructed(Tag::context(15), |out| {
                if !parameters.0.is_empty() {
                    external(out, Tag::context(0), parameters.0, |out| out.raw(parameters.1));
                }
                external(out, Tag::EXTERNAL, data.0, |out| out.raw(data.1));
            });
        });
    });
    out.finish()
}

fn encoded(fill: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut out = Encoder::new();
    fill(&mut out);
    out.finish()
}

fn shown(octets: &[u8]) -> Described {
    let mut all = describe(octets, None, &|offset| offset);
    assert_eq!(all.len(), 1, "{all:?}");
    let described = all.remove(0);
    assert!(described.faults.is_empty(), "{:?}", described.faults);
    described
}

fn part<'a>(described: &'a Described, path: &[&str]) -> &'a Node {
    let Value::List(parts) = &described.fields.at(&["body"]).unwrap().value else { panic!() };
    let path = [&["extended"], path].concat();
    parts[0].at(&path).unwrap_or_else(|| panic!("no {path:?} in {parts:?}"))
}

fn first_text(node: &Node) -> &str {
    let Value::List(nodes) = &node.value else { panic!("{node:?}") };
    let Value::Text(text) = &nodes[0].value else { panic!("{node:?}") };
    text
}

/// The name of an attached file is what an operator looks for.
#[test]
fn a_file_shows_its_name_its_time_and_its_size() {
    for tag in [Tag::context(0), Tag::application(23), Tag::context(23)] {
        let parameters = encoded(|out| {
            out.constructed(Tag::SEQUENCE, |out| {
                out.constructed(Tag::context(1), |out| {
                    out.constructed(Tag::context(0), |out| {
                        out.oid(Tag::OBJECT_IDENTIFIER, &oid("1.0.8571.5.3"));
                    });
                });
                out.constructed(Tag::context(4), |out| {
                    out.constructed(tag, |out| out.text(GRAPHIC_STRING, "REPORT.DOC"));
                    out.bits(Tag::context(1), &BitString::from_bits(&[true, false, true]));
                    out.constructed(Tag::context(4), |out| {
                        out.text(Tag::context(1), "20261127220000Z");
                    });
                    out.constructed(Tag::context(13), |out| out.integer(Tag::context(1), 4096));
                });
            });
        });
        let data = encoded(|out| {
            out.constructed(Tag::SEQUENCE, |out| {
                out.constructed(Tag::EXTERNAL, |out| out.octets(Tag::context(1), b"content"));
            });
        });
        let octets = message(("2.6.1.11.12", &parameters), ("2.6.1.4.12", &data));
        let described = shown(&octets);
        let attributes = part(&described, &["parameters", "encoding", "single-ASN1-type"]);
        let attributes = attributes.member("file-attributes").unwrap();
        let Value::Object(names) = &attributes.member("pathname").unwrap().value else { panic!() };
        assert_eq!(first_text(&names[0].node), "REPORT.DOC");
        let size = attributes.at(&["object-size", "actual-values"]).unwrap();
        assert_eq!(size.value, Value::Integer(4096));
        let made = attributes.at(&["date-and-time-of-creation", "actual-values"]).unwrap();
        assert!(matches!(&made.value, Value::Time { raw, .. } if raw == "20261127220000Z"));
        let may = attributes.member("permitted-actions").unwrap();
        assert!(matches!(&may.value, Value::Bits { set, .. } if *set == ["read", "replace"]));
    }
}

#[test]
fn the_passwords_of_a_file_are_not_shown() {
    let password = |out: &mut Encoder, number| {
        out.constructed(Tag::context(number), |out| out.text(GRAPHIC_STRING, "opensesame"));
    };
    let parameters = encoded(|out| {
        out.constructed(Tag::SEQUENCE, |out| {
            out.constructed(Tag::context(4), |out| {
                out.constructed(Tag::context(15), |out| {
                    out.constructed(Tag::context(1), |out| {
                        out.constructed(Tag::SEQUENCE, |out| {
                            out.bits(Tag::context(0), &BitString::from_bits(&[true]));
                            out.constructed(Tag::context(3), |out| {
                                (0..8).for_each(|number| password(out, number));
                                out.constructed(Tag::context(8), |_| {});
                                password(out, 9);
                            });
                        });
                    });
                });
            });
        });
    });
    let data = encoded(|out| out.constructed(Tag::SEQUENCE, |_| {}));
    let described = shown(&message(("2.6.1.11.12", &parameters), ("2.6.1.4.12", &data)));
    let control = ["parameters", "encoding", "single-ASN1-type", "file-attributes"];
    let control = part(&described, &control).at(&["access-control", "actual-values"]).unwrap();
    let Value::List(elements) = &control.value else { panic!() };
    let password = elements[0].at(&["passwords", "link-password", "graphic-string"]).unwrap();
    assert!(matches!(password.value, Value::Secret(_)), "{password:?}");
}

#[test]
fn voice_forwarded_contents_and_military_bodies() {
    let voice = encoded(|out| {
        out.constructed(Tag::SEQUENCE, |out| {
            out.integer(Tag::context(0), 30);
            out.oid(Tag::context(1), &oid("2.6.1.12.9"));
        });
    });
    let data = encoded(|out| out.octets(Tag::OCTET_STRING, &[1, 2, 3]));
    let described = shown(&message(("2.6.1.11.16", &voice), ("2.6.1.4.16", &data)));
    let seconds = ["parameters", "encoding", "single-ASN1-type", "voice-message-duration"];
    assert_eq!(part(&described, &seconds).value, Value::Integer(30));

    // A content as X.420 has it, in an OCTET STRING, with the identifier of what was delivered.
    let delivered = encoded(|out| {
        out.constructed(Tag::SET, |out| {
            out.constructed(Tag::context(2), |out| {
                out.constructed(Tag::application(3), |out| {
                    out.constructed(Tag::application(1), |out| {
                        out.text(Tag::PRINTABLE_STRING, "DE");
                    });
                    out.constructed(Tag::application(2), |out| {
                        out.text(Tag::PRINTABLE_STRING, " ");
                    });
                });
                out.text(Tag::IA5_STRING, "MSG.1");
            });
        });
    });
    let parameters = "2.6.1.11.17.2.6.1.10.1";
    let described = shown(&message((parameters, &delivered), ("2.6.1.4.17.2.6.1.10.1", &data)));
    let local = ["mts-identifier", "local-identifier"];
    let of = part(&described, &["parameters", "encoding", "single-ASN1-type"]);
    assert_eq!(of.at(&local).unwrap().value, Value::Text("MSG.1".to_owned()));
    let content = ["data", "encoding", "single-ASN1-type", "content"];
    assert_eq!(part(&described, &content).value, Value::Octets(vec![1, 2, 3]));

    let lines = encoded(|out| out.text(Tag::context(0), "EXER/DENEX//"));
    let described = shown(&message(("", &[]), ("1.3.26.0.4406.0.7.0", &lines)));
    let text = part(&described, &["data", "encoding", "single-ASN1-type", "lineOriented"]);
    assert_eq!(text.value, Value::Text("EXER/DENEX//".to_owned()));
    assert_eq!(
        part(&described, &["data", "name"]).value,
        Value::Text("id-nato-mmhs-et-adatp3".to_owned())
    );
}
