//! Durable enqueues a second, beside the machine's raw group append: for `cargo xtask bench queue`.
//!
//! `enqueue FOLDER WRITERS SECONDS [store|raw]` prints one JSON object. Each writer waits until its message is on disk
//! before it begins the next one, as a sender waits for 250.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use queue::{
    Kind, MessageHead, MessageId, MessageRecord, NextHop, Priority, RecipientRecord, StoredMessage,
    Trouble, Wishes, Write,
};
use store::Store;

/// Octets of a content; envelope and record come on top.
const SIZE: usize = 2048;
/// Octets of a raw record: what the store writes for such a message, about.
const RAW: usize = SIZE + 512;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers = (
        arguments.get(1).and_then(|text| text.parse().ok()),
        arguments.get(2).and_then(|text| text.parse().ok()),
    );
    let (Some(folder), (Some(writers), Some(seconds))) = (arguments.first(), numbers) else {
        eprintln!("usage: enqueue FOLDER WRITERS SECONDS [store|raw]");
        return ExitCode::from(2);
    };
    let time = Duration::from_secs(seconds);
    let only = arguments.get(3).map(String::as_str);
    match run(Path::new(folder), writers, time, only) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

type Failure = Box<dyn std::error::Error>;

fn run(
    folder: &Path,
    writers: usize,
    time: Duration,
    only: Option<&str>,
) -> Result<String, Failure> {
    let mut line = serde_json::json!({ "writers": writers });
    if only != Some("raw") {
        let store = Store::open(&folder.join(format!("store-{writers}")))?;
        let done = measure(writers, time, |number| {
            store.commit_wait(vec![Write::PutMessage(Box::new(message(number)))]).is_ok()
        });
        line["store_messages"] = done.0.into();
        line["store_per_s"] = rate(done).into();
        store.close();
    }
    if only != Some("store") {
        let raw = RawLog::open(&folder.join(format!("raw-{writers}")))?;
        // Its writers make their messages too: what is compared is how they come to the disk.
        let done = measure(writers, time, |number| raw.append(octets(message(number))));
        line["raw_per_s"] = rate(done).into();
        line["raw_messages"] = done.0.into();
        line["raw_flushes"] = raw.flushes.load(Ordering::Relaxed).into();
    }
    Ok(line.to_string())
}

/// How many were done, in how long.
fn measure(writers: usize, time: Duration, one: impl Fn(u64) -> bool + Sync) -> (u64, Duration) {
    let (next, done, stop) = (AtomicU64::new(1), AtomicU64::new(0), AtomicBool::new(false));
    let begin = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..writers {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    if one(next.fetch_add(1, Ordering::Relaxed)) {
                        done.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        std::thread::sleep(time);
        stop.store(true, Ordering::Relaxed);
    });
    (done.load(Ordering::Relaxed), begin.elapsed())
}

fn rate((count, time): (u64, Duration)) -> f64 {
    let count = u32::try_from(count).unwrap_or(u32::MAX);
    (f64::from(count) / time.as_secs_f64()).round()
}

fn message(number: u64) -> StoredMessage {
    let head = MessageHead {
        id: MessageId::from_number(number),
        kind: Kind::Message,
        mts_id: format!("c=XX;a= ;p=BENCH;l=EAST-{number:016x}"),
        message_id_header: Some(format!("<{number}@bench.test>")),
        originator: "anna@east.bench.test".to_owned(),
        priority: Priority::Normal,
        submitted: Timestamp::UNIX_EPOCH,
        expires: Timestamp::MAX,
        wishes: Wishes::default(),
        trouble: Trouble::default(),
        size: 2048,
    };
    let recipient = RecipientRecord {
        number: 1,
        address: "bert@far.bench.test".to_owned(),
        next_hop: NextHop::Connector("hub".to_owned()),
        report_wanted: true,
        attempts: 0,
        last_error: None,
        due: None,
    };
    // No two contents alike, and nothing that compresses to nothing.
    let mut state = number | 1;
    let content: Vec<u8> = std::iter::repeat_with(|| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()[0]
    })
    .take(SIZE)
    .collect();
    StoredMessage {
        record: MessageRecord { head, recipients: vec![recipient] },
        envelope: content[..256].to_vec(),
        content: Arc::from(content),
    }
}

/// A message as octets, as many as the store writes for one, about.
fn octets(message: StoredMessage) -> Vec<u8> {
    let mut octets = message.envelope;
    octets.extend_from_slice(&message.content);
    octets.resize(RAW, 0);
    octets
}

/// One file, one thread that appends what waits and syncs once for all.
struct RawLog {
    jobs: mpsc::SyncSender<(Vec<u8>, mpsc::SyncSender<()>)>,
    flushes: Arc<AtomicU64>,
}

impl RawLog {
    fn open(path: &Path) -> Result<Self, Failure> {
        let mut file = File::create(path)?;
        let (jobs, waiting) = mpsc::sync_channel::<(Vec<u8>, mpsc::SyncSender<()>)>(1024);
        let flushes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&flushes);
        std::thread::spawn(move || {
            while let Ok(first) = waiting.recv() {
                let group: Vec<_> = std::iter::once(first).chain(waiting.try_iter()).collect();
                let mut octets = Vec::with_capacity(group.len() * RAW);
                group.iter().for_each(|(record, _)| octets.extend_from_slice(record));
                if file.write_all(&octets).and_then(|()| file.sync_data()).is_err() {
                    return;
                }
                counted.fetch_add(1, Ordering::Relaxed);
                for (_, one) in group {
                    let _ = one.send(());
                }
            }
        });
        Ok(Self { jobs, flushes })
    }

    fn append(&self, record: Vec<u8>) -> bool {
        let (done, told) = mpsc::sync_channel(1);
        self.jobs.send((record, done)).is_ok() && told.recv().is_ok()
    }
}
