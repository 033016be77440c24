//! Each step of the choice has a case in which it alone decides.

use std::collections::BTreeSet;

use super::*;
use crate::address::AddressType;
use crate::link::Restrictions;

fn table() -> Table {
    let mut table = Table::default();
    let mailboxes = Some(BTreeSet::from(["anna".to_owned(), "postmaster".to_owned()]));
    table.insert("East.Example", Domains::Local { mailboxes }).unwrap();
    table.insert("west.example", Domains::Peer { name: "WEST".to_owned() }).unwrap();
    table
}

fn space(pattern: &str, cost: u32) -> AddressSpace {
    AddressSpace::new(AddressType::Smtp, pattern, cost).unwrap()
}

fn link(name: &str, outlet: Outlet, spaces: &[(&str, u32)]) -> Link {
    Link {
        name: name.to_owned(),
        outlet,
        spaces: spaces.iter().map(|(pattern, cost)| space(pattern, *cost)).collect(),
        restrictions: Restrictions::default(),
        max_open_retries: None,
        inside: false,
    }
}

fn with(links: Vec<Link>) -> Table {
    let mut table = table();
    links.into_iter().for_each(|link| table.add_link(link).unwrap());
    table
}

#[derive(Default)]
struct States {
    waiting: Vec<&'static str>,
    later: Vec<&'static str>,
}

impl LinkStates for States {
    fn activation(&self, link: &str) -> Activation {
        if self.later.contains(&link) { Activation::Later } else { Activation::Now }
    }

    fn is_waiting(&self, hop: &Route) -> bool {
        let (Route::Connector { name, .. } | Route::Peer { name }) = hop else { return false };
        self.waiting.contains(&name.as_str())
    }
}

fn to(address: &str) -> Request<'_> {
    Request { address, ..Request::default() }
}

fn names(table: &Table, request: &Request<'_>, states: &States) -> String {
    Router::new(table, states).choose(request).name
}

#[test]
fn domains_decide() {
    let anna = Route::Local { mailbox: "anna".to_owned() };
    let west = Route::Peer { name: "WEST".to_owned() };
    for (address, route) in [
        ("Anna@EAST.example", anna),
        ("bert@east.example", Route::UnknownMailbox),
        ("bert@west.example", west.clone()),
        ("\"odd@quoted\"@West.Example", west),
        ("x@elsewhere.example", Route::NoRoute),
        ("Postmaster", Route::Local { mailbox: "postmaster".to_owned() }),
    ] {
        assert_eq!(table().choose(address).route, route, "{address}");
    }
    assert_eq!(
        table().choose("x@elsewhere.example").why,
        "no server of the organisation holds elsewhere.example"
    );
}

#[test]
fn own_domains_never_leave_by_a_connector() {
    let table = with(vec![link("OUT", Outlet::Domains, &[("*", 1), ("east.example", 1)])]);
    assert_eq!(table.choose("bert@east.example").route, Route::UnknownMailbox);
    let out = table.choose("x@elsewhere.example");
    let domain = Some("elsewhere.example".to_owned());
    assert_eq!(out.route, Route::Connector { name: "OUT".to_owned(), domain });
    assert!(out.outside && !table.choose("bert@west.example").outside);
    assert_eq!(out.why, "OUT (smtp:*, cost 1): the only way whose address space fits");
}

#[test]
fn each_step_decides_where_those_before_are_even() {
    let two = |a: u32, b: u32| {
        with(vec![
            link("A", Outlet::Connector, &[("*", a)]),
            link("B", Outlet::Connector, &[("*", b)]),
        ])
    };
    let even = States::default();
    let request = to("x@far.example");
    // 1: where it came from.
    assert_eq!(names(&two(1, 9), &Request { came_by: Some("a"), ..request }, &even), "B");
    // 2: tried as often as may be, though it is cheaper.
    let mut limited = two(1, 9);
    limited.links[0].max_open_retries = Some(3);
    limited.links[1].max_open_retries = Some(9);
    let tries = |a, b| [("A".to_owned(), a), ("b".to_owned(), b)];
    assert_eq!(names(&limited, &Request { tries: &tries(3, 8), ..request }, &even), "B");
    // 3: opens later, though tried less often.
    let later = States { later: vec!["A"], ..States::default() };
    assert_eq!(names(&two(1, 9), &Request { tries: &tries(0, 2), ..request }, &later), "B");
    // 4: tried more often, though no timer runs.
    let waiting = States { waiting: vec!["B"], ..States::default() };
    assert_eq!(names(&two(1, 9), &Request { tries: &tries(2, 1), ..request }, &waiting), "B");
    // 5: a timer runs, though it is cheaper; when both wait, the cheaper one is tried again.
    let waiting = States { waiting: vec!["A"], ..States::default() };
    assert_eq!(names(&two(1, 9), &request, &waiting), "B");
    let both = States { waiting: vec!["A", "B"], ..States::default() };
    assert_eq!(names(&two(1, 9), &request, &both), "A");
    // 6: cost.
    assert_eq!(names(&two(9, 1), &request, &even), "B");
    assert_eq!(names(&two(1, 9), &request, &even), "A");
    // 7: a connector here, though the other stands first.
    let remote = with(vec![
        link("A", Outlet::Peer("WEST".to_owned()), &[("*", 5)]),
        link("B", Outlet::Connector, &[("*", 5)]),
    ]);
    assert_eq!(names(&remote, &request, &even), "B");
    // All even: the order of the configuration, and it says so.
    let choice = Router::new(&two(5, 5), &even).choose(&request);
    assert_eq!(choice.name, "A");
    assert_eq!(
        choice.considered[0].why_not,
        "equal in everything, and it stands later in the configuration"
    );
}

