//! Being called: may this account bind, and can the caller be bound back.
//!
//! The bind-back goes only to a name and port that the configuration gives for the peer that
//! the proved account speaks for: otherwise a caller could make this server send its
//! credentials to any place it likes.

use std::sync::Arc;
use std::time::Duration;

use config::Peer;
use dcerpc::{ContextHandle, StringBinding, status::Status};
use event::Layer;
use identity::{AccountName, AccountState};
use jiff::Timestamp;
use mta::rpc_interface::{
    Bind, BindAnswer, BindBack, BindBackAnswer, INTERFACE, MTA_BIND_BACK, MTA_UNBIND_BACK,
    PIECE_LIMIT, Piece,
};
use mta::{Association, AssociationNames, Direction, Output, State};
use net::chain;
use net::{Evidence, FailureLayer, RefusedBy, RpcClient, RpcFailure, RpcTarget};
use security::LogonFailure::{AccountExpired, Disabled, LockedOut, LogonTypeNotGranted};
use security::{Accounts, LogonFailure};
use tokio::sync::mpsc;

use super::channel::{Channel, ChannelEnd};
use super::proof::Proof;
use super::records::{self, BackFailure, Refusal};
use crate::dial_up;
use crate::inbound;
use crate::node::Node;
use crate::rpc_security;

/// How long the last pieces and the unbind of a finished association may take.
const LEAVE: Duration = Duration::from_secs(5);

/// An MtaBind with what the RPC layer knows of its caller.
pub struct BindRequest {
    pub bind: Bind,
    pub principal: AccountName,
    pub address: String,
    /// The handle that the caller will send its pieces on.
    pub channel: ContextHandle,
    pub incoming: mpsc::Receiver<Piece>,
}

/// Why a bind is refused: what the event says; the wire says 5.
#[derive(Debug)]
pub(crate) struct Denied {
    pub(crate) reason: String,
    pub(crate) step: &'static str,
    /// What the security event says; the wire says access denied in any case.
    pub(crate) code: u32,
    /// What the caller showed, and what is configured in its place.
    pub(crate) differs: Option<(String, String)>,
}

impl Denied {
    pub(super) fn new(reason: String, step: &'static str) -> Self {
        Self { reason, step, code: ACCESS_DENIED, differs: None }
    }

    /// The same, with both sides of a comparison for whoever compares servers.
    fn differing(self, presented: &str, expected: &str) -> Self {
        Self { differs: Some((presented.to_owned(), expected.to_owned())), ..self }
    }
}

/// Win32 `ERROR_ACCESS_DENIED`, all that a refused caller learns.
pub(super) const ACCESS_DENIED: u32 = 5;
/// Win32 `RPC_S_SERVER_TOO_BUSY`: as many bind-backs to this peer as may be are under way.
pub(super) const SERVER_TOO_BUSY: u32 = 1723;
/// Win32 `RPC_S_SERVER_UNAVAILABLE`.
const SERVER_UNAVAILABLE: u32 = 1722;
/// Win32 `RPC_S_SEC_PKG_ERROR`: this side has nothing to prove itself with. Not 1326: nobody refused a password.
const SECURITY_PACKAGE: u32 = 1825;
/// Win32 `ERROR_NOT_ENOUGH_QUOTA`: the locality table is full.
const NOT_ENOUGH_QUOTA: u32 = 1816;

