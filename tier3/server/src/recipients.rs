//! Recipients of the directory that mail does not simply end at: aliases, alternate recipients, recipients elsewhere and
//! distribution lists.
//!
//! Made of the site's copy of the directory, whenever it has changed. A mailbox whose one address is its name in a domain
//! of the configuration needs nothing of this.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use config::{Config, Mailboxes};
use directory::{Class, Directory, Name, Object};
use mta::{DistributionList, ReportPolicy, SubmitPermission};
use routing::Address;

/// What the directory says of recipients of this server.
#[derive(Debug, Default)]
pub struct Recipients {
    by_name: HashMap<String, Target>,
    aliases: BTreeMap<Address, String>,
}

/// Where mail for a recipient goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// It ends in the mailbox of this name.
    Mailbox,
    /// To another recipient, whom this one has assigned.
    Alternate(String),
    /// Elsewhere: the recipient has no mailbox here.
    Elsewhere(String),
    /// To the members of a list.
    List(DistributionList),
}

/// Lists within lists that are looked through for who may send; X.411 has no bound for it.
const MAX_NESTED: usize = 1000;

impl Recipients {
    /// What the directory has for this server.
    #[must_use]
    pub fn of(directory: &Directory, config: &Config) -> Self {
        let mut found = Self::default();
        let objects = directory.objects().filter(|object| is_ours(object, &config.server.name));
        for object in objects.filter(|object| is_recipient(object.class)) {
            let name = object.name.leaf().to_lowercase();
            let target = target(directory, object, config);
            // Who has a mailbox here says the configuration.
            if target == Target::Mailbox && !has_mailbox(config, &name) {
                continue;
            }
            for address in addresses(object) {
                let parsed = Address::parse(&address);
                if target == Target::Mailbox && is_plain(&parsed, &name, config) {
                    continue;
                }
                found.aliases.entry(parsed).or_insert_with(|| name.clone());
            }
            if target != Target::Mailbox {
                found.by_name.insert(name, target);
            }
        }
        found
    }

    /// The names of recipients by their addresses, for the routing table.
    pub fn aliases(&self) -> impl Iterator<Item = (&Address, &str)> {
        self.aliases.iter().map(|(address, name)| (address, name.as_str()))
    }

    /// Where mail for this name goes on; `None` where it ends in the mailbox.
    #[must_use]
    pub fn target(&self, name: &str) -> Option<&Target> {
        self.by_name.get(name)
    }
}

fn is_recipient(class: Class) -> bool {
    matches!(class, Class::Mailbox | Class::CustomRecipient | Class::DistributionList)
}

/// Objects without a home are everybody's.
fn is_ours(object: &Object, server: &str) -> bool {
    let home = object.value("homeMTA").and_then(|home| home.parse::<Name>().ok());
    home.is_none_or(|home| {
        home.parent().is_some_and(|parent| parent.leaf().eq_ignore_ascii_case(server))
    })
}

fn has_mailbox(config: &Config, name: &str) -> bool {
    match &config.mail.mailboxes {
        Mailboxes::Any => true,
        Mailboxes::Only(names) => names.contains(name),
    }
}

/// The address of a mailbox that the configuration alone leads to.
fn is_plain(address: &Address, name: &str, config: &Config) -> bool {
    matches!(address, Address::Smtp { local_part, domain: Some(domain) }
        if local_part.eq_ignore_ascii_case(name) && config.mail.domains.contains(domain))
}

