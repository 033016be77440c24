//! The tolerant decoder, X.690 clause 8.

use wire::{DecodeError, Reader};

use crate::Tag;

/// How deep constructed encodings may nest; P1 with a forwarded message stays below 40.
const MAX_DEPTH: usize = 128;

/// One decoded data value: tag, contents, and the octets that it came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element<'a> {
    pub tag: Tag,
    /// True for the constructed form.
    pub constructed: bool,
    /// Offset of the identifier octet in the whole input.
    pub offset: usize,
    /// The whole encoding: identifier, length, contents and end-of-contents.
    pub raw: &'a [u8],
    pub(crate) what: &'static str,
    contents: &'a [u8],
    contents_offset: usize,
}

/// Decodes exactly one data value; nothing may follow it.
///
/// # Errors
/// The octets are not one well-formed encoding.
pub fn decode_one<'a>(what: &'static str, bytes: &'a [u8]) -> Result<Element<'a>, DecodeError> {
    let (element, used) = decode_prefix(what, bytes)?;
    match bytes.len() - used {
        0 => Ok(element),
        count => Err(DecodeError::trailing(what, "end", used, count)),
    }
}

/// Decodes the data value at the start of `bytes` and tells how many octets it took.
///
/// # Errors
/// The octets do not begin with one well-formed encoding.
pub fn decode_prefix<'a>(
    what: &'static str,
    bytes: &'a [u8],
) -> Result<(Element<'a>, usize), DecodeError> {
    let element = read_element(what, bytes, 0, 0)?;
    Ok((element, element.raw.len()))
}

/// A data value as far as its octets go, and the fault that cut it short.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partial<'a> {
    /// Its contents are what is there, when there is a fault.
    pub element: Element<'a>,
    pub fault: Option<DecodeError>,
}

/// Decodes the data value at the start of `bytes` even when it ends too early; what is left of
/// such a value is all taken as its contents.
///
/// For those who show broken octets to a person; whoever acts on a value uses
/// [`decode_prefix`].
///
/// # Errors
/// The octets do not begin with identifier and length.
pub fn decode_partial<'a>(what: &'static str, bytes: &'a [u8]) -> Result<Partial<'a>, DecodeError> {
    read_partial(what, bytes, 0)
}

fn read_partial<'a>(
    what: &'static str,
    bytes: &'a [u8],
    base: usize,
) -> Result<Partial<'a>, DecodeError> {
    let fault = match read_element(what, bytes, base, 0) {
        Ok(element) => return Ok(Partial { element, fault: None }),
        Err(fault) => fault,
    };
    let mut reader = Reader::with_offset(what, bytes, base);
    let (tag, constructed) = Tag::read(&mut reader)?;
    if read_length(&mut reader)?.is_none() && !constructed {
        return Err(fault);
    }
    let (contents, contents_offset) = (reader.rest(), reader.offset());
    let element =
        Element { tag, constructed, offset: base, raw: bytes, what, contents, contents_offset };
    Ok(Partial { element, fault: Some(fault) })
}

fn read_element<'a>(
    what: &'static str,
    bytes: &'a [u8],
    base: usize,
    depth: usize,
) -> Result<Element<'a>, DecodeError> {
    if depth > MAX_DEPTH {
        return Err(DecodeError::limit(what, "nesting", base, MAX_DEPTH));
    }
    let mut reader = Reader::with_offset(what, bytes, base);
    let (tag, constructed) = Tag::read(&mut reader)?;
    let length = read_length(&mut reader)?;
    let contents_offset = reader.offset();
    let start = reader.position();
    let (contents, end) = match length {
        Some(length) => (reader.bytes("contents", length)?, start + length),
        None if constructed => {
            let length = indefinite_length(what, reader.rest(), contents_offset, depth)?;
            // Two octets more: the end-of-contents.
            (&bytes[start..start + length], start + length + 2)
        }
        None => return Err(reader.invalid("length", "indefinite length of a primitive value")),
    };
    let raw = &bytes[..end];
    Ok(Element { tag, constructed, offset: base, raw, what, contents, contents_offset })
}

/// Reads length octets, X.690 8.1.3; `None` is the indefinite form.
fn read_length(reader: &mut Reader<'_>) -> Result<Option<usize>, DecodeError> {
    let first = reader.u8("length")?;
    if first < 0x80 {
        return Ok(Some(usize::from(first)));
    }
    if first == 0x80 {
        return Ok(None);
    }
    if first == 0xff {
        return Err(reader.invalid("length", "reserved length octet ff"));
    }
    let mut length: usize = 0;
    for &octet in reader.bytes("length", usize::from(first & 0x7f))? {
        if length > usize::MAX >> 8 {
            return Err(reader.invalid("length", "length does not fit this machine"));
        }
        length = length << 8 | usize::from(octet);
    }
    Ok(Some(length))
}

