//! Bash's side of the completion: names with spaces and backslashes, typed with a quote in front or without.
//!
//! What bash inserts for a word without a quote is taken as it is, so that it has to be escaped first; and what was typed with
//! backslashes is handed over with them. The rest is clap's own script.

use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

use clap::Command;
use clap_complete::env::{Bash, EnvCompleter};

/// Where clap's script hands the typed word over, and what takes its escapes away before.
const TYPED: &str = "words[COMP_CWORD]=\"$2\"\n    fi\n";
const PLAIN: &str = r#"words[COMP_CWORD]="$2"
    fi
    local bare=true
    case "${COMP_WORDS[COMP_CWORD]}" in
        \"* | \'*) bare=false ;;
        *) IFS= read words[COMP_CWORD] <<< "$2" ;;
    esac
"#;
/// Where clap's script ends, and what escapes the candidates before.
const END: &str = "        compopt -o nospace\n    fi\n}\n";
const ESCAPED: &str = r#"        compopt -o nospace
    fi
    if [[ $bare == true ]]; then
        local at
        for at in "${!COMPREPLY[@]}"; do
            printf -v "COMPREPLY[at]" %q "${COMPREPLY[at]}"
        done
    fi
}
"#;

/// Bash, with names escaped.
pub(super) struct Escaping;

impl EnvCompleter for Escaping {
    fn name(&self) -> &'static str {
        Bash.name()
    }

    fn is(&self, name: &str) -> bool {
        Bash.is(name)
    }

    fn write_registration(
        &self,
        var: &str,
        name: &str,
        bin: &str,
        completer: &str,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        let mut script = Vec::new();
        Bash.write_registration(var, name, bin, completer, &mut script)?;
        let script = String::from_utf8(script).map_err(io::Error::other)?;
        to.write_all(script.replacen(TYPED, PLAIN, 1).replacen(END, ESCAPED, 1).as_bytes())
    }

    fn write_complete(
        &self,
        command: &mut Command,
        words: Vec<OsString>,
        folder: Option<&Path>,
        to: &mut dyn Write,
    ) -> io::Result<()> {
        Bash.write_complete(command, words, folder, to)
    }
}

#[cfg(test)]
mod tests {
    use clap_complete::env::EnvCompleter;

    use super::{ESCAPED, Escaping, PLAIN};

    /// Another version of clap may have another script.
    #[test]
    fn clap_s_script_has_the_places_that_are_changed() {
        let mut script = Vec::new();
        Escaping
            .write_registration("COMPLETE", "bindback", "bindback", "bindback", &mut script)
            .unwrap();
        let script = String::from_utf8(script).unwrap();
        assert!(script.contains(PLAIN) && script.contains(ESCAPED), "{script}");
    }
}
