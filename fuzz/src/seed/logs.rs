//! Event logs: one in each form.

use super::{Corpus, Result, after};

const TEXTS: [&str; 8] = [
    "1/2/98,3:04:05 PM,MSExchangeMTA,Warning,Interface ,9318,N/A,EAST,\"An RPC error, \nas \"\"told\"\"\"\n",
    "Level,Date and Time,Source,Event ID,Task Category,Description\nWarning,x,MSExchangeMTA,57,y,The limit, it is 9\n",
    "Event ID: 9318\nSource: MSExchangeMTA\nDate: 1/2/98\nTime: 3:04:05 PM\nDescription: Unable to\nbind over RPC.\n",
    "{\"schema\":\"bindback.events/1\",\"events\":[{\"id\":9318,\"text\":\"a\"},{\"id\":\"57\",\"text\":\"b\"}]}\n{\"id\":9322}",
    "[{\"Id\":9318,\"ProviderName\":\"MSExchangeMTA\",\"Message\":\"a\"}]",
    "Monitoring Event, severity 8 (DB Server RTSE(7) Proc 310) 2-14-99 3:04:05am\nThread pausing\n",
    "<Events><Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='MSExchangeMTA'/><EventID Qualifiers='32768'>9318</EventID><Level>3</Level><TimeCreated SystemTime='1998-01-02T03:04:05Z'/><Computer>EAST</Computer></System><EventData><Data>4</Data><Data>1722</Data></EventData><RenderingInfo Culture='en'><Message>An RPC error</Message></RenderingInfo></Event></Events>",
    "Just a line of nothing in particular",
];

pub(super) fn write(corpus: &Corpus<'_>) -> Result<()> {
    for text in TEXTS {
        corpus.add("eventlog_any", text.as_bytes())?;
        corpus.add("eventlog_words", text.as_bytes())?;
        let wide: Vec<u8> =
            [0xfeff].into_iter().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        corpus.add("eventlog_words", &wide)?;
    }
    let log = evt();
    corpus.add("eventlog_evt", &log)?;
    corpus.add("eventlog_any", &log)?;
    // A record whose template is no template: what the parser makes of it is its affair.
    let mut record = vec![0x2a, 0x2a, 0, 0];
    record.extend(32_u32.to_le_bytes());
    record.extend(1_u64.to_le_bytes());
    record.extend(0x01bd_0000_0000_0000_u64.to_le_bytes());
    record.extend([0x0f, 1, 1, 0]);
    record.extend(32_u32.to_le_bytes());
    corpus.add("eventlog_evtx", &after(0, &record))?;
    corpus.add("eventlog_evtx", &after(1, &record))
}

/// A log of two records in the form of NT, closed as it should be.
fn evt() -> Vec<u8> {
    let records = [record(1, 9318, &["4", "1722", "1722", "0", "WEST"]), record(2, 57, &["9"])];
    let end = 0x30 + records.iter().map(Vec::len).sum::<usize>();
    let end = u32::try_from(end).unwrap_or(0);
    let mut out = Vec::new();
    for word in [0x30, MAGIC, 1, 1, 0x30, end, 3, 1, 0x1_0000, 0, 0, 0x30] {
        out.extend(word.to_le_bytes());
    }
    records.iter().for_each(|record| out.extend(record));
    for word in [0x28, 0x1111_1111, 0x2222_2222, 0x3333_3333, 0x4444_4444, 0x30, end, 3, 1, 0x28] {
        out.extend(u32::to_le_bytes(word));
    }
    out
}

const MAGIC: u32 = u32::from_le_bytes(*b"LfLe");

fn record(number: u32, id: u32, strings: &[&str]) -> Vec<u8> {
    let utf16 = |text: &str| -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    };
    let mut body = [utf16("MSExchangeMTA"), utf16("EAST")].concat();
    let string_offset = u32::try_from(56 + body.len()).unwrap_or(0);
    strings.iter().for_each(|string| body.extend(utf16(string)));
    body.resize(body.len().next_multiple_of(4), 0);
    let length = u32::try_from(56 + body.len() + 4).unwrap_or(0);
    let mut out = Vec::new();
    for word in [length, MAGIC, number, 1_000, 1_000, id] {
        out.extend(word.to_le_bytes());
    }
    for half in [2, u16::try_from(strings.len()).unwrap_or(0), 4, 0] {
        out.extend(half.to_le_bytes());
    }
    for word in [0, string_offset, 0, 0, 0, 0] {
        out.extend(word.to_le_bytes());
    }
    out.extend(body);
    out.extend(length.to_le_bytes());
    out
}
