//! Object identifiers of our own, under one 2.25 arc (X.667: the number is a UUID).

use ber::Oid;

/// The second and last arc of ours: a UUID as an integer.
const UUID: u128 = 194_817_398_573_019_436_458_276_308_452_211_840_365;

/// The content type of a mail kept as it came (RFC 5322 with CRLF line ends).
#[must_use]
pub fn rfc822_content() -> Oid {
    ours(1)
}

/// The per-recipient extension with the verbatim RCPT parameters.
#[must_use]
pub fn smtp_recipient() -> Oid {
    ours(2)
}

/// The per-message extension with the verbatim reverse path and MAIL parameters.
#[must_use]
pub fn smtp_originator() -> Oid {
    ours(3)
}

/// The per-recipient extension in which a server keeps originally-specified-recipient-number beside a number of its own.
#[must_use]
pub fn specified_number() -> Oid {
    ours(4)
}

#[expect(clippy::expect_used, reason = "2.25 begins every arc here, and from_arcs takes it")]
fn ours(last: u128) -> Oid {
    Oid::from_arcs(&[2, 25, UUID, last]).expect("2.25 is a valid start")
}

#[cfg(test)]
mod tests {
    #[test]
    fn dotted() {
        let dotted = "2.25.194817398573019436458276308452211840365.3";
        assert_eq!(super::smtp_originator().to_string(), dotted);
    }
}
