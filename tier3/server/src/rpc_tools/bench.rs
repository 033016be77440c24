//! How many calls a server answers, how fast, and beside it what the line carries without RPC.
//!
//! Each of the callers has a connection of its own and calls again as soon as it has an answer. Against a server that has
//! the echo interface, octets go to the server by SinkData and come from it by SourceData; against any other, the
//! operation is `inq_if_ids` of the management interface, with as many octets behind its parameters (it has none, and
//! what stands behind them is read by nobody, but is carried, checked and unsealed all the same).

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use dcerpc::{AuthLevel, ClientConfig, DEFAULT_FRAGMENT, NdrReader, NdrWriter, SyntaxId};
use dcerpc::{echo, mgmt};
use net::{Reply, RpcClient, chain};
use security::Initiator;
use serde::Serialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::caller::Prepared;
use super::histogram::{Histogram, Latency};
use super::line;
use super::ping::PingSettings;
use super::steps::{Step, StepResult, Stop, Walk, call_stop};

/// How long each way of the line is measured: a fifth of the calls, but no longer than this.
const LINE_LONGEST: Duration = Duration::from_secs(2);
/// How many octets of an answer to SourceData stand before the data: the count.
const COUNT: usize = 4;

/// Which calls are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    /// Echo where the server has it, else mgmt.
    Any,
    Echo,
    Mgmt,
}

/// What is to be measured.
#[derive(Debug, Clone)]
pub struct BenchSettings {
    /// Where, and as whom; its interface and count are not used.
    pub reach: PingSettings,
    pub operation: Operation,
    /// For each figure.
    pub duration: Duration,
    /// Octets of each call.
    pub size: usize,
    /// Callers at the same time, each with a connection of its own.
    pub concurrency: usize,
    /// Measure connecting, binding and one call instead of many calls on standing connections.
    pub binds: bool,
}

/// The figures of one direction.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Figures {
    pub operation: &'static str,
    pub calls: u64,
    pub failed: u64,
    pub seconds: f64,
    pub calls_per_s: f64,
    /// Millions of octets of stub data a second, in this direction.
    pub mb_per_s: f64,
    #[serde(flatten)]
    pub latency: Latency,
}

/// What plain TCP carries between the same two hosts.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Line {
    pub to_server_mb_per_s: Option<f64>,
    pub from_server_mb_per_s: Option<f64>,
    /// Why it was not measured.
    pub why_not: Option<String>,
}

/// All that was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Bench {
    pub steps: Vec<Step>,
    pub binds: Option<Figures>,
    pub to_server: Option<Figures>,
    pub from_server: Option<Figures>,
    pub line: Option<Line>,
}

/// Measures; the last step says where it stopped.
pub async fn bench(settings: &BenchSettings) -> Bench {
    let mut walk = Walk::new(settings.reach.patience).knowing(&settings.reach.hosts);
    let mut bench = Bench::default();
    if let Some(target) = find(settings, &mut walk).await {
        measure(settings, target, &mut walk, &mut bench).await;
    }
    bench.steps = walk.steps;
    bench
}

/// Where to call, and what.
#[derive(Clone)]
struct Target {
    address: SocketAddr,
    interface: SyntaxId,
    /// Who calls; nobody when absent.
    who: Option<Arc<Prepared>>,
}

impl Target {
    fn has_echo(&self) -> bool {
        self.interface == echo::INTERFACE
    }

    fn identity(&self) -> (AuthLevel, Option<Box<dyn Initiator>>) {
        let who = self.who.as_deref();
        (who.map_or(AuthLevel::None, Prepared::level), who.map(Prepared::initiator))
    }
}

