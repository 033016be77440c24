//! The table of keys: the parser, the reference page and the commented file all read it, and nothing else knows a
//! default.

mod dial_up;
mod directory;
mod ways;

use crate::section::Section;
use Fallback::{Absent, Required, SameAs, Value};
use Kind::{
    Account, Address, Choice, Domain, Domains, Host, Integer, Mailboxes, Name, NetbiosDomains,
    Networks, Path, Printable, Real, Socket, Sockets, Text, Url,
};
use Section::{Accounts, Admin, Association, Events, Mail, Peer, Queue, Rpc, Server, Smtp};

/// What is used when a key is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fallback {
    /// This value, spelt as in the file.
    Value(&'static str),
    /// The value of another key of the same table.
    SameAs(&'static str),
    /// Nothing: the feature is off.
    Absent,
    /// Leaving it out is an error.
    Required,
}

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Kind {
    /// ASCII text of so many characters.
    Text { min: usize, max: usize },
    /// Text of any characters that a line can show, so many units of UTF-16.
    Name { min: usize, max: usize },
    /// PrintableString (X.680, 41.4) of so many characters.
    Printable { min: usize, max: usize },
    /// A whole number, both ends included.
    Integer { min: i64, max: i64 },
    /// A number, both ends included.
    Real { min: f64, max: f64 },
    /// An IP address.
    Address,
    /// A list of IP addresses.
    Addresses,
    /// A selector: text, or octets in hexadecimal after `0x`.
    Selector { max: usize },
    /// An IP address and a port.
    Socket,
    /// A list of addresses with ports.
    Sockets,
    /// A list of networks.
    Networks,
    /// A host or mail domain name (RFC 1123, 2.1).
    Domain,
    /// A host name, or an IP address.
    Host,
    /// A list of host names or addresses, each with a port if need be.
    Hosts,
    /// A list of mail addresses or domains; `*` stands for any characters.
    Patterns,
    /// A list of mail domains, at least one, each once.
    Domains,
    /// A list of local parts, or `"*"` alone for any.
    Mailboxes,
    /// A list of NetBIOS domain names, each once.
    NetbiosDomains,
    /// `DOMAIN\name`.
    Account,
    /// A path, against the folder of the file when it is relative.
    Path,
    /// A program and its arguments, which no shell reads.
    Command,
    /// `http://host:port`.
    Url,
    /// One of these words.
    Choice(&'static [&'static str]),
}

impl Kind {
    /// The range in words, for the reference page and for errors.
    pub fn range(&self) -> String {
        match self {
            Self::Text { min, max } => format!("{min} to {max} ASCII characters"),
            Self::Name { min, max } => format!("{min} to {max} characters"),
            Self::Printable { min, max } if min == max => {
                format!("{min} characters of PrintableString")
            }
            Self::Printable { min, max } => format!("{min} to {max} characters of PrintableString"),
            Self::Integer { min, max } => format!("{min} to {max}"),
            Self::Real { min, max } => format!("{min:.1} to {max:.1}"),
            Self::Address => "an IP address".to_owned(),
            Self::Addresses => "a list of IP addresses".to_owned(),
            Self::Selector { max } => {
                format!("up to {max} characters, or 0x and hexadecimal octets")
            }
            Self::Socket => "an IP address and a port".to_owned(),
            Self::Sockets => "a list of IP addresses with ports".to_owned(),
            Self::Networks => "a list of networks".to_owned(),
            Self::Domain => "a host name".to_owned(),
            Self::Host => "a host name or an IP address".to_owned(),
            Self::Hosts => "a list of HOST or HOST:PORT".to_owned(),
            Self::Patterns => "a list of addresses or domains, * for any characters".to_owned(),
            Self::Domains => "a list of domain names, at least one".to_owned(),
            Self::Mailboxes => "a list of local parts, or \"*\" alone".to_owned(),
            Self::Account => "DOMAIN\\name".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Command => "a list: a program and its arguments".to_owned(),
            Self::Url => "http://HOST:PORT".to_owned(),
            Self::NetbiosDomains => "names of 1 to 15 characters, each once".to_owned(),
            Self::Choice(words) => words.join(", "),
        }
    }
}

/// One key of the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Key {
    pub section: Section,
    pub name: &'static str,
    pub kind: Kind,
    pub fallback: Fallback,
    /// Empty where the value has no unit.
    pub unit: &'static str,
    /// A value that could stand there, spelt as in the file; errors and the commented file show it.
    pub example: &'static str,
    pub doc: &'static str,
}

