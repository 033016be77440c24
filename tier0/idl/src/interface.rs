//! What a definition says.

use std::collections::BTreeMap;

/// An interface.
#[derive(Debug, Clone, Default)]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// In lower case.
    pub uuid: String,
    /// Major, minor.
    pub version: (u16, u16),
    /// `const` declarations with whole numbers.
    pub constants: BTreeMap<String, u64>,
    /// In the order of their numbers.
    pub operations: Vec<Operation>,
    pub(crate) types: BTreeMap<String, Defined>,
}

/// An operation.
#[derive(Debug, Clone)]
pub struct Operation {
    /// Its name.
    pub name: String,
    /// Its parameters in order.
    pub parameters: Vec<Declaration>,
    /// What it returns; `void` for nothing.
    pub returns: String,
}

/// A parameter, or a field.
#[derive(Debug, Clone)]
pub struct Declaration {
    /// Its name.
    pub name: String,
    pub(crate) attributes: Vec<(String, String)>,
    pub(crate) base: String,
    pub(crate) stars: usize,
    pub(crate) array: Option<Option<u64>>,
}

impl Declaration {
    /// What stands in brackets behind an attribute; none when it has none of that name.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }
}

#[derive(Debug, Clone)]
pub(crate) enum Defined {
    Struct(Vec<Declaration>),
    /// The type of the discriminant, and the arms, each with its `case`.
    Union(String, Vec<Declaration>),
    ContextHandle,
    Alias(Declaration),
}

/// Which way a stub goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To the server: `in` parameters.
    Request,
    /// Back: `out` parameters, and what the operation returns.
    Response,
}

impl Interface {
    /// The number of an operation.
    #[must_use]
    pub fn opnum(&self, name: &str) -> Option<u16> {
        let index = self.operations.iter().position(|operation| operation.name == name)?;
        u16::try_from(index).ok()
    }

    /// Reads a definition that has to be of this interface, with these operations under these numbers.
    ///
    /// # Errors
    /// It cannot be read, or what differs.
    pub fn parse_as(
        text: &str,
        uuid: &str,
        version: (u16, u16),
        operations: &[(u16, &str)],
    ) -> Result<Self, String> {
        let interface = Self::parse(text)?;
        if interface.uuid != uuid || interface.version != version {
            let (major, minor) = interface.version;
            return Err(format!("it is {} version {major}.{minor}", interface.uuid));
        }
        match operations.iter().find(|(opnum, name)| interface.opnum(name) != Some(*opnum)) {
            Some((opnum, name)) => {
                Err(format!("{name} has number {:?}, not {opnum}", interface.opnum(name)))
            }
            None => Ok(interface),
        }
    }
}
