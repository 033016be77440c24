//! Events out of exports: lines of `bindback events --json`, comma-separated values, and text as people paste it.

use std::path::Path;

use diagnosis::FieldEvent;
use serde_json::Value;

use crate::failure::Usage;

/// Where the columns stand in an export of the classic Event Viewer, which has no heading.
const CLASSIC: [(Column, usize); 6] = [
    (Column::Source, 2),
    (Column::Type, 3),
    (Column::Category, 4),
    (Column::Id, 5),
    (Column::Server, 7),
    (Column::Text, 8),
];

/// What a column or a labelled line holds, by the headings of the tools.
const HEADINGS: &[(&str, Column)] = &[
    ("event id", Column::Id),
    ("eventid", Column::Id),
    ("event", Column::Id),
    ("id", Column::Id),
    ("source", Column::Source),
    ("event source", Column::Source),
    ("provider name", Column::Source),
    ("category", Column::Category),
    ("event category", Column::Category),
    ("task category", Column::Category),
    ("type", Column::Type),
    ("event type", Column::Type),
    ("level", Column::Type),
    ("computer", Column::Server),
    ("server", Column::Server),
    ("log name", Column::Log),
    ("description", Column::Text),
    ("message", Column::Text),
    ("text", Column::Text),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Id,
    Source,
    Category,
    Type,
    Server,
    Log,
    Text,
}

/// The events of a file.
pub fn events(file: &Path, text: &str) -> anyhow::Result<Vec<FieldEvent>> {
    let start = text.trim_start();
    if start.starts_with(['{', '[']) {
        return json(file, start);
    }
    let first = start.lines().next().unwrap_or_default();
    if first.matches(',').count() >= 4 {
        let rows = rows(start);
        if let Some(found) = table(&rows) {
            return Ok(found);
        }
    }
    Ok(paragraphs(text))
}

/// One object after another; each is an event, or holds some.
fn json(file: &Path, text: &str) -> anyhow::Result<Vec<FieldEvent>> {
    let mut found = Vec::new();
    for value in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
        let value = value.map_err(|error| {
            Usage(format!("{}:{}:{}: {error}", file.display(), error.line(), error.column()))
        })?;
        let list = match value {
            Value::Array(list) => list,
            Value::Object(mut object) => match object.remove("events") {
                Some(Value::Array(list)) => list,
                _ => vec![Value::Object(object)],
            },
            _ => continue,
        };
        found.extend(list.into_iter().filter_map(|one| serde_json::from_value(one).ok()));
    }
    Ok(found)
}

/// Comma-separated values, with quotes that may hold line ends.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut rows = vec![vec![String::new()]];
    let mut quoted = false;
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(cell) = rows.last_mut().and_then(|row| row.last_mut()) else { break };
        match character {
            '"' if quoted && characters.peek() == Some(&'"') => {
                characters.next();
                cell.push('"');
            }
            '"' => quoted = !quoted,
            ',' if !quoted => {
                if let Some(row) = rows.last_mut() {
                    row.push(String::new());
                }
            }
            '\n' if !quoted => rows.push(vec![String::new()]),
            '\r' if !quoted => {}
            other => cell.push(other),
        }
    }
    rows.retain(|row| row.iter().any(|cell| !cell.trim().is_empty()));
    rows
}

/// The events of a table; `None` where neither a heading nor the classic order is found.
fn table(rows: &[Vec<String>]) -> Option<Vec<FieldEvent>> {
    let heading: Vec<(Column, usize)> = rows
        .first()?
        .iter()
        .enumerate()
        .filter_map(|(at, cell)| Some((column(cell)?, at)))
        .collect();
    let has_heading = heading.iter().any(|(column, _)| *column == Column::Id) && heading.len() > 1;
    let (columns, body): (&[(Column, usize)], _) = if has_heading {
        (&heading, &rows[1..])
    } else {
        rows.first()?.get(5)?.trim().parse::<u32>().ok()?;
        (&CLASSIC, rows)
    };
    Some(body.iter().map(|row| event_of(row, columns)).collect())
}

