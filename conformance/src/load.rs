//! Clients that hand in letters at both servers at once, and the account of what became of each letter.
//!
//! A client that heard 250 has handed over the letter: it arrives once, or is reported once where its recipient does
//! not exist. A client that heard nothing has not: its letter may have been taken or not, and a new letter takes its
//! place (RFC 5321 4.2.5, RFC 1047).

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::maildir::Delivered;
use crate::organisation::{Organisation, Side};
use crate::smtp::{HandInError, Letter};
use crate::soak::Counts;
use crate::wait::{Look, Random, while_it_moves};

/// Octets of a letter, at most.
const LENGTH: u64 = 40_000;

/// One of so many letters is for a mailbox that does not exist.
const UNKNOWN: u64 = 8;

/// Pause of a client that was not answered, or has nothing to do.
const PACE: Duration = Duration::from_millis(20);

/// What subjects begin with; the number of the letter follows.
const SUBJECT: &str = "soak-";

/// What a client knows of a letter.
#[derive(Debug, Clone)]
struct Sent {
    from: Side,
    content: Vec<u8>,
    /// Its mailbox exists.
    known: bool,
    heard_250: bool,
}

/// What all clients share.
#[derive(Debug, Default)]
pub struct Load {
    number: AtomicU32,
    /// How many 250 are due at each side so far, and how many came.
    released: [AtomicU32; 2],
    taken: [AtomicU32; 2],
    refused: AtomicU32,
    unanswered: AtomicU32,
    sent: Mutex<BTreeMap<u32, Sent>>,
    ended: AtomicBool,
}

/// What stands in both Maildirs; no file is read twice.
#[derive(Debug, Default)]
struct Arrived {
    read: BTreeSet<PathBuf>,
    copies: BTreeMap<u32, u32>,
    reports: BTreeMap<u32, u32>,
    strange: Vec<String>,
}

impl Load {
    /// Lets so many more letters go, half of them each way.
    pub fn release(&self, letters: u32) {
        for side in &self.released {
            side.fetch_add(letters.div_ceil(2), Ordering::SeqCst);
        }
    }

    /// Ends the clients, at once.
    pub fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
    }

    /// Waits until every letter that was released was taken, then ends the clients.
    pub fn finish(&self, patience: Duration) -> Result<()> {
        while_it_moves(patience, "every letter to be taken", || {
            let sum = |counts: &[AtomicU32; 2]| {
                counts.iter().map(|count| count.load(Ordering::SeqCst)).sum::<u32>()
            };
            let (due, taken) = (sum(&self.released), sum(&self.taken));
            Ok(if taken >= due {
                Look::Done(())
            } else {
                Look::Not(usize::try_from(taken)?, format!("{} letters", due - taken))
            })
        })?;
        self.end();
        Ok(())
    }

    /// Hands in letters at one side until the load has ended.
    pub fn client(&self, side: Side, server: SocketAddr, seed: u64) -> Result<()> {
        let mut random = Random::new(seed);
        let at = usize::from(side == Side::West);
        while !self.ended.load(Ordering::SeqCst) {
            let turn = self.taken[at].load(Ordering::SeqCst);
            let mine = turn < self.released[at].load(Ordering::SeqCst)
                && self.taken[at]
                    .compare_exchange(turn, turn + 1, Ordering::SeqCst, Ordering::SeqCst)
                    .is_ok();
            if mine && self.hand_in(side, server, &mut random)? {
                continue;
            }
            if mine {
                // Nobody knows what became of it; another letter takes its place.
                self.taken[at].fetch_sub(1, Ordering::SeqCst);
            }
            std::thread::sleep(PACE);
        }
        Ok(())
    }

    /// True when the server said 250.
    fn hand_in(&self, side: Side, server: SocketAddr, random: &mut Random) -> Result<bool> {
        let number = self.number.fetch_add(1, Ordering::SeqCst);
        let known = random.below(UNKNOWN) > 0;
        let octets = random.octets(usize::try_from(random.clone().below(LENGTH))?);
        let text: Vec<String> = octets
            .chunks(70)
            .map(|line| line.iter().map(|octet| char::from(b'a' + octet % 26)).collect())
            .collect();
        let there = side.other();
        let to = if known { there.user() } else { format!("nobody@{}", there.host()) };
        let letter =
            Letter::plain(&side.user(), &to, &format!("{SUBJECT}{number}"), &text.join("\r\n"));
        let sent = Sent { from: side, content: letter.content.clone(), known, heard_250: false };
        self.sent().insert(number, sent);
        match letter.hand_in(server) {
            Ok(_) => {
                self.sent().get_mut(&number).context("it was entered")?.heard_250 = true;
                return Ok(true);
            }
            Err(HandInError::Refused(reply)) if reply.code >= 500 => {
                bail!("letter {number} was refused for good: {reply:?}")
            }
            Err(HandInError::Refused(_)) => self.refused.fetch_add(1, Ordering::SeqCst),
            Err(HandInError::Unanswered(_)) => self.unanswered.fetch_add(1, Ordering::SeqCst),
        };
        Ok(false)
    }

    fn sent(&self) -> MutexGuard<'_, BTreeMap<u32, Sent>> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every letter with a 250 has come, or its report, and nothing waits any more; then counts.
    pub fn judge(&self, organisation: &Organisation, patience: Duration) -> Result<Counts> {
        let sent = self.sent();
        let mut arrived = Arrived::default();
        let awaited = while_it_moves(patience, "every letter or its report", || {
            arrived.look(organisation, &sent)?;
            let missing = arrived.missing(&sent);
            let came = arrived.read.len();
            Ok(if missing.is_empty() {
                Look::Done(())
            } else {
                Look::Not(came, format!("{missing:?}"))
            })
        });
        if let Err(error) = awaited {
            // What is lost is counted, too.
            eprintln!("{error:#}");
            for side in Side::BOTH {
                eprintln!("{}: {:?}", side.name(), organisation.command(side, &["queue", "show"]));
            }
            return Ok(self.count(&sent, &arrived));
        }
        // A second copy may be on its way.
        while_it_moves(patience, "empty queues", || {
            let left = organisation.waiting(Side::East)? + organisation.waiting(Side::West)?;
            let left = usize::try_from(left)?;
            Ok(if left == 0 {
                Look::Done(())
            } else {
                Look::Not(usize::MAX - left, left.to_string())
            })
        })?;
        arrived.look(organisation, &sent)?;
        Ok(self.count(&sent, &arrived))
    }

    fn count(&self, sent: &BTreeMap<u32, Sent>, arrived: &Arrived) -> Counts {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let twice = |copies: &BTreeMap<u32, u32>| copies.values().filter(|one| **one > 1).count();
        let lost = arrived.missing(sent);
        if !lost.is_empty() {
            println!("lost: {lost:?}");
        }
        for strange in &arrived.strange {
            println!("nothing that was sent, or changed: {strange:.2000}");
        }
        Counts {
            blows: 0,
            accepted: count(sent.values().filter(|one| one.heard_250).count()),
            refused: self.refused.load(Ordering::SeqCst).into(),
            unanswered: self.unanswered.load(Ordering::SeqCst).into(),
            delivered: count(arrived.copies.len()),
            reported: count(arrived.reports.len()),
            lost: count(lost.len()),
            doubled: count(twice(&arrived.copies)),
            doubled_reports: count(twice(&arrived.reports)),
            strange: count(arrived.strange.len()),
            broken: 0,
            packets: 0,
        }
    }
}

