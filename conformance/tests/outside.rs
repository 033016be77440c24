//! Mail for hosts outside: by the MX of a domain (RFC 5321 5.1, RFC 7505), asked of a name server of the test's own, and a
//! report that nobody outside takes (RFC 5321 4.5.5, RFC 3464).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{Block, Letter, Organisation, Plan, SMTP, Side, until};

/// How long mail may take.
const ROAD: Duration = Duration::from_secs(60);

/// Types of records (RFC 1035 3.2.2).
const A: u16 = 1;
const MX: u16 = 15;

/// What a name server knows.
#[derive(Debug, Clone, Default)]
struct Zone {
    /// Preference and host; a host without a name is a null MX.
    mx: BTreeMap<&'static str, Vec<(u16, &'static str)>>,
    a: BTreeMap<&'static str, Ipv4Addr>,
}

impl Zone {
    /// Answers over UDP and TCP until the test ends.
    fn serve(self, at: SocketAddr) -> Result<()> {
        let socket = UdpSocket::bind(at)?;
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((count, from)) = socket.recv_from(&mut buffer) {
                if let Some(answer) = self.answer(&buffer[..count]) {
                    // Whoever asked asks again.
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        Ok(())
    }

    /// RFC 1035 4.1: header, question, answers.
    fn answer(&self, question: &[u8]) -> Option<Vec<u8>> {
        let (name, end) = name_at(question, 12)?;
        let kind = u16::from_be_bytes(question.get(end..end + 2)?.try_into().ok()?);
        let mut records = Vec::new();
        if kind == MX {
            for (preference, host) in self.mx.get(name.as_str()).into_iter().flatten() {
                records.push([&preference.to_be_bytes()[..], &spelt(host)].concat());
            }
        }
        if kind == A {
            records.extend(self.a.get(name.as_str()).map(|address| address.octets().to_vec()));
        }
        let known = self.mx.contains_key(name.as_str()) || self.a.contains_key(name.as_str());
        // An authoritative answer; code 3 is "no such name".
        let flags: u16 = if known { 0x8580 } else { 0x8583 };
        let mut out = question.get(..2)?.to_vec();
        out.extend_from_slice(&flags.to_be_bytes());
        for count in [1, u16::try_from(records.len()).ok()?, 0, 0] {
            out.extend_from_slice(&count.to_be_bytes());
        }
        out.extend_from_slice(question.get(12..end + 4)?);
        for record in records {
            // The name is that of the question, octet 12 (RFC 1035 4.1.4); class IN; for a minute.
            out.extend_from_slice(&[0xc0, 12]);
            out.extend_from_slice(&kind.to_be_bytes());
            out.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
            out.extend_from_slice(&u16::try_from(record.len()).ok()?.to_be_bytes());
            out.extend_from_slice(&record);
        }
        Some(out)
    }
}

/// The name that begins there, in lower case, and where it ends.
fn name_at(octets: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels = Vec::new();
    loop {
        let length = usize::from(*octets.get(at)?);
        at += 1;
        if length == 0 {
            return Some((labels.join("."), at));
        }
        let label = octets.get(at..at + length)?;
        labels.push(String::from_utf8_lossy(label).to_lowercase());
        at += length;
    }
}

fn spelt(name: &str) -> Vec<u8> {
    let labels = name.split('.').filter(|label| !label.is_empty());
    let mut out: Vec<u8> = labels
        .flat_map(|label| {
            [&[u8::try_from(label.len()).unwrap_or(0)][..], label.as_bytes()].concat()
        })
        .collect();
    out.push(0);
    out
}

/// Reverse path, recipient, and the content if it was taken.
type Seen = (String, String, Option<String>);

/// A host that takes mail, or refuses each recipient.
#[derive(Debug, Clone, Default)]
struct Host {
    refuses: bool,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Host {
    fn serve(&self, at: SocketAddr) -> Result<()> {
        let (host, listener) = (self.clone(), TcpListener::bind(at)?);
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let host = host.clone();
                // The sender sees a connection that breaks.
                std::thread::spawn(move || drop(host.talk(stream)));
            }
        });
        Ok(())
    }

    fn talk(&self, stream: TcpStream) -> std::io::Result<()> {
        let mut say = stream.try_clone()?;
        let mut lines = BufReader::new(stream).split(b'\n');
        let mut next = move || -> std::io::Result<Option<String>> {
            let line = lines.next().transpose()?;
            Ok(line.map(|line| String::from_utf8_lossy(&line).trim_end().to_owned()))
        };
        say.write_all(b"220 outside.test\r\n")?;
        let (mut from, mut to) = (String::new(), String::new());
        while let Some(line) = next()? {
            let path = |line: &str| line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
            let word = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match word.as_str() {
                "MAIL" => from = path(&line),
                "RCPT" => {
                    to = path(&line);
                    if self.refuses {
                        self.enter(&from, &to, None);
                        say.write_all(b"550 5.1.1 nobody of that name\r\n")?;
                        continue;
                    }
                }
                "DATA" if self.refuses => {
                    say.write_all(b"554 5.5.1 no recipients\r\n")?;
                    continue;
                }
                "DATA" => {
                    say.write_all(b"354 go\r\n")?;
                    let mut content = Vec::new();
                    while let Some(line) = next()?.filter(|line| line != ".") {
                        content.push(line);
                    }
                    self.enter(&from, &to, Some(content.join("\n")));
                }
                "QUIT" => {
                    say.write_all(b"221 bye\r\n")?;
                    return Ok(());
                }
                _ => {}
            }
            say.write_all(b"250 2.0.0 ok\r\n")?;
        }
        Ok(())
    }

