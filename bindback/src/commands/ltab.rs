//! `bindback ltab`: the locality table.

use admin::api::{LtabEntries, LtabEntry};

use crate::backend;
use crate::cli::Setting;
use crate::failure::Found;
use crate::table::Table;
use crate::when;

pub async fn run(setting: &Setting<'_>) -> anyhow::Result<Found> {
    let entries = backend::running(&setting.config()?).ltab().await?;
    setting.output.answer(&LtabEntries { entries }, |table| text(&table.entries))?;
    Ok(Found::Nothing)
}

fn text(entries: &[LtabEntry]) -> String {
    if entries.is_empty() {
        return "no association was opened yet".to_owned();
    }
    let mut table = Table::new(&[
        "INDEX",
        "DIRECTION",
        "PEER",
        "ACCOUNT",
        "STATE",
        "BIND",
        "BIND-BACK",
        "SINCE",
        "MESSAGES",
        "PROTOCOL STRING",
        "LAST ERROR",
    ]);
    for entry in entries {
        let error = entry.last_error.as_ref().map(|error| {
            let (code, comms, bind) = (error.code, error.comms, error.bind);
            format!("{code}/{comms}/{bind} {}: {}", error.layer, error.text)
        });
        table.row(vec![
            entry.index.to_string(),
            entry.direction.clone(),
            entry.peer.clone(),
            entry.account.clone(),
            entry.state.clone(),
            entry.bind.clone(),
            entry.bind_back.clone(),
            when::show(entry.since),
            entry.messages.to_string(),
            entry.protocol_string.clone(),
            error.unwrap_or_default(),
        ]);
    }
    table.render()
}

#[cfg(test)]
mod tests {
    use admin::api::LtabError;

    use super::*;

    #[test]
    fn a_row_shows_its_last_error() {
        let entry = LtabEntry {
            index: 1,
            direction: "out".to_owned(),
            peer: "WEST".to_owned(),
            account: r"DEMO\svc-east".to_owned(),
            protocol_string: "ncacn_ip_tcp:127.0.0.3[40749]".to_owned(),
            bind: "bound".to_owned(),
            bind_back: "refused".to_owned(),
            state: "failed".to_owned(),
            since: "2026-01-02T03:04:05.6Z".parse().unwrap(),
            last_error: Some(LtabError {
                code: 5,
                comms: 5,
                bind: 5,
                layer: "bind-back".to_owned(),
                text: "access denied".to_owned(),
            }),
            messages: 0,
        };
        assert_eq!(
            text(&[entry]),
            "INDEX  DIRECTION  PEER  ACCOUNT        STATE   BIND   BIND-BACK  SINCE                 MESSAGES  PROTOCOL STRING                LAST ERROR\n\
             1      out        WEST  DEMO\\svc-east  failed  bound  refused    2026-01-02T03:04:05Z  0         ncacn_ip_tcp:127.0.0.3[40749]  5/5/5 bind-back: access denied\n"
        );
        assert_eq!(text(&[]), "no association was opened yet");
    }
}