/// Answers MtaBind after the bind-back stands or has failed.
pub async fn answer_bind(node: Arc<Node>, request: BindRequest) -> BindAnswer {
    let refusal = |status, bind_status| BindAnswer {
        agreed_piece: 0,
        bind_status,
        channel: ContextHandle::NULL,
        status,
    };
    let config = node.config();
    let Caller { peer, target } = match check_caller(&node, &request) {
        Ok(caller) => caller,
        Err(denied) => {
            let known = config.peer(&request.bind.caller_name).map(|peer| peer.name.as_str());
            refuse(&node, &request.principal, &request.address, known, &denied);
            return refusal(ACCESS_DENIED, 0);
        }
    };
    let Some(slot) = node.bind_back_slot(&peer) else {
        metrics::counter!("bindback_bind_backs_refused_total").increment(1);
        return refusal(SERVER_TOO_BUSY, 0);
    };
    let account = request.principal.to_string();
    let row = node.ltab().open(Direction::In, &peer, &account, Timestamp::now());
    let Ok(ltab_index) = row else {
        let limit = u32::try_from(config.rpc.ltab_limit).unwrap_or(u32::MAX);
        node.log(event::build::locality_table_full(limit));
        return refusal(NOT_ENOUGH_QUOTA, 0);
    };
    let opening = OpeningRow { node: &node, index: ltab_index };
    let bound = bind_back(&node, &peer, &target, &request.bind, ltab_index);
    let bound = match tokio::time::timeout(config.rpc.bind_back_timeout, bound).await {
        Ok(bound) => bound,
        Err(_) => Err(too_slow(&node, &peer, &target, ltab_index)),
    };
    let (client, answer) = match bound {
        Ok(bound) => bound,
        Err(status) => return refusal(status, status),
    };
    drop(slot);
    let agreed_piece = answer.agreed_piece.min(request.bind.max_piece);
    let protocol_string =
        format!("ncacn_ip_tcp:{}[{}]", client.remote().ip(), client.remote().port());
    records::opened(&node, &peer, Direction::In, ltab_index, &protocol_string);
    drop(opening);
    if node.histories.get(&peer).out_is_failing() {
        // The peer is there again: whatever waits for it need not wait for its timer.
        node.wake_peer(&peer);
    }
    let handle = request.channel;
    let channel =
        Channel::new(&peer, client, answer.channel, request.incoming, config.rpc.call_timeout)
            .heeded(dial_up::heed(&node, &peer));
    dial_up::follow_call(&node, &peer);
    // It is the caller's to let an association go that nobody uses.
    let piece = usize::try_from(agreed_piece).unwrap_or(PIECE_LIMIT).min(PIECE_LIMIT);
    // The P1 bind has to present the very name that the RPC bind had.
    let names = AssociationNames {
        local_mta: config.server.name.clone(),
        remote_mta: request.bind.caller_name.clone(),
    };
    let association = Association::respond(names, crate::settings::terms(&config), piece);
    let proved = Proved { account: request.principal, address: request.address };
    tokio::spawn(serve(Arc::clone(&node), peer, proved, (channel, association), ltab_index));
    BindAnswer { agreed_piece, bind_status: 0, channel: handle, status: 0 }
}

/// Writes down that the bind-back did not come to an end in time; gives the status for the caller.
fn too_slow(node: &Node, peer: &str, target: &RpcTarget, ltab_index: u32) -> u32 {
    let waited = node.config().rpc.bind_back_timeout;
    let failure = RpcFailure {
        layer: FailureLayer::Tcp,
        code: SERVER_UNAVAILABLE,
        text: format!("the bind-back took longer than {} s", waited.as_secs()),
        protocol_string: target.protocol_string(),
        evidence: Evidence::by(RefusedBy::Network),
    };
    let said = BackFailure { peer, name: &target.host, account: None, ltab_index, failure };
    records::bind_back_failed(node, &said);
    SERVER_UNAVAILABLE
}

/// A caller that may bind: the peer in its configured spelling, and where to bind back.
struct Caller {
    peer: String,
    target: RpcTarget,
}

/// The row of a bind under way: one that is given up before it stands or fails, since the caller
/// went away, must not count as a live association for ever.
struct OpeningRow<'a> {
    node: &'a Node,
    index: u32,
}

impl Drop for OpeningRow<'_> {
    fn drop(&mut self) {
        self.node.ltab().update(self.index, |row| {
            if row.state == State::Opening {
                row.state = State::Failed;
            }
        });
    }
}

