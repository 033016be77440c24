//! One exchange of the two servers, recorded between them, with what it carried.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, ensure};
use conformance::{Capture, Letter, MAPPER, Organisation, Plan, RPC, Relay, Side, Tshark, until};

/// How long mail and its report may take.
const DELIVERY: Duration = Duration::from_secs(20);
/// How long the associations may take to end after it.
const LEAVE: Duration = Duration::from_secs(15);

/// tshark with the password that opens the sealed stubs.
pub fn unsealing(tshark: &Tshark) -> Tshark {
    tshark.clone().with(&format!("ntlmssp.nt_password:{}", Organisation::PASSWORD))
}

/// Lets WEST send these letters and EAST report `reports` of them, until both have taken their leave.
pub fn record(name: &str, letters: &[Letter], reports: usize) -> Result<PathBuf> {
    let plan = Plan { through_relays: true, ..Plan::default() }.with("association", "idle_s", "1");
    let organisation = Organisation::make(&plan)?;
    let capture = Arc::new(Capture::default());
    for side in Side::BOTH {
        let (at, to) = (organisation.relay_address(side), organisation.address(side));
        Relay::start(at, to, &[MAPPER, RPC], &capture)?;
    }
    let servers = organisation.start_both()?;
    for letter in letters {
        letter.hand_in(organisation.smtp(Side::West))?;
    }
    let arrived = |side, count, what| {
        let maildir = organisation.maildir(side);
        until(DELIVERY, what, || Ok((maildir.count() >= count).then_some(())))
    };
    arrived(Side::East, letters.len(), "the mail at EAST")?;
    arrived(Side::West, reports, "the report at WEST")?;
    until(LEAVE, "the end of all associations", || {
        let mut open = 0;
        for side in Side::BOTH {
            let answer = organisation.command(side, &["ltab"])?;
            let rows = answer["entries"].as_array().cloned().unwrap_or_default();
            open += rows
                .iter()
                .filter(|row| row["state"] == "open" || row["state"] == "opening")
                .count();
        }
        Ok((open == 0).then_some(()))
    })?;
    for server in servers {
        server.terminate(Duration::from_secs(10))?;
    }
    ensure!(capture.octets() > 0, "nothing went through the relays");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.pcap"));
    capture.write(&file)?;
    println!("recorded {} octets: {}", capture.octets(), file.display());
    Ok(file)
}
