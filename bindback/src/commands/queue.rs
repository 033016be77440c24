//! `bindback queue`: what waits.

use std::path::PathBuf;

use admin::api::{
    Deleted, MessageQuery, MessageRow, Messages, QueueRow, Queues, Retried, RetrySelector,
};
use admin::queue_api::QueueOrder;
use clap::{Args, Subcommand};

use crate::backend::{self, Backend};
use crate::cli::Setting;
use crate::failure::Found;
use crate::output::{clean, size};
use crate::table::Table;
use crate::when;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show the queues, one for each next hop
    #[command(after_help = "Example:\n  bindback queue list")]
    List,
    /// Show the messages that wait
    #[command(
        after_help = "Examples:\n  bindback queue show\n  bindback queue show --next-hop WEST\n  bindback queue show --limit 50 --after 19a0c4f2b8e00001"
    )]
    Show {
        /// This message only
        id: Option<String>,
        /// Only messages that wait for this server
        #[arg(long, value_name = "H")]
        next_hop: Option<String>,
        /// Only messages behind this one, the last that was shown before
        #[arg(long, value_name = "ID")]
        after: Option<String>,
        /// At most so many, oldest first
        #[arg(long, value_name = "N")]
        limit: Option<u32>,
    },
    /// Try again now
    #[command(
        after_help = "Examples:\n  bindback queue retry WEST\n  bindback queue retry 19a0c4f2b8e00001\n  bindback queue retry --all\n\nWhat an operator holds, or a schedule, goes on waiting."
    )]
    Retry {
        #[command(flatten)]
        what: What,
    },
    /// Take a message out; nobody gets a report
    #[command(after_help = "Example:\n  bindback queue delete 19a0c4f2b8e00001")]
    Delete { id: String },
    /// Stop sending to a server; what waits for it stays, also over a restart
    #[command(after_help = "Example:\n  bindback queue hold WEST")]
    Hold { next_hop: String },
    /// Send to a server again, or let a message go on that was set aside
    #[command(
        after_help = "Examples:\n  bindback queue release WEST\n  bindback queue release 19a0c4f2b8e00001"
    )]
    Release { what: String },
    /// Write every message into a new folder, while the server goes on
    #[command(
        after_help = "Example:\n  bindback queue export /var/tmp/queue\n\nThe folder holds messages.jsonl, and the envelope and content of each message as they are."
    )]
    Export { dir: PathBuf },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct What {
    /// This message, or all that waits for this next hop
    #[arg(value_name = "ID|NEXT-HOP")]
    what: Option<String>,
    /// All that waits for this next hop
    #[arg(long, value_name = "H")]
    next_hop: Option<String>,
    /// Everything
    #[arg(long)]
    all: bool,
}

impl What {
    fn selector(self) -> RetrySelector {
        match (self.what, self.next_hop) {
            (Some(id), _) if is_message(&id) => RetrySelector::Message(id),
            (Some(next_hop), _) | (_, Some(next_hop)) => RetrySelector::NextHop(next_hop),
            _ => RetrySelector::All,
        }
    }
}

/// A message's number is 16 hexadecimal digits.
fn is_message(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let config = setting.config()?;
    match arguments.action {
        Action::List => {
            let queues = Queues { queues: Backend::find(config)?.queues().await? };
            setting.output.answer(&queues, |queues| list(&queues.queues))?;
        }
        Action::Show { id, next_hop, after, limit } => {
            let query = MessageQuery { id, next_hop, after, limit };
            let messages = Messages { messages: Backend::find(config)?.messages(query).await? };
            setting.output.answer(&messages, |messages| show(&messages.messages))?;
        }
        Action::Retry { what } => {
            let retried = backend::running(&config).retry(what.selector()).await?;
            setting.output.answer(&retried, retry)?;
        }
        Action::Hold { next_hop } => {
            order(config, setting, "queue-hold", QueueOrder::Hold { next_hop }).await?;
        }
        Action::Release { what } => {
            let release = if is_message(&what) {
                QueueOrder::ReleaseMessage { id: what }
            } else {
                QueueOrder::Release { next_hop: what }
            };
            order(config, setting, "queue-release", release).await?;
        }
        Action::Export { dir } => {
            let to = std::path::absolute(dir)?;
            order(config, setting, "queue-export", QueueOrder::Export { to }).await?;
        }
        Action::Delete { id } => {
            Backend::find(config)?.delete(id.clone()).await?;
            setting.output.answer(&Deleted { id }, |gone| format!("{} is deleted", gone.id))?;
        }
    }
    Ok(Found::Nothing)
}

async fn order(
    config: config::Config,
    setting: &Setting<'_>,
    name: &str,
    order: QueueOrder,
) -> anyhow::Result<()> {
    let answer = Backend::find(config)?.queue_order(order).await?;
    setting.output.answer_as(name, &answer, |answer| answer.done.clone().unwrap_or_default())
}

fn list(queues: &[QueueRow]) -> String {
    let is_quiet = |queue: &QueueRow| {
        let well = queue.finding.is_none() && queue.last_error.is_none();
        queue.messages == 0 && well && queue.state != "held"
    };
    if queues.iter().all(is_quiet) {
        return "no messages are queued".to_owned();
    }
    let mut table = Table::new(&[
        "NEXT HOP",
        "STATE",
        "MESSAGES",
        "SIZE",
        "OLDEST",
        "NEXT ATTEMPT",
        "FINDING",
        "LAST ERROR",
    ]);
    for queue in queues {
        let state = match &queue.line {
            Some(line) => format!("{}; line {line}", queue.state),
            None => queue.state.clone(),
        };
        table.row(vec![
            queue.next_hop.clone(),
            state,
            queue.messages.to_string(),
            size(queue.bytes),
            when::show_some(queue.oldest),
            when::show_some(queue.next_attempt),
            queue.finding.map(|cause| cause.to_string()).unwrap_or_default(),
            queue.last_error.clone().unwrap_or_default(),
        ]);
    }
    table.render()
}

