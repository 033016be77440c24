//! Calls that do not come about, and what a call does to the machine that makes it: the server says so itself, of its own
//! connector, with the words of its modem.

use finding::{Cause, Diagnosis, Evidence, Remedy, Stop};

use crate::shell::command;
use crate::snapshot::{CallFailureFacts, DialUpFacts, ServerFacts, Snapshot};

/// Every call of a snapshot's servers that failed while mail waits, and every link that took the default route.
pub(crate) fn diagnoses(snapshot: &Snapshot) -> Vec<Diagnosis> {
    let mut found = Vec::new();
    for server in &snapshot.servers {
        for line in &server.dial_ups {
            let waits = |hop: &str| hop.eq_ignore_ascii_case(&line.peer);
            let waiting = server.queues.iter().find(|queue| waits(&queue.next_hop));
            // Where nothing waits, an old failure is nobody's trouble.
            let waiting = waiting.map_or(0, |queue| queue.messages);
            if let Some(failure) = &line.failure
                && waiting > 0
            {
                found.extend(of_failure(snapshot, server, line, failure));
            }
            found.extend(of_route(server, line));
        }
    }
    found
}

/// What a failure means, how sure that is, and what to do about it.
fn meaning(line: &DialUpFacts, failure: &CallFailureFacts) -> Option<(Cause, f64, String)> {
    let (dial, peer) = (line.dial.as_str(), line.peer.as_str());
    let device = line.device.as_deref().unwrap_or("its device");
    let entry = |what: &str| {
        format!(
            "{what} Look at what `{dial}` reads: the entry's name, the number with its prefix, and the secrets of the line (pppd: /etc/ppp/peers, /etc/ppp/chap-secrets); run the command by hand once. The dial command is dial_up.dial in the configuration."
        )
    };
    Some(match failure.kind.as_str() {
        "device-busy" => {
            let holder = match &line.lock_file {
                Some(file) => format!("see who holds {file} (fuser, ps)"),
                None => format!("see who uses {device} (fuser, ps)"),
            };
            let text = format!(
                "Let {device} go: {holder}, end that program or wait for it. Connectors of this server that share a device name make their calls one after the other."
            );
            (Cause::RasDeviceBusy, 0.97, text)
        }
        "line-busy" => {
            let text = format!(
                "The line at {peer} is engaged: wait, give {peer} another line, or spread the calls over other hours (dial_up.hours); see that nobody has left a call standing there."
            );
            (Cause::RasDeviceBusy, 0.95, text)
        }
        "entry-wrong" => (Cause::RasPhonebookEntryWrong, 0.97, entry("Put the entry right.")),
        "no-carrier" => (
            Cause::RasPhonebookEntryWrong,
            0.8,
            entry(
                "The number leads to somebody who is no modem, or to a modem that does not speak the same.",
            ),
        ),
        "no-dial-tone" => (
            Cause::RasPhonebookEntryWrong,
            0.75,
            entry(
                "There is no dial tone: look at the cable, and whether the exchange wants a prefix or no tone (ATX3).",
            ),
        ),
        "not-authenticated" => (
            Cause::RasPhonebookEntryWrong,
            0.9,
            entry(
                "Name or password of the line are wrong; these are not the accounts of the servers.",
            ),
        ),
        "failed" | "no-protocol" => {
            (Cause::RasPhonebookEntryWrong, 0.85, entry("The dial command fails."))
        }
        "not-started" | "device-missing" => {
            let text = format!(
                "Install what dials (`{dial}`: pppd is in the package ppp), see that the path is right, that this server's user may run it, and that the device is there."
            );
            (Cause::MtaStackNotInstalled, 0.95, text)
        }
        "no-answer" | "timed-out" => {
            let text = format!(
                "Nobody takes the call: see that {peer}'s modem is on and answers (ATS0=1), and that the number is {peer}'s. dial_up.dial_timeout_s says how long a call may take."
            );
            (Cause::RemoteServerUnreachable, 0.9, text)
        }
        "silent" => {
            let text = format!(
                "The link is up and {peer} does not answer over it: see that the server {peer} runs, that it listens on the address of the link, that its name leads there ([hosts]), and that no filter stands between."
            );
            (Cause::RemoteServerUnreachable, 0.95, text)
        }
        "lost" => {
            let text = "The line is cut during calls: look at the modem's log, other users of the line (call waiting), and its quality.".to_owned();
            (Cause::NetworkUnreliable, 0.9, text)
        }
        "too-long" => {
            let text = "A call does not carry its mail within dial_up.longest_call_s: make it longer, limit the size of messages for this peer, or get a faster line.".to_owned();
            (Cause::NetworkInsufficientBandwidth, 0.8, text)
        }
        _ => return None,
    })
}

