//! Which APDU it is, and what it holds.

use std::borrow::Cow;

use ber::{Children, Class, Element, Partial, Tag, decode_partial};

use super::p1;
use super::p22::{IPM, IPN};
use super::p772::EXTENSION_ARC;
use super::schema::Type;
use super::value::{Fault, Member, Node, Value};
use super::walk::{MAX_NODES, UNKNOWN, Walk};

const WHAT: &str = "APDU";
/// Elements in a row that are no APDU; whoever has seen so many looks at another sort of file.
const MAX_UNKNOWN: usize = 100;
/// `IPMIdentifier`, which every content of P2, P22 and P772 holds first.
const IPM_IDENTIFIER: Tag = Tag::application(11);
/// Content types of X.420 and STANAG 4406 as object identifiers.
const P2_84: &str = "2.6.1.10.0";
const P2_88: &str = "2.6.1.10.1";
const P772: &str = "1.3.26.0.4406.0.4.1";

/// What an APDU is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Message,
    Report,
    Probe,
    /// Interpersonal message of P2 or P22.
    Ipm,
    /// Interpersonal notification of P2 or P22.
    Ipn,
    /// Military message of P772.
    MilitaryMessage,
    /// Military notification of P772.
    MilitaryNotification,
    BindArgument,
    BindResult,
    BindError,
    Unknown,
}

/// One APDU, or the content of a message, described.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Described {
    pub kind: Kind,
    /// In the whole input.
    pub offset: usize,
    /// Octets, as far as they are there.
    pub length: usize,
    /// Always an object.
    pub fields: Node,
    pub faults: Vec<Fault>,
    /// For a content: which of the APDUs before it in the list holds it.
    pub content_of: Option<usize>,
}

impl Kind {
    /// The name as interfaces show it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Message => "message",
            Self::Report => "report",
            Self::Probe => "probe",
            Self::Ipm => "ipm",
            Self::Ipn => "ipn",
            Self::MilitaryMessage => "military-message",
            Self::MilitaryNotification => "military-notification",
            Self::BindArgument => "bind-argument",
            Self::BindResult => "bind-result",
            Self::BindError => "bind-error",
            Self::Unknown => "unknown",
        }
    }

    fn of(self) -> &'static Type {
        match self {
            Self::Message => &p1::MESSAGE,
            Self::Report => &p1::REPORT,
            Self::Probe => &p1::PROBE,
            Self::Ipm | Self::MilitaryMessage => &IPM,
            Self::Ipn | Self::MilitaryNotification => &IPN,
            Self::BindArgument => &p1::BIND_ARGUMENT,
            Self::BindResult => &p1::BIND_RESULT,
            Self::BindError => &p1::BIND_ERROR,
            Self::Unknown => &Type::Any,
        }
    }
}

/// Describes the APDUs that stand one after another in `octets`, each content of a message
/// behind its message.
///
/// `place` maps an offset in `octets` to the one in the whole input that is told; `hint` is what
/// an APDU is whose own tag does not tell (a bind result looks like an argument).
#[must_use]
pub fn describe(
    octets: &[u8],
    hint: Option<Kind>,
    place: &dyn Fn(usize) -> usize,
) -> Vec<Described> {
    let mut all: Vec<Described> = Vec::new();
    let (mut from, mut nodes, mut unknown) = (0, 0, 0);
    while from < octets.len() {
        if let Some(last) = all.last_mut()
            && (unknown == MAX_UNKNOWN || nodes > MAX_NODES)
        {
            let what = "what follows is not shown".to_owned();
            last.faults.push(Fault { offset: place(from), what });
            break;
        }
        let rest = &octets[from..];
        let start = from;
        let here = |offset: usize| place(start + offset);
        match decode_partial(WHAT, rest) {
            Ok(partial) => {
                from += partial.element.raw.len();
                let first = all.len();
                apdu(partial, hint, &here, &mut nodes, &mut all);
                unknown += usize::from(all[first].kind == Kind::Unknown);
            }
            Err(error) => {
                let what = format!("{}: {}", error.field, error.kind);
                let fault = Fault { offset: here(error.offset), what };
                let unknown = Value::Object(Vec::new());
                let fields = Node { offset: here(0), length: rest.len(), value: unknown };
                all.push(Described::new(Kind::Unknown, fields, vec![fault]));
                break;
            }
        }
    }
    all
}

impl Described {
    fn new(kind: Kind, fields: Node, faults: Vec<Fault>) -> Self {
        let Node { offset, length, .. } = fields;
        Self { kind, offset, length, fields, faults, content_of: None }
    }
}

