//! Ways out of this server, and what may take them.

use crate::address::Address;
use crate::space::{AddressSpace, glob};

/// Where a way leads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outlet {
    /// To another server of the organisation, by its MTA name.
    Peer(String),
    /// To an X.400 MTA outside, by its MTA name: a connector of this server.
    Mta(String),
    /// All mail goes out the same way (a smart host).
    Connector,
    /// Each mail domain has a way of its own, found when it is needed (MX).
    Domains,
}

/// When a way can be opened; the earlier one wins (the third step of the choice).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Activation {
    #[default]
    Now,
    /// At a later time of its schedule.
    Later,
    /// Its schedule says never.
    Never,
    /// Only the other side opens it.
    RemoteInitiated,
}

/// What may go over a way; reports are exempt from all of it, as the originals were.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// Octets of a content.
    pub max_message_size: Option<u64>,
    /// Recipients of one message, wherever they are.
    pub max_recipients: Option<usize>,
    /// Patterns of senders that may use it; empty for everybody. In lower case.
    pub allow_senders: Vec<String>,
    /// Patterns of senders that may not; they win over `allow_senders`. In lower case.
    pub refuse_senders: Vec<String>,
}

/// One way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// As the configuration calls it; unique without regard to case.
    pub name: String,
    pub outlet: Outlet,
    pub spaces: Vec<AddressSpace>,
    pub restrictions: Restrictions,
    /// How often it may be tried for one message before the message goes another way; `None` without end.
    pub max_open_retries: Option<u32>,
    /// Leads only to mailboxes of this organisation, so that anybody who may hand in mail may use it.
    pub inside: bool,
}

/// Why a restriction keeps a message from a way.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Restriction {
    #[error("the message has {size} octets, and {limit} may go this way")]
    TooLarge { size: u64, limit: u64 },
    #[error("the message has {count} recipients, and {limit} may be sent to this way")]
    TooManyRecipients { count: usize, limit: usize },
    #[error("{sender} may not send this way")]
    Sender { sender: String },
}

impl Link {
    /// The space that fits an address best, and how closely; of equal ones the cheapest.
    pub(crate) fn best_space(&self, address: &Address) -> Option<(usize, &AddressSpace)> {
        let fitting = self.spaces.iter().filter_map(|space| Some((space.fits(address)?, space)));
        fitting.max_by_key(|(weight, space)| (*weight, std::cmp::Reverse(space.cost())))
    }
}

impl Link {
    /// Why no space fits: for an O/R address what the closest one would want.
    pub(crate) fn why_not(&self, address: &Address) -> String {
        let misses: Vec<String> =
            self.spaces.iter().filter_map(|space| space.misses(address)).collect();
        if misses.is_empty() {
            "none of its address spaces fits".to_owned()
        } else {
            format!("none of its address spaces fits: {}", misses.join("; "))
        }
    }
}

impl Restrictions {
    /// What stands against a message of this size from this sender, by the limits here and of the space.
    pub(crate) fn check(
        &self,
        space: &AddressSpace,
        sender: Option<&str>,
        size: Option<u64>,
        recipients: Option<usize>,
    ) -> Result<(), Restriction> {
        for limit in [self.max_message_size, space.max_message_size].into_iter().flatten() {
            if let Some(size) = size.filter(|size| *size > limit) {
                return Err(Restriction::TooLarge { size, limit });
            }
        }
        if let (Some(limit), Some(count)) = (self.max_recipients, recipients)
            && count > limit
        {
            return Err(Restriction::TooManyRecipients { count, limit });
        }
        let Some(sender) = sender else { return Ok(()) };
        let folded = sender.to_lowercase();
        let covered = |patterns: &[String]| {
            patterns.iter().any(|pattern| match pattern.contains('@') {
                true => glob(pattern, &folded),
                false => folded.rsplit_once('@').is_some_and(|(_, domain)| glob(pattern, domain)),
            })
        };
        let allowed = self.allow_senders.is_empty() || covered(&self.allow_senders);
        if covered(&self.refuse_senders) || !allowed {
            return Err(Restriction::Sender { sender: sender.to_owned() });
        }
        Ok(())
    }
}
