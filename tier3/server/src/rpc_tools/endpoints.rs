//! What the endpoint mapper of a host knows.

use std::net::SocketAddr;
use std::time::Duration;

use dcerpc::status::{EPT_NOT_REGISTERED, Status};
use dcerpc::{AuthLevel, ByteOrder, ContextHandle, epm, well_known};
use net::RpcClient;
use serde::Serialize;

use super::caller::{Caller, Prepared};
use super::steps::{Step, StepResult, Stop, Walk, call_stop};

/// Endpoints that are asked for in all: a Windows server has some hundreds.
const MAX_ENDPOINTS: usize = 10_000;

/// One endpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct EndpointRow {
    pub interface: String,
    pub version: String,
    /// What the interface is known as.
    pub name: Option<&'static str>,
    /// The way to it as a string binding; absent for protocols that have no name here.
    pub binding: Option<String>,
    /// What its owner calls it.
    pub annotation: String,
    /// The object; absent for every object.
    pub object: Option<String>,
}

/// Lists the endpoints of a host, telling each step on the way.
pub async fn endpoints(
    host: &str,
    mapper_port: u16,
    caller: Option<&Caller>,
    patience: Duration,
) -> (Vec<Step>, Vec<EndpointRow>) {
    let mut walk = Walk::new(patience);
    let found = find(host, mapper_port, caller, &mut walk).await.unwrap_or_default();
    let mut rows: Vec<EndpointRow> = found.iter().filter_map(|one| row(one, host)).collect();
    rows.sort();
    (walk.steps, rows)
}

async fn find(
    host: &str,
    mapper_port: u16,
    caller: Option<&Caller>,
    walk: &mut Walk,
) -> Option<Vec<epm::Endpoint>> {
    let addresses = walk.resolve(host).await?;
    let caller = match caller {
        Some(caller) => Some(caller.prepare(host, walk).await?),
        None => None,
    };
    for address in addresses {
        let mapper = SocketAddr::new(address, mapper_port);
        if let Some(stream) = walk.connect(mapper).await {
            let level = caller.as_ref().map_or(AuthLevel::None, Prepared::level);
            let initiator = caller.as_ref().map(Prepared::initiator);
            let client = walk.bind(stream, epm::INTERFACE, level, initiator).await?;
            let patience = walk.patience;
            let said = |found: &Vec<epm::Endpoint>| format!("{} endpoints", found.len());
            return walk.step("lookup", mapper.to_string(), all(&client, patience), said).await;
        }
    }
    None
}

async fn all(client: &RpcClient, patience: Duration) -> Result<Vec<epm::Endpoint>, Stop> {
    let mut found = Vec::new();
    let mut handle = ContextHandle::NULL;
    loop {
        let question = epm::encode_lookup(ByteOrder::Little, &handle);
        let reply = client.call(epm::OP_LOOKUP, question, patience).await;
        let reply = reply.map_err(|error| call_stop(&error))?;
        let answer = epm::LookupAnswer::decode(&reply.stub, reply.order)
            .map_err(|error| Stop::new(StepResult::Error, 1783, error.to_string()))?;
        let none = answer.endpoints.is_empty();
        found.extend(answer.endpoints);
        match answer.status {
            0 if !none && !answer.handle.is_null() && found.len() < MAX_ENDPOINTS => {
                handle = answer.handle;
            }
            // So a list ends, and an empty one begins.
            0 | EPT_NOT_REGISTERED => return Ok(found),
            status => {
                let text = Status(status).to_string();
                return Err(Stop::new(StepResult::Refused, Status(status).win32(), text));
            }
        }
    }
}

fn row(endpoint: &epm::Endpoint, host: &str) -> Option<EndpointRow> {
    let interface = endpoint.tower.interface()?;
    Some(EndpointRow {
        interface: interface.uuid.to_string(),
        version: format!("{}.{}", interface.major, interface.minor),
        name: well_known::name(interface.uuid),
        binding: endpoint.tower.binding(host),
        annotation: endpoint.annotation.clone(),
        object: (!endpoint.object.is_nil()).then(|| endpoint.object.to_string()),
    })
}
