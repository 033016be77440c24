//! The events of the MTA: the words that only one has, and what it means; and the reasons and diagnostics of reports.
//!
//! Numbers, words and meanings are those of the field (see the catalogue of the room `event` for those that this MTA logs).

use std::sync::LazyLock;

use crate::offline::words::words;

/// One kind of event.
#[derive(Debug)]
pub(in crate::offline) struct Form {
    pub(in crate::offline) id: i64,
    /// Words that stand in its text and in no other; empty where its text has none.
    pub(in crate::offline) phrase: &'static str,
    pub(in crate::offline) meaning: &'static str,
}

/// The event with this number.
pub(in crate::offline) fn form(id: i64) -> Option<&'static Form> {
    FORMS.iter().find(|form| form.id == id)
}

/// The event that has these words in its text.
pub(in crate::offline) fn recognise(said: &[String]) -> Option<&'static Form> {
    let fits = |phrase: &Vec<String>| !phrase.is_empty() && stand_in_order(phrase, said);
    let found = PHRASES.iter().filter(|(phrase, _)| fits(phrase));
    // The longer phrase is the more particular one.
    let best = found.max_by_key(|(phrase, form)| (phrase.len(), form.id)).map(|(_, form)| *form);
    let general = || GENERAL_PHRASES.iter().find(|(phrase, _)| fits(phrase));
    best.or_else(|| general().map(|(_, form)| *form))
}

/// What several events begin with and one has for its whole text: it tells where nothing else does, the more particular first. Of those
/// whose texts are the same (105, 2200, 2201 and 3128; 1004 and 1008; 2035 and 2036) one stands for all.
const GENERAL: [(&str, i64); 3] = [
    ("fatal mta database server error was encountered", 3080),
    ("mta database server error was encountered", 105),
    ("internal mta error occurred error code", 4287),
];

/// So many words may stand between two words of a phrase: names and numbers that were put in.
const MAX_BETWEEN: usize = 8;

fn stand_in_order(phrase: &[String], said: &[String]) -> bool {
    let mut from = 0;
    for (index, word) in phrase.iter().enumerate() {
        let rest = said.get(from..).unwrap_or_default();
        let reach = if index == 0 { rest.len() } else { rest.len().min(MAX_BETWEEN) };
        let Some(at) = rest.iter().take(reach).position(|one| one == word) else { return false };
        from += at + 1;
    }
    true
}

static PHRASES: LazyLock<Vec<(Vec<String>, &'static Form)>> =
    LazyLock::new(|| FORMS.iter().map(|form| (words(form.phrase), form)).collect());
static GENERAL_PHRASES: LazyLock<Vec<(Vec<String>, &'static Form)>> = LazyLock::new(|| {
    GENERAL.iter().filter_map(|(phrase, id)| Some((words(phrase), form(*id)?))).collect()
});

const fn f(id: i64, phrase: &'static str, meaning: &'static str) -> Form {
    Form { id, phrase, meaning }
}

