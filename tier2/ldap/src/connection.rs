//! One connection: opened, protected, logged on; one question at a time.

use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

use crate::channel::Channel;
use crate::error::{LdapError, code};
use crate::filter::Filter;
use crate::message::{
    Attribute, Control, LdapResult, MAX_MESSAGE, Modification, Request, Response, START_TLS, Scope,
    decode_response,
};
use crate::place::{KerberosBind, Place, Protection, SimpleBind};
use crate::sasl::{GSSAPI, Logon};
use crate::tls;

/// Entries in one page of an answer; Active Directory gives no more than a thousand.
const PAGE: i64 = 500;
/// Most entries of one answer: a directory of the field had some hundred thousand recipients, and all of it is held in memory.
const MAX_ENTRIES: usize = 500_000;
/// Pages without an entry, one behind the other: Active Directory has them where much is filtered away.
const MAX_EMPTY_PAGES: u32 = 1000;
/// Most octets of one answer, whatever they say.
const MAX_ANSWER: usize = 32 * MAX_MESSAGE;
/// Most attributes and values of one answer: each takes some fifty octets of memory, however short it is on the wire.
const MAX_PARTS: usize = 16_000_000;
/// One answer with all its pages may take so long; each message of it has the patience of the place.
pub(crate) const READING: Duration = Duration::from_secs(600);

/// An entry that was found.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub name: String,
    pub attributes: Vec<Attribute>,
}

impl Entry {
    /// The values of an attribute, without regard to the case of its name.
    pub(crate) fn values(&self, attribute: &str) -> &[Vec<u8>] {
        let found = self.attributes.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute));
        found.map_or(&[], |(_, values)| values.as_slice())
    }

    /// The first value.
    pub(crate) fn value(&self, attribute: &str) -> Option<&[u8]> {
        self.values(attribute).first().map(Vec::as_slice)
    }

    /// The first value as text.
    pub(crate) fn text(&self, attribute: &str) -> Option<&str> {
        self.value(attribute).and_then(|value| std::str::from_utf8(value).ok())
    }
}

/// What is searched for.
pub(crate) struct Search<'a> {
    pub base: &'a str,
    pub scope: Scope,
    pub filter: Filter,
    pub attributes: &'a [&'a str],
    /// Parts of descriptors that are wanted, on Active Directory.
    pub descriptor_parts: Option<i64>,
}

/// A connection that is logged on.
pub(crate) struct Connection {
    channel: Channel,
    next: i64,
    /// Most entries of one answer.
    most: usize,
    /// One answer may take so long.
    reading: Duration,
}

impl Connection {
    /// Connects, protects and logs on.
    pub(crate) fn open(place: &Place, runtime: &Runtime) -> Result<Self, LdapError> {
        let protection = (place.credentials)()?;
        let mut channel = connect(place, runtime)?;
        if matches!(protection, Protection::Ldaps(_)) {
            channel = channel.start_tls(tls::connection(place)?)?;
        }
        let mut connection = Self { channel, next: 1, most: MAX_ENTRIES, reading: READING };
        match protection {
            Protection::Ldaps(login) => connection.simple(&login)?,
            Protection::StartTls(login) => {
                let answer = connection.ask(&Request::Extended { oid: START_TLS }, &[])?;
                let Response::Extended(result) = answer else {
                    return Err(out_of_turn("the answer to StartTLS", &answer));
                };
                checked("start TLS with", &place.host, &result)?;
                let channel = connection.channel.start_tls(tls::connection(place)?)?;
                connection = Self { channel, ..connection };
                connection.simple(&login)?;
            }
            Protection::Kerberos(login) => connection.kerberos(&login, runtime)?,
        }
        Ok(connection)
    }

    /// A connection that is up already.
    #[cfg(test)]
    pub(crate) fn over(channel: Channel, most: usize, reading: Duration) -> Self {
        Self { channel, next: 1, most, reading }
    }

    fn simple(&mut self, login: &SimpleBind) -> Result<(), LdapError> {
        let (name, password) = (login.name.as_str(), login.password.expose());
        let answer = self.ask(&Request::BindSimple { name, password }, &[])?;
        let Response::Bind(result) = answer else {
            return Err(out_of_turn("the answer to a bind", &answer));
        };
        checked("log on", name, &result)
    }

    fn kerberos(&mut self, login: &KerberosBind, runtime: &Runtime) -> Result<(), LdapError> {
        let ticket = runtime.block_on(login.client.ticket(&login.login, &login.service))?;
        let initiator = kerberos::KerberosInitiator::new(
            ticket,
            kerberos::context_seed(),
            kerberos::Style::Gss,
        );
        let who = login.login.client().to_string();
        let (mut logon, mut token) = Logon::begin(initiator)?;
        loop {
            let request = Request::BindSasl { mechanism: GSSAPI, token: Some(&token) };
            let answer = self.ask(&request, &[])?;
            let Response::Bind(result) = answer else {
                return Err(out_of_turn("the answer to a bind", &answer));
            };
            if result.code == code::SASL_BIND_IN_PROGRESS {
                // Ends: each step leads to another state, and the last one takes none.
                let came = result.token.unwrap_or_default();
                (logon, token) = logon.handle(&came)?;
                continue;
            }
            checked("log on", &who, &result)?;
            let (session, most) = logon.finish()?;
            self.channel.seal(session, most);
            return Ok(());
        }
    }

