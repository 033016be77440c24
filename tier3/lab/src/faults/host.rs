//! Faults of the machine that a server runs on: a process that is not there, a port that somebody else has, a process that hangs, what it takes of others.

use config::Section;
use finding::Cause;

use super::table::{
    ACCESS_DENIED, BOTH, EAST, FILTERED, PLAIN, SERVER_UNAVAILABLE, WEST, bind_back_failed,
    bind_failed, refused, setting,
};
use super::{Act, Fault};

/// Win32 `EPT_S_NOT_REGISTERED`.
const NO_ENDPOINT: u32 = 1753;

/// Somebody else's RPC server, on the port that the mark stands for.
macro_rules! stranger {
    ($port:literal) => {
        Act::Begin(
            "stranger",
            EAST,
            &[
                "rpc",
                "echo-server",
                "--address",
                "{east.address}",
                "--mapper-port",
                $port,
                "--accounts",
                "{east.folder}/stranger.accounts",
            ],
        )
    };
}
const STRANGERS: Act = Act::Shell(
    EAST,
    "umask 077; echo 'OTHER\\someone:nothing-of-ours' > {east.folder}/stranger.accounts",
);

pub(super) const STOPPED: Fault = Fault {
    name: "remote-server-unreachable",
    cause: Cause::RemoteServerUnreachable,
    title: "the remote server is down",
    what: "EAST is stopped.",
    put_in: &[Act::Stop(EAST)],
    stops: &[WEST],
    for_all: true,
    expected: &[bind_failed(WEST, SERVER_UNAVAILABLE, 0)],
    claims: &[7, 28],
    ..PLAIN
};

pub(super) const PORT_TAKEN: Fault = Fault {
    name: "rpc-port-already-in-use",
    cause: Cause::RpcPortAlreadyInUse,
    title: "somebody else has the static RPC port",
    what: "EAST is stopped, another RPC server of its machine takes the port 4747, and EAST cannot start.",
    put_in: &[Act::Stop(EAST), STRANGERS, stranger!("4747"), Act::Fails(EAST, &["serve"])],
    stops: &[WEST],
    for_all: true,
    ask: EAST,
    expected: &[bind_failed(WEST, SERVER_UNAVAILABLE, 0)],
    cure: &[Act::End("stranger")],
    claims: &[28, 35],
    ..FILTERED
};

pub(super) const MAPPER_ALONE: Fault = Fault {
    name: "mapper-without-the-interface",
    cause: Cause::RemoteServerUnreachable,
    title: "the endpoint mapper answers, and the MTA is not there",
    what: "EAST is stopped; on its machine another RPC server's endpoint mapper answers, which knows no MTA.",
    put_in: &[Act::Stop(EAST), STRANGERS, stranger!("135")],
    stops: &[WEST],
    for_all: true,
    expected: &[bind_failed(WEST, NO_ENDPOINT, 0)],
    cure: &[Act::End("stranger")],
    claims: &[28, 33, 35],
    ..FILTERED
};

pub(super) const HANGS: Fault = Fault {
    name: "peer-hangs",
    cause: Cause::RemoteServerUnreachable,
    title: "the process of the remote server hangs",
    what: "The process of EAST is stopped where it stands: its machine takes connections, and nothing answers on them.",
    put_in: &[Act::Hang(EAST)],
    stops: &[WEST],
    for_all: true,
    expected: &[bind_failed(WEST, SERVER_UNAVAILABLE, 0)],
    cure: &[Act::GoOn(EAST), Act::Restart(EAST)],
    set: &[setting(None, Section::Rpc, "call_timeout_s", "2")],
    claims: &[28, 35],
    ..PLAIN
};

pub(super) const LEVEL: Fault = Fault {
    name: "sealing-required",
    cause: Cause::NtlmSessionSecurityMismatch,
    title: "one server signs calls, and the other one takes sealed ones alone",
    what: "WEST is told to sign its calls and not to seal them; EAST takes sealed ones alone.",
    put_in: &[Act::Replace(WEST, SEALS, SIGNS), Act::Restart(WEST)],
    stops: BOTH,
    expected: &[
        bind_failed(WEST, ACCESS_DENIED, 0),
        bind_back_failed(WEST, ACCESS_DENIED),
        bind_failed(EAST, ACCESS_DENIED, ACCESS_DENIED),
        refused(EAST, ACCESS_DENIED),
    ],
    cure: &[Act::Replace(WEST, SIGNS, SEALS), Act::Restart(WEST)],
    two_alone: true,
    claims: &[14, 15],
    ..PLAIN
};
const SEALS: &str = "\nbind_back_name = ";
const SIGNS: &str = "\nlevel = \"integrity\"\nbind_back_name = ";
