//! Where the KDCs of a realm are: as the caller says, as krb5.conf says, or by the realm's own name.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// The port of KDCs.
const PORT: u16 = 88;
/// Octets of krb5.conf that are read.
const FILE_MAX: usize = 1 << 20;

/// A KDC's name or address, and its port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KdcAddress {
    /// Name or address.
    pub host: String,
    /// The port.
    pub port: u16,
}

impl fmt::Display for KdcAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A text that is no KDC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a KDC is written HOST or HOST:PORT, such as dc1.east.example:88 or [fd00::1]:88")]
pub struct KdcAddressError;

impl FromStr for KdcAddress {
    type Err = KdcAddressError;

    fn from_str(text: &str) -> Result<Self, KdcAddressError> {
        let text = text.trim();
        let port = |port: &str| port.parse().ok().filter(|port| *port != 0).ok_or(KdcAddressError);
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            match rest.split_once(']').ok_or(KdcAddressError)? {
                (host, "") => (host, PORT),
                (host, more) => (host, port(more.strip_prefix(':').ok_or(KdcAddressError)?)?),
            }
        } else if text.parse::<IpAddr>().is_ok() {
            (text, PORT)
        } else {
            match text.rsplit_once(':') {
                Some((host, number)) => (host, port(number)?),
                None => (text, PORT),
            }
        };
        let bad = |c: char| c.is_whitespace() || c.is_control() || "/[]".contains(c);
        if host.is_empty() || host.contains(bad) {
            return Err(KdcAddressError);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// The realms that are known, and their KDCs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Realms {
    default_realm: Option<String>,
    kdcs: BTreeMap<String, Vec<KdcAddress>>,
}

impl Realms {
    /// What `KRB5_CONFIG`, or else /etc/krb5.conf, says; nothing where there is no such file.
    #[must_use]
    pub fn of_system() -> Self {
        let path = std::env::var_os("KRB5_CONFIG").map(PathBuf::from);
        // Several files may stand there; the first is the one that counts for what is read here.
        let path = path.unwrap_or_else(|| PathBuf::from("/etc/krb5.conf"));
        Self::of_file(&path)
    }

    fn of_file(path: &Path) -> Self {
        match std::fs::read_to_string(path) {
            Ok(text) if text.len() <= FILE_MAX => Self::parse(&text),
            _ => Self::default(),
        }
    }

    /// Reads the text of a krb5.conf: the default realm and the KDCs; everything else is passed over.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut realms = Self::default();
        let mut section = String::new();
        let mut realm: Option<String> = None;
        for line in text.lines() {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(name) = line.strip_prefix('[') {
                section = name.trim_end_matches(['*', ' ']).trim_end_matches(']').to_lowercase();
                realm = None;
                continue;
            }
            if line.starts_with('}') {
                realm = None;
                continue;
            }
            let Some((key, value)) = line.split_once('=') else {
                continue;
            };
            let (key, value) = (key.trim(), value.trim());
            match (section.as_str(), key, &realm) {
                ("libdefaults", "default_realm", _) => {
                    realms.default_realm = Some(value.to_owned());
                }
                ("realms", name, None) if value.starts_with('{') => {
                    realm = Some(name.to_owned());
                }
                ("realms", "kdc", Some(name)) => {
                    let value = value.trim_start_matches("tcp/").trim_start_matches("udp/");
                    if let Ok(kdc) = value.parse() {
                        realms.kdcs.entry(identity::upcase(name)).or_default().push(kdc);
                    }
                }
                _ => {}
            }
        }
        realms
    }

    /// Puts these KDCs in place of those that are known for a realm.
    #[must_use]
    pub fn with_kdcs(mut self, realm: &str, kdcs: Vec<KdcAddress>) -> Self {
        self.kdcs.insert(identity::upcase(realm), kdcs);
        self
    }

    /// The realm of those who name none.
    #[must_use]
    pub fn default_realm(&self) -> Option<&str> {
        self.default_realm.as_deref()
    }

    /// The KDCs of a realm, in the order to try them; its own name where nothing else is known.
    #[must_use]
    pub fn kdcs(&self, realm: &str) -> Vec<KdcAddress> {
        match self.kdcs.get(&identity::upcase(realm)) {
            Some(kdcs) if !kdcs.is_empty() => kdcs.clone(),
            _ => vec![KdcAddress { host: realm.to_lowercase(), port: PORT }],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kdcs_as_people_write_them() {
        for (text, host, port) in [
            ("dc1", "dc1", 88),
            ("dc1.east.example:750", "dc1.east.example", 750),
            ("127.0.0.1", "127.0.0.1", 88),
            ("127.0.0.1:89", "127.0.0.1", 89),
            ("fd00::1", "fd00::1", 88),
            ("[fd00::1]:90", "fd00::1", 90),
            ("[fd00::1]", "fd00::1", 88),
        ] {
            let kdc: KdcAddress = text.parse().unwrap();
            assert_eq!((kdc.host.as_str(), kdc.port), (host, port), "{text}");
            assert_eq!(kdc.to_string().parse::<KdcAddress>().unwrap(), kdc);
        }
        for wrong in [
            "",
            ":88",
            "dc1:",
            "dc1:0",
            "dc1:x",
            "dc 1",
            "[fd00::1",
            "[fd00::1]88",
            "a:]b:1",
            "[[a]:1",
        ] {
            wrong.parse::<KdcAddress>().unwrap_err();
        }
    }

    #[test]
    fn the_system_s_file() {
        let realms = Realms::parse(
            "# kdc = no\n[libdefaults]\n default_realm = EAST.TEST\n[realms]\n EAST.TEST = {\n  \
             kdc = dc1.east.test\n  admin_server = x\n  kdc = tcp/dc2.east.test:89\n }\n \
             WEST.TEST = {\n kdc = bad host\n}\n[domain_realm]\n .east.test = EAST.TEST\n",
        );
        assert_eq!(realms.default_realm(), Some("EAST.TEST"));
        let shown = |realm: &str| {
            realms.kdcs(realm).iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(shown("east.test"), "dc1.east.test:88 dc2.east.test:89");
        assert_eq!(shown("WEST.TEST"), "west.test:88");
        let named = realms.clone().with_kdcs("EAST.TEST", vec!["10.0.0.1".parse().unwrap()]);
        assert_eq!(named.kdcs("EAST.TEST")[0].to_string(), "10.0.0.1:88");
    }
}
