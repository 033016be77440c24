//! What answers the calls of one RPC connection: the MTA interface, and the endpoint mapper.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use dcerpc::status::{BAD_STUB_DATA, NCA_FAULT_CONTEXT_MISMATCH, NCA_OP_RNG_ERROR};
use dcerpc::{
    AuthLevel, ContextHandle, ContextHandles, InterfaceRules, ServerAssociation, ServerConfig,
    Uuid, epm, mgmt,
};
use event::Layer;
use identity::AccountName;
use mta::account_interface;
use mta::directory_interface::{self, DIRECTORY_READ, Read};
use mta::probe_interface;
use mta::rpc_interface::{
    self, Bind, BindBack, BindBackAnswer, MTA_BIND, MTA_BIND_BACK, MTA_TRANSFER, MTA_UNBIND,
    MTA_UNBIND_BACK, PIECE_LIMIT, Piece, Transfer, Unbind, encode_status,
};
use net::{RpcRequest, RpcService};
use security::{LogonFailure, LogonQuestion, LogonVerdict, SecurityError};
use tokio::sync::mpsc;

use super::called::{
    ACCESS_DENIED, BindRequest, Denied, SERVER_TOO_BUSY, answer_bind, check_account, check_state,
    refuse,
};
use super::own_password;
use super::probing;
use super::records::{self, Refusal};
use crate::blocking::blocking;
use crate::directory_table::now_ms;
use crate::failed_logons::{Kind, Say};
use crate::node::{Node, random};
use crate::rpc_security;

/// Index of the management interface among those of a port; the port's own is the first.
const MANAGEMENT: usize = 1;
/// Index of the interface that tells of the directory, on the MTA's port.
const DIRECTORY: usize = 2;
/// Index of the interface by which machine accounts change their passwords, there, too.
const ACCOUNTS: usize = 3;
/// Index of the interface by which the doctor asks for the way back to be tried, there, too.
const PROBE: usize = 4;
/// Win32 `ERROR_NOT_ENOUGH_MEMORY`, for what this server cannot put into words.
const NOT_ENOUGH_MEMORY: u32 = 8;
/// Pieces that wait for the association; the answer to a call comes once its piece waits here.
const PIECES: usize = 8;
/// Channels that one connection may hold open.
const MAX_CHANNELS: usize = 8;

/// How long callers may finish what they are sending once the server stops; then they are asked to let go.
const LEAVE: Duration = Duration::from_secs(6);

/// The bind-back that a bind of this server waited for.
pub struct BoundBack {
    pub incoming: mpsc::Receiver<Piece>,
}

/// Makes what serves one connection.
#[derive(Clone)]
pub struct ServiceFactory {
    node: Arc<Node>,
    /// The mapper's port serves the endpoint mapper, the other one the MTA.
    interface: Interface,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Interface {
    Mapper,
    Mta,
}

/// One connection's service.
pub struct Service {
    node: Arc<Node>,
    interface: Interface,
    peer: SocketAddr,
    /// Those of this connection alone: they are run down with it, since losing either channel ends the association.
    channels: Mutex<ContextHandles<Incoming>>,
}

/// What a context handle of the MTA's interface stands for.
enum Incoming {
    /// Given by MtaBind, taken back by MtaUnbind.
    Bind(mpsc::Sender<Piece>),
    /// Given by MtaBindBack, taken back by MtaUnbindBack.
    BindBack(mpsc::Sender<Piece>),
}

impl Incoming {
    fn pieces(&self) -> &mpsc::Sender<Piece> {
        match self {
            Self::Bind(pieces) | Self::BindBack(pieces) => pieces,
        }
    }
}

impl ServiceFactory {
    /// Serves the endpoint mapper.
    #[must_use]
    pub fn mapper(node: Arc<Node>) -> Self {
        Self { node, interface: Interface::Mapper }
    }

    /// Serves the MTA interface.
    #[must_use]
    pub fn mta(node: Arc<Node>) -> Self {
        Self { node, interface: Interface::Mta }
    }

