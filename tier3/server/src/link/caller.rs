//! Calling a peer: one task for each peer that opens associations while mail waits.

use std::sync::Arc;
use std::time::{Duration, Instant};

use dcerpc::status::Status;
use event::Layer;
use event::build::{self, Codes, Connection};
use jiff::Timestamp;
use mta::rpc_interface::{
    AssociationToken, Bind, BindAnswer, INTERFACE, MTA_BIND, MTA_UNBIND, PIECE_LIMIT,
};
use mta::{Association, AssociationNames, Direction, Output};
use net::{CallError, RpcClient, RpcTarget};
use queue::{NextHop, Outcome, Work};
use tokio::sync::oneshot;

use super::channel::{Channel, ChannelEnd};
use super::further::Further;
use super::proof::Proof;
use super::records::{self, OutFailure, Silence};
use crate::dial_up::{self, Call, Raised};
use crate::node::{ExpectedBindBack, Node, random};
use crate::{outbound, reroute, rpc_security};
use net::chain;

/// How long the peer may take to answer the P1 bind, and to take its leave.
const HANDSHAKE: Duration = Duration::from_secs(30);
/// An association that stood for so long did not fail at its opening.
const STOOD: Duration = Duration::from_secs(1);
/// RTSE transfer of one message: its answer waits for the peer's disk.
const TRANSFER: Duration = Duration::from_secs(600);

/// An association that stands, as its caller holds it.
pub(super) struct Open {
    pub(super) channel: Channel,
    pub(super) association: Association,
    pub(super) ltab_index: u32,
}

/// Serves one peer until the server stops.
pub async fn run_peer(node: Arc<Node>, peer: String) {
    let hop = NextHop::Peer(peer.clone());
    let (ready, greeting) = (node.queue.ready(&hop), node.greeting(&peer));
    let mut again = false;
    loop {
        if !again {
            tokio::select! {
                () = ready.notified() => {}
                () = greeting.notified() => {}
                () = node.stopped() => return,
            }
        }
        again = false;
        // A bind that begins now answers every greeting asked for until now.
        let _ = tokio::time::timeout(Duration::ZERO, greeting.notified()).await;
        let call = match dial_up::raise(&node, &peer).await {
            Raised::Straight => None,
            Raised::Up(call) => Some(call),
            Raised::Nothing => continue,
            Raised::Failed(why) => {
                failed(&node, &peer, &hop, &why).await;
                continue;
            }
        };
        match open(&node, &peer).await {
            Ok(open) => again = converse(&node, &peer, &hop, open, call).await,
            Err(why) => {
                if let Some(call) = call {
                    call.give_back(&node).await;
                }
                failed(&node, &peer, &hop, &why).await;
            }
        }
    }
}

/// An association to its end; true when another one is wanted at once.
async fn converse(
    node: &Arc<Node>,
    peer: &str,
    hop: &NextHop,
    open: Open,
    call: Option<Call>,
) -> bool {
    node.queue.hop_up(hop);
    let opened = Instant::now();
    let index = open.ltab_index;
    // A line that is dialled is slow itself: more associations would only share it.
    let further = call.is_none().then(|| Further::watch(node, peer));
    let served = match &call {
        None => serve(node, peer, hop, open, None).await,
        Some(call) => tokio::select! {
            served = serve(node, peer, hop, open, Some(call)) => served,
            why = call.cut() => Err(ChannelEnd::Ended { peer: peer.to_owned(), why }),
        },
    };
    if let Some(further) = further {
        further.end().await;
    }
    let (again, end) = match served {
        Ok(Leave::Idle) => (false, None),
        Ok(Leave::Greet) => (true, None),
        Err(end) => (false, Some(end)),
    };
    if let Some(end) = &end {
        records::channel_broken(node, peer, index, end);
    }
    let why = end.map(|end| chain(&end));
    records::ended(node, peer, index, why.as_deref());
    let dialled = call.is_some();
    if let Some(call) = call {
        call.give_back(node).await;
    }
    match why {
        Some(why) => {
            node.queue.hop_failed(hop, &why);
            if !dialled && opened.elapsed() >= STOOD {
                // The peer was well until now: try at once, and if it is gone say so
                // at once, with an event that tells why. A call that was cut costs another one: it has to wait.
                node.wake_peer(peer);
            }
        }
        None => node.queue.hop_closed(hop),
    }
    again
}

