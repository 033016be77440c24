//! The tree that comes out.

use jiff::Timestamp;

/// One value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Of its identifier octet, in the whole input.
    pub offset: usize,
    /// Of its whole encoding, as far as it is there; octets.
    pub length: usize,
    pub value: Value,
}

/// A component of a SEQUENCE or SET, or the chosen alternative of a CHOICE.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// The identifier in the standard.
    pub name: &'static str,
    pub node: Node,
}

/// What a value is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Null,
    Boolean(bool),
    Integer(i64),
    /// A character string; T.61 and 8-bit IA5 are read as Latin-1.
    Text(String),
    /// Dotted.
    ObjectIdentifier(String),
    Octets(Vec<u8>),
    /// Octets of a credential, which are shown only to who asks for them.
    Secret(Vec<u8>),
    /// UTCTime or GeneralizedTime; `None` when the text is not a time.
    Time {
        time: Option<Timestamp>,
        raw: String,
    },
    /// ENUMERATED, or INTEGER with named numbers; `None` when the number has no name.
    Enumerated {
        name: Option<&'static str>,
        value: i64,
    },
    /// The names of the bits that are set; one without a name is `bit-N`.
    Bits {
        set: Vec<String>,
        octets: Vec<u8>,
        unused: u8,
    },
    /// SEQUENCE, SET or CHOICE.
    Object(Vec<Member>),
    /// SEQUENCE OF or SET OF.
    List(Vec<Node>),
    /// An element that no table knows, or that is not what the table says: its whole encoding.
    Unknown {
        /// In ASN.1 notation, `[3]`, `[APPLICATION 9]`.
        tag: String,
        octets: Vec<u8>,
    },
}

/// What is wrong, and at which octet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In the whole input.
    pub offset: usize,
    pub what: String,
}

impl Node {
    /// The member of this name, when it is an object that has one.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Self> {
        match &self.value {
            Value::Object(members) => {
                members.iter().find(|member| member.name == name).map(|member| &member.node)
            }
            _ => None,
        }
    }

    /// The member at the end of this path of names.
    #[must_use]
    pub fn at(&self, path: &[&str]) -> Option<&Self> {
        path.iter().try_fold(self, |node, name| node.member(name))
    }
}