fn event_of(row: &[String], columns: &[(Column, usize)]) -> FieldEvent {
    let mut event = FieldEvent::default();
    for (column, at) in columns {
        // A description that was not quoted holds commas of its own: it is the rest of the row.
        let value = match column {
            Column::Text => row.get(*at..).map(|rest| rest.join(",")),
            _ => row.get(*at).cloned(),
        };
        if let Some(value) = value {
            set(&mut event, *column, value.trim());
        }
    }
    event
}

/// Text: events stand apart by blank lines or begin with a labelled line; other lines belong to the description.
fn paragraphs(text: &str) -> Vec<FieldEvent> {
    let mut found: Vec<FieldEvent> = Vec::new();
    let mut current: Option<FieldEvent> = None;
    for line in text.lines() {
        if line.trim().is_empty() {
            // A description that follows its labels after a blank line still belongs to them.
            if current.as_ref().is_some_and(|event| event.text.is_some()) {
                found.extend(current.take());
            }
            continue;
        }
        let labelled =
            line.split_once(':').and_then(|(label, value)| Some((column(label)?, value)));
        match labelled {
            Some((column, value)) => {
                if current.as_ref().is_some_and(|event| is_set(event, column)) {
                    found.extend(current.take());
                }
                set(current.get_or_insert_default(), column, value.trim());
            }
            None => describe(current.get_or_insert_default(), line.trim()),
        }
    }
    found.extend(current);
    found
}

fn describe(event: &mut FieldEvent, line: &str) {
    let text = event.text.get_or_insert_default();
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(line);
}

fn column(heading: &str) -> Option<Column> {
    let heading = heading.trim().to_ascii_lowercase();
    HEADINGS.iter().find(|(known, _)| *known == heading).map(|(_, column)| *column)
}

fn is_set(event: &FieldEvent, column: Column) -> bool {
    match column {
        Column::Id => event.id.is_some(),
        Column::Source => event.source.is_some(),
        Column::Category => event.category.is_some(),
        Column::Type => event.event_type.is_some(),
        Column::Server => event.server.is_some(),
        Column::Log => event.log.is_some(),
        Column::Text => event.text.is_some(),
    }
}

fn set(event: &mut FieldEvent, column: Column, value: &str) {
    let text = || Some(value.to_owned());
    match column {
        Column::Id => event.id = value.parse().ok(),
        Column::Source => event.source = text(),
        Column::Category => event.category = text(),
        Column::Type => event.event_type = text(),
        Column::Server => event.server = text(),
        Column::Log => event.log = text(),
        Column::Text => event.text = text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(Option<i64>, String)> {
        let found = events(Path::new("x"), text).unwrap();
        found.into_iter().map(|event| (event.id, event.text.unwrap_or_default())).collect()
    }

    #[test]
    fn our_own_lines_are_read() {
        let text = "{\"schema\":\"bindback.events/1\",\"events\":[{\"id\":9318,\"text\":\"a\"},{\"id\":57,\"text\":\"b\"}]}\n{\"id\":9322,\"text\":\"c\"}";
        assert_eq!(
            read(text),
            [
                (Some(9318), "a".to_owned()),
                (Some(57), "b".to_owned()),
                (Some(9322), "c".to_owned())
            ]
        );
        assert!(events(Path::new("x"), "{\"id\":").is_err());
    }

    #[test]
    fn tables_are_read_with_and_without_heading() {
        let classic = "1/2/98,3:04:05 PM,MSExchangeMTA,Warning,Interface ,9318,N/A,EAST,\"An RPC error, \nas \"\"told\"\"\"\n";
        assert_eq!(read(classic), [(Some(9318), "An RPC error, \nas \"told\"".to_owned())]);
        let headed = "Level,Date and Time,Source,Event ID,Task Category,Description\nWarning,x,MSExchangeMTA,57,y,The limit, it is 9\n";
        assert_eq!(read(headed), [(Some(57), "The limit, it is 9".to_owned())]);
    }

    #[test]
    fn pasted_text_is_read() {
        let text = "Event ID: 9318\nSource: MSExchangeMTA\nDescription: Unable to\nbind over RPC.\n\nEvent ID: 9322\nDescription:\nan MtaBindBack\n\nA connection to X could not be opened.";
        assert_eq!(
            read(text),
            [
                (Some(9318), "Unable to bind over RPC.".to_owned()),
                (Some(9322), "an MtaBindBack".to_owned()),
                (None, "A connection to X could not be opened.".to_owned()),
            ]
        );
    }
}
