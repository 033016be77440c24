//! `bindback route`: which way an address goes and why, and the routing table.

use admin::api::{RouteAnswer, RouteQuery, RouteTable};
use clap::Args;

use crate::backend::Backend;
use crate::cli::Setting;
use crate::failure::Found;
use crate::table::Table;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bindback route carla@far.example\n  bindback route '/C=DE/ADMD= /PRMD=ACME/O=X/S=Y/'\n  bindback route 'c=US;a= ;p=ORG;s=Smith' --size 5000000\n  bindback route --table > before.txt\n\nThe exit status is 1 where there is no way. The table is in an order of its own, so that two of them can be compared line by line."
)]
pub struct Arguments {
    /// The recipient's address, of any type
    #[arg(required_unless_present = "table")]
    address: Option<String>,
    /// Show the whole routing table
    #[arg(long, conflicts_with_all = ["address", "from", "size", "came_by"])]
    table: bool,
    /// The sender, for restrictions
    #[arg(long, value_name = "ADDRESS")]
    from: Option<String>,
    /// Octets of the message, for restrictions
    #[arg(long, value_name = "OCTETS")]
    size: Option<u64>,
    /// The peer or connector that the message comes from: it never goes back there
    #[arg(long, value_name = "NAME")]
    came_by: Option<String>,
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let backend = Backend::find(setting.config()?)?;
    let Arguments { address, from, size, came_by, .. } = arguments;
    let Some(address) = address else {
        let table = backend.route_table().await?;
        setting.output.answer(&table, rows)?;
        return Ok(Found::Nothing);
    };
    let answer = backend.route(RouteQuery { address, from, size, came_by }).await?;
    setting.output.answer(&answer, text)?;
    Ok(if answer.choice.is_some() { Found::Nothing } else { Found::Something })
}

fn text(answer: &RouteAnswer) -> String {
    // What is said of the address itself; the ways follow below, each once.
    let of_address = answer.steps.len().saturating_sub(answer.considered.len() + 1).max(1);
    let mut lines: Vec<String> =
        answer.steps.iter().take(of_address).map(|step| format!("{step}\n")).collect();
    match &answer.choice {
        Some(choice) => {
            lines.push(format!("goes by {}, queue {}\n", choice.route, choice.next_hop));
            lines.push(format!("  {}\n", choice.why));
            if choice.outside {
                lines
                    .push("  leaves the organisation: over SMTP only from smtp.relay\n".to_owned());
            }
        }
        None => lines.push(format!(
            "has no way: {}\n",
            answer.refusal.as_deref().unwrap_or("no reason was given")
        )),
    }
    for one in &answer.considered {
        lines.push(format!("not by {}: {}\n", one.route, one.why_not));
    }
    lines.concat()
}

fn rows(answer: &RouteTable) -> String {
    let mut table = Table::new(&["TYPE", "PATTERN", "COST", "ROUTE", "OUTLET", "MAX-SIZE"]);
    for row in &answer.rows {
        table.row(vec![
            row.address_type.clone(),
            row.pattern.clone(),
            row.cost.to_string(),
            row.route.clone(),
            row.outlet.clone(),
            row.max_message_size.map(|octets| octets.to_string()).unwrap_or_default(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use admin::api::{RouteChoice, RouteNotTaken};

    use super::*;

    #[test]
    fn the_choice_and_what_was_passed_over_are_told() {
        let answer = RouteAnswer {
            address: "x@far.test".to_owned(),
            steps: vec!["x@far.test is of type smtp, its domain far.test".to_owned()],
            choice: Some(RouteChoice {
                route: "internet".to_owned(),
                next_hop: "far.test/internet".to_owned(),
                address_space: Some("smtp:*".to_owned()),
                cost: Some(1),
                outside: true,
                why: "internet (smtp:*, cost 1): lowest cost".to_owned(),
            }),
            considered: vec![RouteNotTaken {
                route: "backup".to_owned(),
                why_not: "it costs more".to_owned(),
            }],
            refusal: None,
        };
        assert_eq!(
            text(&answer),
            "x@far.test is of type smtp, its domain far.test\n\
             goes by internet, queue far.test/internet\n\
             \x20 internet (smtp:*, cost 1): lowest cost\n\
             \x20 leaves the organisation: over SMTP only from smtp.relay\n\
             not by backup: it costs more\n"
        );
        let none = RouteAnswer { choice: None, refusal: Some("no".to_owned()), ..answer };
        assert!(text(&none).contains("has no way: no\n"));
    }
}
