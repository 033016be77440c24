//! Clocks that differ: all is code 5 to the caller, as of any account.

use super::protection::refused_at;
use super::*;

/// EAST refuses WEST's proof, with this code.
fn refused(code: u32) -> Snapshot {
    refused_at("authentication", code)
}

#[test]
fn a_proof_of_another_time_is_told_by_its_code() {
    let answer = diagnose(&refused(1398));
    assert_eq!(answer.diagnoses[0].cause, Cause::ClockSkew);
    assert!(!answer.undecided && answer.diagnoses[0].confidence > 0.8, "{answer:#?}");
    assert_ne!(diagnose(&refused(1326)).diagnoses[0].cause, Cause::ClockSkew);
}

#[test]
fn both_clocks_say_whose_is_ahead() {
    let mut snapshot = refused(1398);
    snapshot.servers[0].clock = Some(at(690));
    snapshot.servers[1].clock = Some(at(90));
    let answer = diagnose(&snapshot);
    let first = &answer.diagnoses[0];
    assert_eq!(first.cause, Cause::ClockSkew);
    assert!(
        first.remedy[0].text.contains("the clock of EAST is 600 s ahead of that of WEST"),
        "{first:#?}"
    );
    // Clocks that differ are no cause by themselves: NTLM does not look at them.
    let mut well = healthy();
    well.servers[0].clock = Some(at(690));
    well.servers[1].clock = Some(at(90));
    assert!(diagnose(&well).is_healthy());
    let mut other = refused(1326);
    other.servers[0].clock = Some(at(690));
    other.servers[1].clock = Some(at(90));
    assert_eq!(diagnose(&other).diagnoses[0].cause, Cause::ServiceAccountPasswordMismatch);
}
