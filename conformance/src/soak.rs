//! Blows under load: servers that are killed, machines that lose their power, wires that are cut, and what was lost.
//!
//! The seed decides what is struck, when and how; how far the servers are at that moment, the machine decides.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::disk::{Disk, missing};
use crate::load::Load;
use crate::network::{Cut, Network};
use crate::organisation::{Carrier, Organisation, Plan, Side};
use crate::process::Process;
use crate::wait::Random;

/// Letters that must hear 250 for each blow, half of them each way.
const LETTERS: u32 = 50;

/// Clients at work on each side.
const CLIENTS: u32 = 2;

/// From the begin of a burst of letters to the blow, at most: on a fast machine hand-in, transfer and delivery of a
/// burst take about as long.
const BURST_MS: u64 = 120;

/// The same where a wire is cut: it is slow, so that transfers take their time.
const WIRE_BURST_MS: u64 = 1000;

/// From the end of a blow to the next burst, at most: in long pauses the servers find each other and clear their
/// queues, in short ones they are hit while they do.
const PAUSE_MS: u64 = 2000;

/// How long a wire stays cut, at most.
const CUT_MS: u64 = 1500;

/// How long the resets after a silent cut last, where there are any: long enough that every end says something.
const RESET_MS: u64 = 900;

/// How long nothing may move at the end before what is missing counts as lost.
const PATIENCE: Duration = Duration::from_secs(90);

/// A disk for the data and the Maildir of one server.
const DISK_MIB: u64 = 512;

/// The event that says that an association is over, and not by a release. SMTP has none.
const ASSOCIATION_ENDED: u64 = 1294;

/// What strikes the servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blow {
    /// SIGKILL for one of them.
    Kill,
    /// One of them, or both, without power.
    PowerCut,
    /// The wire between them.
    NetworkCut,
}

/// A run of blows on one pair of servers.
#[derive(Debug, Clone, Copy)]
pub struct Soak {
    pub blow: Blow,
    pub carrier: Carrier,
    pub blows: u32,
    pub seed: u64,
}

/// What became of the letters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub blows: u64,
    /// Letters that heard 250.
    pub accepted: u64,
    /// Letters that were refused for now.
    pub refused: u64,
    /// Letters of which nobody knows whether they were taken.
    pub unanswered: u64,
    pub delivered: u64,
    pub reported: u64,
    /// Accepted, and neither delivered nor reported.
    pub lost: u64,
    /// Delivered more than once.
    pub doubled: u64,
    pub doubled_reports: u64,
    /// Files in a Maildir that nobody sent, or that were changed.
    pub strange: u64,
    /// Associations that the servers say they lost; connections of SMTP are not among them.
    pub broken: u64,
    /// Packets that a cut wire took.
    pub packets: u64,
}

impl Blow {
    pub const ALL: [Self; 3] = [Self::Kill, Self::PowerCut, Self::NetworkCut];

    pub const fn name(self) -> &'static str {
        match self {
            Self::Kill => "kills",
            Self::PowerCut => "power_cuts",
            Self::NetworkCut => "network_cuts",
        }
    }

    /// Why it cannot be dealt here, if so.
    pub fn why_not(self) -> Option<String> {
        match self {
            Self::Kill => None,
            Self::PowerCut => missing(&["mount", "losetup", "mkfs.ext4", "xfs_io"]),
            Self::NetworkCut => Network::why_not(),
        }
    }
}

impl Counts {
    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        self.blows += other.blows;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.unanswered += other.unanswered;
        self.delivered += other.delivered;
        self.reported += other.reported;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.doubled_reports += other.doubled_reports;
        self.strange += other.strange;
        self.broken += other.broken;
        self.packets += other.packets;
    }

    pub fn json(&self) -> Value {
        json!({
            "blows": self.blows,
            "accepted": self.accepted,
            "refused": self.refused,
            "unanswered": self.unanswered,
            "delivered": self.delivered,
            "reported": self.reported,
            "lost": self.lost,
            "doubled": self.doubled,
            "doubled_reports": self.doubled_reports,
            "strange": self.strange,
            "associations_lost": self.broken,
            "packets_taken": self.packets,
        })
    }
}

