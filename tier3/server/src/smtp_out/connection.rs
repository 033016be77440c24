//! One connection to a server that takes mail, with the deadlines of RFC 5321 4.5.3.2.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use config::{HostPort, SmtpConnector};
use net::{Machine, MxError, Progress, Pump, PumpError};
use smtp::{Awaiting, Reply, SendSession, Settled, Transaction};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::node::Node;

/// Addresses that one attempt tries; the rest waits for the next.
const MAX_ADDRESSES: usize = 8;
/// How long a farewell may take; nobody waits for it.
const FAREWELL: Duration = Duration::from_secs(5);

/// A connection could not be opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// It may go better later.
    Temporary(String),
    /// It never will, for this destination: with reason and diagnostic of the report.
    Permanent { diagnostic: x400::DiagnosticCode, error: String },
}

/// An open connection that may carry transactions.
pub(super) struct Connection {
    pump: Pump<Sending>,
    /// As it stands in reports.
    pub(super) host: String,
}

struct Sending(SendSession);

impl Machine for Sending {
    type Error = Infallible;

    fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.0.handle_bytes(bytes);
        Ok(())
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.0.poll_transmit()
    }
}

impl Connection {
    /// Opens a connection for mail of `domain`, or to a smart host: one host after the other, each at all its addresses.
    pub(super) async fn open(
        node: &Node,
        connector: &SmtpConnector,
        domain: Option<&str>,
    ) -> Result<Self, OpenError> {
        let hosts = match domain {
            Some(domain) => exchangers(node, connector, domain).await?,
            None => connector.hosts.clone(),
        };
        let mut errors = Vec::new();
        let mut tried = 0;
        for HostPort { host, port } in hosts {
            let addresses = match node.mail_resolver().addresses(&host).await {
                Ok(addresses) => addresses,
                Err(error) => {
                    errors.push(error.to_string());
                    continue;
                }
            };
            for address in addresses {
                if is_own(node, address, port) {
                    let error = format!("{host} is this server itself: mail would go in circles");
                    let diagnostic = x400::DiagnosticCode::LOOP_DETECTED;
                    return Err(OpenError::Permanent { diagnostic, error });
                }
                if tried == MAX_ADDRESSES {
                    break;
                }
                tried += 1;
                match Self::dial(connector, &host, SocketAddr::new(address, port)).await {
                    Ok(connection) => return Ok(connection),
                    Err(error) => errors.push(error),
                }
            }
        }
        if errors.is_empty() {
            errors.push("there is no host to try".to_owned());
        }
        Err(OpenError::Temporary(errors.join("; ")))
    }

