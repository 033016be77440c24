//! What answers the calls of one RPC connection: the MTA interface, and the endpoint mapper.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use dcerpc::status::{BAD_STUB_DATA, NCA_FAULT_CONTEXT_MISMATCH, NCA_OP_RNG_ERROR};
use dcerpc::{
    AuthLevel, ContextHandle, InterfaceRules, ServerAssociation, ServerConfig, Uuid, epm,
};
use event::Layer;
use identity::AccountName;
use mta::rpc_interface::{
    self, Bind, BindBack, BindBackAnswer, MTA_BIND, MTA_BIND_BACK, MTA_TRANSFER, MTA_UNBIND,
    MTA_UNBIND_BACK, PIECE_LIMIT, Piece, Transfer, Unbind, encode_status,
};
use net::{RpcRequest, RpcService};
use security::ntlm::{AUTH_TYPE, AcceptSeed, NtlmAcceptor, ServerIdentity};
use security::{Acceptor, LogonFailure, SecurityError};
use tokio::sync::mpsc;

use super::called::{
    ACCESS_DENIED, BindRequest, Denied, SERVER_TOO_BUSY, answer_bind, check_account, refuse,
};
use super::records::{self, Refusal};
use crate::directory_table::now_ms;
use crate::node::{Node, filetime_now, random};

/// Pieces that wait for the association; the answer to a call comes once its piece waits here.
const PIECES: usize = 8;
/// Channels that one connection may hold open.
const MAX_CHANNELS: usize = 8;

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
    channels: Mutex<HashMap<ContextHandle, mpsc::Sender<Piece>>>,
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
                InterfaceRules { syntax: rpc_interface::INTERFACE, min_level: AuthLevel::Privacy }
            }
        };
        let config = ServerConfig {
            interfaces: vec![rules],
            acceptor: Box::new({
                let node = Arc::clone(&node);
                move |auth_type| acceptor(&node, auth_type)
            }),
            max_fragment: dcerpc::DEFAULT_FRAGMENT,
            secondary_address: local_port.to_string(),
            association_group: u32::from_le_bytes(random()) | 1,
        };
        let channels = Mutex::default();
        let service = Service { node, interface: self.interface, peer, channels };
        (ServerAssociation::new(config), Arc::new(service))
    }
}

/// Only NTLM, and only with the server's own accounts.
fn acceptor(node: &Arc<Node>, auth_type: u8) -> Option<Box<dyn Acceptor>> {
    if auth_type != AUTH_TYPE {
        return None;
    }
    let config = node.config();
    let identity = ServerIdentity {
        computer: config.server.name.clone(),
        domain: config.rpc.account.domain().to_owned(),
        dns_name: config.server.host_name.clone(),
    };
    let seed = AcceptSeed { server_challenge: random(), now: filetime_now() };
    let accounts = Arc::new(node.accounts.clone());
    Some(Box::new(
        NtlmAcceptor::new(accounts, identity, seed).with_reflection_guard(node.reflection.clone()),
    ))
}

impl RpcService for Service {
    async fn call(&self, request: RpcRequest) -> Result<Vec<u8>, u32> {
        match self.interface {
            Interface::Mapper => self.call_mapper(&request),
            Interface::Mta => {
                // The interface's rule lets no unauthenticated request through to here.
                let principal = request.principal.clone().ok_or(ACCESS_DENIED)?;
                let accounts = self.node.accounts.clone();
                let proved = principal.clone();
                if accounts.find(&proved).is_some_and(|account| account.failures > 0) {
                    tokio::task::spawn_blocking(move || accounts.note_success(&proved));
                }
                self.call_mta(request, principal).await
            }
        }
    }

