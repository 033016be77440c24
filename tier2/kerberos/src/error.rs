//! The error of this crate's boundary.

use krb5::ExchangeError;
use security::KerberosCode;

use crate::files::ReadError;

/// Win32 `ERROR_NO_LOGON_SERVERS`.
const NO_LOGON_SERVERS: u32 = 1311;
/// Win32 `RPC_S_SEC_PKG_ERROR`.
const SEC_PKG_ERROR: u32 = 1825;
/// Win32 `ERROR_LOGON_FAILURE`.
const LOGON_FAILURE: u32 = 1326;

/// Why there is no ticket, grouped by whose fault it is.
#[derive(Debug, thiserror::Error)]
pub enum KerberosError {
    /// No KDC answers.
    #[error("no KDC of {realm} answers ({tried})")]
    NoKdc {
        /// The realm.
        realm: String,
        /// What was tried, and what came of it.
        tried: String,
    },
    /// A KDC answers, and there is no ticket all the same.
    #[error("{}{}", net::chain(.0), clock(.0))]
    Exchange(ExchangeError),
    /// More trusts on the way than anybody has.
    #[error("the KDCs point from realm to realm without end (last to {realm})")]
    Referrals {
        /// The last realm.
        realm: String,
    },
    /// A file cannot be used.
    #[error(transparent)]
    File(#[from] ReadError),
    /// The keytab has no key of the account.
    #[error("the keytab has no AES key of {account}; it has keys of {has}")]
    NotInKeytab {
        /// Who wants to log on.
        account: String,
        /// Whose keys are there.
        has: String,
    },
    /// The cache has no ticket that is still valid.
    #[error("the credential cache of {client} has no valid ticket; run: kinit {client}")]
    NoTicket {
        /// Whose cache it is.
        client: String,
    },
}

impl From<ExchangeError> for KerberosError {
    fn from(error: ExchangeError) -> Self {
        Self::Exchange(error)
    }
}

/// How far the clocks are apart, where that is what is wrong.
fn clock(error: &ExchangeError) -> String {
    match error {
        ExchangeError::Refused { code: KerberosCode::KRB_AP_ERR_SKEW, ahead, .. } => {
            let way = if *ahead >= 0 { "ahead of" } else { "behind" };
            format!("; the KDC's clock is {} s {way} this machine's", ahead.unsigned_abs())
        }
        ExchangeError::Refused { client_realm: Some(realm), code, .. }
            if *code == KerberosCode::KDC_ERR_WRONG_REALM =>
        {
            format!("; it belongs to {realm}")
        }
        _ => String::new(),
    }
}

impl KerberosError {
    /// The code of Kerberos, where there is one.
    #[must_use]
    pub fn code(&self) -> Option<KerberosCode> {
        match self {
            Self::Exchange(error) => error.code(),
            Self::NoTicket { .. } => Some(KerberosCode::KRB_AP_ERR_TKT_EXPIRED),
            Self::NotInKeytab { .. } => Some(KerberosCode::KDC_ERR_PREAUTH_FAILED),
            Self::NoKdc { .. } | Self::Referrals { .. } | Self::File(_) => None,
        }
    }

    /// The Win32 code, for events (MS-ERREF 2.2).
    #[must_use]
    pub fn win32(&self) -> u32 {
        match (self, self.code()) {
            (_, Some(code)) => code.win32(),
            (Self::NoKdc { .. }, _) => NO_LOGON_SERVERS,
            (Self::File(_), _) => LOGON_FAILURE,
            _ => SEC_PKG_ERROR,
        }
    }

    /// What to do.
    #[must_use]
    pub fn remedy(&self) -> &'static str {
        match (self, self.code()) {
            (Self::NoKdc { .. }, _) => {
                "check the KDC's name, and that its port 88 can be reached; name it with --kdc or in krb5.conf"
            }
            (Self::Referrals { .. }, _) => "check the trusts between the realms",
            (Self::NotInKeytab { .. }, _) => "export the account's AES keys into the keytab",
            (Self::NoTicket { .. }, _) => "log on anew (kinit)",
            (_, Some(code)) => code.remedy(),
            _ => "put the file right",
        }
    }
}