/// The way to the peer could not be opened: what waits waits for its time, or goes another way.
async fn failed(node: &Arc<Node>, peer: &str, hop: &NextHop, why: &str) {
    node.queue.hop_failed(hop, why);
    reroute::after_failure(node, hop).await;
    log_retry(node, peer, hop);
}

/// Event 301: when the next attempt will be.
fn log_retry(node: &Node, peer: &str, hop: &NextHop) {
    let next =
        node.queue.view(|queue, now| Some(queue.retry_at(hop)?.duration_since(now).as_secs()));
    if let Some(seconds) = next.and_then(|seconds| u32::try_from(seconds).ok()) {
        node.log(build::retry_timer(peer, Some(peer), 0, seconds));
    }
}

/// Binds, waits for the bind-back, and opens the association.
pub(super) async fn open(node: &Arc<Node>, peer_name: &str) -> Result<Open, String> {
    let config = node.config();
    let peer = config.peer(peer_name).ok_or_else(|| format!("{peer_name} is no peer any more"))?;
    let (account, password) = match node.credentials_for(peer).await {
        Ok(credentials) => credentials,
        Err(error) => {
            let detail = chain(&error);
            // Nothing was sent, so it is no failed bind: the peer has nothing to do with it.
            node.log(build::connection_not_opened(&Connection {
                entity: peer.name.clone(),
                peer: Some(peer.name.clone()),
                code: None,
                detail: detail.clone(),
            }));
            return Err(detail);
        }
    };
    let row = node.ltab().open(Direction::Out, &peer.name, &account.to_string(), Timestamp::now());
    let ltab_index = row.map_err(|full| {
        node.log(build::locality_table_full(u32::try_from(full.limit).unwrap_or(u32::MAX)));
        full.to_string()
    })?;
    let target = RpcTarget {
        host: peer.host.clone(),
        mapper_port: peer.mapper_port,
        interface: INTERFACE,
        level: rpc_security::level(&config),
    };
    let fail = |codes, layer, detail: String, protocol_string: String| {
        let said = OutFailure {
            peer: &peer.name,
            host: &peer.host,
            account: Some(&account),
            ltab_index,
            codes,
            layer,
            detail,
            protocol_string,
        };
        records::out_failed(node, &said);
        said.detail
    };
    let proof = Proof::new(node, peer, &account, &password).await.map_err(|error| {
        let codes = Codes::own(error.win32());
        fail(codes, Layer::Authentication, chain(&error), target.protocol_string())
    })?;
    let client = node.dialer().open(&target, || proof.initiator()).await.map_err(|failures| {
        // One event for the bind: the last address tried has the last word.
        let Some(last) = failures.into_iter().next_back() else {
            return fail(
                Codes::own(1722),
                Layer::Tcp,
                "no address".to_owned(),
                target.protocol_string(),
            );
        };
        let codes = Codes::own(records::said_code(last.code));
        fail(codes, records::layer_of(last.layer), last.text, last.protocol_string)
    })?;
    let protocol_string =
        format!("ncacn_ip_tcp:{}[{}]", client.remote().ip(), client.remote().port());
    match bind(node, &client, &peer.name).await {
        Ok(bound) => {
            let channel = Channel::new(
                &peer.name,
                client,
                bound.answer.channel,
                bound.back.incoming,
                config.rpc.call_timeout,
            )
            .ends_when_idle(config.rpc.idle_timeout)
            .heeded(dial_up::heed(node, &peer.name));
            let open = handshake(node, &peer.name, channel, &bound.answer, ltab_index).await?;
            records::opened(node, &peer.name, Direction::Out, ltab_index, &protocol_string);
            Ok(open)
        }
        Err(refused) => {
            if let Some(waited) = refused.silent_for {
                let call = Silence { call: "MtaBind", waited, protocol_string: &protocol_string };
                records::call_cancelled(node, &peer.name, ltab_index, &call);
            }
            Err(fail(refused.codes, refused.layer, refused.detail, protocol_string))
        }
    }
}