    async fn dial(connector: &SmtpConnector, host: &str, to: SocketAddr) -> Result<Self, String> {
        let connecting = tokio::time::timeout(connector.connect_timeout, TcpStream::connect(to));
        let stream = match connecting.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return Err(format!("cannot connect to {host} ({to}): {error}")),
            Err(_) => {
                let seconds = connector.connect_timeout.as_secs();
                return Err(format!("{host} ({to}) does not answer within {seconds} s"));
            }
        };
        let session = SendSession::new(connector.helo.as_str());
        let pump = Pump::new(Sending(session), stream);
        let mut connection = Self { pump, host: host.to_owned() };
        connection.drive_until(|session| session.is_ready() || session.refusal().is_some()).await;
        match connection.pump.machine.0.refusal() {
            None if connection.pump.machine.0.is_ready() => Ok(connection),
            refusal => {
                let said = refusal.map_or_else(|| "nothing".to_owned(), Reply::to_string);
                let _ = tokio::time::timeout(FAREWELL, connection.pump.flush()).await;
                Err(format!("{host} ({to}) said: {said}"))
            }
        }
    }

    /// Carries one transaction to its end.
    async fn transact(&mut self, transaction: Transaction) -> Settled {
        self.pump.machine.0.begin(transaction);
        loop {
            if let Some(settled) = self.pump.machine.0.poll_settled() {
                return settled;
            }
            self.step().await;
        }
    }

    /// The same after an earlier transaction of the message, which may have ended the connection.
    pub(super) async fn transact_if_ready(&mut self, transaction: Transaction) -> Settled {
        if self.is_ready() {
            return self.transact(transaction).await;
        }
        let reply = Reply::new(451, None, "the connection ended before");
        Settled {
            replies: vec![reply; transaction.recipients.len()],
            last: None,
            in_doubt: false,
            dsn_lost: false,
        }
    }

    /// Whether another transaction may be begun.
    pub(super) fn is_ready(&self) -> bool {
        self.pump.machine.0.is_ready()
    }

    /// Returns once the server said something unasked, which as a rule is a farewell.
    pub(super) async fn disturbed(&mut self) {
        match self.pump.drive().await {
            Ok(Progress::Received) => {}
            Ok(Progress::Closed) | Err(_) => {
                self.pump.machine.0.handle_end("the server closed the connection");
            }
        }
    }

    /// Says QUIT and lets go.
    pub(super) async fn close(mut self) {
        self.pump.machine.0.quit();
        let _ = tokio::time::timeout(FAREWELL, async {
            while !self.pump.machine.0.is_closed() {
                if !matches!(self.pump.drive().await, Ok(Progress::Received)) {
                    break;
                }
            }
        })
        .await;
    }

    async fn drive_until(&mut self, done: impl Fn(&SendSession) -> bool) {
        while !done(&self.pump.machine.0) && !self.pump.machine.0.is_closed() {
            self.step().await;
        }
    }

    /// Waits for one more reply, by a deadline that single octets do not move.
    async fn step(&mut self) {
        let before = self.pump.machine.0.replies();
        let awaiting = self.pump.machine.0.awaiting();
        let patience = patience(awaiting);
        let deadline = Instant::now() + patience;
        while self.pump.machine.0.replies() == before && !self.pump.machine.0.is_closed() {
            let why = match tokio::time::timeout_at(deadline, self.pump.drive()).await {
                Ok(Ok(Progress::Received)) => continue,
                Ok(Ok(Progress::Closed)) => "the server closed the connection".to_owned(),
                Ok(Err(PumpError::Io(error))) => format!("the connection failed: {error}"),
                Ok(Err(PumpError::Protocol(never))) => match never {},
                Err(_) => format!("no reply within {} s", patience.as_secs()),
            };
            self.pump.machine.0.handle_end(&why);
        }
    }
}

/// RFC 5321 4.5.3.2.
fn patience(awaiting: Awaiting) -> Duration {
    Duration::from_secs(match awaiting {
        Awaiting::Greeting | Awaiting::Command | Awaiting::Recipient => 5 * 60,
        Awaiting::DataStart => 2 * 60,
        Awaiting::DataEnd => 10 * 60,
        Awaiting::Nothing => 60,
    })
}

/// The hosts of a domain, without this server and what is no better than it (RFC 5321 5.1).
async fn exchangers(
    node: &Node,
    connector: &SmtpConnector,
    domain: &str,
) -> Result<Vec<HostPort>, OpenError> {
    let salt = u64::from_ne_bytes(crate::node::random());
    let found = node.mail_resolver().exchangers(domain, salt).await;
    let mut found = found.map_err(|error| match &error {
        MxError::NoAnswer { .. } => OpenError::Temporary(error.to_string()),
        MxError::NullMx { .. } | MxError::NoDomain { .. } => OpenError::Permanent {
            diagnostic: x400::DiagnosticCode::UNRECOGNISED_OR_NAME,
            error: error.to_string(),
        },
    })?;
    let config = node.config();
    let own = |host: &str| {
        host.eq_ignore_ascii_case(&config.server.host_name)
            || host.eq_ignore_ascii_case(&connector.helo)
    };
    if let Some(mine) = found.iter().find(|one| own(&one.host)).map(|one| one.preference) {
        found.retain(|one| one.preference < mine);
    }
    if found.is_empty() {
        return Err(OpenError::Permanent {
            diagnostic: x400::DiagnosticCode::LOOP_DETECTED,
            error: format!(
                "the mail of {domain} comes back to this server, which does not hold it"
            ),
        });
    }
    let port = connector.port;
    Ok(found.into_iter().map(|one| HostPort { host: one.host, port }).collect())
}

fn is_own(node: &Node, address: IpAddr, port: u16) -> bool {
    node.config().smtp.listen.contains(&SocketAddr::new(address, port))
}