    /// Every entry that the search finds.
    pub(crate) fn search(&mut self, search: &Search<'_>) -> Result<Vec<Entry>, LdapError> {
        let mut entries = Vec::new();
        let (mut cookie, mut octets, mut parts) = (Vec::new(), 0usize, 0usize);
        let until = Instant::now() + self.reading;
        let place = || search.base.to_owned();
        // Pages may be empty, but not without end.
        let mut empty = 0;
        while empty <= MAX_EMPTY_PAGES {
            let before = entries.len();
            let mut controls = Vec::new();
            controls.extend(search.descriptor_parts.map(Control::descriptor_parts));
            if search.scope == Scope::Subtree {
                controls.push(Control::paged(PAGE, &cookie));
            }
            let Search { base, scope, filter, attributes, .. } = search;
            let request = Request::Search { base, scope: *scope, filter, attributes };
            let id = self.put(&request, &controls)?;
            let next = loop {
                let (length, response) = self.take(id)?;
                octets = octets.saturating_add(length);
                if let Response::Entry { attributes, .. } = &response {
                    let values = attributes.iter().map(|(_, values)| values.len() + 1);
                    parts = parts.saturating_add(values.sum());
                }
                if entries.len() >= self.most {
                    return Err(LdapError::TooMany { limit: self.most, base: place() });
                }
                if octets > MAX_ANSWER || parts > MAX_PARTS {
                    return Err(LdapError::TooMuch { base: place() });
                }
                if Instant::now() > until {
                    return Err(LdapError::TooSlow { base: place(), limit: self.reading });
                }
                match response {
                    Response::Entry { name, attributes } => {
                        entries.push(Entry { name, attributes });
                    }
                    Response::Reference => {}
                    Response::SearchDone(result, next) => {
                        checked("read", base, &result)?;
                        break next;
                    }
                    other => return Err(out_of_turn("entries", &other)),
                }
            };
            match next {
                Some(next) => cookie = next,
                None => return Ok(entries),
            }
            empty = if entries.len() > before { 0 } else { empty + 1 };
        }
        Err(LdapError::Circle { base: place() })
    }

    pub(crate) fn modify(
        &mut self,
        name: &str,
        parts: &[Modification],
        descriptor_parts: Option<i64>,
    ) -> Result<(), LdapError> {
        let controls: Vec<Control> =
            descriptor_parts.map(Control::descriptor_parts).into_iter().collect();
        self.change("change", name, &Request::Modify { name, parts }, &controls)
    }

    pub(crate) fn add(&mut self, name: &str, attributes: &[Attribute]) -> Result<(), LdapError> {
        self.change("make", name, &Request::Add { name, attributes }, &[])
    }

    pub(crate) fn delete(&mut self, name: &str) -> Result<(), LdapError> {
        self.change("remove", name, &Request::Delete { name }, &[])
    }

    /// Says that this side leaves.
    pub(crate) fn close(mut self) {
        // The connection ends here in any case.
        let _ = self.put(&Request::Unbind, &[]);
    }

    fn change(
        &mut self,
        operation: &'static str,
        name: &str,
        request: &Request<'_>,
        controls: &[Control],
    ) -> Result<(), LdapError> {
        match self.ask(request, controls)? {
            Response::Changed(result) => checked(operation, name, &result),
            other => Err(out_of_turn("the answer to a change", &other)),
        }
    }

    fn ask(&mut self, request: &Request<'_>, controls: &[Control]) -> Result<Response, LdapError> {
        let id = self.put(request, controls)?;
        self.take(id).map(|(_, response)| response)
    }

    fn put(&mut self, request: &Request<'_>, controls: &[Control]) -> Result<i64, LdapError> {
        let id = self.next;
        // RFC 4511 section 4.1.1.1: up to 2^31 - 1.
        self.next = if id >= i64::from(i32::MAX) { 1 } else { id + 1 };
        self.channel.send(&request.encode(id, controls))?;
        Ok(id)
    }

    fn take(&mut self, id: i64) -> Result<(usize, Response), LdapError> {
        let octets = self.channel.receive()?;
        let (of, response) = decode_response(&octets)?;
        if of == id {
            return Ok((octets.len(), response));
        }
        match response {
            // RFC 4511 section 4.4.1: number 0 is a notice of disconnection, which says why.
            Response::Extended(result) if of == 0 => Err(LdapError::Refused {
                operation: "go on with",
                name: "the connection".to_owned(),
                code: result.code,
                text: result.text,
            }),
            other => Err(out_of_turn("an answer to what was asked", &other)),
        }
    }
}

fn connect(place: &Place, runtime: &Runtime) -> Result<Channel, LdapError> {
    let host = place.host.as_str();
    let resolved = runtime.block_on(place.resolver.resolve(host));
    let resolved = resolved
        .map_err(|error| LdapError::Resolve { host: host.to_owned(), why: error.to_string() })?;
    let mut tried = Vec::new();
    for address in resolved.addresses {
        let address = SocketAddr::new(address, place.port);
        let stream = TcpStream::connect_timeout(&address, place.patience)
            .and_then(|stream| Channel::new(host, stream, place.patience));
        match stream {
            Ok(channel) => return Ok(channel),
            Err(error) => tried.push(format!("{address}: {error}")),
        }
    }
    Err(LdapError::Connect { host: host.to_owned(), port: place.port, tried: tried.join("; ") })
}

fn checked(operation: &'static str, name: &str, result: &LdapResult) -> Result<(), LdapError> {
    if result.code == code::SUCCESS {
        return Ok(());
    }
    let (code, text) = (result.code, result.text.clone());
    Err(LdapError::Refused { operation, name: name.to_owned(), code, text })
}

fn out_of_turn(expected: &'static str, got: &Response) -> LdapError {
    LdapError::OutOfTurn { expected, got: got.kind() }
}
