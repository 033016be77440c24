//! Any host, with or without an account: names, ports, the endpoint mapper, and a logon over SMB that tells why it fails.
//!
//! Read-only. At most one logon is made, with the account that was given; without one no logon is made, and only the first
//! leg of NTLM is exchanged, which carries no name and no password. Where the host is a KDC it is asked about the account
//! first, without a proof, which counts no wrong password; what it says is disabled, locked, expired or unknown is not
//! logged on as.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use diagnosis::{ProbeFact, ProbeResult};
use krb5::Principal;
use net::{Dialer, MailResolver, Resolver, Source};
use security::ntlm::{AvId, Challenge, Flags};
use security::{FileTime, Initiator, Step};
use smb::{MORE_PROCESSING_REQUIRED, Negotiated, Reply, message_length};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::fact::taken;
use crate::root_dse::{self, RootDse};
use crate::{kdc, netbios};

/// The ports, and who listens there; another endpoint mapper's takes the place of the first.
pub const PORTS: [(u16, &str); 6] = [
    (MAPPER_PORT, "endpoint mapper"),
    (139, "NetBIOS session"),
    (445, "SMB"),
    (389, "LDAP"),
    (88, "Kerberos"),
    (102, "X.400 over RFC 1006"),
];
/// The usual port of an endpoint mapper.
pub const MAPPER_PORT: u16 = 135;
/// SMB over TCP.
pub const SMB_PORT: u16 = 445;
const LDAP_PORT: u16 = 389;
/// STATUS_ACCESS_DENIED, [MS-ERREF] 2.3.1.
pub const ACCESS_DENIED: u32 = 0xC000_0022;
/// FILETIME counts from 1601, this many seconds before 1970.
const EPOCH_S: u64 = 11_644_473_600;
/// FILETIME counts in 100 ns.
const TICKS: u64 = 10_000_000;

/// What is asked of a host.
pub struct Question<'a> {
    pub from: &'a str,
    pub host: &'a str,
    /// Where its endpoint mapper listens.
    pub mapper_port: u16,
    /// For each step.
    pub patience: Duration,
    /// Now, in the ticks of FILETIME, to compare clocks with.
    pub now: FileTime,
    /// Sixteen octets that name this client.
    pub client: [u8; 16],
    /// Domain and name of the account that a KDC is asked about.
    pub user: Option<(&'a str, &'a str)>,
    /// A number that nobody can foresee.
    pub nonce: u32,
}

/// What NTLM and SMB said, beside the facts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learned {
    /// How far the host's clock is ahead of ours.
    pub clock_ahead_s: Option<i64>,
    /// It offers 128-bit keys.
    pub keys_128: Option<bool>,
    /// The status of the logon, where one was made.
    pub logon: Option<u32>,
    /// It insists on SMB signing.
    pub signing_required: Option<bool>,
    /// Ports with their outcome.
    pub ports: Vec<(u16, ProbeResult)>,
    /// False where the name has no address.
    pub resolved: bool,
    /// What was sent that bears on an account, for the reader.
    pub sent: Vec<String>,
    /// What the KDC says of the account, where one was asked.
    pub kdc: Option<krb5::AccountAnswer>,
    /// It says that it is a domain controller, and its port 88 does not answer.
    pub kdc_silent: bool,
    /// Its own name in the DNS, as its directory or its challenge gives it.
    pub dns_name: Option<String>,
    /// The Kerberos realm that it belongs to; none of a host that stands alone.
    pub realm: Option<String>,
    /// What every DN of its directory ends in, where it is a domain controller.
    pub base: Option<String>,
}