fn show(messages: &[MessageRow]) -> String {
    if messages.is_empty() {
        return "no messages are queued".to_owned();
    }
    let blocks: Vec<String> = messages.iter().map(block).collect();
    blocks.join("\n")
}

fn block(message: &MessageRow) -> String {
    let from = if message.from.is_empty() { "<> (a report)" } else { &message.from };
    let mut out = format!(
        "{}  from {}  {}  {}\n    submitted {}, expires {}\n",
        clean(&message.id),
        clean(from),
        clean(&message.priority),
        size(message.size),
        when::show(message.submitted),
        when::show(message.expires),
    );
    for recipient in &message.recipients {
        let mut line = format!("    to {}: {}", recipient.address, recipient.state);
        if let Some(next_hop) = &recipient.next_hop {
            line.push_str(&format!(" for {next_hop}"));
        }
        match recipient.attempts {
            0 => {}
            1 => line.push_str(", 1 attempt"),
            attempts => line.push_str(&format!(", {attempts} attempts")),
        }
        if let Some(error) = &recipient.last_error {
            line.push_str(&format!(", last error: {error}"));
        }
        out.push_str(&clean(&line));
        out.push('\n');
    }
    out
}

fn retry(retried: &Retried) -> String {
    let mut said = Vec::new();
    let hops = retried.next_hops.join(", ");
    match retried.messages {
        0 => {}
        1 => said.push(format!("1 message is tried again now, for {hops}")),
        messages => said.push(format!("{messages} messages are tried again now, for {hops}")),
    }
    said.extend(retried.held.iter().map(|hop| {
        format!(
            "{hop} is held, its mail goes on waiting; `bindback queue release {hop}` lets it go"
        )
    }));
    said.extend(retried.scheduled.iter().map(|hop| {
        format!("the schedule of {hop} is closed, its mail goes on waiting; `bindback queue list` says until when")
    }));
    if said.is_empty() { "nothing waits".to_owned() } else { said.join("\n") }
}

#[cfg(test)]
mod tests {
    use admin::api::RecipientRow;

    use super::*;

    fn message() -> MessageRow {
        MessageRow {
            id: "17".to_owned(),
            from: "anna@east.demo.test".to_owned(),
            recipients: vec![RecipientRow {
                address: "bert@west.demo.test".to_owned(),
                state: "waiting".to_owned(),
                next_hop: Some("WEST".to_owned()),
                attempts: 2,
                last_error: Some("access denied\x1b[2J".to_owned()),
            }],
            priority: "normal".to_owned(),
            size: 5_242_880,
            submitted: "2026-01-02T03:04:05Z".parse().unwrap(),
            expires: "2026-01-09T03:04:05Z".parse().unwrap(),
        }
    }

    #[test]
    fn a_message_is_a_block() {
        assert_eq!(
            show(&[message()]),
            "17  from anna@east.demo.test  normal  5.0 MiB\n    submitted 2026-01-02T03:04:05Z, expires 2026-01-09T03:04:05Z\n    to bert@west.demo.test: waiting for WEST, 2 attempts, last error: access denied [2J\n"
        );
        assert_eq!(show(&[]), "no messages are queued");
    }

    #[test]
    fn queues_are_rows() {
        let row = QueueRow {
            next_hop: "WEST".to_owned(),
            state: "retry".to_owned(),
            messages: 3,
            bytes: 2048,
            oldest: "2026-01-02T03:04:05Z".parse().ok(),
            next_attempt: None,
            last_error: Some("access denied".to_owned()),
            finding: None,
            line: None,
        };
        assert_eq!(
            list(std::slice::from_ref(&row)),
            "NEXT HOP  STATE  MESSAGES  SIZE     OLDEST                NEXT ATTEMPT  FINDING  LAST ERROR\n\
             WEST      retry  3         2.0 KiB  2026-01-02T03:04:05Z  -             -        access denied\n"
        );
        let quiet = QueueRow { messages: 0, state: "ready".to_owned(), last_error: None, ..row };
        assert_eq!(list(std::slice::from_ref(&quiet)), "no messages are queued");
        let held = QueueRow { state: "held".to_owned(), ..quiet.clone() };
        assert!(list(&[held]).contains("held"));
        let found = QueueRow { finding: Some(finding::Cause::ALL[0]), ..quiet };
        assert!(list(&[found]).contains(finding::Cause::ALL[0].slug()));
    }

    #[test]
    fn a_retry_says_what_goes_on_waiting() {
        let one = |text: &str| vec![text.to_owned()];
        let mut retried = Retried { messages: 1, next_hops: one("WEST"), ..Retried::default() };
        assert_eq!(retry(&retried), "1 message is tried again now, for WEST");
        retried.held = one("NORTH");
        assert!(
            retry(&retried).contains(
                "\nNORTH is held, its mail goes on waiting; `bindback queue release NORTH`"
            )
        );
        let held = Retried { held: one("NORTH"), ..Retried::default() };
        assert!(retry(&held).starts_with("NORTH is held"), "{}", retry(&held));
        let closed = Retried { scheduled: one("PARIS"), ..Retried::default() };
        assert!(retry(&closed).starts_with("the schedule of PARIS is closed"));
        assert_eq!(retry(&Retried::default()), "nothing waits");
    }
}
