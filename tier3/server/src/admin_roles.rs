//! Who may do what with this server over its administrative socket: a file names users and groups of the machine.
//!
//! Root and the server's own user have every role, since they own the store and its key. Nobody else has one unless the file says
//! so. A neighbour that shows the token of the HTTP interface may look. A file that cannot be read gives nobody anything.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use admin::{AdminRole, Caller};
use serde::Deserialize;

/// The file, read again when it changes.
#[derive(Debug, Default)]
pub struct AdminRoles {
    read: Mutex<Read>,
}

#[derive(Debug, Default)]
struct Read {
    path: Option<PathBuf>,
    stamp: Option<(SystemTime, u64)>,
    administrators: Vec<Administrator>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Administrator {
    /// A name or a number.
    user: Option<String>,
    group: Option<String>,
    role: AdminRole,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default)]
    administrator: Vec<Administrator>,
}

/// A user of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
struct User {
    number: u32,
    name: Option<String>,
    /// Names and numbers of its groups.
    groups: Vec<String>,
}

impl AdminRoles {
    /// The file of the configuration, if it names one.
    #[must_use]
    pub fn new(path: Option<PathBuf>) -> Self {
        Self { read: Mutex::new(Read { path, ..Read::default() }) }
    }

    /// Goes by another file, or by none, from now on.
    pub fn set_file(&self, path: Option<PathBuf>) {
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) =
            Read { path, ..Read::default() };
    }

    /// The greatest role of a caller.
    #[must_use]
    pub fn role(&self, caller: &Caller) -> Option<AdminRole> {
        if caller.is_neighbour {
            return Some(AdminRole::ViewOnlyAdmin);
        }
        let number = caller.user?;
        if number == 0 || Some(number) == own_user() {
            return Some(AdminRole::ServiceAccountAdmin);
        }
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        let path = read.path.clone()?;
        read.refresh(&path);
        let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
        let user = User::find(number, caller.group, &text("/etc/passwd"), &text("/etc/group"));
        role_of(&read.administrators, &user)
    }
}

/// The user that this process runs as: the owner of its own folder in /proc.
pub(crate) fn own_user() -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").ok().map(|found| found.uid())
}

fn role_of(administrators: &[Administrator], user: &User) -> Option<AdminRole> {
    let is = |one: &Administrator| {
        let by_user = one.user.as_ref().is_some_and(|name| {
            *name == user.number.to_string() || user.name.as_ref() == Some(name)
        });
        by_user || one.group.as_ref().is_some_and(|name| user.groups.contains(name))
    };
    administrators.iter().filter(|one| is(one)).map(|one| one.role).max()
}

impl User {
    /// Looks a user up in the texts of passwd(5) and group(5).
    fn find(number: u32, group: Option<u32>, passwd: &str, groups: &str) -> Self {
        let rows = |text: &str| -> Vec<Vec<String>> {
            text.lines().map(|line| line.split(':').map(str::to_owned).collect()).collect()
        };
        let of_number = number.to_string();
        let name = rows(passwd).into_iter().find_map(|row| {
            let [name, _, found, ..] = row.as_slice() else { return None };
            (*found == of_number).then(|| name.clone())
        });
        let mut all: Vec<String> = group.iter().map(ToString::to_string).collect();
        for row in rows(groups) {
            let [group_name, _, found, members, ..] = row.as_slice() else { continue };
            let first = group.is_some_and(|group| group.to_string() == *found);
            let member =
                name.as_ref().is_some_and(|name| members.split(',').any(|one| one == name));
            if first || member {
                all.extend([group_name.clone(), found.clone()]);
            }
        }
        Self { number, name, groups: all }
    }
}

