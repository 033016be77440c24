//! The classes of objects and their attributes: the schema that values are held to.

use serde::{Deserialize, Serialize};

/// What an object is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The organisation; a permission context.
    Organisation,
    /// A site, or administrative group; a permission context.
    Site,
    /// The configuration of a site; a permission context.
    Configuration,
    /// The schema; a permission context.
    Schema,
    /// An attribute's definition.
    SchemaAttribute,
    /// A folder of objects.
    Container,
    /// A server.
    Server,
    /// The message transfer agent of a server.
    Mta,
    /// A connector to another site over RPC.
    SiteConnector,
    /// A connector over X.400.
    X400Connector,
    /// A connector over a line that is dialled.
    DialUpConnector,
    /// A connector over SMTP.
    SmtpConnector,
    /// A replication connection.
    Connection,
    /// A mailbox.
    Mailbox,
    /// A recipient elsewhere.
    CustomRecipient,
    /// A list of recipients.
    DistributionList,
}

impl Class {
    /// Every class with its word and its LDAP object class.
    const ROWS: [(Self, &'static str, &'static str); 16] = [
        (Self::Organisation, "organisation", "msExchOrganizationContainer"),
        (Self::Site, "site", "msExchAdminGroup"),
        (Self::Configuration, "configuration", "msExchConfigurationContainer"),
        (Self::Schema, "schema", "dMD"),
        (Self::SchemaAttribute, "schema-attribute", "attributeSchema"),
        (Self::Container, "container", "container"),
        (Self::Server, "server", "msExchExchangeServer"),
        (Self::Mta, "mta", "mTA"),
        (Self::SiteConnector, "site-connector", "siteConnector"),
        (Self::X400Connector, "x400-connector", "x400Link"),
        (Self::DialUpConnector, "dial-up-connector", "rASX400Link"),
        (Self::SmtpConnector, "smtp-connector", "msExchRoutingSMTPConnector"),
        (Self::Connection, "connection", "msExchReplicationConnection"),
        (Self::Mailbox, "mailbox", "mailRecipient"),
        (Self::CustomRecipient, "custom-recipient", "remoteAddress"),
        (Self::DistributionList, "distribution-list", "groupOfNames"),
    ];

    /// Every class.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ROWS.iter().map(|row| row.0)
    }

    /// The word in commands and files.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::ROWS.iter().find(|row| row.0 == self).map_or("", |row| row.1)
    }

    /// The object class in LDAP and LDIF.
    #[must_use]
    pub fn ldap(self) -> &'static str {
        Self::ROWS.iter().find(|row| row.0 == self).map_or("", |row| row.2)
    }

    /// The class of a word or an LDAP object class.
    #[must_use]
    pub fn find(word: &str) -> Option<Self> {
        let is = |row: &&(Self, &str, &str)| row.1 == word || row.2.eq_ignore_ascii_case(word);
        Self::ROWS.iter().find(is).map(|row| row.0)
    }

    /// Whether permissions begin here: nothing is inherited from above.
    #[must_use]
    pub fn is_context(self) -> bool {
        matches!(self, Self::Organisation | Self::Site | Self::Configuration | Self::Schema)
    }

    /// Whether objects may lie below it.
    #[must_use]
    pub fn is_container(self) -> bool {
        !matches!(
            self,
            Self::SchemaAttribute
                | Self::Mta
                | Self::Connection
                | Self::Mailbox
                | Self::CustomRecipient
                | Self::DistributionList
        )
    }

    /// Whether it is a connector.
    #[must_use]
    pub fn is_connector(self) -> bool {
        matches!(
            self,
            Self::SiteConnector | Self::X400Connector | Self::DialUpConnector | Self::SmtpConnector
        )
    }
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Text.
    Text,
    /// A whole number.
    Integer,
    /// TRUE or FALSE.
    Boolean,
    /// The name of an object.
    Name,
    /// `DOMAIN\name`.
    Account,
    /// Octets, in hexadecimal.
    Octets,
    /// One of these words.
    Choice(&'static [&'static str]),
}

/// One attribute of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Attribute {
    /// Its name, as LDAP spells it.
    pub name: &'static str,
    /// What its values are.
    pub syntax: Syntax,
    /// Whether it may have several.
    pub multiple: bool,
    /// The classes that have it; all where empty.
    pub classes: &'static [Class],
    /// One line of help.
    pub doc: &'static str,
}

const fn one(
    name: &'static str,
    syntax: Syntax,
    classes: &'static [Class],
    doc: &'static str,
) -> Attribute {
    Attribute { name, syntax, multiple: false, classes, doc }
}