/// One APDU and, behind it, its content.
fn apdu(
    partial: Partial<'_>,
    hint: Option<Kind>,
    place: &dyn Fn(usize) -> usize,
    nodes: &mut usize,
    all: &mut Vec<Described>,
) {
    let (partial, hint) = unwrap(partial, hint);
    let element = partial.element;
    let kind = classify(&element, hint);
    let described = tree(kind, partial, place, nodes);
    let content_kind = |octets: &[u8]| content_kind(&described, octets);
    let content = content(kind, &element).and_then(|content| {
        let pieces = Pieces::of(content)?;
        Some((content_kind(&pieces.octets)?, pieces))
    });
    all.push(described);
    if let Some((kind, pieces)) = content {
        let holder = all.len() - 1;
        let here = |offset: usize| place(pieces.place(offset));
        let described = match decode_partial(WHAT, &pieces.octets) {
            Ok(partial) => tree(kind, partial, &here, nodes),
            Err(_) => return,
        };
        all.push(Described { content_of: Some(holder), ..described });
    }
}

fn tree(
    kind: Kind,
    partial: Partial<'_>,
    place: &dyn Fn(usize) -> usize,
    nodes: &mut usize,
) -> Described {
    let element = partial.element;
    let mut walk = Walk::new(place, *nodes);
    let mut fields = if kind == Kind::Unknown {
        walk.fault(element.offset, "not an APDU or content that is known");
        walk.unknown(&element)
    } else {
        walk.tree(kind.of(), partial)
    };
    if !matches!(fields.value, Value::Object(_)) {
        let node = walk.unknown(&element);
        let list = Node { value: Value::List(vec![node]), ..fields };
        let (offset, length) = (list.offset, list.length);
        let value = Value::Object(vec![Member { name: UNKNOWN, node: list }]);
        fields = Node { offset, length, value };
    }
    *nodes = walk.nodes + 1;
    Described::new(kind, fields, walk.faults)
}

/// The APDU inside what carries it: the bind of MTSE, the EXTERNAL of a presentation data value.
fn unwrap(partial: Partial<'_>, hint: Option<Kind>) -> (Partial<'_>, Option<Kind>) {
    let element = partial.element;
    let inside = |tag: Option<Tag>| {
        let mut children = element.children().ok()?;
        while let Ok(Some(child)) = children.next_partial() {
            if tag.is_none_or(|tag| child.element.tag == tag) {
                return Some(child);
            }
        }
        None
    };
    let kind = match (element.tag.class, element.tag.number) {
        (Class::Context, 16) => Kind::BindArgument,
        (Class::Context, 17) => Kind::BindResult,
        (Class::Context, 18) => Kind::BindError,
        _ if element.tag == Tag::EXTERNAL => {
            let single = inside(Some(Tag::context(0)));
            let inner = single
                .and_then(|single| single.element.children().ok()?.next_partial().ok().flatten());
            return (inner.unwrap_or(partial), hint);
        }
        _ => return (partial, hint),
    };
    match inside(None) {
        Some(inner) => (inner, Some(kind)),
        None => (partial, hint),
    }
}

/// What an element is: tags are used more than once, so what is inside decides.
fn classify(element: &Element<'_>, hint: Option<Kind>) -> Kind {
    let mut inside = Vec::new();
    if let Ok(mut children) = element.children() {
        while let Ok(Some(child)) = children.next_partial() {
            inside.push(child.element);
        }
    }
    let holds = |tag: Tag| inside.iter().any(|child| child.tag == tag);
    let bind = |kind: Kind| matches!(kind, Kind::BindArgument | Kind::BindResult);
    match (element.tag.class, element.tag.number) {
        (Class::Context, 0) if holds(Tag::OCTET_STRING) => Kind::Message,
        (Class::Context, 0) => {
            let heading = inside.first().and_then(|first| first.children().ok());
            match heading {
                Some(heading) if is_heading(heading.clone()) => ipm(heading),
                Some(_) => Kind::Message,
                None => Kind::Unknown,
            }
        }
        (Class::Context, 1) if holds(Tag::SET) => Kind::Report,
        (Class::Context, 1) if holds(IPM_IDENTIFIER) => Kind::Ipn,
        (Class::Context, 1) if element.constructed => {
            hint.filter(|kind| bind(*kind)).unwrap_or(Kind::BindArgument)
        }
        (Class::Context, 2) if element.constructed => Kind::Probe,
        _ if element.tag == Tag::NULL => {
            hint.filter(|kind| bind(*kind)).unwrap_or(Kind::BindArgument)
        }
        _ if element.tag == Tag::INTEGER && hint == Some(Kind::BindError) => Kind::BindError,
        _ => Kind::Unknown,
    }
}

