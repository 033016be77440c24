//! Writes the beginnings of a corpus: what honest parties say to each other, and the vectors of the house.
//!
//! One folder for each target, one file for each input.

mod logs;
mod tickets;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::path::Path;

use dcerpc::epm::{Endpoint, MapRequest, Tower};
use dcerpc::pdu::Pdu;
use dcerpc::{ByteOrder, ClientAssociation, ServerAssociation, ServerEvent, echo};
use mta::rpc_interface::{AssociationToken, Bind, Piece, Transfer};
use security::{Acceptor, Initiator, Step};

use crate::{TARGETS, parties};

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// Writes them below a folder.
pub fn write(folder: &Path) -> Result<()> {
    let corpus = Corpus { folder };
    rpc(&corpus)?;
    rpc_newer(&corpus)?;
    logons(&corpus)?;
    tickets::write(&corpus)?;
    logs::write(&corpus)?;
    vectors(&corpus)?;
    texts(&corpus)
}

struct Corpus<'a> {
    folder: &'a Path,
}

impl Corpus<'_> {
    fn add(&self, target: &str, octets: &[u8]) -> Result<()> {
        assert!(TARGETS.iter().any(|(name, _)| *name == target), "no target {target}");
        let folder = self.folder.join(target);
        std::fs::create_dir_all(&folder)?;
        let mut hasher = DefaultHasher::new();
        octets.hash(&mut hasher);
        std::fs::write(folder.join(format!("seed-{:016x}", hasher.finish())), octets)?;
        Ok(())
    }
}

/// A part with its length in front, as the targets with several inputs read it.
fn part(octets: &[u8]) -> Vec<u8> {
    let mut out = u16::try_from(octets.len()).unwrap_or(u16::MAX).to_le_bytes().to_vec();
    out.extend(octets);
    out
}

fn after(first: u8, octets: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    out.extend(octets);
    out
}

fn rpc(corpus: &Corpus<'_>) -> Result<()> {
    for choice in 0..9 {
        let mut client = ClientAssociation::new(parties::client(choice));
        let mut server = ServerAssociation::new(parties::server());
        client.call(1, b"a call before the bind")?;
        client.call(0, &[7; 7000])?;
        let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
        loop {
            let mut silent = true;
            while let Some(pdu) = client.poll_transmit() {
                silent = false;
                corpus.add("dcerpc_pdu", &pdu)?;
                to_server.extend_from_slice(&pdu);
                server.handle_bytes(&pdu)?;
            }
            while let Some(event) = server.poll_event() {
                if let ServerEvent::Request { call, stub, .. } = event {
                    server.respond(call, &stub)?;
                }
            }
            while let Some(pdu) = server.poll_transmit() {
                silent = false;
                Pdu::decode(&pdu)?;
                corpus.add("dcerpc_pdu", &pdu)?;
                to_client.extend_from_slice(&pdu);
                client.handle_bytes(&pdu)?;
            }
            if silent {
                break;
            }
        }
        corpus.add("dcerpc_server", &after(choice, &to_server))?;
        corpus.add("dcerpc_client", &after(choice, &to_client))?;
    }
    for order in [ByteOrder::Little, ByteOrder::Big] {
        let request = MapRequest::tcp(parties::INTERFACE).encode(order);
        corpus.add("dcerpc_epm", &after(3, &request))?;
    }
    let handle = dcerpc::ContextHandle::default();
    let piece = Piece { sequence: 0, end: true, octets: b"a piece".to_vec() };
    corpus.add("mta_interface", &Transfer { channel: handle, piece }.encode())?;
    let token = AssociationToken(*b"sixteen octets!!");
    let bind = Bind {
        caller_name: "WEST".to_owned(),
        called_name: "EAST".to_owned(),
        bind_back_binding: "ncacn_ip_tcp:west.demo.test[135]".to_owned(),
        token,
        max_piece: 65_536,
    };
    corpus.add("mta_interface", &bind.encode())?;
    corpus.add("dcerpc_epm", &after(2, &dcerpc::epm::encode_lookup(ByteOrder::Little, &handle)))?;
    corpus.add("dcerpc_interfaces", &after(1, &echo::encode_echo(b"abc")))?;
    let ids = dcerpc::mgmt::encode_interfaces(&[parties::INTERFACE], ByteOrder::Little);
    corpus.add("dcerpc_interfaces", &after(0, &ids))?;
    for first in 0..24 {
        corpus.add("dcerpc_ndr", &after(first, &echo::encode_echo(b"some text\0")))?;
    }
    Ok(())
}