async fn find(settings: &BenchSettings, walk: &mut Walk) -> Option<Target> {
    let reach = &settings.reach;
    for address in walk.resolve(&reach.host).await? {
        let at = |port, interface| Target {
            address: SocketAddr::new(address, port),
            interface,
            who: None,
        };
        let found = match (settings.operation, reach.port) {
            (Operation::Mgmt, port) => Some(at(port.unwrap_or(reach.mapper_port), mgmt::INTERFACE)),
            (_, Some(port)) => Some(at(port, echo::INTERFACE)),
            (Operation::Echo, None) => walk
                .map(address, reach.mapper_port, echo::INTERFACE)
                .await
                .map(|port| at(port, echo::INTERFACE)),
            (Operation::Any, None) => match walk
                .map(address, reach.mapper_port, echo::INTERFACE)
                .await
            {
                Some(port) => Some(at(port, echo::INTERFACE)),
                // It answered that it has none: every server can be managed.
                None if walk.stopped_at("mapper") => Some(at(reach.mapper_port, mgmt::INTERFACE)),
                None => None,
            },
        };
        if found.is_some() {
            return found;
        }
    }
    None
}

async fn measure(
    settings: &BenchSettings,
    mut target: Target,
    walk: &mut Walk,
    bench: &mut Bench,
) -> Option<()> {
    if let Some(caller) = &settings.reach.caller {
        target.who = Some(Arc::new(caller.prepare(&settings.reach.host, walk).await?));
    }
    let target = &target;
    // One connection step by step: what stops it is told as it would be by a ping.
    let stream = walk.connect(target.address).await?;
    let (level, first) = target.identity();
    let client = walk.bind(stream, target.interface, level, first).await?;
    let first = Call::new(target, settings.size, true);
    let work = async { first.make(&client, walk_patience(settings)).await };
    walk.step("call", target.address.to_string(), work, |_| first.operation.to_owned()).await?;
    drop(client);
    if settings.binds {
        let figures = binds(settings, target, walk).await?;
        bench.binds = Some(figures);
        return Some(());
    }
    let to_server = Call::new(target, settings.size, true);
    bench.to_server = Some(calls(settings, target, to_server, walk).await?);
    if target.has_echo() {
        let from_server = Call::new(target, settings.size, false);
        bench.from_server = Some(calls(settings, target, from_server, walk).await?);
    }
    bench.line = Some(line(settings, target.address.ip(), walk).await);
    Some(())
}

fn walk_patience(settings: &BenchSettings) -> Duration {
    settings.reach.patience
}

/// One call, made again and again.
#[derive(Debug, Clone)]
struct Call {
    operation: &'static str,
    opnum: u16,
    stub: Vec<u8>,
    /// Octets that a good answer has at least.
    answer: usize,
    /// Octets of data that count, in the direction that is measured.
    counted: usize,
}

impl Call {
    fn new(target: &Target, size: usize, to_server: bool) -> Self {
        let data = vec![0x42; size];
        match (target.has_echo(), to_server) {
            (true, true) => Self {
                operation: "rpcecho SinkData",
                opnum: echo::OP_SINK_DATA,
                stub: echo::encode_echo(&data),
                answer: 0,
                counted: size,
            },
            (true, false) => {
                let mut writer = NdrWriter::new();
                writer.count(size);
                Self {
                    operation: "rpcecho SourceData",
                    opnum: echo::OP_SOURCE_DATA,
                    stub: writer.into_vec(),
                    answer: COUNT + size,
                    counted: size,
                }
            }
            (false, _) => Self {
                operation: "mgmt inq_if_ids, data behind its parameters",
                opnum: mgmt::OP_INQ_IF_IDS,
                stub: data,
                answer: 0,
                counted: size,
            },
        }
    }

    async fn make(&self, client: &RpcClient, patience: Duration) -> Result<(), Stop> {
        let answer = client.call(self.opnum, self.stub.clone(), patience).await;
        let Reply { stub, order } = answer.map_err(|error| call_stop(&error))?;
        if self.answer > 0 {
            let count = NdrReader::new("SourceData", &stub, order).u32("count");
            let right = count.is_ok_and(|count| usize::try_from(count) == Ok(self.counted));
            if !right || stub.len() < self.answer {
                return Err(Stop::new(
                    StepResult::Error,
                    1783,
                    "the answer has not the data asked for",
                ));
            }
        }
        Ok(())
    }
}

/// What one caller has to say at the end: how long each took, how many failed, and the first failure.
#[derive(Default)]
struct Tally {
    took: Histogram,
    failed: u64,
    first: Option<Stop>,
}

