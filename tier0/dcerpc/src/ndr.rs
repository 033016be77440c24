//! Network Data Representation 2.0, C706 chapter 14.
//!
//! A [`NdrReader`] and a [`NdrWriter`] for the stub of one call: every primitive is aligned
//! to its size, counted from the start of the stub (14.2.2). What a peer announces as a size
//! is compared with the octets that are there before anything is allocated.
//!
//! Left out: floating point, multidimensional arrays, pipes, and full pointers that alias.

use wire::{DecodeError, Reader, Writer};

use crate::uuid::Uuid;

/// Referent identifiers given to pointers that are not null: any value but zero will do, this
/// is where widely used implementations begin.
const FIRST_REFERENT: u32 = 0x0002_0000;

/// The first referent identifier of results: above all that a request of a widely used client has.
const FIRST_RESULT_REFERENT: u32 = 0x0102_0000;

/// The byte order of integers, C706 14.2.5, format label octet 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ByteOrder {
    /// Least significant octet first; what this crate always sends.
    #[default]
    Little,
    /// Most significant octet first.
    Big,
}

impl ByteOrder {
    pub(crate) fn u16(
        self,
        reader: &mut Reader<'_>,
        field: &'static str,
    ) -> Result<u16, DecodeError> {
        match self {
            Self::Little => reader.u16_le(field),
            Self::Big => reader.u16_be(field),
        }
    }

    pub(crate) fn u32(
        self,
        reader: &mut Reader<'_>,
        field: &'static str,
    ) -> Result<u32, DecodeError> {
        match self {
            Self::Little => reader.u32_le(field),
            Self::Big => reader.u32_be(field),
        }
    }

    pub(crate) fn put_u16(self, writer: &mut Writer, value: u16) {
        match self {
            Self::Little => writer.u16_le(value),
            Self::Big => writer.u16_be(value),
        }
    }

    pub(crate) fn put_u32(self, writer: &mut Writer, value: u32) {
        match self {
            Self::Little => writer.u32_le(value),
            Self::Big => writer.u32_be(value),
        }
    }
}

/// A context handle, C706 14.2.10 and appendix N `ndr_context_handle`: attributes and a UUID
/// that mean something only to the server that gave it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ContextHandle {
    /// Attributes; zero so far everywhere.
    pub attributes: u32,
    /// The identity; nil in a null handle.
    pub uuid: Uuid,
}

impl ContextHandle {
    /// The null handle.
    pub const NULL: Self = Self { attributes: 0, uuid: Uuid::NIL };

    /// True for the null handle.
    #[must_use]
    pub fn is_null(&self) -> bool {
        *self == Self::NULL
    }
}

/// Reads the parameters of one stub.
#[derive(Debug, Clone)]
pub struct NdrReader<'a> {
    what: &'static str,
    reader: Reader<'a>,
    order: ByteOrder,
}

impl<'a> NdrReader<'a> {
    /// Reads `stub` as a `what`.
    #[must_use]
    pub fn new(what: &'static str, stub: &'a [u8], order: ByteOrder) -> Self {
        Self { what, reader: Reader::new(what, stub), order }
    }

    /// Passes over the gap before a value that begins at a multiple of `alignment` octets.
    ///
    /// # Errors
    /// The stub ends before.
    pub fn align(&mut self, alignment: usize) -> Result<(), DecodeError> {
        let position = self.reader.position();
        self.reader.skip("alignment gap", position.next_multiple_of(alignment.max(1)) - position)
    }

    /// Reads one octet.
    ///
    /// # Errors
    /// The stub ends before.
    pub fn u8(&mut self, field: &'static str) -> Result<u8, DecodeError> {
        self.reader.u8(field)
    }

    /// Reads a 16-bit integer, or an enumeration (C706 14.2.7).
    ///
    /// # Errors
    /// The stub ends before.
    pub fn u16(&mut self, field: &'static str) -> Result<u16, DecodeError> {
        self.align(2)?;
        self.order.u16(&mut self.reader, field)
    }

    /// Reads a 32-bit integer.
    ///
    /// # Errors
    /// The stub ends before.
    pub fn u32(&mut self, field: &'static str) -> Result<u32, DecodeError> {
        self.align(4)?;
        self.order.u32(&mut self.reader, field)
    }

    /// Reads a 64-bit integer.
    ///
    /// # Errors
    /// The stub ends before.
    pub fn u64(&mut self, field: &'static str) -> Result<u64, DecodeError> {
        self.align(8)?;
        match self.order {
            ByteOrder::Little => self.reader.u64_le(field),
            ByteOrder::Big => self.reader.u64_be(field),
        }
    }

    /// Reads a boolean octet, C706 14.2.4: zero is false, anything else true.
    ///
    /// # Errors
    /// The stub ends before.
    pub fn boolean(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        Ok(self.u8(field)? != 0)
    }

