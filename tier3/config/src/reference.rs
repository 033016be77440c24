//! The reference page `docs/configuration.md`, made from the table of keys.

use crate::keys::{Fallback, KEYS, Key};
use crate::section::Section;

const HEAD: &str = "# The configuration file

<!-- Written by `cargo xtask docs` from the table of keys in tier3/config. Do not edit. -->

The server reads one file in TOML, `bindback.toml`. `bindback init DIR` writes one with every key explained.

- A key or table that is not listed here is an error, told with line, column and the nearest known key.
- Paths are taken against the folder of the file.
- A name that ends in `_s` counts seconds.
- Passwords and tokens stand alone in files of their own, which nobody else may read (mode 600).
";

/// The whole page, as it has to stand in the repository.
pub fn reference_page() -> String {
    let mut out = HEAD.to_owned();
    for section in Section::ALL {
        out.push_str(&format!("\n## {}\n\n{}\n", section.header(), section.doc()));
        if section == Section::Hosts {
            out.push_str("\n    [hosts]\n    \"east.demo.test\" = \"127.0.0.1\"\n    \"west.demo.test\" = [\"127.0.0.1\", \"::1\"]\n");
            continue;
        }
        out.push_str("\n| key | default | unit | range | meaning |\n|---|---|---|---|---|\n");
        for key in KEYS.iter().filter(|key| key.section == section) {
            out.push_str(&row(key));
        }
    }
    out
}

fn row(key: &Key) -> String {
    let fallback = match key.fallback {
        Fallback::Value(default) => format!("`{default}`"),
        Fallback::SameAs(other) => format!("as `{other}`"),
        Fallback::Absent => format!("none, e.g. `{}`", key.example),
        Fallback::Required => format!("required, e.g. `{}`", key.example),
    };
    format!("| `{}` | {fallback} | {} | {} | {} |\n", key.name, key.unit, key.kind.range(), key.doc)
}

#[cfg(test)]
mod tests {
    use crate::document::default;
    use crate::{Fallback, KEYS, Key, reference_page};

    #[test]
    fn every_key_is_complete_and_stands_once() {
        for (index, key) in KEYS.iter().enumerate() {
            assert!(key.doc.ends_with('.') && key.doc.len() > 15, "{}", key.path());
            assert!(
                !key.doc.contains('|') && !key.kind.range().contains('|'),
                "{} would break the table",
                key.path()
            );
            assert!(key.example.parse::<toml_edit::Value>().is_ok(), "{}", key.path());
            assert_eq!(
                default(key).is_some(),
                matches!(key.fallback, Fallback::Value(_)),
                "{}",
                key.path()
            );
            if key.name.ends_with("_s") {
                assert_eq!(key.unit, "seconds", "{}", key.path());
            }
            if let Fallback::SameAs(other) = key.fallback {
                assert!(KEYS.iter().any(|key| key.path() == other), "{}", key.path());
            }
            assert!(
                KEYS[..index].iter().all(|earlier| earlier.path() != key.path()),
                "{}",
                key.path()
            );
            assert_eq!(Key::find(key.section, key.name), Some(key));
        }
    }

    #[test]
    fn the_page_names_every_key() {
        let page = reference_page();
        for key in KEYS {
            assert!(page.contains(&format!("| `{}` |", key.name)), "{}", key.path());
        }
    }
}
