//! The configuration's values in the terms of the rooms that use them.

use std::time::Duration;

use config::Config;
use mta::{Site, Terms};
use queue::{Life, Link, NextHop, Profile, QueueConfig, Retry};
use x400::GlobalDomainIdentifier;

/// The rules of the queue.
#[must_use]
pub fn queue_config(config: &Config) -> QueueConfig {
    let queue = &config.queue;
    QueueConfig {
        retry: Retry {
            first_s: seconds(queue.retry_first),
            factor_milli: thousandths(queue.retry_factor),
            max_s: seconds(queue.retry_max),
            seed: name_seed(&config.server.name),
        },
        life: Life {
            urgent_s: seconds(queue.life_urgent),
            normal_s: seconds(queue.life_normal),
            non_urgent_s: seconds(queue.life_non_urgent),
        },
        profile: if queue.classic { Profile::Classic } else { Profile::Growth },
        link: Link {
            associations: config.association.limit,
            threshold: config.association.threshold,
            ..Link::default()
        },
        links: config
            .x400
            .iter()
            .map(x400_link)
            .chain(config.dial_ups.iter().map(dial_up_link))
            .collect(),
        warn_after_s: Some(seconds(queue.warn_after)).filter(|seconds| *seconds > 0),
        max_messages: queue.max_messages,
        seen_s: seen_s(queue),
        ..QueueConfig::default()
    }
}

/// The rules of a link to another MTA over TCP: those of its connector, in every profile.
fn x400_link(connector: &config::X400) -> (NextHop, Link) {
    let retry = &connector.retry;
    let link = Link {
        open_retries: Some(retry.open_retries),
        open_interval_s: seconds(retry.open_interval),
        transfer_interval_s: seconds(retry.transfer_interval),
        associations: u32::try_from(retry.max_associations).unwrap_or(u32::MAX),
        // The last of several is for urgent mail alone.
        reserved: u32::from(retry.max_associations > 1),
        threshold: u32::try_from(retry.threshold).unwrap_or(u32::MAX),
        ..Link::default()
    };
    (NextHop::Peer(connector.name.clone()), link)
}

/// The rules of a line: one association, since the line is what is slow, and a rest between two rows of calls that is as
/// long as it is said to be.
fn dial_up_link(connector: &config::DialUp) -> (NextHop, Link) {
    let link = Link {
        open_retries: Some(connector.open_retries),
        open_interval_s: seconds(connector.open_interval),
        steady: true,
        associations: 1,
        reserved: 0,
        ..Link::default()
    };
    (NextHop::Peer(connector.peer.clone()), link)
}

/// A message that lives so long may be sent again for so long, and a little longer by a peer whose clock differs.
fn seen_s(queue: &config::Queue) -> u32 {
    const SLACK: Duration = Duration::from_secs(4 * 24 * 3600);
    let longest = queue.life_urgent.max(queue.life_normal).max(queue.life_non_urgent);
    seconds(longest.saturating_add(SLACK))
}

/// Who this MTA is.
#[must_use]
pub fn site(config: &Config) -> Site {
    let domain = &config.server.domain;
    Site {
        mta_name: x400::ia5_name(&config.server.name),
        domain: GlobalDomainIdentifier {
            country: domain.country.clone(),
            admd: domain.admd.clone(),
            prmd: Some(domain.prmd.clone()).filter(|prmd| !prmd.is_empty()),
        },
        organization: config.server.x400_organisation.clone(),
    }
}

/// What is offered to RTSE.
#[must_use]
pub fn terms(config: &Config) -> Terms {
    Terms {
        checkpoint_kib: u16::try_from(config.association.checkpoint_kib).unwrap_or(u16::MAX),
        window: u16::try_from(config.association.window).unwrap_or(u16::MAX),
    }
}

/// What a connector offers to RTSE; the defaults of a caller whom no connector fits.
#[must_use]
pub fn connector_terms(connector: Option<&config::X400>) -> Terms {
    match connector {
        Some(connector) => Terms {
            checkpoint_kib: connector.transfer.checkpoint_kib,
            window: connector.transfer.window,
        },
        None => Terms { checkpoint_kib: 0, window: 1 },
    }
}

/// The configuration's range keeps the factor within 1 and 10, so that nothing is cut off.
#[expect(clippy::as_conversions, reason = "there is no other way from f64, and `as` saturates")]
fn thousandths(factor: f64) -> u32 {
    (factor * 1000.0).round() as u32
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

/// Servers that start together must not retry together.
fn name_seed(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3)
    })
}
