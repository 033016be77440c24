//! The database of the MTA, and what keeps the service from starting.

use finding::Cause;

use super::{Rule, rule};
use crate::offline::sign::{code, event, log, says, telling};

pub(super) const RULES: &[Rule] = &[
    rule(
        Cause::MtaDatabaseCorrupt,
        "mta database corrupt mtadata mtacheck repair dat files damaged 2143 2152 9405 does not start queues stuck i/o error read failure unrecoverable power outage disk controller restore",
        &[
            event(&[2152], 2.0),
            event(&[2171, 2143, 2170, 2172, 2188, 2155], 1.1),
            event(&[2110, 2127, 2124, 3080], 0.6),
            says(
                "mtadata|mta+database|dat|database corrupt|damaged|serious|inconsistent|repair",
                2.4,
            ),
            says("mtacheck errors|repair|serious|corrupt|cannot", 1.6),
            says("mtacheck", 0.6),
            says("restored|restore|missing|path|schema|deleted|removed", -0.5),
            event(&[105, 2189, 2190, 2182], 0.7),
            telling(&[210, 9405], "database", 0.8),
            says("disk|controller|power fail|failure|crash database|mtadata|mta", 0.9),
            says("stuck|queue|queues cannot|not database|dat|mtacheck", 0.6),
            event(&[9405, 2175, 2186, 2187, 2191, 2194, 2197, 2202, 100], 0.4),
        ],
        "run mtacheck with /v until it finds nothing, and read what it repaired",
        &[
            "Stop the MTA, copy MTADATA, run mtacheck until it is clean, start; where it cannot repair, restore or begin with a new database.",
        ],
    ),
    rule(
        Cause::MtaDatabaseCoreFilesMissing,
        "core files db000001 missing bootenv template files zero bytes mtadata boot environment does not start 2140 restored without files new folder empty",
        &[
            says("bootenv|boot+environment|core+file|core+files|template", 3.8),
            says(
                "db000001|db00000*|db000020|db000025|db000026|db00002* missing|corrupt|lost|zero|0",
                3.4,
            ),
            event(&[100], 2.0),
            event(&[3057], 1.2),
            event(&[2152], 0.8),
            code(&[2140], 0.6),
            says("mtadata missing|empty|deleted|zero|bytes file|files", 1.6),
            says("mtadata deleted|emptied|cleared|renamed|wiped", 1.8),
        ],
        "look for DB000001 to DB000026 in MTADATA, and for any of 0 octets",
        &[
            "Copy the missing core files from BOOTENV of the installation medium (only the missing ones), then run mtacheck.",
        ],
    ),
    rule(
        Cause::MtaDatabaseFilesMissing,
        "dat files missing removed deleted from mtadata message queue file object does not exist odxoiniu does not start restored backup restored partial antivirus quarantine cleaned folder",
        &[
            says("dat|mtadata file|files delete|deleted|removed|missing|lost|moved", 3.0),
            telling(&[2171, 2175, 2186, 2188, 2191, 2173, 2143], "odxoiniu|not+exist", 1.5),
            event(&[2127, 2155], 1.2),
            event(&[3057], 2.2),
            event(&[3080], 0.8),
            code(&[2140], 0.5),
            says("adminprogram|admin|core|boot*", -0.8),
            event(&[2173, 2175, 2188, 2186], 0.4),
            event(&[100, 105, 2124, 9405], 0.3),
        ],
        "compare the DAT files that the queues name with those in MTADATA",
        &[
            "Put the missing files back from a copy, or run mtacheck, which removes the entries that point to them.",
        ],
    ),
    rule(
        Cause::MtaDatabasePathWrong,
        "mta database path registry wrong run directory restore moved files another drive optimizer mtadata not found 2140",
        &[
            says("database+path|run+directory|mta+database+path|mtadata+path", 3.6),
            says(
                "path|directory|drive|location wrong|moved|registry|different|changed mtadata|database|files|mta",
                2.2,
            ),
            says("restore|restored|optimizer moved|mtadata|path|drive", 2.0),
            code(&[2140], 0.9),
            says("queue+desc|database serious|found", 1.2),
        ],
        "compare the database path and run directory in the registry with where MTADATA is",
        &[
            "Set the database path and the run directory in the registry to the real folders, or move the files back.",
        ],
    ),
    rule(
        Cause::MtaNotShutDownCleanly,
        "mta not shut down cleanly recovery at start database check power failure crash takes long start 2219 2206 2207 killed task manager process power loss blue screen reset machine",
        &[
            event(&[2219], 3.2),
            event(&[2206, 2207], 1.8),
            says(
                "shut|shutdown|stopped|power clean|cleanly|unclean|improper*|failure|abnormal*",
                2.4,
            ),
            says("recovery|check start|restart mta|database", 1.0),
            says("mtacheck|check start|automatic*", 0.8),
            event(&[2152], -1.6),
            says("command+line|dbbitmp", -1.0),
            says(
                "power|killed|bluescreen|blue+screen|reset|crash restart|start|check|mtacheck",
                1.2,
            ),
        ],
        "read whether the check at start ended with 2207",
        &[
            "Wait until the check at start has ended; it repairs what it can. Then stop the service in order before the machine goes down.",
        ],
    ),
    rule(
        Cause::MtaSlowStartLargeDatabase,
        "mta starts slowly many dat files large mtadata thousands of files startup takes long time minutes hours backlog after outage service control manager timeout starting",
        &[
            says("start|starts slow|long|minutes|hours|time|takes mta|service", 2.2),
            says("many|thousands|large|number dat|file|files|mtadata|queue", 2.4),
            says("mtadata|dat start slow|long", 1.6),
            event(&[9298], 0.4),
            event(&[2219], -0.6),
        ],
        "count the DAT files, and those of more than one octet",
        &[
            "Let it finish; then clear what waits, and after a copy begin with a fresh set of files to lower the high-water mark.",
        ],
    ),
    rule(
        Cause::MtacheckLogUnwritable,
        "mtacheck.log read-only cannot write log file mtacheck.out attribute mta does not start check fails",
        &[
            says(
                "mtacheck+log|mtacheck+out|mtacheck log readonly|read+only|write|attribute|corrupt|open",
                3.6,
            ),
            says("read+only|readonly mta|log|file|mtadata", 2.2),
            event(&[2152], 0.9),
        ],
        "try to write to MTACHECK.OUT\\MTACHECK.LOG; read its attributes",
        &["Delete or rename MTACHECK.LOG, clear its read-only attribute, and start the MTA."],
    ),
    rule(
        Cause::MtacheckOutputReplayed,
        "files removed by mtacheck put back copied mtacheck.out into mtadata again errors after replay folder must be empty old dat files in mtacheck.out",
        &[
            says("mtacheck put|copied|moved|back|returned|replayed file|files|dat|mtadata", 3.6),
            says("mtacheck+out", 1.8),
            says("mtacheck out|folder dat|files", 0.8),
        ],
        "compare what lies in MTADATA with what mtacheck removed",
        &["Take the files that mtacheck had removed out again, and run mtacheck."],
    ),
    rule(
        Cause::DbbitmpMissing,
        "dbbitmp.dat clean stop marker missing command-line mtacheck then check at start runs again by hand manually",
        &[
            says("dbbitmp", 4.6),
            says("command+line mtacheck", 3.0),
            says("mtacheck again|second|internal start|restart", 1.8),
            says("mtacheck hand|manual*|command|prompt|before|ran|run", 1.8),
        ],
        "look for DBBITMP.DAT after the service was stopped",
        &[
            "Nothing is broken: the check at start is repeated, because the tool does not leave the marker. Wait for it.",
        ],
    ),
    rule(
        Cause::SchemaFileVersionMismatch,
        "dbserver.sch schema file version does not match service pack mta template old schema replaced database file after applying service pack restored mtadata from older build mta fatal at start",
        &[
            says("dbserver|sch|schema", 3.8),
            event(&[2051, 2143], 0.9),
            event(&[2124, 2171, 2175], 0.6),
            says("servicepack|upgrade|upgraded mta stop|stops|fatal|crash", 1.2),
            says("urgent", 0.9),
            says("mtadata restored|copied|old|version file", 1.2),
            says("servicepack after|installed|applied stop|start|fail|fatal", 0.8),
            event(&[2050, 2110], 0.3),
        ],
        "compare the date and size of DBSERVER.SCH in MTADATA with those of the installed build",
        &["Copy DBSERVER.SCH of the installed build into MTADATA, and start the MTA."],
    ),
    rule(
        Cause::InfoCfgFileMismatch,
        "info4log.cfg infodlog infotlog cfg files do not match build event text wrong parameters statistics dbi call after update",
        &[
            event(&[2125], 3.0),
            says("info4log|infodlog|infotlog|cfg", 4.0),
            says("statistics+dbi|statistics call", 1.6),
            says("event|events text|description|wrong|garbled|parameters update|servicepack", 1.4),
            says("servicepack|upgrade|run+folder|run+directory", 0.7),
            event(&[2004], 1.0),
        ],
        "compare the Info*.cfg files in the run directory with the build of EMSMTA.EXE",
        &[
            "Copy the Info*.cfg files of the installed build into the run directory, and restart the MTA.",
        ],
    ),
    rule(
        Cause::WorkQueueFileDamaged,
        "work queue file damaged object mtaworkq pointer counter never clears messages in work queue not processed 01000027",
        &[
            says(
                "work+queue|mtaworkq|workq corrupt|damaged|never|stuck|not|object|file|counter|empty|remain*",
                2.4,
            ),
            event(&[100], 2.2),
            says(
                "perfmon|performance|counter work+queue|queue|items never|clear*|wrong|remain*",
                1.8,
            ),
            event(&[2194, 2191], 0.8),
            says("deferred perfmon|counter|items|queue", 1.4),
            event(&[666], 0.4),
            says("work+queue", 0.8),
            event(&[2175, 2171, 2186, 9405], 0.3),
        ],
        "compare the work queue's counter with its entries as mtacheck lists them",
        &[
            "Stop the MTA, run mtacheck; if the queue object stays damaged, move its DAT file away and run it again.",
        ],
    ),
    rule(
        Cause::DatFileLocked,
        "dat file locked in use cannot be deleted sharing violation backup or other program holds file mtadata process explorer handle open",
        &[
            says("dat|db0*|file locked|lock|use|sharing|open delete|deleted|cannot|mtadata", 3.0),
            says("sharing+violation|file+locked|file+in+use", 2.6),
            code(&[32, 33], 1.8),
            event(&[2127, 2124], 0.8),
            telling(&[2127, 2124], "32", 0.8),
            event(&[2188], 0.4),
            says("cannot delete|rename|remove dat|file|db0*", 1.8),
        ],
        "see which process holds the file",
        &[
            "Let the program that holds the file leave MTADATA alone (backup, scanner), and restart the MTA.",
        ],
    ),
    rule(
        Cause::QueueEntryDeletedWhileInUse,
        "administrator deleted message from queue with admin program while mta in use queue 2194 2202 errors",
        &[
            says(
                "delete|deleted|removed message|mail|entry|queue admin*|administrator|adminprogram|queue",
                2.8,
            ),
            event(&[2202], 2.0),
            event(&[2194], 1.2),
            event(&[2127, 2155], 0.6),
            says("connector|site|server delete*|removed", -0.9),
            event(&[2188, 2173], 0.4),
            event(&[2171, 2175, 2186, 2187], 0.3),
        ],
        "ask whether somebody deleted a message from the queue shortly before",
        &["Restart the MTA; delete queued messages only while their connector is stopped."],
    ),
    rule(
        Cause::ConnectorObjectDeletedInUse,
        "connector deleted removed while messages queued mta stops after connector removal fatal removed gateway recalculated routing queued mail",
        &[
            says("connector|gateway delete|deleted|remove|removed|recreated", 3.2),
            says("connector deleted|removed mta|queue stop|crash|fatal|hang", 1.6),
            event(&[9405, 2187, 2191, 2197, 2198, 251], 0.5),
            says("delete|deleted|removed connector|gateway queue|messages|mail", 1.0),
            event(&[2175, 2188, 3080, 2143], 0.3),
        ],
        "ask whether a connector was deleted shortly before, with mail in its queue",
        &["Restart the MTA and run mtacheck; empty a connector's queue before deleting it."],
    ),
    rule(
        Cause::SiteDeletedWhileInUse,
        "site deleted removed while resources in use transfer stops over connectors",
        &[
            says("site|sites delete|deleted|remove|removed", 3.6),
            event(&[2187], 0.8),
            says("transfer stop|stops connectors|connector site", 0.9),
        ],
        "ask whether a site was deleted since the MTA started",
        &["Restart the MTA."],
    ),
    rule(
        Cause::IncompatibleDll,
        "dll wrong version replaced mapi32.dll entry point not found ordinal could not be located procedure initialize failed another product installed outlook client on server service terminated unexpectedly missing export application error setup copied",
        &[
            says("dll", 2.4),
            says("entry+point|ordinal|procedure+entry", 3.6),
            says("dll replaced|old|version|wrong|initialize|found|loaded", 1.6),
            says("mapi32|mapi|msvcrt|address|outlook|client server|dll|install*", 1.2),
            code(&[2_147_942_487, 182, 127, 126], 2.0),
            code(&[2186], 1.2),
            log("service control manager", &[7000, 7009], 0.8),
            says("backup|outlook|client installed|install server", 0.8),
            says("rpcrt4|rpc*|ecbios|eicon", -1.2),
            says("file replaced|overwritten|copied|older version|service|mta", 1.2),
            code(&[1067], 0.4),
            event(&[9405, 9996, 6613], 0.3),
        ],
        "compare the versions of the DLLs that the service loads with those of the installed build",
        &[
            "Restore the DLL of the right version (install the service pack again), and remove what replaced it.",
        ],
    ),
    rule(
        Cause::IncompatibleBackupSoftware,
        "backup software old version agent disturbs mta stops during backup tape job",
        &[
            says("backup|tape|arcserve|backupexec", 2.8),
            says(
                "backup during|after|night|software|program|agent|job|product mta|stop|crash|hang|fail|service",
                2.2,
            ),
            says("restore|dll|ordinal|bdc", -1.2),
        ],
        "compare the times of the faults with those of the backup jobs; stop the agent for a night",
        &["Update the backup software, and do not let it open the MTA's files."],
    ),
    rule(
        Cause::ServiceDisabled,
        "service disabled startup type 1058 hardware profile cannot start",
        &[
            code(&[1058], 4.4),
            says("service disabled|disable", 3.4),
            says("startup+type|hardware+profile", 1.8),
        ],
        "read the start type of the service and its state in the hardware profile",
        &["Set the service to start automatically, and enable it in the hardware profile."],
    ),
    rule(
        Cause::UpgradeNeedsRestart,
        "after upgrade or setup mta does not start until computer restarted reboot needed installed service pack without restart setup completed files in use",
        &[
            says("upgrade|upgraded|install*|servicepack restart|reboot", 2.2),
            says("upgrade|upgraded start|starts|not|fail mta|service", 1.6),
            log("msexchangeis", &[2000], 1.2),
            code(&[3051], 0.6),
            says("ma+open", 0.8),
            says("dll|entry|point|ordinal", -1.0),
        ],
        "ask whether the machine was restarted since the last installation",
        &["Restart the machine."],
    ),
    rule(
        Cause::MtaRunFromCommandLine,
        "emsmta run from command line console debugging session interactively ctrl-c stopped window",
        &[
            says("command+line|console|interactive*|ctrl|debug* mta|emsmta|run|session|stop", 3.2),
            says("debug*|ctrl", 2.0),
            says("mtacheck", -1.5),
        ],
        "see whether EMSMTA.EXE runs as a service or in a session",
        &["Stop that process in order and start the MTA as a service."],
    ),
];
