//! The faults that can be put into an organisation of EAST and WEST, as data.
//!
//! The events are those of the table "Which event on which side": the caller logs 9318, the called server 9322 when its bind back fails, and whoever refuses
//! an account logs 9297 with the exact reason.

use std::fmt;

use finding::Cause;

use crate::organisation::{Carrier, Side};

/// The numbers that tell of a stopped association; a demo collects these.
pub const TELLING_EVENTS: [u32; 7] = [
    BIND_FAILED,
    BIND_BACK_FAILED,
    SECURITY_VIOLATION,
    event::id::CREDENTIALS_REFUSED,
    event::id::UNKNOWN_MTA,
    event::id::OUT_REFUSED,
    event::id::IN_REFUSED,
];

const BIND_FAILED: u32 = event::id::BIND_FAILED;
const BIND_BACK_FAILED: u32 = event::id::BIND_BACK_FAILED;
const SECURITY_VIOLATION: u32 = event::id::SECURITY_VIOLATION;

const ACCESS_DENIED: u32 = 5;
const SERVER_UNAVAILABLE: u32 = 1722;
const WRONG_PASSWORD: u32 = 1326;
const NO_SUCH_USER: u32 = 1317;
const PASSWORD_EXPIRED: u32 = 1330;
const ACCOUNT_DISABLED: u32 = 1331;
const LOGON_TYPE_NOT_GRANTED: u32 = 1385;
const ACCOUNT_EXPIRED: u32 = 1793;

/// One fault: how it is put in and what it must cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    pub cause: Cause,
    /// A few words.
    pub title: &'static str,
    /// What is done, in one sentence.
    pub what: &'static str,
    pub put_in: PutIn,
    /// The servers whose mail for the other one stops.
    pub stops: &'static [Side],
    /// The server that its operator would ask first.
    pub ask: Side,
    /// Events that must be logged once mail is under way.
    pub expected: &'static [ExpectedEvent],
}

/// How a fault is put in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutIn {
    /// EAST gets another password for WEST's account.
    ChangePassword,
    /// EAST loses WEST's account.
    RemoveAccount,
    /// WEST's account loses its role on EAST.
    RevokeRole,
    /// EAST expects another password of WEST's MTA.
    ChangeMtaPassword,
    /// WEST no longer knows EAST's host name.
    RemoveHostName,
    /// WEST no longer knows the name that EAST hands over.
    RemoveBindBackName,
    /// EAST's RPC listener no longer lets WEST in.
    CloseRpc,
    /// EAST is stopped.
    Stop,
    /// WEST's account is disabled on EAST.
    DisableAccount,
    /// WEST's account has expired on EAST.
    ExpireAccount,
    /// The password of WEST's account has expired on EAST.
    ExpirePassword,
    /// WEST's account may not log on to EAST from the network.
    DenyNetworkLogon,
    /// WEST's administrative group names another account for older servers.
    SetLegacyAccount,
    /// WEST's connector to EAST has an override account that EAST does not know.
    SetOverrideAccount,
    /// On EAST the role is taken, the agent stopped, and the role granted: the copy does not have it.
    StopAgent,
}

/// An event that a fault must cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedEvent {
    pub server: Side,
    pub id: u32,
    /// Absent on the events of X.400 binds.
    pub code: Option<u32>,
    /// Comms error and Bind error, for events that have them.
    pub errors: Option<(u32, u32)>,
}

impl fmt::Display for ExpectedEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} event {}", self.server.name(), self.id)?;
        if let Some(code) = self.code {
            write!(f, " with code {code}")?;
        }
        match self.errors {
            Some((comms, bind)) => write!(f, ", comms {comms}, bind {bind}"),
            None => Ok(()),
        }
    }
}

const fn bind_failed(server: Side, code: u32, bind: u32) -> ExpectedEvent {
    ExpectedEvent { server, id: BIND_FAILED, code: Some(code), errors: Some((code, bind)) }
}

const fn bind_back_failed(server: Side, code: u32) -> ExpectedEvent {
    ExpectedEvent { server, id: BIND_BACK_FAILED, code: Some(code), errors: Some((code, 0)) }
}

const fn refused(server: Side, code: u32) -> ExpectedEvent {
    ExpectedEvent { server, id: SECURITY_VIOLATION, code: Some(code), errors: None }
}

const fn x400(server: Side, id: u32) -> ExpectedEvent {
    ExpectedEvent { server, id, code: None, errors: None }
}

/// EAST refuses WEST's account: at WEST's bind, and at the bind back that WEST owes EAST.
macro_rules! account_refused {
    ($reason:expr) => {
        &[
            bind_failed(Side::West, ACCESS_DENIED, 0),
            bind_back_failed(Side::West, ACCESS_DENIED),
            bind_failed(Side::East, ACCESS_DENIED, ACCESS_DENIED),
            refused(Side::East, $reason),
        ]
    };
}

