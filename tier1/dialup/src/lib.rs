//! The dial-up connector, known in the field as the Dynamic RAS connector: mail waits, the line is dialled, both servers
//! bind over it, what waits on either side crosses, the line is hung up.
//!
//! [`Line`] is the connector between two calls and during one: pure, with the time passed in. [`judge`] reads how a dial
//! command ended, [`default_routes`] whether the link took the default route. Who runs commands, looks at the link and
//! moves mail is not here.

mod failure;
mod line;
mod route;

pub use failure::{Exit, Failure, Kind, OUTPUT_LIMIT, judge, shown};
pub use line::{Action, Line, State, Terms, Time};
pub use route::{default_routes, leads_through};