/// Asks a host; with `account`, logs on once as it over SMB.
pub async fn ask_host(
    dialer: &Dialer,
    question: &Question<'_>,
    first_leg: Box<dyn Initiator>,
    account: Option<(String, Box<dyn Initiator>)>,
) -> (Vec<ProbeFact>, Learned) {
    let mut facts = Vec::new();
    let mut learned = Learned::default();
    let started = Instant::now();
    let addresses = match dialer.resolver.resolve(question.host).await {
        Ok(found) => {
            let how = match found.source {
                Source::Literal => "it is an address",
                Source::Hosts => "from [hosts]",
                Source::System => "from the system's resolver",
            };
            let list: Vec<String> = found.addresses.iter().map(ToString::to_string).collect();
            let detail = format!("{}, {how}", list.join(", "));
            facts.push(fact(question, "resolve", question.host, ProbeResult::Ok, detail, started));
            learned.resolved = true;
            found.addresses
        }
        Err(error) => {
            let result = ProbeResult::NotFound;
            facts.push(fact(
                question,
                "resolve",
                question.host,
                result,
                error.to_string(),
                started,
            ));
            return (facts, learned);
        }
    };
    let Some(address) = addresses.first().copied() else { return (facts, learned) };
    let (named, asked, node) = tokio::join!(
        names(dialer, question, address),
        ports(question, address),
        netbios_names(question, address)
    );
    facts.extend(named);
    let (found, checks) = asked;
    learned.ports = found;
    facts.extend(checks);
    facts.extend(node);
    let outcome = |port| learned.ports.iter().find(|(one, _)| *one == port).map(|(_, is)| *is);
    let is_open = |port| outcome(port) == Some(ProbeResult::Ok);
    let mut root = None;
    if is_open(LDAP_PORT) {
        root = root_of(question, address, &mut facts).await;
    }
    let is_controller = root.as_ref().is_some_and(RootDse::is_domain_controller);
    learned.kdc_silent = is_controller && !is_open(kdc::PORT);
    if let Some(root) = root.as_ref().filter(|_| is_controller) {
        learned.dns_name = root.first("dnsHostName").map(str::to_owned);
        learned.base = root.first("defaultNamingContext").map(str::to_owned);
        learned.realm = root.realm().map(str::to_owned);
    }
    if is_open(kdc::PORT) {
        let realm = root.as_ref().and_then(RootDse::realm);
        let asked = account_state(question, address, realm, &mut facts).await;
        learned.kdc = asked;
        if let (Some(_), Some((domain, name))) = (&learned.kdc, question.user) {
            let sent = format!("one question about {domain}\\{name} to the KDC, without a proof");
            learned.sent.push(sent);
        }
    }
    let held_back = learned.kdc.as_ref().is_some_and(|answer| !answer.is_usable());
    if is_open(SMB_PORT) {
        let account = account.filter(|_| !held_back);
        smb(question, address, first_leg, account, &mut facts, &mut learned).await;
    }
    if learned.clock_ahead_s.is_none() {
        let theirs = root.as_ref().and_then(RootDse::clock);
        learned.clock_ahead_s = theirs.map(|theirs| theirs - now_s(question));
    }
    (facts, learned)
}

fn now_s(question: &Question<'_>) -> i64 {
    let seconds = (question.now.0 / TICKS).saturating_sub(EPOCH_S);
    i64::try_from(seconds).unwrap_or_default()
}

/// What the system's resolver says beside the table of names, and what the DNS calls the address.
async fn names(dialer: &Dialer, question: &Question<'_>, address: IpAddr) -> Vec<ProbeFact> {
    let mut facts = Vec::new();
    let listed =
        |list: &[IpAddr]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    if dialer.resolver.knows(question.host) {
        let started = Instant::now();
        let ours = dialer.resolver.resolve(question.host).await.map(|found| found.addresses);
        let system = Resolver::default().resolve(question.host).await.map(|found| found.addresses);
        let (result, detail) = match (ours, system) {
            (Ok(ours), Ok(system)) if ours == system => {
                (ProbeResult::Ok, format!("{}, as in [hosts]", listed(&system)))
            }
            (Ok(ours), Ok(system)) => (
                ProbeResult::Error,
                format!("{}, where [hosts] has {}", listed(&system), listed(&ours)),
            ),
            // A name that stands in [hosts] alone stands there because nobody else knows it.
            (_, Err(error)) => (ProbeResult::Ok, format!("in [hosts] alone ({error})")),
            (Err(error), _) => (ProbeResult::NotFound, error.to_string()),
        };
        facts.push(fact(question, "resolve-system", question.host, result, detail, started));
    }
    let started = Instant::now();
    let dns = MailResolver::new(Resolver::default(), &[]);
    let asked = tokio::time::timeout(question.patience, dns.names_of(address)).await;
    let (result, detail) = match asked {
        Ok(Ok(names)) if names.is_empty() => {
            (ProbeResult::Ok, "the DNS has no name for it".to_owned())
        }
        Ok(Ok(names)) => (ProbeResult::Ok, format!("the DNS calls it {}", names.join(", "))),
        // Nobody needs it: many have no DNS for addresses of their own.
        Ok(Err(error)) => (ProbeResult::Ok, format!("the DNS was not asked with success: {error}")),
        Err(_) => (ProbeResult::Ok, "the DNS does not answer in time".to_owned()),
    };
    facts.push(fact(question, "reverse", &address.to_string(), result, detail, started));
    facts
}

