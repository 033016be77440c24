//! The drive loop that joins protocol machines to sockets, the resolver, and RPC over TCP.
//!
//! Protocol machines of the tiers below never see a socket: [`Pump`] moves octets between
//! one machine and one stream, and everything here is built on it. A failure to reach a
//! peer keeps the layer where it stopped as data ([`RpcFailure`]), since the events and the
//! doctor tell causes apart by it.

mod chain;
mod connect;
mod gate;
mod keep_alive;
mod listen;
mod mx;
mod pump;
mod reactors;
mod resolve;
mod rpc_client;
mod rpc_server;
#[cfg(test)]
mod tests;
mod tls;

pub use chain::chain;
pub use connect::{Dialer, Evidence, FailureLayer, RefusedBy, RpcFailure, RpcTarget};
pub use gate::{Gate, Pass, serve_admitted};
pub use keep_alive::keep_alive;
pub use listen::{ListenError, listen};
pub use mx::{Exchanger, MailResolver, MxError};
pub use pump::{Machine, Progress, Pump, PumpError};
pub use reactors::Reactors;
pub use resolve::{ResolveError, Resolved, Resolver, Source};
pub use rpc_client::{AddError, BindError, CallError, Reply, RpcClient};
pub use rpc_server::{RpcRequest, RpcService, serve_rpc};
pub use tls::{
    Credentials, CredentialsError, FIRST_OCTET, Secured, SecuredError, TlsError, TlsFault,
};
