//! Dial-up, X.25, stacks, and the two names that both ends of a connector share.

use finding::Cause;

use super::{Rule, rule};
use crate::offline::sign::{code, event, says, with};

pub(super) const RULES: &[Rule] = &[
    rule(
        Cause::RasDeviceBusy,
        "modem line busy in use port already open ras 676 629 dial another application fax",
        &[
            code(&[676], 4.0),
            code(&[602, 608, 629], 1.6),
            says("modem|line|phone|port busy|use|already", 3.0),
            event(&[9309, 9311], 1.0),
            says("ras|dialup busy", 2.4),
        ],
        "read the RAS code of the event, and who holds the port",
        &["Free the modem or the line, add another, or set schedules that do not meet."],
    ),
    rule(
        Cause::RasPhonebookEntryWrong,
        "phone book entry number prefix wrong dial ras connector name phonebook entry not found 623 rasphone",
        &[
            says("phonebook|phone+book|phone+entry", 3.2),
            says("phone number|prefix|entry wrong|incorrect|dial|changed", 2.2),
            code(&[623, 624, 625, 678], 2.6),
            event(&[9309], 1.0),
            event(&[9311], 0.4),
            says("ten|10|many|list", -0.8),
            says("ras|dialup entry|number|connector", 0.6),
        ],
        "dial the entry by hand from the server with the same account",
        &[
            "Correct number, prefix or name of the phone book entry, and choose it again on the connector.",
        ],
    ),
    rule(
        Cause::RasPhonebookTooManyEntries,
        "more than ten phone book entries not listed shown administrator program ras connector list",
        &[
            says("phonebook|phone+book ten|10|many|more|entries", 3.0),
            says("phonebook|phone+book list|shown|show|display*|appear*", 2.2),
            says("phone+book+entries|phonebook+entries", 1.4),
        ],
        "count the phone book entries",
        &["Keep at most ten entries in the phone book of the account that runs the admin program."],
    ),
    rule(
        Cause::RasDefaultGateway,
        "ras dial-up default gateway remote network route replaced lan traffic fails when connected internet provider",
        &[
            says("default+gateway|default+route", 3.4),
            says("ras|dialup|rras gateway|route", 2.2),
            says("connected|dialup lan|network|server|servers lost|fail|unreachable|drop", 1.0),
            event(&[9311, 9316], 0.4),
        ],
        "print the routes while the dial-up link is up",
        &[
            "Switch off the default gateway on the remote network for this entry, and add routes for what lies behind it.",
        ],
    ),
    rule(
        Cause::RasNetbiosGateway,
        "ras netbios gateway setting rpc to caller dial-in server cannot call back lan access",
        &[
            says("netbios+gateway|netbiosgateway*|enablenetbiosgateway", 4.4),
            says("ras netbios gateway|setting", 2.4),
            event(&[9322], 0.8),
            with(&[9322], &[1722], 0.4),
            event(&[9311, 9316], 0.4),
        ],
        "read whether the RAS server's NetBIOS gateway is on",
        &[
            "Switch the NetBIOS gateway of the RAS server off (EnableNetbiosGateway 0), and restart RAS.",
        ],
    ),
    rule(
        Cause::RasMtaResourcesTooLow,
        "dynamic ras connectors lan-mta threads dmod concurrent ras connections number of entries configured limit reached optimizer",
        &[
            event(&[9315], 4.4),
            says("ras several|many|multiple|number connector|connectors|link|links", 2.0),
            says("ras limit|resource|threads|concurrent", 2.2),
            says("ras+lan|lan+mta|dmod", 2.0),
            says("double+acquire", 0.8),
        ],
        "compare the RAS LAN-MTA threads and concurrent RAS connections with the number of RAS connectors",
        &[
            "Raise the RAS LAN-MTA threads, DMOD threads and concurrent RAS connections, and restart the MTA.",
        ],
    ),
    rule(
        Cause::MtaStackNotInstalled,
        "mta transport stack not installed ras stack tcp/ip stack tp4 required component x400 connector cannot be created option remotelisten ras stack dynamic ras connector needs",
        &[
            event(&[252], 3.6),
            says("stack not|missing|no|without install*|supporting|exist", 3.0),
            says("transport+stack|mta+stack|ras+stack", 2.0),
            says("stack before connector", 1.6),
            says(
                "x400|ras component|connector install*|missing|unavailable|available|option|greyed",
                1.4,
            ),
            says("eicon|x25", -0.4),
            says("ras connector stack|install*|listen", 1.0),
        ],
        "list the MTA transport stacks that are installed on the server",
        &[
            "Install the component and create the transport stack on the server, then the connector over it.",
        ],
    ),
    rule(
        Cause::ConnectorRemoteNameMismatch,
        "remote server name connector remote mta name case sensitive differs local mta name ras connector spelled typed capital lowercase bridgehead target server spelled",
        &[
            says("remote+mta+name|remote+server+name|remote+name|mta+name", 2.2),
            says(
                "case|capital|case+sensitive|uppercase|spelled|spelling|typed name|mta|server|connector",
                2.6,
            ),
            event(&[9311, 9316], 0.5),
            event(&[51, 48], 1.0),
            event(&[1293, 1290], 0.5),
            says("ras|dialup 9311|9316|name", 0.9),
            with(&[9311, 9316, 9318], &[8453, 8464, 8465], 2.4),
            code(&[8453, 8464, 8465], 1.6),
            says("password", -0.6),
            says("remote name exact*|match|same|identical", 1.2),
            event(&[1028], 0.5),
            says("case|capital|capitals mta|connector|server name", 0.8),
        ],
        "compare the remote name on the connector with the local MTA name of the other server, letter by letter",
        &[
            "Enter the other server's local MTA name on the connector exactly as it is, capitals too.",
        ],
    ),
    rule(
        Cause::MtaNameDiffersFromServerName,
        "local mta name changed differs from computer name server name must match site connector same site",
        &[
            says("local+mta+name", 3.0),
            says(
                "mta+name differ|different|changed|mismatch|not server+name|computer+name|server",
                2.8,
            ),
            says("changed|renamed mta+name", 1.6),
            says("override|x400", -0.6),
            says("mta+name", 0.9),
        ],
        "compare the MTA's local name with the computer's name",
        &["Set the local MTA name back to the computer's name, and restart the MTAs that know it."],
    ),
    rule(
        Cause::X25CallAddressRejected,
        "x25 call address format network rejects x121 number prefix leading digits dnic cause diagnostic cleared call",
        &[
            says(
                "x25|x121|pad|dnic call|address|number reject|refuse|format|cleared|clear|prefix|digits|wrong",
                3.0,
            ),
            says("x25 network|address call", 1.2),
            event(&[9134, 9131], 1.0),
            says("x25 cause|diagnostic", 1.4),
            says("facilities|driver|circuits", -1.0),
        ],
        "read cause and diagnostic of the cleared call, and compare the called address with what the network wants",
        &[
            "Enter the X.121 address in the form that the network wants, with or without the prefix.",
        ],
    ),
    rule(
        Cause::X25CircuitsExhausted,
        "x25 virtual circuits too many more than card allows svc control blocks number resource limit associations",
        &[
            event(&[9102], 4.0),
            says(
                "virtual+circuit|virtual+circuits|circuits|svc|svcs x25|card|limit|many|number",
                3.2,
            ),
            says("x25 limit|resource|number|many|exceed*", 1.6),
            with(&[9156], &[3], 1.5),
        ],
        "compare the circuits that card and subscription allow with the control blocks configured for X.25",
        &[
            "Lower the X.25 control blocks to the circuits that card and subscription allow, or buy more.",
        ],
    ),
    rule(
        Cause::X25DriverFaulty,
        "x25 eicon driver fault version hangs card wan services update port connection stalls",
        &[
            says(
                "x25|eicon driver|card|software fault|hang|crash|version|old|update|fail|misbehav*",
                2.8,
            ),
            says("eicon|cirel|sat x25", 1.4),
            event(&[9106], 1.6),
            event(&[9131, 9102, 9134], 0.5),
            says("missing|not+installed|dll", -0.6),
        ],
        "compare the version of the X.25 driver with the vendor's newest, and try its own test",
        &["Install the vendor's current driver, and restart the card before the MTA."],
    ),
    rule(
        Cause::X25DriverNotInstalled,
        "x25 driver missing eicon wan services not installed dll not found card not started interface failed to initialize",
        &[
            event(&[9106], 2.4),
            says(
                "x25|eicon driver|dll|card|services missing|not|without|no|absent install*|found|start",
                2.6,
            ),
            says("ecbios|eicon missing|dll", 2.2),
            event(&[9409], 0.6),
        ],
        "see whether the X.25 driver and the WAN services are installed and started",
        &[
            "Install the X.25 driver and WAN services and start them; remove the X.25 stack if it is not used.",
        ],
    ),
    rule(
        Cause::X25FacilitiesDataMisconfigured,
        "x25 facilities user data call user data protocol identifier incoming call matching reverse charging accept",
        &[
            says("facilities|facility", 4.0),
            says("call+user+data|user+data|protocol+identifier x25|call", 3.0),
            says("x25 incoming|accept|match call|calls", 1.2),
        ],
        "compare facilities and call user data of both stacks with those in the incoming call",
        &[
            "Set the same facilities and call user data on both ends, or leave them empty; let the accept carry the incoming ones where the network wants it.",
        ],
    ),
    rule(
        Cause::X25RegistryParametersMissing,
        "x25 registry parameters missing default value will be used eicon tp0 settings",
        &[
            event(&[9409], 3.4),
            says("x25 registry parameter|parameters|value|missing", 3.0),
            event(&[9106], 0.8),
        ],
        "compare the X.25 parameters of the MTA in the registry with their documented names",
        &["Add the missing X.25 parameters to the registry, and restart the MTA."],
    ),
];