/// Every kind.
pub(in crate::offline) const FORMS: &[Form] = &[
    f(
        25,
        "internal error occurred while transferring a message or report",
        "A message or report could not be transferred because the RTSE turn state was inconsistent (received data while the peer already held the turn)",
    ),
    f(
        37,
        "attempted to open an association while suspended",
        "Remote entity opened an association to a connector whose schedule is Never / suspended; refused",
    ),
    f(
        41,
        "too many concurrently connected entities no free entity control blocks",
        "No free entity control blocks: more MTAs and connectors than configured",
    ),
    f(
        48,
        "authenticating credentials from the remote entity",
        "Credentials (MTA name/password) returned by the peer do not authenticate",
    ),
    f(
        51,
        "unknown MTA has attempted to bind",
        "An MTA not known to any connector tried to bind; name, password or presentation address do not match",
    ),
    f(
        55,
        "link option mode was specified",
        "The caller asked for a link option (two-way alternate) that this connection does not allow",
    ),
    f(
        57,
        "limit on the number of associations allowed",
        "Association limit to one entity reached (9 normal plus 1 urgent in 5.5); more are queued",
    ),
    f(
        62,
        "delivery failure occurred for the message",
        "Delivery of a message failed; gives X.400 reason and diagnostic",
    ),
    f(
        100,
        "work queue could not be created",
        "The work queue object could not be created in the MTA database; fatal",
    ),
    f(105, "", "Generic MTA database server error while submitting"),
    f(
        137,
        "fatal directory error",
        "MTA cannot start because of a directory error (directory service down, or X500 DN mismatch); raise Directory Access logging",
    ),
    f(141, "unable to route a report", "A report could not be routed; discarded"),
    f(142, "unable to route to recipient", "No route for a recipient in the routing table"),
    f(
        145,
        "attempting to route message",
        "Rerouting to an alternate recipient failed because it is unusable (e.g. reassignment prohibited)",
    ),
    f(
        150,
        "expanding a distribution list",
        "Distribution list expansion failed (e.g. expansion prohibited)",
    ),
    f(152, "barred by rule", "Message from an originator barred by the connector filter rule"),
    f(
        168,
        "unable to find the global domain information",
        "Global domain information of the site could not be read from the directory",
    ),
    f(
        171,
        "too much global trace",
        "Message refused because its external trace is too long (looping)",
    ),
    f(
        175,
        "could not be downgraded",
        "Message could not be downgraded to 1984 format for a recipient",
    ),
    f(
        178,
        "could not be expanded to an O/R address",
        "Directory name (DN) of originator or recipient could not be expanded to an O/R address",
    ),
    f(
        200,
        "ASN.1 was decoding an object",
        "Received P1 protocol data unit could not be decoded (ASN.1); offset, node label and dump reference given",
    ),
    f(
        201,
        "loop has been detected in the message",
        "Loop detected in a message being transferred in; NDR loop-detected",
    ),
    f(
        208,
        "latest delivery time for message",
        "Default latest delivery time passed; NDR maximum-time-expired",
    ),
    f(
        209,
        "submitting domain identifier was inconsistent",
        "Submitting domain in the MTSID differs from first trace element",
    ),
    f(
        210,
        "content conversion failed",
        "Content conversion failed; conversion error, object and old/new content type OIDs given",
    ),
    f(
        211,
        "private extensions are not allowed",
        "Transfer-in refused: private extensions not allowed to or from the ADMD (domain mismatch)",
    ),
    f(
        246,
        "read beyond the end of an object",
        "Attempt to read beyond the end of a database object (attribute and offset given)",
    ),
    f(248, "too many ECBs processed", "Too many entity control blocks handled by one thread"),
    f(
        251,
        "entity control block reassigned",
        "Entity control block reassigned because of configuration change; statistics lost",
    ),
    f(
        252,
        "no supporting stack configured",
        "No supporting transport stack configured for an OSI entity",
    ),
    f(
        254,
        "unable to correctly route the DN",
        "DN cannot be routed: its O/R address matches the local site space (ambiguous space)",
    ),
    f(
        270,
        "permanent error has occurred with entity",
        "Permanent error reported by an entity (e.g. store) on delivery of an object",
    ),
    f(
        271,
        "sent to entity",
        "Object sent to an entity (logging level medium): type, priority, MTSID, length, trace",
    ),
    f(272, "received from entity", "Object received from an entity (logging level medium)"),
    f(273, "deferred delivery timer has expired", "Deferred delivery timer expired for a message"),
    f(
        275,
        "deferred delivery timer started",
        "Deferred delivery timer started for a message (logged at MTA start with maximum X.400 Service logging)",
    ),
    f(
        285,
        "held-for-delivery",
        "A held-for-delivery/transfer queue of a given priority was created for an entity; gives queue identifier",
    ),
    f(287, "successful rerouting", "Message rerouted: new and old connector and target"),
    f(
        289,
        "connection could not be opened",
        "Connection (association) to an entity could not be opened",
    ),
    f(
        290,
        "non-delivery report is being generated",
        "NDR being generated: reason, diagnostic, MTSID, recipient",
    ),
    f(296, "successfully converted from content type", "Content conversion succeeded"),
    f(
        301,
        "open retry delay timer",
        "Open-retry timer started; next attempt in Open Interval seconds",
    ),
    f(316, "free ASB at index", "Association state block freed; control blocks remaining"),
    f(
        659,
        "backlogged with messages in the queue",
        "An outbound queue exceeded the Outbound queue alarm on threshold",
    ),
    f(660, "has subsided leaving messages in the queue", "The outbound queue alarm ended"),
    f(
        666,
        "work queue is backlogged with messages in the queue",
        "Work queue exceeded the Work queue alarm on threshold",
    ),
    f(
        667,
        "work queue backlog has subsided leaving messages in the queue",
        "Work queue alarm ended (default at half the on value)",
    ),
    f(
        1001,
        "internal connection handle LPT is incorrect",
        "Association error: wrong internal connection handle",
    ),
    f(
        1004,
        "error occurred while processing an association",
        "Error while processing an association with an entity; will be restarted",
    ),
    f(1008, "", "Association error; terminated and restarted if necessary"),
    f(
        1028,
        "connection error occurred",
        "Connection error on an association (often with RAS 9311)",
    ),
    f(
        1131,
        "incorrect internal connector handle",
        "RTSE interoperability error: wrong handle on message",
    ),
    f(
        1133,
        "RTSE error occurred while processing an association",
        "RTSE state check failure on an association",
    ),
    f(1136, "RTSE error ASN.1 decode failure", "RTSE ASN.1 decode failure with a peer"),
    f(1153, "incorrect session protocol data unit", "RTSE error: incorrect session PDU"),
    f(
        1192,
        "presentation error occurred",
        "Presentation-layer ASN.1 decode failure with a peer (seen with password mismatch)",
    ),
    f(
        1198,
        "presentation error state check failure current state",
        "Presentation state check failure on an association",
    ),
    f(
        1209,
        "unable to recognize an internal message identifier LPI from",
        "Unknown internal message identifier (LPI) from an entity",
    ),
    f(
        1222,
        "session error state check failure current state",
        "Session state check failure on an association",
    ),
    f(
        1277,
        "remotely initiated transport connection was refused",
        "Session: remotely initiated transport connection refused",
    ),
    f(
        1279,
        "remote initiation of transport disconnection",
        "Session: transport disconnected by the remote",
    ),
    f(1290, "locally initiated association", "Association started locally was refused by the peer"),
    f(1293, "remotely-initiated association", "Association started by the peer was refused here"),
    f(1294, "ended abnormally", "An association with an entity ended abnormally"),
    f(2004, "attempted to log an unknown event", "Unknown event or error logged"),
    f(
        2026,
        "unable to write to the message tracking log",
        "Message tracking log could not be written",
    ),
    f(
        2028,
        "unable to encode the message tracking event",
        "Message tracking event could not be encoded; fatal",
    ),
    f(2035, "", "Connections to a locality lost"),
    f(2036, "lost connections to locality", "Connections to a locality lost"),
    f(2037, "negative connection count", "Negative connection count for a locality (internal)"),
    f(
        2050,
        "illegal PUT",
        "Illegal PUT to a buffer element; fatal internal error (usually malformed message)",
    ),
    f(2051, "illegal GET", "Illegal GET from a buffer element; fatal internal error"),
    f(
        2110,
        "bad list member length",
        "Fatal database error: bad list member length in an object (corrupt message)",
    ),
    f(2124, "object data file causing I/O error", "I/O error on an object data file"),
    f(
        2125,
        "statistics for DBI call",
        "Statistics of database calls (appears wrongly when Info*.cfg do not match)",
    ),
    f(
        2127,
        "accessing object attribute AAT",
        "Error reading or writing an object attribute table (DB file)",
    ),
    f(
        2136,
        "thread pausing due to cache shortage",
        "Thread paused for shortage of database buffers",
    ),
    f(2143, "unrecoverable error", "Unrecoverable database error (ODX code); MTA terminates"),
    f(
        2152,
        "database recovery operation was not successful",
        "Start-up database recovery failed; manual correction needed, see MTACHECK.LOG",
    ),
    f(
        2155,
        "failed to read attribute information",
        "Attribute table of an object could not be read",
    ),
    f(
        2166,
        "completed adding object",
        "Object added to a queue; queue length (Field Engineering maximum)",
    ),
    f(2167, "completed removing object", "Object removed from a queue; queue length"),
    f(2170, "while appending an attribute", "Error appending an attribute to an object"),
    f(2171, "while reading an attribute", "Error reading an attribute of an object"),
    f(2172, "while rewriting an attribute", "Error rewriting an attribute"),
    f(2173, "while deleting an attribute", "Error deleting an attribute"),
    f(2175, "while an attribute length", "Error getting the length of an attribute"),
    f(2182, "while copying an object", "Error copying an object"),
    f(2186, "while locking an object", "Error locking an object"),
    f(
        2187,
        "unlock an object which is not locked",
        "Attempt to unlock an object that is not locked",
    ),
    f(2188, "while deleting an object", "Error deleting an object"),
    f(2189, "getting a number of values", "Error getting number of values of an attribute"),
    f(2190, "while creating a queue", "Error creating a queue"),
    f(2191, "adding an entry to a queue", "Error adding an entry to a queue"),
    f(2194, "getting the next entry from a queue", "Error getting next queue entry"),
    f(2197, "while locking a queue", "Error locking a queue"),
    f(2198, "while unlocking a queue", "Error unlocking a queue"),
    f(2200, "", "Lock delayed by outstanding reservations (normal for object 03000002)"),
    f(2201, "", "Lock contention delay (normal for object 03000002)"),
    f(
        2202,
        "reservation count decremented below zero",
        "Reservation count of an object below zero; fatal",
    ),
    f(
        2206,
        "recovery operation is now checking queue",
        "Start-up database check is checking a queue",
    ),
    f(
        2207,
        "database recovery operation has completed successfully",
        "Start-up database check completed",
    ),
    f(
        2219,
        "running recovery on the internal message database",
        "Start-up database check begins because of unclean shutdown",
    ),
    f(2240, "ds_bind failed", "ds_bind to the directory failed"),
    f(2241, "ds_search failed", "ds_search failed"),
    f(2245, "ds_read failed", "ds_read failed for a name"),
    f(
        2247,
        "object allocation command failed",
        "Directory name object allocation failed (spurious in some builds)",
    ),
    f(2253, "om_get failed", "om_get returned no data of a type (harmless alone)"),
    f(
        3047,
        "too many threads were requested",
        "Too many XAPI threads configured; MTA does not start",
    ),
    f(
        3057,
        "error encoding global domain ID",
        "Global domain ID could not be encoded at initialisation; MTADATA file missing",
    ),
    f(3080, "", "Fatal database error reported by XAPI"),
    f(3120, "number of sessions configured", "Limit of XAPI sessions reached"),
    f(3128, "", "Database error reported by XAPI"),
    f(3144, "message submit failure", "Submission of a message from an entity failed"),
    f(
        3150,
        "failed integrity verification",
        "Object failed integrity verification (invalid address or MTSID)",
    ),
    f(3161, "logon violated security", "XAPI logon violated security"),
    f(
        4258,
        "message received at NSI",
        "Trace: message received at the network services interface (Close Request)",
    ),
    f(4282, "interface protocol was violated", "Internal interface protocol violated (POP4)"),
    f(4283, "internal connection handle LPI", "Unknown internal connection handle (POP4)"),
    f(
        4284,
        "error has occurred during connection disconnection",
        "Error during connection or disconnection (8511 = transport failed)",
    ),
    f(4287, "", "Internal POP4 error (8640 = stalled/refused, 8650)"),
    f(4293, "incorrect T-selector", "Incoming connection rejected: wrong called T-selector"),
    f(
        4300,
        "bad configuration error code",
        "Bad configuration (control blocks); MTA cannot initialise",
    ),
    f(
        6613,
        "registration of the conversion routines",
        "Conversion routines could not be registered (service runs as LocalSystem)",
    ),
    f(9102, "X.25 resource limit", "X.25 resource limit reached opening an association"),
    f(9106, "X.25 interface failed to initialize", "X.25 interface failed to initialise"),
    f(9131, "X.25 connection ended normally", "X.25 connection ended normally"),
    f(9134, "X.25 call", "X.25 call made to an address"),
    f(
        9156,
        "no free control blocks available",
        "No free control blocks for a network type (1 TCP/IP, 2 TP4, 3 X.25)",
    ),
    f(9202, "accept call was detected", "Sockets error on accept()"),
    f(
        9215,
        "connect call was detected",
        "Sockets error on connect() (10060 timed out, 10061 refused, 10051 net unreachable, 10022 invalid)",
    ),
    f(9221, "WSARecvEx call was detected", "Sockets error on WSARecvEx() (10054 reset by peer)"),
    f(9224, "send call was detected", "Sockets error on send()"),
    f(9225, "bad message type", "Sockets: bad message type for control block state"),
    f(
        9228,
        "listen control blocks requested",
        "Too few control blocks configured for a network type; fatal at start",
    ),
    f(9234, "select call was detected", "Sockets error on select()"),
    f(9236, "receive socket closed", "Receive socket closed"),
    f(
        9266,
        "fatal system error occurred while initializing",
        "Fatal system error while initialising",
    ),
    f(9277, "RPC cancel call", "RPC call cancelled: peer did not answer (two minutes for a call)"),
    f(
        9280,
        "locality table is full",
        "Locality table full (about 240 concurrent RPC associations)",
    ),
    f(
        9297,
        "caused a security violation",
        "A user/entity caused a security violation (caller lacks directory rights)",
    ),
    f(9298, "service startup complete", "MTA started; version and build"),
    f(9299, "service closedown complete", "MTA stopped; version and build"),
    f(
        9301,
        "message transfer gateway that uses the network address",
        "No connector configured for the caller address (hex) on this transport stack",
    ),
    f(9309, "RAS dial error", "RAS dial error for a connector"),
    f(
        9311,
        "RAS communications error",
        "RAS communications error for a connector (RAS error code)",
    ),
    f(9315, "open a RAS association", "RAS association limit reached"),
    f(9316, "no data was sent", "RPC error: no data sent over the connection"),
    f(
        9318,
        "unable to bind over RPC",
        "RPC bind to a remote MTA failed (NT error code, comms error, bind error, remote server name)",
    ),
    f(9321, "attempt to listen over RPC", "Listening over RPC failed (NT error)"),
    f(9322, "MtaBindBack failed", "RPC bind-back to the calling MTA failed"),
    f(9323, "MtaUnBindBack failed", "RPC unbind-back failed"),
    f(9402, "memory heap has been exhausted", "System memory heap exhausted; fatal"),
    f(9404, "illegal buffer request", "Illegal buffer request; fatal"),
    f(
        9405,
        "unexpected error has occurred which may cause",
        "Unexpected error that may terminate the MTA (access violation, semaphore, database, heap and so on)",
    ),
    f(
        9406,
        "not enough performance monitor memory",
        "Not enough Performance Monitor memory (low memory/disk; often with failed start)",
    ),
    f(
        9407,
        "",
        "Not enough Performance Monitor instances (default 53) for all MTA connections; counters for some are missing, mail unaffected",
    ),
    f(9409, "registry parameter is missing", "MTA registry parameter missing; default used"),
    f(9411, "less than 10 MB of space", "Terminating: less than 10 MB free on the MTADATA disk"),
    f(9996, "ExitProcess called", "Generic event without message string (ExitProcess location)"),
];