impl Tally {
    fn merge(&mut self, other: Self) {
        self.took.merge(&other.took);
        self.failed += other.failed;
        if self.first.is_none() {
            self.first = other.first;
        }
    }

    fn note(&mut self, begun: Instant, outcome: Result<(), Stop>) -> bool {
        match outcome {
            Ok(()) => {
                self.took.add(begun.elapsed());
                true
            }
            Err(stop) => {
                self.failed += 1;
                self.first.get_or_insert(stop);
                false
            }
        }
    }

    fn figures(&self, operation: &'static str, counted: usize, elapsed: Duration) -> Figures {
        let seconds = elapsed.as_secs_f64();
        let calls = self.took.total();
        // Fewer than 2^32 calls: exact in a float.
        let calls_per_s = u32::try_from(calls).map_or(f64::INFINITY, f64::from) / seconds;
        let octets = u32::try_from(counted).map_or(f64::INFINITY, f64::from);
        Figures {
            operation,
            calls,
            failed: self.failed,
            seconds,
            calls_per_s,
            mb_per_s: calls_per_s * octets / 1e6,
            latency: self.took.latency(),
        }
    }
}

/// Runs so many callers; a step tells of them.
async fn together<F>(
    settings: &BenchSettings,
    call: &Call,
    target: &Target,
    walk: &mut Walk,
    caller: impl Fn(Instant) -> F,
) -> Option<Figures>
where
    F: Future<Output = Tally> + Send + 'static,
{
    let begun = Instant::now();
    let mut callers = JoinSet::new();
    for _ in 0..settings.concurrency {
        callers.spawn(caller(begun + settings.duration));
    }
    let mut tally = Tally::default();
    while let Some(one) = callers.join_next().await {
        tally.merge(one.unwrap_or_default());
    }
    let figures = tally.figures(call.operation, call.counted, begun.elapsed());
    let outcome = match tally.first {
        Some(stop) => Err(stop),
        None => Ok(()),
    };
    let said = format!("{} calls in {:.1} s, {}", figures.calls, figures.seconds, call.operation);
    walk.tell("bench", target.address.to_string(), begun, outcome, said)?;
    Some(figures)
}

async fn calls(
    settings: &BenchSettings,
    target: &Target,
    call: Call,
    walk: &mut Walk,
) -> Option<Figures> {
    let (shared, copy, to) = (settings.clone(), call.clone(), target.clone());
    together(settings, &call, target, walk, move |end| {
        let (settings, call, to) = (shared.clone(), copy.clone(), to.clone());
        async move {
            let mut tally = Tally::default();
            let client = match open(&settings, &to).await {
                Ok(client) => client,
                Err(stop) => {
                    tally.note(end, Err(stop));
                    return tally;
                }
            };
            while Instant::now() < end {
                let begun = Instant::now();
                let outcome = call.make(&client, settings.reach.patience).await;
                if !tally.note(begun, outcome) {
                    break;
                }
            }
            tally
        }
    })
    .await
}

async fn binds(settings: &BenchSettings, target: &Target, walk: &mut Walk) -> Option<Figures> {
    let mut call = Call::new(target, 0, true);
    call.operation = "connect, bind and one call";
    let (shared, copy, to) = (settings.clone(), call.clone(), target.clone());
    together(settings, &call, target, walk, move |end| {
        let (settings, call, to) = (shared.clone(), copy.clone(), to.clone());
        async move {
            let mut tally = Tally::default();
            while Instant::now() < end {
                let begun = Instant::now();
                let outcome = match open(&settings, &to).await {
                    Ok(client) => call.make(&client, settings.reach.patience).await,
                    Err(stop) => Err(stop),
                };
                if !tally.note(begun, outcome) {
                    break;
                }
            }
            tally
        }
    })
    .await
}

