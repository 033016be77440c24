//! CP, CPA and CPR, X.226 8.2 and annex A.

use ber::{Class, Element, Encoder, Oid, Tag, decode_one};
use wire::DecodeError;

use super::user_data::{ContextId, UserData};

/// Contexts in one definition list; P1 uses three, P7 five.
const MAX_CONTEXTS: usize = 32;
/// Transfer syntaxes of one context.
const MAX_SYNTAXES: usize = 16;
/// Mode-value normal-mode.
const NORMAL: i64 = 1;
/// Mode-value x410-1984-mode.
const X410: i64 = 0;

/// The basic encoding rules as a transfer syntax, X.690 clause 12.
#[must_use]
#[expect(clippy::expect_used, reason = "constant arcs within range")]
pub fn ber_transfer_syntax() -> Oid {
    Oid::from_arcs(&[2, 1, 1]).expect("arcs in range")
}

/// One entry of the presentation context definition list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContextProposal {
    pub id: ContextId,
    pub abstract_syntax: Oid,
    pub transfer_syntaxes: Vec<Oid>,
}

/// CP, the connect of presentation, X.226 8.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectPpdu<'a> {
    /// The components of the RTORQ in X.410 mode, of which nothing else is read.
    pub x410: Option<&'a [u8]>,
    pub calling_selector: Vec<u8>,
    pub called_selector: Vec<u8>,
    pub contexts: Vec<ContextProposal>,
    pub user_data: UserData<'a>,
}

/// What became of one proposed context.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContextVerdict {
    Accepted(Oid),
    UserRejected,
    /// Rejected by the provider: its abstract syntax is not supported.
    AbstractSyntax,
    /// Rejected by the provider: none of its transfer syntaxes is supported.
    TransferSyntaxes,
    /// Rejected by the provider for another reason, or without one.
    Provider(Option<i64>),
}

/// The result list, in the order of the proposals.
pub type ContextResult = Vec<ContextVerdict>;

/// CPA, the acceptance, X.226 8.2.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptPpdu<'a> {
    pub responding_selector: Vec<u8>,
    pub results: ContextResult,
    pub user_data: UserData<'a>,
}

/// CPR, the refusal, X.226 8.2; without a provider reason it is the user's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusePpdu<'a> {
    pub results: ContextResult,
    pub provider_reason: Option<i64>,
    pub user_data: UserData<'a>,
}

impl<'a> ConnectPpdu<'a> {
    /// Reads a CP.
    ///
    /// # Errors
    /// It is malformed or passes a limit.
    pub fn decode(ppdu: &'a [u8]) -> Result<Self, DecodeError> {
        let outer = decode_one("CP-PPDU", ppdu)?.expect(Tag::SET, "CP-type")?;
        let Mode { normal, parameters, x410 } = read_mode(outer)?;
        let mut this = Self {
            x410,
            calling_selector: Vec::new(),
            called_selector: Vec::new(),
            contexts: Vec::new(),
            user_data: UserData::default(),
        };
        if !normal {
            return match x410 {
                Some(_) => Ok(this),
                None => Err(outer.invalid("x410-mode-parameters", "absent")),
            };
        }
        let Some(parameters) = parameters else {
            return Err(outer.invalid("normal-mode-parameters", "absent"));
        };
        let mut children = parameters.children()?;
        while let Some(child) = children.next_element()? {
            match (child.tag.class, child.tag.number) {
                (Class::Context, 1) => {
                    this.calling_selector = child.octets("calling selector")?.into_owned();
                }
                (Class::Context, 2) => {
                    this.called_selector = child.octets("called selector")?.into_owned();
                }
                (Class::Context, 4) => this.contexts = decode_contexts(child)?,
                _ if UserData::is(&child) => this.user_data = UserData::decode(child)?,
                _ => {}
            }
        }
        Ok(this)
    }

    /// Writes a CP of normal mode; see [`encode_x410`] for the other one.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode_with_mode(|out| {
            if !self.calling_selector.is_empty() {
                out.octets(Tag::context(1), &self.calling_selector);
            }
            if !self.called_selector.is_empty() {
                out.octets(Tag::context(2), &self.called_selector);
            }
            out.constructed(Tag::context(4), |out| {
                for context in &self.contexts {
                    out.constructed(Tag::SEQUENCE, |out| {
                        out.integer(Tag::INTEGER, context.id.0);
                        out.oid(Tag::OBJECT_IDENTIFIER, &context.abstract_syntax);
                        out.constructed(Tag::SEQUENCE, |out| {
                            for syntax in &context.transfer_syntaxes {
                                out.oid(Tag::OBJECT_IDENTIFIER, syntax);
                            }
                        });
                    });
                }
            });
            self.user_data.encode(out);
        })
    }
}

