//! MTAs that refuse each other's credentials over TCP.

use super::*;
use crate::ConnectorFacts;
use event::build::{CredentialsRefused, UnknownMta};

/// EAST and WEST with a connector to each other in place of the RPC peer.
fn connected() -> Snapshot {
    let mut snapshot = healthy();
    for server in &mut snapshot.servers {
        let low = server.name.to_lowercase();
        let other = server.peers.remove(0);
        server.peers.push(PeerFacts {
            name: other.name,
            host: other.host,
            last_success_out: other.last_success_out,
            last_success_in: other.last_success_in,
            x400: Some(ConnectorFacts {
                port: 102,
                local_name: server.name.clone(),
                local_password_file: Some(format!("/srv/demo/{low}-mta.password")),
                remote_password_file: Some(format!("/srv/demo/{low}-other.password")),
            }),
            ..PeerFacts::default()
        });
    }
    snapshot
}

fn refused(differs: &str, role: &str) -> event::Draft {
    build::credentials_refused(&CredentialsRefused {
        entity: "WEST".into(),
        presented_name: "WEST".into(),
        expected_name: "WEST".into(),
        differs: differs.into(),
        role: role.into(),
        address: "127.0.0.2".into(),
    })
}

fn failure(layer: Layer, code: u32) -> FailureFacts {
    FailureFacts {
        time: at(FAILED),
        code,
        comms: 0,
        bind: 0,
        layer: Some(layer),
        text: "the peer refused the MTA bind: authentication-error".into(),
        protocol_string: None,
    }
}

#[test]
fn a_wrong_mta_password_is_found_and_its_remedy_names_both_files() {
    for differs in ["password", "password-case"] {
        let mut snapshot = connected();
        let [east, west] = &mut snapshot.servers[..] else { panic!("two servers") };
        east.events.push(refused(differs, "caller").stamp(at(FAILED), "EAST"));
        east.events.push(refused(differs, "called").stamp(at(FAILED + 2), "EAST"));
        east.peers[0].last_failure_out = Some(failure(Layer::Authentication, 2));
        west.peers[0].last_failure_out = Some(failure(Layer::Authentication, 2));
        let answer = diagnose(&snapshot);
        let first = answer.diagnoses.first().unwrap();
        assert_eq!(first.cause, Cause::MtaPasswordMismatch, "{answer:#?}");
        assert!(!answer.undecided && first.confidence > 0.8);
        assert_eq!(
            first.remedy[0].command.as_deref(),
            Some(
                "bindback x400 set-password WEST --remote --password-file /srv/demo/west-mta.password -c /srv/demo/east.toml"
            )
        );
        let in_case = first.evidence.iter().any(|one| one.says.contains("differs only in case"));
        assert_eq!(in_case, differs == "password-case");
    }
}

#[test]
fn a_name_that_differs_only_in_case_is_told_from_a_wrong_password() {
    let mut snapshot = connected();
    let unknown = build::unknown_mta(&UnknownMta {
        presented_name: "West".into(),
        presentation_address: "/n:0x7f000002".into(),
        association_index: 1,
        expected_name: Some("WEST".into()),
        differs: Some("name-case".into()),
        peer: Some("WEST".into()),
    });
    snapshot.servers[0].events.push(unknown.stamp(at(FAILED), "EAST"));
    snapshot.servers[1].peers[0].last_failure_out = Some(failure(Layer::Authentication, 2));
    let answer = diagnose(&snapshot);
    let first = answer.diagnoses.first().unwrap();
    assert_eq!(first.cause, Cause::ConnectorRemoteNameMismatch, "{answer:#?}");
    assert!(first.remedy[0].text.contains("it differs only in case"), "{:?}", first.remedy);
}

#[test]
fn what_was_cured_or_is_well_is_no_finding() {
    assert!(diagnose(&connected()).diagnoses.is_empty());
    let mut cured = connected();
    cured.servers[0].events.push(refused("password", "caller").stamp(at(FLOWED - 5), "EAST"));
    assert!(diagnose(&cured).diagnoses.is_empty());
}

/// From the refused side alone name and password cannot be told apart.
#[test]
fn from_one_side_the_doctor_says_what_to_read_on_the_other() {
    let mut snapshot = connected();
    snapshot.servers[1].peers[0].last_failure_out = Some(failure(Layer::Authentication, 2));
    snapshot.servers[0] =
        ServerFacts { name: "EAST".into(), role: Role::Unread, ..ServerFacts::default() };
    let answer = diagnose(&snapshot);
    assert!(answer.undecided);
    assert_eq!(answer.diagnoses[0].cause, Cause::MtaPasswordMismatch);
    assert!(answer.next_probe.unwrap().check.contains("event 48"));
}
