//! MTAs that refuse each other's credentials over TCP.

use super::*;
use crate::ConnectorFacts;
use event::build::{CredentialsRefused, UnknownMta};

/// EAST and WEST with a connector to each other in place of the RPC peer.
pub(super) fn connected() -> Snapshot {
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
                schedule: "always".into(),
                dialogue: "monologue".into(),
                mode: "normal".into(),
                ..ConnectorFacts::default()
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

pub(super) fn failure(layer: Layer, code: u32) -> FailureFacts {
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

fn tls(cause: &str, refused_by: &'static str, role: &'static str) -> event::Draft {
    build::tls_refused(&build::TlsRefused {
        entity: "WEST".into(),
        peer: Some("WEST".into()),
        refused_by,
        cause: cause.into(),
        detail: "invalid peer certificate".into(),
        role,
        address: "127.0.0.2".into(),
        code: 0x800b_0101,
    })
}

/// Whichever side is read: it is the certificate of WEST, and that of no other.
#[test]
fn an_expired_certificate_is_found_and_whose_it_is() {
    for (refused_by, read) in [("local", "EAST"), ("remote", "WEST"), ("both", "both")] {
        let mut snapshot = connected();
        snapshot.servers[1].tls_files = Some(("/srv/west.pem".into(), "/srv/west.key".into()));
        if refused_by != "remote" {
            let server = &mut snapshot.servers[0];
            server.events.push(tls("expired", "local", "caller").stamp(at(FAILED), "EAST"));
            server.events.push(tls("expired", "local", "called").stamp(at(FAILED + 1), "EAST"));
        }
        if refused_by != "local" {
            let server = &mut snapshot.servers[1];
            let mut event = tls("expired", "remote", "called").stamp(at(FAILED), "WEST");
            event.peer = Some("EAST".into());
            server.events.push(event);
            let refused = FailureFacts {
                text: "the other side refuses the certificate of this server".into(),
                ..failure(Layer::Authentication, 0x800b_0101)
            };
            server.peers[0].last_failure_out = Some(refused);
        }
        let answer = diagnose(&snapshot);
        assert!(!answer.undecided, "{read}: {answer:#?}");
        let first = answer.diagnoses.first().unwrap();
        assert_eq!(first.cause, Cause::CertificateExpired, "{read}: {answer:#?}");
        assert!(first.confidence > 0.8, "{read}: {}", first.confidence);
        let text = &first.remedy[0].text;
        assert!(text.starts_with("On WEST, put a renewed certificate"), "{read}: {text}");
        assert!(text.contains("/srv/west.pem") && text.contains("/srv/west.key"), "{text}");
    }
}

/// Where one side only speaks TLS, no certificate is at fault.
#[test]
fn tls_on_one_side_only_is_no_fault_of_a_certificate() {
    let mut snapshot = connected();
    snapshot.servers[0].events.push(tls("required", "local", "caller").stamp(at(FAILED), "EAST"));
    let answer = diagnose(&snapshot);
    assert!(
        answer.diagnoses.iter().all(|one| one.cause != Cause::CertificateExpired),
        "{answer:#?}"
    );
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

/// Whoever cannot read the password file, the caller or the called one, is named with the file and what to do.
#[test]
fn a_password_file_that_cannot_be_read_is_named() {
    for (server, layer, code) in [(1, Layer::Authentication, 1825), (0, Layer::Authentication, 0)] {
        let mut snapshot = connected();
        let why = "the secret in /srv/x may be read by others (mode 644)";
        let connector = snapshot.servers[server].peers[0].x400.as_mut().unwrap();
        connector.unreadable = Some(why.to_owned());
        snapshot.servers[1].peers[0].last_failure_out = Some(failure(layer, code));
        let answer = diagnose(&snapshot);
        let first = answer.diagnoses.first().unwrap();
        assert_eq!(first.cause, Cause::MtaPasswordMismatch, "{answer:#?}");
        assert!(!answer.undecided && first.confidence > 0.9, "{answer:#?}");
        let name = &snapshot.servers[server].name;
        assert!(first.title().starts_with(name.as_str()), "{first:#?}");
        assert!(first.remedy[0].text.contains("/srv/x"), "{first:#?}");
        let same = first.evidence.iter().filter(|one| one.says == why).count();
        assert_eq!(same, 1, "told once");
    }
}

#[test]
fn a_connector_that_calls_another_port_is_no_firewall() {
    let mut snapshot = connected();
    snapshot.servers[0].x400_port = 102;
    let west = &mut snapshot.servers[1];
    west.peers[0].x400.as_mut().unwrap().port = 103;
    west.peers[0].last_failure_out = Some(failure(Layer::Tcp, 10061));
    let answer = diagnose(&snapshot);
    let first = answer.diagnoses.first().unwrap();
    assert_eq!(first.cause, Cause::X400StackAddressMismatch, "{answer:#?}");
    assert!(!answer.undecided && first.confidence > 0.9, "{answer:#?}");
    assert!(first.remedy[0].text.contains("port = 102 in the [[x400]] table for EAST"));
    // What else could be behind a call that is refused counts for little.
    let rest: Vec<_> =
        answer.diagnoses[1..].iter().map(|one| (one.cause, one.confidence)).collect();
    assert!(rest.iter().all(|(_, confidence)| *confidence < 0.04), "{rest:?}");
}

/// The list that shuts a caller of X.400 out is that of [rfc1006], and the one of RPC says nothing.
#[test]
fn the_list_of_x400_is_the_one_that_counts() {
    let mut snapshot = connected();
    snapshot.servers[0].x400_port = 102;
    snapshot.servers[0].x400_allow = vec!["192.0.2.0/24".to_owned()];
    snapshot.servers[1].peers[0].last_failure_out = Some(failure(Layer::Tcp, 10054));
    let answer = diagnose(&snapshot);
    let first = answer.diagnoses.first().unwrap();
    assert_eq!(first.cause, Cause::PortFilteredByFirewall, "{answer:#?}");
    let text = &first.remedy[0].text;
    assert!(text.contains("127.0.0.3/32") && text.contains("[rfc1006]"), "{text}");
    snapshot.servers[0].x400_allow.clear();
    let text = diagnose(&snapshot).diagnoses[0].remedy[0].text.clone();
    assert!(text.contains("TCP port 102 of"), "{text}");
}
