//! Two faults at once: each hides behind the other, and both are named.

use super::*;

/// EAST refuses WEST's account with this code.
fn refused(user: &str, code: u32, step: &str) -> Snapshot {
    let mut snapshot = healthy();
    let violation = build::security_violation(&SecurityViolation {
        user: user.into(),
        ltab_index: 1,
        code,
        reason: "refused".into(),
        peer: Some("WEST".into()),
        address: Some("127.0.0.3:1024".into()),
        step: Some(step.into()),
        layer: Some(Layer::Authentication),
        ..SecurityViolation::default()
    });
    snapshot.servers[0].events.push(violation.stamp(at(FAILED), "EAST"));
    let denied = |bind| FailureFacts {
        time: at(FAILED),
        code: 5,
        comms: 5,
        bind,
        layer: Some(if bind == 0 { Layer::Bind } else { Layer::BindBack }),
        text: "denied".into(),
        protocol_string: Some("ncacn_ip_tcp:127.0.0.2[40749]".into()),
    };
    snapshot.servers[1].peers[0].last_failure_out = Some(denied(0));
    snapshot.servers[0].peers[0].last_failure_out = Some(denied(5));
    snapshot
}

fn first_three(snapshot: &Snapshot) -> Vec<Cause> {
    diagnose(snapshot).diagnoses.iter().take(3).map(|one| one.cause).collect()
}

#[test]
fn a_second_state_of_an_account_is_named_after_the_first() {
    let mut snapshot = refused(r"ORG\svc-west", 1331, "authentication");
    let account = &mut snapshot.servers[0].accounts[0];
    account.state = "disabled".into();
    account.states = vec!["disabled".into(), "password-expired".into()];
    let named = first_three(&snapshot);
    assert_eq!(named[..2], [Cause::AccountDisabled, Cause::PasswordExpired]);
    // One state alone is one cause.
    snapshot.servers[0].accounts[0].states.pop();
    let answer = diagnose(&snapshot);
    assert!(answer.diagnoses[1].confidence < 0.35, "{answer:#?}");
}

/// Another account is presented than the one that is expected, and the expected one lacks its role.
#[test]
fn a_defect_of_the_account_that_is_expected_is_named_beside_the_wrong_one() {
    let mut snapshot = refused(r"EAST\svc-mail", 1317, "authentication");
    let presented = (r"EAST\svc-mail".to_owned(), "override".to_owned());
    snapshot.servers[1].directory = Some(crate::DirectoryFacts {
        presented: [("EAST".to_owned(), presented)].into(),
        ..crate::DirectoryFacts::default()
    });
    let account = &mut snapshot.servers[0].accounts[0];
    account.missing = vec!["configuration".into()];
    account.roles.clear();
    let named = first_three(&snapshot);
    assert_eq!(named[0], Cause::OverrideAccountWrong, "{named:?}");
    assert!(named.contains(&Cause::ServiceAccountLacksDirectoryRight), "{named:?}");
    let answer = diagnose(&snapshot);
    let role = answer
        .diagnoses
        .iter()
        .find(|one| one.cause == Cause::ServiceAccountLacksDirectoryRight)
        .unwrap();
    let command = role.remedy[0].command.as_deref().unwrap();
    assert!(command.contains(r"'ORG\svc-west'"), "{command}");
}

/// WEST's calls go to another address; EAST refuses WEST's account where it comes: at the bind-back.
#[test]
fn a_way_that_is_wrong_and_an_account_that_is_refused_are_two_troubles() {
    let mut snapshot = refused(r"ORG\svc-west", 1326, "authentication");
    let lost = snapshot.servers[1].peers[0].last_failure_out.as_mut().unwrap();
    (lost.code, lost.comms, lost.layer) = (1722, 1722, Some(Layer::Tcp));
    snapshot.servers[1].hosts.insert("east.demo.test".into(), vec!["127.0.0.99".into()]);
    let named = first_three(&snapshot);
    assert!(named.contains(&Cause::LmhostsStaleEntry), "{named:?}");
    assert!(named.contains(&Cause::ServiceAccountPasswordMismatch), "{named:?}");
}