/// Verification trailers, and callers that change the endpoint map.
fn rpc_newer(corpus: &Corpus<'_>) -> Result<()> {
    // NTLM at level integrity: the trailer that a client writes stands in clear.
    let mut client = ClientAssociation::new(parties::client(4));
    let mut server = ServerAssociation::new(parties::server());
    client.call(1, b"a stub")?;
    for _ in 0..4 {
        while let Some(pdu) = client.poll_transmit() {
            let magic = [0x8a, 0xe3, 0x13, 0x71, 0x02, 0xf4, 0x36, 0x71];
            if let Some(at) = pdu.windows(8).position(|eight| eight == magic) {
                // The stub's own octets, as the header says where the verifier begins.
                let verifier = usize::from(u16::from_le_bytes([pdu[10], pdu[11]])) + 8;
                let pad = usize::from(pdu[pdu.len() - verifier + 2]);
                let end = pdu.len() - verifier - pad;
                corpus.add("dcerpc_trailer", &after(1, &pdu[24..end]))?;
                corpus.add("dcerpc_trailer", &after(1, &pdu[at..end]))?;
            }
            server.handle_bytes(&pdu)?;
        }
        while let Some(pdu) = server.poll_transmit() {
            client.handle_bytes(&pdu)?;
        }
    }
    let nil = dcerpc::Uuid::from_u128(0);
    let tower = |port| Tower::tcp(parties::INTERFACE, std::net::Ipv4Addr::LOCALHOST, port);
    let endpoints: Vec<Endpoint> = (4747..4749)
        .map(|port| Endpoint { object: nil, tower: tower(port), annotation: "fuzz".to_owned() })
        .collect();
    for (index, order) in [(0, ByteOrder::Little), (1, ByteOrder::Big)] {
        let parts = [
            part(&after(index, &dcerpc::epm::encode_insert(order, &endpoints, true))),
            part(&after(2 | index, &dcerpc::epm::encode_delete(order, &endpoints[1..]))),
            part(&after(
                12 | index,
                &dcerpc::epm::encode_mgmt_delete(order, Some(nil), &tower(4747)),
            )),
        ];
        corpus.add("dcerpc_epm_changes", &parts.concat())?;
    }
    Ok(())
}

fn logons(corpus: &Corpus<'_>) -> Result<()> {
    let plain: (Box<dyn Initiator>, Box<dyn Acceptor>) =
        (Box::new(parties::ntlm_initiator()), Box::new(parties::ntlm_acceptor()));
    let wrapped: (Box<dyn Initiator>, Box<dyn Acceptor>) =
        (Box::new(parties::spnego_initiator()), Box::new(parties::spnego_acceptor()));
    for (name, messages, (mut initiator, mut acceptor)) in
        [("ntlm", "ntlm_messages", plain), ("spnego", "spnego_tokens", wrapped)]
    {
        let (mut to_acceptor, mut to_initiator) = (Vec::new(), Vec::new());
        let mut back: Option<Vec<u8>> = None;
        loop {
            let token = match initiator.step(back.as_deref())? {
                Step::Continue(token) => Some(token),
                Step::Done { token } => token,
                Step::Ask(_) => None,
            };
            let Some(token) = token else { break };
            corpus.add(messages, &token)?;
            to_acceptor.extend(part(&token));
            back = match acceptor.step(&token)? {
                Step::Continue(token) => Some(token),
                Step::Done { token } => token,
                Step::Ask(_) => None,
            };
            let Some(token) = &back else { break };
            corpus.add(messages, token)?;
            to_initiator.extend(part(token));
        }
        corpus.add(&format!("{name}_acceptor"), &to_acceptor)?;
        corpus.add(&format!("{name}_initiator"), &to_initiator)?;
    }
    Ok(())
}