const BOTH: &[Side] = &[Side::East, Side::West];

/// Every fault of this room, the default first.
pub const FAULTS: &[Fault] = &[
    Fault {
        cause: Cause::ServiceAccountPasswordMismatch,
        title: "the password differs",
        what: r"On EAST the password of DEMO\svc-west is changed; WEST goes on using the old one.",
        put_in: PutIn::ChangePassword,
        stops: BOTH,
        ask: Side::West,
        expected: account_refused!(WRONG_PASSWORD),
    },
    Fault {
        cause: Cause::ServiceAccountMissing,
        title: "the account is gone",
        what: r"On EAST the account DEMO\svc-west is removed.",
        put_in: PutIn::RemoveAccount,
        stops: BOTH,
        ask: Side::West,
        expected: account_refused!(NO_SUCH_USER),
    },
    Fault {
        cause: Cause::ServiceAccountLacksDirectoryRight,
        title: "the account lacks its role",
        what: r"On EAST the account DEMO\svc-west loses the role service-account-admin.",
        put_in: PutIn::RevokeRole,
        stops: BOTH,
        ask: Side::West,
        expected: account_refused!(ACCESS_DENIED),
    },
    Fault {
        cause: Cause::RemoteNameUnresolvable,
        title: "the name of the remote server is unknown",
        what: "On WEST the name east.demo.test is taken out of the table of names.",
        put_in: PutIn::RemoveHostName,
        stops: &[Side::West],
        ask: Side::West,
        expected: &[bind_failed(Side::West, SERVER_UNAVAILABLE, 0)],
    },
    Fault {
        cause: Cause::BindbackNameUnresolvable,
        title: "the name for the bind back is unknown",
        what: "On WEST the name east-rpc.demo.test, which EAST hands over for the bind back, is taken out of the table of names.",
        put_in: PutIn::RemoveBindBackName,
        stops: &[Side::East],
        ask: Side::East,
        expected: &[
            bind_back_failed(Side::West, SERVER_UNAVAILABLE),
            bind_failed(Side::East, SERVER_UNAVAILABLE, SERVER_UNAVAILABLE),
        ],
    },
    Fault {
        cause: Cause::PortFilteredByFirewall,
        title: "the RPC port is closed to one server",
        what: "EAST's RPC port no longer lets the address of WEST in; its endpoint mapper still answers.",
        put_in: PutIn::CloseRpc,
        stops: BOTH,
        ask: Side::West,
        expected: &[
            bind_failed(Side::West, SERVER_UNAVAILABLE, 0),
            bind_back_failed(Side::West, SERVER_UNAVAILABLE),
            bind_failed(Side::East, SERVER_UNAVAILABLE, SERVER_UNAVAILABLE),
        ],
    },
    Fault {
        cause: Cause::RemoteServerUnreachable,
        title: "the remote server is down",
        what: "EAST is stopped.",
        put_in: PutIn::Stop,
        stops: &[Side::West],
        ask: Side::West,
        expected: &[bind_failed(Side::West, SERVER_UNAVAILABLE, 0)],
    },
    Fault {
        cause: Cause::AccountDisabled,
        title: "the account is disabled",
        what: r"On EAST the account DEMO\svc-west is disabled.",
        put_in: PutIn::DisableAccount,
        stops: BOTH,
        ask: Side::West,
        expected: account_refused!(ACCOUNT_DISABLED),
    },
    Fault {
        cause: Cause::AccountExpired,
        title: "the account has expired",
        what: r"On EAST the time of the account DEMO\svc-west is over.",
        put_in: PutIn::ExpireAccount,
        stops: BOTH,
        ask: Side::West,
        expected: account_refused!(ACCOUNT_EXPIRED),
    },
    Fault {
        cause: Cause::PasswordExpired,
        title: "the password has expired",
        what: r"On EAST the time of the password of DEMO\svc-west is over.",
        put_in: PutIn::ExpirePassword,
        stops: BOTH,
        ask: Side::West,
        expected: account_refused!(PASSWORD_EXPIRED),
    },
    Fault {
        cause: Cause::LogonRightMissing,
        title: "the account may not log on from the network",
        what: r"On EAST the account DEMO\svc-west is denied the right to log on from the network.",
        put_in: PutIn::DenyNetworkLogon,
        stops: BOTH,
        ask: Side::West,
        expected: account_refused!(LOGON_TYPE_NOT_GRANTED),
    },
    Fault {
        cause: Cause::ServiceAccountMismatch,
        title: "the legacy account is another one",
        what: r"On WEST the administrative group names DEMO\svc-wets for older servers.",
        put_in: PutIn::SetLegacyAccount,
        stops: BOTH,
        ask: Side::West,
        expected: account_refused!(NO_SUCH_USER),
    },
    Fault {
        cause: Cause::OverrideAccountWrong,
        title: "the override account is wrong",
        what: r"On WEST the connector to EAST gets the override account EAST\svc-mail, which EAST does not know.",
        put_in: PutIn::SetOverrideAccount,
        stops: BOTH,
        ask: Side::West,
        expected: account_refused!(NO_SUCH_USER),
    },
    Fault {
        cause: Cause::DirectoryNotReplicated,
        title: "the directory's copy lags",
        what: r"On EAST the role of DEMO\svc-west is taken and granted again while the agent that brings changes to the site's copy stands still.",
        put_in: PutIn::StopAgent,
        stops: BOTH,
        ask: Side::West,
        expected: account_refused!(ACCESS_DENIED),
    },
];

