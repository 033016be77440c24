//! X.400 over TCP: what two MTAs prove to each other when they bind.
//!
//! The caller hears "authentication-error" and no more; the MTA that refuses logs 48 or 51 with both
//! names and with what differs. It checks callers and, as a caller, the answer.

use event::Layer;
use finding::{Cause, Remedy};

use crate::causes::rule::{Case, Clue, Kind, Rule, in_words, with_command};
use crate::obstacle::{MtaRefusal, TlsRefusal};
use crate::shell::command;
use crate::snapshot::ConnectorFacts;

/// X.411 MTABindError: authentication-error.
const AUTHENTICATION_ERROR: u32 = 2;

pub(crate) const PASSWORD: Rule = Rule {
    cause: Cause::MtaPasswordMismatch,
    prior: 0.3,
    clues: &[password_refused, password_symptom, cannot_read],
    subject: |case| format!("{} refuses the password of the MTA {}", case.target(), case.actor()),
    remedy: |case| read_or_set(case),
    page: "docs/findings/mta-password-mismatch.md",
    text: include_str!("../../../../docs/findings/mta-password-mismatch.md"),
};

pub(crate) const NAME: Rule = Rule {
    cause: Cause::ConnectorRemoteNameMismatch,
    prior: 0.2,
    clues: &[name_refused, bind_refused],
    subject: |case| format!("{} refuses the name of the MTA {}", case.target(), case.actor()),
    remedy: set_name,
    page: "docs/findings/connector-remote-name-mismatch.md",
    text: include_str!("../../../../docs/findings/connector-remote-name-mismatch.md"),
};

pub(crate) const CERTIFICATE: Rule = Rule {
    cause: Cause::CertificateExpired,
    prior: 0.3,
    clues: &[certificate_refused, tls_symptom],
    subject: |case| match certificate(case) {
        Some(refusal) => format!("the certificate of {} is refused", refusal.whose),
        None => format!("{} and {} refuse each other's certificates", case.actor(), case.target()),
    },
    remedy: renew,
    page: "docs/findings/certificate-expired.md",
    text: include_str!("../../../../docs/findings/certificate-expired.md"),
};

/// What Windows calls faults of a certificate, as they stand in a failure's code: expired, root not trusted, another name,
/// revoked, no revocation list or an old one, none shown, any other (winerror.h).
const CERTIFICATE_CODES: [u32; 8] = [
    0x800b_0101,
    0x800b_0109,
    0x800b_010f,
    0x800b_010c,
    0x8009_2012,
    0x8009_2013,
    0x8009_030d,
    0x800b_010a,
];

/// The causes in event 20020 that are of a certificate, and not of TLS as a whole.
const OF_CERTIFICATES: [&str; 9] = [
    "expired",
    "not-yet-valid",
    "untrusted",
    "wrong-name",
    "revoked",
    "no-revocation-list",
    "revocation-list-expired",
    "missing",
    "certificate",
];

/// The newest refusal of a certificate; the side that refused knows the reason better than the one that was told.
fn certificate<'a>(case: Case<'a>) -> Option<&'a TlsRefusal> {
    let all = || {
        let refusals = case.obstacle.tls_refusals.iter();
        refusals.filter(|refusal| OF_CERTIFICATES.contains(&refusal.cause.as_str()))
    };
    // TLS has no words for what is wrong with a revocation list: the other side heard "untrusted" or less.
    let of_list = all().find(|refusal| refusal.cause.contains("revocation-list"));
    let named = || all().find(|refusal| refusal.cause != "certificate");
    of_list.or_else(named).or_else(|| all().next())
}

fn certificate_refused(case: Case<'_>) -> Vec<Clue> {
    let clues = case.obstacle.tls_refusals.iter().map(|refusal| {
        let (cause, whose) = (&refusal.cause, &refusal.whose);
        let says = format!(
            "the certificate of {whose}: {cause}, at {} ({})",
            refusal.time, refusal.detail
        );
        if OF_CERTIFICATES.contains(&cause.as_str()) {
            Clue::speaks_for(Kind::Reason, 0.9, &refusal.source, says)
        } else {
            let says = format!("TLS was refused ({cause}), and no certificate: {}", refusal.detail);
            Clue::against(Kind::Reason, 0.9, &refusal.source, says)
        }
    });
    clues.collect()
}

