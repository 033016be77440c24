//! Verification trailers, MS-RPCE 2.2.2.13: what a client says of its own request behind the stub, under the protection
//! of the stub.
//!
//! A mechanism that signs the stub alone leaves the headers open to change on the way; the trailer repeats them where
//! they cannot be changed. Our client writes one behind every request that is signed: then a stub that happens to end
//! like a trailer is never taken for one, since the true one stands behind it.
//!
//! Only requests have one. It stands at a multiple of four octets behind the parameters, little-endian whatever the call
//! says, and is the last thing in the stub. One that breaks a rule, or says anything else than what came, refuses the call.

use wire::{Reader, Writer};

use crate::ndr::ByteOrder;
use crate::uuid::SyntaxId;

/// MS-RPCE 2.2.2.13.1.
const SIGNATURE: [u8; 8] = [0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71];
/// How far from the end of a stub a trailer may begin: all commands that are known take 80 octets.
pub(crate) const FARTHEST: usize = 1024;

const BITMASK_1: u16 = 0x0001;
const PRESENTATION: u16 = 0x0002;
const HEADER_2: u16 = 0x0003;
/// The number of a command; the two bits above say more of it.
const COMMAND: u16 = 0x3fff;
/// The last command.
const END: u16 = 0x4000;
/// A receiver that does not know the command refuses the call.
const MUST_PROCESS: u16 = 0x8000;

/// In bitmask 1: the client supports header signing.
const CLIENT_SIGNS_HEADERS: u32 = 0x0000_0001;

/// What one side knows of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The client said in the bind that it supports header signing.
    pub(crate) header_signing: bool,
    pub(crate) interface: SyntaxId,
    /// The type octet, and the format label.
    pub(crate) kind: u8,
    pub(crate) label: [u8; 4],
    pub(crate) call: u32,
    pub(crate) context_id: u16,
    pub(crate) opnum: u16,
}

/// Which commands a client writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Said {
    /// Interface and representation: needed until the server has answered once in the context.
    pub(crate) presentation: bool,
    /// The header: needed where signatures do not cover it.
    pub(crate) header: bool,
}

/// Appends the trailer to a stub.
pub(crate) fn append(stub: &mut Vec<u8>, facts: &Facts, said: Said) {
    let mut writer = Writer::new();
    writer.bytes(&SIGNATURE);
    let last = |more: bool| if more { 0 } else { END };
    writer.u16_le(BITMASK_1 | last(said.presentation || said.header));
    writer.u16_le(4);
    writer.u32_le(if facts.header_signing { CLIENT_SIGNS_HEADERS } else { 0 });
    if said.presentation {
        writer.u16_le(PRESENTATION | last(said.header));
        writer.u16_le(40);
        for syntax in [facts.interface, SyntaxId::NDR] {
            syntax.encode(&mut writer, ByteOrder::Little);
        }
    }
    if said.header {
        writer.u16_le(HEADER_2 | END);
        writer.u16_le(16);
        header_2(facts, &mut writer);
    }
    stub.resize(stub.len().next_multiple_of(4), 0);
    stub.extend_from_slice(writer.as_slice());
}

fn header_2(facts: &Facts, writer: &mut Writer) {
    writer.u8(facts.kind);
    writer.zeros(3);
    writer.bytes(&facts.label);
    writer.u32_le(facts.call);
    writer.u16_le(facts.context_id);
    writer.u16_le(facts.opnum);
}

/// Takes the trailer off a stub, if there is one, and holds it against what is known.
///
/// # Errors
/// The rule that the trailer breaks.
pub(crate) fn take_off(stub: &mut Vec<u8>, facts: &Facts) -> Result<(), &'static str> {
    let Some(begin) = find(stub) else {
        return Ok(());
    };
    check(stub.get(begin + SIGNATURE.len()..).unwrap_or_default(), facts)?;
    stub.truncate(begin);
    Ok(())
}

/// The last place where a trailer can begin.
fn find(stub: &[u8]) -> Option<usize> {
    let latest = stub.len().checked_sub(SIGNATURE.len())? & !3;
    let earliest = latest.saturating_sub(FARTHEST);
    (earliest..=latest).rev().step_by(4).find(|at| stub[*at..].starts_with(&SIGNATURE))
}

fn check(commands: &[u8], facts: &Facts) -> Result<(), &'static str> {
    const SHORT: &str = "a verification trailer that is cut short";
    let mut reader = Reader::new("verification trailer", commands);
    let mut seen = Vec::new();
    loop {
        let head = reader.u16_le("command").map_err(|_| SHORT)?;
        let length = reader.u16_le("length").map_err(|_| SHORT)?;
        let value = reader.bytes("value", length.into()).map_err(|_| SHORT)?;
        let command = head & COMMAND;
        if seen.contains(&command) {
            return Err("a command of a verification trailer that comes twice");
        }
        seen.push(command);
        check_command(command, head & MUST_PROCESS != 0, value, facts)?;
        if head & END != 0 {
            break;
        }
    }
    if reader.is_empty() { Ok(()) } else { Err("octets behind a verification trailer") }
}

