//! `bindback directory`: the tree, its objects, and who may what.

mod descriptor;

use clap::{Args, Subcommand};

use crate::cli::Setting;
use crate::failure::Found;

#[derive(Debug, Args)]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Read security descriptors: octets to text, text to octets, and who would get in
    Descriptor(descriptor::Arguments),
}

pub async fn run(arguments: Arguments, setting: &Setting<'_>) -> anyhow::Result<Found> {
    match arguments.action {
        Action::Descriptor(arguments) => descriptor::run(arguments, setting.output),
    }
}
