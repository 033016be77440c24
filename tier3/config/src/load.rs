//! From the text to a [`Config`].

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use toml_edit::{Item, Value};

use crate::address;
use crate::check;
use crate::connector::connector;
use crate::document::{Checked, Source, TableReader, shown};
use crate::fault::{ConfigError, FaultKind};
use crate::model::{
    Accounts, Admin, Association, Config, Events, GlobalDomain, Kerberos, MachineAccount, Mail,
    NeighbourApi, OverrideAccount, Peer, Queue, Rpc, Server, Smtp,
};
use crate::section::Section;
use crate::{load_dial_up, load_directory, load_x400, names};

/// Octets of a configuration file: no real one comes near, and a wrong path (a device, a log) is refused before it
/// fills the memory.
pub(crate) const FILE_MAX: u64 = 4_194_304;

impl Config {
    /// Reads and checks a file.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read_text(path)?;
        Self::parse(path, &text)
    }

    /// Checks a text as if it stood in this file, which need not exist.
    pub fn parse(path: &Path, text: &str) -> Result<Self, ConfigError> {
        let file = absolute(path)?;
        let source = Source::parse(&file, text)?;
        source.check_names()?;
        let config = assemble(&source)?;
        check::whole(&config, &source)?;
        Ok(config)
    }
}

/// The path against the current folder; no symbolic link is followed.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf, ConfigError> {
    std::path::absolute(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })
}

/// The text of a file, up to [`FILE_MAX`].
pub(crate) fn read_text(path: &Path) -> Result<String, ConfigError> {
    use std::io::Read;
    let failed = |source| ConfigError::Read { path: path.to_owned(), source };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(failed)?;
    let length = file.take(FILE_MAX + 1).read_to_string(&mut text).map_err(failed)?;
    if u64::try_from(length).is_ok_and(|length| length <= FILE_MAX) {
        Ok(text)
    } else {
        Err(failed(std::io::Error::new(std::io::ErrorKind::FileTooLarge, "more than 4 MiB")))
    }
}

fn assemble(source: &Source) -> Checked<Config> {
    let server = server(&source.section(Section::Server))?;
    let rpc = rpc(&source.section(Section::Rpc), source, &server.host_name)?;
    let rfc1006 = load_x400::rfc1006(&source.section(Section::Rfc1006), source)?;
    let own = rfc1006.own.clone();
    let tables = source.peers();
    let peers = tables.iter().map(|table| peer(table, source));
    Ok(Config {
        file: source.file().to_owned(),
        smtp: smtp(&source.section(Section::Smtp))?,
        mail: mail(&source.section(Section::Mail))?,
        peers: peers.collect::<Checked<_>>()?,
        accounts: accounts(&source.section(Section::Accounts))?,
        directory: load_directory::directory(&source.section(Section::Directory), source, &rpc)?,
        rpc,
        dial_ups: source
            .dial_ups()
            .iter()
            .map(|table| load_dial_up::dial_up(table, source))
            .collect::<Checked<_>>()?,
        connectors: source
            .connectors()
            .iter()
            .map(|table| connector(table, source, &server.host_name))
            .collect::<Checked<_>>()?,
        rfc1006,
        x400: source
            .x400()
            .iter()
            .map(|table| load_x400::x400(table, source, (&server.name, &own)))
            .collect::<Checked<_>>()?,
        hosts: hosts(source)?,
        queue: queue(&source.section(Section::Queue))?,
        association: association(&source.section(Section::Association))?,
        admin: admin(&source.section(Section::Admin), source)?,
        events: events(&source.section(Section::Events))?,
        server,
    })
}

fn server(table: &TableReader<'_>) -> Checked<Server> {
    let country = table.value("country")?;
    let admd = table.value("admd")?;
    let domain = GlobalDomain {
        country: country.text()?,
        admd: admd.text()?,
        prmd: table.value("prmd")?.text()?,
    };
    if !domain.country.bytes().all(|octet| octet.is_ascii_uppercase()) {
        return Err(country.bad_value(
            country.at,
            &format!("{} is not two capital letters", shown(&domain.country)),
        ));
    }
    if domain.admd != " " && domain.admd.trim() != domain.admd {
        return Err(admd
            .bad_value(admd.at, &format!("{} begins or ends with a space", shown(&domain.admd))));
    }
    let organisation = table.value("organisation")?;
    let x400_organisation = match table.optional("x400_organisation")? {
        Some(found) => found.text()?,
        None => organisation.printable_or("x400_organisation")?,
    };
    Ok(Server {
        name: mta_name(table)?,
        organisation: organisation.text()?,
        x400_organisation,
        site: table.value("site")?.text()?,
        data_dir: table.value("data_dir")?.path()?,
        memory_mib: table.value("memory_mib")?.integer()?,
        host_name: table.value("host_name")?.domain()?,
        domain,
    })
}

