//! The first directory of a server: its organisation, site and configuration, itself, its connectors, the schema.

use identity::descriptor::rights::{
    DS_LIST, DS_LIST_OBJECT, DS_READ_PROP, GENERIC_ALL, READ_CONTROL,
};
use identity::{Ace, AceFlags, Acl, SecurityDescriptor, well_known};

use crate::class::Class;
use crate::error::DirectoryError;
use crate::name::{Kind, Name, Rdn};
use crate::object::Object;
use crate::role::NT_SECURITY_DESCRIPTOR;
use crate::tree::Directory;

/// What a first directory is made from.
#[derive(Debug, Clone, Default)]
pub struct Seed {
    /// The organisation's name.
    pub organisation: String,
    /// The site's name.
    pub site: String,
    /// The server's MTA name.
    pub server: String,
    /// Its host name.
    pub host: String,
    /// The account that it proves itself with.
    pub account: String,
    /// The servers that mail is exchanged with.
    pub peers: Vec<SeedPeer>,
    /// Local parts of mailboxes with their addresses.
    pub mailboxes: Vec<(String, String)>,
    /// When, in milliseconds since 1970-01-01 UTC.
    pub now_ms: i64,
}

/// A server that a connector leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedPeer {
    /// Its MTA name.
    pub name: String,
    /// Its host.
    pub host: String,
    /// The account that this server uses towards it, where one is configured.
    pub override_account: Option<String>,
    /// The way to it is dialled.
    pub dialled: bool,
}

/// The folders below a site's configuration.
const FOLDERS: [&str; 3] = ["Servers", "Connections", "Site Replication"];

/// Makes a first directory.
///
/// # Errors
/// A name of the seed cannot be one.
pub fn seed(from: &Seed) -> Result<Directory, DirectoryError> {
    let mut tree = Directory::new();
    let root = |kind, value: &str| Name::new(vec![Rdn { kind, value: value.to_owned() }]);
    let organisation = root(Kind::O, &from.organisation)?;
    let site = organisation.child(Kind::Ou, &from.site)?;
    let configuration = site.child(Kind::Cn, "Configuration")?;
    let schema = root(Kind::Cn, "Schema")?;
    let now = from.now_ms;
    for (name, class) in [
        (&organisation, Class::Organisation),
        (&site, Class::Site),
        (&configuration, Class::Configuration),
        (&schema, Class::Schema),
    ] {
        let mut object = Object::new(name.clone(), class, now);
        object.descriptor = context_descriptor();
        tree.add(object)?;
    }
    tree.change(&site, now, |object| object.set("serviceAccount", &[&from.account]))?;
    let mut attribute =
        Object::new(schema.child(Kind::Cn, "NT-Security-Descriptor")?, Class::SchemaAttribute, now);
    attribute.set("attributeID", &["1.2.840.113556.1.2.281"])?;
    let octets: String =
        NT_SECURITY_DESCRIPTOR.to_bytes().iter().map(|octet| format!("{octet:02x}")).collect();
    attribute.set("schemaIDGUID", &[&octets])?;
    tree.add(attribute)?;
    for folder in FOLDERS {
        tree.add(Object::new(configuration.child(Kind::Cn, folder)?, Class::Container, now))?;
    }
    let recipients = site.child(Kind::Cn, "Recipients")?;
    tree.add(Object::new(recipients.clone(), Class::Container, now))?;
    let mut server = Object::new(
        configuration.child(Kind::Cn, "Servers")?.child(Kind::Cn, &from.server)?,
        Class::Server,
        now,
    );
    server.set("generation", &["new"])?;
    server.set("networkAddress", &[&from.host])?;
    let mta = server.name.child(Kind::Cn, "Microsoft MTA")?;
    tree.add(server)?;
    tree.add(Object::new(mta.clone(), Class::Mta, now))?;
    let connections = configuration.child(Kind::Cn, "Connections")?;
    for peer in &from.peers {
        let class = if peer.dialled { Class::DialUpConnector } else { Class::SiteConnector };
        let mut connector = Object::new(connections.child(Kind::Cn, &peer.name)?, class, now);
        connector.set("targetMTAs", &[&peer.name])?;
        connector.set("remoteServerName", &[&peer.host])?;
        connector.set("cost", &["1"])?;
        if let Some(account) = &peer.override_account {
            connector.set("overrideAccount", &[account])?;
        }
        tree.add(connector)?;
    }
    for (mailbox, address) in &from.mailboxes {
        let mut object = Object::new(recipients.child(Kind::Cn, mailbox)?, Class::Mailbox, now);
        object.set("proxyAddresses", &[&format!("SMTP:{address}")])?;
        object.set("homeMTA", &[&mta.to_string()])?;
        // A mailbox of a name that another has already, but for its case, is the same one.
        match tree.add(object) {
            Ok(()) | Err(DirectoryError::Exists(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(tree)
}

/// The machine and its administrators may everything; whoever proved a name may look.
fn context_descriptor() -> SecurityDescriptor {
    let spread = AceFlags::CONTAINER_INHERIT.with(AceFlags::OBJECT_INHERIT);
    let look = READ_CONTROL | DS_LIST | DS_LIST_OBJECT | DS_READ_PROP;
    let mut aces = vec![
        Ace::allow(well_known::system(), GENERIC_ALL).flagged(spread),
        Ace::allow(well_known::administrators(), GENERIC_ALL).flagged(spread),
    ];
    // Looking at a class of attribute is not reading the attribute itself: on the schema it takes a grant.
    aces.push(Ace::allow(well_known::authenticated_users(), look & !DS_READ_PROP).flagged(spread));
    SecurityDescriptor::new(well_known::administrators(), well_known::system(), Acl::new(aces))
}