/// The length of contents that end with an end-of-contents.
fn indefinite_length(
    what: &'static str,
    bytes: &[u8],
    base: usize,
    depth: usize,
) -> Result<usize, DecodeError> {
    let mut length = 0;
    loop {
        let rest = &bytes[length..];
        if rest.starts_with(&[0, 0]) {
            return Ok(length);
        }
        length += read_element(what, rest, base + length, depth + 1)?.raw.len();
    }
}

impl<'a> Element<'a> {
    /// The contents octets, without end-of-contents.
    #[must_use]
    pub fn contents(&self) -> &'a [u8] {
        self.contents
    }

    /// Walks the elements inside.
    ///
    /// # Errors
    /// The encoding is primitive.
    pub fn children(&self) -> Result<Children<'a>, DecodeError> {
        if self.constructed {
            Ok(self.walk())
        } else {
            Err(self.invalid("form", "primitive where constructed is needed"))
        }
    }

    pub(crate) fn walk(&self) -> Children<'a> {
        Children { what: self.what, bytes: self.contents, base: self.contents_offset, position: 0 }
    }

    /// Returns itself when it carries `tag`.
    ///
    /// # Errors
    /// It carries another tag.
    pub fn expect(self, tag: Tag, field: &'static str) -> Result<Self, DecodeError> {
        if self.tag == tag { Ok(self) } else { Err(self.invalid(field, "unexpected tag")) }
    }

    /// The one element inside, as an EXPLICIT tag wraps it.
    ///
    /// # Errors
    /// There is none, or more than one.
    pub fn inner(&self, field: &'static str) -> Result<Self, DecodeError> {
        let mut children = self.children()?;
        let inner = children.required(field)?;
        match children.remaining() {
            0 => Ok(inner),
            count => Err(DecodeError::trailing(self.what, field, children.offset(), count)),
        }
    }

    /// An error about this element.
    #[must_use]
    pub fn invalid(&self, field: &'static str, detail: &'static str) -> DecodeError {
        DecodeError::invalid(self.what, field, self.offset, detail)
    }
}

/// A walk over the elements of a constructed value.
#[derive(Debug, Clone)]
pub struct Children<'a> {
    what: &'static str,
    bytes: &'a [u8],
    base: usize,
    position: usize,
}

impl<'a> Children<'a> {
    /// The next element, or `None` at the end.
    ///
    /// # Errors
    /// What follows is not well formed.
    pub fn next_element(&mut self) -> Result<Option<Element<'a>>, DecodeError> {
        let next = self.peek()?;
        if let Some(element) = &next {
            self.position += element.raw.len();
        }
        Ok(next)
    }

    /// The next element as far as its octets go; see [`decode_partial`].
    ///
    /// # Errors
    /// What follows has no identifier and length.
    pub fn next_partial(&mut self) -> Result<Option<Partial<'a>>, DecodeError> {
        if self.remaining() == 0 {
            return Ok(None);
        }
        let next = read_partial(self.what, self.rest(), self.offset())?;
        self.position += next.element.raw.len();
        Ok(Some(next))
    }

    /// The next element without moving.
    ///
    /// # Errors
    /// What follows is not well formed.
    pub fn peek(&self) -> Result<Option<Element<'a>>, DecodeError> {
        if self.remaining() == 0 {
            return Ok(None);
        }
        read_element(self.what, &self.bytes[self.position..], self.offset(), 0).map(Some)
    }

    /// The next element, which must be there.
    ///
    /// # Errors
    /// There is none, or it is not well formed.
    pub fn required(&mut self, field: &'static str) -> Result<Element<'a>, DecodeError> {
        self.next_element()?
            .ok_or_else(|| DecodeError::truncated(self.what, field, self.offset(), 1, 0))
    }

    /// The next element, which must carry `tag`.
    ///
    /// # Errors
    /// There is none, or it carries another tag, or it is not well formed.
    pub fn take(&mut self, tag: Tag, field: &'static str) -> Result<Element<'a>, DecodeError> {
        self.required(field)?.expect(tag, field)
    }

    /// The next element if it carries `tag`; otherwise nothing moves.
    ///
    /// # Errors
    /// What follows is not well formed.
    pub fn optional(&mut self, tag: Tag) -> Result<Option<Element<'a>>, DecodeError> {
        match self.peek()? {
            Some(element) if element.tag == tag => self.next_element(),
            _ => Ok(None),
        }
    }

    /// All that are left.
    ///
    /// # Errors
    /// One of them is not well formed.
    pub fn collect_all(&mut self) -> Result<Vec<Element<'a>>, DecodeError> {
        let mut all = Vec::new();
        while let Some(element) = self.next_element()? {
            all.push(element);
        }
        Ok(all)
    }

    /// The octets not walked yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        &self.bytes[self.position..]
    }

    /// Count of the octets not walked yet.
    #[must_use]
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// Offset of the next element in the whole input.
    #[must_use]
    pub fn offset(&self) -> usize {
        self.base + self.position
    }
}