/// The names of a host over UDP 137, and whether it answers to the one that it is called by.
async fn netbios_names(question: &Question<'_>, address: IpAddr) -> Vec<ProbeFact> {
    let started = Instant::now();
    let shown = SocketAddr::new(address, 137).to_string();
    let names = match netbios::node_status(address, question.patience).await {
        Ok(names) => names,
        // Hosts of today have it switched off, and nothing of ours needs it.
        Err(why) => return vec![fact(question, "netbios", &shown, ProbeResult::Ok, why, started)],
    };
    let list: Vec<String> =
        names.iter().map(|one| format!("{}<{:02x}>", one.name, one.suffix)).collect();
    let mut facts =
        vec![fact(question, "netbios", &shown, ProbeResult::Ok, list.join(" "), started)];
    let called = question.host.split('.').next().unwrap_or_default();
    if question.host.parse::<IpAddr>().is_err() && !called.is_empty() {
        let started = Instant::now();
        let asked = netbios::name_query(address, called, question.patience).await;
        let (result, detail) = match asked {
            Ok(at) => netbios_fits(called, address, &at),
            Err(why) => (ProbeResult::NotFound, why),
        };
        facts.push(fact(question, "netbios-name", called, result, detail, started));
    }
    facts
}

/// Whether the addresses that a host gives for its NetBIOS name hold the one that it was found by.
fn netbios_fits(called: &str, address: IpAddr, given: &[Ipv4Addr]) -> (ProbeResult, String) {
    let list: Vec<String> = given.iter().map(ToString::to_string).collect();
    let list = list.join(", ");
    // Of IPv6 NetBIOS knows nothing.
    if !address.is_ipv4() || given.iter().any(|one| IpAddr::V4(*one) == address.to_canonical()) {
        return (ProbeResult::Ok, format!("it is {called} at {list}"));
    }
    let detail =
        format!("for {called} it gives {list} over NetBIOS, and its name leads to {address}");
    (ProbeResult::Error, detail)
}

async fn root_of(
    question: &Question<'_>,
    address: IpAddr,
    facts: &mut Vec<ProbeFact>,
) -> Option<RootDse> {
    let started = Instant::now();
    let target = SocketAddr::new(address, LDAP_PORT);
    let asked = tokio::time::timeout(question.patience, root_dse::ask(target)).await;
    let (found, result, detail) = match asked {
        Ok(Ok(root)) => {
            let told = root.told();
            (Some(root), ProbeResult::Ok, told)
        }
        Ok(Err(why)) => (None, ProbeResult::Error, why),
        Err(_) => (None, ProbeResult::Timeout, "the answer does not come".to_owned()),
    };
    facts.push(fact(question, "ldap", &target.to_string(), result, detail, started));
    found
}

/// What the KDC says of the account; its realm is the domain, as KDCs of Windows take it, where nobody told another one.
async fn account_state(
    question: &Question<'_>,
    address: IpAddr,
    realm: Option<&str>,
    facts: &mut Vec<ProbeFact>,
) -> Option<krb5::AccountAnswer> {
    let (domain, name) = question.user?;
    let started = Instant::now();
    let target = SocketAddr::new(address, kdc::PORT);
    let client = Principal::account(name, realm.unwrap_or(domain));
    let asked = kdc::ask(target, &client, question.nonce, now_s(question));
    let (answer, result, detail) = match tokio::time::timeout(question.patience, asked).await {
        Ok(Ok(answer)) => {
            let usable = answer.is_usable();
            let result = if usable { ProbeResult::Ok } else { ProbeResult::Denied };
            let detail = kerberos(&client, &answer);
            (Some(answer), result, detail)
        }
        Ok(Err(why)) => (None, ProbeResult::Error, why),
        Err(_) => (None, ProbeResult::Timeout, "the answer does not come".to_owned()),
    };
    facts.push(fact(question, "kerberos-account", &target.to_string(), result, detail, started));
    answer
}

