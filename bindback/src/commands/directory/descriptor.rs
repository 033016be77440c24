//! `bindback directory descriptor`: security descriptors in both forms, and the access check, for the expert.

use std::path::PathBuf;

use admin::Shape;
use clap::Args;
use identity::descriptor::access::{self, ObjectNode, Request, Token};
use identity::{Guid, SecurityDescriptor, Sid};
use serde::{Deserialize, Serialize};

use crate::failure::{Found, Unreadable, Usage};
use crate::output::Output;

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  bindback directory descriptor descriptors.txt\n\nEach line is a descriptor: SDDL such as O:BAG:BAD:(A;;GA;;;SY), hexadecimal octets, or a JSON object\n{\"sddl\" or \"hex\", \"domain\": SID, \"token\": [SID, ...], \"desired\": NUMBER, \"tree\": [GUID, ...]}; with a token the access\ncheck is made; the tree is class, property set and attribute, or an extended right, from the outermost on (MS-DTYP 2.5.3.2)."
)]
pub struct Arguments {
    /// The file, one descriptor a line
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What one line asks.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    sddl: Option<String>,
    hex: Option<String>,
    domain: Option<Sid>,
    token: Option<Vec<Sid>>,
    desired: u32,
    /// Each below the one before.
    tree: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
struct Shown {
    sddl: Option<String>,
    hex: Option<String>,
    granted: Option<bool>,
    why: Option<String>,
    error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Descriptors {
    descriptors: Vec<Shown>,
}

impl Shape for Descriptors {
    const NAME: &'static str = "directory-descriptor";
}

pub fn run(arguments: Arguments, output: &Output) -> anyhow::Result<Found> {
    let text = std::fs::read_to_string(&arguments.file).map_err(|source| Unreadable {
        what: arguments.file.display().to_string(),
        way_out: "name a file with one descriptor a line",
        source,
    })?;
    let mut descriptors = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let asked = asked(line.trim()).map_err(|error| {
            Usage(format!("{}:{}: {error}", arguments.file.display(), index + 1))
        })?;
        descriptors.push(shown(&asked));
    }
    let failed = descriptors.iter().any(|one| one.error.is_some());
    output.answer(&Descriptors { descriptors }, |all| {
        all.descriptors.iter().map(lines).collect::<Vec<_>>().join("\n")
    })?;
    Ok(if failed { Found::Something } else { Found::Nothing })
}

fn asked(line: &str) -> Result<Asked, serde_json::Error> {
    if line.starts_with('{') {
        return serde_json::from_str(line);
    }
    let octets = line.len().is_multiple_of(2) && line.bytes().all(|c| c.is_ascii_hexdigit());
    let line = line.to_owned();
    Ok(if octets {
        Asked { hex: Some(line), ..Asked::default() }
    } else {
        Asked { sddl: Some(line), ..Asked::default() }
    })
}

fn shown(asked: &Asked) -> Shown {
    let domain = asked.domain.as_ref();
    let descriptor = match (&asked.hex, &asked.sddl) {
        (Some(hex), _) => serde_json::from_value::<SecurityDescriptor>(hex.clone().into())
            .map_err(|error| error.to_string()),
        (None, Some(sddl)) => {
            SecurityDescriptor::from_sddl(sddl, domain).map_err(|error| error.to_string())
        }
        (None, None) => Err("the line has neither sddl nor hex".to_owned()),
    };
    let descriptor = match descriptor {
        Ok(descriptor) => descriptor,
        Err(error) => return Shown { error: Some(error), ..Shown::default() },
    };
    let mut shown = Shown { hex: descriptor.to_hex().ok(), ..Shown::default() };
    match descriptor.to_sddl(domain) {
        Ok(sddl) => shown.sddl = Some(sddl),
        Err(error) => shown.error = Some(error.to_string()),
    }
    let tree = asked.tree.iter().zip(0..).map(|(text, level)| {
        let guid: Guid = text.parse().map_err(|_| format!("{text:?} is no GUID"))?;
        Ok(ObjectNode { level, guid })
    });
    let tree: Vec<ObjectNode> = match tree.collect::<Result<_, String>>() {
        Ok(tree) => tree,
        Err(error) => return Shown { error: Some(error), ..shown },
    };
    if let Some(sids) = &asked.token {
        let token = Token::new(sids.iter().cloned());
        let request = Request::directory(asked.desired).on(&tree);
        let answer = access::check(&descriptor, &token, &request);
        shown.granted = Some(answer.is_granted());
        shown.why = Some(answer.explain(&descriptor));
    }
    shown
}

fn lines(shown: &Shown) -> String {
    let granted = shown.granted.map(|granted| {
        let word = if granted { "granted" } else { "denied" };
        format!("{word}: {}", shown.why.as_deref().unwrap_or_default())
    });
    let parts = [shown.sddl.clone(), shown.hex.clone(), granted, shown.error.clone()];
    parts.into_iter().flatten().collect::<Vec<_>>().join("\n")
}
