//! The helper's place is taken by scripts: what is asked, what comes back, and helpers that do not help.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use security::{LogonFailure, LogonQuestion};

use crate::Winbind;

fn question() -> LogonQuestion {
    LogonQuestion {
        account: identity::AccountName::new("CORP", "ann").unwrap(),
        user: "ann\n.\nUsername: root".to_owned(),
        domain: "CORP".to_owned(),
        workstation: "WEST".to_owned(),
        challenge: *b"server-1",
        lm_response: Vec::new(),
        nt_response: vec![0xab; 20],
    }
}

/// A helper that is a shell script.
fn helper(folder: &tempfile::TempDir, script: &str) -> Winbind {
    let path = folder.path().join("ntlm_auth");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
    Winbind::new(&path, Duration::from_secs(20))
}

#[tokio::test]
async fn what_is_asked_is_what_the_helper_reads() {
    let folder = tempfile::tempdir().unwrap();
    let asked = folder.path().join("asked");
    let script = format!(
        "echo \"$@\" > {0}; cat >> {0}; echo 'Authenticated: Yes'; \
         echo 'User-Session-Key: 000102030405060708090A0B0C0D0E0F'; echo .",
        asked.display()
    );
    let verdict = helper(&folder, &script).judge(&question(), |error| panic!("{error}")).await;
    assert!(verdict.is_ok(), "{verdict:?}");
    let said = std::fs::read_to_string(asked).unwrap();
    let expected = "--helper-protocol=ntlm-server-1\n\
        LANMAN-Challenge: 7365727665722d31\n\
        NT-Response: abababababababababababababababababababab\n\
        NT-Domain:: Q09SUA==\n\
        Username:: YW5uCi4KVXNlcm5hbWU6IHJvb3Q=\n\
        Workstation:: V0VTVA==\n\
        Request-User-Session-Key: Yes\n.\n";
    assert_eq!(said, expected);
}

#[tokio::test]
async fn a_helper_that_does_not_help_is_nobody_to_ask() {
    let folder = tempfile::tempdir().unwrap();
    let trouble = |winbind: Winbind| async move {
        let mut said = String::new();
        let verdict = winbind.judge(&question(), |error| said = error.to_string()).await;
        assert_eq!(verdict.unwrap_err(), LogonFailure::NoLogonServers);
        said
    };
    let absent = Winbind::new(&folder.path().join("absent"), Duration::from_secs(20));
    assert!(trouble(absent).await.contains("package winbind"));
    let said = trouble(helper(&folder, "cat > /dev/null; echo what")).await;
    assert!(said.ends_with("no answer: what"), "{said}");
    let path = folder.path().join("ntlm_auth");
    helper(&folder, "cat > /dev/null; exec sleep 60");
    let said = trouble(Winbind::new(&path, Duration::from_millis(200))).await;
    assert!(said.contains("gave no answer"), "{said}");
}

#[tokio::test]
async fn a_refusal_is_no_trouble() {
    let folder = tempfile::tempdir().unwrap();
    let script = "cat > /dev/null; echo 'Authenticated: No'; \
        echo 'Authentication-Error: The account is disabled (0xc0000072)'; echo .";
    let verdict = helper(&folder, script).judge(&question(), |error| panic!("{error}")).await;
    assert_eq!(verdict.unwrap_err(), LogonFailure::Disabled);
}
