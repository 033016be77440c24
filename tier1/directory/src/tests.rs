//! The engine on a small organisation.

use identity::descriptor::access::Token;
use identity::{Sid, well_known};
use proptest::prelude::*;

use super::*;

const BASE: &str = "DC=demo,DC=test";

fn small() -> Directory {
    seed(&Seed {
        organisation: "Demo".to_owned(),
        site: "HQ".to_owned(),
        server: "EAST".to_owned(),
        host: "east.demo.test".to_owned(),
        account: "DEMO\\svc-east".to_owned(),
        peers: vec![peer("WEST", "west.demo.test", false), peer("SOUTH", "south.demo.test", true)],
        mailboxes: vec![("jörg".to_owned(), "jörg@demo.test".to_owned())],
        now_ms: 1,
    })
    .unwrap()
}

fn peer(name: &str, host: &str, dialled: bool) -> SeedPeer {
    SeedPeer { name: name.to_owned(), host: host.to_owned(), override_account: None, dialled }
}

#[test]
fn a_connector_is_of_the_class_that_its_way_has() {
    let directory = small();
    let class = |peer: &str| {
        let name = name(&format!("/O=Demo/OU=HQ/CN=Configuration/CN=Connections/CN={peer}"));
        directory.get(&name).unwrap().class
    };
    assert_eq!((class("WEST"), class("SOUTH")), (Class::SiteConnector, Class::DialUpConnector));
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn account() -> Sid {
    Sid::domain(1, 2, 3).member(1001).unwrap()
}

fn token() -> Token {
    Token::new([account(), well_known::everyone(), well_known::authenticated_users()])
}

fn failed(directory: &Directory) -> Option<Step> {
    authorise(directory, directory, &token(), "Demo", "HQ").failed().map(|step| step.step)
}

#[test]
fn both_shapes_of_a_name_lead_to_each_other() {
    for (old, ldap) in [
        (
            "/O=Demo/OU=HQ/CN=Configuration/CN=Servers/CN=EAST/CN=Microsoft MTA",
            "CN=Microsoft MTA,CN=EAST,CN=Servers,CN=HQ,CN=Administrative Groups,CN=Demo,CN=Microsoft Exchange,CN=Services,CN=Configuration",
        ),
        ("/O=Demo", "CN=Demo,CN=Microsoft Exchange,CN=Services,CN=Configuration"),
        (
            "/O=Demo/OU=HQ/CN=Configuration",
            "CN=Configuration,CN=HQ,CN=Administrative Groups,CN=Demo,CN=Microsoft Exchange,CN=Services,CN=Configuration",
        ),
        (
            "/O=Demo/OU=HQ/CN=Recipients/CN=Strauß\\, 日本",
            "CN=Strauß\\, 日本,CN=Recipients,CN=HQ,CN=Administrative Groups,CN=Demo,CN=Microsoft Exchange,CN=Services,CN=Configuration",
        ),
        (
            "/CN=Schema/CN=NT-Security-Descriptor",
            "CN=NT-Security-Descriptor,CN=Schema,CN=Configuration",
        ),
    ] {
        let dn = format!("{ldap},{BASE}");
        let parsed = Name::parse(&dn, BASE).unwrap();
        assert_eq!(parsed.to_ldap(BASE), dn);
        let ours = Name::parse(&old.replace("\\,", ","), BASE).unwrap();
        assert_eq!(ours, parsed, "{old}");
        assert_eq!(ours.to_string().parse::<Name>().unwrap(), ours);
    }
    assert_eq!(name("/o=demo/ou=hq"), name("/O=DEMO/OU=HQ"));
    assert_eq!(name("/O=a\\/b").leaf(), "a/b");
    for bad in ["", "/", "O=x", "/X=a", "/O=", "/O= a", "/O=a/", "CN=a,DC=other"] {
        assert!(Name::parse(bad, BASE).is_err(), "{bad}");
    }
    assert_eq!("/O=a".repeat(17).parse::<Name>(), Err(NameError::TooDeep));
}

#[test]
fn every_context_can_be_the_missing_one() {
    let full = Step::ALL.map(|step| step.object("Demo", "HQ"));
    let mut directory = small();
    assert_eq!(failed(&directory), Some(Step::Organisation));
    for on in &full {
        directory.grant(Role::ServiceAccountAdmin, &account(), on, true, 2).unwrap();
    }
    assert_eq!(failed(&directory), None);
    for (step, on) in Step::ALL.into_iter().zip(&full) {
        let mut without = directory.clone();
        without.revoke(Role::ServiceAccountAdmin, &account(), on, 3).unwrap();
        assert_eq!(failed(&without), Some(step));
        for weaker in [Role::ViewOnlyAdmin, Role::Admin, Role::PermissionsAdmin, Role::SendAs] {
            without.grant(weaker, &account(), on, true, 3).unwrap();
            let lets_in = step == Step::Schema && weaker != Role::SendAs;
            assert_eq!(failed(&without).is_none(), lets_in, "{weaker} on {on}");
            without.revoke(weaker, &account(), on, 3).unwrap();
        }
    }
}

#[test]
fn what_is_granted_on_the_schema_object_itself_is_enough_and_its_context_passes_it_on() {
    let mut directory = small();
    for step in [Step::Organisation, Step::Site, Step::Configuration] {
        directory
            .grant(Role::ServiceAccountAdmin, &account(), &step.object("Demo", "HQ"), true, 2)
            .unwrap();
    }
    assert_eq!(failed(&directory), Some(Step::Schema), "the other three do not reach it");
    directory.grant(Role::ServiceAccountAdmin, &account(), &name("/CN=Schema"), false, 2).unwrap();
    assert_eq!(failed(&directory), Some(Step::Schema), "not passed on");
    directory.grant(Role::ServiceAccountAdmin, &account(), &name("/CN=Schema"), true, 2).unwrap();
    assert_eq!(failed(&directory), None);
    let stale = small();
    let at_start = authorise(&directory, &stale, &token(), "Demo", "HQ");
    assert_eq!(
        at_start.failed().map(|step| step.step),
        Some(Step::Schema),
        "granted but not restarted"
    );
}

#[test]
fn contexts_do_not_inherit_into_each_other_and_objects_do() {
    let mut directory = small();
    directory
        .grant(Role::Admin, &account(), &name("/O=Demo/OU=HQ/CN=Configuration"), true, 2)
        .unwrap();
    let below = directory
        .effective(&name("/O=Demo/OU=HQ/CN=Configuration/CN=Servers/CN=EAST/CN=Microsoft MTA"))
        .unwrap();
    let has = |descriptor: &identity::SecurityDescriptor| {
        descriptor.dacl.acl().unwrap().aces.iter().any(|ace| ace.sid == account())
    };
    assert!(has(&below));
    assert!(!has(&directory.effective(&name("/O=Demo/OU=HQ/CN=Recipients/CN=jörg")).unwrap()));
    assert!(!has(&directory.effective(&name("/O=Demo")).unwrap()));
}

#[test]
fn a_difference_applies_shows_and_undoes() {
    let old = small();
    let mut new = old.clone();
    let site = name("/O=Demo/OU=HQ");
    new.change(&site, 5, |object| object.set("msExchLegacyAccount", &["svc"])).unwrap();
    new.grant(Role::SendAs, &account(), &site, false, 5).unwrap();
    new.remove(&name("/O=Demo/OU=HQ/CN=Recipients/CN=JÖRG")).unwrap();
    new.add(Object::new(name("/O=Demo/OU=HQ/CN=Recipients/CN=list"), Class::DistributionList, 5))
        .unwrap();
    let changes = diff(&old, &new);
    assert_eq!(changes.len(), 4);
    let lines: Vec<String> = changes.iter().flat_map(Change::lines).collect();
    assert!(lines.contains(&"+ msExchLegacyAccount: svc".to_owned()), "{lines:?}");
    assert!(
        lines.iter().any(|line| line
            .starts_with("+ (OA;;CR;ab721a54-1e2f-11d0-9819-00aa0040529b;;S-1-5-21-1-2-3-1001)")),
        "{lines:?}"
    );
    let mut applied = old.clone();
    for change in &changes {
        change.apply(&mut applied, 5).unwrap();
    }
    assert!(diff(&applied, &new).is_empty());
    for change in changes.iter().rev() {
        change.inverse().apply(&mut applied, 6).unwrap();
    }
    assert!(diff(&applied, &old).is_empty());
    let mut other = old;
    other.change(&site, 7, |object| object.set("msExchLegacyAccount", &["other"])).unwrap();
    let legacy = changes.iter().find(|change| matches!(change, Change::Attribute { .. })).unwrap();
    assert_eq!(legacy.apply(&mut other, 8), Err(DirectoryError::Outdated(site)));
    let json = serde_json::to_string(&changes).unwrap();
    assert_eq!(serde_json::from_str::<Vec<Change>>(&json).unwrap(), changes);
}

#[test]
fn values_are_held_to_their_syntax() {
    let mut directory = small();
    let connector = name("/O=Demo/OU=HQ/CN=Configuration/CN=Connections/CN=WEST");
    let mut set = |attribute: &str, values: &[&str]| {
        directory
            .change(&connector, 2, |object| object.set(attribute, values))
            .map_err(|error| error.to_string())
    };
    assert!(set("cost", &["x"]).unwrap_err().contains("a whole number"));
    assert!(set("cost", &["1", "2"]).unwrap_err().contains("at most 1"));
    assert!(set("overrideAccount", &["svc"]).unwrap_err().contains("DOMAIN\\name"));
    assert!(
        set("msExchLegacyAccount", &["svc"])
            .unwrap_err()
            .contains("no attribute of a site-connector")
    );
    assert!(set("colour", &["red"]).unwrap_err().contains("no attribute is named"));
    set("OVERRIDEACCOUNT", &["WEST\\svc-ü"]).unwrap();
    assert_eq!(directory.get(&connector).unwrap().value("overrideAccount"), Some("WEST\\svc-ü"));
}

#[test]
fn a_tree_keeps_its_shape() {
    let mut directory = small();
    let object = |text: &str| Object::new(name(text), Class::Mailbox, 1);
    assert!(matches!(
        directory.add(object("/O=Demo/OU=HQ/CN=Recipients/CN=JÖRG")),
        Err(DirectoryError::Exists(_))
    ));
    assert!(matches!(
        directory.add(object("/O=Demo/OU=No/CN=x")),
        Err(DirectoryError::NoParent(_))
    ));
    assert!(matches!(
        directory.add(object("/O=Demo/OU=HQ/CN=Recipients/CN=jörg/CN=x")),
        Err(DirectoryError::NoParent(_))
    ));
    assert!(matches!(directory.remove(&name("/O=Demo/OU=HQ")), Err(DirectoryError::NotEmpty(_))));
    let lost = Directory::from_objects([object("/O=Demo/OU=HQ/CN=Recipients/CN=x")]).unwrap();
    let descriptor = lost.effective(&name("/O=Demo/OU=HQ/CN=Recipients/CN=x")).unwrap();
    assert_eq!(descriptor.dacl.acl().map(|acl| acl.aces.len()), Some(0), "nobody may anything");
}

#[test]
fn ldif_leads_there_and_back() {
    let mut directory = small();
    directory.grant(Role::ServiceAccountAdmin, &account(), &name("/O=Demo"), true, 2).unwrap();
    let text = export(&directory, BASE).unwrap();
    assert!(text.lines().all(|line| line.len() <= 76), "folded");
    assert!(diff(&directory, &import(&directory, &text, BASE, 9).unwrap()).is_empty());
    let again = import(&Directory::new(), &text, BASE, 9).unwrap();
    assert!(diff(&directory, &again).is_empty());
    let change = format!(
        "dn: {}\nchangetype: modify\nreplace: msExchLegacyAccount\nmsExchLegacyAccount: svc\n-\nadd: description\ndescription:: w7w=\n-\n\n# end\n",
        name("/O=Demo/OU=HQ").to_ldap(BASE)
    );
    let changed = import(&directory, &change, BASE, 9).unwrap();
    let lines: Vec<String> = diff(&directory, &changed).iter().flat_map(Change::lines).collect();
    assert_eq!(lines, ["+ description: ü", "+ msExchLegacyAccount: svc"]);
    for (bad, expected) in [
        (" x", "line 1: a folded line"),
        ("dn: CN=x,DC=other", "line 1: the DN does not end"),
        ("dn: /O=New\nobjectClass: zebra", "none of its object classes is known"),
        ("dn: /O=Demo\nmember:: !", "line 2: the value is no base64"),
        ("dn: /O=Demo\njpegPhoto:< file:///etc/passwd", "line 2: values by URL"),
        (
            "dn: /O=Demo\nobjectClass: organisation\nnTSecurityDescriptor:: AQA=",
            "line 3: nTSecurityDescriptor",
        ),
        ("dn: /O=Demo\nchangetype: moddn", "line 2: changetype"),
    ] {
        let error = import(&directory, bad, BASE, 9).unwrap_err().to_string();
        assert!(error.contains(expected), "{bad}: {error}");
    }
}

#[test]
fn a_copy_lags_and_catches_up() {
    let mut copies = Copies::of(small());
    let mut changed = copies.organisation.clone();
    changed.grant(Role::Admin, &account(), &name("/O=Demo"), true, 10).unwrap();
    copies.set_agent(Agent::Lagging { lag_ms: 100 }, 10);
    copies.replace(changed.clone(), 10);
    assert_eq!((copies.behind().len(), copies.due_ms()), (1, Some(110)));
    assert!(!copies.poll(109) && copies.poll(110));
    assert!(copies.behind().is_empty());
    copies.set_agent(Agent::Stopped, 120);
    changed.revoke(Role::Admin, &account(), &name("/O=Demo"), 130).unwrap();
    copies.replace(changed, 130);
    assert!(!copies.poll(i64::MAX));
    copies.set_agent(Agent::Running, 140);
    assert!(copies.behind().is_empty());
}

#[test]
fn the_legacy_account_is_read_and_set() {
    let (mut directory, site) = (small(), name("/O=Demo/OU=HQ"));
    assert_eq!(LegacyAccount::of(&directory, &site).unwrap().name(), None);
    let account = "DEMO\\svc-Ø".parse().unwrap();
    LegacyAccount::set(&mut directory, &site, Some(&account), 2).unwrap();
    assert_eq!(LegacyAccount::of(&directory, &site).unwrap().name(), Some(Ok(account)));
    directory.change(&site, 3, |object| object.set(LEGACY_DOMAIN, &[])).unwrap();
    assert!(matches!(LegacyAccount::of(&directory, &site).unwrap().name(), Some(Err(_))));
    LegacyAccount::set(&mut directory, &site, None, 2).unwrap();
    assert_eq!(LegacyAccount::of(&directory, &site).unwrap(), LegacyAccount::default());
}

proptest! {
    #[test]
    fn names_round_trip_in_both_shapes(values in proptest::collection::vec("[^\\p{C}\\s][^\\p{C}]{0,10}[^\\p{C}\\s]", 1..6)) {
        let mut parts = vec![Rdn { kind: Kind::O, value: "Demo".to_owned() }, Rdn { kind: Kind::Ou, value: "HQ".to_owned() }, Rdn { kind: Kind::Cn, value: "Configuration".to_owned() }];
        parts.extend(values.into_iter().map(|value| Rdn { kind: Kind::Cn, value }));
        let name = Name::new(parts).unwrap();
        prop_assert_eq!(name.to_string().parse::<Name>().unwrap(), name.clone());
        let first = &name.parts()[3].value;
        if !first.eq_ignore_ascii_case("recipients") && !first.eq_ignore_ascii_case("configuration") {
            prop_assert_eq!(Name::parse(&name.to_ldap(BASE), BASE).unwrap(), name);
        }
    }

    #[test]
    fn garbage_never_panics(text in "\\PC{0,80}") {
        let _ = Name::parse(&text, BASE);
        let _ = import(&Directory::new(), &text, BASE, 1);
    }
}

fn many(children: usize) -> Directory {
    let folder = name("/O=Demo/OU=HQ/CN=Recipients");
    let mut objects: Vec<Object> = small().objects().cloned().collect();
    objects.extend((0..children).map(|number| {
        let name = folder.child(Kind::Cn, &format!("r{number:07}")).unwrap();
        Object::new(name, Class::Mailbox, 1)
    }));
    Directory::from_objects(objects).unwrap()
}

/// A container with very many children is asked for a few of them, and a copy of it is changed alone.
fn questions(children: usize) {
    let directory = many(children);
    let folder = name("/O=Demo/OU=HQ/CN=Recipients");

    let mut behind = folder.child(Kind::Cn, &format!("r{:07}", children / 2)).unwrap().key();
    for page in 0..10 {
        let found: Vec<&Object> = directory.children(Some(&folder), &behind).take(100).collect();
        assert_eq!(found.len(), 100, "page {page}");
        behind = found[99].name.key();
    }
    let last = format!("r{:07}", children / 2 + 1000);
    assert!(behind.contains(&identity::upcase(&last)), "{behind:?}");
    // A level up they are passed over at once.
    let above: Vec<&str> =
        directory.children(Some(&name("/O=Demo/OU=HQ")), "").map(|one| one.name.leaf()).collect();
    assert_eq!(above, ["Configuration", "Recipients"]);

    let mut copy = directory.clone();
    assert!(diff(&directory, &copy).is_empty());

    let one = folder.child(Kind::Cn, "r0000007").unwrap();
    copy.change(&one, 2, |object| object.set("displayName", &["Seven"])).unwrap();
    let changes = diff(&directory, &copy);
    assert_eq!(changes.len(), 1);
    assert!(directory.get(&one).unwrap().value("displayName").is_none(), "the other one changed");
}

#[test]
fn a_container_with_very_many_children_is_asked_page_by_page() {
    questions(50_000);
}

#[test]
#[ignore = "takes a gigabyte; run with --full"]
fn a_million_children_but_for_those_above_them_are_the_most() {
    questions(super::MAX_OBJECTS - small().len());
    let mut full = many(super::MAX_OBJECTS - small().len());
    let one_more = name("/O=Demo/OU=HQ/CN=Recipients/CN=one more");
    let refused = full.add(Object::new(one_more, Class::Mailbox, 1));
    assert!(matches!(refused, Err(DirectoryError::Full)), "{refused:?}");
    assert!(DirectoryError::Full.to_string().contains("1000000"), "{}", DirectoryError::Full);
}

/// A level is listed without what lies below it, also where an object in between is missing.
#[test]
fn children_are_those_directly_below() {
    let directory = small();
    let leaves = |parent: Option<&str>| -> Vec<String> {
        let parent = parent.map(name);
        directory.children(parent.as_ref(), "").map(|one| one.name.to_string()).collect()
    };
    assert_eq!(leaves(None), ["/CN=Schema", "/O=Demo"]);
    assert_eq!(leaves(Some("/O=Demo")), ["/O=Demo/OU=HQ"]);
    let below = leaves(Some("/O=Demo/OU=HQ/CN=Configuration"));
    assert!(below.iter().all(|one| one.matches('/').count() == 4), "{below:?}");
    assert!(!below.is_empty());
    let orphan = Object::new(name("/O=Other/OU=X"), Class::Site, 1);
    let objects = directory.objects().cloned().chain([orphan]);
    let directory = Directory::from_objects(objects).unwrap();
    let outermost: Vec<&Object> = directory.children(None, "").collect();
    assert_eq!(outermost.len(), 2, "{outermost:?}");
    let below: Vec<&Object> = directory.children(Some(&name("/O=Other")), "").collect();
    assert_eq!(below.len(), 1);
}
