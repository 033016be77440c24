//! Declarations against octets.

use std::collections::BTreeMap;

use crate::interface::{Declaration, Defined, Interface, Way};

/// Elements of an array, so that a lying count ends a test and not the machine.
const MOST: u64 = 1 << 22;

struct Walk<'a> {
    interface: &'a Interface,
    stub: &'a [u8],
    at: usize,
    /// Whole numbers by the name of their parameter, for `size_is` and `length_is`.
    values: BTreeMap<String, u64>,
}

/// What a pointer inside a structure points to, which stands behind it.
type Deferred<'a> = Vec<Pointee<'a>>;

struct Pointee<'a> {
    declaration: &'a Declaration,
    stars: usize,
}

impl Interface {
    /// Goes through a little-endian stub of an operation.
    ///
    /// # Errors
    /// Which parameter does not fit, and where; octets that are left are named too.
    pub fn walk(&self, opnum: u16, way: Way, stub: &[u8]) -> Result<(), String> {
        let operation = self
            .operations
            .get(usize::from(opnum))
            .ok_or_else(|| format!("{} has no operation {opnum}", self.name))?;
        let mut walk = Walk { interface: self, stub, at: 0, values: BTreeMap::new() };
        let goes = match way {
            Way::Request => "in",
            Way::Response => "out",
        };
        let named = |what: &str, error: String| format!("{}, {what}: {error}", operation.name);
        for parameter in operation.parameters.iter().filter(|one| one.has(goes)) {
            walk.parameter(parameter).map_err(|error| named(&parameter.name, error))?;
        }
        if way == Way::Response && operation.returns != "void" {
            walk.number(4).map_err(|error| named("what it returns", error))?;
        }
        match stub.len() - walk.at {
            0 => Ok(()),
            left => Err(named("the end", format!("{left} octets are left"))),
        }
    }
}

