//! `bindback serve`: the server.

use crate::cli::Setting;
use crate::failure::Found;

pub async fn run(setting: &Setting<'_>) -> anyhow::Result<Found> {
    server::run(&setting.file()?).await?;
    Ok(Found::Nothing)
}
