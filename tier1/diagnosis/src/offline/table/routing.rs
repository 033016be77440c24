//! Address spaces, routes, reroutes, loops.

use finding::Cause;

use super::{Rule, rule};
use crate::offline::sign::{event, log, says, telling, with};

pub(super) const RULES: &[Rule] = &[
    rule(
        Cause::AddressSpaceMissing,
        "no address space connector recipient address type route not found recipient name not recognized ndr unable to route routing table new gateway fax smtp smtp internet fax notes profs type unable to send address not routable ims imc transport type",
        &[
            says("no|missing|without|lack*|not address+space|route|connector|gateway", 1.8),
            says("unable|cannot|no route|routed recipient|mail|message", 1.2),
            event(&[142], 1.8),
            event(&[141], 0.6),
            says(
                "unrecogni*|recipient+name+recogni*|recipient+name+unknown|unknown oraddress|name",
                1.2,
            ),
            says("ndr recipient name unknown", 1.0),
            says("address+type|new gateway|connector ndr", 1.4),
            says("organization|organizations|sites|duplicate|replicat*|pab|deleted", -0.7),
            says("internet|smtp|fax|notes ndr|cannot|unable|unrout*", 1.0),
            event(&[290], 0.3),
            says("unable+transfer|cannot+transfer unrecognized|unknown", 0.6),
        ],
        "look up the recipient's address in the routing table and in the address spaces of all connectors",
        &[
            "Add an address space that covers the recipient's address to the connector that should carry it, and recalculate the routing.",
        ],
    ),
    rule(
        Cause::AddressSpaceReplicatedTooWidely,
        "address space scope organization wide other sites use connector wrong site mail goes through remote internet connector over wan cost restrict location local internet mail leaves through another site's ims wrong exit",
        &[
            says(
                "address+space|route other|all|every|remote site|sites scope|use|known|replicat*|wide*",
                2.2,
            ),
            says(
                "other|another|remote site connector|gateway|internet used|uses|through|via|routed|instead",
                2.4,
            ),
            says("scope|cost address+space|connector|route", 1.8),
            says("wrong connector|site|gateway route*|mail|sent", 1.2),
            says("ims|imc|internet|fax other|remote|wrong|another site|server", 1.6),
        ],
        "list in which sites the address space is known, with its scope and cost",
        &[
            "Limit the scope of the address space to the site or location that should use it, or raise its cost.",
        ],
    ),
    rule(
        Cause::AddressSpaceSyntaxInvalid,
        "address space syntax invalid malformed wrong entry routing calculation stops connectors missing from routing table local scope comma comma semicolon",
        &[
            says("address+space syntax|invalid|malformed|wrong|format|comma|illegal|bad", 3.2),
            says("gwart|routing|route missing|lacks|lack|not|new connector|connectors", 2.0),
            says("local+address+space|local scope|space", 1.4),
            log("msexchangesa", &[5000], 1.2),
            says("calculation|recalculat* fail|stop|incomplete|ignore*", 1.4),
            says("address+space comma|commas|entered|typed|semicolon", 1.6),
        ],
        "read the address spaces one by one for their syntax, last changed first",
        &["Correct the malformed address space and recalculate the routing."],
    ),
    rule(
        Cause::AddressSpaceOnInboundOnlyConnector,
        "connector inbound only receives does not send still address space route stuck queue",
        &[
            says("inbound|receive|incoming only connector|mode|ims|transfer", 3.2),
            says("inbound+only|receive+only|flush", 2.4),
            says("inbound address+space", 2.0),
        ],
        "list connectors in inbound mode that have an address space",
        &["Remove the address space from the connector that only receives."],
    ),
    rule(
        Cause::DuplicateAddressSpace,
        "two connectors same address space only one can deliver half of mail wrong connector cost equal",
        &[
            says(
                "two|several|both|same|duplicate|identical connector|connectors|gateway|gateways address+space|space",
                3.0,
            ),
            says("duplicate address+space", 2.4),
            says("half|some mail wrong connector|gateway", 1.4),
            says("two|both|second ims|connectors|gateways|imc half|some|wrong|fail", 1.6),
        ],
        "list all connectors with the recipient's address space",
        &[
            "Remove the address space from the connector that cannot deliver, or give it a higher cost.",
        ],
    ),
    rule(
        Cause::MailboxAddressClaimsConnectorSpace,
        "mailbox has x400 address proxy of other organization site claims address space local site thinks it owns recipient ndr immediate secondary address site addressing loop site address primary recipient policy manually added",
        &[
            event(&[254], 3.4),
            event(&[142], 0.8),
            says(
                "mailbox|recipient|user address|proxy|x400 other|same|second|secondary|additional|foreign|connector organization|space|site|system",
                1.8,
            ),
            says(
                "second|secondary|additional|extra|multiple x400|proxy|smtp address|addresses",
                1.8,
            ),
            says("local+site matches|match|own|claims|address", 2.0),
            says("organization|organizations x400 ndr|recipient local|immediate*|once", 1.6),
            says("local+mta ndr|recipient|recognized", 1.0),
            says("loop site+connector|replicat*", 0.9),
            says("manually|added address|proxy", 1.0),
            says("own|claims|local space|site|address", 0.7),
        ],
        "search the directory for objects whose proxy addresses lie in the other system's space, and look for it under the local site in the routing table",
        &[
            "Remove the foreign address from the mailbox, or share the address space with the other system, and recalculate the routing.",
        ],
    ),
    rule(
        Cause::ConnectedSitesMissing,
        "connected sites page x400 connector replication other site not reached bridgehead no directory replication unreplicated route join existing site replication bridge new x400 link",
        &[
            says("connected+sites|connected+site", 4.6),
            says("x400 connector site|sites new|unreplicated|not replicat*|route", 1.4),
            says("directory+replication connector x400|new set|cannot|not|fail", 1.4),
            says("directory+replication+connector", 1.0),
            says("x400 site|sites replicat* begin|start|never|not|fail", 1.4),
        ],
        "read the connected sites page of the X.400 connector on both ends",
        &[
            "Enter the remote site on the connected sites page, on both ends, and recalculate the routing.",
        ],
    ),
    rule(
        Cause::DnUsedAcrossOrganizations,
        "two organizations x400 connector exchange contents reply fails dn only distinguished name unknown in other organization allow ms exchange contents tnef immediately ndr reply forwarded attachment sender unresolvable rtf contents winmail trial other company foreign exchange",
        &[
            says("two|other|another|different|between|separate organization|organizations", 2.0),
            says("organization|organizations x400 ndr|reply|replies", 1.8),
            says("allow|ms+contents|exchange+contents|ms contents", 3.2),
            says("reply|replies ndr|fail|unknown x400|organization|site", 1.8),
            says("dn|distinguished+name reply|organization|other|unknown", 1.8),
            event(&[178], 0.6),
            says("reply|replies|respond organization|company", 1.2),
            says("company|companies", 0.9),
            event(&[290, 142], 0.3),
        ],
        "look whether the addresses of the message that fails are bare directory names of the other organization",
        &[
            "Switch Allow MS Exchange contents off on connectors to other organizations, so that full addresses are carried.",
        ],
    ),
    rule(
        Cause::SiteConnectorAddressSpaceIgnored,
        "site connector address space ignored replicated sites not in gwart routing table missing by design",
        &[
            says("site+connector address+space", 3.4),
            says("site+connector gwart|routing missing|not|lacks|absent", 2.2),
            says("replicat* sites site+connector", 0.9),
        ],
        "see whether the two sites replicate their directories",
        &[
            "Nothing is broken: between replicated sites these spaces are not used. Put the space on the connector of the site that delivers.",
        ],
    ),
    rule(
        Cause::RoutingTableStale,
        "routing table old not updated recalculated gwart out of date after change routes wrong misrouted days replication lag gwart0.mta routing calculation server deleted connector still used new connector not used",
        &[
            says(
                "routing|gwart|route|routes old|stale|updated|recalculat*|rebuilt|outdated|calculated",
                2.8,
            ),
            says("misroute*|wrong+route|routed+wrong", 2.0),
            says("replicat* misroute*|routing|route", 1.4),
            says("change|changed|added|removed connector|route|cost mail|still old", 1.4),
            event(&[142, 141], 0.6),
            says("routing calculation|calculate", 1.4),
            says("still connector|route|used old|deleted|removed", 1.4),
            says("new connector|site|route not|ignored|used", 1.2),
            says("deleted|removed|yesterday|change|changed connector|route still|sent|old", 1.0),
        ],
        "compare the age of the routing table with the last change, and the table of the calculation server with this server's",
        &["Recalculate the routing on the calculation server once the directory has replicated."],
    ),
    rule(
        Cause::RoutingTableEntryMisparsed,
        "routing table entry parsed wrongly special character comma semicolon in address space site name misread gwart entry",
        &[
            says(
                "gwart|routing entry|entries wrong|parsed|misread|character|comma|semicolon|truncated",
                3.0,
            ),
            says("parse*|parsing route|routing|gwart|address", 2.4),
            says(
                "character comma|semicolon|slash|quote|apostrophe|space address+space|gwart|route",
                1.8,
            ),
        ],
        "read the entry in the routing table as text and compare it with the connector",
        &["Rename the site, domain or space so that it holds no separator; install the update."],
    ),
    rule(
        Cause::RoutingLoopToSelf,
        "site routes to its own address space through neighbour own space loop local recipients sent out back",
        &[
            says(
                "own|local|itself space|address+space|site route|loop|through|neighbour|another",
                2.6,
            ),
            says("loop own|itself|self|back", 2.2),
            says("site route|routes own|itself", 1.6),
            event(&[254, 201], 0.8),
        ],
        "look for the own site's space under a connector to a neighbour in the routing table",
        &[
            "Remove the own site's space from the neighbour's connector, and recalculate the routing.",
        ],
    ),
    rule(
        Cause::MessageLoopBetweenSystems,
        "loop two systems send mail back and forth unknown recipients foreign system returns shared address space unresolved recipient hop count bounces between forever copies smart host domain shared both systems hop forwarding autoreply detected looping",
        &[
            says("loop", 2.2),
            event(&[201], 2.2),
            says("loop foreign|two|between|system|systems|internet|smtp|other", 1.6),
            says("back|forth|returns|returned system|systems|server|foreign|between", 1.6),
            event(&[171], 1.2),
            says("shared address+space|domain", 1.6),
            says("loop+detected|detect+loop", 0.8),
            says("custom+recipient|reroute|1984|size|trace", -0.7),
            says("hop|hops|max*+hop", 1.0),
            says("autoreply|auto+reply|out+office", 1.4),
            event(&[290], 0.1),
            event(&[141], 0.5),
            says("looping+within|detected+looping", 0.6),
        ],
        "follow one looping message in both systems: which of the two sends an unknown recipient back",
        &[
            "Let exactly one system be responsible for unknown recipients of the shared space; the other must refuse them.",
        ],
    ),
    rule(
        Cause::CustomRecipientRerouteLoop,
        "custom recipient x400 proxy address target routes back loop foreign address",
        &[
            says("custom+recipient|custom+recipients|contact loop|back|route|reroute|returns", 3.0),
            says("custom+recipient|custom+recipients", 1.6),
            says("custom+recipient x400|proxy", 1.0),
            event(&[201, 254], 0.4),
        ],
        "compare the target address of the custom recipient with its own X.400 proxy and the site's space",
        &[
            "Give the custom recipient a proxy address outside the space that it is routed through, or correct its target.",
        ],
    ),
    rule(
        Cause::RerouteHeaderGrowth,
        "reroute repeated header grows p1 disk full dat files two routes one down message size increase hop trace hundreds of trace entries message grows",
        &[
            says(
                "reroute|rerouting|alternate|two+route|routes|route|several+route header|grow|disk|size|full",
                2.2,
            ),
            event(&[171], 2.0),
            event(&[287], 1.2),
            says("header grow|large|size|increase*", 2.4),
            says(
                "two|several|multiple route|routes|connector|connectors|path|paths down|disk|full|stop",
                1.6,
            ),
            says("mtadata grow|full", 0.9),
            says("global+trace|too+much+trace", 1.4),
            says("trace|header mail grow|large", 1.6),
        ],
        "look at the size of one message's header over time, and count its reroutes",
        &[
            "Bring the route that is down back or take it out; set one route so that messages wait instead of turning; free disk space.",
        ],
    ),
    rule(
        Cause::RerouteLoopUnableToDowngrade,
        "1984 connectors reroute undowngradable message cannot be downgraded loop between connectors",
        &[
            says("downgrade* reroute|loop|another", 3.6),
            says("1984 reroute|loop|rerouted", 2.6),
            event(&[175], 1.2),
            telling(&[287], "reroute", 1.0),
            event(&[287], 0.9),
            says("two|several|second 1984", 1.6),
        ],
        "see whether the message goes round between 1984 connectors with event 175 each time",
        &[
            "Set one of the connectors to 1988 if the peer can, or correct the address so that it can be downgraded.",
        ],
    ),
    rule(
        Cause::RerouteAfterConversionFailure,
        "conversion failed message rerouted instead of non-delivered turned to other connector again and again",
        &[
            says("convert reroute|rerouted", 3.8),
            event(&[287], 1.6),
            event(&[210], 1.0),
            says("reroute ndr|fail", 0.8),
        ],
        "see whether each 210 is followed by a 287 for the same message",
        &["Delete the message that cannot be converted; install the update that returns it."],
    ),
    rule(
        Cause::SizeLimitRerouteLoop,
        "size limit on some connectors only oversize message rerouted over other connectors hours ndr late 512 hops",
        &[
            says(
                "size|large|limit reroute|connector|connectors|loop other|some|several|unequal|different|hours|late",
                2.4,
            ),
            says("ndr hours|late|after|delay connector|connectors|sites", 1.8),
            says("large mail reroute|loop|hops|turns", 2.0),
            event(&[287, 171], 1.0),
            says("several|multiple|many sites|connectors gateway|x400", 0.8),
            says(
                "large|size|limit travel*|between|turns|circulate*|forth connector|connectors",
                1.6,
            ),
            says("limit one|some|only connector|connectors", 1.4),
        ],
        "compare the size limits of all connectors that lead to the destination",
        &["Set the same size limit on all connectors that lead to one destination."],
    ),
    rule(
        Cause::AlternateRouteAlsoDown,
        "alternate route also cannot reach destination both routes down rerouted no delivery second path higher cost backup connector reroute fails too",
        &[
            says(
                "alternate|second|other|backup|both route|path|connector|link|links down|fail|unreachable|reach",
                3.0,
            ),
            says("alternate+route|both+routes|alternative", 1.8),
            event(&[287], 0.8),
            says("higher+cost|backup+connector|second+connector", 1.2),
        ],
        "probe every hop of the alternate route, not only the first",
        &["Bring one of the routes up; the MTA knows only the state of its own next hop."],
    ),
    rule(
        Cause::SecuredQueueNotRerouted,
        "mail queued to gateway internet mail service ims not rerouted when connector is down secured queue stays alternate connector mts-out queue",
        &[
            says(
                "queue|queued|waiting gateway|ims|internet|notes|ms+mail not|never reroute|rerouted|move|other",
                3.0,
            ),
            says("secured+queue", 3.6),
            says("ims|gateway|internet down|stop|fail reroute|other|second|backup", 1.8),
            says("mts+out", 1.6),
        ],
        "see to which kind of connector the messages are queued: a gateway's queue is never rerouted",
        &[
            "Bring the gateway back; what stands in its queue is not rerouted. Change address spaces for new mail.",
        ],
    ),
    rule(
        Cause::ServerRemovedOrRenamed,
        "server removed renamed no longer exists decommissioned replaced queue to old server deleted server connector target bridgehead still listed reinstalled tries to contact nonexistent server reinstalled same name new server bridgehead removed from site out of service replaced last month",
        &[
            says(
                "server delete|remove|rename|renamed|decommission*|replaced|retired|gone|longer",
                2.6,
            ),
            says("old server queue|connector|messages|directory", 1.6),
            says("server name changed|new", 1.4),
            says("queue|queues|connector deleted|old|removed server", 1.4),
            with(&[9318], &[1722], 0.4),
            event(&[2245], 0.6),
            says("account|mailbox|list|message", -0.5),
            says("tries|attempts|keeps|still old|removed|deleted|nonexistent server", 1.8),
            says("server rebuilt|reinstall*|replaced", 1.2),
            says("bridgehead|target+server|home+server old|removed|changed", 1.2),
            says("server out|replaced|retired|decommission* service|queue|month|week", 1.4),
            event(&[9318, 142, 289], 0.4),
        ],
        "compare the servers that queues, connectors and lists name with those that exist",
        &[
            "Remove the old server from the directory, its connectors and lists; let what waits for it be routed anew.",
        ],
    ),
    rule(
        Cause::VersionMixLoopDetection,
        "mixed versions 4.0 5.0 5.5 servers loop detected falsely upgrade false loop",
        &[
            says("mixed|different|old|older version|versions|4|5 loop", 3.0),
            says("loop upgrade|version|versions", 2.2),
            event(&[201], 0.9),
            says("false|falsely loop", 1.8),
        ],
        "compare the versions of the servers on the path with the trace of the message",
        &["Bring the servers on the path to the same version."],
    ),
];
