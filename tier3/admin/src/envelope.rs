//! The one place where `"schema":"bindback.<name>/1"` is put on an answer and looked for.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The version of every shape so far; a shape is extended by adding, never changed under the same version.
const VERSION: u32 = 1;

/// An answer with a published shape.
pub trait Shape {
    /// The middle of its schema: `queue-list` for `bindback.queue-list/1`.
    const NAME: &'static str;
}

/// An answer with its schema in front.
#[derive(Serialize)]
struct Enveloped<'a, T> {
    schema: String,
    #[serde(flatten)]
    body: &'a T,
}

/// The answer as one line of JSON, with its schema.
///
/// # Errors
/// A value that JSON cannot express; none of [`crate::api`] has one.
pub fn enveloped<T: Shape + Serialize>(body: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Enveloped { schema: schema(T::NAME), body })
}

/// The same under another name: for an answer that several commands have in common.
///
/// # Errors
/// As [`enveloped`].
pub fn enveloped_as<T: Serialize>(name: &str, body: &T) -> Result<String, serde_json::Error> {
    serde_json::to_string(&Enveloped { schema: schema(name), body })
}

/// Why a text is not the answer that was expected.
#[derive(Debug, thiserror::Error)]
pub enum WrongSchema {
    #[error("the answer is no JSON of the expected shape")]
    Malformed(#[source] serde_json::Error),
    #[error(
        "the answer is {found:?} where {expected} was expected; use a client and a server of the same version"
    )]
    Other { expected: String, found: Option<String> },
}

/// Reads an answer and checks its schema.
///
/// # Errors
/// No JSON, another schema, or a field that is missing or of another type.
pub fn opened<T: Shape + DeserializeOwned>(text: &[u8]) -> Result<T, WrongSchema> {
    let value: Value = serde_json::from_slice(text).map_err(WrongSchema::Malformed)?;
    let found = value.get("schema").and_then(Value::as_str);
    let expected = schema(T::NAME);
    if found != Some(expected.as_str()) {
        return Err(WrongSchema::Other { expected, found: found.map(str::to_owned) });
    }
    serde_json::from_value(value).map_err(WrongSchema::Malformed)
}

fn schema(name: &str) -> String {
    format!("bindback.{name}/{VERSION}")
}
