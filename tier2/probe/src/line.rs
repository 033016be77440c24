//! The quality of the line to a host whose RPC endpoint mapper answers: loss, large packets, throughput.
//!
//! Connections that need a second SYN tell of loss (RFC 6298: the first is repeated after a second, and no sooner). A call of eight
//! kibibytes of an operation that no mapper has is answered with a fault, by any RPC server (C706, nca_s_op_rng_error), and only
//! once all of it has arrived: that it is not answered although a small one is tells of large packets that are dropped on the way, and
//! the time that it takes, of the line's speed. Nobody is logged on, and nothing is changed.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use dcerpc::{AuthLevel, ClientConfig, DEFAULT_FRAGMENT, epm};
use diagnosis::{ProbeFact, ProbeResult};
use net::{CallError, Dialer, RpcClient};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::road::{Road, fact};

/// Connections that are opened to see how many need a second SYN.
const CONNECTIONS: usize = 20;
/// One after so long: more than ten at once overflow the queue of a listener as Samba's, which looks like loss.
const APART: Duration = Duration::from_millis(40);
/// Of these so many are too many: a tenth.
const LOST_LIMIT: usize = 2;
/// A connection that takes so much longer than the fastest one was asked for twice. RFC 6298, 2.1: one second.
const SECOND_SYN: Duration = Duration::from_millis(900);
/// Connections that do not stand by then are not waited for.
const CONNECT_PATIENCE: Duration = Duration::from_millis(1500);

/// An operation that no interface of a mapper has.
const NO_OPERATION: u16 = 0x7fff;
/// Stub of the large call: several packets of any line.
const LARGE: usize = 8192;
/// Stub of the small one: with all headers it fits into the least packet of IPv4, 576 octets (RFC 791).
const SMALL: usize = 16;
/// Longest wait for the large call: a modem takes 1.2 s for it.
const LARGE_PATIENCE: Duration = Duration::from_secs(2);
/// A line slower than this, in bits a second, holds mail up: a message of a mebibyte takes more than a minute.
pub const SLOWEST: u64 = 128_000;

/// How a large call went.
enum Large {
    Answered(Duration),
    Silent,
    Other,
}

/// Looks at the line to an address; a check that could not be made gives no fact.
pub async fn check_line(dialer: &Dialer, road: &Road<'_>, address: IpAddr) -> Vec<ProbeFact> {
    let to = SocketAddr::new(address, road.mapper_port);
    let target = format!("{}:{}", road.host, road.mapper_port);
    let (lost, large) = tokio::join!(lost(road, to, &target), large(dialer, road, to, &target));
    lost.into_iter().chain(large).collect()
}

/// Twice where it looks bad: one stall of this machine is no loss.
async fn lost(road: &Road<'_>, to: SocketAddr, target: &str) -> Option<ProbeFact> {
    let started = Instant::now();
    let mut repeated = repeated(to).await?;
    if repeated >= LOST_LIMIT {
        repeated = repeated.min(self::repeated(to).await?);
    }
    let result = if repeated < LOST_LIMIT { ProbeResult::Ok } else { ProbeResult::Error };
    let detail = format!("{repeated} of {CONNECTIONS} connections needed a second SYN");
    Some(fact(road, "loss", target, result, detail, started))
}

/// How many of the connections needed a second SYN; `None` where none stands.
async fn repeated(to: SocketAddr) -> Option<usize> {
    let mut running = JoinSet::new();
    for number in 0..CONNECTIONS {
        let wait = APART * u32::try_from(number).unwrap_or(0);
        running.spawn(async move {
            tokio::time::sleep(wait).await;
            let started = Instant::now();
            match tokio::time::timeout(CONNECT_PATIENCE, TcpStream::connect(to)).await {
                Ok(Ok(_)) => Some(started.elapsed()),
                Ok(Err(_)) => None,
                Err(_) => Some(Duration::MAX),
            }
        });
    }
    let times: Vec<Duration> = running.join_all().await.into_iter().flatten().collect();
    let fastest = times.iter().min().filter(|fastest| **fastest < CONNECT_PATIENCE)?;
    Some(times.iter().filter(|time| **time > *fastest + SECOND_SYN).count())
}

