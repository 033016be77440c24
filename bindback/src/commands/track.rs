//! `bindback track`: what became of a message.

use std::path::PathBuf;

use admin::queue_api::{QueueAnswer, QueueOrder, Track, TrackStep};
use clap::{ArgGroup, Args};
use jiff::Timestamp;

use crate::backend::Backend;
use crate::cli::Setting;
use crate::failure::Found;
use crate::output::clean;
use crate::when;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  bindback track anna@east.example --since 2h\n  bindback track 19a0c4f2b8e00001 --json\n  bindback track --export /tmp/track.jsonl --since 1d\n\nSteps are kept for 7 days after the last one of their message."
)]
#[command(group = ArgGroup::new("wanted").required(true).args(["what", "export"]))]
pub struct Arguments {
    /// A message's number, an MTS identifier, a Message-ID, or an address
    what: Option<String>,
    /// Not older than this: RFC 3339, or 10m for ten minutes ago
    #[arg(long, value_name = "T", value_parser = |text: &str| when::parse(text, Timestamp::now()))]
    since: Option<Timestamp>,
    /// The newest so many steps
    #[arg(long, value_name = "N")]
    limit: Option<u32>,
    /// Write all steps, as JSON lines, into this new file
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let Arguments { what, since, limit, export } = arguments;
    let backend = Backend::find(setting.config()?)?;
    if let Some(to) = export {
        let to = std::path::absolute(to)?;
        let answer = backend.queue_order(QueueOrder::TrackExport { since, to }).await?;
        let text = |answer: &QueueAnswer| answer.done.clone().unwrap_or_default();
        setting.output.answer_as("track-export", &answer, text)?;
        return Ok(Found::Nothing);
    }
    let order = QueueOrder::Track { what: what.unwrap_or_default(), since, limit };
    let track = Track { steps: backend.queue_order(order).await?.steps };
    setting.output.answer(&track, |track| text(&track.steps))?;
    Ok(Found::Nothing)
}

fn text(steps: &[TrackStep]) -> String {
    if steps.is_empty() {
        return "nothing is known of it; steps are kept for 7 days".to_owned();
    }
    let lines = steps.iter().map(|step| {
        let mut line = format!("{}  {}  {}", when::show(step.time), step.id, step.step);
        for recipient in &step.recipients {
            line.push_str(&format!("  {} ({})", recipient.address, recipient.next_hop));
        }
        if let Some(detail) = &step.detail {
            line.push_str(&format!("  {detail}"));
        }
        clean(&line)
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use admin::queue_api::TrackRecipient;

    use super::*;

    #[test]
    fn a_step_is_a_line() {
        let step = TrackStep {
            time: "2026-01-02T03:04:05.6Z".parse().unwrap(),
            id: "19a0c4f2b8e00001".to_owned(),
            step: "retried".to_owned(),
            kind: "message".to_owned(),
            mts_id: "EAST.1".to_owned(),
            message_id: None,
            from: "anna@east.test".to_owned(),
            size: 10,
            recipients: vec![TrackRecipient {
                number: 1,
                address: "bert@west.test".to_owned(),
                next_hop: "WEST".to_owned(),
            }],
            detail: Some("access denied\x1b[2J".to_owned()),
        };
        assert_eq!(
            text(&[step]),
            "2026-01-02T03:04:05Z  19a0c4f2b8e00001  retried  bert@west.test (WEST)  access denied [2J"
        );
        assert!(text(&[]).contains("nothing is known"));
    }
}