fn tls_symptom(case: Case<'_>) -> Vec<Clue> {
    let mut clues: Vec<Clue> = Vec::new();
    for witness in &case.obstacle.witnesses {
        clues.push(if CERTIFICATE_CODES.contains(&witness.code) {
            Clue::speaks_for(Kind::Symptom, 0.7, &witness.source, &*witness.says)
        } else {
            let says = format!("{}: no certificate was refused", witness.says);
            Clue::against(Kind::Symptom, 0.95, &witness.source, says)
        });
    }
    if clues.is_empty() && case.obstacle.tls_refusals.is_empty() {
        let says = format!("{} and {} refused no certificate", case.actor(), case.target());
        clues.push(Clue::against(Kind::Symptom, 0.95, case.target(), says));
    }
    clues
}

fn renew(case: Case<'_>) -> Vec<Remedy> {
    let Some(refusal) = certificate(case) else {
        return in_words(format!(
            "Read event 20020 of {} and {}: it says which of the two certificates is refused, and why.",
            case.actor(),
            case.target()
        ));
    };
    let whose = &refusal.whose;
    let other = if whose.eq_ignore_ascii_case(case.actor()) { case.target() } else { case.actor() };
    let files = case.view.snapshot.server(whose).and_then(|server| server.tls_files.as_ref());
    let (certificate, key) = match files {
        Some((certificate, key)) => (certificate.as_str(), key.as_str()),
        None => ("rfc1006.certificate", "rfc1006.key"),
    };
    in_words(match refusal.cause.as_str() {
        "untrusted" => format!(
            "On {other}, add the authority that signed the certificate of {whose} to the file of rfc1006.trust, if it may be trusted; or put a certificate of a trusted authority into {certificate} on {whose}, its key into {key}."
        ),
        "wrong-name" | "certificate" => format!(
            "On {other}, set tls_name in the [[x400]] table for {whose} to a name that its certificate has; or put a certificate with that name into {certificate} on {whose}. Show the names with: openssl x509 -noout -ext subjectAltName -in {certificate}"
        ),
        "revoked" => format!(
            "The authority of {whose} has taken its certificate back: on {whose}, put a new one with its chain into {certificate}, and its key into {key}. Both are read at every connection: no restart is needed."
        ),
        "no-revocation-list" => format!(
            "On {other}, add the revocation list of the authority that signed the certificate of {whose} to the file of rfc1006.revocation; or remove that key, and revoked certificates pass. The authority is shown by: openssl x509 -noout -issuer -in {certificate}"
        ),
        "revocation-list-expired" => format!(
            "On {other}, get the newest revocation list of the authority into the file of rfc1006.revocation: the time of the one there is over, so nobody can tell whether the certificate of {whose} was taken back. When it ends is shown by: openssl crl -noout -nextupdate -in FILE"
        ),
        "not-yet-valid" => format!(
            "Set the clocks of {whose} and {other}: the certificate of {whose} is not valid yet by the clock of {other}."
        ),
        _ => format!(
            "On {whose}, put a renewed certificate with its chain into {certificate}, and its key into {key}. Both are read at every connection: no restart is needed."
        ),
    })
}

fn is_name(refusal: &MtaRefusal) -> bool {
    matches!(refusal.differs.as_str(), "name" | "name-case")
}

fn password_refused(case: Case<'_>) -> Vec<Clue> {
    refused(case, |refusal| !is_name(refusal))
}

fn name_refused(case: Case<'_>) -> Vec<Clue> {
    refused(case, is_name)
}

/// What the target refused, for the cause or against it.
fn refused(case: Case<'_>, mine: impl Fn(&MtaRefusal) -> bool) -> Vec<Clue> {
    let clues = case.obstacle.mta_refusals.iter().map(|refusal| {
        let what = match refusal.differs.as_str() {
            "password" => "the password that it presented is not the one expected",
            "password-case" => "the password that it presented differs only in case",
            "name-case" => "the MTA name that it presented differs only in case",
            "name" => "the MTA name that it presented is not the one expected",
            "unauthenticated" => "it presented no credentials",
            _ => "its credentials are of a kind that is not supported",
        };
        let says = format!(
            "{} refused the MTA {}: {what} (presented {:?}, expected {:?}), at {}",
            case.target(),
            case.actor(),
            refusal.presented,
            refusal.expected,
            refusal.time
        );
        if mine(refusal) {
            Clue::speaks_for(Kind::Reason, 0.9, &refusal.source, says)
        } else {
            Clue::against(Kind::Reason, 0.92, &refusal.source, says)
        }
    });
    clues.collect()
}

