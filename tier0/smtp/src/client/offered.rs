//! What a server offers in its reply to EHLO.

use crate::Reply;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Offered {
    pub(super) pipelining: bool,
    pub(super) eight_bit: bool,
    pub(super) smtputf8: bool,
    pub(super) size: bool,
    /// In octets; 0 means that the server does not say.
    pub(super) size_limit: u64,
    pub(super) chunking: bool,
    pub(super) binary: bool,
    pub(super) dsn: bool,
    pub(super) mt_priority: bool,
}

impl Offered {
    pub(super) fn read(reply: &Reply) -> Self {
        let mut offered = Self::default();
        for line in reply.lines.iter().skip(1) {
            let mut words = line.split_ascii_whitespace();
            match words.next().unwrap_or_default().to_ascii_uppercase().as_str() {
                "PIPELINING" => offered.pipelining = true,
                "8BITMIME" => offered.eight_bit = true,
                "SMTPUTF8" => offered.smtputf8 = true,
                "CHUNKING" => offered.chunking = true,
                "BINARYMIME" => offered.binary = true,
                "DSN" => offered.dsn = true,
                "MT-PRIORITY" => offered.mt_priority = true,
                "SIZE" => {
                    offered.size = true;
                    offered.size_limit =
                        words.next().and_then(|word| word.parse().ok()).unwrap_or(0);
                }
                _ => {}
            }
        }
        offered
    }
}
