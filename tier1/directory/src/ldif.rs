//! LDIF, RFC 2849: content records out, content and change records in.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use identity::SecurityDescriptor;

use crate::class::Class;
use crate::error::DirectoryError;
use crate::name::Name;
use crate::object::{Object, Value};
use crate::tree::Directory;

/// Most octets of an import.
pub const MAX_LDIF: usize = 256 * 1024 * 1024;
const DESCRIPTOR: &str = "nTSecurityDescriptor";

/// The whole directory as content records, outer objects first.
///
/// # Errors
/// A descriptor is too long for its octets.
pub fn export(directory: &Directory, base: &str) -> Result<String, DirectoryError> {
    let mut out = String::from("version: 1\n");
    for object in directory.objects() {
        out.push('\n');
        line(&mut out, "dn", &object.name.to_ldap(base));
        line(&mut out, "objectClass", "top");
        line(&mut out, "objectClass", object.class.ldap());
        for (name, values) in object.attributes() {
            for value in values {
                let text = match (name, value.as_str().parse::<Name>()) {
                    // References have the shape of the directory that reads them.
                    ("homeMTA" | "member" | "fromServer", Ok(target)) => target.to_ldap(base),
                    _ => value.as_str().to_owned(),
                };
                line(&mut out, name, &text);
            }
        }
        let octets = object.descriptor.to_bytes().map_err(|error| DirectoryError::Ldif {
            line: 0,
            what: format!("{}: {error}", object.name),
        })?;
        folded(&mut out, &format!("{DESCRIPTOR}:: {}", STANDARD.encode(octets)));
    }
    Ok(out)
}

fn line(out: &mut String, name: &str, value: &str) {
    // RFC 2849, SAFE-STRING: ASCII without line ends, not beginning with a blank, colon or less-than sign.
    let safe = value.bytes().all(|c| (0x20..0x7f).contains(&c))
        && !value.starts_with([' ', ':', '<'])
        && !value.ends_with(' ');
    if safe {
        folded(out, &format!("{name}: {value}"));
    } else {
        folded(out, &format!("{name}:: {}", STANDARD.encode(value)));
    }
}

/// RFC 2849, note 2: lines are folded at 76 characters. What is folded here is ASCII.
fn folded(out: &mut String, text: &str) {
    let mut rest = text;
    let mut room = 76;
    while rest.len() > room {
        let (front, back) = rest.split_at(room);
        out.push_str(front);
        out.push_str("\n ");
        (rest, room) = (back, 75);
    }
    out.push_str(rest);
    out.push('\n');
}

/// What the directory becomes by an LDIF file; `directory` itself stays as it is.
///
/// A content record adds an object or replaces its attributes (the descriptor only where it is given); change records add, modify and delete.
///
/// # Errors
/// [`DirectoryError::Ldif`] with the line.
pub fn import(
    directory: &Directory,
    text: &str,
    base: &str,
    now_ms: i64,
) -> Result<Directory, DirectoryError> {
    if text.len() > MAX_LDIF {
        return Err(DirectoryError::Ldif {
            line: 1,
            what: format!("an import has at most {MAX_LDIF} octets"),
        });
    }
    let mut result = directory.clone();
    for record in records(text)? {
        let at = record.first().map_or(0, |one| one.line);
        let fail = |error: DirectoryError| match error {
            DirectoryError::Ldif { .. } => error,
            other => DirectoryError::Ldif { line: at, what: other.to_string() },
        };
        take(&mut result, &record, base, now_ms).map_err(fail)?;
    }
    Ok(result)
}

/// One line of a record.
struct Field {
    line: usize,
    name: String,
    value: Vec<u8>,
}

impl Field {
    fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name)
    }

    fn text(&self) -> Result<&str, DirectoryError> {
        std::str::from_utf8(&self.value).map_err(|_| self.bad("the value is not UTF-8"))
    }

    fn bad(&self, what: &str) -> DirectoryError {
        DirectoryError::Ldif { line: self.line, what: format!("{}: {what}", self.name) }
    }
}

fn records(text: &str) -> Result<Vec<Vec<Field>>, DirectoryError> {
    let mut records = Vec::new();
    let mut record: Vec<Field> = Vec::new();
    let mut lines: Vec<(usize, String)> = Vec::new();
    for (index, raw) in text.lines().enumerate() {
        match (raw.strip_prefix(' '), lines.last_mut()) {
            (Some(more), Some((_, last))) if !last.is_empty() => last.push_str(more),
            (Some(_), _) => {
                return Err(DirectoryError::Ldif {
                    line: index + 1,
                    what: "a folded line has nothing to go on from".to_owned(),
                });
            }
            (None, _) => lines.push((index + 1, raw.to_owned())),
        }
    }
    for (number, text) in lines.into_iter().filter(|(_, text)| !text.starts_with('#')) {
        if text.is_empty() {
            if !record.is_empty() {
                records.push(std::mem::take(&mut record));
            }
            continue;
        }
        let field = field(number, &text)?;
        if !(record.is_empty() && field.is("version")) {
            record.push(field);
        }
    }
    if !record.is_empty() {
        records.push(record);
    }
    Ok(records)
}

fn field(line: usize, text: &str) -> Result<Field, DirectoryError> {
    let bad = |what: &str| DirectoryError::Ldif { line, what: what.to_owned() };
    if text == "-" {
        return Ok(Field { line, name: "-".to_owned(), value: Vec::new() });
    }
    let (name, rest) = text.split_once(':').ok_or_else(|| bad("a line is written NAME: VALUE"))?;
    let value = match rest.strip_prefix(':') {
        Some(encoded) => {
            STANDARD.decode(encoded.trim()).map_err(|_| bad("the value is no base64"))?
        }
        // A URL would make the reader open files that somebody else names.
        None if rest.starts_with('<') => return Err(bad("values by URL are not read")),
        None => rest.trim_start_matches(' ').as_bytes().to_vec(),
    };
    Ok(Field { line, name: name.to_owned(), value })
}