impl Soak {
    /// Everything once, and enough of it to call it a load: an error says what is not.
    pub fn judge(&self, counts: &Counts) -> Result<()> {
        let due = u64::from(LETTERS * self.blows);
        ensure!(counts.accepted >= due, "only {} of {due} letters were taken", counts.accepted);
        ensure!(
            self.blow != Blow::NetworkCut || counts.packets > 0,
            "the wire was cut while nothing was on it"
        );
        ensure!(counts.lost == 0, "{} letters are lost", counts.lost);
        ensure!(counts.strange == 0, "{} files are nothing that was sent", counts.strange);
        ensure!(counts.doubled_reports == 0, "{} reports came twice", counts.doubled_reports);
        // SMTP is at least once: a letter whose 250 was lost comes again (RFC 1047).
        let once = self.carrier != Carrier::Smtp;
        ensure!(!once || counts.doubled == 0, "{} letters came twice", counts.doubled);
        Ok(())
    }

    /// Deals all blows and counts; an error means that the run itself failed, not that a letter is lost.
    pub fn run(&self) -> Result<Counts> {
        let begin = Instant::now();
        let mut ground = Ground::make(self)?;
        let mut random = Random::new(self.seed);
        let load = Load::default();
        std::thread::scope(|scope| -> Result<()> {
            let clients: Vec<_> = Side::BOTH
                .into_iter()
                .flat_map(|side| (0..CLIENTS).map(move |_| side))
                .map(|side| {
                    let (load, server) = (&load, ground.organisation.smtp(side));
                    let seed = random.number();
                    scope.spawn(move || load.client(side, server, seed))
                })
                .collect();
            let dealt = ground
                .deal(self, &load, &mut random)
                .and_then(|()| load.finish(PATIENCE).with_context(|| ground.said()));
            load.end();
            let ended: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
            for client in ended {
                client.map_err(|_| anyhow::anyhow!("a client panicked"))??;
            }
            dealt
        })?;
        let handed_in = begin.elapsed();
        let mut counts = load.judge(&ground.organisation, PATIENCE)?;
        counts.blows = self.blows.into();
        counts.broken = ground.broken()?;
        counts.packets = ground.packets;
        println!(
            "{} {} over {}, seed {}: handed in after {:.1} s, all there after {:.1} s: {}",
            self.blows,
            self.blow.name(),
            self.carrier.name(),
            self.seed,
            handed_in.as_secs_f32(),
            begin.elapsed().as_secs_f32(),
            counts.json()
        );
        Ok(counts)
    }
}

/// What the blows are dealt to.
struct Ground {
    // Before the disks: they are unmounted once nobody holds them.
    servers: [Option<Process>; 2],
    disks: Option<[Disk; 2]>,
    organisation: Organisation,
    /// What the cut wire took.
    packets: u64,
}

impl Ground {
    fn make(soak: &Soak) -> Result<Self> {
        let mut plan = Plan { carrier: soak.carrier, ..Plan::default() };
        let mut disks = None;
        if soak.blow == Blow::PowerCut {
            let [east, west] = [Disk::ext4(DISK_MIB)?, Disk::ext4(DISK_MIB)?];
            let both = [east, west].map(|disk| disk.context("a file cannot be mounted"));
            let [east, west] = both;
            let both = [east?, west?];
            for (side, disk) in Side::BOTH.into_iter().zip(&both) {
                let data = format!("'{}'", disk.path().join("data").display());
                plan = plan.with_on(side, "server", "data_dir", &data);
            }
            disks = Some(both);
        }
        for (section, key) in [("smtp", "allow"), ("smtp", "relay"), ("rpc", "allow")] {
            plan = plan.with(section, key, "['127.0.0.0/8', '10.0.0.0/8']");
        }
        let organisation = match soak.blow {
            Blow::NetworkCut => Organisation::make_on(&plan, Network::make()?)?,
            Blow::Kill | Blow::PowerCut => Organisation::make(&plan)?,
        };
        for (side, disk) in Side::BOTH.into_iter().zip(disks.iter().flatten()) {
            // The mailbox loses its power with the queue.
            let there = disk.path().join("maildir");
            std::fs::create_dir(&there)?;
            // What was there before the servers is not theirs to sync.
            std::fs::File::open(disk.path())?.sync_all()?;
            std::os::unix::fs::symlink(&there, organisation.folder(side).join("maildir"))?;
        }
        let [east, west] = organisation.start_both()?;
        Ok(Self { servers: [Some(east), Some(west)], disks, organisation, packets: 0 })
    }

