//! The screen, word for word.

use diagnosis::{ProbeFact, ProbeResult};
use finding::{Answer, Cause, Diagnosis, Evidence, NextProbe, Remedy};

use super::{Report, render};

fn check(kind: &str, result: ProbeResult, detail: &str) -> ProbeFact {
    ProbeFact {
        check: kind.to_owned(),
        from: "WEST".to_owned(),
        target: "east.demo.test".to_owned(),
        result,
        detail: detail.to_owned(),
        ms: 3,
    }
}

fn report() -> Report {
    let mut first = Diagnosis::new(Cause::ServiceAccountPasswordMismatch, 0.97);
    first.evidence = vec![
        Evidence::new(
            "EAST event 9297",
            r"ORG\svc-west was refused at authentication: wrong password (1326), at 2026-01-02T03:01:00Z",
            0.95,
        ),
        Evidence::new(
            "WEST event 9318",
            "WEST cannot call EAST: code 5, comms error 5, bind error 0",
            0.3,
        ),
    ];
    first.evidence.extend((0..5).map(|n| Evidence::new("WEST queue", format!("{n}"), 0.1)));
    first.against = vec![Evidence::new("EAST accounts", r"ORG\svc-west is in the list", 0.2)];
    first.remedy = vec![
        Remedy {
            text: r"On EAST, give ORG\svc-west the password that WEST uses.".to_owned(),
            command: Some(
                r"bindback account set-password 'ORG\svc-west' --password-file /srv/demo/west/secrets/service.password -c /srv/demo/east/bindback.toml".to_owned(),
            ),
        },
        Remedy { text: "Mail flows by itself then.".to_owned(), command: None },
    ];
    first.reads = vec!["docs/findings/service-account-password-mismatch.md".to_owned()];
    let answer = Answer {
        undecided: false,
        diagnoses: vec![
            first,
            Diagnosis::new(Cause::ServiceAccountMissing, 0.12),
            Diagnosis::new(Cause::ServiceAccountLacksDirectoryRight, 0.05),
        ],
        next_probe: None,
        checks: vec![
            check("resolve", ProbeResult::Ok, "127.0.0.2, from [hosts]"),
            check("tcp-mapper", ProbeResult::Refused, ""),
        ],
    };
    Report {
        answer,
        local: "EAST".to_owned(),
        running: true,
        read: vec!["EAST".to_owned(), "WEST".to_owned()],
        notes: vec!["NORTH is not read: nobody answers\x1b[2J".to_owned()],
    }
}

const SCREEN: &str = r"The password stored with the service differs from the account's password
(service-account-password-mismatch, 97 %)

Evidence
  - EAST event 9297: ORG\svc-west was refused at authentication: wrong password (1326), at
    2026-01-02T03:01:00Z
  - WEST event 9318: WEST cannot call EAST: code 5, comms error 5, bind error 0
  - WEST queue: 0
  - WEST queue: 1
  - WEST queue: 2
  - and 2 more, with -v

Against
  - EAST accounts: ORG\svc-west is in the list

Remedy
  1. On EAST, give ORG\svc-west the password that WEST uses.
       bindback account set-password 'ORG\svc-west' --password-file /srv/demo/west/secrets/service.password -c /srv/demo/east/bindback.toml
  2. Mail flows by itself then.

More: bindback doctor --explain service-account-password-mismatch

Less likely: service-account-missing (12 %), service-account-lacks-directory-right (5 %)

Note: NORTH is not read: nobody answers [2J

2 checks made, 1 failed; -v shows them
";

#[test]
fn one_screen_says_cause_evidence_and_remedy() {
    assert_eq!(render::text(&report(), false), SCREEN);
    assert!(SCREEN.lines().count() <= 30, "it is no longer one screen");
}

#[test]
fn verbose_shows_every_check_and_every_cause() {
    let text = render::text(&report(), true);
    assert!(text.contains("  - WEST queue: 4\n") && !text.contains("more, with -v"));
    assert!(text.contains("(service-account-missing,") && !text.contains("Less likely"));
    let table = "\
CHECK       FROM  TARGET          RESULT   MS  DETAIL
resolve     WEST  east.demo.test  ok       3   127.0.0.2, from [hosts]
tcp-mapper  WEST  east.demo.test  refused  3   -
";
    assert!(text.ends_with(table), "{text}");
}

#[test]
fn health_is_one_line() {
    let mut report = report();
    report.answer = Answer::default();
    report.notes.clear();
    assert_eq!(render::text(&report, false), "Nothing is wrong. Read: EAST and WEST.\n");
}

#[test]
fn what_is_undecided_says_what_to_check() {
    let mut report = report();
    report.notes.clear();
    report.answer = Answer {
        undecided: true,
        next_probe: Some(NextProbe {
            check: "on EAST: the newest security event 9297".to_owned(),
            would_tell: vec![Cause::ServiceAccountMissing, Cause::ServiceAccountPasswordMismatch],
            command: Some("bindback events --id 9297".to_owned()),
        }),
        ..Answer::default()
    };
    assert_eq!(
        render::text(&report, false),
        "Undecided: too little could be read.\n\n\
         Next: on EAST: the newest security event 9297\n       bindback events --id 9297\n      \
         It would tell apart service-account-missing, service-account-password-mismatch.\n"
    );
}

#[test]
fn a_server_that_is_down_is_told_first() {
    let report = Report { running: false, ..report() };
    assert_eq!(
        render::text(&report, false),
        format!(
            "EAST does not run: what its configuration, its store and its neighbours tell:\n\n{SCREEN}"
        )
    );
}

/// What is only guessed at, since three causes are named in any case, sends nobody anywhere.
#[test]
fn a_guess_is_not_shown_as_an_answer() {
    let mut report = Report { running: false, ..report() };
    report.answer.undecided = true;
    for one in &mut report.answer.diagnoses {
        one.confidence = super::GUESS;
    }
    let brief = render::text(&report, false);
    assert!(
        brief.starts_with(
            "EAST does not run.\n\nUndecided: nothing that was read points to a cause"
        ),
        "{brief}"
    );
    assert!(!brief.contains("service-account-password-mismatch"), "{brief}");
    assert!(render::text(&report, true).contains("service-account-password-mismatch"));
}

#[test]
fn json_has_the_published_keys() {
    let line = admin::enveloped(&report()).unwrap();
    assert!(line.starts_with(r#"{"schema":"bindback.doctor/1","undecided":false,"diagnoses":[{"cause":"service-account-password-mismatch","group":"auth","#), "{line}");
    for key in
        ["\"next_probe\":null", "\"checks\":[{\"check\":\"resolve\"", "\"notes\":[", "\"reads\":["]
    {
        assert!(line.contains(key), "{key}");
    }
}