    /// The association machine and the service of a new connection.
    #[must_use]
    pub fn connection(
        &self,
        peer: SocketAddr,
        local_port: u16,
    ) -> (ServerAssociation, Arc<Service>) {
        let node = Arc::clone(&self.node);
        let rules = match self.interface {
            Interface::Mapper => {
                InterfaceRules { syntax: epm::INTERFACE, min_level: AuthLevel::None }
            }
            Interface::Mta => {
                // A caller whose protection is too weak is refused below, where it can be written down.
                let min_level = AuthLevel::Connect;
                InterfaceRules { syntax: rpc_interface::INTERFACE, min_level }
            }
        };
        // Every RPC server can be managed, and asked whether it is there.
        let mut interfaces =
            vec![rules, InterfaceRules { syntax: mgmt::INTERFACE, min_level: AuthLevel::None }];
        if self.interface == Interface::Mta {
            let min_level = rpc_security::level(&node.config());
            interfaces.push(InterfaceRules { syntax: directory_interface::INTERFACE, min_level });
            let min_level = AuthLevel::Privacy;
            interfaces.push(InterfaceRules { syntax: account_interface::INTERFACE, min_level });
            interfaces.push(InterfaceRules { syntax: probe_interface::INTERFACE, min_level });
        }
        let config = ServerConfig {
            interfaces,
            acceptor: Box::new({
                let node = Arc::clone(&node);
                move |auth_type| rpc_security::acceptor(&node, auth_type)
            }),
            max_fragment: dcerpc::DEFAULT_FRAGMENT,
            secondary_address: local_port.to_string(),
            association_group: u32::from_le_bytes(random()) | 1,
        };
        let channels = Mutex::new(ContextHandles::new(MAX_CHANNELS));
        let service = Service { node, interface: self.interface, peer, channels };
        (ServerAssociation::new(config), Arc::new(service))
    }
}

impl RpcService for Service {
    async fn call(&self, request: RpcRequest) -> Result<Vec<u8>, u32> {
        match request.interface {
            MANAGEMENT => return self.call_management(&request),
            DIRECTORY => return self.read_directory(request).await,
            ACCOUNTS => return own_password::call(&self.node, self.peer, request).await,
            PROBE => return probing::call(&self.node, self.peer, request).await,
            _ => {}
        }
        match self.interface {
            Interface::Mapper => self.call_mapper(&request),
            Interface::Mta => {
                // The interface's rule lets no unauthenticated request through to here.
                let principal = request.principal.clone().ok_or(ACCESS_DENIED)?;
                let least = rpc_security::level(&self.node.config());
                if request.level < least {
                    self.refuse_level(&principal, request.level, least);
                    return Err(ACCESS_DENIED);
                }
                let accounts = self.node.accounts.clone();
                let proved = principal.clone();
                if accounts.find(&proved).is_some_and(|account| account.failures > 0) {
                    tokio::task::spawn_blocking(move || accounts.note_success(&proved));
                }
                self.call_mta(request, principal).await
            }
        }
    }

    async fn judge(&self, question: LogonQuestion) -> LogonVerdict {
        let trouble = |error: &winbind::WinbindError| {
            eprintln!("logon of {}: {}", question.account, net::chain(error));
        };
        self.node.winbind.judge(&question, trouble).await
    }

    async fn let_go(&self) {
        self.node.stopped().await;
        if !self.lock().is_empty() {
            tokio::time::sleep(LEAVE).await;
        }
    }