/// A name whose form in X.400 fits there, too.
fn mta_name(table: &TableReader<'_>) -> Checked<String> {
    /// X.411, ub-mta-name-length.
    const MOST: usize = 32;
    let found = table.value("name")?;
    let name = found.text()?;
    let form = x400::ia5_name(&name);
    if form.len() > MOST {
        let problem = format!(
            "{} is {form} in X.400, of {} characters where {MOST} are the limit; take a shorter name",
            shown(&name),
            form.len()
        );
        return Err(found.bad_value(found.at, &problem));
    }
    Ok(name)
}

fn smtp(table: &TableReader<'_>) -> Checked<Smtp> {
    Ok(Smtp {
        listen: table.value("listen")?.sockets()?,
        allow: table.value("allow")?.networks()?,
        relay: table.value("relay")?.networks()?,
        dns: table.value("dns")?.sockets()?,
        max_message_size: table.value("max_message_size")?.integer()?,
        max_recipients: table.value("max_recipients")?.integer()?,
        max_per_address: table.value("max_per_address")?.integer()?,
        max_connections: table.value("max_connections")?.integer()?,
        memory_mib: table.value("memory_mib")?.integer()?,
    })
}

fn mail(table: &TableReader<'_>) -> Checked<Mail> {
    let domains = table.value("domains")?.domains()?;
    let mailboxes = table.value("mailboxes")?.mailboxes()?;
    let named = |key| -> Checked<Option<String>> {
        let Some(found) = table.optional(key)? else { return Ok(None) };
        let name = found.text()?.to_lowercase();
        if let Some(problem) = names::local_part_problem(&name) {
            return Err(found.bad_value(found.at, &format!("{} {problem}", shown(&name))));
        }
        if !mailboxes.contains(&name) {
            let text = format!("{} is not among mail.mailboxes", shown(&name));
            return Err(found.bad_value(found.at, &text));
        }
        Ok(Some(name))
    };
    let (postmaster, alternate_recipient) = (named("postmaster")?, named("alternate_recipient")?);
    let maildir = table.value("maildir")?.path()?;
    Ok(Mail { domains, mailboxes, maildir, postmaster, alternate_recipient })
}

fn rpc(table: &TableReader<'_>, source: &Source, host_name: &str) -> Checked<Rpc> {
    let bind_back_name = table.optional("bind_back_name")?.map(|found| found.host()).transpose()?;
    Ok(Rpc {
        listen: table.value("listen")?.address()?,
        port: table.value("port")?.integer()?,
        mapper_port: table.value("mapper_port")?.integer()?,
        bind_back_name: bind_back_name.unwrap_or_else(|| host_name.to_owned()),
        account: table.value("account")?.account()?,
        password_file: table.value("password_file")?.path()?,
        machine: machine(table, source)?,
        kerberos: kerberos(table)?,
        allow: table.value("allow")?.networks()?,
        call_timeout: table.value("call_timeout_s")?.seconds()?,
        idle_timeout: table.value("idle_timeout_s")?.seconds()?,
        connect_timeout: table.value("connect_timeout_s")?.seconds()?,
        bind_back_timeout: table.value("bind_back_timeout_s")?.seconds()?,
        ltab_limit: table.value("ltab_limit")?.integer()?,
        level: table.value("level")?.rpc_level()?,
        insecure: table.value("insecure")?.insecure()?,
        winbind_domains: table.value("winbind_domains")?.netbios_domains()?,
        ntlm_auth: table.value("ntlm_auth")?.path()?,
        max_per_address: table.value("max_per_address")?.integer()?,
    })
}

/// The machine's own account; the field marks those by their last character.
fn machine(table: &TableReader<'_>, source: &Source) -> Checked<Option<MachineAccount>> {
    let found = table.optional("machine_account")?;
    let account = found.as_ref().map(|found| found.account()).transpose()?;
    if let (Some(found), Some(account)) = (&found, &account)
        && !account.name().ends_with('$')
    {
        let problem = format!("{} does not end in $, as machine accounts do", account);
        return Err(found.bad_value(found.at, &problem));
    }
    let file = table.optional("machine_password_file")?.map(|found| found.path()).transpose()?;
    let pair = both(table, source, "machine_account", account, "machine_password_file", file)?;
    let password_age = table.value("machine_password_age_s")?.seconds()?;
    let made = |(account, password_file)| MachineAccount { account, password_file, password_age };
    Ok(pair.map(made))
}