impl<'a> AcceptPpdu<'a> {
    /// Reads a CPA.
    ///
    /// # Errors
    /// It is malformed, of X.410 mode, or passes a limit.
    pub fn decode(ppdu: &'a [u8]) -> Result<Self, DecodeError> {
        let outer = decode_one("CPA-PPDU", ppdu)?.expect(Tag::SET, "CPA-PPDU")?;
        let Mode { normal, parameters, .. } = read_mode(outer)?;
        let Some(parameters) = parameters.filter(|_| normal) else {
            return Err(outer.invalid("normal-mode-parameters", "absent"));
        };
        let mut this = Self {
            responding_selector: Vec::new(),
            results: Vec::new(),
            user_data: UserData::default(),
        };
        let mut children = parameters.children()?;
        while let Some(child) = children.next_element()? {
            match (child.tag.class, child.tag.number) {
                (Class::Context, 3) => {
                    this.responding_selector = child.octets("responding selector")?.into_owned();
                }
                (Class::Context, 5) => this.results = decode_results(child)?,
                _ if UserData::is(&child) => this.user_data = UserData::decode(child)?,
                _ => {}
            }
        }
        Ok(this)
    }

    /// Writes a CPA.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        encode_with_mode(|out| {
            if !self.responding_selector.is_empty() {
                out.octets(Tag::context(3), &self.responding_selector);
            }
            encode_results(&self.results, out);
            self.user_data.encode(out);
        })
    }
}

impl<'a> RefusePpdu<'a> {
    /// Reads a CPR.
    ///
    /// # Errors
    /// It is malformed, of X.410 mode, or passes a limit.
    pub fn decode(ppdu: &'a [u8]) -> Result<Self, DecodeError> {
        let outer = decode_one("CPR-PPDU", ppdu)?.expect(Tag::SEQUENCE, "normal mode")?;
        let mut this =
            Self { results: Vec::new(), provider_reason: None, user_data: UserData::default() };
        let mut children = outer.children()?;
        while let Some(child) = children.next_element()? {
            match (child.tag.class, child.tag.number) {
                (Class::Context, 5) => this.results = decode_results(child)?,
                (Class::Context, 10) => {
                    this.provider_reason = Some(child.integer("provider-reason")?);
                }
                _ if UserData::is(&child) => this.user_data = UserData::decode(child)?,
                _ => {}
            }
        }
        Ok(this)
    }

    /// Writes a CPR.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Encoder::new();
        out.constructed(Tag::SEQUENCE, |out| {
            if !self.results.is_empty() {
                encode_results(&self.results, out);
            }
            if let Some(reason) = self.provider_reason {
                out.integer(Tag::context(10), reason);
            }
            if !self.user_data.0.is_empty() {
                self.user_data.encode(out);
            }
        });
        out.finish()
    }
}

/// What stands in the SET of a CP or CPA.
struct Mode<'a> {
    normal: bool,
    parameters: Option<Element<'a>>,
    /// The whole element of the X.410 parameters.
    x410: Option<&'a [u8]>,
}

/// The components of an RTORQ or RTOAC in the CP or CPA of X.410 mode, X.226 annex A.
///
/// # Errors
/// It is of another mode, or malformed.
pub fn decode_x410(ppdu: &[u8]) -> Result<&[u8], DecodeError> {
    let outer = decode_one("PPDU", ppdu)?.expect(Tag::SET, "CP-type")?;
    read_mode(outer)?.x410.ok_or_else(|| outer.invalid("x410-mode-parameters", "absent"))
}

/// Writes a CP or CPA of X.410 mode around components of an RTORQ or RTOAC.
pub fn encode_x410(fill: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut out = Encoder::new();
    out.constructed(Tag::SET, |out| {
        out.constructed(Tag::context(0), |out| out.integer(Tag::context(0), X410));
        out.constructed(Tag::context(1), fill);
    });
    out.finish()
}

/// The mode selector and the parameters of a SET, in any order.
fn read_mode<'a>(outer: Element<'a>) -> Result<Mode<'a>, DecodeError> {
    let (mut mode, mut parameters, mut x410) = (None, None, None);
    let mut children = outer.children()?;
    while let Some(child) = children.next_element()? {
        match (child.tag.class, child.tag.number) {
            (Class::Context, 0) => {
                let value = child.inner("mode-selector")?.expect(Tag::context(0), "mode-value")?;
                mode = Some(value.integer("mode-value")?);
            }
            (Class::Context, 1) => x410 = Some(child.raw),
            (Class::Context, 2) => parameters = Some(child),
            _ => {}
        }
    }
    match mode {
        Some(NORMAL) => Ok(Mode { normal: true, parameters, x410: None }),
        Some(_) => Ok(Mode { normal: false, parameters, x410 }),
        None => Err(outer.invalid("mode-selector", "absent")),
    }
}

