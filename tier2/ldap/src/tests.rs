use ber::{Encoder, Tag};
use directory::{ATTRIBUTES, Change, Class, Directory, Name, Object, Role, Seed, SeedPeer, seed};
use identity::Sid;
use identity::descriptor::{Slot, control};
use proptest::prelude::*;

use crate::account;
use crate::connection::Entry;
use crate::entry::{self, generalized_ms, read, split_dn};
use crate::message::{Control, Modification, Request, Response, Verb};
use crate::tree::Flavour;
use crate::{decode_response, message_len};

mod hostile;

const BASE: &str = "DC=demo,DC=test";
const BOTH: [Flavour; 2] = [Flavour::ActiveDirectory, Flavour::Plain];

fn small() -> Directory {
    let mailboxes = vec![("jörg, the first".to_owned(), "joerg@demo.test".to_owned())];
    let peers = vec![SeedPeer {
        name: "WEST".to_owned(),
        host: "west.demo.test".to_owned(),
        override_account: None,
        dialled: false,
    }];
    seed(&Seed {
        organisation: "Demo".to_owned(),
        site: "HQ".to_owned(),
        server: "EAST".to_owned(),
        host: "east.demo.test".to_owned(),
        account: "DEMO\\svc-east".to_owned(),
        peers,
        mailboxes,
        now_ms: 1,
    })
    .unwrap()
}

/// An object's entry as a server would give it.
fn served(flavour: Flavour, object: &Object) -> Entry {
    let mut attributes = entry::new_entry(flavour, object, BASE).unwrap();
    if flavour == Flavour::ActiveDirectory {
        let (name, class) = (&object.name, object.class);
        let octets = entry::descriptor_out(flavour, name, class, &object.descriptor).unwrap();
        attributes.push(("ntsecuritydescriptor".to_owned(), vec![octets]));
    }
    Entry { name: object.name.to_ldap(BASE), attributes }
}

#[test]
fn objects_are_stored_and_read_back() {
    for flavour in BOTH {
        for object in small().objects() {
            let found = read(flavour, &served(flavour, object), BASE).map_err(|why| why.clone());
            let found = found.unwrap();
            assert!(found.faults.is_empty(), "{:?}", found.faults);
            assert_eq!(found.object, object.clone().at(0), "{flavour:?}");
        }
    }
}

#[test]
fn what_active_directory_inherits_is_computed_here() {
    let (mut tree, sid): (_, Sid) = (small(), "S-1-5-21-1-2-3-1104".parse().unwrap());
    let (site, folder): (Name, Name) =
        ("/O=Demo/OU=HQ".parse().unwrap(), "/O=Demo/OU=HQ/CN=Recipients".parse().unwrap());
    tree.grant(Role::Admin, &sid, &site, true, 2).unwrap();
    // As the controller gives them: a context is protected, what lies below has inherited entries.
    let octets = |name: &Name, class: Class| {
        let whole = tree.effective(name).unwrap();
        entry::descriptor_out(Flavour::ActiveDirectory, name, class, &whole).unwrap()
    };
    let context = octets(&site, Class::Site);
    let raw = identity::SecurityDescriptor::from_bytes(&context).unwrap();
    assert!(raw.has(control::DACL_PROTECTED), "a context inherits nothing");
    let read = entry::descriptor_in(Flavour::ActiveDirectory, Class::Site, &context).unwrap();
    assert_eq!(read, tree.get(&site).unwrap().descriptor);
    let below = octets(&folder, Class::Container);
    let read = entry::descriptor_in(Flavour::ActiveDirectory, Class::Container, &below).unwrap();
    let none_left = match &read.dacl {
        Slot::Acl(acl) => acl.aces.is_empty(),
        _ => true,
    };
    assert!(none_left, "{:?}", read.dacl);
}

