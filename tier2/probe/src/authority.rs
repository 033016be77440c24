//! What a host's account database, local security authority and group policies say of an account, asked as somebody who is let in.
//!
//! Nothing is changed and nobody is logged on but who asks: so the account that is asked about counts no wrong password.

use std::time::Instant;

use std::net::SocketAddr;
use std::time::Duration;

use dcerpc::status::Status;
use dcerpc::{ByteOrder, ContextHandle};
use diagnosis::{ProbeFact, ProbeResult};
use identity::{AccountName, Sid};
use security::Initiator;
use wire::DecodeError;

use crate::fact::taken;
use crate::lsa::{self, Trust};
use crate::policy::{self, Policy};
use crate::sam::{self, SamAccount};
use crate::share::{Pipe, Share, ShareError};
use crate::srv;

/// STATUS_NO_SUCH_DOMAIN, [MS-ERREF] 2.3.1.
const NO_SUCH_DOMAIN: u32 = 0xC000_00DF;
/// STATUS_NONE_MAPPED.
const NONE_MAPPED: u32 = 0xC000_0073;
/// STATUS_OBJECT_NAME_NOT_FOUND: an account without rights of its own.
const NOT_FOUND: u32 = 0xC000_0034;
/// STATUS_BAD_NETWORK_NAME: there is no such share.
const NO_SUCH_SHARE: u32 = 0xC000_00CC;
/// STATUS_NO_MORE_ENTRIES: no trusts.
const NO_MORE: u32 = 0x8000_001A;

/// Who everybody is (MS-DTYP 2.4.2.4): rights are given to them as a rule, not to each account.
const EVERYBODY: [(&str, u64, &[u32]); 3] =
    [("Everyone", 1, &[0]), ("Authenticated Users", 5, &[11]), ("Users", 5, &[32, 545])];
const NETWORK: &str = "SeNetworkLogonRight";
const DENY_NETWORK: &str = "SeDenyNetworkLogonRight";

/// What was learned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority {
    /// The account, where there is one and it may be read.
    pub account: Option<SamAccount>,
    /// The database was asked and has no such account.
    pub missing: bool,
    /// Who of account and groups has which right, as far as they could be read.
    pub rights: Vec<(String, Vec<String>)>,
    /// The trusts of the domain.
    pub trusts: Vec<Trust>,
    /// The group policy that keeps the account from logging on over the network, in words.
    pub kept_out: Option<String>,
}

impl Authority {
    /// Who is denied a logon from the network, where the account or one of the groups of everybody is.
    #[must_use]
    pub fn denied_to(&self) -> Option<&str> {
        self.holder(DENY_NETWORK)
    }

    fn holder(&self, right: &str) -> Option<&str> {
        let has = |rights: &[String]| rights.iter().any(|one| one == right);
        self.rights.iter().find(|(_, rights)| has(rights)).map(|(who, _)| who.as_str())
    }

    fn told_rights(&self) -> String {
        let network = match (self.holder(DENY_NETWORK), self.holder(NETWORK)) {
            (Some(who), _) => format!("{DENY_NETWORK} is given to {who}"),
            (None, Some(who)) => format!("{NETWORK} is given to {who}"),
            (None, None) if self.rights.iter().all(|(_, rights)| rights.is_empty()) => {
                return "neither account nor common groups are given any right here".to_owned();
            }
            (None, None) => format!("{NETWORK} is given to none of account and common groups"),
        };
        let own = self.rights.first().map(|(_, rights)| rights.join(", ")).unwrap_or_default();
        if own.is_empty() { network } else { format!("{network}; of its own it has {own}") }
    }
}

/// Where and about whom is asked.
pub struct AuthorityQuestion<'a> {
    pub from: &'a str,
    pub host: &'a str,
    /// Where SMB answers.
    pub at: SocketAddr,
    /// Sixteen octets that name this client.
    pub client: [u8; 16],
    /// For each step.
    pub patience: Duration,
    /// Who is asked about.
    pub account: &'a AccountName,
    /// Now, in the ticks of FILETIME.
    pub now: u64,
}

