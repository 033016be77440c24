//! Names for a shell's completion: objects and accounts, asked of the running server while somebody types.
//!
//! A server that does not run, a configuration that cannot be read, a caller without a role: no names, and no word about it. The store
//! is never opened for this.

mod bash;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use admin::directory_api::DirectoryOrder;
use clap::CommandFactory;
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use clap_complete::env::{Elvish, Fish, Powershell, Shells, Zsh};
use config::Config;

use crate::backend::running;
use crate::cli::{Cli, usual_file};

/// Nobody waits longer for names while typing.
const PATIENCE: Duration = Duration::from_secs(2);
/// What a screen can show.
const MOST: usize = 500;

/// Answers a shell that asks for completions, and ends the process; nothing where none does.
pub fn answer() {
    let shells = Shells(&[&bash::Escaping, &Elvish, &Fish, &Powershell, &Zsh]);
    clap_complete::CompleteEnv::with_factory(Cli::command).shells(shells).complete();
}

/// Objects of the directory, one level at a time; of one that is typed whole also those below it.
pub fn objects() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let typed = current.to_string_lossy();
        let found = ask(|client| async move {
            let mut found = level(&client, above(&typed)).await?;
            let whole = |name: &str| identity::upcase(name) == identity::upcase(&typed);
            if let Some((name, _)) = found.iter().find(|(name, _)| whole(name)) {
                found.extend(level(&client, Some(name.clone())).await?);
            }
            Some(found)
        });
        next_level(&current.to_string_lossy(), found)
    })
}

/// The objects directly below one, or the outermost.
async fn level(client: &admin::Client, under: Option<String>) -> Option<Names> {
    let order = DirectoryOrder::List { under, after: None, limit: None, children: true };
    let objects = client.directory(order).await.ok()?.objects;
    Some(objects.into_iter().map(|one| (one.name, one.class)).collect())
}

/// Accounts that the server accepts.
pub fn accounts() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let found = ask(|client| async move {
            let accounts = client.accounts().await.ok()?;
            Some(accounts.into_iter().map(|one| (one.name, one.state)).collect())
        });
        candidates(matching(&current.to_string_lossy(), found))
    })
}

/// Names with what is said beside them.
type Names = Vec<(String, String)>;

fn ask<F>(question: impl FnOnce(admin::Client) -> F) -> Names
where
    F: Future<Output = Option<Names>>,
{
    let names = || {
        let config = Config::load(&file()?).ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
        let client = running(&config);
        runtime.block_on(async { tokio::time::timeout(PATIENCE, question(client)).await.ok()? })
    };
    names().unwrap_or_default()
}

/// The configuration that the words typed so far name, else the usual one.
fn file() -> Option<PathBuf> {
    let words: Vec<_> = std::env::args_os().collect();
    named(&words).or_else(usual_file)
}

fn named(words: &[impl AsRef<OsStr>]) -> Option<PathBuf> {
    let at = words.iter().rposition(|word| word.as_ref() == "-c" || word.as_ref() == "--config");
    if let Some(value) = at.and_then(|at| words.get(at + 1)) {
        return Some(PathBuf::from(value.as_ref()));
    }
    let joined = words
        .iter()
        .rev()
        .find_map(|word| word.as_ref().to_str()?.strip_prefix("--config=").map(PathBuf::from));
    joined.filter(|path| !path.as_os_str().is_empty())
}

/// Names that begin as what was typed, without regard to case.
fn matching(current: &str, names: Names) -> Names {
    let begun = identity::upcase(current);
    names.into_iter().filter(|(name, _)| identity::upcase(name).starts_with(&begun)).collect()
}

/// The object below which the last part is typed; none for the outermost.
fn above(current: &str) -> Option<String> {
    let (above, _) = current.rsplit_once('/')?;
    (!above.is_empty()).then(|| above.to_owned())
}

/// Of the objects that begin as what was typed those that lie no deeper than the next part.
fn next_level(current: &str, names: Names) -> Vec<CompletionCandidate> {
    let typed = current.chars().count();
    let near = |name: &str| {
        let rest: String = name.chars().skip(typed).collect();
        !rest.trim_start_matches('/').contains('/')
    };
    let matching = matching(current, names);
    candidates(matching.into_iter().filter(|(name, _)| near(name)).collect())
}

fn candidates(names: Names) -> Vec<CompletionCandidate> {
    let candidate = |(name, beside): (String, String)| {
        CompletionCandidate::new(name).help((!beside.is_empty()).then(|| beside.into()))
    };
    names.into_iter().take(MOST).map(candidate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(all: &[&str]) -> Names {
        all.iter().map(|name| ((*name).to_owned(), "class".to_owned())).collect()
    }

    fn shown(found: &[CompletionCandidate]) -> Vec<String> {
        found.iter().map(|one| one.get_value().to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn objects_are_completed_part_by_part() {
        let all = ["/CN=Schema", "/O=Demo", "/O=Demo/OU=HQ", "/O=Demo/OU=HQ/CN=Recipients"];
        let complete = |current| shown(&next_level(current, names(&all)));
        assert_eq!(complete(""), ["/CN=Schema", "/O=Demo"]);
        assert_eq!(complete("/o="), ["/O=Demo"]);
        assert_eq!(complete("/O=Demo"), ["/O=Demo", "/O=Demo/OU=HQ"]);
        assert_eq!(complete("/O=Demo/"), ["/O=Demo/OU=HQ"]);
        assert_eq!(complete("/O=Demo/OU=HQ/CN=R"), ["/O=Demo/OU=HQ/CN=Recipients"]);
        assert!(complete("/O=Other").is_empty());
        assert_eq!(above("/O=De"), None);
        assert_eq!(above("/O=Demo/"), Some("/O=Demo".to_owned()));
        assert_eq!(above("/O=Demo/OU=HQ/CN=R"), Some("/O=Demo/OU=HQ".to_owned()));
        let many = names(&["/O=x"; 2 * MOST]);
        assert_eq!(next_level("", many).len(), MOST);
    }

    #[test]
    fn the_configuration_is_the_one_that_was_typed() {
        let file = |words: &[&str]| named(words);
        assert_eq!(file(&["bindback", "directory", "show"]), None);
        assert_eq!(file(&["bindback", "-c", "a.toml", "show"]), Some("a.toml".into()));
        assert_eq!(file(&["bindback", "--config=b.toml"]), Some("b.toml".into()));
        assert_eq!(file(&["bindback", "-c"]), None);
        assert_eq!(file(&["bindback", "--config="]), None);
    }
}
