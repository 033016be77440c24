//! The password of this machine's own account changes by itself, as machine accounts do in the field.
//!
//! A new password is made, kept encrypted in the store, and given to one peer after the other, each of which keeps the one
//! before for a while; whoever has taken it is shown it from then on, everybody else what is in the password file. Once all
//! have it, it goes into that file. So a peer that is away, a crash at any moment and an answer that is lost stop no mail.
//!
//! Left out: accounts that are proved by Kerberos, or kept in a domain. Their passwords are the domain's to change.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use config::{MachineAccount, Peer, PeerAuth};
use dcerpc::AuthLevel;
use identity::{AccountName, Password};
use mta::account_interface::{INTERFACE, SET_OWN_PASSWORD, decode_answer, encode_set_own_password};
use net::{FailureLayer, RpcTarget, chain};

use crate::blocking::blocking;
use crate::link::Proof;
use crate::node::{Node, machine_secret, presented, random};

/// Between two looks whether it is time, at most.
const LOOK: Duration = Duration::from_secs(60);
/// The longest wait for a peer that refused: a wrong password counts towards a lockout there.
const REST: Duration = Duration::from_secs(3600);
/// Where the new password is kept until all have it.
const NEXT: &str = "machine-next";

/// Why a peer did not take the new password.
#[derive(Debug, thiserror::Error)]
enum PassError {
    #[error("it cannot be reached: {0}")]
    Absent(String),
    #[error("it does not let this server's machine account in: {0}")]
    Refused(String),
    #[error("it does not take the call")]
    Call(#[from] net::CallError),
    #[error("it refuses the password: {}", dcerpc::status::Status(*.0))]
    Status(u32),
    #[error("its answer is malformed: {0}")]
    Malformed(String),
    #[error("the account store")]
    Accounts(#[from] crate::account_table::AccountError),
    #[error("the secret")]
    Secret(#[from] config::SecretError),
    #[error("there is no ticket")]
    Ticket(#[from] kerberos::KerberosError),
}

/// When a peer is asked again, and with which of both passwords.
struct Waiting {
    at: Instant,
    pause: Duration,
    /// The answer to an earlier call may have been lost.
    with_next: bool,
}

/// Changes the password whenever it is due, until the server stops.
pub async fn run(node: Arc<Node>) {
    let mut waiting = HashMap::new();
    loop {
        let every = match &node.config().rpc.machine {
            Some(machine) if !machine.password_age.is_zero() => {
                (machine.password_age / 10).min(LOOK)
            }
            _ => LOOK,
        };
        tokio::select! {
            () = tokio::time::sleep(every) => {}
            () = node.stopped() => return,
        }
        let stepped = tokio::select! {
            stepped = step(&node, &mut waiting, every) => stepped,
            () = node.stopped() => return,
        };
        if let Err(error) = stepped {
            eprintln!("the password of the machine account is not changed: {}", chain(&error));
        }
    }
}

async fn step(
    node: &Arc<Node>,
    waiting: &mut HashMap<String, Waiting>,
    every: Duration,
) -> Result<(), PassError> {
    let config = node.config();
    let Some(machine) = config.rpc.machine.clone() else { return Ok(()) };
    let peers: Vec<Peer> =
        config.peers.iter().filter(|peer| accepts(node, peer)).cloned().collect();
    if machine.password_age.is_zero() || peers.is_empty() {
        return Ok(());
    }
    let Some(next) = due(node, &machine).await? else { return Ok(()) };
    let mut all = true;
    for peer in &peers {
        if kept(node, machine_secret(&peer.name)).await?.is_some() {
            continue;
        }
        let wait = waiting.entry(peer.name.clone()).or_insert_with(|| Waiting {
            at: Instant::now(),
            pause: every,
            with_next: false,
        });
        if wait.at > Instant::now() {
            all = false;
            continue;
        }
        let own = if wait.with_next { next.clone() } else { read(&machine).await? };
        match pass(node, peer, (&machine.account, &own), &next).await {
            Ok(()) => {
                keep(node, machine_secret(&peer.name), next.clone()).await?;
                waiting.remove(&peer.name);
            }
            Err(error) => {
                all = false;
                wait.with_next = matches!(error, PassError::Refused(_)) && !wait.with_next;
                wait.at = Instant::now() + wait.pause;
                if !matches!(error, PassError::Absent(_)) {
                    wait.pause = wait.pause.saturating_mul(2).min(REST);
                    eprintln!(
                        "{}: no other password for {}: {}",
                        peer.name,
                        machine.account,
                        chain(&error)
                    );
                }
            }
        }
    }
    if all { finish(node, machine, peers, next).await } else { Ok(()) }
}

/// The machine account is shown to this peer, which keeps it itself.
fn accepts(node: &Node, peer: &Peer) -> bool {
    peer.auth == PeerAuth::Ntlm
        && presented(&node.config(), &node.directory, peer).source == "machine"
}

/// The new password: one that not all have yet, or a fresh one where the old one's time is over.
async fn due(node: &Arc<Node>, machine: &MachineAccount) -> Result<Option<Password>, PassError> {
    if let Some(next) = kept(node, NEXT.to_owned()).await? {
        return Ok(Some(next));
    }
    let file = machine.password_file.clone();
    let set = blocking(move || std::fs::metadata(file).and_then(|found| found.modified())).await;
    // A clock that was set back makes it no older.
    let age = set.ok().and_then(|set| SystemTime::now().duration_since(set).ok());
    if age.is_none_or(|age| age < machine.password_age) {
        return Ok(None);
    }
    let octets: [u8; 32] = random();
    let next = Password::new(octets.iter().map(|octet| format!("{octet:02x}")).collect());
    keep(node, NEXT.to_owned(), next.clone()).await?;
    Ok(Some(next))
}

async fn read(machine: &MachineAccount) -> Result<Password, config::SecretError> {
    let file = machine.password_file.clone();
    blocking(move || config::read_secret(&file)).await
}

async fn kept(node: &Node, place: String) -> Result<Option<Password>, PassError> {
    let accounts = node.accounts.clone();
    Ok(blocking(move || accounts.secret(&place)).await?)
}

async fn keep(node: &Node, place: String, password: Password) -> Result<(), PassError> {
    let accounts = node.accounts.clone();
    Ok(blocking(move || accounts.keep_secret(&place, password.expose())).await?)
}

/// Gives one peer the new password, proved by the one that it has.
async fn pass(
    node: &Node,
    peer: &Peer,
    (account, own): (&AccountName, &Password),
    next: &Password,
) -> Result<(), PassError> {
    let proof = Proof::new(node, peer, account, own).await?;
    let target = RpcTarget {
        host: peer.host.clone(),
        mapper_port: peer.mapper_port,
        interface: INTERFACE,
        // A password crosses: nothing less will do, whatever the configuration has.
        level: AuthLevel::Privacy,
    };
    let opened = node.dialer().open(&target, || proof.initiator()).await;
    let client = opened.map_err(|failures| {
        let Some(last) = failures.last() else {
            return PassError::Absent("it has no address".to_owned());
        };
        match last.layer {
            FailureLayer::Name | FailureLayer::Tcp | FailureLayer::Mapper => {
                PassError::Absent(last.to_string())
            }
            _ => PassError::Refused(last.to_string()),
        }
    })?;
    let patience = node.config().rpc.call_timeout;
    let stub = encode_set_own_password(next.expose());
    let reply = client.call(SET_OWN_PASSWORD, stub, patience).await?;
    match decode_answer(&reply.stub, reply.order) {
        Ok(0) => Ok(()),
        Ok(status) => Err(PassError::Status(status)),
        Err(error) => Err(PassError::Malformed(error.to_string())),
    }
}

/// All have it: it becomes what the file says, and nothing is kept beside any more.
async fn finish(
    node: &Arc<Node>,
    machine: MachineAccount,
    peers: Vec<Peer>,
    next: Password,
) -> Result<(), PassError> {
    let (accounts, directory) = (node.accounts.clone(), node.directory.clone());
    blocking(move || {
        config::replace_secret(&machine.password_file, &next)?;
        let names: Vec<&str> = peers.iter().map(|peer| peer.name.as_str()).collect();
        let lines = vec![format!("+ another password, taken by {}", names.join(", "))];
        let what = format!("account {}", machine.account);
        // That it is not written down takes nothing back.
        let entry = directory.audited("the server", &what, lines).ok();
        let places: Vec<String> =
            peers.iter().map(|peer| machine_secret(&peer.name)).chain([NEXT.to_owned()]).collect();
        accounts.forget_secrets(&places, entry.into_iter().collect())?;
        Ok(())
    })
    .await
}
