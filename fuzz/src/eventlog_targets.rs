//! Event logs in every form.

use crate::{choice, text};

/// Octets of the header of an .evtx file, and of one of its chunks.
const EVTX_HEADER: usize = 4096;
const EVTX_CHUNK: usize = 65_536;

/// Whatever the octets are: the old binary log, XML, JSON, tables, text.
pub fn any(octets: &[u8]) {
    let mut count = 0;
    let read = eventlog::read_octets(octets, |record| {
        count += 1;
        let strings: Vec<String> = record.text.iter().cloned().collect();
        let (source, id) = (record.source.as_deref().unwrap_or("MSExchangeMTA"), record.id);
        let _ = eventlog::templates::fill(source, id.unwrap_or(9318), &strings);
    });
    if let Ok(summary) = read {
        assert_eq!(summary.events, count);
    }
}

/// The old binary log without a way around it.
pub fn evt(octets: &[u8]) {
    let mut count = 0;
    if let Ok(odd) = eventlog::evt::read(octets, |_| count += 1) {
        // A record has 56 octets at least, and each is read once.
        assert!(count <= octets.len() / 56, "{count} events");
        assert!(u64::from(odd.broken_strings) <= u64::try_from(count).unwrap_or(0));
    }
}

/// The new binary log: the octets are the beginning of a chunk, behind a header that is right.
pub fn evtx(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    let mut file = header(1);
    let mut chunk = b"ElfChnk\0".to_vec();
    if first & 1 == 0 {
        // The chunk's header is right as well; the octets are its records.
        chunk.extend([1_u64, 1, 1, 1].iter().flat_map(|number| number.to_le_bytes()));
        for number in [128_u32, 512, u32::try_from(512 + rest.len()).unwrap_or(512)] {
            chunk.extend(number.to_le_bytes());
        }
        chunk.resize(512, 0);
    }
    chunk.extend(rest);
    chunk.resize(EVTX_CHUNK, 0);
    file.extend(chunk);
    any(&file);
}

fn header(chunks: u16) -> Vec<u8> {
    let mut out = b"ElfFile\0".to_vec();
    for number in [0_u64, u64::from(chunks) - 1, 2] {
        out.extend(number.to_le_bytes());
    }
    out.extend(128_u32.to_le_bytes());
    for number in [1_u16, 3, 4096, chunks] {
        out.extend(number.to_le_bytes());
    }
    out.resize(EVTX_HEADER, 0);
    out
}

pub fn words(octets: &[u8]) {
    let decoded = eventlog::decode(octets);
    if let Some(text) = text(octets)
        && !text.contains('\0')
        && text.is_ascii()
    {
        assert_eq!(decoded, text);
    }
}
