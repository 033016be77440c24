//! What decoding costs, beside the least that any decoder must do: to walk over the tags and lengths.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use ber::Element;
use serde_json::json;
use wire::DecodeError;
use x400::{Message, MessageTransferEnvelope, MtsApdu};

/// An envelope with three recipients, made by another's MTA's rules: about a kibibyte.
const SAMPLE: &[u8] = include_bytes!("../../../../tier0/x400/tests/vectors/message.ber");
/// How long each figure is measured.
const TIME: Duration = Duration::from_secs(2);

/// Measures, and prints one JSON object.
pub fn run() -> Result<ExitCode> {
    let apdu = sample()?;
    let mut elements = 0;
    walk(ber::decode_one("APDU", &apdu)?, &mut elements)?;
    let walked = measure(|| {
        let mut count = 0;
        let element = ber::decode_one("APDU", black_box(&apdu));
        black_box(element.and_then(|element| walk(element, &mut count)).is_ok());
    });
    let decoded = measure(|| {
        black_box(MtsApdu::decode(black_box(&apdu)).is_ok());
    });
    let large = content(&apdu, 1024 * 1024)?;
    let whole = measure(|| {
        black_box(MtsApdu::decode(black_box(&large)).is_ok());
    });
    let kib = |octets: usize| f64::from(u32::try_from(octets).unwrap_or(u32::MAX)) / 1024.0;
    let rounded = |value: f64| (value * 10.0).round() / 10.0;
    println!(
        "{}",
        json!({
            "envelope_octets": apdu.len(),
            "elements": elements,
            "walk_ns": rounded(walked),
            "decode_ns": rounded(decoded),
            "times": rounded(decoded / walked),
            "decode_ns_per_kib": rounded(decoded / kib(apdu.len())),
            "one_mib_content_ns_per_kib": rounded(whole / kib(large.len())),
        })
    );
    Ok(ExitCode::SUCCESS)
}

/// A message of three recipients with a content so short that the whole is about a kibibyte.
fn sample() -> Result<Vec<u8>> {
    let MtsApdu::Message(message) = MtsApdu::decode(SAMPLE)? else {
        anyhow::bail!("the sample is no message")
    };
    let mut envelope: MessageTransferEnvelope = message.envelope;
    let one = envelope.recipients.first().cloned();
    let Some(one) = one else { anyhow::bail!("the sample has no recipient") };
    envelope.recipients =
        (1..=3).map(|number| x400::PerRecipientFields { number, ..one.clone() }).collect();
    let short = MtsApdu::Message(Message { envelope: envelope.clone(), content: Vec::new() });
    let room = 1024_usize.saturating_sub(short.encode().len() + 4);
    let apdu = MtsApdu::Message(Message { envelope, content: vec![b'x'; room] }).encode();
    ensure!((900..2048).contains(&apdu.len()), "the sample has {} octets", apdu.len());
    Ok(apdu)
}

fn content(apdu: &[u8], octets: usize) -> Result<Vec<u8>> {
    let MtsApdu::Message(message) = MtsApdu::decode(apdu)? else {
        anyhow::bail!("the sample is no message")
    };
    let content = vec![b'x'; octets];
    Ok(MtsApdu::Message(Message { envelope: message.envelope, content }).encode())
}

/// Visits every element and nothing else.
fn walk(element: Element<'_>, count: &mut usize) -> Result<(), DecodeError> {
    *count += 1;
    if element.constructed {
        let mut children = element.children()?;
        while let Some(child) = children.next_element()? {
            walk(child, count)?;
        }
    }
    Ok(())
}

/// Nanoseconds of one call: the least of twenty runs, since whatever else runs only adds.
fn measure(mut what: impl FnMut()) -> f64 {
    let begin = Instant::now();
    let mut calls: u32 = 0;
    while begin.elapsed() < TIME / 20 {
        what();
        calls += 1;
    }
    let each = |calls: u32, what: &mut dyn FnMut()| {
        let begin = Instant::now();
        for _ in 0..calls {
            what();
        }
        begin.elapsed().as_secs_f64() * 1e9 / f64::from(calls)
    };
    (0..20).map(|_| each(calls.max(1), &mut what)).fold(f64::INFINITY, f64::min)
}
