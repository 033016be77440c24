//! Trace information, external per domain and internal per MTA (X.411 12.2.1.1.1.3 and
//! 12.3.1), and the loop rules that read it.

use ber::{BitString, Element, Encoder, Tag};
use jiff::Timestamp;
use wire::DecodeError;

use crate::codec::{
    MAX_TRACE, Raw, list, mandatory, put_once, put_raw, put_time, read_set, text, time,
};
use crate::domain::GlobalDomainIdentifier;
use crate::extensions::{ExtensionField, ExtensionKind, standard};

/// One domain that the message went through (X.411 `TraceInformationElement`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceElement {
    /// The domain.
    pub domain: GlobalDomainIdentifier,
    /// What it did.
    pub supplied: SuppliedInformation,
}

/// One MTA that the message went through (X.411 `InternalTraceInformationElement`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalTraceElement {
    /// The domain of the MTA.
    pub domain: GlobalDomainIdentifier,
    /// The name of the MTA.
    pub mta_name: String,
    /// What it did.
    pub supplied: SuppliedInformation,
}

/// What a domain or MTA did (X.411 `DomainSuppliedInformation`, `MTASuppliedInformation`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SuppliedInformation {
    /// When the message came in.
    pub arrival: Timestamp,
    /// Whether it was relayed the usual way.
    pub routing_action: RoutingAction,
    /// Where it was tried in vain before it was rerouted.
    pub attempted: Option<Attempted>,
    /// When a deferred message was let go.
    pub deferred: Option<Timestamp>,
    /// The encoded information types after a conversion, as they came.
    pub converted_eits: Option<Raw>,
    /// Redirection and expansion of distribution lists.
    pub other_actions: OtherActions,
    /// Elements that are not known.
    pub unknown: Vec<Raw>,
}

/// How a message was sent on (X.411 `RoutingAction`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoutingAction {
    /// 0
    Relayed,
    /// 1: after a try elsewhere
    Rerouted,
    /// Any other number.
    Other(i64),
}

/// Where a message was tried in vain (X.411 `attempted`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempted {
    /// An MTA of the own domain.
    Mta(String),
    /// Another domain.
    Domain(GlobalDomainIdentifier),
}

/// Further actions of a domain or MTA (X.411 `OtherActions`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OtherActions {
    /// A recipient was replaced by another.
    pub redirected: bool,
    /// A distribution list was expanded.
    pub dl_operation: bool,
}

/// An envelope that has trace information and extensions.
pub trait Traced {
    /// External trace.
    fn trace(&self) -> &[TraceElement];
    /// External trace, to add to.
    fn trace_mut(&mut self) -> &mut Vec<TraceElement>;
    /// Per-message extensions, among them the internal trace.
    fn extensions(&self) -> &[ExtensionField];
    /// Per-message extensions, to change.
    fn extensions_mut(&mut self) -> &mut Vec<ExtensionField>;
}

impl SuppliedInformation {
    /// A plain relay.
    #[must_use]
    pub fn relayed(arrival: Timestamp) -> Self {
        Self {
            arrival,
            routing_action: RoutingAction::Relayed,
            attempted: None,
            deferred: None,
            converted_eits: None,
            other_actions: OtherActions::default(),
            unknown: Vec::new(),
        }
    }

    /// True when the action excuses a second visit to the same place.
    fn excuses_return(&self) -> bool {
        self.routing_action == RoutingAction::Rerouted
            || self.other_actions.redirected
            || self.other_actions.dl_operation
    }

    fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let (mut arrival, mut action, mut deferred) = (None, None, None);
        let (mut attempted, mut converted_eits, mut other) = (None, None, None);
        let unknown = read_set(element, |child| {
            let at = child.offset;
            if child.tag == Tag::context(0) {
                put_once(&mut arrival, time(&child, "arrival-time")?, "arrival-time", at)
            } else if child.tag == Tag::context(1) {
                put_once(&mut deferred, time(&child, "deferred-time")?, "deferred-time", at)
            } else if child.tag == Tag::context(2) {
                let number = child.integer("routing-action")?;
                put_once(&mut action, RoutingAction::from(number), "routing-action", at)
            } else if child.tag == Tag::context(3) {
                let bits = child.bits("other-actions")?;
                put_once(&mut other, OtherActions::from(&bits), "other-actions", at)
            } else if child.tag == GlobalDomainIdentifier::TAG {
                let domain = Attempted::Domain(GlobalDomainIdentifier::read(child)?);
                put_once(&mut attempted, domain, "attempted", at)
            } else if child.tag == Tag::IA5_STRING {
                put_once(
                    &mut attempted,
                    Attempted::Mta(text(&child, "attempted")?),
                    "attempted",
                    at,
                )
            } else if child.tag == Tag::application(5) {
                put_once(&mut converted_eits, Raw::from(child), "converted-eits", at)
            } else {
                Ok(false)
            }
        })?;
        Ok(Self {
            arrival: mandatory(arrival, "arrival-time", element)?,
            routing_action: mandatory(action, "routing-action", element)?,
            attempted,
            deferred,
            converted_eits,
            other_actions: other.unwrap_or_default(),
            unknown,
        })
    }

    fn write(&self, encoder: &mut Encoder) {
        encoder.constructed(Tag::SET, |encoder| {
            put_time(encoder, Tag::context(0), self.arrival);
            encoder.integer(Tag::context(2), i64::from(self.routing_action));
            match &self.attempted {
                Some(Attempted::Mta(name)) => encoder.text(Tag::IA5_STRING, name),
                Some(Attempted::Domain(domain)) => domain.write(encoder),
                None => {}
            }
            if let Some(deferred) = self.deferred {
                put_time(encoder, Tag::context(1), deferred);
            }
            if let Some(eits) = &self.converted_eits {
                encoder.raw(eits.as_bytes());
            }
            if self.other_actions != OtherActions::default() {
                encoder.bits(Tag::context(3), &BitString::from(self.other_actions));
            }
            put_raw(encoder, &self.unknown);
        });
    }
}

impl From<i64> for RoutingAction {
    fn from(number: i64) -> Self {
        match number {
            0 => Self::Relayed,
            1 => Self::Rerouted,
            other => Self::Other(other),
        }
    }
}

impl From<RoutingAction> for i64 {
    fn from(action: RoutingAction) -> Self {
        match action {
            RoutingAction::Relayed => 0,
            RoutingAction::Rerouted => 1,
            RoutingAction::Other(number) => number,
        }
    }
}

impl From<&BitString> for OtherActions {
    fn from(bits: &BitString) -> Self {
        Self { redirected: bits.bit(0), dl_operation: bits.bit(1) }
    }
}

impl From<OtherActions> for BitString {
    fn from(actions: OtherActions) -> Self {
        Self::from_bits(&[actions.redirected, actions.dl_operation])
    }
}

impl TraceElement {
    fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let mut children = element.children()?;
        let domain = GlobalDomainIdentifier::read(children.required("global-domain-identifier")?)?;
        let supplied =
            SuppliedInformation::read(&children.required("domain-supplied-information")?)?;
        Ok(Self { domain, supplied })
    }
}

impl InternalTraceElement {
    fn read(element: &Element<'_>) -> Result<Self, DecodeError> {
        let mut children = element.children()?;
        let domain = GlobalDomainIdentifier::read(children.required("global-domain-identifier")?)?;
        let mta_name = text(&children.required("mta-name")?, "mta-name")?;
        let supplied = SuppliedInformation::read(&children.required("mta-supplied-information")?)?;
        Ok(Self { domain, mta_name, supplied })
    }
}

/// The tag of `TraceInformation`.
pub(crate) const TRACE_TAG: Tag = Tag::application(9);

/// Reads `TraceInformation`.
pub(crate) fn read_trace(element: &Element<'_>) -> Result<Vec<TraceElement>, DecodeError> {
    list(element, "trace-information", MAX_TRACE, |child| TraceElement::read(&child))
}

