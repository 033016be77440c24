//! The scenarios by their names.

use super::report::Listed;
use crate::directory_server::{DirectoryKind, DirectoryPlan};
use crate::engine::LabError;
use crate::faults::{FAULTS, Fault, HARMLESS, SAMBA_DOMAINS, X400_FAULTS};
use crate::organisation::{Auth, Carrier};
use crate::wires::Wires;

/// What is played.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scenario {
    /// A fault between servers that exchange mail by this carrier.
    Fault(&'static Fault, Carrier),
    /// What is different and no fault: mail flows, and nothing is found.
    Harmless(&'static Fault, Carrier),
    /// The password of an account is changed again and again while mail flows; nothing may fail.
    Rotation,
}

/// What a scenario needs whose servers live in network namespaces.
const NETWORKS: [&str; 3] = ["root", "netns", "nftables"];

const ROTATION: &str = "account-rotation";
const ROTATION_TITLE: &str = "a rotation under load";
const ROTATION_WHAT: &str =
    r"The password of DEMO\svc-west is rotated on both servers, again and again, while mail flows.";

/// Every scenario.
pub(super) fn all() -> impl Iterator<Item = Scenario> {
    let rpc = FAULTS.iter().map(|fault| Scenario::Fault(fault, Carrier::Rpc));
    let x400 = X400_FAULTS.iter().map(|fault| Scenario::Fault(fault, Carrier::Rfc1006));
    let harmless = HARMLESS.iter().map(|fault| Scenario::Harmless(fault, Carrier::Rfc1006));
    rpc.chain(x400).chain(harmless).chain([Scenario::Rotation])
}

/// The scenario of this name.
pub(super) fn find(name: &str) -> Result<Scenario, LabError> {
    all()
        .find(|one| one.listed().name == name)
        .ok_or_else(|| LabError::UnknownScenario(name.to_owned()))
}

impl Scenario {
    pub(super) fn listed(self) -> Listed {
        match self {
            Self::Fault(fault, _) | Self::Harmless(fault, _) => {
                let wires = if fault.wired { Wires::why_not() } else { None };
                let why_not = wires.or_else(|| missing(fault.needs));
                let mut needs = if fault.wired { NETWORKS.to_vec() } else { Vec::new() };
                needs.extend(fault.needs);
                Listed {
                    name: fault.name,
                    cause: matches!(self, Self::Fault(..)).then_some(fault.cause),
                    title: fault.title,
                    what: fault.what,
                    claims: fault.claims.to_vec(),
                    needs,
                    runnable: why_not.is_none(),
                    why_not,
                }
            }
            Self::Rotation => Listed {
                name: ROTATION,
                cause: None,
                title: ROTATION_TITLE,
                what: ROTATION_WHAT,
                claims: Vec::new(),
                needs: Vec::new(),
                runnable: true,
                why_not: None,
            },
        }
    }
}

/// Why no domain controllers can run here, if so.
fn no_domains() -> Option<String> {
    let looked = DirectoryPlan::look(DirectoryKind::TwoDomains, Auth::Ntlm);
    looked.err().map(|error| error.to_string())
}

/// Why what a scenario takes is not here: a program, or the rights of root.
fn missing(needs: &[&str]) -> Option<String> {
    let lacks = |need: &&&str| match **need {
        "root" => !crate::wires::is_root(),
        SAMBA_DOMAINS => no_domains().is_some(),
        program => !crate::wires::is_there(program),
    };
    let need = needs.iter().find(lacks)?;
    Some(match *need {
        "root" => "it takes root".to_owned(),
        SAMBA_DOMAINS => no_domains().unwrap_or_default(),
        program => format!("there is no {program} on this machine"),
    })
}

/// What `lab list` shows.
#[must_use]
pub fn list() -> Vec<Listed> {
    all().map(Scenario::listed).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_is_found_by_its_name_and_no_other() {
        for one in list() {
            assert_eq!(find(one.name).unwrap().listed().name, one.name);
            assert!(!one.title.is_empty() && !one.what.is_empty(), "{}", one.name);
        }
        let told = find("weather").unwrap_err().to_string();
        assert!(told.contains("lab list"), "{told}");
    }
}