    fn enter(&self, from: &str, to: &str, content: Option<String>) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.push((from.to_owned(), to.to_owned(), content));
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// WEST sends by the MX of each domain, and asks this name server.
fn plan(dns: SocketAddr) -> Plan {
    let connector = format!(
        "[[connector]]\nname = 'internet'\nkind = 'smtp'\nport = {SMTP}\nconnect_timeout_s = 5\n\
         [[connector.address_space]]\npattern = '*'\n"
    );
    Plan::default()
        .with_on(Side::West, "smtp", "relay", "['127.0.0.0/8']")
        .with_on(Side::West, "smtp", "dns", &format!("['{dns}']"))
        .with_more(Side::West, connector)
}

#[test]
fn mail_goes_to_the_first_mx_that_takes_it() -> Result<()> {
    let block = Block::take()?;
    let at = |number| SocketAddr::from((block.address(number), SMTP));
    let dns = SocketAddr::from((block.address(3), 5353));
    let ip = |number| match at(number).ip() {
        IpAddr::V4(address) => address,
        IpAddr::V6(_) => Ipv4Addr::UNSPECIFIED,
    };
    Zone {
        mx: [
            // Listed in another order than they are to be tried in; nobody listens at the first one.
            (
                "far.test",
                vec![(30, "third.far.test"), (10, "first.far.test"), (20, "second.far.test")],
            ),
            ("closed.test", vec![(0, "")]),
        ]
        .into(),
        a: [
            ("first.far.test", ip(0)),
            ("second.far.test", ip(1)),
            ("third.far.test", ip(2)),
            // No MX: its address is its mail host.
            ("plain.test", ip(2)),
        ]
        .into(),
    }
    .serve(dns)?;
    let (second, third) = (Host::default(), Host::default());
    second.serve(at(1))?;
    third.serve(at(2))?;
    let organisation = Organisation::make(&plan(dns))?;
    let _west = organisation.start(Side::West)?;
    for (number, to) in
        ["carla@far.test", "dora@plain.test", "emil@closed.test", "frieda@nowhere.test"]
            .into_iter()
            .enumerate()
    {
        let subject = format!("mx-{number}");
        let letter = Letter::plain(&Side::West.user(), to, &subject, "By the MX.");
        letter.hand_in(organisation.smtp(Side::West))?;
    }
    let took = |host: &Host, to: &str| host.seen().iter().filter(|one| one.1 == to).count();
    until(ROAD, "the mail at its hosts", || {
        let there = took(&second, "carla@far.test") + took(&third, "dora@plain.test");
        Ok((there == 2).then_some(()))
    })
    .with_context(|| organisation.said(Side::West))?;
    // A null MX and a domain that does not exist: mail comes back at once, not after its life.
    let reports = until(ROAD, "two reports", || {
        let mails = organisation.maildir(Side::West).read()?;
        let reports: Vec<String> =
            mails.iter().filter(|mail| mail.is_report()).map(|mail| mail.text()).collect();
        Ok((reports.len() == 2).then_some(reports))
    })
    .with_context(|| organisation.said(Side::West))?;
    for (to, why) in
        [("emil@closed.test", "takes no mail"), ("frieda@nowhere.test", "does not exist")]
    {
        let report = reports.iter().find(|text| text.contains(to)).context(to)?;
        ensure!(report.contains("Status: 5.1.") && report.contains(why), "{report}");
    }
    until(ROAD, "an empty queue", || Ok((organisation.waiting(Side::West)? == 0).then_some(())))?;
    ensure!(second.seen().len() == 1 && third.seen().len() == 1, "{second:?} {third:?}");
    Ok(())
}

#[test]
fn a_report_that_nobody_outside_takes_is_the_end_of_it() -> Result<()> {
    let block = Block::take()?;
    let dns = SocketAddr::from((block.address(3), 5353));
    let there = block.address(0);
    Zone {
        mx: [("far.test", vec![(10, "mx.far.test")])].into(),
        a: [("mx.far.test", there)].into(),
    }
    .serve(dns)?;
    let host = Host { refuses: true, ..Host::default() };
    host.serve(SocketAddr::from((there, SMTP)))?;
    let organisation = Organisation::make(&plan(dns))?;
    let _west = organisation.start(Side::West)?;
    // The letter is refused out there, and so is the report about it.
    let letter = Letter::plain("ghost@far.test", "kurt@far.test", "ghost", "From outside.");
    letter.hand_in(organisation.smtp(Side::West))?;
    until(ROAD, "the report at the host outside", || Ok((host.seen().len() >= 2).then_some(())))
        .with_context(|| organisation.said(Side::West))?;
    let empty = || Ok((organisation.waiting(Side::West)? == 0).then_some(()));
    until(ROAD, "an empty queue", empty)?;
    std::thread::sleep(Duration::from_secs(2));
    until(ROAD, "an empty queue", empty)?;
    let refused = |from: &str, to: &str| (from.to_owned(), to.to_owned(), None);
    let expected = [refused("ghost@far.test", "kurt@far.test"), refused("", "ghost@far.test")];
    ensure!(host.seen() == expected, "{:?}", host.seen());
    for side in Side::BOTH {
        let mails = organisation.maildir(side).read()?;
        ensure!(mails.is_empty(), "{} has {:?}", side.name(), mails[0].text());
    }
    Ok(())
}
