//! The `Received:` header field (RFC 5321 4.4, Trace Information; RFC 6531 3.7.3 for the protocol names).

use crate::Submission;
use crate::address::is_domain;
use std::net::IpAddr;

/// Builds the field with its final CRLF; `date` is an RFC 5322 date-time, `id` the identifier told to the client.
///
/// The recipient is named only when there is one, so that blind copies stay blind (RFC 5321 7.2).
pub fn received_header(submission: &Submission, by: &str, id: &str, date: &str) -> String {
    let protocol = match (submission.parameters.smtputf8, submission.esmtp) {
        (true, _) => "UTF8SMTP",
        (false, true) => "ESMTP",
        (false, false) => "SMTP",
    };
    let literal = match submission.peer.to_canonical() {
        IpAddr::V4(address) => format!("[{address}]"),
        IpAddr::V6(address) => format!("[IPv6:{address}]"),
    };
    // A name that is no domain would break the grammar of the field; the address is what counts.
    let from = if is_domain(&submission.helo)
        && (submission.parameters.smtputf8 || submission.helo.is_ascii())
    {
        submission.helo.as_str()
    } else {
        literal.as_str()
    };
    let recipient = match submission.recipients.as_slice() {
        [only] => format!("\r\n\tfor <{}>", clean(&only.address)),
        _ => String::new(),
    };
    format!(
        "Received: from {from} ({literal})\r\n\tby {} with {protocol} id {}{recipient};\r\n\t{}\r\n",
        clean(by),
        clean(id),
        clean(date),
    )
}

fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MailParameters, Recipient};

    fn submission(helo: &str, recipients: &[&str], smtputf8: bool) -> Submission {
        Submission {
            helo: helo.to_owned(),
            peer: "::ffff:192.0.2.1".parse().unwrap(),
            esmtp: true,
            reverse_path: "a@b".to_owned(),
            parameters: MailParameters { smtputf8, ..MailParameters::default() },
            recipients: recipients
                .iter()
                .map(|r| Recipient { address: (*r).to_owned(), notify: None, orcpt: None })
                .collect(),
            content: Vec::new(),
        }
    }

    #[test]
    fn fields() {
        let date = "Sat, 22 Nov 2025 12:00:00 +0000";
        assert_eq!(
            received_header(&submission("c.example", &["x@y"], false), "east.example", "42", date),
            "Received: from c.example ([192.0.2.1])\r\n\tby east.example with ESMTP id 42\r\n\tfor <x@y>;\r\n\tSat, 22 Nov 2025 12:00:00 +0000\r\n"
        );
        assert_eq!(
            received_header(&submission("a b(", &["x@y", "z@y"], true), "e\r\nX: y", "42", date),
            "Received: from [192.0.2.1] ([192.0.2.1])\r\n\tby e??X: y with UTF8SMTP id 42;\r\n\tSat, 22 Nov 2025 12:00:00 +0000\r\n"
        );
        let mut old = submission("c.example", &[], false);
        old.esmtp = false;
        old.peer = "2001:db8::1".parse().unwrap();
        assert!(received_header(&old, "e", "1", date).starts_with(
            "Received: from c.example ([IPv6:2001:db8::1])\r\n\tby e with SMTP id 1;"
        ));
    }
}