impl Key {
    /// `section.name`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section.name(), self.name)
    }

    /// The key of this name in a table.
    pub fn find(section: Section, name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.section == section && key.name == name)
    }
}

const fn key(
    section: Section,
    name: &'static str,
    kind: Kind,
    fallback: Fallback,
    example: &'static str,
    doc: &'static str,
) -> Key {
    Key { section, name, kind, fallback, unit: "", example, doc }
}

const fn counted(
    section: Section,
    name: &'static str,
    kind: Kind,
    fallback: &'static str,
    unit: &'static str,
    doc: &'static str,
) -> Key {
    Key { section, name, kind, fallback: Value(fallback), unit, example: fallback, doc }
}

const LOOPBACK: Fallback = Value("[\"127.0.0.0/8\", \"::1/128\"]");

/// Seconds that a timer may have at most: 30 days, beyond which a mistyped unit is likelier than a wish.
const TIMER_MAX: i64 = 2_592_000;

/// Seconds that a password may get old: ten years.
const AGE_MAX: i64 = 315_360_000;

/// Seconds that a message may live at most: one year.
const LIFE_MAX: i64 = 31_536_000;

/// Every key that the file may have, except the free names of `[hosts]`; the order counts within a section only.
pub const KEYS: &[Key] = &joined::<{ FIRST.len() + ways::KEYS.len() }>(FIRST, ways::KEYS);

const FIRST: &[Key] = &joined::<{ SECOND.len() + directory::KEYS.len() }>(SECOND, directory::KEYS);

const SECOND: &[Key] =
    &joined::<{ SERVER_KEYS.len() + dial_up::KEYS.len() }>(SERVER_KEYS, dial_up::KEYS);

const fn joined<const N: usize>(first: &[Key], second: &[Key]) -> [Key; N] {
    let mut all = [first[0]; N];
    let mut at = 0;
    while at < N {
        all[at] = if at < first.len() { first[at] } else { second[at - first.len()] };
        at += 1;
    }
    all
}