    fn authentication_failed(&self, claimed: Option<AccountName>, why: &SecurityError) {
        let failure = why.logon_failure();
        if let (Some(name), LogonFailure::WrongPassword) = (&claimed, failure) {
            let (accounts, name) = (self.node.accounts.clone(), name.clone());
            // Waits for the disk, and nobody has to wait for that.
            tokio::task::spawn_blocking(move || accounts.note_failure(&name, now_ms()));
        }
        let node = Arc::clone(&self.node);
        let address = self.peer;
        let user = claimed.as_ref().map_or_else(|| "(nobody)".to_owned(), ToString::to_string);
        let kind: Kind = (user, address.ip().to_canonical(), failure.win32());
        let say = node.failed_logons().note(Instant::now(), &kind);
        match say {
            Say::Nothing => {}
            Say::Now => drop(tokio::spawn(refuse_logon(node, claimed, address, failure, 1))),
            Say::After(rest) => drop(tokio::spawn(async move {
                tokio::time::sleep(rest).await;
                let count = node.failed_logons().close(&kind);
                refuse_logon(node, claimed, address, failure, count).await;
            })),
        }
    }
}

/// Writes down that somebody did not prove who it is.
async fn refuse_logon(
    node: Arc<Node>,
    claimed: Option<AccountName>,
    address: SocketAddr,
    failure: LogonFailure,
    count: u32,
) {
    let peer = claimed.as_ref().and_then(|account| node.peer_of_account(account));
    let of_peer = match &peer {
        Some(peer) => node.may_be(peer, address.ip()).await,
        None => false,
    };
    let spelling = claimed.as_ref().and_then(|name| spelt_otherwise(&node, name));
    let failed = spelling.map_or_else(|| failure.to_string(), |how| format!("{failure}; {how}"));
    let reason = match count {
        0 | 1 => failed,
        count => format!("{failed} ({count} times within a minute)"),
    };
    records::refused(
        &node,
        &Refusal {
            user: claimed.map_or_else(|| "(nobody)".to_owned(), |name| name.to_string()),
            peer: peer.as_ref().map(|peer| peer.name.as_str()),
            address: address.to_string(),
            code: failure.win32(),
            reason,
            step: match failure {
                LogonFailure::LmOrNtlmV1Refused | LogonFailure::LmRefused => "ntlm-version",
                LogonFailure::WeakSessionSecurity { .. } => "session-security",
                LogonFailure::KeysDiffer => "session-keys",
                _ => "authentication",
            },
            layer: Layer::Authentication,
            count,
            differs: None,
            of_peer,
        },
    );
}

/// Whether an unknown name is one that is known, spelt in another character set.
fn spelt_otherwise(node: &Node, name: &AccountName) -> Option<String> {
    if node.accounts.find(name).is_some() {
        return None;
    }
    let seen = name.to_string();
    node.accounts.list().iter().find_map(|account| {
        let meant = account.name.to_string();
        let how = identity::mangled(&meant, &seen)?;
        Some(format!("it looks like {meant} in another spelling: {how}"))
    })
}

impl Service {
    fn call_management(&self, request: &RpcRequest) -> Result<Vec<u8>, u32> {
        let own = match self.interface {
            Interface::Mapper => epm::INTERFACE,
            Interface::Mta => rpc_interface::INTERFACE,
        };
        let principal = format!("host/{}", self.node.config().server.host_name);
        let interfaces = [own, mgmt::INTERFACE];
        let managed = mgmt::Managed { interfaces: &interfaces, principal: &principal };
        managed.dispatch(request.opnum, &request.stub, request.order)
    }

    /// Writes down that calls are protected less than this server takes.
    fn refuse_level(&self, principal: &AccountName, level: AuthLevel, least: AuthLevel) {
        let peer = self.node.peer_of_account(principal).map(|peer| peer.name);
        let (level, least) = (rpc_security::word(level), rpc_security::word(least));
        let denied = Denied::new(
            format!("calls are protected by {level}, and {least} is the least that is taken here"),
            "level",
        );
        refuse(&self.node, principal, &self.peer.to_string(), peer.as_deref(), &denied);
    }

    /// What other servers may read: this server's copy of the directory, told to whoever speaks for a peer.
    async fn read_directory(&self, request: RpcRequest) -> Result<Vec<u8>, u32> {
        // The interface's rule lets no unauthenticated request through to here.
        let principal = request.principal.clone().ok_or(ACCESS_DENIED)?;
        if request.opnum != DIRECTORY_READ {
            return Err(NCA_OP_RNG_ERROR);
        }
        let read = Read::decode(&request.stub, request.order).map_err(|_| BAD_STUB_DATA)?;
        let denied = match self.node.peer_of_account(&principal) {
            Some(peer) => check_state(&self.node, &peer, &principal).err(),
            None => {
                let reason =
                    format!("{principal} speaks for no peer, and would read the directory");
                Some(Denied::new(reason, "account"))
            }
        };
        if let Some(denied) = denied {
            refuse(&self.node, &principal, &self.peer.to_string(), None, &denied);
            return Err(ACCESS_DENIED);
        }
        let directory = self.node.directory.clone();
        let page = blocking(move || directory.page(&read)).await;
        page.map(|answer| answer.encode()).map_err(|error| {
            eprintln!("the directory cannot be told: {}", net::chain(&error));
            NOT_ENOUGH_MEMORY
        })
    }