    /// Takes `count` octets as they are: a fixed array of octets, C706 14.3.2.
    ///
    /// # Errors
    /// The stub ends before.
    pub fn octets(&mut self, field: &'static str, count: usize) -> Result<&'a [u8], DecodeError> {
        self.reader.bytes(field, count)
    }

    /// Reads a UUID.
    ///
    /// # Errors
    /// The stub ends before.
    pub fn uuid(&mut self, field: &'static str) -> Result<Uuid, DecodeError> {
        self.align(4)?;
        Ok(Uuid::from_wire(self.reader.array(field)?, self.order))
    }

    /// Reads a context handle.
    ///
    /// # Errors
    /// The stub ends before.
    pub fn context_handle(&mut self, field: &'static str) -> Result<ContextHandle, DecodeError> {
        Ok(ContextHandle { attributes: self.u32(field)?, uuid: self.uuid(field)? })
    }

    /// Reads the referent identifier of a unique or full pointer, C706 14.3.10: true when it
    /// points to something, which follows here for a parameter and later inside a structure.
    ///
    /// # Errors
    /// The stub ends before.
    pub fn pointer(&mut self, field: &'static str) -> Result<bool, DecodeError> {
        Ok(self.u32(field)? != 0)
    }

    /// Reads the maximum count of a conformant array, C706 14.3.3.2.
    ///
    /// # Errors
    /// The stub ends before, or the count is over `limit` elements.
    pub fn max_count(&mut self, field: &'static str, limit: usize) -> Result<usize, DecodeError> {
        let offset = self.reader.offset();
        let count = usize::try_from(self.u32(field)?).unwrap_or(usize::MAX);
        if count > limit {
            return Err(DecodeError::limit(self.what, field, offset, limit));
        }
        Ok(count)
    }

    /// Reads offset and actual count of a varying array, C706 14.3.3.3; gives the actual count.
    ///
    /// # Errors
    /// The stub ends before, the offset is not zero, or the count is over `max_count`.
    pub fn actual_count(
        &mut self,
        field: &'static str,
        max_count: usize,
    ) -> Result<usize, DecodeError> {
        if self.u32(field)? != 0 {
            return Err(self
                .reader
                .invalid(field, "a varying array that begins past its first element"));
        }
        let count = usize::try_from(self.u32(field)?).unwrap_or(usize::MAX);
        if count > max_count {
            return Err(self.reader.invalid(field, "more elements than the array holds"));
        }
        Ok(count)
    }

    /// Reads a conformant array of octets, C706 14.3.3.2.
    ///
    /// # Errors
    /// The stub ends before, or there are more than `limit` octets.
    pub fn conformant_octets(
        &mut self,
        field: &'static str,
        limit: usize,
    ) -> Result<&'a [u8], DecodeError> {
        let count = self.max_count(field, limit)?;
        self.octets(field, count)
    }

    /// Reads a conformant varying array of octets, C706 14.3.3.4.
    ///
    /// # Errors
    /// The stub ends before, or there are more than `limit` octets.
    pub fn conformant_varying_octets(
        &mut self,
        field: &'static str,
        limit: usize,
    ) -> Result<&'a [u8], DecodeError> {
        let max_count = self.max_count(field, limit)?;
        let count = self.actual_count(field, max_count)?;
        self.octets(field, count)
    }

    /// Reads a conformant varying string of 8-bit characters with its terminator, C706 14.3.4.
    ///
    /// # Errors
    /// The stub ends before, more than `limit` characters, no terminator, or not UTF-8.
    pub fn string8(&mut self, field: &'static str, limit: usize) -> Result<String, DecodeError> {
        let octets = self.conformant_varying_octets(field, limit)?;
        let Some((0, text)) = octets.split_last() else {
            return Err(self.reader.invalid(field, "a string without its terminator"));
        };
        if text.contains(&0) {
            return Err(self.reader.invalid(field, "a terminator inside a string"));
        }
        String::from_utf8(text.to_vec())
            .map_err(|_| self.reader.invalid(field, "characters that are not UTF-8"))
    }

    /// Reads a conformant varying string of 16-bit characters with its terminator, C706 14.3.4.
    ///
    /// # Errors
    /// The stub ends before, more than `limit` characters, no terminator, or not UTF-16.
    pub fn string16(&mut self, field: &'static str, limit: usize) -> Result<String, DecodeError> {
        let max_count = self.max_count(field, limit)?;
        let count = self.actual_count(field, max_count)?;
        let octets = self.octets(field, count.saturating_mul(2))?;
        let mut units: Vec<u16> = octets
            .as_chunks::<2>()
            .0
            .iter()
            .map(|pair| match self.order {
                ByteOrder::Little => u16::from_le_bytes(*pair),
                ByteOrder::Big => u16::from_be_bytes(*pair),
            })
            .collect();
        if units.pop() != Some(0) {
            return Err(self.reader.invalid(field, "a string without its terminator"));
        }
        if units.contains(&0) {
            return Err(self.reader.invalid(field, "a terminator inside a string"));
        }
        String::from_utf16(&units)
            .map_err(|_| self.reader.invalid(field, "characters that are not UTF-16"))
    }

    /// The octets left; a stub may carry padding or a verification trailer (MS-RPCE 2.2.2.13)
    /// after its parameters, so they are no error.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.reader.rest()
    }

    /// An error about the value at the current offset.
    #[must_use]
    pub fn invalid(&self, field: &'static str, detail: &'static str) -> DecodeError {
        self.reader.invalid(field, detail)
    }
}

