//! Limits, restrictions, lists, folders, dates; and the store and the scanners on the way.

use finding::Cause;

use super::{Rule, rule};
use crate::offline::sign::{code, event, log, says, telling};

pub(super) const RULES: &[Rule] = &[
    rule(
        Cause::MessageSizeLimitExceeded,
        "message size limit exceeded too large ndr size constraint content too long connector mailbox outgoing incoming kilobytes larger than maximum kilobytes too big outgoing maximum message size tab general encoded base64 growth third larger storage limits returned storage limit transport maximum allowed list limit before expansion",
        &[
            says(
                "size+constraint|size+limit|size+exceeds|content+long|content+too+long|maximum+size|message+size",
                3.0,
            ),
            says("large|larger|size limit|exceed*|maximum|ndr|reject", 2.0),
            says("large|larger mail|message|attachment ndr|returned|reject|not", 1.6),
            says("content+length long", 1.4),
            telling(&[290, 62, 270], "size|content+long", 2.0),
            says("trace|reroute|hops", -0.8),
            says("different|inconsistent|unequal servers|sites", -0.4),
            says("ndr large|size|attachment|attachments|mb|kb", 1.4),
            says("base64|encod*|mime size|large|grow", 1.4),
            says("some messages large|attachment ndr", 1.2),
            event(&[270, 62, 290], 0.4),
            says("dl size|limit large|size|limit|kb", 0.8),
            says("exceeds+maximum|maximum+allowed|long+recipient", 1.6),
        ],
        "compare the size of the message with the limits of mailbox, MTA and connector on its path",
        &[
            "Raise the limit that the report's server names, or let the sender send less; a converted message is larger than its attachment.",
        ],
    ),
    rule(
        Cause::MtaSizeLimitsInconsistent,
        "different size limits between servers one mta allows other refuses limit set on some servers only mb first next passes",
        &[
            says(
                "size|limit|limits different|unequal|inconsistent|some|one|other|each server|servers|site|mta|connector",
                2.6,
            ),
            says("limit|limits server|servers|mta|mtas|site different|lower|higher|not", 1.8),
            says("large ndr|stuck|queue server|site|sites limit", 1.0),
            telling(&[290], "size|content+long", 0.6),
            says("size ndr|limit site|sites|server|servers|hop", 0.8),
            says(
                "first|one|some|local server|mta pass|passes|accept*|allow* next|other|second|remote ndr|return|returned|refuse|reject",
                2.0,
            ),
            says("mb|kb|megabyte* server|mta ndr|return|returns|refuse", 0.9),
        ],
        "list the size limits of all MTAs and connectors on the path",
        &[
            "Set the same size limit on all MTAs and connectors of the path, or the smallest at the source.",
        ],
    ),
    rule(
        Cause::DeliveryRestriction,
        "delivery restriction sender not permitted accept messages from only certain senders list connector restricted ndr a restriction in the system prevented delivery permission to send administrator set accept from none reject list not authorised security connector restricted sender list nested list outer list member does not have permission to submit",
        &[
            says("restriction|restrictions|restricted+delivery|restrict", 2.8),
            says("sender|originator|user permission|allowed|permitted|may send|submit", 2.0),
            says("accept|reject messages|mail from", 1.6),
            says("permission submit|send dl|list|recipient|connector", 1.6),
            telling(&[290], "restrict|submit", 1.6),
            says("slow|performance|cpu|large+list|attribute", -1.2),
            says("not|no authori*|permit*|allow* send|sender|deliver*", 1.6),
            event(&[290], 0.4),
            telling(&[270], "restrict|reason 5", 0.8),
            says("nested dl|list|lists|group", 1.4),
            says("restriction+system", 1.6),
        ],
        "compare the sender with the accept and reject lists of recipient, list and connector",
        &[
            "Let the owner of the recipient, list or connector admit this sender, if the mail is wanted.",
        ],
    ),
    rule(
        Cause::DeliveryRestrictionWrongAttribute,
        "restriction stored in wrong property attribute import directory delivery restriction not honoured imported no effect",
        &[
            says(
                "restriction|restrictions|restrict wrong|ignored|honoured|honored|work|attribute|property",
                3.0,
            ),
            says("restriction attribute|property|import|raw", 2.0),
            says("restriction|restrictions effect|ignored|import|imported", 1.4),
        ],
        "show the raw attributes of the object: where the restriction is kept",
        &[
            "Enter the restriction again with the admin program, so that it goes into the right attribute.",
        ],
    ),
    rule(
        Cause::DeliveryRestrictionsExpensive,
        "delivery restrictions distribution lists large slow mta cpu performance work queue backlog restriction checks cpu high connector delivery restrictions tab group membership expand",
        &[
            says(
                "restriction|restrictions|restrict slow|performance|cpu|backlog|queue|hang|large|load",
                3.6,
            ),
            says(
                "restriction|restrictions|restrict dl|list|lists large|many|members|nested|connector",
                2.0,
            ),
            event(&[666, 57], 0.6),
            says("ndr|prevented", -0.8),
            says("cpu|processor high|100 restriction|restrictions|dl|connector", 1.4),
        ],
        "take the list-based restrictions off one connector for a trial and watch the work queue",
        &[
            "Replace restrictions by large lists with a few direct entries, or with a list of its own that is small.",
        ],
    ),
    rule(
        Cause::RecipientReassignmentProhibited,
        "alternate recipient forward reassignment prohibited encrypted message redirect originator prohibited redirection sealed signed smime mail forwarded to alternate recipient prohibited redirection encrypted",
        &[
            event(&[145], 2.2),
            says("reassign*|redirection prohibit*|originator|encrypt*", 3.2),
            says("alternate+recipient|redirect*", 2.0),
            says("encrypted|private|prohibit* alternate|redirect*|forward", 1.8),
            says("encrypt*|sealed|smime ndr|alternate|forward", 1.6),
            says("redirection", 1.4),
        ],
        "see whether the recipient has an alternate recipient and the message forbids reassignment",
        &[
            "Let the sender allow redirection, or take the alternate recipient off; encrypted mail cannot be redirected.",
        ],
    ),
    rule(
        Cause::AlternateRecipientInvalid,
        "alternate recipient invalid deleted does not exist forward to mailbox loops ndr",
        &[
            event(&[145], 2.0),
            says(
                "alternate+recipient invalid|deleted|missing|wrong|unknown|exist|loop|removed",
                3.2,
            ),
            says("alternate+recipient", 1.6),
            says("prohibit*|encrypt*", -1.0),
        ],
        "look the alternate recipient up in the directory",
        &["Choose an alternate recipient that exists, or take it off."],
    ),
    rule(
        Cause::DlExpansionServerMissing,
        "distribution list expansion server removed no longer exists mail to list stuck ndr congestion expand list mail never arrives home server of list unable to complete expansion",
        &[
            says("expansion+server|expand+server", 3.4),
            says("dl server removed|deleted|missing|gone|longer|old", 2.4),
            says("dl congestion|queue|ndr|not expand*|expansion", 1.8),
            says("mts+congestion|congestion dl", 1.8),
            event(&[150], 0.8),
            says("mail dl never|stuck|queue|congestion|ndr", 0.9),
            says("mts+congestion|congestion", 1.0),
            says("expansion|expand dl fail|failure|complet*", 0.6),
        ],
        "read which expansion server the list names, and whether it exists",
        &["Set the list's expansion server to one that exists, or to any."],
    ),
    rule(
        Cause::DlExpansionProhibited,
        "sender prohibited expansion of distribution list dl expansion prohibited x400 message",
        &[
            event(&[150], 2.6),
            says("expansion|expand prohibit*|forbid*|barred", 3.2),
            says("dl+expansion|expansion+dl|dl expansion", 1.4),
        ],
        "see whether the message carries dl-expansion-prohibited",
        &["Let the sender's system allow the expansion, or address the members."],
    ),
    rule(
        Cause::RuleForwardsToDeletedRecipient,
        "rule forwards redirects to deleted recipient mailbox inbox rule public folder rule out of office ndr to sender unknown address automatic forward assistant out of office delegate left",
        &[
            says("rule forward|forwards|redirect*|delete|deleted|ndr", 3.2),
            says("forward delete|deleted|longer|old recipient|mailbox|user|address", 2.4),
            says("inbox|mailbox|folder rule", 1.2),
            says("forward rule ndr", 1.0),
            event(&[290], 0.3),
            says("auto*|assistant|delegate forward|ndr|rule", 1.0),
            telling(&[290], "dn recipients", 0.4),
        ],
        "list the rules of the mailbox or folder that the message was for",
        &["Correct or delete the rule that sends to a recipient that no longer exists."],
    ),
    rule(
        Cause::PublicFolderPermission,
        "public folder permission post right default none mail to folder returned author contributor anonymous anonymous internet sender",
        &[
            says(
                "public+folder|folder permission|right|role|post|contributor|anonymous|access|allowed",
                3.4,
            ),
            says("public+folder", 1.4),
            says("folder ndr|returned|reject", 1.0),
            says("replica", -1.5),
            event(&[270], 0.7),
        ],
        "read the sender's role on the folder, and that of Default and Anonymous",
        &["Give the sender (or Default, Anonymous) the right to create items in the folder."],
    ),
    rule(
        Cause::PublicFolderReplicaMissing,
        "public folder replica not in site no replica reachable folder affinity public mdb ndr mail to folder",
        &[
            says("public+folder|folder replica|replicas", 4.0),
            says("public+folder", 1.2),
            telling(&[270, 290], "public mdb|folder", 2.4),
            telling(&[290, 270], "transfer+failure", 0.6),
            says("affinity", 2.0),
        ],
        "list where the folder has replicas, and whether the server that gave up can reach one",
        &["Add a replica in this site, or set affinity to a site that has one."],
    ),
    rule(
        Cause::MailboxOverQuota,
        "mailbox full over quota storage limit prohibit receive send and receive size ndr mailbox limit",
        &[
            says("mailbox full|quota|over|limit|storage", 3.6),
            says("quota|storage+limit", 2.4),
            says("prohibit receive|send", 1.8),
            event(&[270], 1.0),
        ],
        "compare the mailbox's size with its limits",
        &["Let the owner delete mail, or raise the limit at which the mailbox stops receiving."],
    ),
    rule(
        Cause::DeferredTimeBeyondTimeout,
        "deferred delivery date later than message timeout ndr on the deferred date maximum time expired do not deliver before weeks later chosen",
        &[
            says(
                "deferred|defer|later|before deliver|delivery timeout|expired|expire|ndr|maximum|returned",
                3.4,
            ),
            says("deferred+delivery|deliver+before|defer+delivery", 1.8),
            event(&[208], 1.2),
            telling(&[290], "maximum+time|time expired", 0.6),
            event(&[273, 275], 1.0),
            says("delivery|deliver weeks|month|later|date|deferred", 1.2),
            event(&[290], 0.2),
            says("maximum+time|time+expired", 0.8),
        ],
        "compare the deferred time with the message time-out of its priority",
        &["Choose an earlier date, or raise the message time-out of that priority."],
    ),
    rule(
        Cause::ExpiryDateOutOfRange,
        "expiry date beyond 2050 year expires after out of range message option date century",
        &[
            says(
                "expiry|expires|expire|expired|expiration date|year 2050|2051|range|beyond|far",
                4.0,
            ),
            says("2050|2099|century", 2.0),
            says("expiry|expire mail|message|date", 1.4),
            event(&[2050, 2051, 2028], 0.7),
        ],
        "read the expiry date of the message",
        &["Use an expiry date before 2050, or none."],
    ),
    rule(
        Cause::MessageDateTooOld,
        "message stamped with old date time wrong date past expired immediately year 1980 submission time",
        &[
            says(
                "mail|message|messages old|wrong|past|1980|1970 date|time|stamp|stamped|dated",
                2.8,
            ),
            event(&[208], 1.8),
            says("expired immediately|once", 1.8),
            says("date old|past", 1.4),
            says("clock", -0.6),
            event(&[290], 0.2),
            says("maximum+time|time+expired", 0.8),
        ],
        "compare the submission time of the message with the present",
        &["Correct the clock or the program that stamps the messages, and send again."],
    ),
    rule(
        Cause::SystemClockWrong,
        "system clock time wrong date set incorrectly on server time zone future expired immediately clock ahead behind time synchronisation year set wrong by test",
        &[
            says(
                "clock|system+time|system+date|server+time|time+zone wrong|incorrect|ahead|behind|future|set|changed|differ",
                3.6,
            ),
            says("clock", 1.6),
            event(&[208], 1.4),
            says("date|time future|ahead|behind|wrong server", 1.6),
            telling(&[290], "maximum+time|time expired", 0.8),
            says("year|date set|changed|advanced|wrong server|system", 1.2),
            says("expired|timeout immediately|once", 0.8),
            event(&[275, 273], 0.5),
        ],
        "compare the clocks of all servers on the path, with their time zones",
        &["Set the clocks and let them follow one source; send again what was returned."],
    ),
    rule(
        Cause::StoreResourceErrorRedelivery,
        "same message delivered again every hour store resource error redelivery duplicates hourly mailbox receives repeated",
        &[
            says("hour|hourly|every+hour duplicate|again|repeat*|redeliver*|copies|same", 3.6),
            says("duplicate mail|copies|messages store|resource|deliver*", 1.8),
            says("store resource", 1.4),
            event(&[270], 0.5),
        ],
        "follow one of the repeated messages in tracking: does the store answer each delivery with a resource error",
        &["Cure the store's resource error (memory, disk, open items), then the repetition ends."],
    ),
    rule(
        Cause::StoreMtaSessionUnavailable,
        "store cannot open session with mta no transport provider available ma-open fails 2000 mail stays in outbox outbox pop imap client mapi_e 2000 connections no transport provider was available for delivery to this recipient",
        &[
            says("transport+provider", 3.2),
            log("msexchangeis", &[2000], 1.4),
            says("store|store session|ma+open mta|fail|open", 1.8),
            says("stays|remains|stuck outbox", 1.0),
            code(&[3051], 1.4),
            says("upgrade|restart", -0.3),
        ],
        "see whether the store's sessions with the MTA are open, and whether the MTA runs",
        &["Start the MTA, then the store, and raise the sessions between them if they run out."],
    ),
    rule(
        Cause::VirusScannerInterference,
        "antivirus scanner scans mtadata locks dat files vapi blocks mail attachments removed virus software product excludes scan engine norton mcafee inoculan groupshield scanmail message corruption attachment replaced",
        &[
            says("antivirus|scanner|scan|scanning", 4.0),
            says("antivirus|scanner install*|product|disable|removed|stop", 1.4),
            says("norton|mcafee|inoculan|groupshield|scanmail|innoculan", 3.4),
            event(&[2124, 2171, 2155, 9405], 0.3),
            says("message+corruption|corrupt+detected", 0.8),
        ],
        "stop the scanner, or exclude MTADATA, for a trial",
        &[
            "Exclude the MTA's database and the store's files from file scanning; update or remove the scanner.",
        ],
    ),
];
