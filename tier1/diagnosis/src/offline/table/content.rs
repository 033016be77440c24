//! Addresses and contents of messages.

use finding::Cause;

use super::{Rule, rule};
use crate::offline::sign::{event, log, says, telling, with};

pub(super) const RULES: &[Rule] = &[
    rule(
        Cause::MalformedX400Address,
        "x400 address malformed missing surname attribute too long empty invalid character escaped country code o/r address pab one-off dda conversion error message integrity apostrophe backslash comma quote at sign blank value trailing space length dda type 8 value 128 printable ndr stuck submission",
        &[
            event(&[3150], 2.8),
            says(
                "x400|oraddress|address missing|no|without|empty|long|invalid|malformed|wrong|duplicate|incomplete|illegal|escaped|bad|special",
                1.9,
            ),
            says(
                "surname|given+name|initials|country|dda|attribute|attributes|field|ou|generation|semicolon|slash",
                1.8,
            ),
            with(&[210], &[1029, 258, 4108], 1.8),
            event(&[210], 0.6),
            says("pab|oneoff|custom+recipient x400|address", 1.4),
            says("recipient+problem", 1.6),
            says("integrity verification|check", 1.2),
            event(&[2028], 1.4),
            event(&[246, 3144], 0.6),
            event(&[178], 0.4),
            event(&[2050, 2051, 2143], 0.5),
            says("body|charset|checkpoint", -1.0),
            says(
                "apostrophe|backslash|comma|quote|quotes|slash|parenthesis|parentheses|bracket|blank|space address|x400|dda|recipient|name",
                1.4,
            ),
            says("character|characters address|x400|dda|oraddress", 1.4),
            says("address long|longer|exceed*|maximum|length", 1.2),
            event(&[1192, 200], 0.4),
            event(&[9405], 0.3),
            event(&[142, 290, 62], 0.2),
        ],
        "read every attribute of the addresses in the object at fault: presence, length, characters",
        &[
            "Correct the address where it is kept (directory, address book, the peer's directory): all wanted attributes, no empty or over-long ones.",
            "Take the message at fault out of the database, so that the rest moves on.",
        ],
    ),
    rule(
        Cause::MalformedRecipientProperty,
        "recipient property out of range value conversion invalid property proptag send options delivery",
        &[
            says("property|properties recipient|value range|invalid|wrong|out", 3.4),
            says("recipient property", 2.0),
            event(&[210, 3144], 0.6),
            event(&[270, 246], 0.5),
        ],
        "list the recipient's properties of the message at fault",
        &["Let the sender address the message anew; correct the program that sets the property."],
    ),
    rule(
        Cause::UnresolvedDnInAddress,
        "unresolved dn string in address queued message connector access violation ms mail interchange",
        &[
            says("resolve dn|distinguished+name message|mail|address|queue|connector", 3.0),
            log("msexchangemsmi", &[2380, 2450], 2.6),
            says("ms+mail|msmi crash|accessviolation|fail queue|message", 1.6),
            says("message+left|left+delivery+queue", 1.6),
        ],
        "show the addresses of the message that stays in the connector's queue",
        &["Delete the message from the connector's queue; give the recipient a full address."],
    ),
    rule(
        Cause::InvalidRecipientFailsWholeMessage,
        "one invalid recipient all recipients fail whole message ndr for everybody several recipients nobody gets everybody several recipients",
        &[
            says(
                "one|single invalid|bad|wrong|unknown recipient|address all|every|whole|entire|others|valid",
                3.6,
            ),
            says("all|every|valid recipients ndr|fail|none", 2.0),
            says("nobody|none|noone|everybody recipient|recipients", 1.6),
            says("one wrong|invalid|bad recipient|address recipients|others|nobody|all", 1.4),
            says("one+or+more|arguments invalid|recipient", 0.4),
        ],
        "send the message again without the recipient that is invalid",
        &["Correct or leave out the invalid recipient."],
    ),
    rule(
        Cause::NonPrintableOrgOrSiteName,
        "organization or site name characters not printable string underscore ampersand accented umlaut special characters x400",
        &[
            says(
                "organization|site name|names character|characters|underscore|ampersand|umlaut|accented|special|printable|unicode|japanese|double+byte",
                3.2,
            ),
            says("printable|underscore|ampersand|umlaut|dbcs site|organization|name", 2.4),
            says("special|extended|accented|nonprintable character|characters", 1.2),
            says("password|account", -1.5),
        ],
        "compare the names of organization and site with the repertoire of PrintableString",
        &[
            "Set addressing (the site's X.400 proxy) with printable letters only; names themselves cannot be changed without a new installation.",
        ],
    ),
    rule(
        Cause::UnsupportedBodyPartCharset,
        "body part type character set not supported conversion attachment unreadable garbled iso 6937 ia5 t61 teletex japanese bilateral body conversion failed national characters japanese chinese greek cyrillic attachments blank text question marks bp14 bp15 ftam file transfer body word attachment x400 recipient cannot read word wrap conversion not performed encoded information types unsupported",
        &[
            says("body+part|bodypart|body+parts", 2.8),
            says("charset|character+set|6937|t61|teletex|ia5|codepage|8859", 2.6),
            says(
                "attachment|attachments|text unreadable|garbled|wrong|missing|lost|corrupt|convert",
                1.8,
            ),
            with(&[210], &[26, 4101, 1029], 0.8),
            event(&[210], 1.0),
            says("convert fail foreign|peer", 0.9),
            says("implicit|encoded+information", 1.4),
            says("address|surname", -1.0),
            says("bp15|bp14|ftam|bilaterally", 2.4),
            says(
                "japanese|chinese|korean|greek|cyrillic|russian|national|international text|characters|message|body",
                2.0,
            ),
            says("attachment|attachments foreign|x400 lost|missing|not|read|open", 1.4),
            says("encoded+information|conversion+performed", 1.2),
            says("conversion+performed|convert+performed|impractical|with+loss", 1.6),
            says("word+wrap", 1.0),
        ],
        "list the body parts and character sets of a message that fails",
        &[
            "Let the peer send a body part and character set that both can (BP15, IA5, ISO 8859), or switch the connector's option to what the peer has.",
        ],
    ),
    rule(
        Cause::UnsupportedContentType,
        "content type not supported p772 p42 edi voice military unknown content type oid ndr",
        &[
            says("content+type|content+types not|unsupported|unknown|support*", 2.4),
            says("content+type+supported|content type supported", 1.6),
            says("edi|edifact|p772|voice|p42|military content|mail", 2.0),
            with(&[210], &[1029], -0.6),
            event(&[62, 210], 0.4),
            says("content+type+supported|type+not+supported", 1.0),
        ],
        "read the content type's identifier in the report or in the event",
        &[
            "Let the sender use a content type that the recipient takes, or install what handles it.",
        ],
    ),
    rule(
        Cause::UnsupportedHeaderExtension,
        "heading extension not recognized ipm header extension unknown conversion failed p22",
        &[
            says("heading|header extension|extensions", 4.0),
            says("extension unknown|unsupported|unrecogni*|critical", 2.4),
            event(&[210], 0.8),
        ],
        "list the heading extensions of a message that fails",
        &["Let the sender's system leave the extension out, or mark it non-critical."],
    ),
    rule(
        Cause::ForeignMtaMalformedEncoding,
        "foreign mta encodes wrongly asn.1 decode error malformed pdu invalid encoding p1 p2 x400 gateway conversion error content syntax body part third-party truncated node label offset dump reference invalid length indefinite wrong tag violates standard gateway product",
        &[
            event(&[200], 2.2),
            event(&[1136, 1192], 1.0),
            with(&[210], &[26], 2.6),
            event(&[210], 1.0),
            event(&[2051, 2050], 1.3),
            event(&[246, 2110], 0.5),
            telling(&[9405, 2051, 2050], "rtse|xfer", 1.2),
            says(
                "asn|ber|encode*|encod*|pdu decod*|decode|wrong|invalid|malformed|error|fail",
                1.6,
            ),
            says(
                "foreign|peer|remote|gateway|x400 malformed|wrong|invalid|encod*|garbage|bad|truncat*",
                2.0,
            ),
            says("content+syntax|syntax+error", 1.4),
            says("foreign x400|mta|system", 1.2),
            says("checkpoint|windows+size", -1.0),
            event(&[1153, 1131, 1198, 1222, 1209, 25], 0.9),
            telling(&[9405], "rtse|xfer|decode|asn", 0.9),
            event(&[9405], 0.3),
            says("node+label|dump+reference|offset", 0.9),
            says("report|receipt|notification foreign|x400 crash|fail|error|stop", 0.8),
        ],
        "take a capture or a dump of the PDU, decode it, and see which element breaks which clause",
        &[
            "Show the peer's operator the octets that are wrong; until it is mended, take the message at fault out of the queue.",
        ],
    ),
    rule(
        Cause::CorruptMessageBlocksQueue,
        "corrupt message object at fault mta stops each time processes same message mtacheck finds nothing queue blocked move dat file access violation one message bdat poison same dat file crash dump thread every start loops service cannot stay up message corruption detected",
        &[
            event(&[2110], 2.8),
            event(&[246], 1.8),
            event(&[2171, 2175, 2182], 1.2),
            event(&[9405], 1.0),
            event(&[2187, 2143, 2170], 0.7),
            event(&[2050, 2051], 0.8),
            telling(&[9405], "accessviolation|access+violation|exception", 1.0),
            says("corrupt|bad|damaged message|messages|object|mail", 2.4),
            says(
                "one|same|certain|particular|specific message|object stop|block|crash|hang|queue|stuck",
                2.2,
            ),
            says("mta stop|crash|dies each|every|time|again|repeatedly|restart", 1.4),
            says("stop|crash", 0.5),
            says("queue block|stuck|stops", 0.9),
            says("ras|checkpoint|deleted|removed", -0.6),
            telling(&[9405], "xfer|fanout|router|xapi|result|submit", 0.4),
            says("start|starts|restart stop|stops|crash few|minutes|again|immediately", 1.2),
            says("messages|queue not|stop deliver*|process*|move*", 0.6),
            event(&[105, 3144, 3128, 2028, 2124, 210], 0.4),
            says("message+corruption|corruption+detected|corrupt+detected", 1.8),
        ],
        "note the object at fault, copy the database, move its DAT file away, run mtacheck, start: does the MTA stay up",
        &[
            "Stop the MTA, copy MTADATA, move the DAT file of the object at fault away, run mtacheck and start.",
            "If the message comes from a neighbour that sends it again, remove it there.",
        ],
    ),
    rule(
        Cause::VeryLargeMessage,
        "very large message megabytes attachment mta busy slow one message blocks others cpu 100 memory hundreds of megabytes hours to process cpu pegged",
        &[
            says(
                "large|huge|megabyte*|mb|50mb|100mb mail|message|attachment slow|stop|hang|block|cpu|busy|other|others|queue|monopol*",
                2.6,
            ),
            says("very+large", 2.4),
            says("large attachment|message", 1.2),
            event(&[9402, 9404], 0.6),
            says("limit|ndr|reject|exceeds", -1.0),
            says("cpu|processor 100|high|busy large|message", 1.4),
        ],
        "list the largest messages in the queues and how long each has been in transfer",
        &["Delete or let pass the large message at a quiet time; set a size limit."],
    ),
    rule(
        Cause::MessageTooManyRecipients,
        "too many recipients in one message thousands large list expansion mta stops slow 8288 to line huge address list 5000 6000 addressees",
        &[
            says(
                "many|thousands|large|number|5000|8000|hundreds recipient|recipients|addresses|members",
                3.2,
            ),
            says(
                "recipients message|mail stop|crash|fail|slow|ndr many|large|thousands|number",
                1.4,
            ),
            says("too+many+recipients", 1.8),
            says(
                "hundreds|thousands|1000|2000|3000|5000|6000|8000|10000 recipient|recipients",
                1.8,
            ),
            event(&[2050, 2051, 9405, 246], 0.5),
        ],
        "count the recipients of the messages at the head of the queue",
        &[
            "Let the sender use several smaller messages or nested lists; install the update for large counts.",
        ],
    ),
    rule(
        Cause::ConversionFailsUnderLoad,
        "conversion fails only under high load same message passes later after restart busy server",
        &[
            says("convert load|busy|stress", 3.6),
            with(&[210], &[4096, 4097], 2.4),
            says("high+load|heavy+load|under+load|busy", 1.6),
            says("same mail works|passes|succeeds later|restart|again convert", 1.6),
        ],
        "send the same message again at a quiet time",
        &["Send again; raise memory and threads for conversion, install the update."],
    ),
    rule(
        Cause::UnableToDowngrade,
        "1984 connector message could not be downgraded numeric o/r address prmd 1988 attributes unable to downgrade ndr",
        &[
            event(&[175], 3.4),
            says("downgrade*|downgraded", 3.0),
            says("1984 numeric|ndr|address", 1.2),
            says("reroute|loop", -0.8),
        ],
        "look for the attribute of the address or the extension that 1984 cannot express",
        &[
            "Address the recipient in a form that 1984 knows, or raise the connector to 1988 on both ends.",
        ],
    ),
    rule(
        Cause::EncapsulatedAddressNotStripped,
        "encapsulated address dda remains imceax gateway reply address not stripped rfc-822 dda smtp encapsulation",
        &[says("encapsulat*|imcea*", 4.2), says("dda remain*|strip*|reply|rfc", 2.6)],
        "compare the address as it arrives with the one that should be: does the DDA of the encapsulation remain",
        &["Correct the mapping of the gateway so that it takes the encapsulation off."],
    ),
];
