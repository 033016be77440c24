//! The causes that the engine knows, with the pages that explain them.

use finding::{Cause, Group};

use crate::causes::RULES;
use crate::offline::page;

/// One cause with its page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The cause.
    pub cause: Cause,
    /// The page's path inside the project.
    pub path: &'static str,
    /// The page's text.
    pub page: &'static str,
}

/// A cause that no rule weighs, since a server says it of itself or its reports do.
macro_rules! said {
    ($cause:ident, $slug:literal) => {
        Reading {
            cause: Cause::$cause,
            path: concat!("docs/findings/", $slug, ".md"),
            page: include_str!(concat!("../../../docs/findings/", $slug, ".md")),
        }
    };
}

const SAID: [Reading; 14] = [
    said!(DiskSpaceLow, "disk-space-low"),
    said!(StoreReadOnly, "store-read-only"),
    said!(StoreDiskFault, "store-disk-fault"),
    said!(MtaDatabaseCorrupt, "mta-database-corrupt"),
    said!(FileDescriptorsExhausted, "file-descriptors-exhausted"),
    said!(LowMemory, "low-memory"),
    said!(RpcPortAlreadyInUse, "rpc-port-already-in-use"),
    said!(MessageLoopBetweenSystems, "message-loop-between-systems"),
    said!(MessageSizeLimitExceeded, "message-size-limit-exceeded"),
    said!(AddressSpaceMissing, "address-space-missing"),
    said!(RasDeviceBusy, "ras-device-busy"),
    said!(RasPhonebookEntryWrong, "ras-phonebook-entry-wrong"),
    said!(RasDefaultGateway, "ras-default-gateway"),
    said!(MtaStackNotInstalled, "mta-stack-not-installed"),
];

/// Every cause that the live doctor can find, with its page.
#[must_use]
pub fn catalogue() -> Vec<Reading> {
    let mut all: Vec<Reading> = Vec::new();
    for rule in RULES {
        // A cause that shows in two ways has a rule for each.
        if all.iter().all(|known| known.cause != rule.cause) {
            all.push(Reading { cause: rule.cause, path: rule.page, page: rule.text });
        }
    }
    all.extend(SAID);
    all
}

/// The page that explains a cause: written by hand for one that can be probed, else made from its row.
#[must_use]
pub fn explain(cause: Cause) -> String {
    let written = catalogue().into_iter().find(|reading| reading.cause == cause);
    written.map_or_else(|| page(cause), |reading| reading.page.to_owned())
}

/// Every cause that a diagnosis can name: those of servers that run, and those of events and remarks.
pub fn known() -> impl Iterator<Item = Cause> {
    Cause::ALL.iter().copied().filter(|cause| cause.group() != Group::Defect)
}