struct Bound {
    answer: BindAnswer,
    back: super::BoundBack,
}

struct BindRefused {
    codes: Codes,
    layer: Layer,
    detail: String,
    silent_for: Option<Duration>,
}

/// MtaBind; its answer comes after the peer's MtaBindBack has arrived here.
async fn bind(node: &Node, client: &RpcClient, peer: &str) -> Result<Bound, BindRefused> {
    let config = node.config();
    let token = AssociationToken(random());
    let (bound, mut bound_back) = oneshot::channel();
    let waiting = ExpectedBindBack { peer: peer.to_owned(), bound };
    node.expected().insert(token, waiting);
    let request = Bind {
        caller_name: config.server.name.clone(),
        called_name: peer.to_owned(),
        bind_back_binding: format!(
            "ncacn_ip_tcp:{}[{}]",
            config.rpc.bind_back_name, config.rpc.mapper_port
        ),
        token,
        max_piece: u32::try_from(PIECE_LIMIT).unwrap_or(u32::MAX),
    };
    // The peer may use all of its own deadline for the bind-back before it answers.
    let patience = config.rpc.bind_back_timeout + config.rpc.call_timeout;
    let result = client.call(MTA_BIND, request.encode(), patience).await;
    node.expected().remove(&token);
    let refused =
        |codes, layer, detail: String| BindRefused { codes, layer, detail, silent_for: None };
    let reply = result.map_err(|error| call_refused(peer, &error))?;
    let answer = BindAnswer::decode(&reply.stub, reply.order)
        .map_err(|error| refused(Codes::own(1783), Layer::Call, error.to_string()))?;
    if answer.bind_status != 0 {
        let detail = format!("{peer} could not bind back: {}", Status(answer.bind_status));
        return Err(refused(Codes::reported(answer.bind_status), Layer::BindBack, detail));
    }
    if answer.status != 0 {
        let detail = format!("{peer} refused the MTA bind: {}", Status(answer.status));
        return Err(refused(Codes::own(answer.status), Layer::AccessCheck, detail));
    }
    match bound_back.try_recv() {
        Ok(back) => Ok(Bound { answer, back }),
        Err(_) => {
            let detail = format!("{peer} accepted the MTA bind without binding back");
            Err(refused(Codes::own(1726), Layer::BindBack, detail))
        }
    }
}

fn call_refused(peer: &str, error: &CallError) -> BindRefused {
    let (code, layer) = match error {
        CallError::Fault { status } => (records::said_code(Status(*status).win32()), Layer::Bind),
        CallError::TimedOut { .. } => (1722, Layer::Call),
        CallError::Lost => (1726, Layer::Call),
        CallError::Refused(_) => (1726, Layer::Call),
    };
    let detail = match error {
        CallError::Fault { status } if Status(*status).win32() == 5 => {
            format!("{peer} denied access")
        }
        _ => format!("MtaBind at {peer}: {}", chain(error)),
    };
    let silent_for = match error {
        CallError::TimedOut { waited } => Some(*waited),
        _ => None,
    };
    BindRefused { codes: Codes::own(code), layer, detail, silent_for }
}

/// The X.400 association over the two channels.
async fn handshake(
    node: &Node,
    peer: &str,
    mut channel: Channel,
    answer: &BindAnswer,
    ltab_index: u32,
) -> Result<Open, String> {
    let config = node.config();
    let names =
        AssociationNames { local_mta: config.server.name.clone(), remote_mta: peer.to_owned() };
    let terms = crate::settings::terms(&config);
    let piece = usize::try_from(answer.agreed_piece).unwrap_or(PIECE_LIMIT).min(PIECE_LIMIT);
    let reference = format!("{}-{ltab_index}", x400::ia5_name(&config.server.name));
    let utc_time = x400::format_utc_time(Timestamp::now());
    let mut association = Association::initiate(names, terms, piece, &reference, &utc_time);
    let why = match channel.next_output_within(&mut association, HANDSHAKE).await {
        Ok(Output::Opened) => return Ok(Open { channel, association, ltab_index }),
        Ok(Output::Ended(why)) => why.unwrap_or_else(|| "the peer left at once".to_owned()),
        Ok(_) => "the peer did not answer the P1 bind".to_owned(),
        Err(end) => chain(&end),
    };
    channel.flush(&mut association, HANDSHAKE).await;
    records::ended(node, peer, ltab_index, Some(&why));
    Err(why)
}

