//! The fixed replies of the receiving side, all in one table (RFC 5321 4.2.2; enhanced codes: RFC 3463).

use crate::{EnhancedCode, Reply};

pub(super) struct Canned {
    code: u16,
    enhanced: EnhancedCode,
    text: &'static str,
}

impl Canned {
    pub(super) fn reply(&self) -> Reply {
        self.with_text(self.text)
    }

    pub(super) fn with_text(&self, text: &str) -> Reply {
        Reply::new(self.code, Some(self.enhanced), text)
    }
}

const fn canned(code: u16, enhanced: (u8, u16, u16), text: &'static str) -> Canned {
    let (class, subject, detail) = enhanced;
    Canned { code, enhanced: EnhancedCode::new(class, subject, detail), text }
}

pub(super) const OK: Canned = canned(250, (2, 0, 0), "ok");
pub(super) const SENDER_OK: Canned = canned(250, (2, 1, 0), "sender ok");
pub(super) const RECIPIENT_OK: Canned = canned(250, (2, 1, 5), "recipient ok");
pub(super) const BYE: Canned = canned(221, (2, 0, 0), "closing the connection");
pub(super) const CANNOT_VERIFY: Canned =
    canned(252, (2, 0, 0), "cannot verify, but will take mail and try to deliver it");
pub(super) const HELP: Canned =
    canned(214, (2, 0, 0), "commands: EHLO HELO MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT");

pub(super) const SHUTTING_DOWN: Canned = canned(421, (4, 3, 2), "shutting down, try again later");
pub(super) const TIMED_OUT: Canned = canned(421, (4, 4, 2), "nothing heard for too long, closing");
pub(super) const TOO_BUSY: Canned = canned(421, (4, 3, 2), "too many connections, try again later");
pub(super) const TOO_MANY_ERRORS: Canned = canned(421, (4, 7, 0), "too many bad commands, closing");
pub(super) const TOO_MUCH_AHEAD: Canned =
    canned(421, (4, 3, 2), "too much sent ahead of the replies, closing");
pub(super) const ENDLESS: Canned = canned(421, (4, 3, 4), "refused input does not end, closing");
pub(super) const TEMPORARY: Canned = canned(451, (4, 3, 0), "temporary failure, try again later");
pub(super) const NO_STORAGE: Canned =
    canned(452, (4, 3, 1), "insufficient storage, try again later");
pub(super) const TOO_MANY_RECIPIENTS: Canned =
    canned(452, (4, 5, 3), "too many recipients, send the rest in another transaction");

pub(super) const LINE_TOO_LONG: Canned = canned(500, (5, 5, 6), "line too long");
pub(super) const LINE_ENDS: Canned =
    canned(500, (5, 5, 2), "commands end with CR LF and hold neither alone");
pub(super) const NOT_UTF8: Canned = canned(500, (5, 5, 2), "the command is not UTF-8");
pub(super) const UNKNOWN_COMMAND: Canned = canned(500, (5, 5, 1), "command not known");
pub(super) const SYNTAX: Canned = canned(501, (5, 5, 4), "syntax error");
pub(super) const BAD_SENDER: Canned = canned(501, (5, 1, 7), "bad sender address");
pub(super) const BAD_RECIPIENT: Canned = canned(501, (5, 1, 3), "bad recipient address");
pub(super) const NOT_IMPLEMENTED: Canned = canned(502, (5, 5, 1), "command not implemented");
pub(super) const HELLO_FIRST: Canned = canned(503, (5, 5, 1), "send EHLO or HELO first");
pub(super) const NESTED_MAIL: Canned = canned(503, (5, 5, 1), "a transaction is open already");
pub(super) const MAIL_FIRST: Canned = canned(503, (5, 5, 1), "send MAIL first");
pub(super) const CHUNKS_BEGUN: Canned =
    canned(503, (5, 5, 1), "BDAT has begun, go on with BDAT or RSET");
pub(super) const BINARY_NEEDS_CHUNKS: Canned = canned(503, (5, 5, 1), "BODY=BINARYMIME needs BDAT");
pub(super) const NOT_LOCAL: Canned = canned(550, (5, 7, 1), "relaying denied");
pub(super) const UNKNOWN_MAILBOX: Canned = canned(550, (5, 1, 1), "no such mailbox");
pub(super) const TOO_LARGE: Canned = canned(552, (5, 3, 4), "message exceeds the size limit");
pub(super) const NEEDS_SMTPUTF8: Canned =
    canned(553, (5, 6, 7), "a non-ASCII address needs SMTPUTF8");
pub(super) const CLIENT_REFUSED: Canned =
    canned(554, (5, 7, 1), "this client may not send mail here");
pub(super) const NO_RECIPIENTS: Canned = canned(554, (5, 5, 1), "no valid recipients");
pub(super) const BARE_NEWLINE: Canned =
    canned(554, (5, 6, 0), "the content has a bare CR or a bare LF");
pub(super) const UNKNOWN_PARAMETER: Canned = canned(555, (5, 5, 4), "parameter not known");
