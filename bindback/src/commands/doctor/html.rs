//! The report as one file for a colleague: no script, nothing from elsewhere, a timeline of the servers.

use std::fmt::Write as _;

use finding::{Answer, Diagnosis};
use jiff::Timestamp;

use super::logs::Logged;

/// So many events of each server are drawn; more would be a bar.
const MAX_DRAWN: usize = 600;
/// So many events are listed below.
const MAX_LISTED: usize = 200;
/// The width of the timeline.
const WIDTH: i64 = 1_000;
/// The height of one server's lane.
const LANE: usize = 46;

/// How it looks: wide and narrow, light and dark, on paper.
const STYLE: &str = include_str!("report.css");

/// What a report shows.
pub struct Page<'a> {
    pub title: &'a str,
    pub answer: &'a Answer,
    pub lanes: Vec<Lane<'a>>,
    /// What else is to be said, one paragraph each.
    pub remarks: Vec<String>,
}

/// One server in time.
pub struct Lane<'a> {
    pub name: String,
    /// Seconds to take off its clock.
    pub ahead_s: i64,
    /// Its events, oldest first, each with whether it only follows from another one.
    pub events: Vec<(&'a Logged, bool)>,
}

/// The page: the cause, what speaks for it and what to do, then what was seen, then what else it could be.
pub fn render(page: &Page<'_>) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"><title>{title}</title><style>{STYLE}</style></head><body>\n<h1>{title}</h1>\n",
        title = escape(page.title)
    );
    verdict(&mut out, page.answer);
    let mut causes = page.answer.diagnoses.iter();
    if let Some(first) = causes.next() {
        evidence(&mut out, first);
        remedy(&mut out, first);
    }
    next_probe(&mut out, page.answer);
    timeline(&mut out, &page.lanes);
    for remark in &page.remarks {
        put(&mut out, &format!("<p class=\"weak\">{}</p>\n", escape(remark)));
    }
    for diagnosis in causes {
        less_likely(&mut out, diagnosis);
    }
    checks(&mut out, page.answer);
    listing(&mut out, &page.lanes);
    out.push_str("</body></html>\n");
    out
}

fn verdict(out: &mut String, answer: &Answer) {
    let text = match answer.diagnoses.first() {
        Some(first) => {
            let lead = if answer.undecided { "Undecided. Most likely: " } else { "" };
            format!(
                "{lead}<b>{}</b> ({}, {})",
                escape(first.title()),
                first.cause,
                percent(first.confidence)
            )
        }
        None if answer.undecided => "Undecided: too little could be read.".to_owned(),
        None => "Nothing is wrong.".to_owned(),
    };
    put(out, &format!("<p class=\"verdict\">{text}</p>\n"));
}

fn next_probe(out: &mut String, answer: &Answer) {
    let Some(next) = &answer.next_probe else { return };
    put(out, &format!("<h2>What would tell</h2>\n<p>{}.</p>\n", escape(&next.check)));
    if let Some(command) = &next.command {
        put(out, &format!("<pre>{}</pre>\n", escape(command)));
    }
}

fn less_likely(out: &mut String, diagnosis: &Diagnosis) {
    put(
        out,
        &format!(
            "<h2>Less likely: {} <span class=\"weak\">{}, {}</span></h2>\n<p>{}</p>\n",
            diagnosis.cause,
            diagnosis.group.slug(),
            percent(diagnosis.confidence),
            escape(diagnosis.title())
        ),
    );
    evidence(out, diagnosis);
}

fn evidence(out: &mut String, diagnosis: &Diagnosis) {
    for (title, list) in [("Because", &diagnosis.evidence), ("Against it", &diagnosis.against)] {
        if list.is_empty() {
            continue;
        }
        put(
            out,
            &format!(
                "<table class=\"evidence\"><thead><tr><th colspan=\"3\">{title}</th></tr></thead>\n"
            ),
        );
        for one in list {
            put(
                out,
                &format!(
                    "<tr><td>{}</td><td>{}</td><td class=\"weight\"><span class=\"bar\" style=\"width:{:.0}px\"></span></td></tr>\n",
                    escape(&one.source),
                    escape(&one.says),
                    (one.weight * 80.0).max(2.0)
                ),
            );
        }
        out.push_str("</table>\n");
    }
}

fn remedy(out: &mut String, diagnosis: &Diagnosis) {
    if diagnosis.remedy.is_empty() {
        return;
    }
    out.push_str("<h2>What to do</h2>\n<ol>\n");
    for step in &diagnosis.remedy {
        put(out, &format!("<li>{}", escape(&step.text)));
        if let Some(command) = &step.command {
            put(out, &format!("<pre>{}</pre>", escape(command)));
        }
        out.push_str("</li>\n");
    }
    out.push_str("</ol>\n");
}

fn checks(out: &mut String, answer: &Answer) {
    if answer.checks.is_empty() {
        return;
    }
    out.push_str("<h2>Checks</h2>\n<div class=\"scroll\"><table><thead><tr><th>check</th><th>from</th><th>target</th><th>result</th><th>detail</th></tr></thead>\n");
    for check in &answer.checks {
        let result = serde_json::to_value(check.result).ok();
        let result =
            result.as_ref().and_then(|value| value.as_str()).unwrap_or_default().to_owned();
        put(
            out,
            &format!(
                "<tr><td>{}</td><td>{}</td><td>{}</td><td>{result}</td><td>{}</td></tr>\n",
                escape(&check.check),
                escape(&check.from),
                escape(&check.target),
                escape(&check.detail)
            ),
        );
    }
    out.push_str("</table></div>\n");
}

