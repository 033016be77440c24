//! Association control, X.227: AARQ, AARE, RLRQ, RLRE and ABRT.
//!
//! Titles, qualifiers and authentication are passed over when read and never written.

use ber::{BitString, Class, Element, Encoder, Oid, Tag, decode_one};
use wire::DecodeError;

use crate::External;

/// The abstract syntax of ACSE version 1, X.227 clause 9.
#[must_use]
#[expect(clippy::expect_used, reason = "constant arcs within range")]
pub fn abstract_syntax() -> Oid {
    Oid::from_arcs(&[2, 2, 1, 0, 1]).expect("arcs in range")
}

/// The outcome of an association request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AssociateResult {
    Accepted,
    RejectedPermanent,
    RejectedTransient,
}

/// Result-source-diagnostic: who gave the result, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diagnostic {
    User(i64),
    Provider(i64),
}

impl Diagnostic {
    pub const NULL: Self = Self::User(0);
    pub const NO_REASON: Self = Self::User(1);
    pub const APPLICATION_CONTEXT: Self = Self::User(2);
    pub const NO_COMMON_VERSION: Self = Self::Provider(2);
}

/// An ACSE protocol data unit, X.227 annex A.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Apdu<'a> {
    /// AARQ; `version_1` tells whether version 1 is among those offered.
    AssociateRequest {
        version_1: bool,
        application_context: Oid,
        user_information: Option<External<'a>>,
    },
    /// AARE.
    AssociateResponse {
        application_context: Oid,
        result: AssociateResult,
        diagnostic: Diagnostic,
        user_information: Option<External<'a>>,
    },
    /// RLRQ.
    ReleaseRequest { reason: Option<i64> },
    /// RLRE.
    ReleaseResponse { reason: Option<i64> },
    /// ABRT.
    Abort { by_provider: bool, user_information: Option<External<'a>> },
}

/// The fields that any of the APDUs may hold.
#[derive(Default)]
struct Fields<'a> {
    version: Option<BitString>,
    context_name: Option<Oid>,
    result: Option<i64>,
    diagnostic: Option<Diagnostic>,
    user_information: Option<External<'a>>,
}

impl<'a> Apdu<'a> {
    /// Reads one.
    ///
    /// # Errors
    /// It is none of the five, or malformed.
    pub fn decode(apdu: &'a [u8]) -> Result<Self, DecodeError> {
        let outer = decode_one("ACSE-apdu", apdu)?;
        if outer.tag.class != Class::Application {
            return Err(outer.invalid("ACSE-apdu", "unexpected tag"));
        }
        let context_name = |name: Option<Oid>| {
            name.ok_or_else(|| outer.invalid("application-context-name", "absent"))
        };
        match outer.tag.number {
            0 => {
                let fields = Fields::decode(outer)?;
                Ok(Self::AssociateRequest {
                    version_1: fields.version.is_none_or(|bits| bits.bit(0)),
                    application_context: context_name(fields.context_name)?,
                    user_information: fields.user_information,
                })
            }
            1 => {
                let fields = Fields::decode(outer)?;
                Ok(Self::AssociateResponse {
                    result: match fields.result {
                        Some(0) => AssociateResult::Accepted,
                        Some(1) => AssociateResult::RejectedPermanent,
                        Some(2) => AssociateResult::RejectedTransient,
                        _ => return Err(outer.invalid("result", "not 0, 1 or 2")),
                    },
                    application_context: context_name(fields.context_name)?,
                    diagnostic: fields.diagnostic.unwrap_or(Diagnostic::NULL),
                    user_information: fields.user_information,
                })
            }
            2 => Ok(Self::ReleaseRequest { reason: release_reason(outer)? }),
            3 => Ok(Self::ReleaseResponse { reason: release_reason(outer)? }),
            4 => {
                let fields = Fields::decode_abort(outer)?;
                Ok(Self::Abort {
                    by_provider: fields.result == Some(1),
                    user_information: fields.user_information,
                })
            }
            _ => Err(outer.invalid("ACSE-apdu", "unexpected tag")),
        }
    }