/// Writes `TraceInformation`.
pub(crate) fn write_trace(encoder: &mut Encoder, trace: &[TraceElement]) {
    encoder.constructed(TRACE_TAG, |encoder| {
        for element in trace {
            encoder.constructed(Tag::SEQUENCE, |encoder| {
                element.domain.write(encoder);
                element.supplied.write(encoder);
            });
        }
    });
}

/// The internal trace among the extensions; empty when there is none.
///
/// # Errors
/// The extension is there and is not well formed.
pub fn internal_trace(
    extensions: &[ExtensionField],
) -> Result<Vec<InternalTraceElement>, DecodeError> {
    match extensions.iter().find(|extension| is_internal_trace(extension)) {
        None => Ok(Vec::new()),
        Some(extension) => {
            let value = ber::decode_one("InternalTraceInformation", extension.value.as_bytes())?;
            list(&value, "internal-trace-information", MAX_TRACE, |element| {
                InternalTraceElement::read(&element)
            })
        }
    }
}

fn is_internal_trace(extension: &ExtensionField) -> bool {
    extension.kind == ExtensionKind::Standard(standard::INTERNAL_TRACE_INFORMATION)
}

fn write_internal_trace(encoder: &mut Encoder, trace: &[InternalTraceElement]) {
    encoder.constructed(Tag::SEQUENCE, |encoder| {
        for element in trace {
            encoder.constructed(Tag::SEQUENCE, |encoder| {
                element.domain.write(encoder);
                encoder.text(Tag::IA5_STRING, &element.mta_name);
                element.supplied.write(encoder);
            });
        }
    });
}

/// Adds this MTA to the internal trace, and its domain to the external one when the message
/// has just entered it (X.411 14.3.1 and 14.3.2).
///
/// Call it before the loop check of the next MTA, so on every message and report that comes
/// in or is made here; the first external element then names the domain of the MTS
/// identifier, which peers check (KB Q159566).
///
/// # Errors
/// The internal trace that came is not well formed; nothing is changed then.
pub fn append_trace(
    envelope: &mut impl Traced,
    domain: &GlobalDomainIdentifier,
    mta_name: &str,
    supplied: SuppliedInformation,
) -> Result<(), DecodeError> {
    let mut internal = internal_trace(envelope.extensions())?;
    let entered = envelope.trace().last().is_none_or(|last| !same_domain(&last.domain, domain));
    if entered {
        let supplied = SuppliedInformation::relayed(supplied.arrival);
        envelope.trace_mut().push(TraceElement { domain: domain.clone(), supplied });
    }
    internal.push(InternalTraceElement {
        domain: domain.clone(),
        mta_name: mta_name.to_owned(),
        supplied,
    });
    let field = ExtensionField::standard(standard::INTERNAL_TRACE_INFORMATION, |encoder| {
        write_internal_trace(encoder, &internal);
    });
    let extensions = envelope.extensions_mut();
    match extensions.iter_mut().find(|extension| is_internal_trace(extension)) {
        Some(extension) => extension.value = field.value,
        None => extensions.push(field),
    }
    Ok(())
}

/// Notes in the last elements of both traces, which are this MTA's own, that it redirected a recipient or expanded a
/// list: the message may come back to where it was (X.411 14.3.1).
///
/// # Errors
/// The internal trace is not well formed; nothing is changed then.
pub fn note_actions(envelope: &mut impl Traced, actions: OtherActions) -> Result<(), DecodeError> {
    let mut internal = internal_trace(envelope.extensions())?;
    let note = |supplied: &mut SuppliedInformation| {
        supplied.other_actions.redirected |= actions.redirected;
        supplied.other_actions.dl_operation |= actions.dl_operation;
    };
    if let Some(last) = internal.last_mut() {
        note(&mut last.supplied);
    }
    if let Some(last) = envelope.trace_mut().last_mut() {
        note(&mut last.supplied);
    }
    let value = Raw::encoded(|encoder| write_internal_trace(encoder, &internal));
    if let Some(field) = envelope.extensions_mut().iter_mut().find(|one| is_internal_trace(one)) {
        field.value = value;
    }
    Ok(())
}