fn target(directory: &Directory, object: &Object, config: &Config) -> Target {
    let address_of = |name: &str| primary(named(directory, name)?);
    let flag = |name: &str, default: bool| {
        object.value(name).map_or(default, |value| value.eq_ignore_ascii_case("TRUE"))
    };
    match object.class {
        Class::DistributionList => {
            let owner = object.value("owner").and_then(address_of);
            Target::List(DistributionList {
                address: primary(object).unwrap_or_default(),
                members: texts(object, "member").filter_map(address_of).collect(),
                submit: submit_permission(directory, object, config),
                reports: ReportPolicy {
                    owner: owner.filter(|_| flag("reportToOwner", false)),
                    originator: flag("reportToOriginator", true),
                },
            })
        }
        Class::CustomRecipient => match object.value("targetAddress") {
            Some(address) => Target::Elsewhere(mail_address(address)),
            None => Target::Mailbox,
        },
        _ => match object.value("altRecipient").and_then(address_of) {
            Some(address) => Target::Alternate(address),
            None => Target::Mailbox,
        },
    }
}

fn named<'a>(directory: &'a Directory, name: &str) -> Option<&'a Object> {
    directory.get(&name.parse::<Name>().ok()?).ok()
}

/// Who may send to a list.
fn submit_permission(directory: &Directory, list: &Object, config: &Config) -> SubmitPermission {
    let of = |people: &str, lists: &str| {
        let people = texts(list, people).filter_map(|name| named(directory, name));
        let lists = texts(list, lists).filter_map(|name| named(directory, name));
        people
            .chain(people_of(directory, lists))
            .flat_map(|object| all_addresses(object, config))
            .collect::<Vec<String>>()
    };
    let says = |attribute| texts(list, attribute).next().is_some();
    let only =
        (says("authOrig") || says("dLMemSubmitPerms")).then(|| of("authOrig", "dLMemSubmitPerms"));
    SubmitPermission::new(only, of("unauthOrig", "dLMemRejectPerms"))
}

/// The members of these lists and of the lists in them.
fn people_of<'a>(
    directory: &'a Directory,
    lists: impl Iterator<Item = &'a Object>,
) -> Vec<&'a Object> {
    let (mut people, mut seen) = (Vec::new(), BTreeSet::new());
    let mut left: Vec<&Object> = lists.collect();
    while let Some(list) = left.pop().filter(|_| seen.len() < MAX_NESTED) {
        if !seen.insert(&list.name) {
            continue;
        }
        for member in texts(list, "member").filter_map(|name| named(directory, name)) {
            match member.class {
                Class::DistributionList => left.push(member),
                _ => people.push(member),
            }
        }
    }
    people
}

/// Every address that a recipient may send with: those of the directory, and those that its name has in the
/// configuration.
fn all_addresses(object: &Object, config: &Config) -> Vec<String> {
    let plain = config.mail.domains.iter().filter(|_| object.class == Class::Mailbox);
    let plain = plain.map(|domain| format!("{}@{domain}", object.name.leaf()));
    let target = object.value("targetAddress").map(mail_address);
    addresses(object).chain(target).chain(plain).collect()
}

/// The address that others are told: that of SMTP in capitals, else the first one, else where its mail goes.
fn primary(object: &Object) -> Option<String> {
    let proxies = || texts(object, "proxyAddresses");
    let first = proxies().find(|text| text.starts_with("SMTP:")).or_else(|| proxies().next());
    first.or_else(|| object.value("targetAddress")).map(mail_address)
}

fn addresses(object: &Object) -> impl Iterator<Item = String> {
    texts(object, "proxyAddresses").map(mail_address)
}

fn texts<'a>(object: &'a Object, attribute: &str) -> impl Iterator<Item = &'a str> {
    object.values(attribute).iter().map(|value| value.as_str())
}

/// `SMTP:anna@east.test`, `X400:c=DE;a= ;p=ORG;s=Anna` or an address alone, as one of mail.
fn mail_address(text: &str) -> String {
    let (kind, rest) = text.split_once(':').unwrap_or(("", text));
    if kind.eq_ignore_ascii_case("smtp") {
        return rest.to_owned();
    }
    let text = if kind.eq_ignore_ascii_case("x400") { rest } else { text };
    match text.parse::<x400::OrAddress>() {
        Ok(address) if !text.contains('@') || text.starts_with('/') => mixer::write_out(&address),
        _ => text.to_owned(),
    }
}