fn kerberos(client: &Principal, answer: &krb5::AccountAnswer) -> String {
    let keys = match answer.etype_names() {
        names if names.is_empty() => String::new(),
        names => format!("; it has keys of {}", names.join(", ")),
    };
    let status = answer.status.map(|status| format!(" ({})", shown(status))).unwrap_or_default();
    match answer.code {
        Some(code) if !answer.is_usable() => format!("{client}: {code}{status}"),
        _ => format!("{client}: the KDC knows it and asks for its password{keys}"),
    }
}

/// All ports at once.
async fn ports(
    question: &Question<'_>,
    address: IpAddr,
) -> (Vec<(u16, ProbeResult)>, Vec<ProbeFact>) {
    let mut running = JoinSet::new();
    for (usual, name) in PORTS {
        let port = if usual == MAPPER_PORT { question.mapper_port } else { usual };
        let patience = question.patience;
        running.spawn(async move {
            let started = Instant::now();
            let tried = tokio::time::timeout(patience, TcpStream::connect((address, port))).await;
            let (result, detail) = match tried {
                Ok(Ok(_)) => (ProbeResult::Ok, format!("{name}: open")),
                Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                    (ProbeResult::Refused, format!("{name}: refused, so the host is up"))
                }
                Ok(Err(error)) => (ProbeResult::Error, format!("{name}: {error}")),
                Err(_) => (
                    ProbeResult::Timeout,
                    format!("{name}: no answer; filtered, or the host is down"),
                ),
            };
            (port, result, detail, started)
        });
    }
    let mut done = running.join_all().await;
    done.sort_by_key(|(port, ..)| *port);
    let checks = done.iter().map(|(port, result, detail, started)| {
        let target = SocketAddr::new(address, *port).to_string();
        fact(question, "tcp", &target, *result, detail.clone(), *started)
    });
    let checks = checks.collect();
    (done.into_iter().map(|(port, result, ..)| (port, result)).collect(), checks)
}

async fn smb(
    question: &Question<'_>,
    address: IpAddr,
    first_leg: Box<dyn Initiator>,
    account: Option<(String, Box<dyn Initiator>)>,
    facts: &mut Vec<ProbeFact>,
    learned: &mut Learned,
) {
    let target = SocketAddr::new(address, SMB_PORT);
    let shown = target.to_string();
    let (name, initiator) = match account {
        Some((name, initiator)) => (Some(name), initiator),
        None => (None, first_leg),
    };
    let started = Instant::now();
    let work = session(question, target, initiator, name.is_some());
    let talked = match tokio::time::timeout(question.patience * 3, work).await {
        Ok(talked) => talked,
        Err(_) => Err((ProbeResult::Timeout, "the answer does not come".to_owned())),
    };
    let talk = match talked {
        Ok(talk) => talk,
        Err((result, detail)) => {
            facts.push(fact(question, "smb", &shown, result, detail, started));
            return;
        }
    };
    learned.signing_required = Some(talk.negotiated.signing_required);
    let signing = if talk.negotiated.signing_required { "required" } else { "not required" };
    let detail = format!("dialect {:04x}, signing {signing}", talk.negotiated.dialect);
    facts.push(fact(question, "smb", &shown, ProbeResult::Ok, detail, started));
    let ticks = talk.challenge.as_ref().and_then(|one| one.target_info.timestamp());
    let ticks = ticks.map_or(talk.negotiated.time, |time| time.0);
    learned.clock_ahead_s = ahead(ticks, question.now.0);
    if let Some(challenge) = &talk.challenge {
        learned.keys_128 = Some(challenge.flags.contains(Flags::KEY_128));
        let (name, realm) = belongs(challenge);
        learned.dns_name = learned.dns_name.take().or(name);
        learned.realm = learned.realm.take().or(realm);
        let detail = told(challenge, learned.clock_ahead_s);
        facts.push(fact(question, "ntlm", &shown, ProbeResult::Ok, detail, started));
    }
    if let (Some(name), Some(status)) = (name, talk.logon) {
        learned.logon = Some(status);
        learned.sent.push(format!("one logon as {name} over SMB to {shown}"));
        let result = if status == 0 { ProbeResult::Ok } else { ProbeResult::Denied };
        facts.push(fact(question, "logon", &shown, result, logon(&name, &talk), started));
    }
}