/// Who may bind: a configured peer, proved by the account it is configured with, which has
/// the role; and where it may be bound back.
fn check_caller(node: &Node, request: &BindRequest) -> Result<Caller, Denied> {
    let config = node.config();
    let bind = &request.bind;
    let Some(peer) = config.peer(&bind.caller_name) else {
        let reason = format!("{:?} is no configured peer", bind.caller_name);
        // Whose account it is tells under which name the caller is known here.
        let known = node.peer_of_account(&request.principal);
        let known = known.map_or_else(String::new, |peer| peer.name);
        return Err(Denied::new(reason, "peer").differing(&bind.caller_name, &known));
    };
    check_account(node, peer, &request.principal)?;
    if bind.called_name != config.server.name {
        let reason = format!(
            "called as {:?}, but this MTA's name is {:?}",
            bind.called_name, config.server.name
        );
        let denied = Denied::new(reason, "called-name");
        return Err(denied.differing(&bind.called_name, &config.server.name));
    }
    let (name, port) = split_binding(&bind.bind_back_binding).ok_or_else(|| {
        let reason = format!("{:?} is no string binding for a bind-back", bind.bind_back_binding);
        Denied::new(reason, "bind-back-name")
    })?;
    let allowed =
        name.eq_ignore_ascii_case(&peer.bind_back) || name.eq_ignore_ascii_case(&peer.host);
    if !allowed || port != peer.mapper_port {
        let reason = format!(
            "asks to be bound back at {name}[{port}], configured is {}[{}]",
            peer.bind_back, peer.mapper_port
        );
        let expected = format!("{}[{}]", peer.bind_back, peer.mapper_port);
        let denied = Denied::new(reason, "bind-back-name");
        return Err(denied.differing(&format!("{name}[{port}]"), &expected));
    }
    let target = RpcTarget {
        host: name,
        mapper_port: port,
        interface: INTERFACE,
        level: rpc_security::level(&config),
    };
    Ok(Caller { peer: peer.name.clone(), target })
}

/// The account must be the peer's and have the role on this server.
pub(crate) fn check_account(
    node: &Node,
    peer: &Peer,
    principal: &AccountName,
) -> Result<(), Denied> {
    let known = check_state(node, peer, principal)?;
    if !known {
        return Ok(());
    }
    let answer = node.directory.authorise(&node.accounts, principal);
    if let Some(step) = answer.failed() {
        let reason = format!(
            "{principal} does not have the role service-account-admin on the {}, {}: {}",
            step.step.as_str(),
            step.object,
            step.why
        );
        return Err(Denied::new(reason, step.step.as_str()));
    }
    Ok(())
}

/// The account must speak for the peer and be one that may be used; whether it is known here, so that rights are asked for.
pub(super) fn check_state(
    node: &Node,
    peer: &Peer,
    principal: &AccountName,
) -> Result<bool, Denied> {
    let expected = node.accounts_of(peer);
    if !expected.iter().any(|one| one.matches(principal)) {
        let names: Vec<String> = expected.iter().map(ToString::to_string).collect();
        let names = names.join(" or ");
        let reason = format!("{principal} does not speak for {}, {names} does", peer.name);
        let denied = Denied::new(reason, "account");
        return Err(denied.differing(&principal.to_string(), &names));
    }
    // A domain's account needs none here: that it is configured for the peer says that it may. One that it has counts.
    let stranger = node.accounts.find(principal).is_none();
    let of_domain = node.directory.domain_account(principal).filter(|_| stranger);
    if stranger && of_domain.is_none() && rpc_security::by_winbind(&node.config(), principal) {
        return Ok(false);
    }
    if let Some(failure) = of_domain.and_then(|account| account.state).and_then(bars) {
        let (reason, code) = (format!("{failure} in the domain"), failure.win32());
        return Err(Denied { reason, step: "account-state", code, differs: None });
    }
    // Kerberos and winbind prove who somebody is; whether the account may be used here, its own row says. Passwords are
    // the matter of whoever checked one.
    if let Some(failure) = barred(node, principal) {
        let (reason, code) = (failure.to_string(), failure.win32());
        return Err(Denied { reason, step: "account-state", code, differs: None });
    }
    Ok(true)
}

/// What keeps an account of this server's own out although it proved who it is.
pub(super) fn barred(node: &Node, principal: &AccountName) -> Option<LogonFailure> {
    let refusal = node.accounts.nt_hash(principal).err();
    refusal.filter(|one| matches!(one, Disabled | LockedOut | AccountExpired | LogonTypeNotGranted))
}

