//! `[[connector]]` and its address spaces.

use routing::{AddressSpace, AddressType, Restrictions};

use crate::document::{Checked, Source, TableReader, shown};
use crate::fault::FaultKind;
use crate::load_x400::schedule;
use crate::model::{Connector, ConnectorKind, SmtpConnector};
use crate::model_x400::Schedule;

/// Reads one connector; the words of its kind say which keys it has.
pub(crate) fn connector(
    table: &TableReader<'_>,
    source: &Source,
    host_name: &str,
) -> Checked<Connector> {
    let name = table.value("name")?.text()?;
    let kind = table.value("kind")?;
    let peer = table.optional("peer")?.map(|found| found.text()).transpose()?;
    let hosts = table.optional("hosts")?.map(|found| found.hosts()).transpose()?;
    let kind = match (kind.text()?.as_str(), peer) {
        ("site", Some(peer)) if hosts.is_none() => ConnectorKind::Site { peer },
        ("site", Some(_)) => {
            return Err(misplaced(table, source, "hosts", "smtp"));
        }
        ("site", None) => {
            let what = format!("connector.peer is missing, and {} is of kind site", shown(&name));
            let way_out = "add `peer = \"NAME\"` with the name of a [[peer]]".to_owned();
            return Err(source.fault(table.at_key("kind"), FaultKind::Missing, what, way_out));
        }
        ("smtp", Some(_)) => return Err(misplaced(table, source, "peer", "site")),
        ("smtp", None) => ConnectorKind::Smtp(smtp(table, hosts.unwrap_or_default(), host_name)?),
        (other, _) => {
            return Err(kind.bad_value(kind.at, &format!("{} is no kind", shown(other))));
        }
    };
    let schedule = schedule(table, source, "connector", false)?;
    if matches!(kind, ConnectorKind::Site { .. }) && schedule != Schedule::Always {
        return Err(misplaced(table, source, "schedule", "smtp"));
    }
    Ok(Connector {
        name,
        kind,
        address_spaces: address_spaces(table, source)?,
        restrictions: Restrictions {
            max_message_size: limit(table.value("max_message_size")?.integer()?),
            max_recipients: limit(table.value("max_recipients")?.integer()?),
            allow_senders: table.value("allow_senders")?.patterns()?,
            refuse_senders: table.value("refuse_senders")?.patterns()?,
        },
        open_retries: limit(table.value("open_retries")?.integer()?),
        schedule,
    })
}

fn smtp(
    table: &TableReader<'_>,
    hosts: Vec<crate::model::HostPort>,
    host_name: &str,
) -> Checked<SmtpConnector> {
    let helo = table.optional("helo")?.map(|found| found.domain()).transpose()?;
    Ok(SmtpConnector {
        hosts,
        port: table.value("port")?.integer()?,
        helo: helo.unwrap_or_else(|| host_name.to_owned()),
        max_associations: table.value("max_associations")?.integer()?,
        messages_per_dialogue: table.value("messages_per_dialogue")?.integer()?,
        idle: table.value("idle_s")?.seconds()?,
        connect_timeout: table.value("connect_timeout_s")?.seconds()?,
    })
}

/// The address spaces of a connector of either table.
pub(crate) fn address_spaces(
    table: &TableReader<'_>,
    source: &Source,
) -> Checked<Vec<AddressSpace>> {
    table.address_spaces().iter().map(|space| address_space(space, source)).collect()
}

fn address_space(table: &TableReader<'_>, source: &Source) -> Checked<AddressSpace> {
    let address_type = table.value("type")?;
    let of = match address_type.text()?.as_str() {
        "smtp" => AddressType::Smtp,
        "x400" => AddressType::X400,
        "dn" => AddressType::Dn,
        other => {
            let problem = format!("{} is no type of address", shown(other));
            return Err(address_type.bad_value(address_type.at, &problem));
        }
    };
    let pattern = table.value("pattern")?.text_with_spaces()?;
    let cost = table.value("cost")?.integer()?;
    let mut space = AddressSpace::new(of, &pattern, cost).map_err(|error| {
        let way_out = "see docs/routing.md for the form of address spaces".to_owned();
        let section = table.section().name();
        let what = match std::error::Error::source(&error) {
            Some(inner) => format!("{section}.pattern: {error}: {inner}"),
            None => format!("{section}.pattern: {error}"),
        };
        source.fault(table.at_key("pattern"), FaultKind::BadValue, what, way_out)
    })?;
    space.max_message_size = limit(table.value("max_message_size")?.integer()?);
    Ok(space)
}

fn misplaced(table: &TableReader<'_>, source: &Source, key: &str, kind: &str) -> Box<crate::Fault> {
    let what = format!("connector.{key} is only for connectors of kind {kind}");
    let way_out = format!("remove {key}, or write `kind = \"{kind}\"`");
    source.fault(table.at_key(key), FaultKind::Conflict, what, way_out)
}

/// Zero means no limit.
fn limit<T: Default + PartialEq>(number: T) -> Option<T> {
    (number != T::default()).then_some(number)
}