fn vectors(corpus: &Corpus<'_>) -> Result<()> {
    let tier0 = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tier0");
    let modules = tier0.join("../tier1/modules");
    for file in ["mixed/Schannel.dll", "strong/ntlmssps.dll", "half/x400om.dll"] {
        corpus.add("modules_version", &std::fs::read(modules.join("vectors").join(file))?)?;
    }
    corpus.add("modules_table", &std::fs::read(modules.join("src/table.toml"))?)?;
    for entry in std::fs::read_dir(tier0.join("x400/tests/vectors"))? {
        let octets = std::fs::read(entry?.path())?;
        for target in ["ber", "x400_apdu", "x400_describe", "mixer_message", "x400_bind"] {
            corpus.add(target, &octets)?;
        }
    }
    // The exchanges that stand as hexadecimal constants in the tests of the stack.
    let mut exchange = Vec::new();
    for file in ["osi/src/vectors.rs", "osi/src/stack/tests/sample.rs"] {
        for octets in constants(&std::fs::read_to_string(tier0.join(file))?) {
            for target in
                ["osi_session", "osi_transport", "osi_presentation", "osi_acse_rtse", "ber"]
            {
                corpus.add(target, &octets)?;
            }
            exchange.push(octets);
        }
    }
    // Every proper end is an input of its own, so that what lies inside is found as well.
    for octets in &exchange {
        for at in (1..octets.len().min(200)).step_by(2) {
            if matches!(octets[at], 0x31 | 0x60 | 0x61 | 0x64 | 0xb0 | 0xb1 | 0xb2) {
                let inner = &octets[at..];
                for target in ["osi_presentation", "osi_acse_rtse", "x400_bind"] {
                    corpus.add(target, inner)?;
                }
            }
        }
    }
    let all: Vec<u8> = exchange.iter().flat_map(|octets| part(octets)).collect();
    corpus.add("osi_observe", &all)?;
    for first in 0..4 {
        corpus.add("osi_stack", &after(first, &all))?;
        corpus.add("mta_association", &after(first, &all))?;
    }
    let mut packets = Vec::new();
    for octets in &exchange {
        let mut data = vec![2, 0xf0, 0x80];
        data.extend_from_slice(octets);
        osi::transport::tpkt::encode(&data, &mut packets)?;
    }
    for first in 0..8 {
        corpus.add("osi_cotp", &after(first, &packets))?;
    }
    Ok(())
}

/// The octets of the string constants of a source file that are hexadecimal.
fn constants(source: &str) -> Vec<Vec<u8>> {
    source
        .split('"')
        .map(|text| text.chars().filter(|c| !c.is_whitespace() && *c != '\\').collect::<String>())
        .filter(|text| text.len() > 8)
        .filter_map(|text| wire::from_hex(&text))
        .collect()
}

