//! RFC 2156 (MIXER) between RFC 822 mail and X.400, as far as mail that keeps its form needs it.
//!
//! Between servers of this house a mail's content is not converted: it travels octet for octet
//! under a content type of its own ([`oids::rfc822_content`]), and its RFC 5321 envelope travels
//! verbatim in two private extensions. Beside them stand an O/R address and report requests that
//! any X.400 system understands. Reports become delivery status notifications (RFC 3464, RFC
//! 6533). For systems that know no mail a content becomes an interpersonal message (P22), and
//! what X.400 users write (P2, P22, P772) becomes a mail where it ends in a mailbox or goes on
//! by SMTP.

pub mod oids;

mod address;
mod character_sets;
mod dsn;
mod dsn_report;
mod entity;
mod error;
mod header;
mod ipm;
mod mail;
mod message;
mod mime;
mod printable;
mod priority;
mod smtp_envelope;
mod status;

pub use address::{X400_DOMAIN, to_or_address, to_rfc822, write_out};
pub use dsn::{Action, Dsn, DsnMessage, DsnRecipient, LastError, OriginalMessage, build_dsn};
pub use dsn_report::{carry_envelope, report_originator, report_recipients, wants_report};
pub use error::MixerError;
pub use header::{count_received, header_block, header_value};
pub use ipm::{ipm_to_mail, is_interpersonal, returned_mail};
pub use mail::{Converted, Edition, mail_to_ipm};
pub use message::{
    NewMessage, SmtpView, ViewedRecipient, build_message, indicators, is_mail, smtp_view,
};
pub use printable::{from_printable, to_printable};
pub use priority::priority_from_header;
pub use smtp_envelope::{Body, Notify, Return, SmtpOriginator, SmtpRecipient};
pub use status::Status;