    fn authentication_failed(&self, claimed: Option<AccountName>, why: &SecurityError) {
        let peer = claimed.as_ref().and_then(|account| self.node.peer_of_account(account));
        let failure = why.logon_failure();
        if let (Some(name), LogonFailure::WrongPassword) = (&claimed, failure) {
            let (accounts, name) = (self.node.accounts.clone(), name.clone());
            // Waits for the disk, and nobody has to wait for that.
            tokio::task::spawn_blocking(move || accounts.note_failure(&name, now_ms()));
        }
        let spelling = claimed.as_ref().and_then(|name| spelt_otherwise(&self.node, name));
        let reason =
            spelling.map_or_else(|| failure.to_string(), |how| format!("{failure}; {how}"));
        let code = failure.win32();
        records::refused(
            &self.node,
            &Refusal {
                user: claimed.map_or_else(|| "(nobody)".to_owned(), |name| name.to_string()),
                peer: peer.as_ref().map(|peer| peer.name.as_str()),
                address: self.peer.to_string(),
                code,
                reason,
                step: "authentication",
                layer: Layer::Authentication,
            },
        );
    }
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
    fn call_mapper(&self, request: &RpcRequest) -> Result<Vec<u8>, u32> {
        let config = self.node.config();
        let mut map = epm::EndpointMap::new();
        // An unspecified address lets the caller use the one that it asked (IPv6 has no floor).
        let address = match config.rpc.listen {
            IpAddr::V4(address) => address,
            IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
        };
        map.register(epm::MapEntry {
            interface: rpc_interface::INTERFACE,
            object: Uuid::NIL,
            address,
            port: self.node.rpc_port(),
            annotation: format!("Bindback MTA {}", config.server.name),
        });
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
                let channel = self.lock().get(&transfer.channel).cloned();
                let channel = channel.ok_or(NCA_FAULT_CONTEXT_MISMATCH)?;
                channel.send(transfer.piece).await.map_err(|_| NCA_FAULT_CONTEXT_MISMATCH)?;
                Ok(encode_status(0))
            }
            MTA_UNBIND | MTA_UNBIND_BACK => {
                let unbind = Unbind::decode(stub, request.order).map_err(|_| BAD_STUB_DATA)?;
                self.lock().remove(&unbind.channel).ok_or(NCA_FAULT_CONTEXT_MISMATCH)?;
                Ok(rpc_interface::encode_unbind_answer(0))
            }
            _ => Err(NCA_OP_RNG_ERROR),
        }
    }

    async fn bind(&self, bind: Bind, principal: AccountName) -> Result<Vec<u8>, u32> {
        let (channel, incoming) = self.open_channel().ok_or(SERVER_TOO_BUSY)?;
        let address = self.peer.to_string();
        let request = BindRequest { bind, principal, address, channel, incoming };
        let answer = answer_bind(Arc::clone(&self.node), request).await;
        if answer.status != 0 {
            self.lock().remove(&channel);
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
            let denied = Denied { reason, step: "token" };
            refuse(&self.node, principal, &address, known.as_deref(), &denied);
            return refused;
        };
        if let Err(denied) = check_account(&self.node, &peer.account, principal, &peer.name) {
            refuse(&self.node, principal, &address, Some(&peer.name), &denied);
            return refused;
        }
        let Some((channel, incoming)) = self.open_channel() else {
            return BindBackAnswer { status: SERVER_TOO_BUSY, ..refused };
        };
        let Some(waiting) = self.node.expected().remove(&said.token) else { return refused };
        if waiting.bound.send(BoundBack { incoming }).is_err() {
            self.lock().remove(&channel);
            return refused;
        }
        let piece = u32::try_from(PIECE_LIMIT).unwrap_or(u32::MAX).min(said.max_piece);
        BindBackAnswer { agreed_piece: piece, channel, status: 0 }
    }

    fn open_channel(&self) -> Option<(ContextHandle, mpsc::Receiver<Piece>)> {
        let mut channels = self.lock();
        if channels.len() >= MAX_CHANNELS {
            return None;
        }
        let handle =
            ContextHandle { attributes: 0, uuid: Uuid::from_u128(u128::from_le_bytes(random())) };
        let (sender, incoming) = mpsc::channel(PIECES);
        channels.insert(handle, sender);
        Some((handle, incoming))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<ContextHandle, mpsc::Sender<Piece>>> {
        self.channels.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
