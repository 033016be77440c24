//! A realm in memory: tickets are made with the keys of a keytab.

use std::sync::Arc;

use security::{Acceptor, Initiator, SecurityContext, SecurityError, Step};

use crate::message::{EncTicketPart, EncryptedData, RawKey, Ticket, TicketFlags};
use crate::*;

pub(super) const NOW: i64 = 1_800_000_000;
pub(super) const REALM: &str = "EAST.TEST";
pub(super) const SERVICE: &str = "host/east.test@EAST.TEST";

pub(super) fn time(seconds: i64) -> Time {
    Time { seconds, micros: 7 }
}

pub(super) fn service_key(etype: Etype) -> Key {
    Key::from_random(etype, &[0x51; 32])
}

pub(super) fn keytab(etype: Etype) -> Keytab {
    let entry = |name: &str, key: Key| KeytabEntry {
        principal: name.parse().unwrap(),
        timestamp: 0,
        kvno: 3,
        key: RawKey::from(&key),
    };
    Keytab::new(vec![
        entry("MTA/other.test@EAST.TEST", Key::from_random(etype, &[0x33; 32])),
        entry(SERVICE, service_key(etype)),
    ])
}

pub(super) fn service(etype: Etype) -> Arc<Service> {
    Arc::new(Service::new(keytab(etype)).with_domain(REALM, "EAST"))
}

pub(super) fn seed(now: i64, fill: u8) -> ContextSeed {
    ContextSeed {
        now: time(now),
        subkey: [fill; 32],
        sequence: 0xfff0_0000 + u32::from(fill),
        confounders: [fill ^ 0x55; 32],
        exchange: [[fill; 16], [fill ^ 1; 16]],
    }
}

/// What can be wrong with a ticket.
pub(super) struct Forge {
    pub(super) client: &'static str,
    pub(super) server: &'static str,
    pub(super) key: Key,
    pub(super) kvno: u32,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) flags: TicketFlags,
}

impl Forge {
    pub(super) fn right(etype: Etype) -> Self {
        Self {
            client: "svc-west@EAST.TEST",
            server: SERVICE,
            key: service_key(etype),
            kvno: 3,
            start: NOW - 60,
            end: NOW + 3600,
            flags: TicketFlags::PRE_AUTHENT,
        }
    }

    pub(super) fn credential(&self) -> Credential {
        let client: Principal = self.client.parse().unwrap();
        let server: Principal = self.server.parse().unwrap();
        let key = Key::from_random(self.key.etype(), &[0x77; 32]);
        let part = EncTicketPart {
            flags: self.flags,
            key: RawKey::from(&key),
            client: client.clone(),
            auth_time: self.start,
            start_time: Some(self.start),
            end_time: self.end,
        };
        let encrypted = EncryptedData {
            etype: self.key.etype().number(),
            kvno: Some(self.kvno),
            cipher: self.key.encrypt(usage::TICKET, [1; 16], &part.encode()),
        };
        Credential {
            client,
            server: server.clone(),
            key,
            ticket: Ticket::new(server, encrypted),
            flags: self.flags,
            start_time: self.start,
            end_time: self.end,
        }
    }
}

pub(super) fn token(step: Step) -> Vec<u8> {
    match step {
        Step::Continue(token) | Step::Done { token: Some(token) } => token,
        Step::Done { token: None } => Vec::new(),
        Step::Ask(_) => panic!("Kerberos asks nobody"),
    }
}

pub(super) type Pair = (Box<dyn SecurityContext>, Box<dyn SecurityContext>);

/// The contexts of both sides, or why the acceptor refuses.
pub(super) fn meet(
    credential: Credential,
    service: &Arc<Service>,
    now: i64,
) -> Result<Pair, SecurityError> {
    let mut initiator = Box::new(KerberosInitiator::new(credential, seed(NOW, 0x11), Style::Dce));
    let mut acceptor = Box::new(KerberosAcceptor::new(Arc::clone(service), seed(now, 0x22)));
    let request = token(initiator.step(None)?);
    let reply = token(acceptor.step(&request)?);
    let third = token(initiator.step(Some(&reply))?);
    assert!(matches!(acceptor.step(&third)?, Step::Done { token: None }));
    assert_eq!(acceptor.principal().unwrap().to_string(), "EAST\\svc-west");
    Ok((initiator.into_context()?, acceptor.into_context()?))
}
