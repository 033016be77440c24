//! To call an interface without doing anything there.

use std::net::SocketAddr;
use std::time::Duration;

use dcerpc::status::{ACCESS_DENIED, NCA_OP_RNG_ERROR, NCA_PROTO_ERROR};
use dcerpc::{AuthLevel, SyntaxId, mgmt};
use identity::{AccountName, Password};
use net::{CallError, RpcClient};
use security::Initiator;
use security::ntlm::{NtlmCredentials, NtlmInitiator, NtlmSecret, NtlmSeed};
use security::spnego::{Mechanism, SpnegoInitiator};

use super::steps::{Step, StepResult, Stop, Walk, call_stop};
use crate::node::{filetime_now, random};

/// An operation that no interface has: a server that says so has taken bind, identity and call.
const NO_OPERATION: u16 = 0xffff;

/// How the caller proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mechanisms {
    /// NTLM alone.
    Ntlm,
    /// NTLM in SPNEGO.
    Negotiate,
}

/// Who calls.
#[derive(Debug, Clone)]
pub struct Caller {
    pub account: AccountName,
    pub password: Password,
    pub mechanisms: Mechanisms,
    pub level: AuthLevel,
}

/// What is to be called, and how often.
#[derive(Debug, Clone)]
pub struct PingSettings {
    pub host: String,
    /// The interface's own port; asked of the endpoint mapper when absent.
    pub port: Option<u16>,
    pub mapper_port: u16,
    /// The management interface, which every server has, when absent.
    pub interface: Option<SyntaxId>,
    pub caller: Option<Caller>,
    pub count: u32,
    /// For each step.
    pub patience: Duration,
}

/// Calls an interface `count` times, telling each step on the way; the last step says where it stopped.
pub async fn ping(settings: &PingSettings) -> Vec<Step> {
    let mut walk = Walk::new(settings.patience);
    if let Some(client) = reach(settings, &mut walk).await {
        for _ in 0..settings.count {
            if call(&client, settings, &mut walk).await.is_none() {
                break;
            }
        }
    }
    walk.steps
}

async fn reach(settings: &PingSettings, walk: &mut Walk) -> Option<RpcClient> {
    let interface = settings.interface.unwrap_or(mgmt::INTERFACE);
    let addresses = walk.resolve(&settings.host).await?;
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
        let level = settings.caller.as_ref().map_or(AuthLevel::None, |caller| caller.level);
        let initiator = settings.caller.as_ref().map(initiator);
        return walk.bind(stream, interface, level, initiator).await;
    }
    None
}

async fn call(client: &RpcClient, settings: &PingSettings, walk: &mut Walk) -> Option<()> {
    let patience = settings.patience;
    let managed = settings.interface.is_none_or(|interface| interface == mgmt::INTERFACE);
    let opnum = if managed { mgmt::OP_IS_SERVER_LISTENING } else { NO_OPERATION };
    let known = settings.caller.is_some();
    let work = async {
        match client.call(opnum, Vec::new(), patience).await {
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

pub(super) fn initiator(caller: &Caller) -> Box<dyn Initiator> {
    let credentials = NtlmCredentials {
        account: caller.account.clone(),
        secret: NtlmSecret::Password(caller.password.clone()),
        workstation: String::new(),
    };
    let seed = NtlmSeed {
        client_challenge: random(),
        exported_session_key: random(),
        now: filetime_now(),
    };
    let ntlm: Box<dyn Initiator> = Box::new(NtlmInitiator::new(credentials, seed, None));
    match caller.mechanisms {
        Mechanisms::Ntlm => ntlm,
        Mechanisms::Negotiate => Box::new(SpnegoInitiator::new(vec![(Mechanism::ntlm(), ntlm)])),
    }
}