/// Asks both through the pipes of IPC$, with one logon: the local security authority takes no calls over TCP.
pub async fn ask_authority(
    question: &AuthorityQuestion<'_>,
    initiator: Box<dyn Initiator>,
) -> (Vec<ProbeFact>, Authority) {
    let mut facts = Vec::new();
    let mut learned = Authority::default();
    let started = Instant::now();
    let opened = Share::open(
        question.at,
        question.host,
        "IPC$",
        question.client,
        initiator,
        question.patience,
    );
    let share = match opened.await {
        Ok(share) => share,
        Err(error) => {
            let (result, detail) = Stop::Broken(error).told();
            facts.push(fact(question, "ipc", result, detail, started));
            return (facts, learned);
        }
    };
    let (share, asked) = match share.pipe("samr", sam::INTERFACE).await {
        Ok(mut pipe) => {
            let asked = database(&mut pipe, question, &mut learned).await;
            (pipe.close().await, asked)
        }
        Err((share, error)) => (share, Err(Stop::Broken(error))),
    };
    let (share, listed) = shares(share, question).await;
    facts.push(listed);
    let mut found = None;
    let (result, detail) = match asked {
        Ok(sid) => {
            found = sid;
            match &learned.account {
                Some(account) => {
                    let told = format!("{}: {}", question.account, account.told(question.now));
                    let bad = account.is_disabled() || account.is_locked();
                    (if bad { ProbeResult::Denied } else { ProbeResult::Ok }, told)
                }
                None => (ProbeResult::NotFound, format!("there is no {}", question.account)),
            }
        }
        Err(stop) => stop.told(),
    };
    facts.push(fact(question, "sam-account", result, detail, started));

    let started = Instant::now();
    let (mut share, asked) = match share.pipe("lsarpc", lsa::INTERFACE).await {
        Ok(mut pipe) => {
            let asked = authority(&mut pipe, question, found.clone(), &mut learned).await;
            (pipe.close().await, asked)
        }
        Err((share, error)) => (share, Err(Stop::Broken(error))),
    };
    let (result, detail) = match asked {
        Ok(trusts) => {
            facts.push(fact(question, "lsa-trusts", ProbeResult::Ok, trusts, started));
            let denied = learned.denied_to().is_some();
            let result = if denied { ProbeResult::Denied } else { ProbeResult::Ok };
            (result, learned.told_rights())
        }
        Err(stop) => stop.told(),
    };
    facts.push(fact(question, "lsa-rights", result, detail, started));
    facts.extend(policies(&mut share, question, found.as_ref(), &mut learned).await);
    (facts, learned)
}

/// What the host shares, as who asks sees it.
async fn shares(share: Share, question: &AuthorityQuestion<'_>) -> (Share, ProbeFact) {
    let started = Instant::now();
    let (share, asked) = match share.pipe("srvsvc", srv::INTERFACE).await {
        Ok(mut pipe) => {
            let request = srv::shares(question.host);
            let asked = ask(&mut pipe, srv::OP_SHARES, request, srv::shares_told).await;
            (pipe.close().await, asked)
        }
        Err((share, error)) => (share, Err(Stop::Broken(error))),
    };
    let (result, detail) = match asked {
        Ok((Some(names), 0)) => (ProbeResult::Ok, names.join(", ")),
        Ok((_, status)) => Stop::Refused(status).told(),
        Err(stop) => stop.told(),
    };
    (share, fact(question, "shares", result, detail, started))
}

/// The group policies of a domain controller; nothing where the host keeps none.
async fn policies(
    share: &mut Share,
    question: &AuthorityQuestion<'_>,
    account: Option<&Sid>,
    learned: &mut Authority,
) -> Option<ProbeFact> {
    let started = Instant::now();
    let read = match share.enter(question.host, policy::SHARE).await {
        Ok(()) => policy::read_all(share).await,
        Err(ShareError::Refused { status: NO_SUCH_SHARE, .. }) => return None,
        Err(error) => Err(error),
    };
    let (result, detail) = match read {
        Ok(policies) => {
            let who = policy::holders(account, question.account.name());
            learned.kept_out = policies.iter().find_map(|one| one.keeps_out(&who));
            let speaking = policies.iter().filter(|one| !one.is_silent()).map(Policy::told);
            let speaking: Vec<String> = speaking.collect();
            let result =
                if learned.kept_out.is_some() { ProbeResult::Denied } else { ProbeResult::Ok };
            if speaking.is_empty() {
                let detail = "no policy in SYSVOL bears on logons over the network".to_owned();
                (result, detail)
            } else {
                (result, speaking.join("; "))
            }
        }
        Err(error) => Stop::Broken(error).told(),
    };
    Some(fact(question, "group-policy", result, detail, started))
}

