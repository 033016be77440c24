//! Exactly once through SIGKILL at any moment (the house's own promise; RFC 5321 4.2.5 for the meaning of 250).
//!
//! A client that heard 250 has handed over the message: it arrives once. A client that heard nothing has not: its
//! message may have been taken or not, and a new message is sent under a new number.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use conformance::{
    Delivered, HandInError, Letter, Organisation, Plan, Process, Random, Side, until,
};

/// How often a server is killed, EAST and WEST in turn; `BINDBACK_KILLS` says more.
const KILLS: u32 = 10;

/// Messages that must hear 250 for each kill, half of them each way.
const MESSAGES: u32 = 50;

fn kills() -> u32 {
    std::env::var("BINDBACK_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(KILLS).max(KILLS)
}

fn messages() -> u32 {
    MESSAGES * kills()
}

/// The whole run must end within this time.
fn limit() -> Duration {
    LIMIT * kills() / KILLS
}

/// Clients at work on each side.
const CLIENTS: u32 = 2;

/// From the begin of a burst of messages to the kill, at most: on a fast machine hand-in, transfer and delivery of a
/// burst take about as long.
const BURST_MS: u64 = 120;

/// From a restart to the next burst, at most: in long pauses the servers find each other and clear their queues, in
/// short ones they are hit while they do.
const PAUSE_MS: u64 = 2000;

/// Octets of a message, at most.
const LENGTH: u64 = 40_000;

/// Pause of a client that was not answered, or has nothing to do.
const PACE: Duration = Duration::from_millis(20);

/// The same for a run with the usual number of kills.
const LIMIT: Duration = Duration::from_secs(85);

/// What a client knows of a message that it sent.
#[derive(Debug, Clone)]
struct Sent {
    to: Side,
    content: Vec<u8>,
    heard_250: bool,
}

/// What all clients share.
#[derive(Default)]
struct Post {
    number: AtomicU32,
    /// 250 replies, by the side that gave them.
    taken: [AtomicU32; 2],
    sent: Mutex<BTreeMap<u32, Sent>>,
    /// How many messages each side may have sent so far.
    released: AtomicU32,
    given_up: AtomicBool,
}

#[test]
fn killed_servers_lose_and_double_nothing() -> Result<()> {
    let mut random = Random::from_env("BINDBACK_CRASH_SEED");
    let begin = Instant::now();
    let organisation = Organisation::make(&Plan::default())?;
    let [east, west] = organisation.start_both()?;
    let mut servers = [Some(east), Some(west)];
    let post = Post::default();
    std::thread::scope(|scope| {
        let clients: Vec<_> = Side::BOTH
            .into_iter()
            .flat_map(|side| (0..CLIENTS).map(move |_| side))
            .map(|side| {
                let (post, server, seed) = (&post, organisation.smtp(side), random.number());
                scope.spawn(move || client(post, side, server, seed, begin))
            })
            .collect();
        let killed = kill(&organisation, &mut servers, &post, &mut random);
        if killed.is_err() {
            post.given_up.store(true, Ordering::SeqCst);
        }
        let ended: Vec<_> = clients.into_iter().map(|client| client.join()).collect();
        killed?;
        for client in ended {
            client.map_err(|_| anyhow::anyhow!("a client panicked"))??;
        }
        anyhow::Ok(())
    })?;
    let handed_in = begin.elapsed();
    let left = limit().saturating_sub(handed_in);
    organisation.until_empty(left)?;
    let sent = post.sent.into_inner().unwrap_or_else(PoisonError::into_inner);
    until(left, "every message with a 250 in its Maildir", || {
        let due = |side| sent.values().filter(|one| one.heard_250 && one.to == side).count();
        let there =
            Side::BOTH.into_iter().all(|side| organisation.maildir(side).count() >= due(side));
        Ok(there.then_some(()))
    })
    .or_else(|error| judge(&organisation, &sent).and(Err(error)))?;
    judge(&organisation, &sent)?;
    println!(
        "handed in after {:.1} s, all there after {:.1} s",
        handed_in.as_secs_f32(),
        begin.elapsed().as_secs_f32()
    );
    ensure!(begin.elapsed() <= limit(), "it took longer than {} s", limit().as_secs());
    Ok(())
}

/// Releases a burst of messages, kills a server in its midst or soon after, starts it again; and so on.
fn kill(
    organisation: &Organisation,
    servers: &mut [Option<Process>; 2],
    post: &Post,
    random: &mut Random,
) -> Result<()> {
    for (round, (at, side)) in (1..=kills()).zip((0..2).zip(Side::BOTH).cycle()) {
        post.released.store(messages() / 2 * round / kills(), Ordering::SeqCst);
        let life = Duration::from_millis(random.below(BURST_MS));
        std::thread::sleep(life);
        let server = servers[at].take().context("a server is missing")?;
        server.kill()?;
        let begin = Instant::now();
        servers[at] = Some(organisation.start(side)?);
        println!(
            "kill {round}: {} after {} ms of the burst, back after {} ms",
            side.name(),
            life.as_millis(),
            begin.elapsed().as_millis()
        );
        std::thread::sleep(Duration::from_millis(random.below(PAUSE_MS)));
    }
    Ok(())
}

/// Hands in messages of one side until enough of them were taken.
fn client(post: &Post, side: Side, server: SocketAddr, seed: u64, begin: Instant) -> Result<()> {
    let mut random = Random::new(seed);
    let taken = &post.taken[usize::from(side == Side::West)];
    loop {
        ensure!(begin.elapsed() < limit(), "not all was taken within {} s", limit().as_secs());
        if post.given_up.load(Ordering::SeqCst) {
            return Ok(());
        }
        let turn = taken.load(Ordering::SeqCst);
        if turn >= messages() / 2 {
            return Ok(());
        }
        let mine = turn < post.released.load(Ordering::SeqCst)
            && taken.compare_exchange(turn, turn + 1, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if mine && hand_in(post, side, server, &mut random)? {
            continue;
        }
        if mine {
            // Nobody knows what became of it; another message takes its place.
            taken.fetch_sub(1, Ordering::SeqCst);
        }
        std::thread::sleep(PACE);
    }
}

/// True when the server said 250.
fn hand_in(post: &Post, side: Side, server: SocketAddr, random: &mut Random) -> Result<bool> {
    let number = post.number.fetch_add(1, Ordering::SeqCst);
    let (from, to) = (side.user(), side.other());
    let length = usize::try_from(random.below(LENGTH))?;
    let text: String =
        random.octets(length).iter().map(|octet| char::from(b'a' + octet % 26)).collect();
    let lines: Vec<&str> =
        text.as_bytes().chunks(70).filter_map(|line| std::str::from_utf8(line).ok()).collect();
    let letter = Letter::plain(&from, &to.user(), &format!("crash-{number}"), &lines.join("\r\n"));
    let sent = Sent { to, content: letter.content.clone(), heard_250: false };
    let mut all = post.sent.lock().unwrap_or_else(PoisonError::into_inner);
    all.insert(number, sent);
    drop(all);
    match letter.hand_in(server) {
        Ok(_) => {
            let mut all = post.sent.lock().unwrap_or_else(PoisonError::into_inner);
            all.get_mut(&number).context("it was entered")?.heard_250 = true;
            Ok(true)
        }
        Err(HandInError::Refused(reply)) if reply.code >= 500 => {
            bail!("refused for good: {reply:?}")
        }
        Err(_) => Ok(false),
    }
}

/// Every message with a 250 once, the others at most once, nothing else.
fn judge(organisation: &Organisation, sent: &BTreeMap<u32, Sent>) -> Result<()> {
    let mut copies: BTreeMap<u32, u32> = BTreeMap::new();
    let mut strange = Vec::new();
    for side in Side::BOTH {
        for mail in organisation.maildir(side).read()? {
            match number(&mail).and_then(|number| Some((number, sent.get(&number)?))) {
                Some((number, one)) if one.to == side && mail.is(&one.content) => {
                    *copies.entry(number).or_default() += 1;
                }
                _ => strange.push(mail.text()),
            }
        }
    }
    let heard = sent.values().filter(|one| one.heard_250).count();
    let lost: Vec<&u32> = sent
        .iter()
        .filter(|(number, one)| one.heard_250 && !copies.contains_key(number))
        .map(|(number, _)| number)
        .collect();
    let doubled: Vec<_> = copies.iter().filter(|(_, copies)| **copies > 1).collect();
    let unheard =
        sent.iter().filter(|(number, one)| !one.heard_250 && copies.contains_key(number)).count();
    println!(
        "sent {}, answered 250 {heard}, delivered {}, of them without a heard 250 {unheard}, lost {}, doubled {}, strange {}",
        sent.len(),
        copies.len(),
        lost.len(),
        doubled.len(),
        strange.len()
    );
    ensure!(heard >= usize::try_from(messages())?, "only {heard} messages were answered with 250");
    ensure!(lost.is_empty(), "lost: {lost:?}");
    ensure!(doubled.is_empty(), "delivered more than once: {doubled:?}");
    ensure!(strange.is_empty(), "nothing that was sent, or changed: {strange:#?}");
    Ok(())
}

fn number(mail: &Delivered) -> Option<u32> {
    mail.header("Subject")?.strip_prefix("crash-")?.parse().ok()
}
