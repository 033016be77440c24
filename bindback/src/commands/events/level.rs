//! `bindback events level`: how much each category logs.

use admin::api::{EventLevels, LevelOrder};
use event::{Category, Level};

use crate::backend::Backend;
use crate::cli::Setting;
use crate::failure::Found;
use crate::table::Table;

/// A category by its number or its name, in any case of letters and with or without dots, dashes and spaces.
pub fn category(text: &str) -> Result<Category, String> {
    let plain = |text: &str| -> String {
        text.chars().filter(|c| c.is_ascii_alphanumeric()).map(|c| c.to_ascii_lowercase()).collect()
    };
    let by_number = text.parse().ok().and_then(Category::from_number);
    let wanted = plain(text);
    let by_name = || Category::ALL.iter().copied().find(|one| plain(one.word()) == wanted);
    by_number.or_else(by_name).ok_or_else(|| {
        let all = Category::ALL.iter().map(|one| one.word()).collect::<Vec<_>>().join(", ");
        format!("the categories are {all}")
    })
}

/// A level by its number.
pub fn level(text: &str) -> Result<Level, String> {
    let number = text.parse::<u8>().ok();
    number
        .and_then(|number| Level::try_from(number).ok())
        .ok_or_else(|| "the levels are 0, 1, 3, 5 and 7".to_owned())
}

pub async fn run(order: LevelOrder, setting: &Setting<'_>) -> anyhow::Result<Found> {
    let backend = Backend::find(setting.config()?)?;
    let levels = backend.event_levels(order).await?;
    setting.output.answer(&levels, text)?;
    Ok(Found::Nothing)
}

fn text(levels: &EventLevels) -> String {
    let mut table = Table::new(&["CATEGORY", "LEVEL", "MEANING"]);
    for one in &levels.levels {
        table.row(vec![
            one.category.to_string(),
            one.level.to_string(),
            meaning(one.level).to_owned(),
        ]);
    }
    table.render()
}

const fn meaning(level: Level) -> &'static str {
    match level {
        Level::None => "none: what an operator must always see",
        Level::Minimum => "minimum",
        Level::Medium => "medium",
        Level::Maximum => "maximum",
        Level::Calls => "maximum, and the trace of calls",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_may_be_typed_in_any_way() {
        for text in ["X.400 Service", "x.400 service", "x400-service", "X400Service", "1"] {
            assert_eq!(category(text), Ok(Category::X400Service), "{text}");
        }
        assert!(category("13").is_err() && category("").is_err());
        assert!(category("weather").unwrap_err().contains("Interoperability"));
        assert_eq!(level("7"), Ok(Level::Calls));
        assert!(level("2").is_err() && level("all").is_err());
    }
}