fn accounts(table: &TableReader<'_>) -> Checked<Accounts> {
    Ok(Accounts {
        key_file: table.value("key_file")?.path()?,
        policy_file: table.optional("policy_file")?.map(|found| found.path()).transpose()?,
        lockout_threshold: table.value("lockout_threshold")?.integer()?,
        lockout_reset: table.value("lockout_reset_s")?.seconds()?,
        lockout_duration: table.value("lockout_duration_s")?.seconds()?,
        password_overlap: table.value("password_overlap_s")?.seconds()?,
    })
}

/// Without a realm there is no Kerberos, whatever else is said of it.
fn kerberos(table: &TableReader<'_>) -> Checked<Option<Kerberos>> {
    let text = |key| table.optional(key)?.map(|found| found.text()).transpose();
    let kdcs = match table.optional("kerberos_kdc")? {
        None => Vec::new(),
        Some(found) => {
            let list = found.text()?;
            let kdcs: Vec<String> = list.split_whitespace().map(str::to_owned).collect();
            if let Some(wrong) = kdcs.iter().find(|kdc| !address::is_host_with_port(kdc)) {
                let problem = format!("{} is neither HOST nor HOST:PORT", shown(wrong));
                return Err(found.bad_value(found.at, &problem));
            }
            kdcs
        }
    };
    let keytab = table.optional("kerberos_keytab")?.map(|found| found.path()).transpose()?;
    let keytab_command = text("kerberos_keytab_command")?;
    let Some(realm) = text("kerberos_realm")? else {
        return Ok(None);
    };
    Ok(Some(Kerberos { realm, kdcs, keytab, keytab_command }))
}

fn peer(table: &TableReader<'_>, source: &Source) -> Checked<Peer> {
    let host = table.value("host")?.host()?;
    let bind_back = table.optional("bind_back")?.map(|found| found.host()).transpose()?;
    let account = table.optional("override_account")?.map(|found| found.account()).transpose()?;
    let password_file =
        table.optional("override_password_file")?.map(|found| found.path()).transpose()?;
    let url = table.optional("admin")?.map(|found| found.url()).transpose()?;
    let token_file = table.optional("admin_token_file")?.map(|found| found.path()).transpose()?;
    let override_account =
        both(table, source, "override_account", account, "override_password_file", password_file)?
            .map(|(account, password_file)| OverrideAccount { account, password_file });
    let admin = both(table, source, "admin", url, "admin_token_file", token_file)?
        .map(|((url, authority), token_file)| NeighbourApi { url, authority, token_file });
    Ok(Peer {
        name: mta_name(table)?,
        bind_back: bind_back.unwrap_or_else(|| host.clone()),
        host,
        mapper_port: table.value("mapper_port")?.integer()?,
        account: table.value("account")?.account()?,
        domains: table.value("domains")?.domains()?,
        auth: table.value("auth")?.peer_auth()?,
        kerberos_service: kerberos_service(table)?,
        override_account,
        insecure: table.value("insecure")?.insecure()?,
        replicated: table.value("directory")?.choice()? == 1,
        admin,
        configuration: table.optional("configuration")?.map(|found| found.path()).transpose()?,
    })
}

fn kerberos_service(table: &TableReader<'_>) -> Checked<Option<String>> {
    let Some(found) = table.optional("kerberos_service")? else { return Ok(None) };
    let text = found.text()?;
    if text.split(['/', '@']).any(|part| part.trim().is_empty() || part != part.trim()) {
        let problem = format!("{} is no SERVICE/HOST", shown(&text));
        return Err(found.bad_value(found.at, &problem));
    }
    Ok(Some(text))
}

/// Two keys of which each is of no use without the other.
pub(crate) fn both<A, B>(
    table: &TableReader<'_>,
    source: &Source,
    first: &str,
    left: Option<A>,
    second: &str,
    right: Option<B>,
) -> Checked<Option<(A, B)>> {
    let (present, absent) = match (left, right) {
        (Some(left), Some(right)) => return Ok(Some((left, right))),
        (None, None) => return Ok(None),
        (Some(_), None) => (first, second),
        (None, Some(_)) => (second, first),
    };
    let what = format!("{}.{present} has no {absent} beside it", table.section().name());
    let way_out = format!("add {absent}, or remove {present}");
    Err(source.fault(table.at_key(present), FaultKind::Missing, what, way_out))
}

