//! `route`: the way of a recipient, and the table.

use admin::OperationError;
use admin::api::{RouteAnswer, RouteChoice, RouteNotTaken, RouteQuery, RouteRow, RouteTable};
use queue::NextHop;
use routing::{Address, Choice, Request, Route, Router};
use x400::OrName;

use super::hops::hop_name;

/// `route ADDRESS`.
///
/// # Errors
/// The address is meant to be an O/R address and cannot be read.
pub fn route(router: Router<'_>, query: &RouteQuery) -> Result<RouteAnswer, OperationError> {
    let mut steps = Vec::new();
    let request = Request {
        sender: query.from.as_deref(),
        size: query.size,
        came_by: query.came_by.as_deref(),
        ..Request::default()
    };
    let choice = match routing::or_address(&query.address) {
        Some(Err(error)) => {
            return Err(OperationError::Invalid(format!(
                "{:?} is no O/R address: {error}; write it as in /C=DE/ADMD= /PRMD=ORG/O=FIRM/S=Doe/",
                query.address
            )));
        }
        // As for a recipient of an X.400 message.
        Some(Ok(address)) => {
            let name = OrName::from(address);
            steps.push(format!("{} is of type x400", name.address));
            let mail = mixer::to_rfc822(&name).unwrap_or_else(|_| mixer::write_out(&name.address));
            let (found, choice) = mta::way(router, &request, &mail, Some(&name));
            if matches!(Address::parse(&mail), Address::Smtp { .. }) {
                steps.push(format!("the mail address in it is {mail}, which goes first"));
                if found != mail {
                    steps.push(format!("nobody has {mail}; the O/R address as a whole decides"));
                }
            }
            choice
        }
        None => {
            let parsed = Address::parse(&query.address);
            let kind = parsed.address_type();
            steps.push(match parsed.domain() {
                Some(domain) => format!("{} is of type {kind}, its domain {domain}", query.address),
                None => format!("{} is of type {kind}", query.address),
            });
            router.choose(&Request { address: &query.address, ..request })
        }
    };
    let Choice { route, name, why, cost, space, outside, considered } = choice;
    steps.extend(considered.iter().map(|one| format!("{}: {}", one.route, one.why_not)));
    steps.push(why.clone());
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
    Ok(RouteAnswer { address: query.address.clone(), steps, choice, considered, refusal })
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

fn next_hop(route: Route) -> Option<NextHop> {
    match route {
        Route::Local { .. } => Some(NextHop::Local),
        other => crate::route_table::next_hop(&other),
    }
}