/// What came of the exchange.
struct Talk {
    negotiated: Negotiated,
    challenge: Option<Challenge>,
    logon: Option<u32>,
    guest: bool,
    /// The status of the connection to IPC$.
    share: Option<u32>,
}

type Broken = (ProbeResult, String);

async fn session(
    question: &Question<'_>,
    target: SocketAddr,
    mut initiator: Box<dyn Initiator>,
    log_on: bool,
) -> Result<Talk, Broken> {
    let broken = |error: std::io::Error| (ProbeResult::Reset, error.to_string());
    let mut stream = TcpStream::connect(target).await.map_err(broken)?;
    let answer = exchange(&mut stream, &smb::negotiate(question.client)).await?;
    let reply = read(&answer)?;
    if reply.status != 0 {
        let text = format!(
            "it takes none of the dialects up to SMB 2.1 ({}); more is not spoken here, so nothing was read over SMB",
            shown(reply.status)
        );
        return Err((ProbeResult::Denied, text));
    }
    let negotiated = reply.negotiated().map_err(no_smb)?;
    let mut talk = Talk { negotiated, challenge: None, logon: None, guest: false, share: None };
    let Ok(Step::Continue(token)) = initiator.step(None) else { return Ok(talk) };
    let answer = exchange(&mut stream, &smb::session_setup(1, 0, &token)).await?;
    let reply = read(&answer)?;
    if reply.status != MORE_PROCESSING_REQUIRED {
        // Refused before a name was told: NTLM itself is not wanted.
        talk.logon = log_on.then_some(reply.status);
        return Ok(talk);
    }
    let token = reply.token().map_err(no_smb)?.to_vec();
    talk.challenge = Challenge::decode(&token).ok();
    if !log_on {
        return Ok(talk);
    }
    let session = reply.session;
    let step =
        initiator.step(Some(&token)).map_err(|error| (ProbeResult::Error, error.to_string()))?;
    let (Step::Continue(token) | Step::Done { token: Some(token) }) = step else { return Ok(talk) };
    let answer = exchange(&mut stream, &smb::session_setup(2, session, &token)).await?;
    let reply = read(&answer)?;
    talk.logon = Some(reply.status);
    talk.guest = reply.status == 0 && reply.is_guest();
    if reply.status == 0 {
        // Where signing is required the share cannot be asked for without it.
        if !talk.negotiated.signing_required {
            let path = format!("\\\\{}\\IPC$", question.host);
            let answer = exchange(&mut stream, &smb::tree_connect(3, session, &path)).await?;
            talk.share = Some(read(&answer)?.status);
        }
        // The answer does not matter: the session ends with the connection.
        let _ = exchange(&mut stream, &smb::logoff(4, session)).await;
    }
    Ok(talk)
}

async fn exchange(stream: &mut TcpStream, request: &[u8]) -> Result<Vec<u8>, Broken> {
    let broken = |error: std::io::Error| (ProbeResult::Reset, error.to_string());
    stream.write_all(request).await.map_err(broken)?;
    let mut prefix = [0; 4];
    stream.read_exact(&mut prefix).await.map_err(broken)?;
    let length = message_length(prefix)
        .ok_or_else(|| (ProbeResult::Error, format!("{prefix:02x?} begins no SMB message")))?;
    let mut message = vec![0; length];
    stream.read_exact(&mut message).await.map_err(broken)?;
    Ok(message)
}

fn read(message: &[u8]) -> Result<Reply<'_>, Broken> {
    Reply::read(message).map_err(no_smb)
}

fn no_smb(error: smb::SmbError) -> Broken {
    (ProbeResult::Error, error.to_string())
}

/// The DNS name of the server and its realm: of one that stands alone the domain is its own name.
fn belongs(challenge: &Challenge) -> (Option<String>, Option<String>) {
    let name = |id| challenge.target_info.name(id).filter(|name| name.contains('.'));
    let (host, domain) = (name(AvId::DNS_COMPUTER_NAME), name(AvId::DNS_DOMAIN_NAME));
    let alone = host.is_some() && host == domain;
    let realm = domain.filter(|_| !alone).map(|domain| domain.to_uppercase());
    (host, realm)
}