fn queue(table: &TableReader<'_>) -> Checked<Queue> {
    Ok(Queue {
        retry_first: table.value("retry_first_s")?.seconds()?,
        retry_factor: table.value("retry_factor")?.real()?,
        retry_max: table.value("retry_max_s")?.seconds()?,
        life_urgent: table.value("life_urgent_s")?.seconds()?,
        life_normal: table.value("life_normal_s")?.seconds()?,
        life_non_urgent: table.value("life_non_urgent_s")?.seconds()?,
        classic: table.value("profile")?.is_word("classic", &["growth"])?,
        warn_after: table.value("warn_after_s")?.seconds()?,
        finding_after: table.value("finding_after_s")?.seconds()?,
        max_messages: table.value("max_messages")?.integer()?,
        disk_reserve_mib: table.value("disk_reserve_mib")?.integer()?,
    })
}

fn association(table: &TableReader<'_>) -> Checked<Association> {
    Ok(Association {
        limit: table.value("limit")?.integer()?,
        threshold: table.value("threshold")?.integer()?,
        checkpoint_kib: table.value("checkpoint_kib")?.integer()?,
        window: table.value("window")?.integer()?,
        idle: table.value("idle_s")?.seconds()?,
    })
}

fn admin(table: &TableReader<'_>, source: &Source) -> Checked<Admin> {
    let listen = table.optional("listen")?.map(|found| found.socket()).transpose()?;
    let token_file = table.optional("token_file")?.map(|found| found.path()).transpose()?;
    if listen.is_some() && token_file.is_none() {
        let what =
            "admin.listen has no token_file beside it, so that anybody could call".to_owned();
        let way_out = "add token_file, or remove listen".to_owned();
        return Err(source.fault(table.at_key("listen"), FaultKind::Missing, what, way_out));
    }
    let roles_file = table.optional("roles_file")?.map(|found| found.path()).transpose()?;
    Ok(Admin { socket: table.value("socket")?.path()?, roles_file, listen, token_file })
}

fn events(table: &TableReader<'_>) -> Checked<Events> {
    Ok(Events {
        json_file: table.optional("json_file")?.map(|found| found.path()).transpose()?,
        stderr_level: table.value("stderr_level")?.stderr_level()?,
        keep: table.value("keep")?.integer()?,
    })
}

fn hosts(source: &Source) -> Checked<BTreeMap<String, Vec<IpAddr>>> {
    let mut hosts = BTreeMap::new();
    for (name, at, item) in source.section(Section::Hosts).entries() {
        let Item::Value(value) = item else {
            let what = format!("hosts: {} is not a name in quotes", shown(name));
            let way_out =
                "a name with dots stands in quotes, as in `\"west.demo.test\" = \"127.0.0.1\"`"
                    .to_owned();
            return Err(source.fault(at, FaultKind::WrongType, what, way_out));
        };
        if value.as_inline_table().is_some_and(toml_edit::InlineTable::is_dotted) {
            let what =
                format!("hosts: {} is the first part of a name that is not in quotes", shown(name));
            let way_out =
                "a name with dots stands in quotes, as in `\"west.demo.test\" = \"127.0.0.1\"`"
                    .to_owned();
            return Err(source.fault(at, FaultKind::WrongType, what, way_out));
        }
        if let Some(problem) = names::domain_problem(name) {
            let way_out =
                "write a host name, as in `\"west.demo.test\" = \"127.0.0.1\"`".to_owned();
            return Err(source.fault(
                at,
                FaultKind::BadValue,
                format!("hosts: {} {problem}", shown(name)),
                way_out,
            ));
        }
        if hosts.insert(name.to_lowercase(), addresses(source, name, value)?).is_some() {
            let what =
                format!("hosts: {} stands there twice, in upper and lower case", shown(name));
            return Err(source.fault(
                at,
                FaultKind::Duplicate,
                what,
                "keep one, with a list of addresses".to_owned(),
            ));
        }
    }
    Ok(hosts)
}

fn addresses(source: &Source, name: &str, value: &Value) -> Checked<Vec<IpAddr>> {
    let at = |value: &Value| value.span().map_or(0, |span| span.start);
    let way_out = || "write an IP address in quotes, or a list of them".to_owned();
    let parse = |value: &Value| match value.as_str() {
        None => {
            let what = format!(
                "hosts: {} must have an address in quotes, and has {}",
                shown(name),
                value.type_name()
            );
            Err(source.fault(at(value), FaultKind::WrongType, what, way_out()))
        }
        Some(text) => text.parse::<IpAddr>().map_err(|_| {
            source.fault(
                at(value),
                FaultKind::BadValue,
                format!("hosts: {} is no IP address", shown(text)),
                way_out(),
            )
        }),
    };
    match value.as_array() {
        None => parse(value).map(|address| vec![address]),
        Some(array) if array.is_empty() => {
            let what = format!("hosts: {} has no address", shown(name));
            Err(source.fault(at(value), FaultKind::BadValue, what, way_out()))
        }
        Some(array) => array.iter().map(parse).collect(),
    }
}