fn texts(corpus: &Corpus<'_>) -> Result<()> {
    let of = |target: &str, texts: &[&str]| -> Result<()> {
        texts.iter().try_for_each(|text| corpus.add(target, text.as_bytes()))
    };
    of("wire_hex", &["00ff", "\u{1}\u{2}"])?;
    of(
        "dcerpc_texts",
        &[
            "ncacn_ip_tcp:east.demo.test[4747]",
            "ncacn_ip_tcp:fe80::1%eth0[135]",
            "9e8ee830-4459-11ce-979b-00aa005ffebe",
        ],
    )?;
    of(
        "x400_address_text",
        &[
            "C=DE;A=DBP;P=FIRMA;O=AG;OU1=HQ;S=Meier;G=Ida;I=M;Q=JR",
            "/C=AA/A= /P=DEMO/S=x/",
            "C=AA;A= ;P=DEMO;DDA:RFC-822=a(a)b.test",
            "X121=4930;T-ID=ab;N-ID=12",
            "[C=AA;A= ;P=DEMO;260101-1]",
        ],
    )?;
    of("x400_times", &["260102030405Z", "2601020304+0130", "9912312359Z"])?;
    of(
        "smtp_parameters",
        &[
            "SIZE=100 BODY=8BITMIME RET=HDRS ENVID=x SMTPUTF8",
            "NOTIFY=SUCCESS,DELAY ORCPT=rfc822;a+2Bb@c",
            "a@b.test",
            "\"q\\\"x\"@[127.0.0.1]",
            "5.7.1",
            "10.0.0.0/8 ::1/128",
        ],
    )?;
    let bye = "DATA\r\nSubject: a\r\n\r\n..b\r\n.\r\nRSET\r\nBDAT 4 LAST\r\nabcdQUIT\r\n";
    for first in 0..8 {
        let dialogue = format!(
            "EHLO me\r\nMAIL FROM:<a@b.test> SIZE=9 BODY=8BITMIME\r\nRCPT TO:<c@d.test> NOTIFY=NEVER\r\n{bye}"
        );
        corpus.add("smtp_dialogue", &after(first, dialogue.as_bytes()))?;
        let replies = "220 hi\r\n250-x\r\n250-SIZE 100\r\n250-8BITMIME\r\n250 CHUNKING\r\n250 2.1.0 ok\r\n250 ok\r\n550 5.1.1 no\r\n354 go\r\n250 taken\r\n221 bye\r\n";
        corpus.add("smtp_client", &after(first, replies.as_bytes()))?;
        let more = "220 hi\r\n250-x\r\n250-PIPELINING\r\n250-DSN\r\n250 ok\r\n250 ok\r\n250 ok\r\n550 5.1.1 no\r\n250 ok\r\n354 go\r\n250 taken\r\n250 ok\r\n451 4.3.0 later\r\n250 reset\r\n421 bye\r\n";
        corpus.add("smtp_session", &after(first, more.as_bytes()))?;
        corpus.add("smtp_session", &after(first, replies.as_bytes()))?;
    }
    of("mixer_message", &["Subject: a\r\n b\r\nX-Priority: 1\r\nImportance: high\r\n\r\nbody"])?;
    of(
        "mixer_mail",
        &[
            "To: a <b@c>\r\nContent-Type: multipart/alternative; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\nw7w=\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: =?utf-8?Q?=C3=BC?=\r\n\r\n\u{fc}\r\n--b--\r\n",
        ],
    )?;
    of("mixer_address", &["a@b.test", "a(b)%x&y@b", "C=AA;A= ;P=DEMO;S=x", "\u{e9}@\u{e8}.test"])?;
    for definition in event::CATALOGUE {
        corpus.add("event_read", definition.template.as_bytes())?;
        corpus.add("diagnosis_case", definition.template.as_bytes())?;
    }
    of(
        "diagnosis_case",
        &[
            r#"{"events":[{"id":9318,"source":"MSExchangeMTA","text":"Comms error 1722, Bind error 0","codes":{"win32":5}}],"notes":["the firewall was changed"]}"#,
        ],
    )?;
    of("identity_names", &["EAST\\svc", "svc@east.test", "0123456789abcdef0123456789abcdef"])?;
    of("queue_names", &["peer:WEST", "local", "0123456789abcdef0123456789abcdef"])?;
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/configuration.md");
    let page = std::fs::read_to_string(page)?;
    for block in page.split("```").skip(1).step_by(2) {
        corpus.add("config_file", block.trim_start_matches("toml").as_bytes())?;
    }
    of(
        "config_file",
        &[
            "[server]\nname = 'EAST'\norganisation = 'x'\nsite = 'HQ'\nhost_name = 'e.test'\nprmd = 'P'\n[smtp]\nlisten = ['127.0.0.1:25']\n[[peer]]\nname = 'W'\n[hosts]\n'w.test' = '127.0.0.2'\n",
        ],
    )?;
    Ok(())
}
