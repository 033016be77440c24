//! Exactly once through SIGKILL, power cuts and cut wires at any moment (the house's own promise; RFC 5321 4.2.5 for
//! the meaning of 250). The short form of `cargo xtask soak`, which has all three carriers and many more blows.

use anyhow::Result;
use conformance::{Blow, Carrier, Random, Soak, skip};

/// Deals so many blows over a carrier; the seed is that of `BINDBACK_CRASH_SEED`, else one of the clock.
fn deal(name: &str, blow: Blow, carrier: Carrier, blows: u32) -> Result<()> {
    if let Some(reason) = blow.why_not() {
        skip(name, &reason);
        return Ok(());
    }
    let seed = Random::from_env("BINDBACK_CRASH_SEED").number();
    let soak = Soak { blow, carrier, blows, seed };
    soak.judge(&soak.run()?)
}

#[test]
fn killed_servers_lose_and_double_nothing() -> Result<()> {
    deal("killed_servers_lose_and_double_nothing", Blow::Kill, Carrier::Rpc, 6)
}

#[test]
fn killed_servers_with_an_x400_connector_lose_and_double_nothing() -> Result<()> {
    let name = "killed_servers_with_an_x400_connector_lose_and_double_nothing";
    deal(name, Blow::Kill, Carrier::Rfc1006, 2)
}

#[test]
fn servers_without_power_lose_and_double_nothing() -> Result<()> {
    deal("servers_without_power_lose_and_double_nothing", Blow::PowerCut, Carrier::Rpc, 2)
}

#[test]
fn a_wire_that_is_cut_under_rpc_loses_and_doubles_nothing() -> Result<()> {
    let name = "a_wire_that_is_cut_under_rpc_loses_and_doubles_nothing";
    deal(name, Blow::NetworkCut, Carrier::Rpc, 2)
}

#[test]
fn a_wire_that_is_cut_under_x400_loses_and_doubles_nothing() -> Result<()> {
    let name = "a_wire_that_is_cut_under_x400_loses_and_doubles_nothing";
    deal(name, Blow::NetworkCut, Carrier::Rfc1006, 2)
}

#[test]
fn a_wire_that_is_cut_under_smtp_loses_nothing() -> Result<()> {
    deal("a_wire_that_is_cut_under_smtp_loses_nothing", Blow::NetworkCut, Carrier::Smtp, 2)
}
