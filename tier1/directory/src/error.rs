//! What cannot be done with a directory, and the way out.

use crate::name::{Name, NameError};
use crate::tree::MAX_OBJECTS;

/// Why a request to the directory is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DirectoryError {
    /// The name itself.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Nothing has that name.
    #[error("there is no object {0}; `bindback directory list` shows those that exist")]
    Missing(Name),
    /// Something has that name already.
    #[error("there is an object {0} already")]
    Exists(Name),
    /// An object needs one to lie below.
    #[error("{0} cannot be made: what it would lie below does not exist, or can hold nothing")]
    NoParent(Name),
    /// It has children.
    #[error("{0} is not empty; remove what lies below it first")]
    NotEmpty(Name),
    /// No attribute is called so.
    #[error(
        "no attribute is named {0:?}; `bindback directory raw OBJECT` shows those that an object has"
    )]
    UnknownAttribute(String),
    /// The class does not have the attribute.
    #[error("{attribute} is no attribute of a {class}")]
    NotOfClass {
        /// The attribute.
        attribute: &'static str,
        /// The class.
        class: &'static str,
    },
    /// More values than it may have.
    #[error("{attribute} has at most {limit} values")]
    TooMany {
        /// The attribute.
        attribute: &'static str,
        /// How many it may have.
        limit: usize,
    },
    /// A value of another syntax.
    #[error("{attribute} cannot be {value:?}; it takes {expected}")]
    Value {
        /// The attribute.
        attribute: &'static str,
        /// What was given.
        value: String,
        /// What it takes.
        expected: String,
    },
    /// A role that is not there cannot be taken away.
    #[error(
        "{role} was not granted to {who} on {object} itself; `bindback directory access` says where a right comes from"
    )]
    NotGranted {
        /// The role.
        role: &'static str,
        /// Whose.
        who: String,
        /// Where.
        object: Name,
    },
    /// The directory is full.
    #[error("the directory has {MAX_OBJECTS} objects, and takes no more")]
    Full,
    /// A text in LDIF that cannot be read.
    #[error("line {line}: {what}")]
    Ldif {
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        what: String,
    },
    /// Changes that were made meanwhile by somebody else.
    #[error("{0} was changed meanwhile; look at the difference again")]
    Outdated(Name),
}
