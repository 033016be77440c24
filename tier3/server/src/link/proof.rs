//! What this server proves itself with towards one peer: a password for NTLM, a ticket for Kerberos, or both in SPNEGO.

use config::{Insecure, Peer, PeerAuth};
use identity::{AccountName, Password};
use kerberos::{
    Client, Credential, KerberosError, KerberosInitiator, Login, Principal, Realms, Secret, Style,
};
use security::Initiator;
use security::spnego::{Mechanism, SpnegoInitiator};

use crate::blocking::blocking;
use crate::node::Node;
use crate::rpc_security;

/// The proof for the attempts of one bind.
pub(crate) struct Proof<'a> {
    node: &'a Node,
    account: &'a AccountName,
    password: &'a Password,
    auth: PeerAuth,
    insecure: Insecure,
    ticket: Option<Credential>,
}

impl<'a> Proof<'a> {
    /// Gets a ticket where the peer is to be shown one; with SPNEGO its lack is no failure, NTLM remains.
    ///
    /// # Errors
    /// There is no ticket, and nothing else is to be shown.
    pub(crate) async fn new(
        node: &'a Node,
        peer: &Peer,
        account: &'a AccountName,
        password: &'a Password,
    ) -> Result<Self, KerberosError> {
        let ticket = match peer.auth {
            PeerAuth::Ntlm => None,
            PeerAuth::Negotiate if node.config().rpc.kerberos.is_none() => None,
            PeerAuth::Kerberos => Some(ticket(node, peer, account, password).await?),
            PeerAuth::Negotiate => {
                let got = ticket(node, peer, account, password).await;
                got.inspect_err(|error| {
                    eprintln!("{}: {}; NTLM alone is offered", peer.name, net::chain(error));
                })
                .ok()
            }
        };
        let (auth, insecure) = (peer.auth, peer.insecure);
        Ok(Self { node, account, password, auth, insecure, ticket })
    }

    /// The security exchange of one attempt.
    pub(crate) fn initiator(&self) -> Box<dyn Initiator> {
        let ntlm =
            || rpc_security::ntlm_initiator(self.node, self.insecure, self.account, self.password);
        let kerberos = self.ticket.clone().map(|ticket| -> Box<dyn Initiator> {
            Box::new(KerberosInitiator::new(ticket, kerberos::context_seed(), Style::Dce))
        });
        match (self.auth, kerberos) {
            (PeerAuth::Kerberos, Some(kerberos)) => kerberos,
            (PeerAuth::Negotiate, kerberos) => {
                let kerberos = kerberos.map(|one| (Mechanism::kerberos_ms(), one));
                let offered = kerberos.into_iter().chain([(Mechanism::ntlm(), ntlm())]);
                Box::new(SpnegoInitiator::new(offered.collect()))
            }
            _ => ntlm(),
        }
    }
}

async fn ticket(
    node: &Node,
    peer: &Peer,
    account: &AccountName,
    password: &Password,
) -> Result<Credential, KerberosError> {
    let config = node.config();
    // The configuration is checked: whoever wants Kerberos has a realm.
    let realm = config.rpc.kerberos.as_ref().map_or("", |kerberos| &kerberos.realm).to_owned();
    let kdcs = config.rpc.kerberos.as_ref().map(|kerberos| kerberos.kdcs.clone());
    let kdcs: Vec<_> = kdcs.unwrap_or_default().iter().filter_map(|kdc| kdc.parse().ok()).collect();
    let mut realms = blocking(Realms::of_system).await;
    if !kdcs.is_empty() {
        realms = realms.with_kdcs(&realm, kdcs);
    }
    let client = Principal::account(account.name(), &realm);
    let keys = node.keys_of(account);
    let secret =
        if keys.is_empty() { Secret::Password(password.clone()) } else { Secret::Keys(keys) };
    let getter =
        Client { realms, resolver: node.resolver.clone(), patience: config.rpc.connect_timeout };
    getter.ticket(&Login::Secret { client, secret }, &service(peer, &realm)).await
}

/// One name for both directions: a peer is asked for by its host name, whatever name it hands over for the bind-back.
fn service(peer: &Peer, realm: &str) -> Principal {
    let said = peer.kerberos_service.as_deref();
    let text = said.map_or_else(|| format!("host/{}", peer.host), str::to_owned);
    let whole = if text.contains('@') { text } else { format!("{text}@{realm}") };
    whole.parse().unwrap_or_else(|_| Principal::service("host", &peer.host, realm))
}
