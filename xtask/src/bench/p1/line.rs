//! A line that is slow, far and loses: a relay whose connections share one rate in each direction.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::time::{Duration, Instant};

use anyhow::Result;

/// Octets of a segment, and of the headers of TCP and IP that travel with each.
const SEGMENT: usize = 1460;
const HEADERS: u64 = 40;
/// Segments that may wait before the line, as in a router.
const WAITING: usize = 8;

/// The line, open for as long as the process lives.
pub struct Line {
    carried: Arc<AtomicU64>,
}

/// One direction, shared by all connections.
struct Way {
    /// When the line is free again.
    free: Mutex<Instant>,
    rate: u32,
    one_way: Duration,
    lost_per_mille: u32,
    /// State of a generator of numbers: the same losses in every run.
    dice: Mutex<u64>,
    carried: Arc<AtomicU64>,
}

impl Line {
    pub fn open(
        at: SocketAddr,
        to: SocketAddr,
        rate: u32,
        one_way: Duration,
        lost_per_mille: u32,
    ) -> Result<Self> {
        let listener = TcpListener::bind(at)?;
        let carried = Arc::new(AtomicU64::new(0));
        let ways = [1, 2].map(|seed| {
            Arc::new(Way {
                free: Mutex::new(Instant::now()),
                rate,
                one_way,
                lost_per_mille,
                dice: Mutex::new(seed),
                carried: Arc::clone(&carried),
            })
        });
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(to) else { continue };
                for (from, into, way) in
                    [(&client, &server, &ways[0]), (&server, &client, &ways[1])]
                {
                    if let (Ok(from), Ok(into)) = (from.try_clone(), into.try_clone()) {
                        let way = Arc::clone(way);
                        std::thread::spawn(move || carry(from, into, &way));
                    }
                }
            }
        });
        Ok(Self { carried })
    }

    /// Octets that went over the line, headers and repetitions included, both ways.
    pub fn carried(&self) -> u64 {
        self.carried.load(Ordering::Relaxed)
    }
}

fn carry(mut from: TcpStream, mut into: TcpStream, way: &Way) {
    let (sender, arrivals) = mpsc::sync_channel::<(Instant, Vec<u8>)>(1024);
    let writer = std::thread::spawn(move || {
        for (at, octets) in arrivals {
            std::thread::sleep(at.saturating_duration_since(Instant::now()));
            if into.write_all(&octets).is_err() {
                break;
            }
        }
        let _ = into.shutdown(Shutdown::Write);
    });
    let mut buffer = [0; SEGMENT];
    let mut last = Instant::now();
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let (left, arrives) = way.send(count);
        // A segment does not overtake the one before it on its connection.
        last = last.max(arrives);
        if sender.send((last, buffer[..count].to_vec())).is_err() {
            break;
        }
        let ahead = way.time(SEGMENT) * u32::try_from(WAITING).unwrap_or(1);
        let until = left.checked_sub(ahead).unwrap_or(left);
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
    }
    drop(sender);
    let _ = writer.join();
}

impl Way {
    /// The time of so many octets on the line.
    fn time(&self, octets: usize) -> Duration {
        let octets = u32::try_from(octets).unwrap_or(u32::MAX);
        Duration::from_secs(1) * octets / self.rate
    }

    /// Puts a segment on the line: when it has left, and when it arrives.
    fn send(&self, count: usize) -> (Instant, Instant) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let whole = u64::try_from(count).unwrap_or(0) + HEADERS;
        let time = self.time(usize::try_from(whole).unwrap_or(count));
        let mut left = (*free).max(Instant::now()) + time;
        let mut arrives = left + self.one_way;
        self.carried.fetch_add(whole, Ordering::Relaxed);
        if self.loses() {
            // The sender hears of it after a round trip, and sends it again.
            left += time;
            arrives = left + self.one_way * 3;
            self.carried.fetch_add(whole, Ordering::Relaxed);
        }
        *free = left;
        (left, arrives)
    }

    fn loses(&self) -> bool {
        let mut dice = self.dice.lock().unwrap_or_else(PoisonError::into_inner);
        *dice =
            dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (*dice >> 33) % 1000 < u64::from(self.lost_per_mille)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_takes_its_time_and_loses_its_share() {
        let way = |lost_per_mille| Way {
            free: Mutex::new(Instant::now()),
            rate: 7000,
            one_way: Duration::from_millis(100),
            lost_per_mille,
            dice: Mutex::new(1),
            carried: Arc::default(),
        };
        let good = way(0);
        let (left, arrives) = good.send(1460);
        assert_eq!(arrives - left, Duration::from_millis(100));
        let (second, _) = good.send(1460);
        // 1,500 octets at 7,000 a second.
        assert_eq!((second - left).as_micros(), 214_285);
        let bad = way(10);
        let lost = (0..100_000).filter(|_| bad.loses()).count();
        assert!((900..1100).contains(&lost), "{lost} of 100000");
    }
}