/// What the server itself is told.
const SERVER_KEYS: &[Key] = &[
    key(
        Server,
        "name",
        Name { min: 1, max: 32 },
        Required,
        "\"EAST\"",
        "MTA name. Peers know this server by it; upper and lower case count. X.400 has one beyond ASCII as `xn--` and Punycode, of at most 32 characters.",
    ),
    key(
        Server,
        "organisation",
        Name { min: 1, max: 64 },
        Required,
        "\"Demo\"",
        "Name of the organisation.",
    ),
    key(
        Server,
        "x400_organisation",
        Printable { min: 1, max: 64 },
        SameAs("server.organisation"),
        "\"Demo\"",
        "Name of the organisation in X.400 addresses; needed where it has characters outside PrintableString.",
    ),
    key(
        Server,
        "site",
        Name { min: 1, max: 32 },
        Required,
        "\"HQ\"",
        "Name of the site within the organisation.",
    ),
    key(
        Server,
        "data_dir",
        Path,
        Value("\"data\""),
        "\"data\"",
        "Folder of the durable store. Never share it between two servers.",
    ),
    counted(
        Server,
        "memory_mib",
        Integer { min: 0, max: 16_777_216 },
        "0",
        "MiB",
        "Most memory of the process; near it new mail is refused for now. A limit of its control group or address space (ulimit -v) counts as well; 0 leaves it at those.",
    ),
    key(
        Server,
        "host_name",
        Domain,
        Required,
        "\"east.demo.test\"",
        "Host name of this server, as peers resolve it and as SMTP greets with.",
    ),
    key(
        Server,
        "country",
        Printable { min: 2, max: 2 },
        Value("\"XX\""),
        "\"XX\"",
        "Country of the X.400 management domain: two capital letters (ISO 3166).",
    ),
    key(
        Server,
        "admd",
        Printable { min: 1, max: 16 },
        Value("\" \""),
        "\" \"",
        "Administration management domain; one space stands for any.",
    ),
    key(
        Server,
        "prmd",
        Printable { min: 0, max: 16 },
        Value("\"DEMO\""),
        "\"DEMO\"",
        "Private management domain; empty when there is none.",
    ),
    key(
        Smtp,
        "listen",
        Sockets,
        Value("[\"127.0.0.1:2525\"]"),
        "[\"127.0.0.1:2525\"]",
        "Where SMTP listens; an empty list turns it off.",
    ),
    key(
        Smtp,
        "allow",
        Networks,
        LOOPBACK,
        "[\"127.0.0.0/8\", \"::1/128\"]",
        "Networks that may hand in mail over SMTP.",
    ),
    key(
        Smtp,
        "relay",
        Networks,
        Value("[]"),
        "[\"192.0.2.0/24\"]",
        "Networks that may also send out of the organisation, by a connector. Everybody else gets 550.",
    ),
    key(
        Smtp,
        "dns",
        Sockets,
        Value("[]"),
        "[\"192.0.2.53:53\"]",
        "DNS servers that are asked for the MX of mail domains and the addresses of those hosts; without them the system's. [hosts] comes before both.",
    ),
    counted(
        Smtp,
        "max_message_size",
        Integer { min: 65_536, max: 1_073_741_824 },
        "52428800",
        "octets",
        "Largest message accepted, as announced by SIZE (RFC 1870).",
    ),
    counted(
        Smtp,
        "max_recipients",
        Integer { min: 100, max: 32_767 },
        "1000",
        "recipients",
        "Most recipients of one message. RFC 5321, 4.5.3.1.8 asks for at least 100; X.411 allows 32767.",
    ),
    counted(
        Smtp,
        "max_per_address",
        Integer { min: 1, max: 100_000 },
        "200",
        "connections",
        "Most connections of one client address at the same time; more are told to come again.",
    ),
    counted(
        Smtp,
        "max_connections",
        Integer { min: 10, max: 1_000_000 },
        "12000",
        "connections",
        "Most connections of all clients at the same time, fewer where the process may not open so many files; more are told to come again.",
    ),
    counted(
        Smtp,
        "memory_mib",
        Integer { min: 64, max: 1_048_576 },
        "512",
        "MiB",
        "Most octets of messages that are coming in, over all connections; a message beyond it is refused for now.",
    ),
    key(
        Mail,
        "domains",
        Domains,
        Required,
        "[\"east.demo.test\"]",
        "Mail domains whose mailboxes are on this server.",
    ),
    key(
        Mail,
        "mailboxes",
        Mailboxes,
        Required,
        "[\"anna\"]",
        "Local parts that have a mailbox here; [\"*\"] accepts any. Case does not count.",
    ),
    key(
        Mail,
        "maildir",
        Path,
        Value("\"maildir\""),
        "\"maildir\"",
        "Folder with one Maildir for each mailbox.",
    ),
    key(
        Mail,
        "postmaster",
        Text { min: 1, max: 64 },
        Absent,
        "\"anna\"",
        "The mailbox that gets mail for postmaster (RFC 5321, 4.5.1).",
    ),
    key(
        Mail,
        "alternate_recipient",
        Text { min: 1, max: 64 },
        Absent,
        "\"anna\"",
        "The mailbox that gets what MTAs hand over for names that nobody has here, where the originator allows that (X.411, alternate-recipient-allowed).",
    ),
    key(
        Rpc,
        "listen",
        Address,
        Value("\"127.0.0.1\""),
        "\"127.0.0.1\"",
        "Address where RPC and the endpoint mapper listen.",
    ),
    counted(
        Rpc,
        "port",
        Integer { min: 0, max: 65_535 },
        "0",
        "",
        "Port of the MTA's RPC interface; 0 lets the system choose, and the endpoint mapper tells it.",
    ),
    counted(
        Rpc,
        "mapper_port",
        Integer { min: 1, max: 65_535 },
        "135",
        "",
        "Port of the endpoint mapper. Ports under 1024 need the right to bind them.",
    ),
    key(
        Rpc,
        "bind_back_name",
        Host,
        SameAs("server.host_name"),
        "\"east-rpc.demo.test\"",
        "Name handed to peers; they bind back to it.",
    ),
    key(
        Rpc,
        "account",
        Account,
        Required,
        "'DEMO\\svc-east'",
        "Service account that this server proves itself with to its peers.",
    ),
    key(
        Rpc,
        "password_file",
        Path,
        Value("\"secrets/service.password\""),
        "\"secrets/service.password\"",
        "File with the password of the service account, on one line. Refused when others may read it: chmod 600.",
    ),
    key(
        Rpc,
        "machine_account",
        Account,
        Absent,
        "'DEMO\\EAST$'",
        "The machine's own account: what a new server proves itself with towards new servers, in place of the service account. Its name ends in $.",
    ),
    key(
        Rpc,
        "machine_password_file",
        Path,
        Absent,
        "\"secrets/machine.password\"",
        "File with the password of machine_account. Refused when others may read it: chmod 600.",
    ),
    counted(
        Rpc,
        "machine_password_age_s",
        Integer { min: 0, max: AGE_MAX },
        "2592000",
        "seconds",
        "The password of machine_account is changed once it is so old, here and at every peer that is shown it; 0 leaves it as it is.",
    ),
    key(
        Rpc,
        "kerberos_realm",
        Text { min: 1, max: 255 },
        Absent,
        "\"EAST.EXAMPLE\"",
        "Kerberos realm of the accounts of rpc.account's domain; turns Kerberos on.",
    ),
    key(
        Rpc,
        "kerberos_kdc",
        Text { min: 1, max: 1024 },
        Absent,
        "\"dc1.east.example dc2.east.example:88\"",
        "KDCs of the realm, with blanks between them; without it those of krb5.conf, else the realm's name.",
    ),
    key(
        Rpc,
        "kerberos_keytab",
        Path,
        Absent,
        "\"secrets/service.keytab\"",
        "Keys of this server's principals, such as host/east.demo.test: peers may log on with Kerberos. Read anew when it changes. Refused when everybody may read it: chmod o=.",
    ),
    key(
        Rpc,
        "kerberos_keytab_command",
        Text { min: 1, max: 1024 },
        Absent,
        "\"kadmin.local -q 'ktadd -k service.keytab host/east.demo.test'\"",
        "Command that exports the keytab anew, where there is one: the doctor puts it into its remedies.",
    ),
    key(
        Rpc,
        "allow",
        Networks,
        LOOPBACK,
        "[\"127.0.0.0/8\", \"::1/128\"]",
        "Networks that may connect over RPC; an empty list lets nobody in.",
    ),
    counted(
        Rpc,
        "call_timeout_s",
        Integer { min: 1, max: TIMER_MAX },
        "120",
        "seconds",
        "How long an RPC call may stay without an answer.",
    ),
    counted(
        Rpc,
        "idle_timeout_s",
        Integer { min: 1, max: TIMER_MAX },
        "1800",
        "seconds",
        "How long an RPC binding may stay without a call.",
    ),
    counted(
        Rpc,
        "connect_timeout_s",
        Integer { min: 1, max: 3600 },
        "10",
        "seconds",
        "How long a TCP connection to a peer may take to open.",
    ),
    counted(
        Rpc,
        "bind_back_timeout_s",
        Integer { min: 1, max: 3600 },
        "30",
        "seconds",
        "How long the bind back of a called server may take.",
    ),
    counted(
        Rpc,
        "ltab_limit",
        Integer { min: 2, max: 65_535 },
        "240",
        "rows",
        "Most rows of the locality table; a pair of servers normally takes two.",
    ),
    key(
        Accounts,
        "key_file",
        Path,
        Value("\"secrets/accounts.key\""),
        "\"secrets/accounts.key\"",
        "File with the key that encrypts verifiers and stored passwords, mode 0600; made when it is first needed. The systemd credential `bindback-accounts-key` is used in its place where there is one.",
    ),
    key(
        Accounts,
        "policy_file",
        Path,
        Absent,
        "\"policy.toml\"",
        "Policies that give or take the right to log on from the network; see docs/directory.md. Read again when it changes.",
    ),
    counted(
        Accounts,
        "lockout_threshold",
        Integer { min: 0, max: 999 },
        "0",
        "failures",
        "An account is locked after so many wrong passwords in a row; 0 never locks.",
    ),
    counted(
        Accounts,
        "lockout_reset_s",
        Integer { min: 1, max: TIMER_MAX },
        "1800",
        "seconds",
        "Wrong passwords are forgotten after so long without another.",
    ),
    counted(
        Accounts,
        "lockout_duration_s",
        Integer { min: 0, max: TIMER_MAX },
        "1800",
        "seconds",
        "A locked account opens by itself after so long; 0 leaves it to an administrator.",
    ),
    counted(
        Accounts,
        "password_overlap_s",
        Integer { min: 0, max: TIMER_MAX },
        "3600",
        "seconds",
        "After a rotation the password before stays good for so long.",
    ),
    key(
        Rpc,
        "level",
        Choice(&["integrity", "privacy"]),
        Value("\"privacy\""),
        "\"privacy\"",
        "How calls between servers are protected, and the least that is taken: against change, or against reading too.",
    ),
    key(
        Rpc,
        "insecure",
        Choice(&["none", "56-bit", "ntlm-v1"]),
        Value("\"none\""),
        "\"none\"",
        "What is taken of old servers that log on here besides NTLM version 2 with 128-bit keys: 56-bit keys, or NTLM version 1 too. Either can be broken by trying all keys; an event warns of it at each start.",
    ),
    key(
        Rpc,
        "winbind_domains",
        NetbiosDomains,
        Value("[]"),
        "[\"CORP\"]",
        "NetBIOS names of the domains whose passwords this machine's winbind is asked about; all others are checked against this server's own accounts.",
    ),
    key(
        Rpc,
        "ntlm_auth",
        Path,
        Value("\"/usr/bin/ntlm_auth\""),
        "\"/usr/bin/ntlm_auth\"",
        "Samba's helper by which winbind is asked.",
    ),
    counted(
        Rpc,
        "max_per_address",
        Integer { min: 1, max: 1000 },
        "100",
        "connections",
        "Most RPC connections of one address at the same time, on each port.",
    ),
    key(
        Peer,
        "name",
        Name { min: 1, max: 32 },
        Required,
        "\"WEST\"",
        "MTA name of the peer, exactly as its own file says it.",
    ),
    key(Peer, "host", Host, Required, "\"west.demo.test\"", "Host name that this server calls."),
    key(
        Peer,
        "bind_back",
        Host,
        SameAs("peer.host"),
        "\"west-rpc.demo.test\"",
        "Name that the peer hands over for the bind back; any other is refused.",
    ),
    counted(
        Peer,
        "mapper_port",
        Integer { min: 1, max: 65_535 },
        "135",
        "",
        "Port of the peer's endpoint mapper: rpc.mapper_port of its own file. A file of `bindback init` has 1135 there, and without this key 135 is called.",
    ),
    key(
        Peer,
        "account",
        Account,
        Required,
        "'DEMO\\svc-west'",
        "Account that the peer proves itself with here.",
    ),
    key(
        Peer,
        "domains",
        Domains,
        Required,
        "[\"west.demo.test\"]",
        "Mail domains that are reached through the peer.",
    ),
    key(
        Peer,
        "auth",
        Choice(&["ntlm", "kerberos", "negotiate"]),
        Value("\"ntlm\""),
        "\"ntlm\"",
        "How this server proves itself towards the peer; negotiate is SPNEGO, with Kerberos first where rpc.kerberos_realm is set, which kerberos needs.",
    ),
    key(
        Peer,
        "kerberos_service",
        Text { min: 1, max: 320 },
        Absent,
        "\"host/west.demo.test\"",
        "The peer's service principal, with @REALM where it is another realm; host/ and peer.host without it.",
    ),
    key(
        Peer,
        "override_account",
        Account,
        Absent,
        "'WEST\\svc-east'",
        "Account used towards this peer instead of rpc.account.",
    ),
    key(
        Peer,
        "override_password_file",
        Path,
        Absent,
        "\"secrets/west.password\"",
        "File with the password of override_account. Refused when others may read it: chmod 600.",
    ),
    key(
        Peer,
        "insecure",
        Choice(&["none", "56-bit", "ntlm-v1"]),
        Value("\"none\""),
        "\"56-bit\"",
        "What this server takes of the peer when it calls it, besides NTLM version 2 with 128-bit keys; as rpc.insecure.",
    ),
    key(
        Peer,
        "admin",
        Url,
        Absent,
        "\"http://127.0.0.1:9101\"",
        "The peer's administrative HTTP API, read by `bindback doctor`.",
    ),
    key(
        Peer,
        "admin_token_file",
        Path,
        Absent,
        "\"secrets/west.token\"",
        "File with the token for the peer's API. Refused when others may read it: chmod 600.",
    ),
    key(
        Peer,
        "directory",
        Choice(&["separate", "replicated"]),
        Value("\"separate\""),
        "\"replicated\"",
        "Whether this server's copy of the directory is kept in step with the peer's: its agent reads the peer's every directory.poll_s.",
    ),
    key(
        Peer,
        "configuration",
        Path,
        Absent,
        "\"/etc/bindback/west.toml\"",
        "The peer's own configuration file, where it is at hand: the doctor puts it into its commands.",
    ),
    counted(
        Queue,
        "retry_first_s",
        Integer { min: 1, max: TIMER_MAX },
        "10",
        "seconds",
        "Wait before the first retry to a next hop.",
    ),
    key(
        Queue,
        "retry_factor",
        Real { min: 1.0, max: 10.0 },
        Value("2.0"),
        "2.0",
        "How much longer each further wait is than the one before.",
    ),
    counted(
        Queue,
        "retry_max_s",
        Integer { min: 1, max: TIMER_MAX },
        "600",
        "seconds",
        "Longest wait between two tries.",
    ),
    counted(
        Queue,
        "life_urgent_s",
        Integer { min: 1, max: LIFE_MAX },
        "172800",
        "seconds",
        "Life of an urgent message; then a non-delivery report goes to its sender.",
    ),
    counted(
        Queue,
        "life_normal_s",
        Integer { min: 1, max: LIFE_MAX },
        "604800",
        "seconds",
        "Life of a normal message.",
    ),
    counted(
        Queue,
        "life_non_urgent_s",
        Integer { min: 1, max: LIFE_MAX },
        "864000",
        "seconds",
        "Life of a non-urgent message.",
    ),
    key(
        Queue,
        "profile",
        Choice(&["growth", "classic"]),
        Value("\"growth\""),
        "\"growth\"",
        "How waits between two tries run: growing with jitter, or classic, fixed at 600 s to open a link and 120 s to transfer a message.",
    ),
    counted(
        Queue,
        "warn_after_s",
        Integer { min: 0, max: LIFE_MAX },
        "0",
        "seconds",
        "After how long the sender of a message that still waits is warned; 0 means never.",
    ),
    counted(
        Queue,
        "finding_after_s",
        Integer { min: 0, max: 86_400 },
        "5",
        "seconds",
        "How long a cause that stops mail to a peer must stand until the queue, event 20008 and the metrics show it; what passes sooner is not told.",
    ),
    counted(
        Queue,
        "max_messages",
        Integer { min: 1, max: 100_000_000 },
        "1000000",
        "messages",
        "Most messages in the queue; then new mail is refused for now. They stand on the disk; a window of each next hop is in memory.",
    ),
    counted(
        Queue,
        "disk_reserve_mib",
        Integer { min: 0, max: 1_048_576 },
        "32",
        "MiB",
        "Space that stays free on the disk of the store; below it new mail is refused for now, while what is here is still delivered.",
    ),
    counted(
        Association,
        "limit",
        Integer { min: 2, max: 100 },
        "10",
        "associations",
        "Most associations that this server opens to one peer at the same time; one of them is kept for urgent mail.",
    ),
    counted(
        Association,
        "threshold",
        Integer { min: 1, max: 1_000_000 },
        "50",
        "messages",
        "How many waiting messages are worth a further association.",
    ),
    counted(
        Association,
        "checkpoint_kib",
        Integer { min: 0, max: 1024 },
        "30",
        "KiB",
        "Octets between two checkpoints of a transfer, in kibibytes; 0 means none (X.228).",
    ),
    counted(
        Association,
        "window",
        Integer { min: 1, max: 32 },
        "3",
        "checkpoints",
        "Checkpoints that may be unconfirmed before the sender waits.",
    ),
    counted(
        Association,
        "idle_s",
        Integer { min: 1, max: TIMER_MAX },
        "300",
        "seconds",
        "How long an association without mail stays open.",
    ),
    key(
        Admin,
        "socket",
        Path,
        Value("\"run/bindback.sock\""),
        "\"run/bindback.sock\"",
        "Unix socket of the commands. At most 107 octets with its folder.",
    ),
    key(
        Admin,
        "roles_file",
        Path,
        Absent,
        "\"roles.toml\"",
        "TOML file that gives users and groups of this machine a role on the socket; without it only root and the server's own user have any.",
    ),
    key(
        Admin,
        "listen",
        Socket,
        Absent,
        "\"127.0.0.1:9100\"",
        "Address of the HTTP API and of /metrics; needs token_file.",
    ),
    key(
        Admin,
        "token_file",
        Path,
        Absent,
        "\"secrets/admin.token\"",
        "File with the token that HTTP callers must show. Refused when others may read it: chmod 600.",
    ),
    key(
        Events,
        "json_file",
        Path,
        Absent,
        "\"log/events.jsonl\"",
        "File that gets every event as one line of JSON.",
    ),
    key(
        Events,
        "stderr_level",
        Choice(&["off", "error", "warning", "information"]),
        Value("\"information\""),
        "\"information\"",
        "Least severe type of event that is written to standard error.",
    ),
    counted(
        Events,
        "keep",
        Integer { min: 100, max: 100_000_000 },
        "100000",
        "events",
        "Events that the store keeps; the oldest go first.",
    ),
];
