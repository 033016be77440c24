//! NTLM and SPNEGO: messages, and both sides of a logon.

use security::ntlm::{Authenticate, Challenge, ClientBlob, Negotiate, NtResponse, TargetInfo};
use security::spnego::{NegTokenInit, NegTokenResp};
use security::{Acceptor, Initiator};

use crate::{parties, parts};

pub fn ntlm_messages(octets: &[u8]) {
    if let Ok(message) = Negotiate::decode(octets)
        && let Ok(written) = message.encode()
    {
        assert!(Negotiate::decode(&written).expect("a message") == message);
    }
    if let Ok(message) = Challenge::decode(octets)
        && let Ok(written) = message.encode()
    {
        assert!(Challenge::decode(&written).expect("a message") == message);
    }
    if let Ok(message) = Authenticate::decode(octets)
        && let Ok(written) = message.encode()
    {
        Authenticate::decode(&written).expect("a message that was written");
    }
    if let Ok(info) = TargetInfo::decode(octets)
        && let Ok(written) = info.encode()
    {
        assert!(TargetInfo::decode(&written).expect("pairs") == info);
        let _ = (info.timestamp(), info.promises_mic());
    }
    let _ = NtResponse::decode(octets);
    if let Ok(blob) = ClientBlob::decode(octets) {
        let _ = blob.encode();
    }
}

pub fn spnego_tokens(octets: &[u8]) {
    if let Ok(token) = NegTokenInit::decode(octets) {
        assert!(NegTokenInit::decode(&token.encode()).expect("a token") == token);
    }
    if let Ok(token) = NegTokenResp::decode(octets) {
        assert!(NegTokenResp::decode(&token.encode()).expect("a token") == token);
    }
}

pub fn ntlm_acceptor(octets: &[u8]) {
    accept(Box::new(parties::ntlm_acceptor()), octets);
}

pub fn spnego_acceptor(octets: &[u8]) {
    accept(Box::new(parties::spnego_acceptor()), octets);
}

pub fn ntlm_initiator(octets: &[u8]) {
    initiate(Box::new(parties::ntlm_initiator()), octets);
}

pub fn spnego_initiator(octets: &[u8]) {
    initiate(Box::new(parties::spnego_initiator()), octets);
}

pub(crate) fn accept(mut acceptor: Box<dyn Acceptor>, octets: &[u8]) {
    for token in parts(octets) {
        match acceptor.step(token) {
            Ok(security::Step::Continue(_)) => {}
            Ok(security::Step::Done { .. }) => {
                let _ = acceptor.principal();
                if let Ok(mut context) = acceptor.into_context() {
                    let _ = context.verify(octets, 0..octets.len(), &[0; 16]);
                    let _ = context.unseal(&mut octets.to_vec(), 0..octets.len(), octets);
                }
                return;
            }
            // Nobody is there to be asked.
            Ok(security::Step::Ask(_)) => return,
            Err(_) => {
                // A refused identity stays refused.
                assert!(acceptor.into_context().is_err());
                return;
            }
        }
    }
}

pub(crate) fn initiate(mut initiator: Box<dyn Initiator>, octets: &[u8]) {
    if initiator.step(None).is_err() {
        return;
    }
    for token in parts(octets) {
        match initiator.step(Some(token)) {
            Ok(security::Step::Continue(_)) => {}
            Ok(security::Step::Done { .. }) => {
                let _ = initiator.into_context();
                return;
            }
            Ok(security::Step::Ask(_)) => return,
            Err(_) => {
                assert!(initiator.into_context().is_err());
                return;
            }
        }
    }
}
