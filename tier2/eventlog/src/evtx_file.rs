//! The event log of Vista and later (.evtx), through the crate of that name; its XML goes the way of Event Viewer's.

use std::io::{Read, Seek};

use evtx::{EvtxParser, ParserSettings};

use crate::record::{EventLogError, Record};
use crate::xml;

/// The first octets.
pub const MAGIC: &[u8] = b"ElfFile\0";

/// Hands on each record; gives how many were damaged and left out.
///
/// # Errors
/// The file is no log of this form.
pub fn read<R: Read + Seek>(file: R, mut each: impl FnMut(Record)) -> Result<u32, EventLogError> {
    let wrong = |what: String| EventLogError::Malformed { offset: 0, what };
    let mut parser = EvtxParser::from_read_seek(file)
        .map_err(|error| wrong(error.to_string()))?
        .with_configuration(ParserSettings::new().num_threads(1));
    let mut damaged = 0;
    for record in parser.records() {
        let Ok(record) = record else {
            damaged += 1;
            continue;
        };
        let done = xml::read(&record.data, |mut found| {
            found.record = Some(record.event_record_id);
            found.time = found.time.or(Some(record.timestamp));
            each(found);
        });
        if done.is_err() {
            damaged += 1;
        }
    }
    Ok(damaged)
}