/// Names of the reasons in reports, by number.
pub(in crate::offline) const REASONS: &[(i64, &str)] = &[
    (0, "transfer-failure"),
    (1, "unable-to-transfer"),
    (2, "conversion-not-performed"),
    (3, "physical-rendition-not-performed"),
    (4, "physical-delivery-not-performed"),
    (5, "restricted-delivery"),
    (6, "directory-operation-unsuccessful"),
];

/// Names of the diagnostics in reports, by number.
pub(in crate::offline) const DIAGNOSTICS: &[(i64, &str)] = &[
    (0, "unrecognized-OR-name"),
    (1, "ambiguous-OR-name"),
    (2, "MTS-congestion"),
    (3, "loop-detected"),
    (4, "recipient-unavailable"),
    (5, "maximum-time-expired"),
    (6, "encoded-information-types-unsupported"),
    (7, "content-too-long"),
    (8, "conversion-impractical"),
    (9, "implicit-conversion-prohibited"),
    (10, "implicit-conversion-not-subscribed"),
    (11, "invalid-arguments"),
    (12, "content-syntax-error"),
    (13, "size-constraint-violation"),
    (14, "protocol-violation"),
    (15, "content-type-not-supported"),
    (16, "too-many-recipients"),
    (17, "no-bilateral-agreement"),
    (18, "unsupported-critical-function"),
    (19, "conversion-with-loss-prohibited"),
    (20, "line-too-long"),
    (21, "page-split"),
    (22, "pictorial-symbol-loss"),
    (23, "punctuation-symbol-loss"),
    (24, "alphabetic-character-loss"),
    (25, "multiple-information-loss"),
    (26, "recipient-reassignment-prohibited"),
    (27, "redirection-loop-detected"),
    (28, "DL-expansion-prohibited"),
    (29, "no-DL-submit-permission"),
    (30, "DL-expansion-failure"),
    (31, "physical-rendition-attributes-not-supported"),
    (32, "undeliverable-mail-physical-delivery-address-incorrect"),
    (33, "undeliverable-mail-physical-delivery-office-incorrect-or-invalid"),
    (34, "undeliverable-mail-physical-delivery-address-incomplete"),
    (35, "undeliverable-mail-recipient-unknown"),
    (36, "undeliverable-mail-recipient-deceased"),
    (37, "undeliverable-mail-organization-expired"),
    (38, "undeliverable-mail-recipient-refused-to-accept"),
    (39, "undeliverable-mail-recipient-did-not-claim"),
    (40, "undeliverable-mail-recipient-changed-address-permanently"),
    (41, "undeliverable-mail-recipient-changed-address-temporarily"),
    (42, "undeliverable-mail-recipient-changed-temporary-address"),
    (43, "undeliverable-mail-new-address-unknown"),
    (44, "undeliverable-mail-recipient-did-not-want-forwarding"),
    (45, "undeliverable-mail-originator-prohibited-forwarding"),
    (46, "secure-messaging-error"),
    (47, "unable-to-downgrade"),
];
