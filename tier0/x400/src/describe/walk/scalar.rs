//! Values that hold no other.

use ber::{BitString, Element, Tag};
use jiff::Timestamp;
use wire::DecodeError;

use super::super::schema::{Names, Type};
use super::super::value::Value;
use super::{Step, Walk};
use crate::teletex::from_teletex;
use crate::utc_time::{REFERENCE_YEAR, parse_utc_time};

/// Octets that an integer may have to be shown as a number.
const INTEGER_OCTETS: usize = 8;

impl Walk<'_> {
    pub(super) fn scalar(&mut self, of: &Type, step: &Step<'_>) -> Result<Value, DecodeError> {
        let element = &step.element;
        if step.cut && !matches!(of, Type::Text(_) | Type::Octets | Type::Secret(_)) {
            // Half a number is another number.
            return Err(element.invalid("value", "cut short"));
        }
        Ok(match of {
            Type::Null => element.null("null").map(|()| Value::Null)?,
            Type::Boolean => Value::Boolean(element.boolean("boolean")?),
            Type::Integer if element.contents().len() > INTEGER_OCTETS => {
                Value::Octets(element.octets("integer")?.into_owned())
            }
            Type::Integer => Value::Integer(element.integer("integer")?),
            Type::Number(names) | Type::Enumerated(names) => self.enumerated(element, *names)?,
            Type::Bits(names) => bits(&element.bits("bit string")?, |at| names.get(at).copied()),
            Type::SparseBits(names) => bits(&element.bits("bit string")?, |at| {
                names.iter().find(|(number, _)| *number == at).map(|(_, name)| *name)
            }),
            Type::ObjectIdentifier => {
                Value::ObjectIdentifier(element.oid("object identifier")?.to_string())
            }
            Type::Text(tag) => Value::Text(text(element, *tag)?),
            Type::Secret(_) => Value::Secret(element.octets("password")?.into_owned()),
            Type::UtcTime => self.time(element, |raw| parse_utc_time(raw, REFERENCE_YEAR))?,
            Type::GeneralizedTime => self.time(element, generalized)?,
            // The rest holds other values and does not come here.
            _ => Value::Octets(element.octets("octets")?.into_owned()),
        })
    }

    fn enumerated(&mut self, element: &Element<'_>, names: Names) -> Result<Value, DecodeError> {
        // One product writes the type of an extension with an explicit tag, as drafts had it.
        let inner = if element.constructed { element.inner("number").ok() } else { None };
        let value = inner.unwrap_or(*element).integer("number")?;
        if inner.is_some() {
            self.fault(element.offset, "an explicit tag where the standard has an implicit one");
        }
        Ok(Value::Enumerated { name: names.name(value), value })
    }

    fn time(
        &mut self,
        element: &Element<'_>,
        parse: impl FnOnce(&str) -> Option<Timestamp>,
    ) -> Result<Value, DecodeError> {
        let raw = element.text("time")?;
        let time = parse(&raw);
        if time.is_none() {
            self.fault(element.offset, "not a time");
        }
        Ok(Value::Time { time, raw })
    }
}

fn bits(value: &BitString, name: impl Fn(usize) -> Option<&'static str>) -> Value {
    let set = (0..value.bytes.len() * 8)
        .filter(|at| value.bit(*at))
        .map(|at| name(at).map_or_else(|| format!("bit-{at}"), str::to_owned))
        .collect();
    Value::Bits { set, octets: value.bytes.clone(), unused: value.unused }
}

fn text(element: &Element<'_>, tag: Tag) -> Result<String, DecodeError> {
    let wide = |octets: &[u8]| {
        let value = octets.iter().fold(0, |value, octet| value << 8 | u32::from(*octet));
        char::from_u32(value).unwrap_or(char::REPLACEMENT_CHARACTER)
    };
    match tag {
        Tag::BMP_STRING => {
            let octets = element.octets("BMPString")?;
            Ok(octets.chunks(2).map(wide).collect())
        }
        Tag::UNIVERSAL_STRING => {
            let octets = element.octets("UniversalString")?;
            Ok(octets.chunks(4).map(wide).collect())
        }
        Tag::T61_STRING => Ok(from_teletex(&element.octets("string")?)),
        _ => element.text("string"),
    }
}

/// GeneralizedTime with four digits of the year, X.680 clause 46; a fraction is passed over.
fn generalized(raw: &str) -> Option<Timestamp> {
    let year = raw.get(..4)?.parse().ok()?;
    let rest = raw.get(2..)?;
    let whole = match rest.split_once(['.', ',']) {
        Some((whole, fraction)) => {
            let zone = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{whole}{zone}")
        }
        None => rest.to_owned(),
    };
    parse_utc_time(&whole, year)
}
