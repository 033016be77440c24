//! A line that is slow, far and loses packets, between the kernels' TCP of two network namespaces.
//!
//! The wire of a [`Network`] is taken away, and in its place each namespace gets a TUN device whose packets pass
//! through here: they queue for the line's rate, some are dropped, the others come out at the far end later. What is
//! lost is lost, and TCP finds out by itself. (netem would do the same where the kernel has it.) socat carries packets
//! between each device and a socket, since to open one takes an ioctl, and this workspace has no unsafe code.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use conformance::{Network, Organisation, Process, Random, Side, until};
use tempfile::TempDir;

/// How long a device may take to be there.
const PATIENCE: Duration = Duration::from_secs(10);
/// Octets of a packet at most: the MTU of a TUN device, and more.
const PACKET: usize = 2048;

/// What a line does with packets, either way.
#[derive(Debug, Clone, Copy)]
pub struct Quality {
    /// Octets a second, headers included.
    pub rate: u32,
    /// From the end of its time on the line to the far end.
    pub one_way: Duration,
    /// Packets that are lost, in a thousand.
    pub lost_per_mille: u64,
    /// How long a packet may have to wait for the line; one that would wait longer is dropped.
    pub queue: Duration,
    /// The same losses in every run.
    pub seed: u64,
}

/// What went over a line, both ways.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub packets: u64,
    pub octets: u64,
    /// Packets that the line lost.
    pub lost: u64,
    /// Packets that found the queue full.
    pub no_room: u64,
}

/// The line; dropped, it is gone.
pub struct Line {
    counts: Arc<Mutex<Counts>>,
    _carriers: [Process; 2],
    _folder: TempDir,
}

impl Line {
    /// Why there can be none here, if so.
    pub fn why_not() -> Option<String> {
        let device = Path::new("/dev/net/tun");
        Network::why_not()
            .or_else(|| conformance::missing(&["socat"]))
            .or_else(|| (!device.exists()).then(|| format!("{} is missing", device.display())))
    }

    /// Puts a line in the place of the wire between the hosts of an organisation.
    pub fn lay(organisation: &Organisation, quality: Quality) -> Result<Self> {
        let network = organisation.network().context("both servers are on one host")?;
        let folder = tempfile::Builder::new().prefix("bb").tempdir()?;
        network.run_on(Side::East, "ip link del wire")?;
        let counts = Arc::default();
        let mut carriers = Vec::new();
        let mut ends = Vec::new();
        for side in Side::BOTH {
            let (here, there) = (folder.path().join(side.name()), folder.path().join(side.host()));
            let end = UnixDatagram::bind(&here)?;
            let mut socat = network.command(side, "socat");
            socat.args([
                "TUN,tun-name=wire,tun-type=tun,iff-no-pi,iff-up".to_owned(),
                format!("UNIX-SENDTO:{},bind={}", here.display(), there.display()),
            ]);
            carriers.push(Process::start(socat, &folder.path().join("log"))?);
            until(PATIENCE, "the device of the line", || {
                let up = network.run_on(side, "ip link show dev wire up");
                Ok(up.is_ok_and(|shown| !shown.is_empty() && there.exists()).then_some(()))
            })?;
            end.connect(&there)?;
            let (own, other) = (organisation.address(side), organisation.address(side.other()));
            network.run_on(side, &format!("ip route add {other}/32 dev wire src {own}"))?;
            ends.push(end);
        }
        for (from, to, seed) in [(0, 1, 0), (1, 0, 1)] {
            let (from, to): (UnixDatagram, _) = (ends[from].try_clone()?, ends[to].try_clone()?);
            let (sender, arrivals) = channel();
            let way = Way::new(Quality { seed: quality.seed + seed, ..quality }, &counts);
            std::thread::spawn(move || take(&from, way, &sender));
            std::thread::spawn(move || bring(&arrivals, &to));
        }
        let carriers = carriers.try_into().ok().context("two hosts")?;
        Ok(Self { counts, _carriers: carriers, _folder: folder })
    }

    pub fn counts(&self) -> Counts {
        *self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Packet = (Instant, Vec<u8>);

/// Takes packets at one end, until that end is gone.
fn take(from: &UnixDatagram, mut way: Way, arrivals: &Sender<Packet>) {
    let mut buffer = [0; PACKET];
    while let Ok(count @ 1..) = from.recv(&mut buffer) {
        if let Some(at) = way.send(Instant::now(), count)
            && arrivals.send((at, buffer[..count].to_vec())).is_err()
        {
            break;
        }
    }
}

/// Brings them out at the other end, each at its time.
fn bring(arrivals: &Receiver<Packet>, to: &UnixDatagram) {
    for (at, packet) in arrivals {
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
        if to.send(&packet).is_err() {
            break;
        }
    }
}

/// One direction.
struct Way {
    quality: Quality,
    /// When the line is free again.
    free: Option<Instant>,
    dice: Random,
    counts: Arc<Mutex<Counts>>,
}

impl Way {
    fn new(quality: Quality, counts: &Arc<Mutex<Counts>>) -> Self {
        let dice = Random::new(quality.seed);
        Self { quality, free: None, dice, counts: Arc::clone(counts) }
    }

    /// Puts a packet on the line: when it comes out, or not at all.
    fn send(&mut self, now: Instant, octets: usize) -> Option<Instant> {
        let Quality { rate, one_way, lost_per_mille, queue, .. } = self.quality;
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.free.unwrap_or(now).max(now);
        if free - now > queue {
            counts.no_room += 1;
            return None;
        }
        let left = free + Duration::from_secs(1) * u32::try_from(octets).ok()? / rate;
        self.free = Some(left);
        counts.packets += 1;
        counts.octets += u64::try_from(octets).ok()?;
        if self.dice.below(1000) < lost_per_mille {
            counts.lost += 1;
            return None;
        }
        Some(left + one_way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUALITY: Quality = Quality {
        rate: 7000,
        one_way: Duration::from_millis(100),
        lost_per_mille: 0,
        queue: Duration::from_secs(2),
        seed: 1,
    };

    #[test]
    fn a_line_takes_its_time_and_has_a_queue_that_ends() {
        let counts = Arc::default();
        let mut way = Way::new(QUALITY, &counts);
        let now = Instant::now();
        let arrivals: Vec<_> = (0..20).map_while(|_| way.send(now, 1400)).collect();
        // 1,400 octets at 7,000 a second; eleven of them are two seconds ahead of the twelfth.
        let after: Vec<_> = arrivals.iter().map(|at| (*at - now).as_millis()).collect();
        assert_eq!(after, (1..=11).map(|packet| packet * 200 + 100).collect::<Vec<_>>());
        assert!(way.send(now + Duration::from_millis(200), 1400).is_some(), "room again");
        let counts = counts.lock().unwrap();
        assert_eq!((counts.packets, counts.octets, counts.no_room), (12, 12 * 1400, 1));
    }

    #[test]
    fn a_line_loses_its_share() {
        let counts = Arc::default();
        let quality = Quality { lost_per_mille: 10, queue: Duration::MAX, ..QUALITY };
        let mut way = Way::new(quality, &counts);
        let now = Instant::now();
        let came = (0..100_000).filter(|_| way.send(now, 40).is_some()).count();
        assert!((98_900..99_100).contains(&came), "{came} of 100000");
        assert_eq!(counts.lock().unwrap().lost, 100_000 - u64::try_from(came).unwrap());
    }
}