fn take(
    directory: &mut Directory,
    record: &[Field],
    base: &str,
    now_ms: i64,
) -> Result<(), DirectoryError> {
    let [dn, rest @ ..] = record else { return Ok(()) };
    if !dn.is("dn") {
        return Err(dn.bad("a record begins with dn"));
    }
    let name = Name::parse(dn.text()?, base)?;
    match rest {
        [kind, fields @ ..] if kind.is("changetype") => match kind.text()? {
            "add" => content(directory, &name, fields, base, now_ms),
            "delete" => directory.remove(&name).map(drop),
            "modify" => modify(directory, &name, fields, base, now_ms),
            _ => Err(kind.bad("add, modify and delete are known")),
        },
        fields => content(directory, &name, fields, base, now_ms),
    }
}

fn content(
    directory: &mut Directory,
    name: &Name,
    fields: &[Field],
    base: &str,
    now_ms: i64,
) -> Result<(), DirectoryError> {
    let mut class = None;
    for field in fields.iter().filter(|field| field.is("objectClass")) {
        class = Class::find(field.text()?).or(class);
    }
    let before = directory.get(name).ok().cloned();
    let Some(class) = class.or(before.as_ref().map(|object| object.class)) else {
        let what = format!("{name}: none of its object classes is known");
        return Err(DirectoryError::Ldif {
            line: fields.first().map_or(0, |field| field.line),
            what,
        });
    };
    let mut object = Object::new(name.clone(), class, now_ms);
    if let Some(before) = &before {
        object.descriptor = before.descriptor.clone();
    }
    let plain = fields.iter().filter(|field| !field.is("objectClass"));
    let mut names: Vec<&str> = Vec::new();
    for field in plain {
        if field.is(DESCRIPTOR) {
            object.descriptor = descriptor(field)?;
        } else if !names.iter().any(|name| field.is(name)) {
            names.push(&field.name);
        }
    }
    for attribute in names {
        let values: Vec<&Field> = fields.iter().filter(|field| field.is(attribute)).collect();
        set(&mut object, attribute, &values, base)?;
    }
    match before {
        Some(before) if before.class != class => {
            let what = format!(
                "{name} is a {}, and cannot become a {}",
                before.class.as_str(),
                class.as_str()
            );
            Err(DirectoryError::Ldif { line: 0, what })
        }
        // The time of a change is not a change.
        Some(before) if object.clone().at(before.changed_ms) == before => Ok(()),
        Some(_) => {
            directory.put(object);
            Ok(())
        }
        None => directory.add(object),
    }
}

fn set(
    object: &mut Object,
    attribute: &str,
    fields: &[&Field],
    base: &str,
) -> Result<(), DirectoryError> {
    let mut values = Vec::new();
    for field in fields {
        let text = field.text()?;
        // A reference in the shape of LDAP becomes one in ours.
        let reference =
            matches!(attribute.to_ascii_lowercase().as_str(), "homemta" | "member" | "fromserver");
        values.push(if reference { Name::parse(text, base)?.to_string() } else { text.to_owned() });
    }
    object.set(attribute, &values.iter().map(String::as_str).collect::<Vec<_>>())
}

fn descriptor(field: &Field) -> Result<SecurityDescriptor, DirectoryError> {
    SecurityDescriptor::from_bytes(&field.value).map_err(|error| field.bad(&error.to_string()))
}

/// RFC 2849, `changetype: modify`: parts that end in `-`.
fn modify(
    directory: &mut Directory,
    name: &Name,
    fields: &[Field],
    base: &str,
    now_ms: i64,
) -> Result<(), DirectoryError> {
    for part in fields.split(|field| field.name == "-").filter(|part| !part.is_empty()) {
        let [verb, values @ ..] = part else { continue };
        let attribute = verb.text()?.to_owned();
        if let Some(stray) = values.iter().find(|field| !field.is(&attribute)) {
            return Err(stray.bad("another attribute than the one that is modified"));
        }
        if attribute.eq_ignore_ascii_case(DESCRIPTOR) {
            let [value] = values else {
                return Err(verb.bad("a descriptor is replaced by one value"));
            };
            let descriptor = descriptor(value)?;
            directory.change(name, now_ms, |object| {
                object.descriptor = descriptor;
                Ok(())
            })?;
            continue;
        }
        let given: Vec<&Field> = values.iter().collect();
        directory.change(name, now_ms, |object| {
            let kept = object.values(&attribute).to_vec();
            set(object, &attribute, &given, base)?;
            let fresh = object.values(&attribute).to_vec();
            let all: Vec<Value> = match verb.name.to_ascii_lowercase().as_str() {
                "replace" => return Ok(()),
                "add" => kept
                    .iter()
                    .chain(fresh.iter().filter(|one| !kept.contains(one)))
                    .cloned()
                    .collect(),
                "delete" if fresh.is_empty() => Vec::new(),
                "delete" => kept.into_iter().filter(|one| !fresh.contains(one)).collect(),
                _ => return Err(verb.bad("add, delete and replace are known")),
            };
            object.set(&attribute, &all.iter().map(Value::as_str).collect::<Vec<_>>())
        })?;
    }
    Ok(())
}
