//! From `[rfc1006]` and `[[x400]]` to their types.

use crate::connector::address_spaces;
use crate::document::{Checked, Source, TableReader};
use crate::fault::FaultKind;
use crate::load::both;
use crate::model::NeighbourApi;
use crate::model_x400::{
    ConnectorRetry, MailContent, Rfc1006, Schedule, Selectors, TlsFiles, TransferMode,
    TransferTerms, X400,
};

pub(crate) fn rfc1006(table: &TableReader<'_>, source: &Source) -> Checked<Rfc1006> {
    Ok(Rfc1006 {
        listen: table.value("listen")?.addresses()?,
        port: table.value("port")?.integer()?,
        allow: table.value("allow")?.networks()?,
        tpdu: table.value("tpdu")?.integer()?,
        own: selectors(table)?,
        tls: tls_files(table, source)?,
    })
}

fn tls_files(table: &TableReader<'_>, source: &Source) -> Checked<Option<TlsFiles>> {
    let path = |name| table.optional(name)?.map(|found| found.path()).transpose();
    let (certificate, key, trust) = (path("certificate")?, path("key")?, path("trust")?);
    let with_key = both(table, source, "certificate", certificate, "key", key)?;
    let all = both(table, source, "certificate", with_key, "trust", trust)?;
    let revocation = path("revocation")?;
    if revocation.is_some() && all.is_none() {
        let what = "rfc1006.revocation is of use beside certificate, key and trust only".to_owned();
        let way_out = "add the three, or remove revocation".to_owned();
        return Err(source.fault(table.at_key("revocation"), FaultKind::Conflict, what, way_out));
    }
    Ok(all.map(|((certificate, key), trust)| TlsFiles { certificate, key, trust, revocation }))
}

pub(crate) fn x400(
    table: &TableReader<'_>,
    source: &Source,
    (server_name, listener): (&str, &Selectors),
) -> Checked<X400> {
    let url = table.optional("admin")?.map(|found| found.url()).transpose()?;
    let token_file = table.optional("admin_token_file")?.map(|found| found.path()).transpose()?;
    let admin = both(table, source, "admin", url, "admin_token_file", token_file)?
        .map(|((url, authority), token_file)| NeighbourApi { url, authority, token_file });
    let path = |name| table.optional(name)?.map(|found| found.path()).transpose();
    let local_name = table.optional("local_name")?.map(|found| found.text()).transpose()?;
    let two_way = table.value("dialogue")?.choice()? == 1;
    let host = table.value("host")?.host()?;
    let tls_name = table.optional("tls_name")?.map(|found| found.host()).transpose()?;
    let tls_name = match (table.value("tls")?.choice()?, tls_name) {
        (0, Some(_)) => {
            let what = "x400.tls_name is of use with tls \"required\" only".to_owned();
            let way_out = "write `tls = \"required\"`, or remove tls_name".to_owned();
            return Err(source.fault(table.at_key("tls_name"), FaultKind::Conflict, what, way_out));
        }
        (0, None) => None,
        (_, name) => Some(name.unwrap_or_else(|| host.clone())),
    };
    let spaces = address_spaces(table, source)?;
    let domains = table.optional("domains")?.map(|found| found.domains()).transpose()?;
    if spaces.is_empty() && domains.is_none() {
        let what = "x400.domains is missing, and no address space stands below it".to_owned();
        let way_out = "write `domains = [\"west.demo.test\"]` under [[x400]], or an [[x400.address_space]] with a pattern".to_owned();
        return Err(source.fault(table.at_key("domains"), FaultKind::Missing, what, way_out));
    }
    Ok(X400 {
        name: table.value("name")?.text()?,
        ignore_case: table.value("name_case")?.choice()? == 1,
        host,
        tls_name,
        port: table.value("port")?.integer()?,
        domains: domains.unwrap_or_default(),
        address_spaces: spaces,
        remote_password_file: path("remote_password_file")?,
        local_name: local_name.unwrap_or_else(|| x400::ia5_name(server_name)),
        local_password_file: path("local_password_file")?,
        mode: match table.value("mode")?.choice()? {
            0 => TransferMode::Normal,
            1 => TransferMode::X410,
            _ => TransferMode::X1984,
        },
        two_way,
        called: selectors(table)?,
        own: own_selectors(table, listener)?,
        content: match table.value("content")?.choice()? {
            0 => MailContent::Rfc822,
            _ => MailContent::P22,
        },
        any_mode: table.value("incoming_mode")?.choice()? == 0,
        transfer: TransferTerms {
            checkpoint_kib: table.value("checkpoint_kib")?.integer()?,
            window: table.value("window")?.integer()?,
            recovery_timeout: table.value("recovery_timeout_s")?.seconds()?,
            receive_timeout: table.value("receive_timeout_s")?.seconds()?,
            timeout_urgent: table.value("transfer_timeout_urgent_s")?.seconds()?,
            timeout_normal: table.value("transfer_timeout_normal_s")?.seconds()?,
            timeout_non_urgent: table.value("transfer_timeout_non_urgent_s")?.seconds()?,
        },
        retry: ConnectorRetry {
            open_retries: table.value("open_retries")?.integer()?,
            open_interval: table.value("open_interval_s")?.seconds()?,
            transfer_retries: table.value("transfer_retries")?.integer()?,
            transfer_interval: table.value("transfer_interval_s")?.seconds()?,
            lifetime: table.value("lifetime_s")?.seconds()?,
            disconnect: table.value("disconnect_s")?.seconds()?,
            threshold: table.value("threshold")?.integer()?,
            max_associations: table.value("max_associations")?.integer()?,
        },
        schedule: schedule(table, source, "x400", two_way)?,
        admin,
        configuration: path("configuration")?,
    })
}

