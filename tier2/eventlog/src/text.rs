//! Text as people paste it, and as Event Viewer saves or copies it: labelled lines, wrapped descriptions, fields missing.

use crate::record::Record;
use crate::words::time;

/// What a column or a labelled line holds, by the headings of the tools.
const HEADINGS: &[(&str, Column)] = &[
    ("event id", Column::Id),
    ("eventid", Column::Id),
    ("event", Column::Id),
    ("id", Column::Id),
    ("instance id", Column::Id),
    ("source", Column::Source),
    ("event source", Column::Source),
    ("provider name", Column::Source),
    ("provider", Column::Source),
    ("providername", Column::Source),
    ("category", Column::Category),
    ("event category", Column::Category),
    ("task category", Column::Category),
    ("type", Column::Type),
    ("event type", Column::Type),
    ("level", Column::Type),
    ("leveldisplayname", Column::Type),
    ("computer", Column::Server),
    ("server", Column::Server),
    ("machinename", Column::Server),
    ("log name", Column::Log),
    ("logname", Column::Log),
    ("date", Column::Date),
    ("time", Column::Time),
    ("date and time", Column::Date),
    ("timecreated", Column::Date),
    ("description", Column::Text),
    ("message", Column::Text),
    ("text", Column::Text),
];

/// What a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    Id,
    Source,
    Category,
    Type,
    Server,
    Log,
    Date,
    Time,
    Text,
}

/// The longest text of one event: the service of Windows allows 32 KiB.
const MAX_TEXT: usize = 64 * 1024;

/// No name of a source, category or type has more words.
const MAX_WORDS: usize = 5;

/// Events stand apart by blank lines or begin with a labelled line; other lines belong to the description.
pub fn read(text: &str, each: &mut impl FnMut(Record)) {
    let mut current: Option<Open> = None;
    let mut finish = |open: &mut Option<Open>| {
        if let Some(open) = open.take() {
            each(open.done());
        }
    };
    for line in text.lines() {
        if line.trim().is_empty() {
            // A description that follows its labels after a blank line still belongs to them.
            if current.as_ref().is_some_and(|open| open.record.text.is_some()) {
                finish(&mut current);
            }
            continue;
        }
        let labelled =
            line.split_once(':').and_then(|(label, value)| Some((column(label)?, value.trim())));
        let in_text = current.as_ref().is_some_and(|open| open.record.text.is_some());
        let labelled = labelled.filter(|(column, value)| !in_text || is_field(*column, value));
        match labelled {
            Some((column, value)) => {
                if current.as_ref().is_some_and(|open| open.has(column)) {
                    finish(&mut current);
                }
                current.get_or_insert_default().set(column, value);
            }
            None => describe(&mut current.get_or_insert_default().record, line.trim()),
        }
    }
    finish(&mut current);
}

/// Whether a labelled line is a field although a description stands open: a description that was wrapped may go on with `ID: 0600012A) was`.
fn is_field(column: Column, value: &str) -> bool {
    let words = value.split_whitespace().count();
    match column {
        Column::Id => value.parse::<u32>().is_ok(),
        Column::Date | Column::Time => value.starts_with(|c: char| c.is_ascii_digit()),
        Column::Server => words == 1,
        Column::Source | Column::Category | Column::Type | Column::Log => {
            (1..=MAX_WORDS).contains(&words)
        }
        Column::Text => words != 1,
    }
}

/// An event whose lines are still coming.
#[derive(Default)]
struct Open {
    record: Record,
    date: Option<String>,
    time: Option<String>,
}

impl Open {
    fn set(&mut self, column: Column, value: &str) {
        match column {
            Column::Date => self.date = Some(value.to_owned()),
            Column::Time => self.time = Some(value.to_owned()),
            _ => set(&mut self.record, column, value),
        }
    }

    fn has(&self, column: Column) -> bool {
        match column {
            Column::Id => self.record.id.is_some(),
            Column::Source => self.record.source.is_some(),
            Column::Category => self.record.category.is_some(),
            Column::Type => self.record.event_type.is_some(),
            Column::Server => self.record.server.is_some(),
            Column::Log => self.record.log.is_some(),
            Column::Date => self.date.is_some(),
            Column::Time => self.time.is_some(),
            Column::Text => self.record.text.is_some(),
        }
    }

    fn done(self) -> Record {
        let when = [self.date, self.time].into_iter().flatten().collect::<Vec<_>>().join(" ");
        Record { time: time(&when), ..self.record }
    }
}

/// Adds a line to the description.
pub fn describe(record: &mut Record, line: &str) {
    let text = record.text.get_or_insert_default();
    if text.len() + line.len() > MAX_TEXT {
        return;
    }
    if !text.is_empty() {
        text.push(' ');
    }
    text.push_str(line);
}

/// What a heading or label stands for.
pub fn column(heading: &str) -> Option<Column> {
    let heading = heading.trim().to_ascii_lowercase();
    HEADINGS.iter().find(|(known, _)| *known == heading).map(|(_, column)| *column)
}

/// Puts a value where it belongs.
pub fn set(record: &mut Record, column: Column, value: &str) {
    let text = || Some(value.to_owned());
    match column {
        Column::Id => record.id = value.parse().ok(),
        Column::Source => record.source = text(),
        Column::Category => record.category = text(),
        Column::Type => record.event_type = text(),
        Column::Server => record.server = text(),
        Column::Log => record.log = text(),
        Column::Date | Column::Time => record.time = record.time.or_else(|| time(value)),
        Column::Text => record.text = text(),
    }
}