/// The account in the database of its domain; gives its identifier.
async fn database(
    pipe: &mut Pipe,
    question: &AuthorityQuestion<'_>,
    learned: &mut Authority,
) -> Result<Option<Sid>, Stop> {
    let server = opened(pipe, sam::OP_CONNECT, sam::connect(question.host)).await?;
    let request = sam::lookup_domain(&server, question.account.domain());
    let found = ask(pipe, sam::OP_LOOKUP_DOMAIN, request, sam::domain_found).await?;
    let domain = match found {
        (Some(sid), 0) => sid,
        (_, NO_SUCH_DOMAIN) => {
            return Err(Stop::NotFound(format!(
                "its database holds no accounts of {}",
                question.account.domain()
            )));
        }
        (_, status) => return Err(Stop::Refused(status)),
    };
    let request = sam::open_domain(&server, &domain);
    let handle = opened(pipe, sam::OP_OPEN_DOMAIN, request).await?;
    let request = sam::lookup_name(&handle, question.account.name());
    let rid = match ask(pipe, sam::OP_LOOKUP_NAMES, request, sam::name_found).await? {
        (Some(rid), 0) => rid,
        (None, 0) | (_, NONE_MAPPED) => {
            learned.missing = true;
            return Ok(None);
        }
        (_, status) => return Err(Stop::Refused(status)),
    };
    let user = opened(pipe, sam::OP_OPEN_USER, sam::open_user(&handle, rid)).await?;
    let mut account = SamAccount::default();
    for class in [sam::ACCOUNT_INFORMATION, sam::LOGON_INFORMATION] {
        let request = sam::query(&user, class);
        let read = |stub: &[u8], order| sam::user_told(stub, order, &mut account);
        let status = ask(pipe, sam::OP_QUERY_USER, request, read).await?;
        if status != 0 {
            return Err(Stop::Refused(status));
        }
    }
    let request = sam::query_lockout(&handle);
    let lockout = ask(pipe, sam::OP_QUERY_DOMAIN, request, sam::lockout_told).await?;
    account.lockout_threshold = lockout.0.filter(|_| lockout.1 == 0);
    learned.account = Some(account);
    for handle in [user, handle, server] {
        pipe.call(sam::OP_CLOSE, &sam::close(&handle)).await?;
    }
    Ok(domain.member(rid).ok())
}

/// Rights of the account and of everybody, and the trusts in words.
async fn authority(
    pipe: &mut Pipe,
    question: &AuthorityQuestion<'_>,
    account: Option<Sid>,
    learned: &mut Authority,
) -> Result<String, Stop> {
    let policy = opened(pipe, lsa::OP_OPEN_POLICY, lsa::open_policy(question.host)).await?;
    let own = account.map(|sid| (question.account.to_string(), sid));
    let common = EVERYBODY.iter().filter_map(|(who, authority, parts)| {
        Some(((*who).to_owned(), Sid::new(*authority, parts).ok()?))
    });
    for (who, sid) in own.into_iter().chain(common) {
        let request = lsa::account_rights(&policy, &sid);
        match ask(pipe, lsa::OP_ACCOUNT_RIGHTS, request, lsa::rights_told).await? {
            (rights, 0 | NOT_FOUND) => learned.rights.push((who, rights.unwrap_or_default())),
            (_, status) => return Err(Stop::Refused(status)),
        }
    }
    let trusts = ask(pipe, lsa::OP_TRUSTS, lsa::trusts(&policy), lsa::trusts_told).await?;
    let told = match trusts {
        (found, 0 | NO_MORE) => {
            learned.trusts = found.unwrap_or_default();
            let list: Vec<String> = learned.trusts.iter().map(Trust::told).collect();
            if list.is_empty() { "it trusts no other domain".to_owned() } else { list.join("; ") }
        }
        (_, status) => Stop::Refused(status).told().1,
    };
    pipe.call(lsa::OP_CLOSE, &sam::close(&policy)).await?;
    Ok(told)
}

/// Why no more is known.
enum Stop {
    Broken(ShareError),
    /// The operation is refused with this status.
    Refused(u32),
    NotFound(String),
}

impl Stop {
    fn told(self) -> (ProbeResult, String) {
        match self {
            Self::Broken(error) if error.is_refusal() => (ProbeResult::Denied, net::chain(&error)),
            Self::Broken(error) => (ProbeResult::Error, net::chain(&error)),
            Self::Refused(status) => (ProbeResult::Denied, format!("refused: {}", Status(status))),
            Self::NotFound(text) => (ProbeResult::NotFound, text),
        }
    }
}

impl From<ShareError> for Stop {
    fn from(error: ShareError) -> Self {
        Self::Broken(error)
    }
}

async fn ask<T>(
    pipe: &mut Pipe,
    opnum: u16,
    stub: Vec<u8>,
    decode: impl FnOnce(&[u8], ByteOrder) -> Result<T, DecodeError>,
) -> Result<T, Stop> {
    let (answer, order) = pipe.call(opnum, &stub).await?;
    decode(&answer, order)
        .map_err(|error| Stop::Broken(ShareError::Rpc(dcerpc::RpcError::from(error))))
}

async fn opened(pipe: &mut Pipe, opnum: u16, stub: Vec<u8>) -> Result<ContextHandle, Stop> {
    match ask(pipe, opnum, stub, lsa::opened).await? {
        (handle, 0) => Ok(handle),
        (_, status) => Err(Stop::Refused(status)),
    }
}

fn fact(
    question: &AuthorityQuestion<'_>,
    check: &str,
    result: ProbeResult,
    detail: String,
    started: Instant,
) -> ProbeFact {
    taken(question.from, check, question.host, (result, detail), started)
}