#[test]
fn a_peer_behind_a_link_is_where_it_came_from_too() {
    let table = with(vec![link("to-west", Outlet::Peer("WEST".to_owned()), &[("*", 1)])]);
    let choice = Router::new(&table, &AllOpen).came_by("west").choose(&to("x@far.example"));
    assert_eq!(choice.route, Route::Closed(Closed::CameFromThere));
    assert_eq!(choice.why, "every way for x@far.example is closed: the message came from there");
}

#[test]
fn the_closest_space_beats_cost_until_it_is_closed() {
    let mut table = with(vec![
        link("ANY", Outlet::Domains, &[("*", 1)]),
        link("OWN", Outlet::Connector, &[("far.example", 100)]),
    ]);
    let even = States::default();
    assert_eq!(names(&table, &to("x@far.example"), &even), "OWN");
    assert_eq!(names(&table, &to("x@near.example"), &even), "ANY");
    table.links[1].max_open_retries = Some(1);
    let tries = [("OWN".to_owned(), 1)];
    assert_eq!(names(&table, &Request { tries: &tries, ..to("x@far.example") }, &even), "ANY");
}

#[test]
fn restrictions_close_a_way_and_reports_pass() {
    let mut table = with(vec![link("A", Outlet::Connector, &[("*", 1)])]);
    table.links[0].restrictions = Restrictions {
        max_message_size: Some(1000),
        max_recipients: Some(2),
        allow_senders: vec!["*@east.example".to_owned(), "west.example".to_owned()],
        refuse_senders: vec!["guest@east.example".to_owned()],
    };
    table.links[0].spaces[0].max_message_size = Some(500);
    let base = Request { sender: Some("Anna@East.example"), ..to("x@far.example") };
    let route = |request: &Request<'_>| Router::new(&table, &AllOpen).choose(request).route;
    let passes = |request: &Request<'_>| matches!(route(request), Route::Connector { .. });
    assert!(passes(&base) && passes(&Request { size: Some(500), recipients: Some(2), ..base }));
    assert!(passes(&Request { sender: Some("x@west.example"), ..base }));
    for request in [
        Request { size: Some(501), ..base },
        Request { recipients: Some(3), ..base },
        Request { sender: Some("guest@east.example"), ..base },
        Request { sender: Some("x@other.example"), ..base },
        Request { sender: Some(""), ..base },
    ] {
        let closed = route(&request);
        assert!(matches!(closed, Route::Closed(Closed::Restricted(_))), "{request:?} {closed:?}");
        assert!(passes(&Request { is_system: true, ..request }), "{request:?}");
    }
}

#[test]
fn other_types_of_address_find_their_way() {
    let mut x400 = link("X400", Outlet::Connector, &[]);
    x400.spaces = vec![AddressSpace::new(AddressType::X400, "c=us;a=*;p=far", 1).unwrap()];
    let mut dn = link("DN", Outlet::Peer("WEST".to_owned()), &[]);
    dn.spaces = vec![AddressSpace::new(AddressType::Dn, "/o=Org/ou=West", 1).unwrap()];
    let table = with(vec![link("OUT", Outlet::Domains, &[("*", 1)]), x400, dn]);
    let even = States::default();
    assert_eq!(names(&table, &to("c=US;a= ;p=Far;s=Smith"), &even), "X400");
    assert_eq!(names(&table, &to("/o=Org/ou=West/cn=Recipients/cn=x"), &even), "DN");
    let none = table.choose("c=DE;a= ;p=Near;s=x");
    assert_eq!(none.route, Route::NoRoute);
    assert_eq!(none.considered.len(), 3, "each way says why not");
}

#[test]
fn one_domain_has_one_holder_and_one_name_one_link() {
    let mut table = table();
    let other = Domains::Peer { name: "NORTH".to_owned() };
    assert_eq!(
        table.insert("west.example", other).unwrap_err().to_string(),
        "domain west.example is claimed twice, by WEST and by NORTH"
    );
    table.insert("WEST.example", Domains::Peer { name: "WEST".to_owned() }).unwrap();
    table.add_link(link("OUT", Outlet::Domains, &[])).unwrap();
    assert!(table.add_link(link("out", Outlet::Domains, &[])).is_err());
}

#[test]
fn the_table_reads_the_same_in_whatever_order_it_was_made() {
    let a = link("A", Outlet::Connector, &[("*", 1), ("x.example", 2)]);
    let b = link("B", Outlet::Domains, &[("*", 3)]);
    let rows = with(vec![a.clone(), b.clone()]).rows();
    assert_eq!(rows, with(vec![b, a]).rows());
    let words: Vec<String> =
        rows.iter().map(|row| format!("{} {} {}", row.pattern, row.cost, row.route)).collect();
    assert_eq!(
        words,
        ["* 1 A", "* 3 B", "east.example 1 local", "west.example 1 WEST", "x.example 2 A"]
    );
}
