//! TLS between two machines joined in memory: what passes, and what each side refuses and is told.

use std::convert::Infallible;

use crate::{Credentials, Machine, Secured, SecuredError, TlsError, TlsFault};

const AUTHORITY: &[u8] = include_bytes!("certificates/authority.pem");

/// Certificate and key of one of the names in `certificates`.
fn files(name: &str) -> (&'static [u8], &'static [u8]) {
    match name {
        "east" => {
            (include_bytes!("certificates/east.pem"), include_bytes!("certificates/east.key"))
        }
        "west" => {
            (include_bytes!("certificates/west.pem"), include_bytes!("certificates/west.key"))
        }
        "expired" => {
            (include_bytes!("certificates/expired.pem"), include_bytes!("certificates/expired.key"))
        }
        "kept" => {
            (include_bytes!("certificates/kept.pem"), include_bytes!("certificates/kept.key"))
        }
        "revoked" => {
            (include_bytes!("certificates/revoked.pem"), include_bytes!("certificates/revoked.key"))
        }
        "stranger" => (
            include_bytes!("certificates/stranger.pem"),
            include_bytes!("certificates/stranger.key"),
        ),
        other => panic!("no certificate {other}"),
    }
}

fn credentials(name: &str) -> Credentials {
    let (certificate, key) = files(name);
    Credentials::from_pem(certificate, key, AUTHORITY).unwrap()
}

/// Sends what it is given, keeps what comes.
#[derive(Default)]
struct Plain {
    out: Vec<Vec<u8>>,
    received: Vec<u8>,
}

impl Machine for Plain {
    type Error = Infallible;

    fn handle_bytes(&mut self, bytes: &[u8]) -> Result<(), Infallible> {
        self.received.extend_from_slice(bytes);
        Ok(())
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.out.pop()
    }
}

type Side = Secured<Plain>;

/// Moves octets until neither side has any, a few at a time; the first error of each side.
fn run(caller: &mut Side, called: &mut Side, piece: usize) -> [Option<TlsError>; 2] {
    let mut errors = [None, None];
    loop {
        let mut moved = false;
        for from in [0, 1] {
            let (sender, receiver) =
                if from == 0 { (&mut *caller, &mut *called) } else { (&mut *called, &mut *caller) };
            let error = 1 - from;
            while let Some(octets) = sender.poll_transmit() {
                moved = true;
                for part in octets.chunks(piece) {
                    if errors[error].is_some() {
                        break;
                    }
                    if let Err(SecuredError::Tls(what)) = receiver.handle_bytes(part) {
                        errors[error] = Some(what);
                    }
                }
            }
        }
        if !moved {
            return errors;
        }
    }
}

fn pair(caller: &str, called: &str, name: &str) -> (Side, Side) {
    let mut near = Secured::call(Plain::default(), credentials(caller), name).unwrap();
    near.machine.out.push(vec![b'n'; 100_000]);
    let mut far = Secured::answer(Plain::default(), credentials(called)).unwrap();
    far.machine.out.push(vec![b'f'; 100_000]);
    (near, far)
}

#[test]
fn octets_pass_both_ways_however_they_are_cut() {
    for piece in [1, 7, 1_000, 65_536] {
        let (mut near, mut far) = pair("east", "west", "mta.west.test");
        assert!(near.is_negotiating() && far.is_negotiating());
        assert!(run(&mut near, &mut far, piece).iter().all(Option::is_none));
        assert!(!near.is_negotiating() && !far.is_negotiating());
        assert_eq!(far.machine.received, vec![b'n'; 100_000]);
        assert_eq!(near.machine.received, vec![b'f'; 100_000]);
        assert!(far.peer_is("mta.east.test") && far.peer_is("127.0.0.1"));
        assert!(!far.peer_is("mta.west.test") && !far.peer_is("127.0.0.2") && !far.peer_is(""));
        assert!(near.suite().unwrap().starts_with("TLSv1_3 "));
    }
}

