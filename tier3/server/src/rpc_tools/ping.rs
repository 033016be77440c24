//! To call an interface without doing anything there.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use dcerpc::status::{ACCESS_DENIED, NCA_OP_RNG_ERROR, NCA_PROTO_ERROR};
use dcerpc::{AuthLevel, CallTarget, SyntaxId, mgmt};
use net::{CallError, RpcClient};

use super::caller::{Caller, Prepared};
use super::steps::{Step, StepResult, Stop, Walk, call_stop};

/// An operation that no interface has: a server that says so has taken bind, identity and call.
const NO_OPERATION: u16 = 0xffff;

/// What is to be called, and how often.
#[derive(Debug, Clone)]
pub struct PingSettings {
    pub host: String,
    /// Names and their addresses, asked before the system's resolver.
    pub hosts: BTreeMap<String, Vec<IpAddr>>,
    /// The interface's own port; asked of the endpoint mapper when absent.
    pub port: Option<u16>,
    pub mapper_port: u16,
    /// The management interface, which every server has, when absent.
    pub interface: Option<SyntaxId>,
    /// Interfaces to call beside it on the same connection.
    pub further: Vec<SyntaxId>,
    pub caller: Option<Caller>,
    pub count: u32,
    /// For each step.
    pub patience: Duration,
}

/// Calls an interface `count` times, telling each step on the way; the last step says where it stopped.
pub async fn ping(settings: &PingSettings) -> Vec<Step> {
    let mut walk = Walk::new(settings.patience).knowing(&settings.hosts);
    // The last step says how it ended.
    let _ = all(settings, &mut walk).await;
    walk.steps
}

async fn all(settings: &PingSettings, walk: &mut Walk) -> Option<()> {
    let client = reach(settings, walk).await?;
    let first = settings.interface.unwrap_or(mgmt::INTERFACE);
    let mut targets = vec![(first, CallTarget::default())];
    for interface in &settings.further {
        let context = walk.alter(&client, *interface).await?;
        targets.push((*interface, CallTarget { context, ..CallTarget::default() }));
    }
    for _ in 0..settings.count {
        for (interface, target) in &targets {
            call(&client, *interface, *target, settings, walk).await?;
        }
    }
    Some(())
}

async fn reach(settings: &PingSettings, walk: &mut Walk) -> Option<RpcClient> {
    let interface = settings.interface.unwrap_or(mgmt::INTERFACE);
    let addresses = walk.resolve(&settings.host).await?;
    let caller = match &settings.caller {
        Some(caller) => Some(caller.prepare(&settings.host, walk).await?),
        None => None,
    };
    for address in addresses {
        let port = match (settings.port, settings.interface) {
            (Some(port), _) => port,
            // The mapper's port is a server's too, and every server can be managed.
            (None, None) => settings.mapper_port,
            (None, Some(_)) => match walk.map(address, settings.mapper_port, interface).await {
                Some(port) => port,
                None => continue,
            },
        };
        let Some(stream) = walk.connect(SocketAddr::new(address, port)).await else {
            continue;
        };
        let level = caller.as_ref().map_or(AuthLevel::None, Prepared::level);
        let initiator = caller.as_ref().map(Prepared::initiator);
        return walk.bind(stream, interface, level, initiator).await;
    }
    None
}

async fn call(
    client: &RpcClient,
    interface: SyntaxId,
    target: CallTarget,
    settings: &PingSettings,
    walk: &mut Walk,
) -> Option<()> {
    let patience = settings.patience;
    let managed = interface == mgmt::INTERFACE;
    let opnum = if managed { mgmt::OP_IS_SERVER_LISTENING } else { NO_OPERATION };
    let known = settings.caller.is_some();
    let work = async {
        match client.call_with(target, opnum, Vec::new(), patience).await {
            Ok(_) => Ok("answered"),
            Err(CallError::Fault { status: NCA_OP_RNG_ERROR }) if !managed => {
                Ok("answered (an operation that does not exist was called on purpose)")
            }
            Err(error) => Err(told(&error, known)),
        }
    };
    walk.step("call", client.remote().to_string(), work, |said| (*said).to_owned()).await.map(drop)
}

/// After the last leg of NTLM a server is silent: what it thinks of the caller shows at the first call.
fn told(error: &CallError, known: bool) -> Stop {
    let mut stop = call_stop(error);
    if stop.code == ACCESS_DENIED && known {
        stop.text = format!(
            "{}: the server does not take this account or its password, or not for this interface at this level",
            stop.text
        );
        stop.step = Some("authentication");
    } else if known && matches!(error, CallError::Fault { status: NCA_PROTO_ERROR }) {
        stop.text = format!(
            "{}: so Samba answers at the first call where it does not take the account or its password",
            stop.text
        );
        stop.step = Some("authentication");
    } else if stop.result == StepResult::Denied {
        stop.text = format!("{}: the interface wants to know who calls; use --user", stop.text);
    }
    stop
}