/// What takes less than this beyond a small call is no measure of the line.
const MEASURABLE: Duration = Duration::from_micros(100);

async fn large(dialer: &Dialer, road: &Road<'_>, to: SocketAddr, target: &str) -> Vec<ProbeFact> {
    let started = Instant::now();
    let mut best: Option<Duration> = None;
    let mut silent = 0;
    // A second time where the first was slow: a line that is slow is slow twice.
    for _ in 0..2 {
        match large_call(dialer, to).await {
            Large::Answered(took) => {
                best = Some(best.map_or(took, |best| best.min(took)));
                if rate(took) >= SLOWEST {
                    break;
                }
            }
            Large::Silent => silent += 1,
            Large::Other => return Vec::new(),
        }
    }
    let Some(took) = best else {
        let detail = format!(
            "a call of {LARGE} octets gets no answer, {silent} times, and one of {SMALL} does"
        );
        return vec![fact(road, "large-packets", target, ProbeResult::Timeout, detail, started)];
    };
    let detail = format!("a call of {LARGE} octets is answered");
    let whole = fact(road, "large-packets", target, ProbeResult::Ok, detail, started);
    let rate = rate(took);
    let result = if rate >= SLOWEST { ProbeResult::Ok } else { ProbeResult::Error };
    let detail = format!("{LARGE} octets in {} ms: {}", took.as_millis(), shown(took, rate));
    vec![whole, fact(road, "throughput", target, result, detail, started)]
}

/// The rate in a unit that people use; none where the call was as quick as a call of nothing.
fn shown(took: Duration, rate: u64) -> String {
    match rate {
        _ if took < MEASURABLE => "too fast to measure".to_owned(),
        0..1_000_000 => format!("{} kbit/s", rate / 1_000),
        _ => format!("{} Mbit/s", rate / 1_000_000),
    }
}

fn rate(took: Duration) -> u64 {
    let bits = u64::try_from(LARGE).unwrap_or(u64::MAX).saturating_mul(8_000_000);
    bits / u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1)
}

/// The time of a large call beyond that of a small one, on one connection.
async fn large_call(dialer: &Dialer, to: SocketAddr) -> Large {
    let patience = dialer.call_timeout;
    let config = ClientConfig {
        interface: epm::INTERFACE,
        level: AuthLevel::None,
        initiator: None,
        max_fragment: DEFAULT_FRAGMENT,
    };
    let Ok(stream) = dialer.connect(to).await else { return Large::Other };
    let bound = tokio::time::timeout(patience, RpcClient::bind(stream, config)).await;
    let Ok(Ok(client)) = bound else { return Large::Other };
    let started = Instant::now();
    let small = client.call(NO_OPERATION, vec![0; SMALL], patience).await;
    if !matches!(small, Err(CallError::Fault { .. })) {
        return Large::Other;
    }
    let round_trip = started.elapsed();
    let started = Instant::now();
    match client.call(NO_OPERATION, vec![0; LARGE], patience.min(LARGE_PATIENCE)).await {
        Err(CallError::Fault { .. }) => {
            Large::Answered(started.elapsed().saturating_sub(round_trip))
        }
        Err(CallError::TimedOut { .. }) => Large::Silent,
        _ => Large::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_shown_as_people_say_them() {
        let of = |micros| {
            let took = Duration::from_micros(micros);
            shown(took, rate(took))
        };
        assert_eq!(of(1), "too fast to measure");
        assert_eq!(of(1_170_000), "56 kbit/s");
        assert_eq!(of(6_554), "9 Mbit/s");
    }

    #[test]
    fn a_modem_is_slow_and_a_basic_rate_line_of_two_channels_is_not() {
        // 8,192 octets at 56,000 and at 128,000 bits a second.
        assert!(rate(Duration::from_millis(1170)) < SLOWEST);
        assert!(rate(Duration::from_millis(511)) >= SLOWEST);
        assert!(rate(Duration::ZERO) > SLOWEST);
    }

    #[tokio::test]
    async fn connections_to_an_idle_port_need_one_syn_and_to_a_closed_port_there_is_no_answer() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let to = listener.local_addr().unwrap();
        assert_eq!(repeated(to).await, Some(0));
        drop(listener);
        assert_eq!(repeated(to).await, None);
    }
}