/// The other MTA's word, which does not tell password and name apart; anything else speaks
/// against both.
fn bind_refused(case: Case<'_>) -> Vec<Clue> {
    let mut clues: Vec<Clue> = Vec::new();
    for witness in &case.obstacle.witnesses {
        let by_mta = witness.layer == Some(Layer::Authentication)
            && witness.code == AUTHENTICATION_ERROR
            && connector(case, case.actor(), case.target()).is_some();
        clues.push(if by_mta {
            Clue::speaks_for(Kind::Symptom, 0.5, &witness.source, &*witness.says)
        } else {
            let says = format!("{}: no credentials of an MTA were refused", witness.says);
            Clue::against(Kind::Symptom, 0.95, &witness.source, says)
        });
    }
    if clues.is_empty() && case.obstacle.mta_refusals.is_empty() {
        let says = format!("{} refused no credentials of an MTA", case.target());
        clues.push(Clue::against(Kind::Symptom, 0.95, case.target(), says));
    }
    clues
}

/// The server of the two that cannot read a password file of its connector to the other one, and why.
pub(crate) fn unreadable<'a>(case: Case<'a>) -> Option<(&'a str, &'a str)> {
    let (actor, target) = (case.actor(), case.target());
    [(actor, target), (target, actor)].into_iter().find_map(|(on, to)| {
        let why = connector(case, on, to)?.unreadable.as_deref()?;
        Some((on, why))
    })
}

fn cannot_read(case: Case<'_>) -> Vec<Clue> {
    let Some((on, why)) = unreadable(case) else { return Vec::new() };
    vec![
        Clue::speaks_for(Kind::Setting, 0.9, &format!("{on} connector"), why),
        Clue::speaks_for(Kind::Reason, 0.9, &format!("{on} connector"), why),
    ]
}

/// Who cannot read its password binds with nobody, whatever the witness says of it.
fn password_symptom(case: Case<'_>) -> Vec<Clue> {
    if unreadable(case).is_none() {
        return bind_refused(case);
    }
    let witnesses = case.obstacle.witnesses.iter();
    let clues = witnesses.map(|one| Clue::speaks_for(Kind::Symptom, 0.3, &one.source, &*one.says));
    clues.collect()
}

fn read_or_set(case: Case<'_>) -> Vec<Remedy> {
    let Some((on, why)) = unreadable(case) else { return set_password(case) };
    in_words(format!(
        "On {on}, put the file right: {why}. It has to be there and readable for the server's user and nobody else (chmod 600, chown); \
         it is read at every bind, so that no restart is needed."
    ))
}

fn connector<'a>(case: Case<'a>, on: &str, to: &str) -> Option<&'a ConnectorFacts> {
    case.view.peer(on, to)?.x400.as_ref()
}

fn set_password(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let text = format!(
        "On {target}, set the password expected of the MTA {actor} to the one that {actor} presents."
    );
    let file = connector(case, actor, target).and_then(|own| own.local_password_file.as_deref());
    let Some(file) = file else {
        return in_words(format!(
            "{text} The file of {actor} with it is not known here: ask its operator, then use \"bindback x400 set-password \
             {actor} --remote\" on {target}."
        ));
    };
    let mut words =
        vec!["bindback", "x400", "set-password", actor, "--remote", "--password-file", file];
    if let Some(config) = case.view.config(target) {
        words.extend(["-c", config]);
    }
    with_command(text, command(&words))
}

fn set_name(case: Case<'_>) -> Vec<Remedy> {
    let (actor, target) = (case.actor(), case.target());
    let newest = case.obstacle.mta_refusals.iter().find(|refusal| is_name(refusal));
    let Some(refusal) = newest else {
        return in_words(format!(
            "Give the [[x400]] table of {target} for {actor} the MTA name that {actor} presents."
        ));
    };
    let case_only = if refusal.differs == "name-case" {
        ", or set name_case = \"ignore\" there: it differs only in case"
    } else {
        ""
    };
    in_words(format!(
        "On {target}, give the [[x400]] table the name {:?} in place of {:?}{case_only}; or on {actor}, set local_name to {:?}.",
        refusal.presented, refusal.expected, refusal.expected
    ))
}
