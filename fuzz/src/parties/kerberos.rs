//! A realm in memory: one client, one service, tickets that are made here.

use std::sync::Arc;

use krb5::message::{
    EncKdcRepPart, EncTicketPart, EncryptedData, EtypeInfo, KdcKind, KdcRep, KrbError, PaData,
    RawKey, Ticket, TicketFlags, pa,
};
use krb5::{
    ContextSeed, Credential, Etype, KerberosAcceptor, KerberosInitiator, KerberosSession, Key,
    Keytab, KeytabEntry, Principal, Service, Style, Time, string_to_key, usage,
};
use security::{Acceptor, Initiator, KerberosCode, Step};

pub const NOW: i64 = 1_800_000_000;
pub const NONCE: u32 = 0x1234_5678;
pub const PASSWORD: &str = "right";
pub const REALM: &str = "EAST.TEST";
pub const SERVICE: &str = "host/east.test@EAST.TEST";
const SALT: &str = "EAST.TESTann";

pub fn time() -> Time {
    Time { seconds: NOW, micros: 7 }
}

pub fn client() -> Principal {
    Principal::account("ann", REALM)
}

fn iterations() -> Vec<u8> {
    1_u32.to_be_bytes().to_vec()
}

/// The key of the password; one iteration, so that an input takes little time.
pub fn long_term() -> Key {
    let password = identity::Password::from(PASSWORD);
    string_to_key(Etype::Aes256Sha1, &password, SALT.as_bytes(), Some(&iterations()))
        .expect("a key")
}

fn service_key() -> Key {
    Key::from_random(Etype::Aes256Sha1, &[0x51; 32])
}

fn session_key() -> Key {
    Key::from_random(Etype::Aes256Sha1, &[0x77; 32])
}

pub fn keytab() -> Keytab {
    Keytab::new(vec![KeytabEntry {
        principal: SERVICE.parse().expect("a service"),
        timestamp: 0,
        kvno: 3,
        key: RawKey::from(&service_key()),
    }])
}

fn ticket(server: &Principal) -> (Ticket, EncTicketPart) {
    let part = EncTicketPart {
        flags: TicketFlags::PRE_AUTHENT,
        key: RawKey::from(&session_key()),
        client: client(),
        auth_time: NOW - 60,
        start_time: Some(NOW - 60),
        end_time: NOW + 3600,
    };
    let encrypted = EncryptedData {
        etype: Etype::Aes256Sha1.number(),
        kvno: Some(3),
        cipher: service_key().encrypt(usage::TICKET, [1; 16], &part.encode()),
    };
    (Ticket::new(server.clone(), encrypted), part)
}

fn credential(server: Principal) -> Credential {
    Credential {
        client: client(),
        key: session_key(),
        ticket: ticket(&server).0,
        server,
        flags: TicketFlags::PRE_AUTHENT,
        start_time: NOW - 60,
        end_time: NOW + 3600,
    }
}

pub fn ticket_granting() -> Credential {
    credential(Principal::ticket_granting(REALM, REALM))
}

fn seed(fill: u8) -> ContextSeed {
    ContextSeed {
        now: time(),
        subkey: [fill; 32],
        sequence: 7,
        confounders: [fill; 32],
        exchange: [[fill; 16], [fill ^ 1; 16]],
    }
}

pub fn acceptor() -> KerberosAcceptor {
    let service = Service::new(keytab()).with_domain(REALM, "EAST");
    KerberosAcceptor::new(Arc::new(service), seed(0x22))
}

pub fn initiator(style: Style) -> KerberosInitiator {
    KerberosInitiator::new(credential(SERVICE.parse().expect("a service")), seed(0x11), style)
}

fn token(step: Step) -> Option<Vec<u8>> {
    match step {
        Step::Continue(token) => Some(token),
        Step::Done { token } => token,
        Step::Ask(_) => None,
    }
}

