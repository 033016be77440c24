//! `bindback events`: what was logged, and what is being logged.

use admin::api::{EventQuery, Events, LevelOrder};
use std::path::PathBuf;

use clap::{Args, Subcommand};
use event::Event;
use jiff::Timestamp;

use crate::backend::{self, Backend};
use crate::cli::Setting;
use crate::failure::Found;
use crate::when;

mod convert;
mod import;
mod level;

pub use import::imported;

#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "Examples:\n  bindback events --since 10m\n  bindback events --follow --id 9318\n  bindback events level 'X.400 Service' 3\n  bindback events convert east.evtx --json\n\nWith --follow, --since shows the past first. With --json, each followed event is a line of its own."
)]
pub struct Arguments {
    #[command(subcommand)]
    action: Option<Action>,
    /// Stay, and show events as they are logged
    #[arg(long)]
    follow: bool,
    /// Only events with this number
    #[arg(long, value_name = "N")]
    id: Option<u32>,
    /// Only events since then: RFC 3339, or 10m for ten minutes ago (s, m, h, d)
    #[arg(long, value_name = "T", value_parser = since)]
    since: Option<Timestamp>,
    /// Only the newest so many
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show and set how much a category of events logs
    #[command(
        after_help = "Examples:\n  bindback events level\n  bindback events level 'X.400 Service' 3\n\nLevels: 0 none (what an operator must always see), 1 minimum, 3 medium, 5 maximum, 7 with the trace of calls. It counts at once, and after a restart too."
    )]
    Level {
        /// The category: its name, or its number from 1 to 12
        #[arg(value_name = "CATEGORY", value_parser = level::category)]
        category: Option<event::Category>,
        /// The new level: 0, 1, 3, 5 or 7
        #[arg(value_name = "LEVEL", value_parser = level::level)]
        level: Option<event::Level>,
    },
    /// Show the events of a log: .evtx, .evt, XML, CSV, JSON lines, the MTA's text log or pasted text
    #[command(after_help = "Example:\n  bindback events convert SysEvent.Evt --json > events.json")]
    Convert {
        /// The log
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Keep the events of another server's log beside the own ones: `events` shows them, and `doctor` joins them
    #[command(
        after_help = "Examples:\n  bindback events import east.evtx\n  bindback events import EV0.LOG --server EAST\n  bindback events import --forget\n\nFor a server that cannot be asked over its administrative interface. Events of other sources than an MTA are left out; doctor --events weighs those."
    )]
    Import {
        /// The logs
        #[arg(value_name = "FILE", required_unless_present = "forget")]
        files: Vec<PathBuf>,
        /// Whose log it is, where it does not say so
        #[arg(long, value_name = "NAME")]
        server: Option<String>,
        /// Drop what was imported before
        #[arg(long)]
        forget: bool,
    },
}

fn since(text: &str) -> Result<Timestamp, String> {
    when::parse(text, Timestamp::now())
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    if let Some(Action::Convert { file }) = &arguments.action {
        return convert::run(file, setting.output);
    }
    if let Some(Action::Import { files, server, forget }) = &arguments.action {
        let config = setting.config()?;
        return import::run(files, server.as_deref(), *forget, &config, setting.output);
    }
    if let Some(Action::Level { category, level }) = arguments.action {
        return level::run(LevelOrder { category, level }, setting).await;
    }
    let query = EventQuery { since: arguments.since, id: arguments.id, limit: arguments.limit };
    let config = setting.config()?;
    if arguments.follow {
        return follow(backend::running(&config).follow(query).await?, setting).await;
    }
    let others = imported(&config)?;
    let mut events = Backend::find(config)?.events(query.clone()).await?;
    join(&mut events, others, &query);
    setting.output.answer(&Events { events, missed: 0 }, |events| {
        if events.events.is_empty() { "no such event is kept".to_owned() } else { lines(events) }
    })?;
    Ok(Found::Nothing)
}

/// Puts events of other servers among the own ones by their time, and keeps to the limit.
fn join(events: &mut Vec<Event>, others: Vec<Event>, query: &EventQuery) {
    events.extend(others.into_iter().filter(|event| query.matches(event)));
    events.sort_by_key(|event| event.time);
    let most = query.limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX);
    events.drain(..events.len().saturating_sub(most));
}

async fn follow(mut following: admin::Following, setting: &Setting<'_>) -> anyhow::Result<Found> {
    while let Some(events) = following.next().await? {
        if events.missed > 0 {
            let text = format!(
                "{} events came too fast and are left out here; they are kept",
                events.missed
            );
            setting.output.narrate(&text);
        }
        setting.output.answer(&events, lines)?;
    }
    setting.output.narrate("the server has stopped");
    Ok(Found::Nothing)
}

fn lines(events: &Events) -> String {
    let lines: Vec<String> = events.events.iter().map(|event| event::line(event, false)).collect();
    lines.join("\n")
}
