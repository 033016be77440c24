//! Messages of LDAP version 3 (RFC 4511): requests out, responses in.

use ber::{Children, Element, Encoder, Tag};
use wire::DecodeError;

use crate::filter::Filter;

/// Most octets of one message from a server: a list with five thousand members and its descriptor have one.
pub(crate) const MAX_MESSAGE: usize = 16 << 20;
const WHAT: &str = "LDAPMessage";
/// Most controls of one response.
const MAX_CONTROLS: usize = 16;
/// Most attributes and values of one entry.
const MAX_PARTS: usize = 100_000;

/// Extended operation StartTLS (RFC 4511 section 4.14).
pub(crate) const START_TLS: &str = "1.3.6.1.4.1.1466.20037";

/// How far a search goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    Base,
    Subtree,
}

/// A control (RFC 4511 section 4.1.11).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Control {
    pub oid: &'static str,
    pub critical: bool,
    pub value: Vec<u8>,
}

impl Control {
    const PAGED: &'static str = "1.2.840.113556.1.4.319";
    const DESCRIPTOR_PARTS: &'static str = "1.2.840.113556.1.4.801";

    /// Results in pages (RFC 2696).
    pub(crate) fn paged(size: i64, cookie: &[u8]) -> Self {
        let mut value = Encoder::new();
        value.constructed(Tag::SEQUENCE, |page| {
            page.integer(Tag::INTEGER, size);
            page.octets(Tag::OCTET_STRING, cookie);
        });
        Self { oid: Self::PAGED, critical: true, value: value.finish() }
    }

    /// Which parts of descriptors are meant (MS-ADTS 3.1.1.3.4.1.11, LDAP_SERVER_SD_FLAGS_OID).
    pub(crate) fn descriptor_parts(parts: i64) -> Self {
        let mut value = Encoder::new();
        value.constructed(Tag::SEQUENCE, |flags| flags.integer(Tag::INTEGER, parts));
        Self { oid: Self::DESCRIPTOR_PARTS, critical: true, value: value.finish() }
    }
}

/// An attribute with its values.
pub(crate) type Attribute = (String, Vec<Vec<u8>>);

/// What a modification does with values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Add,
    Delete,
    Replace,
}

/// One part of a modification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Modification {
    pub verb: Verb,
    pub attribute: String,
    pub values: Vec<Vec<u8>>,
}

/// What is asked.
#[derive(Debug, Clone)]
pub(crate) enum Request<'a> {
    BindSimple { name: &'a str, password: &'a str },
    BindSasl { mechanism: &'a str, token: Option<&'a [u8]> },
    Unbind,
    Search { base: &'a str, scope: Scope, filter: &'a Filter, attributes: &'a [&'a str] },
    Modify { name: &'a str, parts: &'a [Modification] },
    Add { name: &'a str, attributes: &'a [Attribute] },
    Delete { name: &'a str },
    Extended { oid: &'a str },
}

impl Request<'_> {
    pub(crate) fn encode(&self, id: i64, controls: &[Control]) -> Vec<u8> {
        let mut out = Encoder::new();
        out.constructed(Tag::SEQUENCE, |message| {
            message.integer(Tag::INTEGER, id);
            self.operation(message);
            if !controls.is_empty() {
                message.constructed(Tag::context(0), |all| {
                    for control in controls {
                        all.constructed(Tag::SEQUENCE, |one| {
                            one.octets(Tag::OCTET_STRING, control.oid.as_bytes());
                            one.boolean(Tag::BOOLEAN, control.critical);
                            one.octets(Tag::OCTET_STRING, &control.value);
                        });
                    }
                });
            }
        });
        out.finish()
    }

    fn operation(&self, to: &mut Encoder) {
        let text = |to: &mut Encoder, value: &str| to.octets(Tag::OCTET_STRING, value.as_bytes());
        match self {
            Self::BindSimple { name, password } => to.constructed(Tag::application(0), |bind| {
                bind.integer(Tag::INTEGER, 3);
                text(bind, name);
                bind.octets(Tag::context(0), password.as_bytes());
            }),
            Self::BindSasl { mechanism, token } => to.constructed(Tag::application(0), |bind| {
                bind.integer(Tag::INTEGER, 3);
                text(bind, "");
                bind.constructed(Tag::context(3), |sasl| {
                    text(sasl, mechanism);
                    if let Some(token) = token {
                        sasl.octets(Tag::OCTET_STRING, token);
                    }
                });
            }),
            Self::Unbind => to.null(Tag::application(2)),
            Self::Search { base, scope, filter, attributes } => {
                to.constructed(Tag::application(3), |search| {
                    text(search, base);
                    search.integer(Tag::ENUMERATED, if *scope == Scope::Base { 0 } else { 2 });
                    // Aliases are never followed: they could lead in circles.
                    search.integer(Tag::ENUMERATED, 0);
                    search.integer(Tag::INTEGER, 0);
                    search.integer(Tag::INTEGER, 0);
                    search.boolean(Tag::BOOLEAN, false);
                    filter.encode(search);
                    search.constructed(Tag::SEQUENCE, |all| {
                        attributes.iter().for_each(|one| text(all, one));
                    });
                });
            }
            Self::Modify { name, parts } => to.constructed(Tag::application(6), |modify| {
                text(modify, name);
                modify.constructed(Tag::SEQUENCE, |all| {
                    parts.iter().for_each(|part| part.encode(all));
                });
            }),
            Self::Add { name, attributes } => to.constructed(Tag::application(8), |add| {
                text(add, name);
                add.constructed(Tag::SEQUENCE, |all| {
                    attributes.iter().for_each(|(name, values)| attribute(all, name, values));
                });
            }),
            Self::Delete { name } => to.octets(Tag::application(10), name.as_bytes()),
            Self::Extended { oid } => to.constructed(Tag::application(23), |extended| {
                extended.octets(Tag::context(0), oid.as_bytes());
            }),
        }
    }
}

