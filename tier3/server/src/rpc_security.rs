//! How callers of this server's RPC prove themselves, and how it proves itself to them, as the configuration says.

use std::sync::Arc;

use config::{Config, Insecure, RpcLevel};
use dcerpc::AuthLevel;
use identity::{AccountName, NtHash, Password};
use kerberos::KerberosAcceptor;
use security::ntlm::{
    self, AcceptSeed, NtlmAcceptor, NtlmCredentials, NtlmInitiator, NtlmPolicy, NtlmSecret,
    NtlmSeed, ServerIdentity,
};
use security::spnego::{self, Mechanism, SpnegoAcceptor};
use security::{Acceptor, Accounts, Initiator, LogonFailure};

use crate::account_table::AccountTable;
use crate::node::{Node, filetime_now, random};

/// The protection of calls between servers, and the least that is taken.
#[must_use]
pub fn level(config: &Config) -> AuthLevel {
    match config.rpc.level {
        RpcLevel::Integrity => AuthLevel::Integrity,
        RpcLevel::Privacy => AuthLevel::Privacy,
    }
}

/// A level in one word.
#[must_use]
pub const fn word(level: AuthLevel) -> &'static str {
    match level {
        AuthLevel::None => "nothing",
        AuthLevel::Connect => "connect",
        AuthLevel::Call => "call",
        AuthLevel::Packet => "packet",
        AuthLevel::Integrity => "integrity",
        AuthLevel::Privacy => "privacy",
    }
}

/// What NTLM takes of a weaker peer.
#[must_use]
pub fn policy(insecure: Insecure) -> NtlmPolicy {
    match insecure {
        Insecure::Nothing => NtlmPolicy::Strict,
        Insecure::Keys56 => NtlmPolicy::Allow56,
        Insecure::NtlmVersion1 => NtlmPolicy::AllowVersion1,
    }
}

/// True for a domain whose passwords winbind is asked about.
#[must_use]
pub fn by_winbind(config: &Config, account: &AccountName) -> bool {
    let domain = identity::upcase(account.domain());
    config.rpc.winbind_domains.contains(&domain)
}

/// Every setting that takes less than NTLM version 2 with 128-bit keys, as `key = value`.
#[must_use]
pub fn weaknesses(config: &Config) -> Vec<String> {
    let said = |key: String, insecure: Insecure| {
        (insecure > Insecure::Nothing).then(|| format!("{key} = \"{}\"", insecure.as_str()))
    };
    let peers = config.peers.iter();
    let of_peers =
        peers.filter_map(|peer| said(format!("peer.insecure of {}", peer.name), peer.insecure));
    said("rpc.insecure".to_owned(), config.rpc.insecure).into_iter().chain(of_peers).collect()
}

/// NTLM for one bind to a peer, of which so much weakness is taken.
#[must_use]
pub fn ntlm_initiator(
    node: &Node,
    insecure: Insecure,
    account: &AccountName,
    password: &Password,
) -> Box<dyn Initiator> {
    let config = node.config();
    let credentials = NtlmCredentials {
        account: account.clone(),
        secret: NtlmSecret::Password(password.clone()),
        workstation: config.server.name.clone(),
    };
    let seed = NtlmSeed {
        client_challenge: random(),
        exported_session_key: random(),
        now: filetime_now(),
    };
    let ntlm = NtlmInitiator::new(credentials, seed, None)
        .with_policy(policy(insecure))
        .with_reflection_guard(node.reflection.clone())
        .with_own_name(config.server.name.clone());
    Box::new(match node.old_ntlm.get() {
        Some(old) => ntlm.standing_in_for(*old),
        None => ntlm,
    })
}

/// Who checks a caller: NTLM with the server's own accounts and winbind's domains, Kerberos with the keytab, and either in
/// SPNEGO.
#[must_use]
pub fn acceptor(node: &Arc<Node>, auth_type: u8) -> Option<Box<dyn Acceptor>> {
    match auth_type {
        ntlm::AUTH_TYPE => Some(ntlm_acceptor(node)),
        kerberos::AUTH_TYPE => kerberos_acceptor(node),
        spnego::AUTH_TYPE => {
            let kerberos = kerberos_acceptor(node).map(|one| (Mechanism::kerberos(), one));
            let ntlm = (Mechanism::ntlm(), ntlm_acceptor(node));
            let served = kerberos.into_iter().chain([ntlm]);
            Some(Box::new(SpnegoAcceptor::new(served.collect())))
        }
        _ => None,
    }
}

fn kerberos_acceptor(node: &Arc<Node>) -> Option<Box<dyn Acceptor>> {
    Some(Box::new(KerberosAcceptor::new(node.kerberos()?, kerberos::context_seed())))
}

fn ntlm_acceptor(node: &Arc<Node>) -> Box<dyn Acceptor> {
    let config = node.config();
    let identity = ServerIdentity {
        computer: config.server.name.clone(),
        domain: config.rpc.account.domain().to_owned(),
        dns_name: config.server.host_name.clone(),
    };
    let seed = AcceptSeed { server_challenge: random(), now: filetime_now() };
    let policy = policy(config.rpc.insecure);
    let accounts = Arc::new(Ported { own: node.accounts.clone(), config });
    let ntlm = NtlmAcceptor::new(accounts, identity, seed)
        .with_policy(policy)
        .with_reflection_guard(node.reflection.clone());
    Box::new(match node.old_ntlm.get() {
        Some(old) => ntlm.standing_in_for(*old),
        None => ntlm,
    })
}

/// The server's own accounts, and those of others.
struct Ported {
    own: AccountTable,
    config: Arc<Config>,
}

impl Accounts for Ported {
    fn nt_hash(&self, account: &AccountName) -> Result<NtHash, LogonFailure> {
        self.own.nt_hash(account)
    }

    fn older_nt_hash(&self, account: &AccountName) -> Option<NtHash> {
        self.own.older_nt_hash(account)
    }

    fn elsewhere(&self, account: &AccountName) -> bool {
        by_winbind(&self.config, account)
    }
}
