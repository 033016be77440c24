//! The RPC carrier: C706 with MS-RPCE (association, endpoint mapper), MS-NLMP (NTLM).

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use conformance::{Letter, Side, Tshark, skip};

use crate::exchange::{record, unsealing};

/// What the large letter holds: enough for several pieces and for requests of many fragments.
const LARGE: usize = 120_000;

/// The interface of `idl/mta.idl`.
const INTERFACE: &str = "6f8d2c1a-3e57-4b0e-9c64-a1d05be27f93";

/// The endpoint mapper (C706, appendix O).
const EPM: &str = "e1af8308-5d1f-11c9-91a4-08002b14a0fa";

/// `ptype` of connection-oriented PDUs (C706 12.6.4.1).
const BIND: &str = "11";
const BIND_ACK: &str = "12";

#[test]
fn rpc_is_dissected_and_its_seal_opened() -> Result<()> {
    let Some(tshark) = Tshark::find() else {
        skip("rpc_is_dissected_and_its_seal_opened", "tshark is not installed");
        return Ok(());
    };
    let small = "A sentence that nobody can read on the wire.";
    let large = "0123456789abcdef ".repeat(LARGE / 17);
    let letter = |subject: &str, text: &str| {
        Letter::plain(&Side::West.user(), &Side::East.user(), subject, &fold(text))
    };
    let letters = [letter("small", small), letter("large", &large)];
    let recorded = record("rpc", &letters, 0)?;
    let open = unsealing(&tshark);
    let file = recorded.as_path();

    for tshark in [&tshark, &open] {
        let faults = tshark.faults(file)?;
        ensure!(faults.is_empty(), "tshark finds fault: {faults:?}");
    }
    binds(&tshark, file)?;
    mapper(&tshark, file)?;
    ntlm(&tshark, file)?;
    sealed(&tshark, &open, file, small)
}

/// Lines of a length that SMTP carries.
fn fold(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let lines: Vec<String> = characters.chunks(68).map(|line| line.iter().collect()).collect();
    lines.join("\r\n")
}

/// One interface, in NDR and in the syntax that stands for the features (MS-RPCE 2.2.2.14).
fn offers(contexts: &str, interface: &str) -> bool {
    contexts.split(',').all(|one| one == interface)
}

fn binds(tshark: &Tshark, file: &std::path::Path) -> Result<()> {
    let rows = tshark.fields(
        file,
        "dcerpc.pkt_type == 11",
        &["dcerpc.cn_bind_to_uuid", "dcerpc.auth_level", "dcerpc.auth_type"],
    )?;
    ensure!(
        rows.iter().any(|row| offers(&row[0], EPM) && row[1].is_empty()),
        "no bind to the mapper: {rows:?}"
    );
    // Level 6 is RPC_C_AUTHN_LEVEL_PKT_PRIVACY, type 10 NTLM (MS-RPCE 2.2.1.1.7, 2.2.1.1.8).
    let mta: Vec<_> = rows.iter().filter(|row| offers(&row[0], INTERFACE)).collect();
    ensure!(mta.len() >= 2, "bind and bind-back are missing: {rows:?}");
    ensure!(mta.iter().all(|row| row[1] == "6" && row[2] == "10"), "not sealed with NTLM: {mta:?}");
    let answers = tshark.fields(
        file,
        "dcerpc.pkt_type == 12",
        &["dcerpc.pkt_type", "dcerpc.cn_ack_result"],
    )?;
    ensure!(
        answers.len() == rows.len(),
        "{BIND} {} times, {BIND_ACK} {} times",
        rows.len(),
        answers.len()
    );
    // Acceptance of the interface, and negotiate_ack for the features (MS-RPCE 2.2.2.4).
    let accepted = |results: &str| matches!(results, "0" | "0,3");
    ensure!(answers.iter().all(|row| accepted(&row[1])), "a bind was not accepted: {answers:?}");
    Ok(())
}