fn timeline(out: &mut String, lanes: &[Lane<'_>]) {
    let times = lanes.iter().flat_map(|lane| lane.events.iter().map(|(one, _)| when(lane, one)));
    let (Some(from), Some(to)) = (times.clone().min(), times.max()) else { return };
    let span = (to - from).max(1);
    let height = lanes.len() * LANE + 34;
    put(
        out,
        &format!(
            "<h2>Timeline</h2>\n<div class=\"scroll\"><svg viewBox=\"0 0 {} {height}\" width=\"100%\" role=\"img\" aria-label=\"events of each server in time\">\n",
            WIDTH + 20
        ),
    );
    for (row, lane) in lanes.iter().enumerate() {
        let y = row * LANE + 34;
        put(
            out,
            &format!(
                "<text x=\"0\" y=\"{}\">{}</text><line x1=\"0\" x2=\"{WIDTH}\" y1=\"{y}\" y2=\"{y}\"/>\n",
                y - 16,
                escape(&lane.name)
            ),
        );
        let skip = lane.events.len().saturating_sub(MAX_DRAWN);
        for (one, follows) in lane.events.iter().skip(skip) {
            let x = (when(lane, one) - from) * WIDTH / span;
            let kind = kind(one);
            let faint = if *follows { " follows" } else { "" };
            put(
                out,
                &format!(
                    "<circle class=\"{kind}{faint}\" cx=\"{}\" cy=\"{y}\" r=\"5\"><title>{} {} {}: {}</title></circle>\n",
                    x + 5,
                    one.moment.time,
                    escape(&one.source),
                    one.moment.id,
                    escape(&one.text)
                ),
            );
        }
    }
    let bottom = height - 4;
    put(
        out,
        &format!(
            "<text x=\"0\" y=\"{bottom}\">{}</text><text x=\"{WIDTH}\" y=\"{bottom}\" text-anchor=\"end\">{}</text></svg></div>\n<p class=\"weak\"><span class=\"error\">&#9679;</span> error <span class=\"warning\">&#9679;</span> warning <span class=\"other\">&#9679;</span> other; faint: what only follows from another event. Point at a dot to read it; all of them stand at the end.</p>\n",
            stamp(from),
            stamp(to)
        ),
    );
}

fn listing(out: &mut String, lanes: &[Lane<'_>]) {
    let mut all: Vec<(i64, &Lane<'_>, &Logged, bool)> = lanes
        .iter()
        .flat_map(|lane| {
            lane.events.iter().map(move |(one, follows)| (when(lane, one), lane, *one, *follows))
        })
        .collect();
    if all.is_empty() {
        return;
    }
    all.sort_by_key(|(time, ..)| *time);
    let skipped = all.len().saturating_sub(MAX_LISTED);
    out.push_str("<h2>Events</h2>\n");
    if skipped > 0 {
        put(
            out,
            &format!(
                "<p class=\"weak\">The newest {MAX_LISTED}; {skipped} older ones are left out.</p>\n"
            ),
        );
    }
    out.push_str(
        "<table class=\"events\"><thead><tr><th>time</th><th>server</th><th>event</th><th>text</th></tr></thead>\n",
    );
    for (time, lane, one, follows) in all.into_iter().skip(skipped) {
        let weak = if follows { " class=\"weak\"" } else { "" };
        put(
            out,
            &format!(
                "<tr{weak}><td class=\"fixed\">{}</td><td>{}</td><td><span class=\"{}\">&#9679;</span> {} {}</td><td>{}</td></tr>\n",
                stamp(time),
                escape(&lane.name),
                kind(one),
                escape(&one.source),
                one.moment.id,
                escape(&one.text)
            ),
        );
    }
    out.push_str("</table>\n");
}

/// How bad an event is by its type, as each age of Windows calls it.
fn kind(one: &Logged) -> &'static str {
    match one.event_type.to_lowercase().as_str() {
        "critical" | "error" | "audit failure" | "failure audit" => "error",
        "warning" => "warning",
        _ => "other",
    }
}

fn when(lane: &Lane<'_>, one: &Logged) -> i64 {
    one.moment.time.as_second() - lane.ahead_s
}

fn stamp(second: i64) -> String {
    let time = Timestamp::from_second(second).map(|time| time.to_string()).unwrap_or_default();
    time.replace('T', " ").replace('Z', " UTC")
}

fn percent(confidence: f64) -> String {
    format!("{:.0}\u{a0}%", confidence * 100.0)
}

fn put(out: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _ = out.write_str(text);
}

/// Text of a log is a stranger's: nothing of it becomes markup.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            control if control.is_control() => out.push(' '),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use diagnosis::{FieldCase, Moment, consult};

    #[test]
    fn a_strangers_text_is_no_markup_and_nothing_is_fetched() {
        let logged = Logged {
            moment: Moment {
                time: Timestamp::UNIX_EPOCH,
                server: "EAST".into(),
                id: 9318,
                peer: None,
                code: None,
                bind: None,
            },
            source: "<script>".into(),
            event_type: "warning".into(),
            text: "\"><img src=http://x/>".into(),
        };
        let answer = consult(&FieldCase {
            notes: vec!["<b>queue</b> grows".into()],
            ..FieldCase::default()
        });
        let page = Page {
            title: "a & b",
            answer: &answer,
            lanes: vec![Lane { name: "EAST".into(), ahead_s: 0, events: vec![(&logged, false)] }],
            remarks: vec!["</p>".into()],
        };
        let html = render(&page);
        let shown = html.replace("src=http", "");
        for bad in [
            "<script", "<img", "<link", "<b>queue", "</p></p>", " src=", " href=", "url(",
            "@import",
        ] {
            assert!(!shown.contains(bad), "{bad}");
        }
        assert!(html.contains("<circle class=\"warning\"") && html.contains("a &amp; b"));
        assert!(html.contains("name=\"viewport\"") && html.contains("prefers-color-scheme:dark"));
    }
}
