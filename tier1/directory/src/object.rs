//! An object and its values.

use std::collections::BTreeMap;

use identity::{AccountName, SecurityDescriptor};
use serde::{Deserialize, Serialize};

use crate::class::{Attribute, Class, Syntax};
use crate::error::DirectoryError;
use crate::name::Name;
use crate::stamps::{MAX_STAMPS, Stamps};

/// Most values of one attribute: a list of the field had up to five thousand members.
const MAX_VALUES: usize = 5000;
/// Most characters of one value.
const MAX_TEXT: usize = 4096;

/// One value, in the form that its attribute's syntax wants.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Value(String);

impl Value {
    /// Checks a text against an attribute's syntax.
    ///
    /// # Errors
    /// It is nothing that the attribute can hold.
    pub fn new(attribute: &Attribute, text: &str) -> Result<Self, DirectoryError> {
        let bad = |expected: &str| DirectoryError::Value {
            attribute: attribute.name,
            value: text.chars().take(80).collect(),
            expected: expected.to_owned(),
        };
        if text.is_empty() || text.chars().nth(MAX_TEXT).is_some() {
            return Err(bad("1 to 4096 characters"));
        }
        match attribute.syntax {
            Syntax::Text if text.chars().any(char::is_control) => {
                return Err(bad("text without control characters"));
            }
            Syntax::Text => {}
            Syntax::Integer => {
                let number: i64 = text.parse().map_err(|_| bad("a whole number"))?;
                return Ok(Self(number.to_string()));
            }
            Syntax::Boolean
                if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") =>
            {
                return Ok(Self(text.to_ascii_uppercase()));
            }
            Syntax::Boolean => return Err(bad("TRUE or FALSE")),
            Syntax::Name => drop(
                text.parse::<Name>().map_err(|_| bad("the name of an object, /O=.../CN=..."))?,
            ),
            Syntax::Account => drop(text.parse::<AccountName>().map_err(|_| bad("DOMAIN\\name"))?),
            Syntax::Octets => {
                if !text.len().is_multiple_of(2) || !text.bytes().all(|c| c.is_ascii_hexdigit()) {
                    return Err(bad("octets in hexadecimal"));
                }
                return Ok(Self(text.to_ascii_lowercase()));
            }
            Syntax::Choice(words) if words.contains(&text) => {}
            Syntax::Choice(words) => return Err(bad(&words.join(" or "))),
        }
        Ok(Self(text.to_owned()))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// An object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Where it is.
    pub name: Name,
    /// What it is.
    pub class: Class,
    pub(crate) attributes: BTreeMap<String, Vec<Value>>,
    /// What was set on it; what it inherits is computed.
    pub descriptor: SecurityDescriptor,
    /// When it was last changed, in milliseconds since 1970-01-01 UTC.
    pub changed_ms: i64,
    /// When its parts were, those that are no more included: other servers' copies are joined by it.
    #[serde(default, skip_serializing_if = "Stamps::is_empty")]
    pub(crate) stamps: Stamps,
}

impl Object {
    /// An object without attributes.
    #[must_use]
    pub fn new(name: Name, class: Class, changed_ms: i64) -> Self {
        let descriptor = SecurityDescriptor::default();
        let stamps = Stamps::default();
        Self { name, class, attributes: BTreeMap::new(), descriptor, changed_ms, stamps }
    }

    /// When it or any part of it was last changed.
    #[must_use]
    pub fn latest_ms(&self) -> i64 {
        self.changed_ms.max(self.stamps.latest())
    }

    /// The same object, changed at another time.
    #[must_use]
    pub fn at(self, changed_ms: i64) -> Self {
        Self { changed_ms, ..self }
    }

    /// The same object with every value checked anew: one that came from elsewhere may say anything.
    ///
    /// # Errors
    /// An attribute or a value is nothing that its class can hold.
    pub fn checked(self) -> Result<Self, DirectoryError> {
        if !self.stamps.is_sound() {
            return Err(DirectoryError::TooMany {
                attribute: "the times of its parts",
                limit: MAX_STAMPS,
            });
        }
        let mut checked = Self { attributes: BTreeMap::new(), ..self };
        for (attribute, values) in self.attributes {
            checked.set(&attribute, &values.iter().map(Value::as_str).collect::<Vec<_>>())?;
        }
        Ok(checked)
    }

    /// The values of an attribute.
    #[must_use]
    pub fn values(&self, attribute: &str) -> &[Value] {
        let known = Attribute::find(attribute).map_or(attribute, |found| found.name);
        self.attributes.get(known).map_or(&[], Vec::as_slice)
    }

    /// The first value of an attribute.
    #[must_use]
    pub fn value(&self, attribute: &str) -> Option<&str> {
        self.values(attribute).first().map(Value::as_str)
    }

    /// Every attribute with its values.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &[Value])> {
        self.attributes.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Sets an attribute; without values it is taken away.
    ///
    /// # Errors
    /// The class does not have it, or a value is nothing that it can hold.
    pub fn set(&mut self, attribute: &str, values: &[&str]) -> Result<(), DirectoryError> {
        let known = Attribute::find(attribute)
            .ok_or_else(|| DirectoryError::UnknownAttribute(attribute.to_owned()))?;
        if !known.is_for(self.class) {
            return Err(DirectoryError::NotOfClass {
                attribute: known.name,
                class: self.class.as_str(),
            });
        }
        if values.len() > MAX_VALUES || (values.len() > 1 && !known.multiple) {
            let limit = if known.multiple { MAX_VALUES } else { 1 };
            return Err(DirectoryError::TooMany { attribute: known.name, limit });
        }
        let values =
            values.iter().map(|text| Value::new(known, text)).collect::<Result<Vec<_>, _>>()?;
        if values.is_empty() {
            self.attributes.remove(known.name);
        } else {
            self.attributes.insert(known.name.to_owned(), values);
        }
        Ok(())
    }
}
