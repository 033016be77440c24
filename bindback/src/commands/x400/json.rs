//! The answer as JSON; its shape is that of `x400 decode` in the list of interfaces.

use admin::Shape;
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};
use x400::describe::{Fault, Node, Value};

use super::{Connection, Decoded};

#[derive(Serialize)]
pub(super) struct Answer<'a> {
    apdus: Vec<Apdu<'a>>,
    /// Of the file around the APDUs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Apdu<'a> {
    kind: &'static str,
    offset: usize,
    length: usize,
    /// Place in the list of the message or report whose content this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    content_of: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<&'a Connection>,
    fields: Shown<'a>,
    errors: Vec<Told<'a>>,
}

#[derive(Serialize)]
struct Told<'a> {
    offset: usize,
    what: &'a str,
}

/// A node, with the passwords in it or without.
struct Shown<'a> {
    node: &'a Node,
    passwords: bool,
}

impl Shape for Answer<'_> {
    const NAME: &'static str = "x400-decode";
}

impl<'a> Answer<'a> {
    pub(super) fn new(decoded: &'a Decoded, passwords: bool) -> Self {
        let apdus = decoded.apdus.iter().map(|apdu| {
            let described = &apdu.described;
            Apdu {
                kind: described.kind.name(),
                offset: described.offset,
                length: described.length,
                content_of: described.content_of,
                connection: apdu.connection.as_ref(),
                fields: Shown { node: &described.fields, passwords },
                errors: told(&described.faults),
            }
        });
        Self { apdus: apdus.collect(), errors: told(&decoded.faults) }
    }
}

fn told(faults: &[Fault]) -> Vec<Told<'_>> {
    faults.iter().map(|fault| Told { offset: fault.offset, what: &fault.what }).collect()
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let hex = wire::to_hex;
        match &self.node.value {
            Value::Null => out.serialize_unit(),
            Value::Boolean(value) => out.serialize_bool(*value),
            Value::Integer(value) => out.serialize_i64(*value),
            Value::Text(text) | Value::ObjectIdentifier(text) => out.serialize_str(text),
            Value::Octets(octets) => out.serialize_str(&hex(octets)),
            Value::Secret(octets) if self.passwords => {
                out.serialize_str(&String::from_utf8_lossy(octets))
            }
            Value::Secret(octets) => {
                let mut map = out.serialize_map(Some(1))?;
                map.serialize_entry("hidden", &octets.len())?;
                map.end()
            }
            Value::Time { time, raw } => {
                let mut map = out.serialize_map(Some(2))?;
                map.serialize_entry("time", &time.map(|time| time.to_string()))?;
                map.serialize_entry("raw", raw)?;
                map.end()
            }
            Value::Enumerated { name, value } => {
                let mut map = out.serialize_map(Some(2))?;
                map.serialize_entry("name", name)?;
                map.serialize_entry("value", value)?;
                map.end()
            }
            Value::Bits { set, octets, unused } => {
                let mut map = out.serialize_map(Some(3))?;
                map.serialize_entry("bits", set)?;
                map.serialize_entry("hex", &hex(octets))?;
                map.serialize_entry("unused", unused)?;
                map.end()
            }
            Value::Unknown { tag, octets } => {
                let mut map = out.serialize_map(Some(2))?;
                map.serialize_entry("tag", tag)?;
                map.serialize_entry("hex", &hex(octets))?;
                map.end()
            }
            Value::Object(members) => {
                let mut map = out.serialize_map(Some(members.len()))?;
                for member in members {
                    map.serialize_entry(member.name, &self.inner(&member.node))?;
                }
                map.end()
            }
            Value::List(nodes) => {
                let mut list = out.serialize_seq(Some(nodes.len()))?;
                for node in nodes {
                    list.serialize_element(&self.inner(node))?;
                }
                list.end()
            }
        }
    }
}

impl<'a> Shown<'a> {
    fn inner(&self, node: &'a Node) -> Self {
        Self { node, passwords: self.passwords }
    }
}