impl Modification {
    fn encode(&self, to: &mut Encoder) {
        let verb = match self.verb {
            Verb::Add => 0,
            Verb::Delete => 1,
            Verb::Replace => 2,
        };
        to.constructed(Tag::SEQUENCE, |part| {
            part.integer(Tag::ENUMERATED, verb);
            attribute(part, &self.attribute, &self.values);
        });
    }
}

fn attribute(to: &mut Encoder, name: &str, values: &[Vec<u8>]) {
    to.constructed(Tag::SEQUENCE, |one| {
        one.octets(Tag::OCTET_STRING, name.as_bytes());
        one.constructed(Tag::SET, |set| {
            values.iter().for_each(|value| set.octets(Tag::OCTET_STRING, value));
        });
    });
}

/// How an operation went (RFC 4511 section 4.1.9).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LdapResult {
    /// The result code.
    pub code: u32,
    /// The server's words.
    pub text: String,
    /// The server's token of a SASL bind.
    pub token: Option<Vec<u8>>,
}

/// What a server says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// An entry that was searched for.
    Entry {
        /// Its DN.
        name: String,
        /// Its attributes.
        attributes: Vec<(String, Vec<Vec<u8>>)>,
    },
    /// A part of the answer is elsewhere; it is not followed.
    Reference,
    /// The end of a search, with the cookie of the next page.
    SearchDone(LdapResult, Option<Vec<u8>>),
    /// The answer to a bind.
    Bind(LdapResult),
    /// The answer to a modification, an addition or a removal.
    Changed(LdapResult),
    /// The answer to an extended operation, or a notice.
    Extended(LdapResult),
}

impl Response {
    /// What it is, for errors.
    pub(crate) const fn kind(&self) -> &'static str {
        match self {
            Self::Entry { .. } => "an entry",
            Self::Reference => "a reference",
            Self::SearchDone(..) => "the end of a search",
            Self::Bind(_) => "a bind response",
            Self::Changed(_) => "the response to a change",
            Self::Extended(_) => "an extended response",
        }
    }
}

/// Octets of the message that begins here, once its length is known.
///
/// # Errors
/// It does not begin as a message does.
pub fn message_len(octets: &[u8]) -> Result<Option<usize>, DecodeError> {
    let [identifier, rest @ ..] = octets else { return Ok(None) };
    let bad = |field, detail| DecodeError::invalid(WHAT, field, 0, detail);
    if *identifier != 0x30 {
        return Err(bad("identifier", "not a SEQUENCE"));
    }
    let [first, rest @ ..] = rest else { return Ok(None) };
    if *first < 0x80 {
        return Ok(Some(usize::from(*first) + 2));
    }
    // RFC 4511 section 5.1: definite lengths only.
    let count = usize::from(first & 0x7f);
    if count == 0 || count > 4 {
        return Err(bad("length", "indefinite, or of more than four octets"));
    }
    let Some(octets) = rest.get(..count) else { return Ok(None) };
    let length = octets.iter().fold(0usize, |length, octet| length << 8 | usize::from(*octet));
    Ok(Some(length + 2 + count))
}