/// What keeps an account of the domain out although it proved who it is; passwords are the domain's matter.
fn bars(state: AccountState) -> Option<LogonFailure> {
    match state {
        AccountState::Disabled => Some(Disabled),
        AccountState::Locked => Some(LockedOut),
        AccountState::Expired => Some(AccountExpired),
        AccountState::PasswordExpired | AccountState::MustChange => None,
    }
}

/// Logs the exact reason of a refusal by the access check.
pub(super) fn refuse(
    node: &Node,
    principal: &AccountName,
    address: &str,
    peer: Option<&str>,
    denied: &Denied,
) {
    records::refused(
        node,
        &Refusal {
            user: principal.to_string(),
            peer,
            address: address.to_owned(),
            code: denied.code,
            reason: denied.reason.clone(),
            step: denied.step,
            layer: Layer::AccessCheck,
            count: 1,
            differs: denied.differs.clone(),
            of_peer: true,
        },
    );
}

fn split_binding(text: &str) -> Option<(String, u16)> {
    let binding: StringBinding = text.parse().ok()?;
    Some((binding.host().to_owned(), binding.port()?))
}

/// Opens this server's channel towards the caller; the error is the status for the caller.
async fn bind_back(
    node: &Node,
    caller: &str,
    target: &RpcTarget,
    bind: &Bind,
    ltab_index: u32,
) -> Result<(RpcClient, BindBackAnswer), u32> {
    let config = node.config();
    let Some(peer) = config.peer(caller) else { return Err(ACCESS_DENIED) };
    let fail = |account: Option<&AccountName>, failure: RpcFailure| {
        let code = failure.code;
        records::bind_back_failed(
            node,
            &BackFailure { peer: caller, name: &target.host, account, ltab_index, failure },
        );
        code
    };
    let at = |layer, code, text: String, protocol_string: String, evidence| RpcFailure {
        layer,
        code,
        text,
        protocol_string,
        evidence,
    };
    let (account, password) = node.credentials_for(peer).await.map_err(|error| {
        fail(
            None,
            at(
                FailureLayer::Authentication,
                SECURITY_PACKAGE,
                chain(&error),
                target.protocol_string(),
                Evidence::by(RefusedBy::ThisSide),
            ),
        )
    })?;
    let proof = Proof::new(node, peer, &account, &password).await.map_err(|error| {
        let (code, text) = (error.win32(), chain(&error));
        let evidence = Evidence::by(RefusedBy::ThisSide);
        let layer = FailureLayer::Authentication;
        fail(Some(&account), at(layer, code, text, target.protocol_string(), evidence))
    })?;
    let opened = node.dialer().open(target, || proof.initiator()).await;
    let client = match opened {
        Ok(client) => client,
        Err(failures) => {
            // One event for each name or address that was tried; the last has the last word.
            let mut status = 1722;
            for mut failure in failures {
                failure.code = records::said_code(failure.code);
                status = fail(Some(&account), failure);
            }
            return Err(status);
        }
    };
    let binding = format!("ncacn_ip_tcp:{}[{}]", client.remote().ip(), client.remote().port());
    let request = BindBack {
        called_name: config.server.name.clone(),
        token: bind.token,
        max_piece: u32::try_from(PIECE_LIMIT).unwrap_or(u32::MAX),
    };
    let result = client.call(MTA_BIND_BACK, request.encode(), config.rpc.call_timeout).await;
    let reply = result.map_err(|error| {
        let (code, layer) = match &error {
            net::CallError::Fault { status } => {
                // Where an identity was refused the first call is denied; a right is missing only in an answer.
                (records::said_code(Status(*status).win32()), FailureLayer::Authentication)
            }
            _ => (1722, FailureLayer::Call),
        };
        let text = match &error {
            net::CallError::Fault { status } if Status(*status).win32() == ACCESS_DENIED => {
                format!("{caller} denied access to the bind-back")
            }
            _ => format!("MtaBindBack at {caller}: {}", chain(&error)),
        };
        let evidence = Evidence::of_call(&error);
        fail(Some(&account), at(layer, code, text, binding.clone(), evidence))
    })?;
    match BindBackAnswer::decode(&reply.stub, reply.order) {
        Ok(answer) if answer.status == 0 => Ok((client, answer)),
        Ok(answer) => {
            let said = Status(answer.status);
            let text = format!("{caller} refused the bind-back: {said}");
            let evidence = Evidence::in_pdu("response", answer.status);
            let layer = FailureLayer::AccessCheck;
            Err(fail(Some(&account), at(layer, answer.status, text, binding, evidence)))
        }
        Err(error) => {
            let evidence = Evidence::by(RefusedBy::ThisSide);
            let text = error.to_string();
            Err(fail(Some(&account), at(FailureLayer::Call, 1783, text, binding, evidence)))
        }
    }
}