/// The faults of X.400 over TCP, the default first. EAST refuses WEST's password of every call of
/// WEST, and in the answers to its own.
pub const X400_FAULTS: &[Fault] = &[Fault {
    cause: Cause::MtaPasswordMismatch,
    title: "the password of an MTA differs",
    what: "On EAST the password expected of the MTA WEST is changed; WEST goes on presenting the old one.",
    put_in: PutIn::ChangeMtaPassword,
    stops: BOTH,
    ask: Side::West,
    expected: &[
        x400(Side::East, event::id::CREDENTIALS_REFUSED),
        x400(Side::East, event::id::IN_REFUSED),
        x400(Side::East, event::id::OUT_REFUSED),
        x400(Side::West, event::id::OUT_REFUSED),
    ],
}];

/// The faults that can be put into servers that exchange mail by this carrier.
#[must_use]
pub const fn of(carrier: Carrier) -> &'static [Fault] {
    match carrier {
        Carrier::Rpc => FAULTS,
        Carrier::Rfc1006 => X400_FAULTS,
    }
}

/// The fault of this cause, if this room can put it in.
#[must_use]
pub fn find(carrier: Carrier, cause: Cause) -> Option<&'static Fault> {
    of(carrier).iter().find(|fault| fault.cause == cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_causes_stand_once_each() {
        let slugs: Vec<&str> = FAULTS.iter().map(|fault| fault.cause.slug()).collect();
        assert_eq!(
            slugs,
            [
                "service-account-password-mismatch",
                "service-account-missing",
                "service-account-lacks-directory-right",
                "remote-name-unresolvable",
                "bindback-name-unresolvable",
                "port-filtered-by-firewall",
                "remote-server-unreachable",
                "account-disabled",
                "account-expired",
                "password-expired",
                "logon-right-missing",
                "service-account-mismatch",
                "override-account-wrong",
                "directory-not-replicated",
            ]
        );
        for fault in FAULTS {
            assert_eq!(find(Carrier::Rpc, fault.cause), Some(fault));
        }
        assert_eq!(find(Carrier::Rpc, Cause::NicTeamingDriverConflict), None);
        for carrier in [Carrier::Rpc, Carrier::Rfc1006] {
            assert_eq!(of(carrier)[0].cause, carrier.default_fault());
        }
    }

    #[test]
    fn every_fault_stops_mail_where_it_is_asked_about_and_is_logged_there() {
        for fault in FAULTS {
            assert!(fault.stops.contains(&fault.ask), "{}", fault.title);
            for side in fault.stops {
                let logged = |event: &&ExpectedEvent| event.server == *side && event.id == 9318;
                assert_eq!(fault.expected.iter().filter(logged).count(), 1, "{}", fault.title);
            }
            assert!(fault.expected.iter().all(|event| TELLING_EVENTS.contains(&event.id)));
        }
    }

    #[test]
    fn a_bind_error_stands_only_with_the_caller_and_beside_a_failed_bind_back() {
        for fault in FAULTS {
            for event in fault.expected {
                let Some((comms, bind)) = event.errors else {
                    assert_eq!(event.id, 9297);
                    continue;
                };
                assert_eq!(Some(comms), event.code);
                let answered = bind != 0;
                assert_eq!(answered, event.id == 9318 && event.server == Side::East, "{event}");
            }
        }
    }

    #[test]
    fn expectations_are_told_in_words() {
        let told: Vec<String> = FAULTS[0].expected.iter().map(ToString::to_string).collect();
        assert_eq!(told[0], "WEST event 9318 with code 5, comms 5, bind 0");
        assert_eq!(told[3], "EAST event 9297 with code 1326");
    }
}