/// Reads one message: its number, and what it says.
///
/// # Errors
/// It is no response of LDAP version 3.
pub fn decode_response(octets: &[u8]) -> Result<(i64, Response), DecodeError> {
    let message = ber::decode_one(WHAT, octets)?.expect(Tag::SEQUENCE, "message")?;
    let mut parts = message.children()?;
    let id = parts.take(Tag::INTEGER, "messageID")?.integer("messageID")?;
    let operation = parts.required("protocolOp")?;
    let controls = parts.optional(Tag::context(0))?;
    let number = |number| operation.tag == Tag::application(number);
    let response = if number(4) {
        entry(&operation)?
    } else if number(19) {
        Response::Reference
    } else if number(5) {
        let cookie = controls.map(|controls| page_cookie(&controls)).transpose()?.flatten();
        Response::SearchDone(result(&operation)?, cookie)
    } else if number(1) {
        Response::Bind(result(&operation)?)
    } else if number(7) || number(9) || number(11) {
        Response::Changed(result(&operation)?)
    } else if number(24) {
        Response::Extended(result(&operation)?)
    } else {
        return Err(operation.invalid("protocolOp", "no response that is known"));
    };
    Ok((id, response))
}

fn entry(operation: &Element<'_>) -> Result<Response, DecodeError> {
    let mut parts = operation.children()?;
    let name = text(&mut parts, "objectName")?;
    let mut attributes = Vec::new();
    let mut count = 0;
    let mut all = parts.take(Tag::SEQUENCE, "attributes")?.children()?;
    while let Some(one) = all.next_element()? {
        count += 1;
        if count > MAX_PARTS {
            return Err(one.invalid("attributes", "more than anybody has"));
        }
        let mut pair = one.expect(Tag::SEQUENCE, "attribute")?.children()?;
        let name = text(&mut pair, "type")?;
        let mut values = Vec::new();
        let mut set = pair.take(Tag::SET, "vals")?.children()?;
        while let Some(value) = set.next_element()? {
            count += 1;
            if count > MAX_PARTS {
                return Err(value.invalid("vals", "more than anybody has"));
            }
            let value = value.expect(Tag::OCTET_STRING, "value")?;
            values.push(value.octets("value")?.into_owned());
        }
        attributes.push((name, values));
    }
    Ok(Response::Entry { name, attributes })
}

fn text(parts: &mut Children<'_>, field: &'static str) -> Result<String, DecodeError> {
    let found = parts.take(Tag::OCTET_STRING, field)?;
    let octets = found.octets(field)?.into_owned();
    String::from_utf8(octets).map_err(|_| found.invalid(field, "not UTF-8"))
}

fn result(operation: &Element<'_>) -> Result<LdapResult, DecodeError> {
    let mut parts = operation.children()?;
    let code = parts.take(Tag::ENUMERATED, "resultCode")?;
    let number = code.integer("resultCode")?;
    let code = u32::try_from(number).map_err(|_| code.invalid("resultCode", "negative"))?;
    parts.take(Tag::OCTET_STRING, "matchedDN")?;
    let said = parts.take(Tag::OCTET_STRING, "diagnosticMessage")?;
    // Some servers end it with a zero octet, or are not particular about UTF-8: it is for people only.
    let text = String::from_utf8_lossy(&said.octets("diagnosticMessage")?).into_owned();
    let mut token = None;
    while let Some(more) = parts.next_element()? {
        if more.tag == Tag::context(7) {
            token = Some(more.octets("serverSaslCreds")?.into_owned());
        }
    }
    Ok(LdapResult { code, text, token })
}

fn page_cookie(controls: &Element<'_>) -> Result<Option<Vec<u8>>, DecodeError> {
    let mut all = controls.children()?;
    for _ in 0..MAX_CONTROLS {
        let Some(control) = all.next_element()? else { return Ok(None) };
        let mut parts = control.expect(Tag::SEQUENCE, "control")?.children()?;
        let oid = text(&mut parts, "controlType")?;
        parts.optional(Tag::BOOLEAN)?;
        let Some(value) = parts.optional(Tag::OCTET_STRING)? else { continue };
        if oid != Control::PAGED {
            continue;
        }
        let value = value.octets("controlValue")?;
        let page = ber::decode_one("paged results", &value)?.expect(Tag::SEQUENCE, "page")?;
        let mut parts = page.children()?;
        parts.take(Tag::INTEGER, "size")?;
        let cookie = parts.take(Tag::OCTET_STRING, "cookie")?.octets("cookie")?.into_owned();
        return Ok((!cookie.is_empty()).then_some(cookie));
    }
    Ok(None)
}