/// A bound connection, without a word.
async fn open(settings: &BenchSettings, target: &Target) -> Result<RpcClient, Stop> {
    let work = async {
        let failed = |error: std::io::Error| Stop::new(StepResult::Error, 1722, error.to_string());
        let stream = TcpStream::connect(target.address).await.map_err(failed)?;
        let (level, initiator) = target.identity();
        let interface = target.interface;
        let config = ClientConfig { interface, level, initiator, max_fragment: DEFAULT_FRAGMENT };
        let bound = RpcClient::bind(stream, config).await;
        bound.map_err(|error| Stop::new(StepResult::Refused, 1726, chain(&error)))
    };
    tokio::time::timeout(settings.reach.patience, work)
        .await
        .unwrap_or_else(|_| Err(Stop::new(StepResult::Timeout, 1722, "no answer to a bind")))
}

/// What the line carries; the far side has to be our echo server.
async fn line(settings: &BenchSettings, address: IpAddr, walk: &mut Walk) -> Line {
    match line_port(settings, address, walk).await {
        Some(port) => {
            let to = SocketAddr::new(address, port);
            let duration = (settings.duration / 5).min(LINE_LONGEST);
            let up = walk.step("line", to.to_string(), send(to, duration), mb).await;
            let down = walk.step("line", to.to_string(), receive(to, duration), mb).await;
            let why_not = (up.is_none() || down.is_none())
                .then(|| "the transfer failed; see the steps".to_owned());
            Line { to_server_mb_per_s: up, from_server_mb_per_s: down, why_not }
        }
        None => Line {
            why_not: Some(
                "only `bindback rpc echo-server` has a plain TCP service to measure the line with"
                    .to_owned(),
            ),
            ..Line::default()
        },
    }
}

fn mb(rate: &f64) -> String {
    format!("{rate:.0} MB/s by plain TCP")
}

async fn line_port(settings: &BenchSettings, address: IpAddr, walk: &mut Walk) -> Option<u16> {
    // Whether there is one is a question, not a step that can fail.
    let mut aside = Walk::new(settings.reach.patience);
    let port = aside.map(address, settings.reach.mapper_port, line::INTERFACE).await?;
    let target =
        Target { address: SocketAddr::new(address, port), interface: line::INTERFACE, who: None };
    let config = ClientConfig {
        interface: line::INTERFACE,
        level: AuthLevel::None,
        initiator: None,
        max_fragment: DEFAULT_FRAGMENT,
    };
    let stream = aside.connect(target.address).await?;
    let client = RpcClient::bind(stream, config).await.ok()?;
    let work = async {
        let reply = client.call(line::OP_PORT, Vec::new(), settings.reach.patience).await;
        reply.map_err(|error| call_stop(&error))
    };
    let Reply { stub, order } = walk
        .step("line", target.address.to_string(), work, |_| "has a plain TCP service".to_owned())
        .await?;
    line::port(&stub, order)
}

/// Millions of octets a second to the server, counted by it.
async fn send(to: SocketAddr, duration: Duration) -> Result<f64, Stop> {
    let work = async {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_u8(line::TO_SERVER).await?;
        let octets = vec![0; line::CHUNK];
        let begun = Instant::now();
        while begun.elapsed() < duration {
            stream.write_all(&octets).await?;
        }
        stream.shutdown().await?;
        let arrived = stream.read_u64().await?;
        Ok(rate(arrived, begun.elapsed()))
    };
    work.await.map_err(broken)
}

/// The same from the server.
async fn receive(to: SocketAddr, duration: Duration) -> Result<f64, Stop> {
    let work = async {
        let mut stream = TcpStream::connect(to).await?;
        stream.write_u8(line::FROM_SERVER).await?;
        let mut octets = vec![0; line::CHUNK];
        let (begun, mut arrived) = (Instant::now(), 0_u64);
        while begun.elapsed() < duration {
            let count = stream.read(&mut octets).await?;
            if count == 0 {
                break;
            }
            arrived += u64::try_from(count).unwrap_or(0);
        }
        Ok(rate(arrived, begun.elapsed()))
    };
    work.await.map_err(broken)
}

fn broken(error: std::io::Error) -> Stop {
    Stop::new(StepResult::Error, 1726, error.to_string())
}

fn rate(octets: u64, elapsed: Duration) -> f64 {
    // In KiB the number fits 32 bits up to four tebibytes.
    let kib = u32::try_from(octets / 1024).map_or(f64::INFINITY, f64::from);
    kib * 1024.0 / 1e6 / elapsed.as_secs_f64()
}