#[test]
fn each_side_refuses_what_the_other_shows_and_tells_it() {
    // Who calls, who is called, under which name; who refuses (0 the caller), why, and what the other hears.
    let told = [
        ("east", "expired", "mta.east.test", 0, TlsFault::Expired, TlsFault::Expired),
        ("east", "stranger", "mta.east.test", 0, TlsFault::Untrusted, TlsFault::Untrusted),
        ("east", "west", "mta.other.test", 0, TlsFault::WrongName, TlsFault::Certificate),
        ("expired", "west", "mta.west.test", 1, TlsFault::Expired, TlsFault::Expired),
        ("stranger", "west", "mta.west.test", 1, TlsFault::Untrusted, TlsFault::Untrusted),
    ];
    for (caller, called, name, refuses, fault, heard) in told {
        let (mut near, mut far) = pair(caller, called, name);
        let errors = run(&mut near, &mut far, 4_096);
        let (here, there) = (&errors[refuses], &errors[1 - refuses]);
        let here = here.as_ref().unwrap_or_else(|| panic!("{caller} to {called}: not refused"));
        assert_eq!((here.fault, here.by_peer), (fault, false), "{caller} to {called}");
        let there = there.as_ref().unwrap_or_else(|| panic!("{caller} to {called}: not told"));
        assert_eq!((there.fault, there.by_peer), (heard, true), "{caller} to {called}");
        // Nothing of the caller's machine reaches a server that refuses it.
        assert!(far.machine.received.is_empty() || refuses == 0);
    }
}

const LISTS: &[u8] = include_bytes!("certificates/lists.pem");
const OLD_LISTS: &[u8] = include_bytes!("certificates/old-lists.pem");

/// One that was taken back is refused by either side, told as such, and so is one of whose authority there is no list, or an
/// old one; without lists nobody asks.
#[test]
fn a_certificate_that_was_taken_back_is_refused() {
    let both: Vec<u8> = [AUTHORITY, include_bytes!("certificates/revoking.pem")].concat();
    let of = |name: &str, lists: Option<&[u8]>| {
        let (certificate, key) = files(name);
        let own = Credentials::from_pem(certificate, key, &both).unwrap();
        match lists {
            Some(lists) => own.with_revocation(lists).unwrap(),
            None => own,
        }
    };
    // The one who is judged, the lists of the one who judges, what comes of it.
    for (judged, lists, fault, heard) in [
        ("kept", Some(LISTS), None, None),
        ("revoked", None, None, None),
        ("revoked", Some(LISTS), Some(TlsFault::Revoked), Some(TlsFault::Revoked)),
        ("kept", Some(OLD_LISTS), Some(TlsFault::ListExpired), None),
        ("east", Some(LISTS), Some(TlsFault::NoList), None),
    ] {
        let name = if judged == "east" { "mta.east.test" } else { "mta.west.test" };
        for judge_calls in [true, false] {
            let judge = of("east", lists);
            let other = of(judged, None);
            let (mut near, mut far) = if judge_calls {
                let near = Secured::call(Plain::default(), judge, name).unwrap();
                (near, Secured::answer(Plain::default(), other).unwrap())
            } else {
                let near = Secured::call(Plain::default(), other, "mta.east.test").unwrap();
                (near, Secured::answer(Plain::default(), judge).unwrap())
            };
            let errors = run(&mut near, &mut far, 4_096);
            let (own, told) = if judge_calls { (0, 1) } else { (1, 0) };
            let found = errors[own].as_ref().map(|error| error.fault);
            assert_eq!(found, fault, "{judged}, the judge calls: {judge_calls}");
            assert_eq!(errors[told].is_some(), fault.is_some());
            if let Some(heard) = heard {
                assert_eq!(errors[told].as_ref().map(|error| error.fault), Some(heard));
            }
        }
    }
}

#[test]
fn lists_that_are_none_are_told() {
    let text = |lists: &[u8]| credentials("east").with_revocation(lists).unwrap_err().to_string();
    assert_eq!(text(b""), "the file of revocation lists holds no revocation list; it must be PEM");
    assert_eq!(text(AUTHORITY), text(b""));
    let bent = "-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----\n";
    assert_eq!(text(bent.as_bytes()), "the file of revocation lists cannot be used");
}

#[test]
fn octets_that_are_no_tls_are_refused() {
    let mut far = Secured::answer(Plain::default(), credentials("west")).unwrap();
    let Err(SecuredError::Tls(error)) = far.handle_bytes(&[3, 0, 0, 22, 17, 224, 0, 0]) else {
        panic!("taken")
    };
    assert_eq!((error.fault, error.by_peer), (TlsFault::Protocol, false));
}

#[test]
fn files_that_hold_something_else_are_told_apart() {
    let (certificate, key) = files("east");
    let text = |certificate: &[u8], key: &[u8], trust: &[u8]| {
        Credentials::from_pem(certificate, key, trust).unwrap_err().to_string()
    };
    assert!(text(key, key, AUTHORITY).contains("certificate file holds no certificate"));
    assert!(text(certificate, certificate, AUTHORITY).contains("key file holds no private key"));
    assert!(text(certificate, key, b"").contains("trusted authorities holds no certificate"));
    // A key that belongs to another certificate is found before anybody is called.
    let mixed = Credentials::from_pem(certificate, files("west").1, AUTHORITY).unwrap();
    assert!(Secured::answer(Plain::default(), mixed).is_err());
}
