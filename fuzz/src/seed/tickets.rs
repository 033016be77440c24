//! What parties of a realm in memory say, and their files.

use krb5::Style;
use krb5::message::KdcKind;

use super::{Corpus, Result, after, part};
use crate::parties::kerberos as party;

pub(super) fn write(corpus: &Corpus<'_>) -> Result<()> {
    corpus.add("krb5_files", &party::keytab().encode())?;
    corpus.add("krb5_files", &party::cache())?;
    for (index, style) in [(0_u8, Style::Dce), (1, Style::Gss)] {
        let (mut initiator, mut acceptor) = (party::initiator(style), party::acceptor());
        let said = party::said(&mut initiator, &mut acceptor);
        let (mut to_acceptor, mut to_initiator) = (Vec::new(), Vec::new());
        for (turn, token) in said.iter().enumerate() {
            let way = if turn % 2 == 0 { &mut to_acceptor } else { &mut to_initiator };
            way.extend(part(token));
            corpus.add("krb5_messages", token)?;
            // Behind an envelope and the number of a token.
            if let Some(at) =
                token.windows(2).position(|two| matches!(two, [0x6e | 0x6f, 0x81..=0x82]))
            {
                corpus.add("krb5_messages", &token[at..])?;
            }
        }
        corpus.add("krb5_acceptor", &to_acceptor)?;
        corpus.add("krb5_initiator", &after(index, &to_initiator))?;
        tokens(corpus, index, style)?;
    }
    let (demand, first) = (party::demand(), party::answer(KdcKind::As));
    let further = party::answer(KdcKind::Tgs);
    for message in [&demand, &first, &further].into_iter().chain(&party::inner()) {
        corpus.add("krb5_messages", message)?;
    }
    for choice in [0, 1] {
        corpus.add("krb5_exchange", &after(choice, &[part(&demand), part(&first)].concat()))?;
    }
    for answer in [&further, &demand] {
        corpus.add("krb5_exchange", &after(2, answer))?;
    }
    for name in ["ann@EAST.TEST", party::SERVICE, "krbtgt/B@A", "a\\/b@R"] {
        corpus.add("krb5_names", name.as_bytes())?;
    }
    for text in [
        "[libdefaults]\n default_realm = EAST.TEST\n[realms]\n EAST.TEST = {\n  kdc = dc1.east.test:88\n  kdc = tcp/[fd00::1]:750\n }\n",
        "dc1.east.example:88",
        "[fd00::1]:88",
    ] {
        corpus.add("kerberos_realms", text.as_bytes())?;
    }
    Ok(())
}

fn tokens(corpus: &Corpus<'_>, index: u8, style: Style) -> Result<()> {
    use security::SecurityContext;

    let first = |way: u8| way | index << 2;
    let (_, mut peer) = party::sessions(style);
    let wrapped = [part(&peer.wrap(b"a message", false)), part(&peer.wrap(b"a secret", true))];
    corpus.add("krb5_tokens", &after(first(0), &wrapped.concat()))?;
    let (_, mut peer) = party::sessions(style);
    let signed = part(&peer.sign(b"signed", 0..6));
    corpus.add("krb5_tokens", &after(first(1), &signed))?;
    let (_, mut peer) = party::sessions(style);
    let sealed = part(&peer.seal(&mut b"sealed".to_vec(), 0..6));
    for way in [2, 3] {
        corpus.add("krb5_tokens", &after(first(way), &sealed))?;
    }
    Ok(())
}