/// Writes the parameters of one stub.
#[derive(Debug, Clone)]
pub struct NdrWriter {
    writer: Writer,
    order: ByteOrder,
    next_referent: u32,
}

impl Default for NdrWriter {
    fn default() -> Self {
        Self::new()
    }
}

impl NdrWriter {
    /// An empty stub, least significant octet first, as associations of this crate send it.
    #[must_use]
    pub fn new() -> Self {
        Self::with_order(ByteOrder::Little)
    }

    /// An empty stub in either byte order.
    #[must_use]
    pub fn with_order(order: ByteOrder) -> Self {
        Self { writer: Writer::new(), order, next_referent: FIRST_REFERENT }
    }

    /// A writer for the results of a call whose parameters held full pointers.
    ///
    /// A full pointer's identifier names one thing in the whole call, C706 14.3.12.1: a result
    /// that used an identifier of the request again would point at what the request sent.
    #[must_use]
    pub fn for_results(order: ByteOrder) -> Self {
        Self { writer: Writer::new(), order, next_referent: FIRST_RESULT_REFERENT }
    }

    /// Writes zeros up to a multiple of `alignment` octets.
    pub fn align(&mut self, alignment: usize) {
        self.writer.align(alignment.max(1), 0);
    }

    /// Writes one octet.
    pub fn u8(&mut self, value: u8) {
        self.writer.u8(value);
    }

    /// Writes a 16-bit integer, or an enumeration.
    pub fn u16(&mut self, value: u16) {
        self.align(2);
        self.order.put_u16(&mut self.writer, value);
    }

    /// Writes a 32-bit integer.
    pub fn u32(&mut self, value: u32) {
        self.align(4);
        self.order.put_u32(&mut self.writer, value);
    }

    /// Writes a 64-bit integer.
    pub fn u64(&mut self, value: u64) {
        self.align(8);
        match self.order {
            ByteOrder::Little => self.writer.u64_le(value),
            ByteOrder::Big => self.writer.u64_be(value),
        }
    }

    /// Writes a boolean octet.
    pub fn boolean(&mut self, value: bool) {
        self.u8(u8::from(value));
    }

    /// Writes octets as they are.
    pub fn octets(&mut self, octets: &[u8]) {
        self.writer.bytes(octets);
    }

    /// Writes a UUID.
    pub fn uuid(&mut self, value: Uuid) {
        self.align(4);
        self.writer.bytes(&value.to_wire(self.order));
    }

    /// Writes a context handle.
    pub fn context_handle(&mut self, value: &ContextHandle) {
        self.u32(value.attributes);
        self.uuid(value.uuid);
    }

    /// Writes the referent identifier of a pointer: a fresh one, or zero for a null pointer.
    pub fn pointer(&mut self, points: bool) {
        if points {
            self.u32(self.next_referent);
            self.next_referent = self.next_referent.wrapping_add(4);
        } else {
            self.u32(0);
        }
    }

    /// Writes a count of elements. More than 2^32 - 1 saturate; no stub is that long.
    pub fn count(&mut self, count: usize) {
        self.u32(u32::try_from(count).unwrap_or(u32::MAX));
    }

    /// Writes offset zero and the actual count of a varying array.
    pub fn actual_count(&mut self, count: usize) {
        self.u32(0);
        self.count(count);
    }

    /// Writes a conformant array of octets.
    pub fn conformant_octets(&mut self, octets: &[u8]) {
        self.count(octets.len());
        self.octets(octets);
    }

    /// Writes a conformant varying array of octets.
    pub fn conformant_varying_octets(&mut self, octets: &[u8]) {
        self.count(octets.len());
        self.actual_count(octets.len());
        self.octets(octets);
    }

    /// Writes a conformant varying string of 8-bit characters and its terminator.
    pub fn string8(&mut self, text: &str) {
        self.count(text.len() + 1);
        self.actual_count(text.len() + 1);
        self.octets(text.as_bytes());
        self.u8(0);
    }

    /// Writes a conformant varying string of 16-bit characters and its terminator.
    pub fn string16(&mut self, text: &str) {
        let length = text.encode_utf16().count() + 1;
        self.count(length);
        self.actual_count(length);
        for unit in text.encode_utf16() {
            self.u16(unit);
        }
        self.u16(0);
    }

    /// Octets written so far.
    #[must_use]
    pub fn len(&self) -> usize {
        self.writer.len()
    }

    /// True when nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writer.is_empty()
    }

    /// The stub.
    #[must_use]
    pub fn into_vec(self) -> Vec<u8> {
        self.writer.into_vec()
    }
}
