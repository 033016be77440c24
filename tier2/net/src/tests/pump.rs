//! The drive loop: nothing is lost or doubled whenever it is cancelled, and nothing grows without end.

use std::convert::Infallible;

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::fixture::{PATIENCE, connection};
use crate::{Machine, Progress, Pump, PumpError};

/// Counts in both directions: every octet that comes must be the next of a fixed sequence.
#[derive(Default)]
struct Counter {
    received: usize,
    sent: usize,
    /// Octets to send in all.
    total: usize,
}

/// Octet number `at` of the sequence; its period has nothing in common with any buffer's size.
fn octet(at: usize) -> u8 {
    u8::try_from(at % 251).unwrap()
}

/// Octets of one transmission.
const CHUNK: usize = 7_001;

impl Machine for Counter {
    type Error = Infallible;

    fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        for byte in bytes {
            assert_eq!(*byte, octet(self.received));
            self.received += 1;
        }
        Ok(())
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        let until = self.total.min(self.sent + CHUNK);
        let chunk: Vec<u8> = (self.sent..until).map(octet).collect();
        self.sent = until;
        Some(chunk).filter(|chunk| !chunk.is_empty())
    }
}

const INWARD: usize = 3_000_000;
const OUTWARD: usize = 5_000_000;

#[tokio::test]
async fn a_cancelled_drive_loses_and_doubles_nothing() {
    let (near, far) = connection().await;
    let (mut reader, mut writer) = far.into_split();
    let writing = tokio::spawn(async move {
        let octets: Vec<u8> = (0..INWARD).map(octet).collect();
        for piece in octets.chunks(12_345) {
            writer.write_all(piece).await.unwrap();
            tokio::task::yield_now().await;
        }
        writer
    });
    let reading = tokio::spawn(async move {
        let (mut at, mut piece) = (0, vec![0; 54_321]);
        while at < OUTWARD {
            let count = reader.read(&mut piece).await.unwrap();
            assert!(count > 0, "it ended after {at} octets");
            for byte in &piece[..count] {
                assert_eq!(*byte, octet(at));
                at += 1;
            }
        }
        reader
    });
    let mut pump = Pump::new(Counter { total: OUTWARD, ..Counter::default() }, near);
    let mut cancelled = 0;
    let both = async {
        while pump.machine.received < INWARD || !reading.is_finished() {
            tokio::select! {
                biased;
                progress = pump.drive() => assert_eq!(progress.unwrap(), Progress::Received),
                // Cancelled whenever it has to wait.
                () = std::future::ready(()) => {
                    cancelled += 1;
                    tokio::task::yield_now().await;
                }
            }
        }
    };
    tokio::time::timeout(PATIENCE, both).await.unwrap();
    assert!(cancelled > 100, "cancelled only {cancelled} times");
    assert_eq!((pump.machine.received, pump.machine.sent), (INWARD, OUTWARD));

    drop((writing.await.unwrap(), reading.await.unwrap()));
    assert_eq!(pump.drive().await.unwrap(), Progress::Closed);
}

#[tokio::test]
async fn flush_sends_what_is_left() {
    let (near, mut far) = connection().await;
    let reading = tokio::spawn(async move {
        let mut octets = Vec::new();
        far.read_to_end(&mut octets).await.unwrap();
        octets
    });
    let mut pump = Pump::new(Counter { total: OUTWARD, ..Counter::default() }, near);
    let mut flushed = false;
    while !flushed {
        tokio::select! {
            biased;
            result = pump.flush() => flushed = result.is_ok(),
            () = tokio::task::yield_now() => {}
        }
    }
    drop(pump);
    let octets = reading.await.unwrap();
    assert!(octets.len() == OUTWARD && octets.iter().enumerate().all(|(at, o)| *o == octet(at)));
}

/// More than the system's buffers on loopback take, and what may wait here.
const FLOOD: usize = 24 * 1024 * 1024;

/// A peer that sends and does not read makes the machine neither produce nor take without end.
#[tokio::test]
async fn who_does_not_read_is_not_listened_to() {
    let (near, mut far) = connection().await;
    let mut pump = Pump::new(Counter { total: FLOOD, ..Counter::default() }, near);
    let mut turns = 0;
    // Until the system's buffers are full and nothing moves any more.
    let mut before = usize::MAX;
    while before != pump.machine.sent {
        before = pump.machine.sent;
        for _ in 0..100 {
            tokio::select! {
                biased;
                progress = pump.drive() => panic!("{progress:?}"),
                () = tokio::task::yield_now() => {}
            }
        }
        turns += 1;
        assert!(turns < 10_000);
    }
    assert!(before < FLOOD, "everything was produced for nobody");

    far.write_all(&[octet(0)]).await.unwrap();
    for _ in 0..100 {
        tokio::select! {
            biased;
            progress = pump.drive() => panic!("{progress:?}"),
            () = tokio::task::yield_now() => {}
        }
    }
    assert_eq!(pump.machine.received, 0);
    // Once it reads, it is heard.
    let reading = tokio::spawn(async move {
        let mut piece = vec![0; 1024 * 1024];
        while far.read(&mut piece).await.is_ok_and(|count| count > 0) {}
    });
    let progress = tokio::time::timeout(PATIENCE, pump.drive()).await.unwrap();
    assert_eq!((progress.unwrap(), pump.machine.received), (Progress::Received, 1));
    drop(pump);
    reading.await.unwrap();
}

/// Refuses everything, and has something to say about it.
struct Refusing(Option<Vec<u8>>);

#[derive(Debug, thiserror::Error)]
#[error("refused")]
struct Refused;

impl Machine for Refusing {
    type Error = Refused;

    fn handle_bytes(&mut self, _: &[u8]) -> Result<(), Refused> {
        self.0 = Some(b"why".to_vec());
        Err(Refused)
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.0.take()
    }
}

#[tokio::test]
async fn a_machine_that_refuses_has_the_last_word() {
    let (near, mut far) = connection().await;
    far.write_all(b"rubbish").await.unwrap();
    let mut pump = Pump::new(Refusing(None), near);
    let end = pump.drive().await;
    assert!(matches!(end, Err(PumpError::Protocol(Refused))), "{end:?}");
    pump.flush().await.unwrap();
    drop(pump);
    let mut said = Vec::new();
    far.read_to_end(&mut said).await.unwrap();
    assert_eq!(said, b"why");
}
