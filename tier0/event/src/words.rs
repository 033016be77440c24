//! The fixed words of an event: category, type, logging level, layer.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A word or number that names no member of a fixed list.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{given}\" is no {list}: expected {expected}")]
pub struct UnknownWord {
    /// What was given.
    pub given: String,
    /// The list it was looked up in.
    pub list: &'static str,
    /// The words of that list.
    pub expected: String,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident, $list:literal, $($(#[$member_doc:meta])* $variant:ident $word:literal,)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum $name {
            $($(#[$member_doc])* #[serde(rename = $word)] $variant,)*
        }

        impl $name {
            /// Every member, in order.
            pub const ALL: &'static [$name] = &[$($name::$variant,)*];

            /// The word that every interface uses.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $($name::$variant => $word,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.word())
            }
        }

        impl FromStr for $name {
            type Err = UnknownWord;

            fn from_str(text: &str) -> Result<Self, UnknownWord> {
                let found = Self::ALL.iter().copied().find(|one| one.word().eq_ignore_ascii_case(text.trim()));
                found.ok_or_else(|| UnknownWord {
                    given: text.chars().take(MAX_GIVEN).collect(),
                    list: $list,
                    expected: Self::ALL.iter().map(|one| one.word()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

/// A wrong word is repeated in its error up to this many characters.
const MAX_GIVEN: usize = 64;

words! {
    /// The diagnostic category of an event; the order is the number in the registry, from 1.
    Category, "event category",
    /// Category 1.
    X400Service "X.400 Service",
    /// Category 2.
    Resource "Resource",
    /// Category 3.
    Security "Security",
    /// Category 4.
    Interface "Interface",
    /// Category 5.
    FieldEngineering "Field Engineering",
    /// Category 6.
    MtaAdministration "MTA Administration",
    /// Category 7.
    Configuration "Configuration",
    /// Category 8.
    DirectoryAccess "Directory Access",
    /// Category 9.
    OperatingSystem "Operating System",
    /// Category 10.
    InternalProcessing "Internal Processing",
    /// Category 11.
    Interoperability "Interoperability",
    /// Category 12.
    Apdu "APDU",
}

impl Category {
    /// The number of this category in the registry, 1 to 12.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::X400Service => 1,
            Self::Resource => 2,
            Self::Security => 3,
            Self::Interface => 4,
            Self::FieldEngineering => 5,
            Self::MtaAdministration => 6,
            Self::Configuration => 7,
            Self::DirectoryAccess => 8,
            Self::OperatingSystem => 9,
            Self::InternalProcessing => 10,
            Self::Interoperability => 11,
            Self::Apdu => 12,
        }
    }

    /// The category with this number in the registry.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().copied().find(|category| category.number() == number)
    }
}

words! {
    /// The type of an event, as the application log shows it.
    EventType, "event type",
    /// For the record.
    Information "Information",
    /// Something did not work.
    Warning "Warning",
    /// Something stopped.
    Error "Error",
}

impl EventType {
    /// The priority that syslog and journald know it by: 6, 4 or 3.
    #[must_use]
    pub const fn syslog_priority(self) -> u8 {
        match self {
            Self::Information => 6,
            Self::Warning => 4,
            Self::Error => 3,
        }
    }
}

words! {
    /// Where on the way to the peer something failed, in the order in which a call goes through them.
    Layer, "layer",
    /// The name was not resolved.
    Name "name",
    /// No connection to the address.
    Tcp "tcp",
    /// The endpoint mapper did not answer or knows no endpoint.
    Mapper "mapper",
    /// The RPC bind was refused or broken.
    Bind "bind",
    /// The account was not accepted.
    Authentication "authentication",
    /// The account was accepted and has no right.
    AccessCheck "access-check",
    /// The called server could not bind back.
    BindBack "bind-back",
    /// A call on a standing binding failed.
    Call "call",
}

/// How much a category logs: an event is logged when its level is not above the one set.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(try_from = "u8", into = "u8")]
pub enum Level {
    /// 0: only what an operator must always see.
    #[default]
    None,
    /// 1.
    Minimum,
    /// 3.
    Medium,
    /// 5.
    Maximum,
    /// 7: adds the trace of calls.
    Calls,
}

impl Level {
    /// Every level, in order.
    pub const ALL: &'static [Level] =
        &[Level::None, Level::Minimum, Level::Medium, Level::Maximum, Level::Calls];

    /// The number in the registry: 0, 1, 3, 5 or 7.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::None => 0,
            Self::Minimum => 1,
            Self::Medium => 3,
            Self::Maximum => 5,
            Self::Calls => 7,
        }
    }
}

impl TryFrom<u8> for Level {
    type Error = UnknownWord;

    fn try_from(number: u8) -> Result<Self, UnknownWord> {
        let found = Self::ALL.iter().copied().find(|level| level.number() == number);
        found.ok_or_else(|| UnknownWord {
            given: number.to_string(),
            list: "logging level",
            expected: "0, 1, 3, 5, 7".to_owned(),
        })
    }
}

impl From<Level> for u8 {
    fn from(level: Level) -> Self {
        level.number()
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn categories_are_numbered_in_registry_order() {
        for (at, category) in Category::ALL.iter().enumerate() {
            assert_eq!(usize::from(category.number()), at + 1);
            assert_eq!(Category::from_number(category.number()), Some(*category));
            assert_eq!(category.word().to_lowercase().parse(), Ok(*category));
        }
        assert_eq!(Category::ALL.len(), 12);
        assert_eq!(Category::from_number(13), None);
    }

    #[test]
    fn levels_are_0_1_3_5_7() {
        let numbers: Vec<u8> = Level::ALL.iter().map(|level| level.number()).collect();
        assert_eq!(numbers, [0, 1, 3, 5, 7]);
        assert!(Level::try_from(2).is_err());
        assert_eq!(serde_json::to_string(&Level::Maximum).unwrap(), "5");
        assert!(serde_json::from_str::<Level>("4").is_err());
    }

    #[test]
    fn words_are_those_of_the_interface() {
        assert_eq!(serde_json::to_string(&Layer::AccessCheck).unwrap(), "\"access-check\"");
        assert_eq!(serde_json::to_string(&Category::X400Service).unwrap(), "\"X.400 Service\"");
        assert_eq!(serde_json::to_string(&EventType::Warning).unwrap(), "\"Warning\"");
        let error = "tls".parse::<Layer>().unwrap_err();
        assert!(error.to_string().starts_with("\"tls\" is no layer: expected name, tcp"));
    }
}