const fn many(
    name: &'static str,
    syntax: Syntax,
    classes: &'static [Class],
    doc: &'static str,
) -> Attribute {
    Attribute { name, syntax, multiple: true, classes, doc }
}

const CONNECTORS: &[Class] =
    &[Class::SiteConnector, Class::X400Connector, Class::DialUpConnector, Class::SmtpConnector];
const RECIPIENTS: &[Class] = &[Class::Mailbox, Class::CustomRecipient, Class::DistributionList];

/// The attributes that objects may have.
pub const ATTRIBUTES: &[Attribute] = &[
    one("displayName", Syntax::Text, &[], "the name that people see"),
    one("description", Syntax::Text, &[], "a note"),
    one(
        "msExchLegacyAccount",
        Syntax::Text,
        &[Class::Site],
        "the account that older servers use, without its domain",
    ),
    one(
        "msExchLegacyDomain",
        Syntax::Text,
        &[Class::Site],
        "the domain of the account that older servers use",
    ),
    one(
        "serviceAccount",
        Syntax::Account,
        &[Class::Site, Class::Server],
        "the account that servers of the site prove themselves with",
    ),
    one(
        "machineAccount",
        Syntax::Account,
        &[Class::Server],
        "the identity of the machine, used between new servers",
    ),
    one(
        "generation",
        Syntax::Choice(&["old", "new"]),
        &[Class::Server],
        "old: site account, and the schema is read at start only; new: machine identity",
    ),
    many(
        "networkAddress",
        Syntax::Text,
        &[Class::Server],
        "names and addresses under which it is reached",
    ),
    one("serialNumber", Syntax::Text, &[Class::Server], "version and build"),
    many("targetMTAs", Syntax::Text, CONNECTORS, "the MTA names that the connector leads to"),
    one(
        "overrideAccount",
        Syntax::Account,
        CONNECTORS,
        "the account for the other side, in place of the service account",
    ),
    many("routingList", Syntax::Text, CONNECTORS, "address spaces"),
    one("cost", Syntax::Integer, CONNECTORS, "cost, 1 to 100"),
    one("heuristics", Syntax::Integer, CONNECTORS, "switches of the connector"),
    one("remoteServerName", Syntax::Text, CONNECTORS, "the remote MTA's name"),
    one("homeMTA", Syntax::Name, RECIPIENTS, "the agent that delivers to it"),
    many("proxyAddresses", Syntax::Text, RECIPIENTS, "addresses"),
    one("targetAddress", Syntax::Text, &[Class::CustomRecipient], "where its mail goes"),
    one(
        "altRecipient",
        Syntax::Name,
        &[Class::Mailbox],
        "the recipient that gets its mail in its place",
    ),
    many("member", Syntax::Name, &[Class::DistributionList], "its members"),
    one("owner", Syntax::Name, &[Class::DistributionList], "the recipient who looks after it"),
    one(
        "reportToOwner",
        Syntax::Boolean,
        &[Class::DistributionList],
        "whether reports about members go to the owner; FALSE unless it says TRUE",
    ),
    one(
        "reportToOriginator",
        Syntax::Boolean,
        &[Class::DistributionList],
        "whether reports about members go to who sent the message; TRUE unless it says FALSE",
    ),
    many(
        "authOrig",
        Syntax::Name,
        &[Class::DistributionList],
        "the recipients who may send to it, and nobody else; without it, and without dLMemSubmitPerms, everybody may",
    ),
    many(
        "dLMemSubmitPerms",
        Syntax::Name,
        &[Class::DistributionList],
        "the lists whose members may send to it, as with authOrig",
    ),
    many(
        "unauthOrig",
        Syntax::Name,
        &[Class::DistributionList],
        "the recipients who may not send to it, whatever else is said",
    ),
    many(
        "dLMemRejectPerms",
        Syntax::Name,
        &[Class::DistributionList],
        "the lists whose members may not send to it, whatever else is said",
    ),
    one("fromServer", Syntax::Name, &[Class::Connection], "the server that changes come from"),
    one("enabledConnection", Syntax::Boolean, &[Class::Connection], "whether changes flow"),
    one("attributeID", Syntax::Text, &[Class::SchemaAttribute], "the object identifier"),
    one(
        "schemaIDGUID",
        Syntax::Octets,
        &[Class::SchemaAttribute],
        "the identifier that object entries name",
    ),
];

impl Attribute {
    /// The attribute of this name, without regard to case.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        ATTRIBUTES.iter().find(|one| one.name.eq_ignore_ascii_case(name))
    }

    /// Whether objects of this class may have it.
    #[must_use]
    pub fn is_for(&self, class: Class) -> bool {
        self.classes.is_empty() || self.classes.contains(&class)
    }
}
