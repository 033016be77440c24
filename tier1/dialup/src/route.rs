//! The system's table of routes, as /proc/net/route and /proc/net/ipv6_route print it.

/// Column of a row of `/proc/net/route`: interface, destination, gateway, flags, ..., mask.
const MASK: usize = 7;
/// The flag of a route that is in force (RTF_UP).
const UP: u32 = 1;

/// The interfaces that a default route leads through, by `/proc/net/route`, each once.
#[must_use]
pub fn default_routes(table: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for row in rows(table) {
        let nowhere =
            |at: usize| row.get(at).is_some_and(|field| field.bytes().all(|one| one == b'0'));
        if let Some(interface) = row.first().filter(|_| nowhere(1) && nowhere(MASK))
            && !found.iter().any(|known| known == interface)
        {
            found.push((*interface).to_owned());
        }
    }
    found
}

/// Whether a route leads through an interface, by the texts of `/proc/net/route` and `/proc/net/ipv6_route`. Of IPv6 the
/// routes of the link itself, which every interface has, do not count.
#[must_use]
pub fn leads_through(table: &str, table_v6: &str, interface: &str) -> bool {
    let v4 = rows(table).any(|row| row.first() == Some(&interface));
    let v6 = table_v6.lines().any(|line| {
        let row: Vec<&str> = line.split_whitespace().collect();
        let local = row.first().is_some_and(|to| to.starts_with("fe80") || to.starts_with("ff"));
        row.last() == Some(&interface) && !local
    });
    v4 || v6
}

/// The rows in force below the heading.
fn rows(table: &str) -> impl Iterator<Item = Vec<&str>> {
    let rows = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    rows.filter(|row| {
        let flags = row.get(3).and_then(|flags| u32::from_str_radix(flags, 16).ok());
        flags.is_some_and(|flags| flags & UP != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    #[test]
    fn routes_are_read_as_the_system_prints_them() {
        let own = "ppp0\t02004E0A\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n";
        let default = "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n";
        let lan = "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";
        let down = "ppp0\t00000000\t00000000\t0000\t0\t0\t0\t00000000\t0\t0\t0\n";
        let table = |rows: &[&str]| format!("{HEAD}{}", rows.concat());
        assert_eq!(default_routes(&table(&[own, lan, lan])), ["eth0"]);
        assert_eq!(default_routes(&table(&[default, own])), ["ppp0"]);
        assert!(default_routes(&table(&[own, down])).is_empty() && default_routes("").is_empty());
        assert!(leads_through(&table(&[own]), "", "ppp0"));
        assert!(!leads_through(&table(&[lan]), "", "ppp0"));
        let v6 = |to: &str| {
            format!("{to} 40 {} 00 {} 00000100 1 0 1 ppp0\n", "0".repeat(32), "0".repeat(32))
        };
        assert!(!leads_through(HEAD, &v6("fe800000000000000000000000000000"), "ppp0"));
        assert!(leads_through(HEAD, &v6("20010db8000000000000000000000000"), "ppp0"));
    }
}