/// NTLM as the server offers it.
fn told(challenge: &Challenge, ahead: Option<i64>) -> String {
    let flags = challenge.flags;
    let keys = match (flags.contains(Flags::KEY_128), flags.contains(Flags::KEY_56)) {
        (true, _) => "128-bit keys",
        (false, true) => "56-bit keys only",
        (false, false) => "40-bit keys only",
    };
    let session = if flags.contains(Flags::EXTENDED_SESSION_SECURITY) {
        "NTLM 2 session security"
    } else {
        "no NTLM 2 session security"
    };
    let seal = match (flags.contains(Flags::SIGN), flags.contains(Flags::SEAL)) {
        (_, true) => "signs and seals",
        (true, false) => "signs only",
        (false, false) => "neither signs nor seals",
    };
    let name = |id| challenge.target_info.name(id).filter(|name| !name.is_empty());
    let computer = name(AvId::DNS_COMPUTER_NAME).or_else(|| name(AvId::NB_COMPUTER_NAME));
    let domain = name(AvId::DNS_DOMAIN_NAME).or_else(|| name(AvId::NB_DOMAIN_NAME));
    let clock = ahead.map_or_else(String::new, |ahead| format!(", its clock {ahead:+} s"));
    format!(
        "{} of {}: {keys}, {session}, {seal}, flags {:08x}{clock}",
        computer.unwrap_or_else(|| challenge.target_name.clone()),
        domain.unwrap_or_else(|| "no domain".to_owned()),
        flags.0
    )
}

fn logon(name: &str, talk: &Talk) -> String {
    let status = talk.logon.unwrap_or_default();
    if status == 0 {
        let share = match talk.share {
            Some(0) => "; IPC$ is open to it".to_owned(),
            Some(status) => format!("; IPC$ is refused with {}", shown(status)),
            None => "; signing is required, so IPC$ was not tried".to_owned(),
        };
        let guest = if talk.guest { " as a guest, which proves nothing" } else { "" };
        return format!("{name} is logged on{guest}{share}");
    }
    // [MS-SMB2] 3.3.5.5: where every session has to be encrypted, whoever speaks no SMB 3 is denied the access.
    let text = match status {
        ACCESS_DENIED => {
            "the account may have no access, or the server takes encrypted sessions of SMB 3 only, which are not spoken here"
        }
        _ => smb::reason(status).map_or("the server gives no reason that is known", |one| one.text),
    };
    format!("{name} is refused with {}: {text}", shown(status))
}

fn shown(status: u32) -> String {
    smb::reason(status)
        .map_or_else(|| format!("0x{status:08X}"), |one| format!("{} (0x{status:08X})", one.name))
}

fn ahead(theirs: u64, ours: u64) -> Option<i64> {
    let seconds = |ticks: u64| i64::try_from(ticks / TICKS).ok();
    (theirs != 0).then_some(())?;
    Some(seconds(theirs)? - seconds(ours)?)
}

fn fact(
    question: &Question<'_>,
    check: &str,
    target: &str,
    result: ProbeResult,
    detail: String,
    started: Instant,
) -> ProbeFact {
    taken(question.from, check, target, (result, detail), started)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Claims: 30.
    #[test]
    fn a_netbios_name_that_leads_elsewhere_is_told() {
        let given = [Ipv4Addr::new(10, 0, 0, 5), Ipv4Addr::new(10, 0, 1, 5)];
        let fits = |address: &str| netbios_fits("EAST", address.parse().unwrap(), &given);
        assert_eq!(fits("10.0.1.5").0, ProbeResult::Ok);
        assert_eq!(fits("::ffff:10.0.1.5").0, ProbeResult::Ok);
        assert_eq!(fits("fd00::5").0, ProbeResult::Ok);
        let (result, detail) = fits("10.0.2.5");
        assert_eq!(result, ProbeResult::Error);
        assert_eq!(
            detail,
            "for EAST it gives 10.0.0.5, 10.0.1.5 over NetBIOS, and its name leads to 10.0.2.5"
        );
    }
}