fn encode_with_mode(fill: impl FnOnce(&mut Encoder)) -> Vec<u8> {
    let mut out = Encoder::new();
    out.constructed(Tag::SET, |out| {
        out.constructed(Tag::context(0), |out| out.integer(Tag::context(0), NORMAL));
        out.constructed(Tag::context(2), fill);
    });
    out.finish()
}

fn decode_contexts(element: Element<'_>) -> Result<Vec<ContextProposal>, DecodeError> {
    let mut contexts: Vec<ContextProposal> = Vec::new();
    let mut children = element.children()?;
    while let Some(child) = children.next_element()? {
        if contexts.len() == MAX_CONTEXTS {
            return Err(child.invalid("context list", "over 32 contexts"));
        }
        let mut fields = child.expect(Tag::SEQUENCE, "context")?.children()?;
        let id = fields.take(Tag::INTEGER, "context identifier")?.integer("context identifier")?;
        let abstract_syntax =
            fields.take(Tag::OBJECT_IDENTIFIER, "abstract syntax")?.oid("abstract syntax")?;
        let mut names = fields.take(Tag::SEQUENCE, "transfer syntaxes")?.children()?;
        let mut transfer_syntaxes = Vec::new();
        while let Some(name) = names.next_element()? {
            if transfer_syntaxes.len() == MAX_SYNTAXES {
                return Err(name.invalid("transfer syntaxes", "over 16 transfer syntaxes"));
            }
            let name = name.expect(Tag::OBJECT_IDENTIFIER, "transfer syntax")?;
            transfer_syntaxes.push(name.oid("transfer syntax")?);
        }
        if contexts.iter().any(|known| known.id == ContextId(id)) {
            return Err(child.invalid("context identifier", "used twice"));
        }
        contexts.push(ContextProposal { id: ContextId(id), abstract_syntax, transfer_syntaxes });
    }
    Ok(contexts)
}

fn decode_results(element: Element<'_>) -> Result<ContextResult, DecodeError> {
    let mut results = Vec::new();
    let mut children = element.children()?;
    while let Some(child) = children.next_element()? {
        if results.len() == MAX_CONTEXTS {
            return Err(child.invalid("result list", "over 32 results"));
        }
        let (mut result, mut syntax, mut reason) = (None, None, None);
        let mut fields = child.expect(Tag::SEQUENCE, "result")?.children()?;
        while let Some(field) = fields.next_element()? {
            match (field.tag.class, field.tag.number) {
                (Class::Context, 0) => result = Some(field.integer("result")?),
                (Class::Context, 1) => syntax = Some(field.oid("transfer syntax")?),
                (Class::Context, 2) => reason = Some(field.integer("provider-reason")?),
                _ => {}
            }
        }
        results.push(match (result, syntax, reason) {
            (Some(0), Some(syntax), _) => ContextVerdict::Accepted(syntax),
            (Some(0), None, _) => return Err(child.invalid("transfer syntax", "absent")),
            (Some(1), ..) => ContextVerdict::UserRejected,
            (Some(2), _, Some(1)) => ContextVerdict::AbstractSyntax,
            (Some(2), _, Some(2)) => ContextVerdict::TransferSyntaxes,
            (Some(2), _, reason) => ContextVerdict::Provider(reason),
            _ => return Err(child.invalid("result", "not 0, 1 or 2")),
        });
    }
    Ok(results)
}

fn encode_results(results: &[ContextVerdict], out: &mut Encoder) {
    out.constructed(Tag::context(5), |out| {
        for verdict in results {
            out.constructed(Tag::SEQUENCE, |out| {
                let (result, reason) = match verdict {
                    ContextVerdict::Accepted(_) => (0, None),
                    ContextVerdict::UserRejected => (1, None),
                    ContextVerdict::AbstractSyntax => (2, Some(1)),
                    ContextVerdict::TransferSyntaxes => (2, Some(2)),
                    ContextVerdict::Provider(reason) => (2, *reason),
                };
                out.integer(Tag::context(0), result);
                if let ContextVerdict::Accepted(syntax) = verdict {
                    out.oid(Tag::context(1), syntax);
                }
                if let Some(reason) = reason {
                    out.integer(Tag::context(2), reason);
                }
            });
        }
    });
}