/// What the two say to each other until both are done: the first is the initiator's.
pub fn said(initiator: &mut KerberosInitiator, acceptor: &mut KerberosAcceptor) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    let mut next = token(initiator.step(None).expect("a request"));
    while let Some(request) = next.take() {
        let reply = token(acceptor.step(&request).expect("an answer"));
        all.push(request);
        if let Some(reply) = reply {
            next = token(initiator.step(Some(&reply)).expect("an end"));
            all.push(reply);
        }
    }
    all
}

/// Both sides of a context.
pub fn sessions(style: Style) -> (KerberosSession, KerberosSession) {
    let (mut initiator, mut acceptor) = (initiator(style), acceptor());
    said(&mut initiator, &mut acceptor);
    (initiator.into_session().expect("a session"), acceptor.into_session().expect("a session"))
}

/// A KDC's demand for a proof of the password.
pub fn demand() -> Vec<u8> {
    let info = EtypeInfo {
        etype: Etype::Aes256Sha1.number(),
        salt: Some(SALT.to_owned()),
        parameters: Some(iterations()),
    };
    let value = EtypeInfo::encode_list(&[info]);
    let data = PaData::encode_list(&[PaData { kind: pa::ETYPE_INFO2, value }]);
    KrbError {
        server_time: time(),
        code: KerberosCode::KDC_ERR_PREAUTH_REQUIRED,
        client_realm: None,
        server: Principal::ticket_granting(REALM, REALM),
        text: Some("a proof".to_owned()),
        data: Some(data),
    }
    .encode()
}

/// A KDC's answer with a ticket.
pub fn answer(kind: KdcKind) -> Vec<u8> {
    let (server, key, usage) = match kind {
        KdcKind::As => (Principal::ticket_granting(REALM, REALM), long_term(), usage::AS_REP),
        KdcKind::Tgs => {
            (SERVICE.parse().expect("a service"), session_key(), usage::TGS_REP_SESSION)
        }
    };
    let part = part(&server);
    let cipher = key.encrypt(usage, [2; 16], &part.encode());
    KdcRep {
        kind,
        padata: Vec::new(),
        client: client(),
        ticket: ticket(&server).0,
        encrypted: EncryptedData { etype: key.etype().number(), kvno: None, cipher },
    }
    .encode()
}

fn part(server: &Principal) -> EncKdcRepPart {
    EncKdcRepPart {
        key: RawKey::from(&session_key()),
        nonce: NONCE,
        flags: TicketFlags::INITIAL,
        auth_time: NOW,
        start_time: None,
        end_time: NOW + 3600,
        server: server.clone(),
    }
}

/// What stands encrypted in tickets and answers, in clear.
pub fn inner() -> Vec<Vec<u8>> {
    let server = SERVICE.parse().expect("a service");
    vec![part(&server).encode().to_vec(), ticket(&server).1.encode().to_vec()]
}

/// A credential cache of version 4 with one ticket, as other programs write it.
pub fn cache() -> Vec<u8> {
    let mut out = vec![5, 4, 0, 0];
    let field = |out: &mut Vec<u8>, octets: &[u8]| {
        out.extend(u32::try_from(octets.len()).unwrap_or(0).to_be_bytes());
        out.extend(octets);
    };
    let name = |out: &mut Vec<u8>, principal: &Principal| {
        out.extend(principal.name_type.to_be_bytes());
        out.extend(u32::try_from(principal.components.len()).unwrap_or(0).to_be_bytes());
        field(out, principal.realm.as_bytes());
        for component in &principal.components {
            field(out, component.as_bytes());
        }
    };
    name(&mut out, &client());
    let one = ticket_granting();
    name(&mut out, &one.client);
    name(&mut out, &one.server);
    out.extend([0, 18]);
    field(&mut out, one.key.expose());
    for time in [one.start_time, one.start_time, one.end_time, 0] {
        out.extend(u32::try_from(time).unwrap_or(0).to_be_bytes());
    }
    out.push(0);
    out.extend(one.flags.0.to_be_bytes());
    out.extend([0; 8]);
    field(&mut out, &one.ticket.raw);
    field(&mut out, b"");
    out
}