fn of_failure(
    snapshot: &Snapshot,
    server: &ServerFacts,
    line: &DialUpFacts,
    failure: &CallFailureFacts,
) -> Option<Diagnosis> {
    let (cause, weight, text) = meaning(line, failure)?;
    let mut diagnosis = Diagnosis::new(cause, weight);
    let exit = failure.exit.map(|code| format!(", dial command ended with {code}"));
    diagnosis.evidence.push(Evidence::new(
        format!("{} dial-up connector {}", server.name, line.peer),
        format!("RAS error {}{}: {}", failure.code, exit.unwrap_or_default(), failure.text),
        weight,
    ));
    let retry = server
        .config_path
        .as_deref()
        .map(|file| command(&["bindback", "queue", "retry", "--next-hop", &line.peer, "-c", file]));
    let text = format!("On {}: {text} Then let the mail be tried.", server.name);
    diagnosis.remedy.push(Remedy { text, command: retry });
    diagnosis.reads.push(format!("docs/findings/{}.md", cause.slug()));
    diagnosis.stops.push(Stop { from: server.name.clone(), to: line.peer.clone() });
    // Whoever waits to be called waits for the same.
    let called = snapshot.server(&line.peer).and_then(|peer| {
        peer.dial_ups.iter().find(|one| one.peer.eq_ignore_ascii_case(&server.name))
    });
    if called.is_some_and(|one| one.schedule == "remote-initiated") {
        diagnosis.stops.push(Stop { from: line.peer.clone(), to: server.name.clone() });
    }
    Some(diagnosis)
}

fn of_route(server: &ServerFacts, line: &DialUpFacts) -> Option<Diagnosis> {
    const WEIGHT: f64 = 0.93;
    let interface = line.default_route.as_deref()?;
    let mut diagnosis = Diagnosis::new(Cause::RasDefaultGateway, WEIGHT);
    diagnosis.evidence.push(Evidence::new(
        format!("{} dial-up connector {}", server.name, line.peer),
        format!(
            "the last call made its link {interface} the default route of this machine, which led elsewhere or nowhere before"
        ),
        WEIGHT,
    ));
    let text = format!(
        "On {}: let the link to {} bring no default route (pppd: nodefaultroute, and no replacedefaultroute; else the command in dial_up.dial that adds it), and give it a route to the peer's network alone. While the call stands, whoever reaches this server through another router loses it.",
        server.name, line.peer
    );
    diagnosis.remedy.push(Remedy { text, command: None });
    diagnosis.reads.push(format!("docs/findings/{}.md", diagnosis.cause.slug()));
    Some(diagnosis)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::causes::east;
    use crate::snapshot::QueueFacts;

    fn answer(line: DialUpFacts, messages: u64) -> finding::Answer {
        let queue = QueueFacts {
            next_hop: line.peer.clone(),
            state: "retry".to_owned(),
            messages,
            ..QueueFacts::default()
        };
        east::answer(queue, vec![line])
    }

    fn failed(kind: &str) -> DialUpFacts {
        DialUpFacts {
            peer: "WEST".to_owned(),
            dial: "pppd call west".to_owned(),
            lock_file: Some("/run/lock/LCK..ttyS0".to_owned()),
            failure: Some(CallFailureFacts {
                kind: kind.to_owned(),
                code: 676,
                exit: Some(8),
                text: "the words".to_owned(),
                ..CallFailureFacts::default()
            }),
            ..DialUpFacts::default()
        }
    }

    /// Claims: 18
    #[test]
    fn each_way_in_which_a_call_fails_has_its_cause_and_its_cure() {
        for (kind, cause, words) in [
            ("device-busy", Cause::RasDeviceBusy, "LCK..ttyS0"),
            ("line-busy", Cause::RasDeviceBusy, "engaged"),
            ("entry-wrong", Cause::RasPhonebookEntryWrong, "pppd call west"),
            ("failed", Cause::RasPhonebookEntryWrong, "run the command by hand"),
            ("not-authenticated", Cause::RasPhonebookEntryWrong, "not the accounts of the servers"),
            ("not-started", Cause::MtaStackNotInstalled, "package ppp"),
            ("no-answer", Cause::RemoteServerUnreachable, "modem is on"),
            ("silent", Cause::RemoteServerUnreachable, "does not answer over it"),
            ("lost", Cause::NetworkUnreliable, "call waiting"),
            ("too-long", Cause::NetworkInsufficientBandwidth, "longest_call_s"),
        ] {
            let answer = answer(failed(kind), 3);
            let best = &answer.diagnoses[0];
            assert_eq!((best.cause, answer.undecided), (cause, false), "{kind}");
            assert!(best.remedy[0].text.contains(words), "{kind}: {}", best.remedy[0].text);
            let command = best.remedy[0].command.as_deref().unwrap();
            assert_eq!(command, "bindback queue retry --next-hop WEST -c /srv/east.toml");
            let says = &best.evidence[0].says;
            assert_eq!(says, "RAS error 676, dial command ended with 8: the words");
        }
        assert!(answer(failed("line-busy"), 0).diagnoses.is_empty(), "nothing waits");
        assert!(answer(failed("not-hung-up"), 3).diagnoses.is_empty());
    }

    #[test]
    fn a_link_that_took_the_default_route_is_named_even_if_mail_flows() {
        let line = DialUpFacts { default_route: Some("ppp0".to_owned()), ..failed("") };
        let line = DialUpFacts { failure: None, ..line };
        let answer = answer(line, 0);
        assert_eq!(answer.diagnoses[0].cause, Cause::RasDefaultGateway);
        assert!(answer.diagnoses[0].remedy[0].text.contains("nodefaultroute"));
    }
}