    fn call_mapper(&self, request: &RpcRequest) -> Result<Vec<u8>, u32> {
        let config = self.node.config();
        let mut map = epm::EndpointMap::new();
        // An unspecified address lets the caller use the one that it asked (IPv6 has no floor).
        let address = match config.rpc.listen {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        let served = [
            (rpc_interface::INTERFACE, "MTA"),
            (directory_interface::INTERFACE, "directory"),
            (account_interface::INTERFACE, "accounts"),
            (probe_interface::INTERFACE, "probe"),
        ];
        for (interface, what) in served {
            map.register(epm::MapEntry {
                interface,
                object: Uuid::NIL,
                address,
                port: self.node.rpc_port(),
                annotation: format!("Bindback {what} {}", config.server.name),
            });
        }
        map.dispatch(request.opnum, &request.stub, request.order)
    }

    async fn call_mta(&self, request: RpcRequest, principal: AccountName) -> Result<Vec<u8>, u32> {
        let stub = &request.stub;
        match request.opnum {
            MTA_BIND => {
                let bind = Bind::decode(stub, request.order).map_err(|_| BAD_STUB_DATA)?;
                self.bind(bind, principal).await
            }
            MTA_BIND_BACK => {
                let bind_back = BindBack::decode(stub, request.order).map_err(|_| BAD_STUB_DATA)?;
                Ok(self.bind_back(&bind_back, &principal).encode())
            }
            MTA_TRANSFER => {
                let transfer = Transfer::decode(stub, request.order).map_err(|_| BAD_STUB_DATA)?;
                let find = |incoming: &Incoming| Some(incoming.pieces().clone());
                let channel = self.lock().find(&transfer.channel, find);
                let channel = channel.ok_or(NCA_FAULT_CONTEXT_MISMATCH)?;
                channel.send(transfer.piece).await.map_err(|_| NCA_FAULT_CONTEXT_MISMATCH)?;
                Ok(encode_status(0))
            }
            opnum @ (MTA_UNBIND | MTA_UNBIND_BACK) => {
                let unbind = Unbind::decode(stub, request.order).map_err(|_| BAD_STUB_DATA)?;
                let sort = |incoming: &Incoming| {
                    (opnum == MTA_UNBIND) == matches!(incoming, Incoming::Bind(_))
                };
                self.lock().take(&unbind.channel, sort).ok_or(NCA_FAULT_CONTEXT_MISMATCH)?;
                Ok(rpc_interface::encode_unbind_answer(0))
            }
            _ => Err(NCA_OP_RNG_ERROR),
        }
    }

    async fn bind(&self, bind: Bind, principal: AccountName) -> Result<Vec<u8>, u32> {
        let (channel, incoming) = self.open_channel(Incoming::Bind).ok_or(SERVER_TOO_BUSY)?;
        let address = self.peer.to_string();
        let request = BindRequest { bind, principal, address, channel, incoming };
        let answer = answer_bind(Arc::clone(&self.node), request).await;
        if answer.status != 0 {
            self.lock().take(&channel, |_| true);
        }
        Ok(answer.encode())
    }

    fn bind_back(&self, said: &BindBack, principal: &AccountName) -> BindBackAnswer {
        let refused =
            BindBackAnswer { agreed_piece: 0, channel: ContextHandle::NULL, status: ACCESS_DENIED };
        let address = self.peer.to_string();
        let config = self.node.config();
        let caller = self.node.expected().get(&said.token).map(|waiting| waiting.peer.clone());
        let Some(peer) = caller.and_then(|name| config.peer(&name)) else {
            let reason = "bound back to a bind that this server did not make".to_owned();
            let known = self.node.peer_of_account(principal).map(|peer| peer.name);
            let denied = Denied::new(reason, "token");
            refuse(&self.node, principal, &address, known.as_deref(), &denied);
            return refused;
        };
        if let Err(denied) = check_account(&self.node, peer, principal) {
            refuse(&self.node, principal, &address, Some(&peer.name), &denied);
            return refused;
        }
        let Some((channel, incoming)) = self.open_channel(Incoming::BindBack) else {
            return BindBackAnswer { status: SERVER_TOO_BUSY, ..refused };
        };
        let Some(waiting) = self.node.expected().remove(&said.token) else { return refused };
        if waiting.bound.send(BoundBack { incoming }).is_err() {
            self.lock().take(&channel, |_| true);
            return refused;
        }
        let piece = u32::try_from(PIECE_LIMIT).unwrap_or(u32::MAX).min(said.max_piece);
        BindBackAnswer { agreed_piece: piece, channel, status: 0 }
    }

    fn open_channel(
        &self,
        sort: impl FnOnce(mpsc::Sender<Piece>) -> Incoming,
    ) -> Option<(ContextHandle, mpsc::Receiver<Piece>)> {
        let (sender, incoming) = mpsc::channel(PIECES);
        let handle = self.lock().give(random(), sort(sender))?;
        Some((handle, incoming))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ContextHandles<Incoming>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
