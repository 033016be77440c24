//! Test messages: from the postmaster of one server to that of the other (RFC 5321 4.5.1: there always is one).

use std::fmt;
use std::path::Path;
use std::time::{Duration, Instant};

use admin::Client;
use admin::api::{RetrySelector, SendOrder};
use admin::queue_api::{QueueOrder, TrackStep};
use config::Config;
use diagnosis::Snapshot;
use finding::{Diagnosis, Stop};
use jiff::Timestamp;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::backend;
use crate::failure::chain;

/// A server that is up answers at once.
const ANSWER: Duration = Duration::from_secs(5);
/// Between two looks at the tracks.
const LOOK: Duration = Duration::from_millis(200);
/// Whoever waits for its next try is woken this often.
const WAKE: Duration = Duration::from_secs(2);

/// A way that a test message can be sent over.
#[derive(Clone, Debug)]
pub struct Way {
    pub from: String,
    pub to: String,
    /// The mail domain of the far side.
    domain: String,
    sender: Client,
    /// The far side, where it can be asked too.
    receiver: Option<Client>,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} to {}", self.from, self.to)
    }
}

/// What became of a test message.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    pub from: String,
    pub to: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// `delivered`, `transferred` where the far side cannot be asked, or what kept it.
    pub result: String,
    arrived: bool,
    pub ms: u64,
}

impl Proof {
    pub const fn arrived(&self) -> bool {
        self.arrived
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "from {} to {}: {} after {} ms", self.from, self.to, self.result, self.ms)
    }
}

/// The ways that a diagnosis is about, both directions of each, as far as a server at hand can send over them.
pub async fn ways(diagnosis: &Diagnosis, snapshot: &Snapshot) -> Vec<Way> {
    let mut all: Vec<Stop> = Vec::new();
    for stop in &diagnosis.stops {
        let back = Stop { from: stop.to.clone(), to: stop.from.clone() };
        for one in [stop.clone(), back] {
            if !all.contains(&one) {
                all.push(one);
            }
        }
    }
    let mut found = Vec::new();
    for Stop { from, to } in all {
        let Some((config, sender)) = at_hand(snapshot, &from).await else { continue };
        let peer = config.peer(&to).map(|peer| &peer.domains);
        let domains = peer.or_else(|| config.x400(&to).map(|connector| &connector.domains));
        let Some(domain) = domains.and_then(|domains| domains.first()).cloned() else { continue };
        let receiver = at_hand(snapshot, &to).await.map(|(_, client)| client);
        found.push(Way { from, to, domain, sender, receiver });
    }
    found
}

/// A server whose configuration is here and that answers.
async fn at_hand(snapshot: &Snapshot, name: &str) -> Option<(Config, Client)> {
    let file = snapshot.server(name)?.config_path.as_deref()?;
    let config = Config::load(Path::new(file)).ok()?;
    let client = backend::running(&config).patience(ANSWER);
    client.facts().await.ok()?;
    Some((config, client))
}

/// Sends a message over each way and waits for all of them.
pub async fn prove(ways: &[Way], patience: Duration) -> Vec<Proof> {
    let mut running = JoinSet::new();
    for (at, way) in ways.iter().cloned().enumerate() {
        running.spawn(async move { (at, one(&way, patience).await) });
    }
    let mut done = running.join_all().await;
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, proof)| proof).collect()
}

async fn one(way: &Way, patience: Duration) -> Proof {
    let started = Instant::now();
    let proof = |id: Option<String>, arrived: bool, result: String| Proof {
        from: way.from.clone(),
        to: way.to.clone(),
        id,
        result,
        arrived,
        ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    let order = SendOrder {
        from: None,
        to: vec![format!("postmaster@{}", way.domain)],
        content: text(way, Timestamp::now()).into_bytes(),
    };
    let id = match way.sender.send(order).await {
        Ok(id) => id,
        Err(error) => return proof(None, false, chain(&error)),
    };
    let mut woken = Instant::now() - WAKE;
    let mut last = "it still waits".to_owned();
    while started.elapsed() < patience {
        if woken.elapsed() >= WAKE {
            woken = Instant::now();
            // Nothing to wake is no failure: the track tells what becomes of it.
            let _ = way.sender.retry(RetrySelector::NextHop(way.to.clone())).await;
        }
        match look(way, &id).await {
            Seen::Arrived(word) => return proof(Some(id), true, word),
            Seen::Lost(why) => return proof(Some(id), false, why),
            Seen::Waits(why) => last = why.unwrap_or(last),
        }
        tokio::time::sleep(LOOK).await;
    }
    // Nobody needs it any more; where it has left meanwhile, there is nothing to delete.
    let _ = way.sender.delete(id.clone()).await;
    proof(Some(id), false, last)
}

enum Seen {
    Arrived(String),
    Lost(String),
    Waits(Option<String>),
}

async fn look(way: &Way, id: &str) -> Seen {
    let steps = match track(&way.sender, id).await {
        Ok(steps) => steps,
        Err(why) => return Seen::Waits(Some(why)),
    };
    if let Some(lost) = steps.iter().find(|step| is_end(step)) {
        let why = lost.detail.clone().unwrap_or_default();
        return Seen::Lost(format!("{} {why}", lost.step).trim_end().to_owned());
    }
    let Some(left) = steps.iter().find(|step| step.step == "transferred") else {
        return Seen::Waits(steps.iter().rev().find_map(|step| step.detail.clone()));
    };
    let Some(receiver) = &way.receiver else { return Seen::Arrived("transferred".to_owned()) };
    let there = match track(receiver, &left.mts_id).await {
        Ok(steps) => steps,
        Err(why) => return Seen::Waits(Some(why)),
    };
    let has = |word: &str| there.iter().any(|step| step.step == word);
    if has("delivered") {
        return Seen::Arrived("delivered".to_owned());
    }
    match there.iter().find(|step| is_end(step)) {
        Some(lost) => Seen::Lost(format!("{} on {}", lost.step, way.to)),
        None => {
            let detail = there.iter().rev().find_map(|step| step.detail.clone());
            let what = detail.unwrap_or_else(|| "it is not delivered".to_owned());
            Seen::Waits(Some(format!("{} has it: {what}", way.to)))
        }
    }
}

fn is_end(step: &TrackStep) -> bool {
    step.kind == "message" && ["reported", "discarded", "deleted"].contains(&step.step.as_str())
}

async fn track(server: &Client, what: &str) -> Result<Vec<TrackStep>, String> {
    let order = QueueOrder::Track { what: what.to_owned(), since: None, limit: None };
    server.queue_order(order).await.map(|answer| answer.steps).map_err(|error| chain(&error))
}

/// A message that says what it is, and that no robot answers (RFC 3834 5).
fn text(way: &Way, now: Timestamp) -> String {
    let date = now.strftime("%a, %d %b %Y %H:%M:%S +0000");
    format!(
        "From: postmaster\r\nTo: postmaster@{}\r\nDate: {date}\r\nSubject: Test message of bindback doctor\r\n\
         Auto-Submitted: auto-generated\r\n\r\n\
         The doctor has put something right between {} and {}, and sees by this message\r\nwhether mail flows. It can be deleted.\r\n",
        way.domain, way.from, way.to
    )
}
