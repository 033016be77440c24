//! The RPC runtime, its ports and protocols.

use finding::Cause;

use super::{Rule, rule};
use crate::offline::sign::{code, event, says, with};

pub(super) const RULES: &[Rule] = &[
    rule(
        Cause::RpcProtocolNotInBindingOrder,
        "rpc binding order protocol rpc_svr_binding_order ncacn_ip_tcp ncacn_spx netbeui ipx spx vines named pipes only common protocol registry",
        &[
            says("rpc+svr+binding+order|rpc+binding+order", 4.0),
            says("spx|ipx|netbeui|vines|nwlink|spp rpc|protocol|bind|server|tcpip", 1.8),
            says("protocol binding+order|rpc|order", 1.6),
            says("only protocol", 1.0),
            says("ras", -1.0),
        ],
        "compare the RPC binding orders of the two servers with the protocols that both have",
        &[
            "Add a protocol that both servers have to the RPC binding order, best TCP/IP, and restart the services.",
        ],
    ),
    rule(
        Cause::RpcDllVersionMismatch,
        "rpc dll files version mixed rpcrt4.dll rpcltc1 rpcss old new service pack replaced file versions",
        &[
            says("rpcrt4|rpclt*|rpcss|rpcns4|rpcltscm|rpcltccm", 3.4),
            says("rpc dll|dlls|file|files version|mismatch|old|mixed|replaced", 3.0),
        ],
        "compare the versions of the RPC files (rpcrt4, rpclt*, rpcss) with those of the installed service pack",
        &["Install the service pack again, so that all RPC files are of one version."],
    ),
    rule(
        Cause::RpcRuntimeDefect,
        "rpc runtime rpcss fault service pack bad stub data 1783 1727 rpc service stops access violation hang operating system update",
        &[
            code(&[1783], 3.0),
            says("stub+data|unmarshal*|marshal*", 2.4),
            says("rpcss|rpc+runtime|rpc+service accessviolation|crash|stop|hang|leak", 2.0),
            code(&[1727], 0.6),
            says("rpc servicepack", 0.9),
            says("router|bridge|nic|hardware", -0.6),
        ],
        "compare the versions of the RPC runtime on both servers, and try from a server with another version",
        &["Install the newest service pack of the operating system on both servers."],
    ),
    rule(
        Cause::RpcRegistryConflict,
        "registry value key rpc services conflict left over product software added rpc internet key disturbs start",
        &[
            says("registry rpc key|value|entry", 2.4),
            says("registry key|value left|third|product|conflict*|foreign rpc|service", 1.8),
            says("port+range|internet+key|ports", -1.2),
        ],
        "compare the registry keys under Microsoft\\Rpc with those of a server that works",
        &["Remove the value that is not on a server that works, and restart."],
    ),
    rule(
        Cause::RegistryValueInvalid,
        "registry string value invalid malformed too long server service rpc service srvcomment parameter damaged",
        &[
            says(
                "registry value|string|entry invalid|wrong|malformed|long|bad|damaged|illegal",
                2.8,
            ),
            says("registry rpc|server+service invalid|wrong", 1.2),
        ],
        "export the parameters of the service and look for strings that are too long or not terminated",
        &["Correct or delete the invalid value, and restart the service."],
    ),
    rule(
        Cause::RpcPortAlreadyInUse,
        "static rpc port already in use listen fails 1720 endpoint cannot be created port number taken another service",
        &[
            with(&[9321], &[1720, 1740, 10048], 4.6),
            code(&[1720, 1740, 10048], 2.2),
            event(&[9321], 1.0),
            says("port use|taken|occupied|conflict|already", 2.6),
            says("static|fixed port", 1.4),
            says("address+in+use|endpoint create", 1.6),
            event(&[9266], 0.5),
        ],
        "list who listens on the configured port",
        &["Give the MTA a port of its own, well above the dynamic range, and restart it."],
    ),
    rule(
        Cause::RpcPortRangeMalformed,
        "rpc port range registry ports value malformed syntax wrong format internet key restricted",
        &[
            says("port|ports range malformed|format|syntax|wrong|invalid|entry|typed", 3.4),
            says("rpc+internet|internet+key|portsinternetavailable|useinternetports", 2.4),
            says("port|ports registry range", 1.4),
        ],
        "read the port range under Rpc\\Internet: one range on each line, low-high, no blanks",
        &["Write the range as low-high in the multi-string value Ports, and restart."],
    ),
    rule(
        Cause::RpcPortRangeTooSmall,
        "restricted rpc ports range too few ports firewall limited port range exhausted connections fail allowed opened",
        &[
            says("restrict|limited|limit|few|small rpc port|ports", 3.2),
            says("port+range|ports+range|rpc+ports", 1.8),
            says("port range firewall", 1.0),
            says("malformed|syntax|format", -1.5),
            says("allowed|open|opened|ten|20|100 ports rpc", 1.4),
        ],
        "count the ports of the allowed range and those in use",
        &["Allow a larger range, at least a hundred ports, on the server and in the firewall."],
    ),
    rule(
        Cause::RpcNetbeuiOverRasFails,
        "netbeui rpc over ras link dial-up fails protocol nbf",
        &[says("netbeui|nbf ras|dialup", 4.2), says("netbeui rpc", 2.0)],
        "try the same call over TCP/IP on the dial-up link",
        &["Use TCP/IP on the RAS link; RPC over NetBEUI does not work there."],
    ),
    rule(
        Cause::RpcLoadTooHigh,
        "hub site many servers rpc calls load busy 1723 too many connections bridgehead overloaded",
        &[
            code(&[1723], 2.0),
            says("hub|bridgehead|central load|busy|many|overload*|rpc", 2.2),
            says("rpc busy|load|overload*|many", 2.0),
            says("many server|servers|sites rpc", 1.6),
        ],
        "count the RPC calls in flight on the hub, and see whether failures follow its load",
        &[
            "Spread the load: fewer servers for each hub, more cost-equal bridgeheads, or X.400 connectors instead of RPC.",
        ],
    ),
    rule(
        Cause::RpcFragmentHang,
        "rpc fragment server waits for rest of fragment partial packet thread blocked call cancelled hang",
        &[
            says("fragment|fragments rpc|call|wait|partial|packet", 3.6),
            event(&[9277], 0.9),
            says("partial packet|request rpc", 1.6),
        ],
        "trace the connection: is a call's last fragment missing",
        &[
            "Install the update of the RPC runtime; find what drops the rest of the fragment on the path.",
        ],
    ),
    rule(
        Cause::RpcAssociationLost,
        "rpc call cancelled no data was sent association lost backlog until threshold new association opens 1727 9316 9277 bind refused nak",
        &[
            event(&[9277], 1.6),
            event(&[9316], 1.2),
            with(&[9316], &[1727], 1.8),
            says("new association|connection works|clears|flows", 1.6),
            says("backlog threshold|50", 1.4),
            says("rpc nak|naks|lost association|bind", 1.6),
            says("wan|bandwidth|latency|slow", -0.6),
            event(&[57, 1294], 0.2),
        ],
        "trace the RPC binds on an association that stands: does the receiver answer each with a bind_nak",
        &["Restart the MTA that refuses, and install the update of the RPC runtime there."],
    ),
];
