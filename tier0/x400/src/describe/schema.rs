//! How the tables say what a type is.

use ber::{Class, Tag};

use super::value::Node;

/// A type of the standards, as far as a walk needs to know it.
pub(super) enum Type {
    /// Whatever the selector of the surrounding [`Type::Keyed`] says, else kept as octets.
    Any,
    Null,
    Boolean,
    Integer,
    /// INTEGER with named numbers.
    Number(Names),
    Enumerated(Names),
    /// BIT STRING; the names of its bits from the first on.
    Bits(&'static [&'static str]),
    /// BIT STRING whose named bits are few and far between.
    SparseBits(&'static [(usize, &'static str)]),
    Octets,
    ObjectIdentifier,
    /// A character string of this universal tag.
    Text(Tag),
    UtcTime,
    GeneralizedTime,
    /// A credential, IA5String or OCTET STRING.
    Secret(Tag),
    Sequence(&'static [Component]),
    Set(&'static [Component]),
    SequenceOf(&'static Type),
    SetOf(&'static Type),
    Choice(&'static [Component]),
    /// A type with a tag of its own, IMPLICIT.
    Implicit(Tag, &'static Type),
    /// A type with a tag of its own, EXPLICIT (always so around a CHOICE).
    Explicit(Tag, &'static Type),
    /// A SEQUENCE in which one component tells the type of another.
    Keyed(&'static Keyed),
}

/// An open type and its selector.
pub(super) struct Keyed {
    /// The tag of it all.
    pub tag: Tag,
    pub components: &'static [Component],
    /// The component that selects.
    pub selector: &'static str,
    pub select: fn(&Node) -> Option<Known>,
}

/// What a selector means.
#[derive(Clone, Copy)]
pub(super) struct Known {
    pub name: &'static str,
    pub of: &'static Type,
    /// The name tells more than the selector itself, an object identifier for instance.
    pub tell: bool,
}

/// Names of numbers.
#[derive(Clone, Copy)]
pub(super) enum Names {
    /// From 0 on.
    Row(&'static [&'static str]),
    Pairs(&'static [(i64, &'static str)]),
    Function(fn(i64) -> Option<&'static str>),
}

/// A component of a SEQUENCE, SET or CHOICE.
pub(super) struct Component {
    pub name: &'static str,
    pub of: &'static Type,
    pub tagging: Tagging,
    pub optional: bool,
}

/// The context tag of a component.
#[derive(Clone, Copy)]
pub(super) enum Tagging {
    Natural,
    Implicit(u32),
    Explicit(u32),
}

pub(super) static PRINTABLE: Type = Type::Text(Tag::PRINTABLE_STRING);
pub(super) static NUMERIC: Type = Type::Text(Tag::NUMERIC_STRING);
pub(super) static IA5: Type = Type::Text(Tag::IA5_STRING);
pub(super) static TELETEX: Type = Type::Text(Tag::T61_STRING);
pub(super) static GENERAL: Type = Type::Text(Tag::GENERAL_STRING);

/// A component that must be there.
pub(super) const fn one(name: &'static str, of: &'static Type) -> Component {
    Component { name, of, tagging: Tagging::Natural, optional: false }
}

/// A component that may be absent, OPTIONAL or with a DEFAULT.
pub(super) const fn opt(name: &'static str, of: &'static Type) -> Component {
    Component { name, of, tagging: Tagging::Natural, optional: true }
}

impl Component {
    /// With the tag `[number] IMPLICIT`.
    pub(super) const fn tag(mut self, number: u32) -> Self {
        self.tagging = Tagging::Implicit(number);
        self
    }

    /// With the tag `[number] EXPLICIT`.
    pub(super) const fn wrap(mut self, number: u32) -> Self {
        self.tagging = Tagging::Explicit(number);
        self
    }

    /// True when an element of this tag is this component.
    pub(super) fn matches(&self, tag: Tag) -> bool {
        match self.tagging {
            Tagging::Natural => self.of.matches(tag),
            Tagging::Implicit(number) | Tagging::Explicit(number) => tag == Tag::context(number),
        }
    }
}

impl Type {
    /// True when an element of this tag may be of this type.
    pub(super) fn matches(&self, tag: Tag) -> bool {
        match self {
            Self::Any => true,
            Self::Null => tag == Tag::NULL,
            Self::Boolean => tag == Tag::BOOLEAN,
            Self::Integer | Self::Number(_) => tag == Tag::INTEGER,
            Self::Enumerated(_) => tag == Tag::ENUMERATED,
            Self::Bits(_) | Self::SparseBits(_) => tag == Tag::BIT_STRING,
            Self::Octets => tag == Tag::OCTET_STRING,
            Self::ObjectIdentifier => tag == Tag::OBJECT_IDENTIFIER,
            Self::UtcTime => tag == Tag::UTC_TIME,
            Self::GeneralizedTime => tag == Tag::GENERALIZED_TIME,
            Self::Sequence(_) | Self::SequenceOf(_) => tag == Tag::SEQUENCE,
            Self::Set(_) | Self::SetOf(_) => tag == Tag::SET,
            Self::Choice(alternatives) => alternatives.iter().any(|one| one.matches(tag)),
            Self::Text(own)
            | Self::Secret(own)
            | Self::Implicit(own, _)
            | Self::Explicit(own, _) => tag == *own,
            Self::Keyed(keyed) => tag == keyed.tag,
        }
    }
}

impl Names {
    pub(super) fn name(self, value: i64) -> Option<&'static str> {
        match self {
            Self::Row(names) => names.get(usize::try_from(value).ok()?).copied(),
            Self::Pairs(pairs) => {
                pairs.iter().find(|(number, _)| *number == value).map(|(_, name)| *name)
            }
            Self::Function(name) => name(value),
        }
    }
}

/// A tag in ASN.1 notation.
pub(super) fn notation(tag: Tag) -> String {
    match tag.class {
        Class::Universal => format!("[UNIVERSAL {}]", tag.number),
        Class::Application => format!("[APPLICATION {}]", tag.number),
        Class::Context => format!("[{}]", tag.number),
        Class::Private => format!("[PRIVATE {}]", tag.number),
    }
}
