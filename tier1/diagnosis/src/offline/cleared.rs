//! What a remark rules out: `disks OK`, `antivirus off for the test, no difference`, `ping by name is fine both ways`.
//!
//! Such a remark has the words of a trouble and tells of none. Its words count for little, and what it says is in order speaks
//! against the causes that would not leave it so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use finding::Cause;

use super::facts::Facts;
use super::words::one_form;

/// A longer remark tells of more than one thing.
const MOST_WORDS: usize = 14;
/// Words that say that all is well, or that nothing came of a cure.
const WELL: &str =
    "ok okay fine good well healthy clean normal same unchanged unaffected passes correct";
/// Words of trouble: a remark that has one is no remark of this kind.
const ILL: &str = "fail stop hang ndr backlog cannot stuck loop crash drop slow reject never wrong corrupt missing lost unknown \
    down but except only nothing hangs broken until then if";

/// What is said to be in order (any of the words of each group), and what that speaks against.
const RULED_OUT: &[(&[&str], &[Cause], f64)] = &[
    (
        &["ping", "name"],
        &[Cause::RemoteNameUnresolvable, Cause::BindbackNameUnresolvable, Cause::LmhostsStaleEntry],
        2.0,
    ),
    (
        &["dns|wins|resolve|nslookup"],
        &[Cause::RemoteNameUnresolvable, Cause::BindbackNameUnresolvable],
        1.5,
    ),
    (&["ping"], &[Cause::RemoteServerUnreachable], 0.8),
    (&["disk"], &[Cause::DiskSpaceLow, Cause::LowDiskOrVirtualMemory], 1.5),
    (&["memory"], &[Cause::LowMemory], 1.5),
    (&["backup"], &[Cause::IncompatibleBackupSoftware], 3.0),
    (&["antivirus"], &[Cause::VirusScannerInterference], 3.0),
    (&["restart"], &[Cause::UpgradeNeedsRestart], 1.5),
    (&["firewall"], &[Cause::PortFilteredByFirewall], 2.0),
    (&["password"], &[Cause::ServiceAccountPasswordMismatch], 1.5),
    (&["clock|time"], &[Cause::SystemClockWrong, Cause::ClockSkew], 2.0),
    (&["selector"], &[Cause::TSelectorMismatch], 2.0),
    (&["schedule"], &[Cause::ConnectorScheduleNever], 1.5),
    (&["permission"], &[Cause::ServiceAccountLacksDirectoryRight, Cause::LogonRightMissing], 1.0),
    (&["trust"], &[Cause::UntrustedDomainsNoMatchingAccount], 1.5),
    (&["link"], &[Cause::NetworkUnreliable, Cause::NetworkInsufficientBandwidth], 1.0),
    (&["quota"], &[Cause::MailboxOverQuota], 1.5),
    (&["size|limit"], &[Cause::MessageSizeLimitExceeded, Cause::MtaSizeLimitsInconsistent], 1.0),
];

type Group = Vec<String>;
type Row = (Vec<Group>, &'static [Cause], f64);

static READ: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let rows = RULED_OUT.iter().map(|(groups, causes, weight)| {
        let groups = groups.iter().map(|group| group.split('|').map(one_form).collect());
        (groups.collect(), *causes, *weight)
    });
    rows.collect()
});
static WELLS: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| WELL.split_whitespace().map(one_form).collect());
static ILLS: LazyLock<BTreeSet<String>> =
    LazyLock::new(|| ILL.split_whitespace().map(one_form).collect());

/// Whether the words of a remark say that something is in order.
pub(super) fn is_in_order(words: &[String]) -> bool {
    words.len() <= MOST_WORDS
        && words.iter().any(|word| WELLS.contains(word))
        && !words.iter().any(|word| ILLS.contains(word))
}

/// What speaks against a cause because it would not leave in order what is, with the sentence.
pub(super) fn ruled_out(facts: &Facts) -> BTreeMap<Cause, (f64, usize)> {
    let mut out: BTreeMap<Cause, (f64, usize)> = BTreeMap::new();
    for (at, sentence) in facts.sentences.iter().enumerate().filter(|(_, one)| one.is_in_order) {
        for (groups, causes, weight) in READ.iter() {
            let stands =
                groups.iter().all(|group| group.iter().any(|word| sentence.words.contains(word)));
            for cause in causes.iter().filter(|_| stands) {
                let kept = out.entry(*cause).or_insert((0.0, at));
                if *weight > kept.0 {
                    *kept = (*weight, at);
                }
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::offline::words::words;

    #[test]
    fn a_remark_that_all_is_well_is_told_from_one_of_trouble() {
        for well in [
            "disks OK",
            "backup last night OK",
            "antivirus off for the test, no difference",
            "ping by name OK both ways",
            "rebooted twice already, same",
            "names, selectors and addresses all the same",
        ] {
            assert!(is_in_order(&words(well)), "{well}");
        }
        for ill in [
            "ping by address is fine, by name it fails",
            "mail to the other site stops",
            "worked until the same night",
            "antivirus was installed",
            "good in the morning, then slow",
        ] {
            assert!(!is_in_order(&words(ill)), "{ill}");
        }
    }
}