    fn deal(&mut self, soak: &Soak, load: &Load, random: &mut Random) -> Result<()> {
        let burst = if soak.blow == Blow::NetworkCut { WIRE_BURST_MS } else { BURST_MS };
        for number in 1..=soak.blows {
            load.release(LETTERS);
            let life = Duration::from_millis(random.below(burst));
            std::thread::sleep(life);
            let begin = Instant::now();
            let what = match soak.blow {
                Blow::Kill => self.kill(random)?,
                Blow::PowerCut => self.cut_power(random)?,
                Blow::NetworkCut => self.cut_wire(random)?,
            };
            println!(
                "blow {number}: {what} after {} ms of the burst, mended after {} ms",
                life.as_millis(),
                begin.elapsed().as_millis()
            );
            std::thread::sleep(Duration::from_millis(random.below(PAUSE_MS)));
        }
        Ok(())
    }

    fn kill(&mut self, random: &mut Random) -> Result<String> {
        let side = either(random);
        self.take(side)?.kill()?;
        self.start(side)?;
        Ok(format!("{} killed", side.name()))
    }

    fn cut_power(&mut self, random: &mut Random) -> Result<String> {
        let sides = match random.below(3) {
            0 => vec![Side::East],
            1 => vec![Side::West],
            _ => Side::BOTH.to_vec(),
        };
        for side in &sides {
            let mut server = self.take(*side)?;
            // From here on it tells nobody anything, as a machine without power.
            server.freeze()?;
            let disk = &mut self.disks.as_mut().context("no disks")?[index(*side)];
            disk.cut()?;
            server.kill()?;
            disk.mount_again()?;
        }
        for side in &sides {
            self.start(*side)?;
        }
        let names: Vec<&str> = sides.iter().map(|side| side.name()).collect();
        Ok(format!("{} without power", names.join(" and ")))
    }

    fn cut_wire(&mut self, random: &mut Random) -> Result<String> {
        let network = self.organisation.network().context("no network")?;
        let cut = match random.below(4) {
            0 => Cut::Silent,
            1 => Cut::Mute(Side::East),
            2 => Cut::Mute(Side::West),
            _ => Cut::Reset,
        };
        network.cut(cut)?;
        std::thread::sleep(Duration::from_millis(random.below(CUT_MS)));
        // A connection outlives a short silence; this one it does not.
        let mut taken = network.mend()?;
        let dies = cut != Cut::Reset && random.below(4) > 0;
        if dies {
            network.cut(Cut::Reset)?;
            std::thread::sleep(Duration::from_millis(RESET_MS));
            taken += network.mend()?;
        }
        self.packets += taken;
        let then = if dies { ", then Reset" } else { "" };
        Ok(format!("{cut:?}{then}, {taken} packets taken"))
    }

    fn take(&mut self, side: Side) -> Result<Process> {
        self.servers[index(side)].take().context("a server is missing")
    }

    fn start(&mut self, side: Side) -> Result<()> {
        self.servers[index(side)] = Some(self.organisation.start(side)?);
        Ok(())
    }

    /// How many events say that an association was lost.
    fn broken(&self) -> Result<u64> {
        let mut count = 0;
        for side in Side::BOTH {
            let events = self.organisation.events(side)?;
            let lost = |event: &&Value| event["id"] == ASSOCIATION_ENDED;
            count += u64::try_from(events.iter().filter(lost).count())?;
        }
        Ok(count)
    }

    fn said(&self) -> String {
        Side::BOTH.map(|side| self.organisation.said(side)).join("\n")
    }
}

fn index(side: Side) -> usize {
    usize::from(side == Side::West)
}

fn either(random: &mut Random) -> Side {
    if random.below(2) == 0 { Side::East } else { Side::West }
}
