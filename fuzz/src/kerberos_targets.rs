//! Kerberos: messages, files, both sides of a logon, the talk with a KDC, tokens, names.

use identity::Password;
use krb5::message::{
    ApRep, ApReq, Authenticator, EncApRepPart, EncKdcRepPart, EncTicketPart, EtypeInfo, KdcKind,
    KdcRep, KrbError, PaData, Ticket,
};
use krb5::{
    AsExchange, Ccache, ExchangeSeed, Keytab, Principal, Progress, Secret, Style, TgsExchange,
};
use security::SecurityContext;

use crate::parties::kerberos as party;
use crate::security_targets::{accept, initiate};
use crate::{choice, parts, text};

/// Holds a message that can be written to it: what was written reads as the same.
macro_rules! again {
    ($octets:expr, $message:ty) => {
        if let Ok(message) = <$message>::decode($octets) {
            let written = message.encode();
            let read = <$message>::decode(&written).expect("what was written can be read");
            assert!(read.encode() == written, "{}", stringify!($message));
        }
    };
}

pub fn messages(octets: &[u8]) {
    again!(octets, ApReq);
    again!(octets, ApRep);
    again!(octets, Authenticator);
    again!(octets, EncApRepPart);
    again!(octets, EncKdcRepPart);
    again!(octets, EncTicketPart);
    again!(octets, KrbError);
    for kind in [KdcKind::As, KdcKind::Tgs] {
        if let Ok(reply) = KdcRep::decode(kind, octets) {
            let written = reply.encode();
            let read = KdcRep::decode(kind, &written).expect("what was written can be read");
            assert!(read.encode() == written);
        }
    }
    if let Ok(ticket) = Ticket::decode(octets) {
        assert_eq!(Ticket::decode(&ticket.raw).ok(), Some(ticket));
    }
    if let Ok(list) = PaData::decode_list(octets) {
        let written = PaData::encode_list(&list);
        assert_eq!(PaData::decode_list(&written).ok(), Some(list));
    }
    if let Ok(list) = EtypeInfo::decode_list(octets) {
        let written = EtypeInfo::encode_list(&list);
        assert_eq!(EtypeInfo::decode_list(&written).ok(), Some(list));
    }
    if KrbError::is_one(octets)
        && let Ok(error) = KrbError::decode(octets)
    {
        let _ = error.methods();
    }
}

pub fn files(octets: &[u8]) {
    if let Ok(keytab) = Keytab::decode(octets) {
        let again = Keytab::decode(&keytab.encode()).expect("a keytab that was written");
        assert!(again == keytab);
        for principal in keytab.principals() {
            let _ = keytab.keys_of(principal);
        }
    }
    if let Ok(cache) = Ccache::decode(octets) {
        let _ = cache.ticket_granting(party::NOW);
        for one in &cache.credentials {
            assert!(
                cache
                    .find(&one.server, one.start_time)
                    .is_none_or(|f| f.server.matches(&one.server))
            );
        }
    }
}

fn style(first: u8) -> Style {
    if first & 1 == 0 { Style::Dce } else { Style::Gss }
}

pub fn acceptor(octets: &[u8]) {
    accept(Box::new(party::acceptor()), octets);
}

pub fn initiator(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    initiate(Box::new(party::initiator(style(first))), rest);
}

/// Answers of a KDC, to a client with a password, with keys, or with a ticket.
pub fn exchange(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    let now = party::time();
    let seed = ExchangeSeed { nonce: party::NONCE, confounder: [5; 16] };
    let secret = match first % 3 {
        0 => Secret::Password(Password::from(party::PASSWORD)),
        1 => Secret::Keys(vec![party::long_term()]),
        _ => {
            let server = party::SERVICE.parse().expect("a service");
            let (exchange, _) = TgsExchange::new(&party::ticket_granting(), &server, seed, now);
            if let Err(error) = exchange.handle_answer(rest, now) {
                let _ = (error.code(), error.to_string());
            }
            return;
        }
    };
    let (mut exchange, _) = AsExchange::new(party::client(), secret, seed, now);
    let mut requests = 0;
    for answer in parts(rest).take(8) {
        match exchange.handle_answer(answer, now) {
            Ok(Progress::Send(_)) => requests += 1,
            Ok(Progress::Done(credential)) => {
                assert!(credential.server.ticket_granting_for().is_some());
                return;
            }
            Err(error) => {
                let _ = (error.code(), error.to_string());
            }
        }
        assert!(requests <= 1, "the proof of a password goes out once");
    }
}

/// Tokens of a peer that is logged on: wrapped, signed, sealed.
pub fn tokens(octets: &[u8]) {
    let Some((first, rest)) = choice(octets) else { return };
    let (mut ours, mut peers) = party::sessions(style(first >> 2));
    let mut broken = false;
    for token in parts(rest).take(8) {
        let taken = match first & 3 {
            0 => ours.unwrap(token).is_ok(),
            1 => ours.verify(b"signed", 0..6, token).is_ok(),
            2 => ours.unseal(&mut b"sealed".to_vec(), 0..6, token).is_ok(),
            // Turned round, and for a body of another length.
            _ => peers.unseal(&mut token.to_vec(), 0..token.len() / 2, token).is_ok(),
        };
        assert!(!(broken && taken), "a broken context stays broken");
        broken |= !taken;
    }
}

pub fn names(octets: &[u8]) {
    let Some(text) = text(octets) else { return };
    if let Ok(principal) = text.parse::<Principal>() {
        let shown = principal.to_string();
        assert!(shown.parse::<Principal>().is_ok_and(|again| again == principal), "{shown:?}");
        assert!(principal.matches(&principal));
    }
}

/// krb5.conf, and KDCs as people write them.
pub fn realms(octets: &[u8]) {
    let Some(text) = text(octets) else { return };
    let realms = kerberos::Realms::parse(text);
    for realm in [text, realms.default_realm().unwrap_or("EAST.TEST"), "EAST.TEST"] {
        // Where none is known, the realm's own name is taken as it is.
        let known = realms.kdcs(realm).into_iter().filter(|kdc| kdc.host != realm.to_lowercase());
        for kdc in known {
            let shown = kdc.to_string();
            assert_eq!(shown.parse::<kerberos::KdcAddress>().ok(), Some(kdc), "{shown:?}");
        }
    }
    if let Ok(kdc) = text.parse::<kerberos::KdcAddress>() {
        let shown = kdc.to_string();
        assert_eq!(shown.parse::<kerberos::KdcAddress>().ok(), Some(kdc), "{shown:?}");
    }
}