impl Arrived {
    fn look(&mut self, organisation: &Organisation, sent: &BTreeMap<u32, Sent>) -> Result<()> {
        for side in Side::BOTH {
            for mail in organisation.maildir(side).read_except(&self.read)? {
                self.read.insert(mail.path.clone());
                self.enter(side, &mail, sent);
            }
        }
        Ok(())
    }

    fn enter(&mut self, at: Side, mail: &Delivered, sent: &BTreeMap<u32, Sent>) {
        let report = mail.is_report();
        let number = if report {
            // The report carries the header of what it is about.
            mail.text().lines().filter_map(numbered).next_back()
        } else {
            mail.header("Subject").and_then(|subject| numbered(&format!("Subject: {subject}")))
        };
        let of = number.and_then(|number| Some((number, sent.get(&number)?)));
        match of {
            Some((number, one)) if report && !one.known && one.from == at => {
                *self.reports.entry(number).or_default() += 1;
            }
            Some((number, one))
                if !report && one.known && one.from != at && mail.is(&one.content) =>
            {
                *self.copies.entry(number).or_default() += 1;
            }
            _ => self.strange.push(mail.text()),
        }
    }

    /// Letters with a 250 that are not there and not reported.
    fn missing(&self, sent: &BTreeMap<u32, Sent>) -> Vec<u32> {
        let there = |number: &u32, one: &Sent| {
            if one.known { &self.copies } else { &self.reports }.contains_key(number)
        };
        let missing = sent.iter().filter(|(number, one)| one.heard_250 && !there(number, one));
        missing.map(|(number, _)| *number).collect()
    }
}

fn numbered(line: &str) -> Option<u32> {
    line.trim_end().strip_prefix("Subject: ")?.strip_prefix(SUBJECT)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_tells_what_is_lost_doubled_changed_and_reported_twice() {
        let letter = |number: u32| {
            Letter::plain("anna@east.proof.test", "x@y.test", &format!("soak-{number}"), "text")
                .content
        };
        let sent = |number, known| Sent {
            from: Side::East,
            content: letter(number),
            known,
            heard_250: number != 4,
        };
        let all: BTreeMap<u32, Sent> = [(1, true), (2, true), (3, false), (4, true), (5, false)]
            .map(|(number, known)| (number, sent(number, known)))
            .into();
        let mail = |octets: Vec<u8>| Delivered { path: PathBuf::new(), octets };
        let report = |number: u32| {
            let about = format!(
                "Subject: Undeliverable\r\nContent-Type: multipart/report; report-type=delivery-status\r\n\r\nFinal-Recipient: x\r\nSubject: soak-{number}\r\n"
            );
            mail(about.into_bytes())
        };
        let mut arrived = Arrived::default();
        assert_eq!(arrived.missing(&all), [1, 2, 3, 5], "letter 4 was not answered");
        arrived.enter(Side::West, &mail(letter(1)), &all);
        arrived.enter(Side::West, &mail(letter(1)), &all);
        arrived.enter(Side::West, &mail(letter(4)), &all);
        arrived.enter(Side::East, &report(3), &all);
        arrived.enter(Side::East, &report(3), &all);
        // At the wrong side, changed, a report about what has a mailbox, and nothing that was sent.
        arrived.enter(Side::East, &mail(letter(2)), &all);
        arrived.enter(Side::West, &mail([letter(2), b"more".to_vec()].concat()), &all);
        arrived.enter(Side::East, &report(2), &all);
        arrived.enter(Side::East, &mail(b"Subject: hello\r\n\r\n".to_vec()), &all);
        let counts = Load::default().count(&all, &arrived);
        let expected = Counts {
            accepted: 4,
            delivered: 2,
            reported: 1,
            lost: 2,
            doubled: 1,
            doubled_reports: 1,
            strange: 4,
            ..Counts::default()
        };
        assert_eq!(counts, expected);
    }
}