/// Who opened an association, and from where.
struct Proved {
    account: AccountName,
    address: String,
}

impl Proved {
    /// Whether the account may still do what it did at the bind; a change counts at once.
    fn still_may(&self, node: &Node, peer: &str) -> Result<(), Denied> {
        let config = node.config();
        let checked = match config.peer(peer) {
            Some(peer) => check_account(node, peer, &self.account),
            None => Err(Denied::new(format!("{peer:?} is no configured peer any more"), "peer")),
        };
        checked.inspect_err(|denied| {
            refuse(node, &self.account, &self.address, Some(peer), denied);
        })
    }
}

/// Takes what the caller sends until the association is over.
async fn serve(
    node: Arc<Node>,
    peer: String,
    proved: Proved,
    (mut channel, mut association): (Channel, Association),
    index: u32,
) {
    let end = tokio::select! {
        end = receive(&node, &peer, &proved, (&mut channel, &mut association), index) => end,
        () = drained(&node) => {
            association.abort();
            Ok(None)
        }
        why = no_longer(&node, &peer, &proved) => {
            association.abort();
            Ok(Some(why))
        }
        () = dial_up::link_down(&node, &peer) => {
            association.abort();
            Ok(Some("the line is gone".to_owned()))
        }
    };
    channel.flush(&mut association, LEAVE).await;
    let why = match end {
        Ok(why) => why,
        Err(end) => Some(chain(&end)),
    };
    if why.is_none()
        && let Err(error) = channel.unbind(MTA_UNBIND_BACK, LEAVE).await
    {
        node.log(event::build::unbind_back_failed(&event::build::ChannelBroken {
            ltab_index: index,
            code: 1722,
            remote_server: peer.clone(),
            detail: error.to_string(),
        }));
    }
    records::ended(&node, &peer, index, why.as_deref());
    dial_up::follow_call(&node, &peer);
}

/// A stopping server lets callers finish what they are sending for a moment.
async fn drained(node: &Node) {
    node.stopped().await;
    tokio::time::sleep(LEAVE).await;
}

/// Returns, with the reason, once the account may no longer do what it did at the bind: an idle association does not wait for
/// the next message to be told.
async fn no_longer(node: &Node, peer: &str, proved: &Proved) -> String {
    let mut changes = node.changes();
    loop {
        if let Err(denied) = proved.still_may(node, peer) {
            return denied.reason;
        }
        if changes.changed().await.is_err() {
            return std::future::pending().await;
        }
    }
}

async fn receive(
    node: &Arc<Node>,
    peer: &str,
    proved: &Proved,
    (channel, association): (&mut Channel, &mut Association),
    index: u32,
) -> Result<Option<String>, ChannelEnd> {
    loop {
        match channel.next_output(association).await? {
            Output::Received(apdu) => {
                if let Err(denied) = proved.still_may(node, peer) {
                    // It was not taken: the caller has it still, and tries again with a new bind.
                    association.abort();
                    return Ok(Some(denied.reason));
                }
                let kept = inbound::take(node, peer, apdu).await;
                let answered = match kept {
                    Ok(()) => association.confirm(),
                    Err(error) => {
                        eprintln!("transfer from {peer} refused: {}", chain(&error));
                        if error.passes() {
                            association.refuse_for_now()
                        } else {
                            association.refuse()
                        }
                    }
                };
                answered
                    .map_err(|source| ChannelEnd::Protocol { peer: peer.to_owned(), source })?;
                node.ltab().update(index, |row| row.messages += 1);
                records::still_well(node, peer);
            }
            Output::Ended(why) => return Ok(why),
            // The RPC layer has proved the peer: the bind is never asked about.
            _ => {}
        }
    }
}