impl Read {
    fn refresh(&mut self, path: &Path) {
        let stamp =
            std::fs::metadata(path).and_then(|found| Ok((found.modified()?, found.len()))).ok();
        if stamp.is_some() && stamp == self.stamp {
            return;
        }
        self.stamp = stamp;
        let parsed = std::fs::read_to_string(path).map_err(|error| error.to_string());
        let parsed = parsed.and_then(|text| parse(&text));
        self.administrators = parsed.unwrap_or_else(|error| {
            eprintln!("{}: {error}; nobody has a role by it", path.display());
            Vec::new()
        });
    }
}

fn parse(text: &str) -> Result<Vec<Administrator>, String> {
    let document: Document = toml::from_str(text).map_err(|error| error.to_string())?;
    let nobody = |one: &&Administrator| one.user.is_some() == one.group.is_some();
    if let Some(one) = document.administrator.iter().find(nobody) {
        return Err(format!("an entry with the role {} has not one of user and group", one.role));
    }
    Ok(document.administrator)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nanna:x:1001:100::/home/anna:/bin/sh\n";
    const GROUPS: &str = "users:x:100:\nmail-operators:x:200:bert,anna\nother:x:300:annabel\n";

    fn caller(user: Option<u32>, is_neighbour: bool) -> Caller {
        Caller { who: "somebody".to_owned(), user, group: None, is_neighbour }
    }

    #[test]
    fn a_user_is_found_with_its_groups() {
        let anna = User::find(1001, Some(100), PASSWD, GROUPS);
        assert_eq!(anna.name.as_deref(), Some("anna"));
        assert_eq!(anna.groups, ["100", "users", "100", "mail-operators", "200"]);
        let nobody = User::find(7, None, PASSWD, GROUPS);
        assert_eq!(nobody, User { number: 7, name: None, groups: Vec::new() });
        let role = |text: &str| role_of(&parse(text).unwrap(), &anna);
        let entry = |who: &str, role: &str| format!("[[administrator]]\n{who}\nrole = '{role}'\n");
        assert_eq!(role(""), None);
        assert_eq!(role(&entry("user = 'bert'", "admin")), None);
        assert_eq!(role(&entry("group = 'other'", "admin")), None);
        assert_eq!(role(&entry("user = '1001'", "admin")), Some(AdminRole::Admin));
        let two = entry("user = 'anna'", "view-only-admin")
            + &entry("group = 'mail-operators'", "permissions-admin");
        assert_eq!(role(&two), Some(AdminRole::PermissionsAdmin), "the greatest counts");
        for bad in [
            entry("user = 'anna'", "king"),
            "[[administrator]]\nrole = 'admin'\n".to_owned(),
            entry("user = 'a'\ngroup = 'b'", "admin"),
        ] {
            assert!(parse(&bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn without_a_word_of_the_file_only_owners_have_a_role() {
        let roles = AdminRoles::new(None);
        assert_eq!(roles.role(&caller(Some(0), false)), Some(AdminRole::ServiceAccountAdmin));
        assert_eq!(roles.role(&caller(own_user(), false)), Some(AdminRole::ServiceAccountAdmin));
        assert_eq!(roles.role(&caller(Some(4_000_000), false)), None);
        assert_eq!(roles.role(&caller(None, false)), None);
        assert_eq!(roles.role(&caller(None, true)), Some(AdminRole::ViewOnlyAdmin));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roles.toml");
        let roles = AdminRoles::new(Some(path.clone()));
        let stranger = caller(Some(4_000_000), false);
        assert_eq!(roles.role(&stranger), None, "named and not there");
        let text = "[[administrator]]\nuser = '4000000'\nrole = 'admin'\n";
        std::fs::write(&path, text).unwrap();
        assert_eq!(roles.role(&stranger), Some(AdminRole::Admin));
        std::fs::write(&path, format!("{text}?")).unwrap();
        assert_eq!(roles.role(&stranger), None, "a broken one gives nobody anything");
        let other = folder.path().join("other.toml");
        std::fs::write(&other, text).unwrap();
        roles.set_file(Some(other));
        assert_eq!(roles.role(&stranger), Some(AdminRole::Admin));
        roles.set_file(None);
        assert_eq!(roles.role(&stranger), None);
    }
}
