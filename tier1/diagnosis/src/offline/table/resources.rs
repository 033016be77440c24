//! Memory, disk, tables, threads, and floods.

use finding::Cause;

use super::{Rule, rule};
use crate::offline::sign::{code, event, log, says, telling};

pub(super) const RULES: &[Rule] = &[
    rule(
        Cause::LowMemory,
        "memory shortage paged pool nonpaged heap out of memory not enough storage leak server storage perfmon memory allocation cache shortage nonpaged pool resource not enough leak process grows slow 2020 2019 srv server runs out working set perfmon",
        &[
            event(&[9402, 9404], 2.4),
            event(&[2136], 2.2),
            event(&[9406], 1.4),
            code(&[14, 8, 1130, 1450, 1455], 2.2),
            says(
                "memory|pool|heap low|full|out|enough|leak|short|exhausted|insufficient|fail|consum*",
                2.4,
            ),
            says("enough+server+storage|server+storage|enough+storage", 3.2),
            says("paged|nonpaged", 2.0),
            says("2k|heuristics|256", -1.5),
            says("disk|page+file|pagefile", -0.3),
            log("srv", &[2019, 2020], 3.0),
            says("enough memory|storage|quota", 1.6),
            says("process|emsmta|store grow|leak|memory", 1.2),
            event(&[2050, 9156], 0.3),
            says("perfmon|performance+monitor memory", 0.8),
            event(&[9405, 100], 0.2),
            telling(&[9405], "memory|heap|alloc*|storage", 1.8),
        ],
        "watch memory, paged and nonpaged pool and the handles of each process over some hours",
        &[
            "Find the process that leaks and update it; give the machine more memory; let the system size its paged pool.",
        ],
    ),
    rule(
        Cause::LowDiskOrVirtualMemory,
        "page file virtual memory nearly full disk low commit system low on virtual memory commit limit 26 application popup",
        &[
            says("pagefile low|full|small|nearly|exhausted|out|short", 3.4),
            says("disk|pagefile low|full|nearly|space", 1.8),
            event(&[9406], 1.6),
            code(&[1455], 2.0),
            event(&[9411], 0.8),
            code(&[112], 0.8),
            says("system+low|low+memory|out+pagefile", 1.4),
        ],
        "compare committed memory with its limit, and the free space on the disk of the page file",
        &["Enlarge the page file or move it to another disk; free disk space."],
    ),
    rule(
        Cause::DiskSpaceLow,
        "disk space low less than 10 mb free mtadata disk full mta terminates volume full logs fill partition",
        &[
            event(&[9411], 4.0),
            says("disk full|low|space|10", 2.8),
            says("10+mb|free+space|disk+space", 2.0),
            code(&[112], 2.0),
            says("reroute|route|header", -1.2),
        ],
        "read the free space of the disk that holds MTADATA",
        &["Free space on the disk of MTADATA, or move MTADATA, then start the MTA."],
    ),
    rule(
        Cause::StoreReadOnly,
        "store filesystem mounted read-only erofs remount journal aborted takes no new mail bindback 20001",
        &[
            telling(&[20001], "read+only", 4.0),
            says("erofs|remounting+filesystem+read|read+only+file+system", 3.0),
        ],
        "read in the system's log why the filesystem of the store became read-only",
        &["Mend the filesystem of the store and make it writable; mail is taken again by itself."],
    ),
    rule(
        Cause::StoreDiskFault,
        "store disk input output error failed sync eio bad sector takes no new mail bindback 20001",
        &[telling(&[20001], "io+error", 4.0), says("eio|fdatasync|smartctl", 3.0)],
        "read in the system's log what the disk of the store fails with",
        &[
            "Mend or replace the disk of the store; mail is taken again as soon as a write succeeds.",
        ],
    ),
    rule(
        Cause::FileDescriptorsExhausted,
        "too many open files emfile enfile limitnofile ulimit descriptors bindback 20004 20010",
        &[
            event(&[20004], 4.0),
            event(&[20010], 2.0),
            says("too+many+open+files|emfile|enfile|limitnofile", 3.0),
        ],
        "compare the open files of the process with its limit",
        &[
            "Raise the hard limit of open files of the process and restart it, or let fewer clients connect.",
        ],
    ),
    rule(
        Cause::ControlBlocksExhausted,
        "no free control blocks available network type associations tcp/ip tp4 many x400 connectors resource limit 9156 more connectors than blocks tp0 x25 tp4 tcp listen associations refused",
        &[
            event(&[9156], 3.0),
            says("control+block|control+blocks free|no|full|out|exhausted|limit", 2.6),
            says("many|several|number x400 connector|connectors", 1.0),
            event(&[4300, 9228], -1.0),
            event(&[316], 0.4),
            says("entity", -1.2),
            says("no|not free|available block|blocks|cb", 1.8),
            event(&[57, 4287, 4284], 0.3),
            says("congestion", 0.5),
        ],
        "compare the control blocks of the network type with ten for each connector and ten for the listener",
        &[
            "Raise the control blocks of this type to ten for each connector and ten more, and restart the MTA.",
        ],
    ),
    rule(
        Cause::ControlBlocksMisconfigured,
        "control blocks configured too low too high pool maximum bad configuration mta does not start 4300 9228 optimizer",
        &[
            event(&[4300], 3.4),
            event(&[9228], 3.2),
            event(&[9156], 0.8),
            says(
                "control+block|control+blocks configur*|high|low|value|registry|maximum|setting",
                2.4,
            ),
            code(&[2140], 0.4),
            says("mta start not|fail configuration|bad", 0.9),
        ],
        "add up the configured control blocks of all types and compare with the pool",
        &[
            "Set the control blocks so that each type has at least its minimum and all together stay within the pool; restart.",
        ],
    ),
    rule(
        Cause::EntityControlBlocksExhausted,
        "entity control blocks ecb too many mtas connectors servers in site concurrent connections lan-mtas 41 248",
        &[
            event(&[41], 4.0),
            event(&[248], 1.6),
            says("ecb|ecbs|entity+control", 3.4),
            says("large site|many servers|mtas", 1.2),
        ],
        "count servers, connectors and gateways and compare with the configured LAN-MTAs and gateways",
        &[
            "Raise the concurrent connections to LAN-MTAs, LAN-MTAs and X.400 gateways, and restart the MTA.",
        ],
    ),
    rule(
        Cause::MtaGatewayClientsExhausted,
        "mt gateway clients too few gateways xapi several connectors ims notes fax number of sessions limit",
        &[
            says("gateway+clients|mt+gateway|gateway clients", 3.8),
            event(&[3120], 1.2),
            event(&[2037], 1.2),
            event(&[3128, 2191, 2197, 2198], 0.7),
            says("many|several|multiple gateway|gateways", 1.6),
            says("gateways|gateway seven|eight|nine|ten|many|several|number", 1.0),
        ],
        "count the gateways and connectors that use XAPI and compare with MT gateway clients",
        &["Raise MT gateway clients (to 0x20), and restart the MTA."],
    ),
    rule(
        Cause::XapiSessionsExhausted,
        "xapi sessions concurrent too few number of sessions configured limit store mta session resource limit 3120",
        &[
            event(&[3120], 3.0),
            says("xapi session|sessions", 3.4),
            says("sessions+configured|concurrent+sessions|number+sessions|session limit", 2.0),
            event(&[9316], 0.4),
            says("optimizer", 0.6),
        ],
        "read how many XAPI sessions are configured and how many are open",
        &["Raise the concurrent XAPI sessions (0x50 or more), and restart the MTA."],
    ),
    rule(
        Cause::XapiThreadsTooMany,
        "too many threads requested xapi threads sum bad configuration does not start 3047",
        &[
            event(&[3047], 4.4),
            says("many thread|threads xapi|requested|configur*|start", 2.8),
            says("xapi thread|threads", 2.4),
            event(&[9406], 0.3),
            event(&[9405], 0.1),
        ],
        "add up the XAPI queue and transfer threads: with three more they must stay within 75",
        &[
            "Lower the XAPI threads so that their sum with three stays within 75, and start the MTA.",
        ],
    ),
    rule(
        Cause::StoreMtaThreadsTooMany,
        "store mta threads registry too many sum send receive threads information store does not start above 40",
        &[
            says("store thread|threads many|high|sum|40|above|start", 3.4),
            says("store mta threads", 1.8),
            log("msexchangeis", &[], 0.3),
        ],
        "add up the store's threads to the MTA: together at most 40",
        &["Lower the store's MTA threads to at most 40 together, and restart the store."],
    ),
    rule(
        Cause::MtaThreadsTooFew,
        "mta threads too few slow throughput queue performance dispatcher kernel transfer threads tuning store delivery busy hub bottleneck idle cpu fast server slow queue to store submit deliver",
        &[
            says("thread|threads few|small|more|increase|low|tuning|default|number", 3.0),
            says("mta slow|throughput|performance load|busy|hub|high|queue", 1.6),
            event(&[57], 1.2),
            event(&[666, 659], 1.2),
            says("work+queue backlog|large|high", 1.4),
            says("xapi|ras", -0.8),
            says("work+queue|queue grow|backlog cpu|processor idle|low|busy", 1.6),
            says("delivery|deliver slow busy|large|many", 0.8),
            event(&[2136, 9156], 0.3),
        ],
        "watch the work queue and the processor: a long queue with an idle processor wants threads",
        &[
            "Raise the dispatcher, kernel, transfer and submit/deliver threads step by step, and restart the MTA.",
        ],
    ),
    rule(
        Cause::AssociationLimitReached,
        "limit on number of associations reached nine associations backlog threshold 57 many messages queued to one server urgent normal backlog many messages hub large queue",
        &[
            event(&[57], 3.4),
            says("association limit|nine|9|number|maximum", 2.6),
            says("threshold association|associations|queue", 1.2),
            says("high load|traffic|volume", 0.5),
            event(&[9156, 9280], -0.8),
            says("backlog|queue associations|association", 1.0),
            says("limit reached", 0.8),
        ],
        "compare the queue for this peer with its threshold, and see whether mail still flows",
        &[
            "Find why the backlog grew (link, peer, load); raise the threshold if mail flows and only the event disturbs.",
        ],
    ),
    rule(
        Cause::LocalityTableFull,
        "locality table full 240 rpc associations many servers in site hub 9280",
        &[
            event(&[9280], 4.6),
            says("locality+table|ltab full|limit|240", 3.0),
            says("many servers|rpc associations 240|site", 1.4),
            event(&[57], 0.4),
        ],
        "count the RPC associations in the locality table",
        &[
            "Reduce the servers that this MTA talks to by RPC: split the site or use X.400 connectors, which do not count.",
        ],
    ),
    rule(
        Cause::SemaphoresExhausted,
        "out of semaphores semaphore limit mta stops static semaphores",
        &[
            telling(&[9405], "out+semaphores|semaphores", 3.6),
            says("semaphore|semaphores out|limit|exhausted|run|no", 3.6),
            says("double+acquire", -1.5),
        ],
        "read the text after Error: in 9405",
        &[
            "Restart the MTA; lower what uses semaphores (threads, associations), install the update.",
        ],
    ),
    rule(
        Cause::IrpstacksizeTooSmall,
        "irpstacksize not enough server storage lanmanserver 2011 irp stack antivirus network share",
        &[
            says("irpstack*|irp+stack|irp", 4.6),
            log("srv", &[2011], 3.2),
            says("enough+server+storage|server+storage", 1.0),
            says("2011", 1.6),
        ],
        "look for event 2011 of the server service",
        &["Raise IRPStackSize of the server service by three, and restart."],
    ),
    rule(
        Cause::TrackingLogBufferSmall,
        "message tracking log cannot be written buffer attendant load tracking enabled unable to write",
        &[
            event(&[2026], 3.6),
            says("tracking log|buffer|write|written|enabled", 2.4),
            says("tracking", 1.0),
            event(&[2028], 0.4),
        ],
        "see whether 2026 follows the load, and whether the tracking log lacks entries",
        &[
            "Raise the tracking log's buffer or its flush frequency, or switch tracking off where it is not needed; mail is not affected.",
        ],
    ),
    rule(
        Cause::MtaBufferLimitExceeded,
        "16 kb submission buffer exceeded store to mta message header large many recipients long subject",
        &[
            says("buffer 16|kb|submission|limit|exceeded|small", 3.2),
            says("store submit|submission buffer|fail large|many", 1.6),
            event(&[3144, 9404], 0.9),
            says("buffer", 1.0),
        ],
        "look for the recipients and the envelope of the message that is not taken over",
        &["Let the sender use fewer recipients or shorter attributes; install the update."],
    ),
    rule(
        Cause::MailStorm,
        "reply storm to a large distribution list replies to all thousands of messages queues full mail storm unsubscribe",
        &[
            says("mailstorm|storm|replyall", 4.2),
            says("reply|replies dl|list large|all|thousands|everyone", 2.8),
            says("flood|thousands mail|messages|replies", 1.6),
            says("thousand|thousands|hundreds mail|messages", 0.9),
        ],
        "list the subjects and originators that fill the queue",
        &[
            "Restrict who may send to the list, delete the storm's messages from the queues by subject, tell people.",
        ],
    ),
    rule(
        Cause::ReceiptFlood,
        "read receipts delivery receipts flood one mailbox thousands reports requested large list newsletter",
        &[
            says("receipt|receipts flood|thousands|many|one|mailbox|large|queue", 3.4),
            says("receipt|receipts requested", 1.4),
        ],
        "count the receipts for one mailbox in the queue",
        &["Send to large lists without asking for receipts; delete the receipts from the queue."],
    ),
    rule(
        Cause::DirectoryReplicationOverload,
        "directory replication messages fill queues schedule always too frequent many sites system messages backlog",
        &[
            says(
                "replicat* schedule|frequent|always|messages|traffic|load queue|queues|backlog|fill|slow|system",
                3.0,
            ),
            says("directory+replication messages queue|backlog|fill|many", 2.2),
            says("replicat* always|every", 1.6),
        ],
        "count the replication messages in the queues against their schedule",
        &[
            "Replicate a few times a day instead of always; drop what waits with mtacheck /rd if need be.",
        ],
    ),
    rule(
        Cause::StoreDatabaseFragmented,
        "store database fragmented delivery to store slow queue to information store grows in day clears later space tree defragment large priv.edb",
        &[
            says("store|mdb|store queue|slow|delivery|backlog busy|day|peak|grow|slow|large", 2.4),
            says("fragment*|defragment*|space+tree", 3.6),
            says("queue|backlog store clears|later|night", 2.0),
            says("edb|priv|store large|big", 0.8),
        ],
        "watch the queue to the store against its disk times",
        &["Defragment the store offline; spread its mailboxes."],
    ),
    rule(
        Cause::OpenIntervalTooLow,
        "open interval too low retries too fast after outage associations server back online hours days looping rejected",
        &[
            says("open+interval", 4.2),
            says("server|site back|again|offline|down|outage hours|days|long", 1.8),
            telling(&[200], "limit exceeded", 1.8),
            log("msexchangeis", &[2024], 1.2),
            says("mail|messages rejected|held|loop outage|offline|hours", 1.2),
        ],
        "read the open interval of the connector or of the messaging defaults",
        &[
            "Set the open interval to 30 seconds or more on a LAN, 60 or more on dial-up, 600 by default.",
        ],
    ),
    rule(
        Cause::SecurityLogFullCrashOnAudit,
        "security log full crashonauditfail only administrators can log on audit",
        &[
            says("crashonaudit*|audit+fail|auditing|audit", 3.6),
            says("security+log|security+eventlog full", 3.6),
            says("only administrator|administrators|admins logon|log", 1.6),
        ],
        "read CrashOnAuditFail (2 means it happened) and the state of the security log",
        &["Save and clear the security log, set CrashOnAuditFail back to 1 or 0, restart."],
    ),
    rule(
        Cause::MtaHeuristics2kEncoding,
        "heuristics bit 256 2 kb encoding content heap error x400 connector 2k",
        &[
            says("heuristics|2k|2+kb|256 encod*|x400|connector|heap|tpdu", 3.6),
            telling(&[9405], "exchheapfree|heap", 2.2),
            says("2k|2+kb", 1.2),
        ],
        "read the heuristics of the connectors: is bit 256 set",
        &["Clear bit 256 of the heuristics, and restart the MTA."],
    ),
];
