//! `route`: the way of a recipient, and the table.

use admin::api::{RouteAnswer, RouteChoice, RouteNotTaken, RouteQuery, RouteRow, RouteTable};
use queue::NextHop;
use routing::{Address, Choice, Request, Route, Router};

use super::shared::hop_name;

/// `route ADDRESS`.
pub fn route(router: Router<'_>, query: &RouteQuery) -> RouteAnswer {
    let choice = router.choose(&Request {
        address: &query.address,
        sender: query.from.as_deref(),
        size: query.size,
        came_by: query.came_by.as_deref(),
        ..Request::default()
    });
    let steps = steps(&query.address, &choice);
    let Choice { route, name, why, cost, space, outside, considered } = choice;
    let hop = next_hop(route);
    let refusal = hop.is_none().then(|| why.clone());
    let choice = hop.map(|hop| RouteChoice {
        route: name,
        next_hop: hop_name(&hop),
        address_space: space,
        cost,
        outside,
        why,
    });
    let considered = considered
        .into_iter()
        .map(|one| RouteNotTaken { route: one.route, why_not: one.why_not })
        .collect();
    RouteAnswer { address: query.address.clone(), steps, choice, considered, refusal }
}

/// `route --table`.
pub fn table(table: &routing::Table) -> RouteTable {
    let rows = table.rows().into_iter().map(|row| RouteRow {
        address_type: row.address_type,
        pattern: row.pattern,
        cost: row.cost,
        route: row.route,
        outlet: row.outlet.to_owned(),
        max_message_size: row.max_message_size,
    });
    RouteTable { rows: rows.collect() }
}

fn steps(address: &str, choice: &Choice) -> Vec<String> {
    let parsed = Address::parse(address);
    let mut steps = vec![match parsed.domain() {
        Some(domain) => format!("{address} is of type smtp, its domain {domain}"),
        None => format!("{address} is of type {}", parsed.address_type()),
    }];
    let looked = choice.considered.iter().map(|one| format!("{}: {}", one.route, one.why_not));
    steps.extend(looked);
    steps.push(choice.why.clone());
    steps
}

fn next_hop(route: Route) -> Option<NextHop> {
    match route {
        Route::Local { .. } => Some(NextHop::Local),
        other => crate::route_table::next_hop(&other),
    }
}