fn check_command(
    command: u16,
    must_process: bool,
    value: &[u8],
    facts: &Facts,
) -> Result<(), &'static str> {
    let mut expected = Writer::new();
    match command {
        BITMASK_1 => {
            let bits = <[u8; 4]>::try_from(value).map(u32::from_le_bytes);
            let bits = bits.map_err(|_| "a bitmask of another size in a verification trailer")?;
            // The bind said otherwise, so somebody changed it on the way.
            let changed = bits & CLIENT_SIGNS_HEADERS != 0 && !facts.header_signing;
            return if changed { Err("header signing was taken out of the bind") } else { Ok(()) };
        }
        PRESENTATION => {
            for syntax in [facts.interface, SyntaxId::NDR] {
                syntax.encode(&mut expected, ByteOrder::Little);
            }
        }
        HEADER_2 => {
            if let Some(reserved) = value.get(1..4)
                && reserved != [0; 3]
                && value.len() == 16
            {
                // They count for nothing (MS-RPCE 2.2.2.13.3).
                let mut plain = value.to_vec();
                plain[1..4].fill(0);
                return check_command(command, must_process, &plain, facts);
            }
            header_2(facts, &mut expected);
        }
        _ if must_process => return Err("an unknown command of a verification trailer"),
        _ if !value.len().is_multiple_of(4) => {
            return Err("a command of a verification trailer of odd size");
        }
        _ => return Ok(()),
    }
    if expected.as_slice() == value {
        return Ok(());
    }
    Err(match command {
        PRESENTATION => "a verification trailer for another interface",
        _ => "a verification trailer for another request",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts = Facts {
        header_signing: true,
        interface: crate::epm::INTERFACE,
        kind: 0,
        label: [0x10, 0, 0, 0],
        call: 7,
        context_id: 1,
        opnum: 3,
    };
    const ALL: Said = Said { presentation: true, header: true };

    fn trailed(stub: &[u8], facts: &Facts, said: Said) -> Vec<u8> {
        let mut stub = stub.to_vec();
        append(&mut stub, facts, said);
        stub
    }

    fn verdict(stub: &[u8], facts: &Facts) -> Result<Vec<u8>, &'static str> {
        let mut stub = stub.to_vec();
        take_off(&mut stub, facts).map(|()| stub)
    }

    /// The octets of MS-RPCE 2.2.2.13, put together by hand.
    const VECTOR: &str = "8ae3137102f43671\
        0100 0400 01000000\
        0200 2800 0883afe11f5dc91191a408002b14a0fa 03000000 045d888aeb1cc9119fe808002b104860 02000000\
        0340 1000 00 00 0000 10000000 07000000 0100 0300";

    #[test]
    fn the_octets_are_those_of_the_standard() {
        assert_eq!(trailed(b"", &FACTS, ALL), wire::from_hex(VECTOR).unwrap());
    }

    #[test]
    fn what_was_said_is_taken_off_whatever_the_length_of_the_stub() {
        for said in [
            ALL,
            Said { presentation: false, header: true },
            Said { presentation: true, header: false },
            Said { presentation: false, header: false },
        ] {
            for length in 0..9usize {
                let stub = vec![9; length];
                let got = verdict(&trailed(&stub, &FACTS, said), &FACTS).unwrap();
                assert_eq!(got.len(), length.next_multiple_of(4));
                assert!(got.starts_with(&stub));
            }
        }
        assert_eq!(verdict(b"no trailer at all", &FACTS).unwrap(), b"no trailer at all");
        assert_eq!(verdict(b"", &FACTS).unwrap(), b"");
    }

    #[test]
    fn a_stub_that_ends_like_a_trailer_is_kept_when_the_true_one_follows() {
        let fake = Facts { opnum: 99, ..FACTS };
        let inner = trailed(b"mail", &fake, ALL);
        assert_eq!(verdict(&trailed(&inner, &FACTS, ALL), &FACTS).unwrap(), inner);
        assert!(verdict(&inner, &FACTS).is_err());
    }

    #[test]
    fn every_difference_is_refused() {
        let stub = trailed(b"stub", &FACTS, ALL);
        let other = crate::mgmt::INTERFACE;
        for facts in [
            Facts { header_signing: false, ..FACTS },
            Facts { interface: other, ..FACTS },
            Facts { kind: 2, ..FACTS },
            Facts { label: [0, 0, 0, 0], ..FACTS },
            Facts { call: 8, ..FACTS },
            Facts { context_id: 0, ..FACTS },
            Facts { opnum: 4, ..FACTS },
        ] {
            verdict(&stub, &facts).unwrap_err();
        }
        // Cut anywhere, or with something behind it.
        for end in 13..stub.len() {
            assert!(verdict(&stub[..end], &FACTS).is_err(), "cut at {end}");
        }
        verdict(&[&stub[..], &[0; 4]].concat(), &FACTS).unwrap_err();
    }

    #[test]
    fn commands_that_nobody_knows() {
        let said = Said { presentation: false, header: true };
        let with = |head: u16, value: &[u8]| {
            let mut stub = SIGNATURE.to_vec();
            stub.extend_from_slice(&head.to_le_bytes());
            stub.extend_from_slice(&u16::try_from(value.len()).unwrap().to_le_bytes());
            stub.extend_from_slice(value);
            stub.extend_from_slice(&trailed(b"", &FACTS, said)[8..]);
            verdict(&stub, &FACTS)
        };
        with(0x0009, &[0; 4]).unwrap();
        with(0x8009, &[0; 4]).unwrap_err();
        with(0x0009, &[0; 3]).unwrap_err();
        // The end before the end, and a command twice.
        with(0x4009, &[0; 4]).unwrap_err();
        with(0x0001, &[0; 4]).unwrap_err();
        // What is reserved counts for nothing.
        let mut stub = trailed(b"", &FACTS, said);
        let at = stub.len() - 15;
        stub[at..at + 3].fill(0xff);
        verdict(&stub, &FACTS).unwrap();
    }
}