impl<'a> Walk<'a> {
    fn octets(&mut self, count: usize) -> Result<&'a [u8], String> {
        let end = self.at.checked_add(count).filter(|end| *end <= self.stub.len());
        let end = end.ok_or_else(|| {
            format!("{count} octets at {}, of {} in all", self.at, self.stub.len())
        })?;
        let octets = &self.stub[self.at..end];
        self.at = end;
        Ok(octets)
    }

    fn align(&mut self, size: usize) -> Result<(), String> {
        let gap = self.at.next_multiple_of(size.max(1)) - self.at;
        self.octets(gap).map(drop)
    }

    fn number(&mut self, size: usize) -> Result<u64, String> {
        self.align(size)?;
        let octets = self.octets(size)?;
        Ok(octets.iter().rev().fold(0, |value, octet| value << 8 | u64::from(*octet)))
    }

    /// A count, which another parameter may announce.
    fn count(&mut self, announced: Option<&str>) -> Result<u64, String> {
        let count = self.number(4)?;
        if count > MOST {
            return Err(format!("{count} elements"));
        }
        let name = announced.map(|text| text.trim_start_matches('*'));
        match name.and_then(|name| self.values.get(name)) {
            Some(value) if *value != count => {
                Err(format!("{count} elements, though {} is {value}", name.unwrap_or_default()))
            }
            _ => Ok(count),
        }
    }

    fn parameter(&mut self, declaration: &'a Declaration) -> Result<(), String> {
        if declaration.base == "handle_t" {
            return Ok(());
        }
        let mut stars = declaration.stars;
        let counted = declaration.has("string") || declaration.has("size_is");
        let by_star = counted && declaration.array.is_none();
        if declaration.has("unique") {
            if self.number(4)? == 0 {
                return Ok(());
            }
            stars = stars.saturating_sub(1);
        } else if !by_star && declaration.array.is_none() {
            // The first pointer of a parameter is a reference, which is nothing on the wire.
            stars = stars.saturating_sub(1);
        } else if by_star {
            stars = stars.saturating_sub(1);
        }
        let begin = self.at;
        let mut deferred = Vec::new();
        self.pointed(declaration, stars, &mut deferred)?;
        if let Some(size) = self.size_of(&declaration.base)
            && declaration.array.is_none()
            && !counted
        {
            let at = begin.next_multiple_of(size);
            let octets = self.stub.get(at..at + size).unwrap_or_default();
            let value = octets.iter().rev().fold(0, |value, octet| value << 8 | u64::from(*octet));
            self.values.insert(declaration.name.clone(), value);
        }
        self.defer(deferred)
    }

    fn defer(&mut self, deferred: Deferred<'a>) -> Result<(), String> {
        for Pointee { declaration, stars } in deferred {
            let mut inner = Vec::new();
            self.pointed(declaration, stars, &mut inner)?;
            self.defer(inner)?;
        }
        Ok(())
    }

    /// A value behind `stars` pointers of its own.
    fn pointed(
        &mut self,
        declaration: &'a Declaration,
        stars: usize,
        deferred: &mut Deferred<'a>,
    ) -> Result<(), String> {
        let counted = declaration.has("string") || declaration.has("size_is");
        if stars > 0 && declaration.array.is_none() {
            if self.number(4)? != 0 {
                deferred.push(Pointee { declaration, stars: stars - 1 });
            }
            return Ok(());
        }
        if !counted && declaration.array.is_none() {
            self.conformance(&declaration.base)?;
            return self.value(&declaration.base, deferred);
        }
        let conformant = !matches!(declaration.array, Some(Some(_)));
        let max = match declaration.array {
            Some(Some(size)) => size,
            _ => self.count(declaration.attribute("size_is"))?,
        };
        let varying = declaration.has("string") || declaration.has("length_is");
        let count = if varying { self.variance(declaration, max)? } else { max };
        debug_assert!(conformant || count <= max);
        self.elements(declaration, stars, count, deferred)
    }

    fn variance(&mut self, declaration: &Declaration, max: u64) -> Result<u64, String> {
        let offset = self.number(4)?;
        let count = self.count(declaration.attribute("length_is"))?;
        if offset != 0 || count > max {
            return Err(format!("{count} elements from {offset} on, of {max}"));
        }
        Ok(count)
    }

    fn elements(
        &mut self,
        declaration: &'a Declaration,
        stars: usize,
        count: u64,
        deferred: &mut Deferred<'a>,
    ) -> Result<(), String> {
        let begin = self.at;
        for _ in 0..count {
            if stars > 0 {
                if self.number(4)? != 0 {
                    deferred
                        .push(Pointee { declaration: self.plain(declaration)?, stars: stars - 1 });
                }
            } else {
                self.value(&declaration.base, deferred)?;
            }
        }
        if declaration.has("string") {
            let size = self.size_of(&declaration.base).unwrap_or(1);
            let last = self.stub[begin..self.at].rchunks(size).next();
            if last.is_none_or(|octets| octets.iter().any(|octet| *octet != 0)) {
                return Err("a string without its terminator".to_owned());
            }
        }
        Ok(())
    }

    /// What the pointers in an array point to: the structure of that name.
    fn plain(&self, declaration: &Declaration) -> Result<&'a Declaration, String> {
        match self.interface.types.get(&format!("{}_target", declaration.base)) {
            Some(Defined::Alias(target)) => Ok(target),
            _ => Err(format!(
                "there is no typedef {0} {0}_target for an array of pointers",
                declaration.base
            )),
        }
    }

    /// The maximum count of a structure that ends with a conformant array stands before it (C706 14.3.7.1).
    fn conformance(&mut self, base: &str) -> Result<(), String> {
        match self.interface.types.get(base) {
            Some(Defined::Struct(fields)) => match fields.last() {
                Some(last) if last.array == Some(None) => {
                    let max = self.count(None)?;
                    self.values.insert(format!("{base}.{}", last.name), max);
                    Ok(())
                }
                _ => Ok(()),
            },
            Some(Defined::Alias(alias)) if alias.stars == 0 => self.conformance(&alias.base),
            _ => Ok(()),
        }
    }

    fn value(&mut self, base: &str, deferred: &mut Deferred<'a>) -> Result<(), String> {
        if let Some(size) = self.size_of(base) {
            return self.number(size).map(drop);
        }
        match self.interface.types.get(base) {
            Some(Defined::ContextHandle) => {
                self.align(4)?;
                self.octets(20).map(drop)
            }
            Some(Defined::Alias(alias)) => self.value(&alias.base, deferred),
            Some(Defined::Struct(fields)) => {
                self.align(self.alignment(base))?;
                for field in fields {
                    self.field(base, field, deferred)?;
                }
                Ok(())
            }
            // A non-encapsulated union (C706 14.3.8).
            Some(Defined::Union(switch, arms)) => {
                let size = self.size_of(switch).ok_or_else(|| format!("unknown type {switch}"))?;
                let case = self.number(size)?.to_string();
                let arm = arms.iter().find(|arm| arm.attribute("case") == Some(&case));
                let arm = arm.ok_or_else(|| format!("{base} has no arm {case}"))?;
                self.field(base, arm, deferred)
            }
            None => Err(format!("unknown type {base}")),
        }
    }

    fn field(
        &mut self,
        base: &str,
        field: &'a Declaration,
        deferred: &mut Deferred<'a>,
    ) -> Result<(), String> {
        match field.array {
            Some(Some(size)) if field.has("string") => {
                let count = self.variance(field, size)?;
                self.elements(field, field.stars, count, deferred)
            }
            Some(Some(size)) => self.elements(field, field.stars, size, deferred),
            Some(None) => {
                let max = self.values.get(&format!("{base}.{}", field.name)).copied();
                let max = max.ok_or("a conformant array without its count")?;
                self.elements(field, field.stars, max, deferred)
            }
            None if field.stars > 0 => self.pointed(field, field.stars, deferred),
            None => self.value(&field.base, deferred),
        }
    }

    fn alignment(&self, base: &str) -> usize {
        if let Some(size) = self.size_of(base) {
            return size;
        }
        match self.interface.types.get(base) {
            Some(Defined::Struct(fields)) => {
                let of = |field: &Declaration| match field.stars {
                    0 if field.has("string") => 4,
                    0 => self.alignment(&field.base),
                    _ => 4,
                };
                fields.iter().map(of).max().unwrap_or(1)
            }
            Some(Defined::Alias(alias)) => self.alignment(&alias.base),
            _ => 4,
        }
    }

    fn size_of(&self, base: &str) -> Option<usize> {
        Some(match base {
            "char" | "unsigned char" | "byte" | "boolean" | "small" | "unsigned small" => 1,
            "short" | "unsigned short" | "wchar_t" => 2,
            "long" | "unsigned long" | "error_status_t" | "boolean32" => 4,
            "hyper" | "unsigned hyper" => 8,
            _ => return None,
        })
    }
}
