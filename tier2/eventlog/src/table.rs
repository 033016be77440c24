//! Comma- or tab-separated values: with a heading, or as the classic Event Viewer writes them.

use crate::record::Record;
use crate::text::{Column, column, set};
use crate::words::time;

/// Where the columns stand in an export of the classic Event Viewer, which has no heading.
const CLASSIC: [(Column, usize); 8] = [
    (Column::Date, 0),
    (Column::Time, 1),
    (Column::Source, 2),
    (Column::Type, 3),
    (Column::Category, 4),
    (Column::Id, 5),
    (Column::Server, 7),
    (Column::Text, 8),
];
/// A row has no more columns than this.
const MAX_COLUMNS: usize = 4_096;
/// No cell is kept further than this: the service of Windows allows 32 KiB, and a quote that never ends would be the whole file.
const MAX_CELL: usize = 64 * 1024;

/// True where the first line looks like a row.
pub fn is_table(first: &str) -> Option<char> {
    [',', '\t', ';'].into_iter().find(|separator| first.matches(*separator).count() >= 4)
}

/// Hands on each row; false where neither a heading nor the classic order is found.
pub fn read(text: &str, separator: char, each: &mut impl FnMut(Record)) -> bool {
    let mut rows = Rows { text, separator };
    let Some(first) = rows.next() else { return false };
    let heading: Vec<(Column, usize)> =
        first.iter().enumerate().filter_map(|(at, cell)| Some((column(cell)?, at))).collect();
    let has_heading = heading.iter().any(|(column, _)| *column == Column::Id) && heading.len() > 1;
    if has_heading {
        rows.for_each(|row| each(record(&row, &heading)));
        return true;
    }
    if first.get(5).is_none_or(|cell| cell.trim().parse::<u32>().is_err()) {
        return false;
    }
    each(record(&first, &CLASSIC));
    rows.for_each(|row| each(record(&row, &CLASSIC)));
    true
}

fn record(row: &[String], columns: &[(Column, usize)]) -> Record {
    let mut record = Record::default();
    let mut when = String::new();
    for (column, at) in columns {
        let value = match column {
            // A description that was not quoted holds commas of its own: it is the rest of the row.
            Column::Text if *at + 1 == columns.len() || columns.len() == CLASSIC.len() => {
                row.get(*at..).map(|rest| rest.join(","))
            }
            _ => row.get(*at).cloned(),
        };
        let Some(value) = value else { continue };
        if matches!(column, Column::Date | Column::Time) {
            when.push_str(value.trim());
            when.push(' ');
        } else {
            set(&mut record, *column, value.trim());
        }
    }
    record.time = record.time.or_else(|| time(&when));
    record
}

/// The rows, with quotes that may hold line ends; empty ones are left out.
struct Rows<'a> {
    text: &'a str,
    separator: char,
}

impl Iterator for Rows<'_> {
    type Item = Vec<String>;

    fn next(&mut self) -> Option<Vec<String>> {
        while !self.text.is_empty() {
            let row = self.row();
            if row.iter().any(|cell| !cell.trim().is_empty()) {
                return Some(row);
            }
        }
        None
    }
}

impl Rows<'_> {
    fn row(&mut self) -> Vec<String> {
        let mut row = vec![String::new()];
        let mut quoted = false;
        let mut characters = self.text.char_indices().peekable();
        let mut end = self.text.len();
        while let Some((at, character)) = characters.next() {
            let full = row.len() >= MAX_COLUMNS;
            let Some(cell) = row.last_mut() else { break };
            match character {
                '"' if quoted && characters.peek().is_some_and(|(_, next)| *next == '"') => {
                    characters.next();
                    cell.push('"');
                }
                '"' => quoted = !quoted,
                one if one == self.separator && !quoted && !full => row.push(String::new()),
                '\n' if !quoted => {
                    end = at + 1;
                    break;
                }
                '\r' if !quoted => {}
                other if cell.len() < MAX_CELL => cell.push(other),
                _ => {}
            }
        }
        self.text = self.text.get(end..).unwrap_or_default();
        row
    }
}