    /// Writes it.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        match self {
            Self::AssociateRequest { application_context, user_information, .. } => {
                out.constructed(Tag::application(0), |out| {
                    encode_head(application_context, out);
                    encode_information(user_information.as_ref(), out);
                });
            }
            Self::AssociateResponse {
                application_context,
                result,
                diagnostic,
                user_information,
            } => out.constructed(Tag::application(1), |out| {
                encode_head(application_context, out);
                let result = match result {
                    AssociateResult::Accepted => 0,
                    AssociateResult::RejectedPermanent => 1,
                    AssociateResult::RejectedTransient => 2,
                };
                out.constructed(Tag::context(2), |out| out.integer(Tag::INTEGER, result));
                let (source, value) = match diagnostic {
                    Diagnostic::User(value) => (1, *value),
                    Diagnostic::Provider(value) => (2, *value),
                };
                out.constructed(Tag::context(3), |out| {
                    out.constructed(Tag::context(source), |out| {
                        out.integer(Tag::INTEGER, value);
                    });
                });
                encode_information(user_information.as_ref(), out);
            }),
            Self::ReleaseRequest { reason } => encode_release(2, *reason, &mut out),
            Self::ReleaseResponse { reason } => encode_release(3, *reason, &mut out),
            Self::Abort { by_provider, user_information } => {
                out.constructed(Tag::application(4), |out| {
                    out.integer(Tag::context(0), i64::from(*by_provider));
                    encode_information(user_information.as_ref(), out);
                });
            }
        }
        out.finish()
    }

    /// The name as X.227 has it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::AssociateRequest { .. } => "AARQ",
            Self::AssociateResponse { .. } => "AARE",
            Self::ReleaseRequest { .. } => "RLRQ",
            Self::ReleaseResponse { .. } => "RLRE",
            Self::Abort { .. } => "ABRT",
        }
    }
}

impl<'a> Fields<'a> {
    fn decode(outer: Element<'a>) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        let mut children = outer.children()?;
        while let Some(child) = children.next_element()? {
            if child.tag.class != Class::Context {
                continue;
            }
            match child.tag.number {
                0 => this.version = Some(child.bits("protocol-version")?),
                1 => {
                    let name = child.inner("application-context-name")?;
                    this.context_name = Some(name.oid("application-context-name")?);
                }
                // In AARQ these two are titles of the called side and say nothing to us.
                2 if outer.tag.number == 1 => {
                    this.result = Some(child.inner("result")?.integer("result")?);
                }
                3 if outer.tag.number == 1 => this.diagnostic = Some(decode_diagnostic(child)?),
                30 => this.user_information = decode_information(child)?,
                _ => {}
            }
        }
        Ok(this)
    }

    fn decode_abort(outer: Element<'a>) -> Result<Self, DecodeError> {
        let mut this = Self::default();
        let mut children = outer.children()?;
        while let Some(child) = children.next_element()? {
            match (child.tag.class, child.tag.number) {
                (Class::Context, 0) => this.result = Some(child.integer("abort-source")?),
                (Class::Context, 30) => this.user_information = decode_information(child)?,
                _ => {}
            }
        }
        Ok(this)
    }
}

fn decode_diagnostic(element: Element<'_>) -> Result<Diagnostic, DecodeError> {
    let source = element.inner("result-source-diagnostic")?;
    let value = source.inner("result-source-diagnostic")?.integer("diagnostic")?;
    match (source.tag.class, source.tag.number) {
        (Class::Context, 1) => Ok(Diagnostic::User(value)),
        (Class::Context, 2) => Ok(Diagnostic::Provider(value)),
        _ => Err(source.invalid("result-source-diagnostic", "unexpected tag")),
    }
}

/// Association-information is a SEQUENCE OF; RTSE uses the first alone.
fn decode_information(element: Element<'_>) -> Result<Option<External<'_>>, DecodeError> {
    element.children()?.next_element()?.map(External::decode).transpose()
}

fn release_reason(outer: Element<'_>) -> Result<Option<i64>, DecodeError> {
    let mut children = outer.children()?;
    while let Some(child) = children.next_element()? {
        if child.tag == Tag::context(0) {
            return child.integer("reason").map(Some);
        }
    }
    Ok(None)
}

fn encode_head(application_context: &Oid, out: &mut Encoder) {
    out.bits(Tag::context(0), &BitString::from_bits(&[true]));
    out.constructed(Tag::context(1), |out| {
        out.oid(Tag::OBJECT_IDENTIFIER, application_context);
    });
}

fn encode_information(information: Option<&External<'_>>, out: &mut Encoder) {
    if let Some(external) = information {
        out.constructed(Tag::context(30), |out| external.encode(out));
    }
}

fn encode_release(number: u32, reason: Option<i64>, out: &mut Encoder) {
    out.constructed(Tag::application(number), |out| {
        if let Some(reason) = reason {
            out.integer(Tag::context(0), reason);
        }
    });
}
