//! Vectors, round trips, and the access check's rules one by one.

use proptest::prelude::*;

use super::access::{ObjectNode, Request, Source, Token, check};
use super::inherit::{Child, descriptor_of};
use super::rights::{self, GenericMapping};
use super::*;
use crate::{Guid, well_known};

fn sddl(text: &str) -> SecurityDescriptor {
    SecurityDescriptor::from_sddl(text, Some(&Sid::domain(1, 2, 3))).unwrap()
}

fn sid(text: &str) -> Sid {
    text.parse().unwrap()
}

const CLASS: Guid = Guid::new(0xbf967aba_0de6_11d0_a285_00aa003049e2);
const RIGHT: Guid = Guid::new(0xab721a53_1e2f_11d0_9819_00aa0040529b);
const PROPERTY: Guid = Guid::new(0xbf9679e4_0de6_11d0_a285_00aa003049e2);

#[test]
fn octets_as_the_standard_lays_them_out() {
    let descriptor = sddl("O:BAG:SYD:(A;;CC;;;WD)");
    let octets = descriptor.to_bytes().unwrap();
    let expected = [
        &[1, 0, 4, 0x80, 20, 0, 0, 0, 36, 0, 0, 0, 0, 0, 0, 0, 48, 0, 0, 0][..],
        &[1, 2, 0, 0, 0, 0, 0, 5, 32, 0, 0, 0, 0x20, 2, 0, 0],
        &[1, 1, 0, 0, 0, 0, 0, 5, 18, 0, 0, 0],
        &[2, 0, 28, 0, 1, 0, 0, 0],
        &[0, 0, 20, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0],
    ]
    .concat();
    assert_eq!(octets, expected);
    assert_eq!(SecurityDescriptor::from_bytes(&octets).unwrap(), descriptor);
    for end in 0..octets.len() {
        assert!(SecurityDescriptor::from_bytes(&octets[..end]).is_err(), "{end} octets");
    }
    let mut revision_4 = octets;
    revision_4[48] = 4;
    let kept = SecurityDescriptor::from_bytes(&revision_4).unwrap().to_bytes().unwrap();
    assert_eq!(kept, revision_4);
}

#[test]
fn hostile_sizes_are_told_apart() {
    let good = sddl("O:BAG:SYD:(A;;CC;;;WD)").to_bytes().unwrap();
    let spoilt = |at: usize, octets: &[u8]| {
        let mut bad = good.clone();
        bad[at..at + octets.len()].copy_from_slice(octets);
        SecurityDescriptor::from_bytes(&bad).unwrap_err().to_string()
    };
    for (at, octets, expected) in [
        (4, &[3, 0, 0, 0][..], "OffsetOwner at offset 4: it points into the head"),
        (4, &[255, 255, 255, 255], "OffsetOwner at offset 4: it points behind the end"),
        (2, &[4, 0], "Control at offset 2: it is not self-relative"),
        (50, &[255, 255], "entries at offset 56: 65527 octets needed, 20 left"),
        (50, &[4, 0], "AclSize at offset 50: it is smaller than the head"),
        (52, &[255, 255], "AceCount at offset 52: more entries than the size has room for"),
        (58, &[21, 0], "AceSize at offset 58: a size is a multiple of 4 and covers the head"),
        (58, &[0, 0], "AceSize at offset 58: a size is a multiple of 4 and covers the head"),
        (58, &[24, 0], "body at offset 60: 20 octets needed, 16 left"),
        (65, &[200], "SubAuthorityCount at offset 65: over the limit of 15"),
    ] {
        let error = spoilt(at, octets);
        assert!(error.contains(expected), "{at}: {error}");
    }
    let huge = vec![1; MAX_DESCRIPTOR + 1];
    assert!(SecurityDescriptor::from_bytes(&huge).is_err());
    let many = Acl::new(vec![Ace::allow(well_known::everyone(), 1); 4000]);
    let descriptor = SecurityDescriptor { dacl: Slot::Acl(many), ..SecurityDescriptor::default() };
    assert_eq!(descriptor.to_bytes(), Err(AclError::TooLong { size: 80_008 }));
}