/// This server's selectors for a connector: its own, else those of the listener.
fn own_selectors(table: &TableReader<'_>, listener: &Selectors) -> Checked<Selectors> {
    let selector = |name, fallback: &Vec<u8>| -> Checked<Vec<u8>> {
        let found = table.optional(name)?.map(|found| found.selector()).transpose()?;
        Ok(found.unwrap_or_else(|| fallback.clone()))
    };
    Ok(Selectors {
        transport: selector("own_t_selector", &listener.transport)?,
        session: selector("own_s_selector", &listener.session)?,
        presentation: selector("own_p_selector", &listener.presentation)?,
    })
}

fn selectors(table: &TableReader<'_>) -> Checked<Selectors> {
    let selector = |name| -> Checked<Vec<u8>> {
        let found = table.optional(name)?.map(|found| found.selector()).transpose()?;
        Ok(found.unwrap_or_default())
    };
    Ok(Selectors {
        transport: selector("t_selector")?,
        session: selector("s_selector")?,
        presentation: selector("p_selector")?,
    })
}

/// When a connector of a section opens associations; `two_way` where the other side's may carry mail of this one, too.
pub(crate) fn schedule(
    table: &TableReader<'_>,
    source: &Source,
    section: &str,
    two_way: bool,
) -> Checked<Schedule> {
    let hours = table.optional("hours")?;
    let choice = table.value("schedule")?.choice()?;
    let fault = |what: &str, way_out: &str| {
        let at = table.at_key("schedule");
        let what = format!("{section}.{what}");
        Err(source.fault(at, FaultKind::Conflict, what, way_out.to_owned()))
    };
    match (choice, hours) {
        (1, Some(found)) => {
            let text = found.text()?;
            match Schedule::hours(&text) {
                Some(ranges) => Ok(Schedule::Selected(ranges)),
                None => Err(found.bad_value(
                    found.at,
                    "is not a list of ranges such as 08:00-12:00 with blanks between them",
                )),
            }
        }
        (1, None) => fault(
            "schedule: \"selected\" has no hours beside it",
            "add hours, as in `hours = \"08:00-18:00\"`",
        ),
        (_, Some(_)) => fault(
            "hours is of use with schedule \"selected\" only",
            "write `schedule = \"selected\"`, or remove hours",
        ),
        (0, None) => Ok(Schedule::Always),
        (2, None) => Ok(Schedule::Never),
        _ if !two_way => fault(
            "schedule: \"remote-initiated\" needs both ends to send on one association",
            "write `dialogue = \"two-way-alternate\"` beside it",
        ),
        _ => Ok(Schedule::RemoteInitiated),
    }
}