fn is_heading(mut fields: Children<'_>) -> bool {
    while let Ok(Some(field)) = fields.next_partial() {
        if field.element.tag == IPM_IDENTIFIER {
            return true;
        }
    }
    false
}

/// Nothing in a content tells P772 from P22 but the extensions in its heading.
fn ipm(mut fields: Children<'_>) -> Kind {
    while let Ok(Some(field)) = fields.next_partial() {
        if field.element.tag != Tag::context(15) {
            continue;
        }
        let Ok(mut extensions) = field.element.children() else { continue };
        while let Ok(Some(extension)) = extensions.next_partial() {
            let kind = extension
                .element
                .children()
                .ok()
                .and_then(|mut fields| fields.next_element().ok().flatten()?.oid("type").ok());
            if kind.is_some_and(|kind| kind.to_string().starts_with(EXTENSION_ARC)) {
                return Kind::MilitaryMessage;
            }
        }
    }
    Kind::Ipm
}

/// The element that holds the content of a message, or what a report brings back of it.
fn content<'a>(kind: Kind, apdu: &Element<'a>) -> Option<Element<'a>> {
    let wanted = match kind {
        Kind::Message => Tag::OCTET_STRING,
        Kind::Report => Tag::SET,
        _ => return None,
    };
    let mut children = apdu.children().ok()?;
    let mut found = None;
    while let Ok(Some(child)) = children.next_partial() {
        if child.element.tag == wanted {
            found = Some(child.element);
        }
    }
    if kind == Kind::Message {
        return found;
    }
    let mut fields = found?.children().ok()?;
    while let Ok(Some(field)) = fields.next_partial() {
        if field.element.tag == Tag::context(1) {
            return Some(field.element);
        }
    }
    None
}

/// What the content is, as the envelope or the report says.
fn content_kind(apdu: &Described, octets: &[u8]) -> Option<Kind> {
    let holder = if apdu.kind == Kind::Report { "content" } else { "envelope" };
    let kind = apdu.fields.at(&[holder, "content-type"])?;
    let military = match (kind.member("built-in"), kind.member("extended")) {
        (Some(Node { value: Value::Enumerated { value: 2 | 22, .. }, .. }), _) => false,
        (_, Some(Node { value: Value::ObjectIdentifier(dotted), .. })) => match dotted.as_str() {
            P2_84 | P2_88 => false,
            P772 => true,
            _ => return None,
        },
        _ => return None,
    };
    let notification = octets.first()? & 0x1f == 1;
    Some(match (military, notification) {
        (false, false) => Kind::Ipm,
        (false, true) => Kind::Ipn,
        (true, false) => Kind::MilitaryMessage,
        (true, true) => Kind::MilitaryNotification,
    })
}

/// The octets of a string, and where each of its segments stands.
struct Pieces<'a> {
    octets: Cow<'a, [u8]>,
    /// First octet of each segment, in the string and in what holds it.
    starts: Vec<(usize, usize)>,
}

impl<'a> Pieces<'a> {
    fn of(string: Element<'a>) -> Option<Self> {
        if !string.constructed {
            let starts = vec![(0, contents_offset(&string))];
            return Some(Self { octets: Cow::Borrowed(string.contents()), starts });
        }
        let (mut octets, mut starts) = (Vec::new(), Vec::new());
        let mut segments = string.children().ok()?;
        while let Ok(Some(segment)) = segments.next_partial() {
            starts.push((octets.len(), contents_offset(&segment.element)));
            // Segments that are constructed again are joined; their offset is the first one's.
            octets.extend_from_slice(&segment.element.octets("content").ok()?);
        }
        Some(Self { octets: Cow::Owned(octets), starts })
    }

    fn place(&self, offset: usize) -> usize {
        let at = self.starts.partition_point(|(start, _)| *start <= offset);
        match at.checked_sub(1).and_then(|at| self.starts.get(at)) {
            Some((start, place)) => place + (offset - start),
            None => offset,
        }
    }
}

fn contents_offset(element: &Element<'_>) -> usize {
    let header = element.contents().as_ptr().addr() - element.raw.as_ptr().addr();
    element.offset + header
}