fn mapper(tshark: &Tshark, file: &std::path::Path) -> Result<()> {
    let fields = [
        "epm.opnum",
        "dcerpc.pkt_type",
        "epm.uuid",
        "epm.proto.tcp_port",
        "epm.proto.ip",
        "epm.rc",
    ];
    let rows = tshark.fields(file, "epm", &fields)?;
    let requests = rows.iter().filter(|row| row[1] == "0").count();
    let answers: Vec<_> = rows.iter().filter(|row| row[1] == "2").collect();
    ensure!(requests >= 2 && requests == answers.len(), "maps of both sides: {rows:?}");
    ensure!(rows.iter().all(|row| row[0] == "3"), "not ept_map: {rows:?}");
    for answer in answers {
        let tower = answer[2].contains(INTERFACE)
            && answer[3] == conformance::RPC.to_string()
            && answer[4].starts_with("127.");
        ensure!(
            tower && answer[5] == "0x00000000",
            "the answer's tower is not seen (interface, port, address, status): {answer:?}"
        );
    }
    Ok(())
}

fn ntlm(tshark: &Tshark, file: &std::path::Path) -> Result<()> {
    let rows = tshark.fields(
        file,
        "ntlmssp.messagetype",
        &["ntlmssp.messagetype", "ntlmssp.auth.username", "ntlmssp.auth.domain"],
    )?;
    let types: BTreeSet<&str> = rows.iter().map(|row| row[0].as_str()).collect();
    // NEGOTIATE, CHALLENGE, AUTHENTICATE (MS-NLMP 2.2.1).
    ensure!(types == BTreeSet::from(["0x00000001", "0x00000002", "0x00000003"]), "{rows:?}");
    for side in Side::BOTH {
        let (domain, name) = side.account().split_once('\\').context("an account")?;
        ensure!(
            rows.iter().any(|row| row[1] == name && row[2] == domain),
            "{} did not log on: {rows:?}",
            side.account()
        );
    }
    let versions = tshark.fields(
        file,
        "ntlmssp.messagetype == 3",
        &["ntlmssp.ntlmv2_response", "ntlmssp.authenticate.mic", "ntlmssp.negotiatekeyexch"],
    )?;
    ensure!(
        versions.iter().all(|row| !row[0].is_empty() && row[0].len() > 96),
        "no NTLMv2 response: {versions:?}"
    );
    Ok(())
}

fn sealed(tshark: &Tshark, open: &Tshark, file: &std::path::Path, text: &str) -> Result<()> {
    let requests = "dcerpc.pkt_type == 0 && dcerpc.auth_level == 6";
    let encrypted = tshark.fields(
        file,
        requests,
        &["dcerpc.encrypted_stub_data", "dcerpc.decrypted_stub_data"],
    )?;
    ensure!(encrypted.len() >= 10, "only {} sealed requests", encrypted.len());
    ensure!(encrypted.iter().all(|row| !row[0].is_empty() && row[1].is_empty()), "not sealed");
    let octets = std::fs::read(file)?;
    ensure!(!contains(&octets, text.as_bytes()), "the letter can be read on the wire");

    let opened = open.fields(file, requests, &["dcerpc.opnum", "dcerpc.decrypted_stub_data"])?;
    ensure!(opened.len() == encrypted.len());
    ensure!(opened.iter().any(|row| !row[1].is_empty()), "tshark opened no seal");
    let readable: Vec<_> =
        opened.iter().filter(|row| row[1].contains(&hex(text.as_bytes()))).collect();
    // MtaTransfer is operation 2 of `idl/mta.idl`.
    ensure!(
        readable.len() == 1 && readable[0][0] == "2",
        "the letter stands in one MtaTransfer: {}",
        readable.len()
    );
    Ok(())
}

fn contains(octets: &[u8], part: &[u8]) -> bool {
    octets.windows(part.len()).any(|window| window == part)
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