#[test]
fn texts_lead_there_and_back() {
    for text in [
        "O:BAG:SYD:",
        "O:DAG:S-1-5-21-9-9-9-513",
        "D:NO_ACCESS_CONTROL",
        "D:PARAI(A;OICIIOID;GA;;;CO)(D;NP;0x2000001;;;AN)",
        "D:(OA;CI;CR;ab721a53-1e2f-11d0-9819-00aa0040529b;bf967aba-0de6-11d0-a285-00aa003049e2;PS)\
         S:AI(AU;SAFA;SDWDWO;;;WD)(OU;CIIDSA;WP;;bf967aba-0de6-11d0-a285-00aa003049e2;WD)",
    ] {
        assert_eq!(sddl(text).to_sddl(Some(&Sid::domain(1, 2, 3))).unwrap(), text);
    }
    assert_eq!(sddl("D:(A;;FA;;;WD)"), sddl("D:(A;;0x1f01ff;;;S-1-1-0)"));
}

#[test]
fn what_is_no_text_says_where() {
    for (text, expected) in [
        ("X:BA", "O:, G:, D: or S: is expected at character 0: \"X:BA\""),
        ("O:ZZ", "an identifier, S-1-... or two letters is expected at character 2: \"ZZ\""),
        ("D:(A;;CC;;;WD", ") is expected at character 13: \"\""),
        ("D:(A;;CC;;WD)", "is expected at character 3"),
        ("D:(A;QQ;CC;;;WD)", "flags: OI, CI, NP, IO, ID, SA, FA is expected at character 5"),
        ("D:(A;;0x100000000;;;WD)", "a number of 32 bits is expected at character 6"),
        ("D:(A;;CC;ab721a53-1e2f-11d0-9819-00aa0040529b;;WD)", "not about objects"),
        ("O:ßG:BA", "is expected at character"),
        ("O:BAO:BA", "the part O: stands twice"),
    ] {
        let error = SecurityDescriptor::from_sddl(text, None).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
    let error = SecurityDescriptor::from_sddl("O:DA", None).unwrap_err();
    assert_eq!(error, SddlError::NoDomain { letters: "DA".to_owned(), at: 2 });
    let mut conditional = Ace::allow(well_known::everyone(), 1);
    (conditional.kind, conditional.data) = (AceKind::Other(9), b"artx".to_vec());
    assert!(conditional.to_sddl(None).is_err());
}

#[test]
fn entries_are_looked_at_in_order() {
    let token = Token::new([well_known::everyone(), sid("S-1-5-21-1-2-3-1000")]);
    let ask = |text: &str, desired| check(&sddl(text), &token, &Request::directory(desired));
    let user = "S-1-5-21-1-2-3-1000";
    let first_allowed = ask(&format!("O:BAD:(A;;RP;;;{user})(D;;RPWP;;;WD)"), 0x10);
    assert!(first_allowed.is_granted());
    assert_eq!(first_allowed.granted, [(0x10, Source::Entry(0))]);
    let denied = ask(&format!("O:BAD:(D;;RP;;;WD)(A;;RP;;;{user})"), 0x10);
    assert_eq!(denied.denied, Some((0x10, 0)));
    assert!(!ask(&format!("O:BAD:(A;IO;RP;;;{user})"), 0x10).is_granted());
    assert!(!ask("O:BAD:", 1).is_granted());
    assert!(ask("O:BAD:", 0).is_granted());
    assert!(ask("O:BA", 0x1ff).is_granted(), "no list");
    assert!(ask("D:NO_ACCESS_CONTROL", 0x1ff).is_granted());
    assert!(!ask("O:BA", rights::ACCESS_SYSTEM_SECURITY).is_granted());
    assert!(ask(&format!("O:{user}D:"), rights::WRITE_DAC | rights::READ_CONTROL).is_granted());
    assert!(!ask(&format!("O:{user}D:(A;;RC;;;OW)"), rights::WRITE_DAC).is_granted());
    let most = ask(&format!("O:BAD:(D;;DC;;;WD)(A;;CCDCRP;;;{user})"), rights::MAXIMUM_ALLOWED);
    assert_eq!(most.desired, 0x11);
}

#[test]
fn a_conditional_denial_denies_and_a_conditional_permission_gives_nothing() {
    let token = Token::new([well_known::everyone()]);
    let ask = |kind| {
        let first = Ace { kind, data: b"artx".to_vec(), ..Ace::allow(well_known::everyone(), 1) };
        let acl = Acl::new(vec![first, Ace::allow(well_known::everyone(), 2)]);
        let owner = well_known::system();
        let descriptor = SecurityDescriptor::new(owner.clone(), owner, acl);
        check(&descriptor, &token, &Request::directory(1)).is_granted()
    };
    assert!(!ask(AceKind::Other(9)));
    assert!(!ask(AceKind::Other(10)));
}

#[test]
fn object_entries_reach_the_nodes_that_they_name() {
    let token = Token::new([well_known::authenticated_users()]);
    let tree = [
        ObjectNode { level: 0, guid: CLASS },
        ObjectNode { level: 1, guid: RIGHT },
        ObjectNode { level: 2, guid: PROPERTY },
    ];
    let ask = |text: &str, nodes: &[ObjectNode]| {
        check(&sddl(text), &token, &Request::directory(rights::DS_READ_PROP).on(nodes)).is_granted()
    };
    let on_property = format!("O:BAD:(OA;;RP;{PROPERTY};;AU)");
    assert!(ask(&on_property, &tree), "the only attribute of the only set");
    let other = ObjectNode { level: 2, guid: Guid::new(7) };
    let with_sibling = [tree[0], tree[1], tree[2], other];
    assert!(!ask(&on_property, &with_sibling), "another attribute is not covered");
    assert!(ask(&format!("O:BAD:(OA;;RP;{RIGHT};;AU)"), &with_sibling), "the set covers both");
    assert!(ask("O:BAD:(OA;;RP;;;AU)", &with_sibling), "no type means all");
    assert!(!ask(&on_property, &[]), "nobody asked about the attribute");
    let denied = format!("O:BAD:(OD;;RP;{PROPERTY};;AU)(A;;RP;;;AU)");
    assert!(!ask(&denied, &with_sibling));
    assert!(ask(&denied, &[tree[0], other]), "another attribute is not denied");
}

#[test]
fn a_child_inherits_by_class_and_kind() {
    let parent = sddl(&format!(
        "O:BAG:SYD:(A;CI;RPWP;;;AU)(A;OI;LC;;;BU)(A;CINP;CC;;;SY)(A;CIIO;GR;;;CO)(OA;CI;CR;{RIGHT};{CLASS};DA)(A;;SD;;;WD)"
    ));
    let owner = sid("S-1-5-21-1-2-3-1000");
    let group = sid("S-1-5-21-1-2-3-513");
    let mapping = GenericMapping::DIRECTORY;
    let of = |container, classes: &[Guid], own: &str| {
        let child = Child { container, classes, owner: &owner, group: &group, mapping };
        descriptor_of(&parent, &sddl(own), &child).to_sddl(Some(&Sid::domain(1, 2, 3))).unwrap()
    };
    assert_eq!(
        of(true, &[CLASS], "D:(D;;DC;;;AN)"),
        format!(
            "O:S-1-5-21-1-2-3-1000G:DUD:AI(D;;DC;;;AN)(A;CIID;RPWP;;;AU)(A;OIIOID;LC;;;BU)(A;ID;CC;;;SY)\
             (A;ID;LCRPLORC;;;S-1-5-21-1-2-3-1000)(A;CIIOID;GR;;;CO)(OA;CIID;CR;{RIGHT};{CLASS};DA)"
        )
        .replace("S:AI", "")
    );
    assert_eq!(of(false, &[CLASS], ""), "O:S-1-5-21-1-2-3-1000G:DUD:AI(A;ID;LC;;;BU)");
    let other_class = of(true, &[Guid::new(5)], "D:");
    assert!(other_class.ends_with(&format!("(OA;CIIOID;CR;{RIGHT};{CLASS};DA)")), "{other_class}");
    assert_eq!(of(true, &[CLASS], "D:P(A;;RP;;;AU)"), "O:S-1-5-21-1-2-3-1000G:DUD:P(A;;RP;;;AU)");
}

fn any_sid() -> impl Strategy<Value = Sid> {
    let parts = proptest::collection::vec(any::<u32>(), 0..=15);
    prop_oneof![
        (0_u64..=0xffff_ffff_ffff, parts)
            .prop_map(|(authority, parts)| { Sid::new(authority, &parts).unwrap() }),
        Just(well_known::everyone()),
        (500_u32..560).prop_map(|rid| Sid::domain(1, 2, 3).member(rid).unwrap()),
    ]
}

fn any_ace() -> impl Strategy<Value = Ace> {
    let kinds = prop_oneof![
        Just(AceKind::Allow),
        Just(AceKind::Deny),
        Just(AceKind::Audit),
        Just(AceKind::AllowObject),
        Just(AceKind::DenyObject),
        Just(AceKind::AuditObject),
    ];
    let guid = || proptest::option::of(any::<u128>().prop_map(Guid::new));
    (kinds, any::<u8>(), any::<u32>(), guid(), guid(), any_sid()).prop_map(
        |(kind, flags, mask, object, inherited, sid)| {
            let types = ObjectTypes { object, inherited };
            let types = if kind.is_object() { types } else { ObjectTypes::default() };
            let flags = AceFlags(flags & !0x20);
            Ace { kind, flags, mask, types, sid, data: Vec::new() }
        },
    )
}

fn any_slot() -> impl Strategy<Value = Slot> {
    prop_oneof![
        1 => Just(Slot::Absent),
        1 => Just(Slot::Null),
        6 => proptest::collection::vec(any_ace(), 0..8).prop_map(|aces| Slot::Acl(Acl::new(aces))),
    ]
}

fn any_descriptor() -> impl Strategy<Value = SecurityDescriptor> {
    let sids = (proptest::option::of(any_sid()), proptest::option::of(any_sid()));
    (sids, any_slot(), any_slot(), any::<u16>()).prop_map(|((owner, group), dacl, sacl, bits)| {
        let mut made = SecurityDescriptor { owner, group, dacl, sacl, ..Default::default() };
        // Without its list a bit of the list has no place in the text.
        let mut kept = bits & 0x3f00;
        for (slot, all) in [(&made.dacl, 0x1500), (&made.sacl, 0x2a00)] {
            if *slot == Slot::Absent {
                kept &= !all;
            }
        }
        made.set(kept, true);
        made
    })
}

proptest! {
    #[test]
    fn octets_round_trip(descriptor in any_descriptor()) {
        let octets = descriptor.to_bytes().unwrap();
        prop_assert_eq!(SecurityDescriptor::from_bytes(&octets).unwrap(), descriptor);
    }

    #[test]
    fn text_round_trips(descriptor in any_descriptor(), with_domain: bool) {
        let domain = Sid::domain(1, 2, 3);
        let domain = with_domain.then_some(&domain);
        let text = descriptor.to_sddl(domain).unwrap();
        prop_assert_eq!(SecurityDescriptor::from_sddl(&text, domain).unwrap(), descriptor);
    }

    #[test]
    fn every_truncation_of_a_full_descriptor_fails(aces in proptest::collection::vec(any_ace(), 1..4)) {
        let owner = well_known::system();
        let octets = SecurityDescriptor::new(owner.clone(), owner, Acl::new(aces)).to_bytes().unwrap();
        for end in 0..octets.len() {
            prop_assert!(SecurityDescriptor::from_bytes(&octets[..end]).is_err());
        }
    }

    #[test]
    fn garbage_never_panics(octets in proptest::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,60}") {
        let _ = SecurityDescriptor::from_bytes(&octets);
        let _ = SecurityDescriptor::from_sddl(&text, None);
        let _ = text.parse::<Sid>();
    }
}