/// Why an association was released.
enum Leave {
    /// Nothing was to be sent for a while, or the server stops.
    Idle,
    /// The peer is to be greeted, which takes a new bind: something was put right here, and the
    /// peer, whose own binds may have failed by it, learns so from a bind-back that works.
    Greet,
}

/// Transfers what waits, keeps the association for a while, then takes leave.
async fn serve(
    node: &Arc<Node>,
    peer: &str,
    hop: &NextHop,
    open: Open,
    call: Option<&Call>,
) -> Result<Leave, ChannelEnd> {
    let Open { mut channel, mut association, ltab_index } = open;
    let (ready, greeting) = (node.queue.ready(hop), node.greeting(peer));
    let idle = node.config().association.idle;
    let over = async {
        match call {
            Some(call) => call.ends(node).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    let leave = loop {
        while !node.is_stopping()
            && let Some(work) = node.queue.take(hop)
        {
            let sent = transfer(node, &mut channel, &mut association, work).await?;
            if sent {
                node.ltab().update(ltab_index, |row| row.messages += 1);
            }
        }
        tokio::select! {
            () = ready.notified() => {}
            // A call is made for mail alone; its association stands, so that nothing need be put right.
            () = greeting.notified(), if call.is_none() => break Leave::Greet,
            () = tokio::time::sleep(idle), if call.is_none() => break Leave::Idle,
            () = &mut over => break Leave::Idle,
            () = node.stopped() => break Leave::Idle,
            output = channel.next_output(&mut association) => match output? {
                Output::Ended(None) => return Ok(Leave::Idle),
                Output::Ended(Some(why)) => {
                    return Err(ChannelEnd::Ended { peer: peer.to_owned(), why });
                }
                _ => {}
            },
        }
    };
    self::leave(Open { channel, association, ltab_index }).await?;
    Ok(leave)
}

/// Takes leave in order.
pub(super) async fn leave(open: Open) -> Result<(), ChannelEnd> {
    let Open { mut channel, mut association, .. } = open;
    association.release();
    while !matches!(
        channel.next_output_within(&mut association, HANDSHAKE).await?,
        Output::Ended(_)
    ) {}
    // The release is agreed on; a peer that is already gone takes nothing away.
    let _ = channel.unbind(MTA_UNBIND, HANDSHAKE).await;
    Ok(())
}

/// Hands one message over; false when the peer did not take it, an error when the
/// association is lost (the queue then takes back what was in flight).
pub(super) async fn transfer(
    node: &Arc<Node>,
    channel: &mut Channel,
    association: &mut Association,
    work: Work,
) -> Result<bool, ChannelEnd> {
    let all = |outcome: &Outcome| work.recipients.iter().map(|n| (*n, outcome.clone())).collect();
    let apdu = match outbound::apdu(node, &work, None).await {
        Ok(apdu) => apdu,
        Err(error) => {
            node.queue.complete(work.id, all(&Outcome::Retry { error }));
            return Ok(false);
        }
    };
    if let Err(error) = association.send(apdu) {
        node.queue.complete(work.id, all(&Outcome::Retry { error: chain(&error) }));
        return Ok(false);
    }
    let result = channel.next_output_within(association, TRANSFER).await?;
    let outcome = match result {
        Output::Sent => Outcome::Done,
        Output::NotSent(error) | Output::NotNow(error) => Outcome::Retry { error },
        Output::Ended(why) => {
            let error = why.unwrap_or_else(|| "the peer took its leave".to_owned());
            node.queue.complete(work.id, all(&Outcome::Retry { error: error.clone() }));
            return Err(ChannelEnd::Ended { peer: "the peer".to_owned(), why: error });
        }
        _ => Outcome::Retry { error: "the peer is out of step".to_owned() },
    };
    let sent = outcome == Outcome::Done;
    if sent {
        outbound::note_sent(node, &work);
    }
    node.queue.complete(work.id, all(&outcome));
    Ok(sent)
}