#[test]
fn what_cannot_be_understood_is_told_and_lets_nobody_in() {
    let tree = small();
    let server = tree.objects().find(|object| object.class == Class::Server).unwrap();
    for flavour in BOTH {
        let mut entry = served(flavour, server);
        for (name, values) in &mut entry.attributes {
            if name.eq_ignore_ascii_case(entry::descriptor_attribute(flavour)) {
                *values = vec![b"\x01\x00\x04\x80\xff\xff\xff\x7f".to_vec()];
            }
            if name == "bindbackGeneration" {
                *values = vec![b"medium".to_vec()];
            }
        }
        let found = read(flavour, &entry, BASE).map_err(|why| why.clone()).unwrap();
        assert_eq!(found.object.descriptor.dacl.acl().map(|acl| acl.aces.len()), Some(0));
        assert_eq!(found.object.value("generation"), None);
        assert_eq!(found.faults.len(), 2, "{:?}", found.faults);
        for (name, value, expected) in [
            ("bindbackClass", "zebra", "none that is known"),
            ("bindbackClass", "", "none that is known"),
        ] {
            let mut entry = served(flavour, server);
            entry.attributes.retain(|(one, _)| one != name);
            entry.attributes.push((name.to_owned(), vec![value.as_bytes().to_vec()]));
            let fault = read(flavour, &entry, BASE).err().unwrap();
            assert!(fault.contains(expected), "{fault}");
        }
        entry.name = "CN=EAST,DC=elsewhere".to_owned();
        assert!(read(flavour, &entry, BASE).err().unwrap().contains("base"));
    }
}

/// What is shipped for servers has everything that is written to them.
#[test]
fn the_schema_that_is_shipped_has_every_attribute() {
    let openldap = include_str!("../../../docs/schema/bindback-openldap.ldif");
    let active = include_str!("../../../docs/schema/bindback-ad.ldf");
    for attribute in ATTRIBUTES {
        let name = entry::attribute_name(attribute.name);
        let line =
            openldap.split("olcAttributeTypes:").find(|part| part.contains(&format!("'{name}'")));
        let line = line.unwrap_or_else(|| panic!("{name} is not in the schema for OpenLDAP"));
        assert_eq!(line.contains("SINGLE-VALUE"), !attribute.multiple, "{name}");
        assert!(openldap.contains(&format!("  {name} $")), "{name} is not of the class");
        let part =
            active.split("\n\n").find(|part| part.contains(&format!("lDAPDisplayName: {name}\n")));
        let part =
            part.unwrap_or_else(|| panic!("{name} is not in the schema for Active Directory"));
        let single = if attribute.multiple { "FALSE" } else { "TRUE" };
        assert!(part.contains(&format!("isSingleValued: {single}\n")), "{name}");
        assert!(active.contains(&format!("mayContain: {name}\n")), "{name} is not of the class");
    }
}

#[test]
fn names_and_times_as_servers_write_them() {
    assert_eq!(split_dn("CN=a\\, b,CN=c,DC=x"), Some(("a, b".to_owned(), "CN=c,DC=x")));
    assert_eq!(split_dn("CN=a\\\\,CN=c"), Some(("a\\".to_owned(), "CN=c")));
    assert_eq!(split_dn("DC=x"), None);
    assert_eq!(generalized_ms("19700101000001Z"), Some(1000));
    assert_eq!(generalized_ms("19700101000001.0Z"), Some(1000));
    for wrong in ["", "1970", "19701301000001Z", "x9700101000001Z"] {
        assert_eq!(generalized_ms(wrong), None, "{wrong}");
    }
}

fn response(number: u32, fill: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut out = Encoder::new();
    out.constructed(Tag::SEQUENCE, |message| {
        message.integer(Tag::INTEGER, 7);
        message.constructed(Tag::application(number), fill);
    });
    out.finish()
}

#[test]
fn responses_are_read_and_no_part_of_one_is() {
    let entry = response(4, |entry| {
        entry.octets(Tag::OCTET_STRING, b"CN=x");
        entry.constructed(Tag::SEQUENCE, |all| {
            all.constructed(Tag::SEQUENCE, |one| {
                one.octets(Tag::OCTET_STRING, b"cn");
                one.constructed(Tag::SET, |set| set.octets(Tag::OCTET_STRING, b"x"));
            });
        });
    });
    let attributes = vec![("cn".to_owned(), vec![b"x".to_vec()])];
    let expected = Response::Entry { name: "CN=x".to_owned(), attributes };
    assert_eq!(decode_response(&entry).unwrap(), (7, expected));
    let done = |number| {
        response(number, |done| {
            done.integer(Tag::ENUMERATED, 49);
            done.octets(Tag::OCTET_STRING, b"");
            done.octets(Tag::OCTET_STRING, b"no\xff\0");
            done.octets(Tag::context(7), b"token");
        })
    };
    for number in [1, 5, 7, 9, 11, 24] {
        let octets = done(number);
        let (_, found) = decode_response(&octets).unwrap();
        let result = match found {
            Response::Bind(result) | Response::Changed(result) | Response::Extended(result) => {
                result
            }
            Response::SearchDone(result, None) => result,
            other => panic!("{other:?}"),
        };
        assert_eq!((result.code, result.token.as_deref()), (49, Some(&b"token"[..])));
        for cut in 0..octets.len() {
            decode_response(&octets[..cut]).unwrap_err();
        }
    }
    for cut in 0..entry.len() {
        decode_response(&entry[..cut]).unwrap_err();
        assert!(message_len(&entry[..cut]).unwrap().is_none_or(|whole| whole == entry.len()));
    }
    assert_eq!(message_len(&entry).unwrap(), Some(entry.len()));
    for wrong in [&b"\x31\x00"[..], b"\x30\x80", b"\x30\x85\0\0\0\0\0"] {
        message_len(wrong).unwrap_err();
    }
}