/// Marks the element of this MTA, the last one of the internal trace: the message goes another way after it was tried at that
/// MTA in vain (X.411 12.3.1, routing-action rerouted). Without an internal trace nothing is marked.
///
/// # Errors
/// The internal trace cannot be read.
pub fn note_reroute(envelope: &mut impl Traced, attempted: &str) -> Result<(), DecodeError> {
    let mut internal = internal_trace(envelope.extensions())?;
    let Some(last) = internal.last_mut() else { return Ok(()) };
    last.supplied.routing_action = RoutingAction::Rerouted;
    last.supplied.attempted = Some(Attempted::Mta(attempted.to_owned()));
    let value = Raw::encoded(|encoder| write_internal_trace(encoder, &internal));
    if let Some(field) = envelope.extensions_mut().iter_mut().find(|one| is_internal_trace(one)) {
        field.value = value;
    }
    Ok(())
}

/// How often the message was at this MTA, or left its domain, and has come back: 0 when it comes for the first time, whatever
/// way it takes.
#[must_use]
pub fn returns(envelope: &impl Traced, domain: &GlobalDomainIdentifier, mta_name: &str) -> usize {
    let internal = internal_trace(envelope.extensions()).unwrap_or_default();
    let here = internal.iter().filter(|element| {
        same_domain(&element.domain, domain) && element.mta_name.eq_ignore_ascii_case(mta_name)
    });
    let left = envelope.trace().windows(2).filter(|pair| {
        same_domain(&pair[0].domain, domain) && !same_domain(&pair[1].domain, domain)
    });
    here.count() + left.count()
}

/// True when the message was at this MTA before and nothing excuses its return: no rerouting,
/// redirection or list expansion since (X.411 14.3.1). A full trace counts as a loop.
#[must_use]
pub fn detects_loop(
    envelope: &impl Traced,
    domain: &GlobalDomainIdentifier,
    mta_name: &str,
) -> bool {
    // A trace that cannot be read cannot excuse anything; append_trace refuses it.
    let Ok(internal) = internal_trace(envelope.extensions()) else { return false };
    if internal.len() >= MAX_TRACE || envelope.trace().len() >= MAX_TRACE {
        return true;
    }
    let visit = internal.iter().rposition(|element| {
        same_domain(&element.domain, domain) && element.mta_name.eq_ignore_ascii_case(mta_name)
    });
    visit.is_some_and(|at| !internal[at..].iter().any(|element| element.supplied.excuses_return()))
}

/// True when the message left this domain and came back with nothing to excuse it (X.411
/// 14.3.1, external trace).
#[must_use]
pub fn detects_domain_loop(envelope: &impl Traced, domain: &GlobalDomainIdentifier) -> bool {
    has_left_and_come_back(envelope.trace(), domain)
}

/// The same once this domain has added its element to the trace.
#[must_use]
pub fn has_domain_looped(envelope: &impl Traced, domain: &GlobalDomainIdentifier) -> bool {
    envelope.trace().split_last().is_some_and(|(last, earlier)| {
        same_domain(&last.domain, domain) && has_left_and_come_back(earlier, domain)
    })
}

fn has_left_and_come_back(trace: &[TraceElement], domain: &GlobalDomainIdentifier) -> bool {
    let visit = trace.iter().rposition(|element| same_domain(&element.domain, domain));
    visit.is_some_and(|at| {
        at + 1 < trace.len() && !trace[at..].iter().any(|element| element.supplied.excuses_return())
    })
}

/// Domain names compare without regard to case (X.402 18.4).
fn same_domain(a: &GlobalDomainIdentifier, b: &GlobalDomainIdentifier) -> bool {
    let prmd = |domain: &GlobalDomainIdentifier| {
        domain.prmd.as_deref().unwrap_or_default().to_ascii_lowercase()
    };
    a.country.eq_ignore_ascii_case(&b.country)
        && a.admd.eq_ignore_ascii_case(&b.admd)
        && prmd(a) == prmd(b)
}
