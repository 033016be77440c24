//! Whether an account may bind, step by step.

use identity::descriptor::access::{ObjectNode, Request, Token, check};
use identity::descriptor::rights::{DS_CONTROL_ACCESS, DS_READ_PROP};
use serde::{Deserialize, Serialize};

use crate::name::{Kind, Name, Rdn};
use crate::role::{ACT_AS_MTA, NT_SECURITY_DESCRIPTOR};
use crate::tree::Directory;

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// The right to act as a message transfer agent on the organisation.
    Organisation,
    /// The same on the site.
    Site,
    /// The same on the site's configuration.
    Configuration,
    /// The right to read other objects' descriptors, on the schema object NT-Security-Descriptor.
    Schema,
}

impl Step {
    /// Every step in the order in which they are made.
    pub const ALL: [Self; 4] = [Self::Organisation, Self::Site, Self::Configuration, Self::Schema];

    /// The word in events and facts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Organisation => "organisation",
            Self::Site => "site",
            Self::Configuration => "configuration",
            Self::Schema => "schema",
        }
    }

    /// The object that is asked.
    #[must_use]
    pub fn object(self, organisation: &str, site: &str) -> Name {
        let rdn = |kind, value: &str| Rdn { kind, value: value.to_owned() };
        let o = || rdn(Kind::O, organisation);
        let parts = match self {
            Self::Organisation => vec![o()],
            Self::Site => vec![o(), rdn(Kind::Ou, site)],
            Self::Configuration => vec![o(), rdn(Kind::Ou, site), rdn(Kind::Cn, "Configuration")],
            Self::Schema => vec![rdn(Kind::Cn, "Schema"), rdn(Kind::Cn, "NT-Security-Descriptor")],
        };
        // The configuration has checked both names; one that cannot be leads nowhere.
        Name::new(parts).unwrap_or_else(|_| Name::nowhere())
    }
}

/// One step with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepAnswer {
    /// The step.
    pub step: Step,
    /// The object that was asked.
    pub object: Name,
    /// Whether it lets the account in.
    pub granted: bool,
    /// The entry that decided, in words.
    pub why: String,
}

/// The answer to "may this account bind".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authorisation {
    /// Every step, also those after one that failed.
    pub steps: Vec<StepAnswer>,
}

impl Authorisation {
    /// The first step that fails; none when the account may bind.
    #[must_use]
    pub fn failed(&self) -> Option<&StepAnswer> {
        self.steps.iter().find(|step| !step.granted)
    }
}

/// Checks the four steps. `schema` is the directory whose schema counts: an old server reads it at its start only.
#[must_use]
pub fn authorise(
    directory: &Directory,
    schema: &Directory,
    token: &Token,
    organisation: &str,
    site: &str,
) -> Authorisation {
    let steps = Step::ALL.into_iter().map(|step| {
        let object = step.object(organisation, site);
        let (from, desired, guid) = match step {
            Step::Schema => (schema, DS_READ_PROP, NT_SECURITY_DESCRIPTOR),
            _ => (directory, DS_CONTROL_ACCESS, ACT_AS_MTA),
        };
        let (granted, why) = match from.effective(&object) {
            Ok(descriptor) => {
                let tree = [ObjectNode { level: 0, guid }];
                let answer = check(&descriptor, token, &Request::directory(desired).on(&tree));
                (answer.is_granted(), answer.explain(&descriptor))
            }
            Err(error) => (false, error.to_string()),
        };
        StepAnswer { step, object, granted, why }
    });
    Authorisation { steps: steps.collect() }
}