/// RFC 4511 section 4.6 and 4.1.11; the octets were written down by hand.
#[test]
fn a_request_is_what_the_standard_says() {
    let parts = [Modification {
        verb: Verb::Replace,
        attribute: "a".to_owned(),
        values: vec![b"b".to_vec()],
    }];
    let request = Request::Modify { name: "x", parts: &parts };
    let octets = request.encode(3, &[Control::descriptor_parts(4)]);
    let expected = b"\x30\x3f\x02\x01\x03\x66\x14\x04\x01x\x30\x0f\x30\x0d\x0a\x01\x02\x30\x08\x04\x01a\x31\x03\x04\x01b\
        \xa0\x24\x30\x22\x04\x161.2.840.113556.1.4.801\x01\x01\xff\x04\x05\x30\x03\x02\x01\x04";
    let shown = |octets: &[u8]| octets.iter().map(|one| format!("{one:02x}")).collect::<String>();
    assert_eq!(shown(&octets), shown(expected));
}

#[test]
fn the_state_of_a_domain_account() {
    use identity::AccountState as State;
    let now = 1_700_000_000_000;
    let ticks = |ms: i64| ((ms / 1000 + 11_644_473_600) * 10_000_000).to_string();
    for (attributes, expected) in [
        (vec![("userAccountControl", "512".to_owned())], None),
        (vec![("userAccountControl", "514".to_owned())], Some(State::Disabled)),
        (vec![("msDS-User-Account-Control-Computed", "16".to_owned())], Some(State::Locked)),
        (
            vec![("msDS-User-Account-Control-Computed", "8388608".to_owned())],
            Some(State::PasswordExpired),
        ),
        (vec![("accountExpires", "0".to_owned())], None),
        (vec![("accountExpires", i64::MAX.to_string())], None),
        (vec![("accountExpires", ticks(now - 1000))], Some(State::Expired)),
        (vec![("accountExpires", ticks(now + 1000))], None),
        (vec![("pwdLastSet", "0".to_owned())], Some(State::MustChange)),
    ] {
        let attributes: Vec<_> = attributes
            .into_iter()
            .map(|(name, value)| (name.to_owned(), vec![value.into_bytes()]))
            .collect();
        let entry = Entry { name: "CN=x".to_owned(), attributes };
        assert_eq!(account::state(&entry, now), expected, "{entry:?}");
    }
    let set = |ticks: &str| {
        let attributes = vec![("pwdLastSet".to_owned(), vec![ticks.as_bytes().to_vec()])];
        account::password_set_ms(&Entry { name: "CN=x".to_owned(), attributes })
    };
    assert_eq!(set(&ticks(now)), Some(now));
    assert_eq!([set("0"), set("never")], [None, None]);
}

#[test]
fn a_change_of_a_reference_is_a_dn() {
    let tree = small();
    let mailbox = tree.objects().find(|object| object.class == Class::Mailbox).unwrap();
    let change = Change::Attribute {
        name: mailbox.name.clone(),
        attribute: "homeMTA".to_owned(),
        before: mailbox.values("homeMTA").to_vec(),
        after: Vec::new(),
    };
    let Change::Attribute { before, after, .. } = &change else { unreachable!() };
    let parts = crate::tree::replaced("homeMTA", before, after, BASE);
    assert_eq!(parts.len(), 1);
    assert_eq!((parts[0].verb, parts[0].attribute.as_str()), (Verb::Delete, "bindbackHomeMTA"));
    let dn = String::from_utf8(parts[0].values[0].clone()).unwrap();
    assert!(
        dn.starts_with("CN=Microsoft MTA,CN=EAST,CN=Servers,CN=HQ,") && dn.ends_with(BASE),
        "{dn}"
    );
}

proptest! {
    #[test]
    fn garbage_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_response(&octets);
        let _ = message_len(&octets);
    }
}
