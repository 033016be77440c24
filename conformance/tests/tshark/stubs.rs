//! The calls of the MTA interface, read with `idl/mta.idl` in hand from the stubs that tshark opened.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use conformance::{Direction, Tshark};

const MTA_BIND: &str = "0";
const MTA_BIND_BACK: &str = "1";
const MTA_TRANSFER: &str = "2";

/// `ptype` of a request and of a response (C706 12.6.4).
const REQUEST: &str = "0";
const RESPONSE: &str = "2";

/// PIECE_END: the last piece of its transport service data unit.
const PIECE_END: u32 = 1;

/// The transport service data units of one association, as they passed.
#[derive(Debug, Default)]
pub struct Association {
    token: [u8; 16],
    /// To the server: from the side that called MtaBind.
    pub units: Vec<(Direction, Vec<u8>)>,
    unfinished: [Vec<u8>; 2],
    /// The sequence number that the next piece of either direction must have.
    expected: [u32; 2],
}

/// Joins the pieces of every association in a capture.
pub fn associations(open: &Tshark, file: &Path) -> Result<Vec<Association>> {
    let fields = ["tcp.stream", "dcerpc.pkt_type", "dcerpc.opnum", "dcerpc.decrypted_stub_data"];
    let mut reading = Reading::default();
    for row in open.fields(file, "dcerpc.decrypted_stub_data", &fields)? {
        // AUTH3 has no stub; it may share its packet with the first request.
        let kinds: Vec<&str> = row[1].split(',').filter(|kind| *kind != "16").collect();
        // A server may answer several calls at once: then every field has a value for each.
        let operations: Vec<&str> = row[2].split(',').collect();
        let stubs: Vec<&str> = row[3].split(',').collect();
        ensure!(
            kinds.len() == stubs.len() && operations.len() == stubs.len(),
            "calls without a stub: {row:?}"
        );
        for ((kind, operation), stub) in kinds.iter().zip(operations).zip(stubs) {
            let stub = octets(stub)?;
            reading.call(&row[0], kind, operation, &stub).with_context(|| format!("{row:?}"))?;
        }
    }
    Ok(reading.associations)
}

#[derive(Default)]
struct Reading {
    associations: Vec<Association>,
    /// The association that a TCP stream is about to bind, and which way its pieces will go.
    bound: HashMap<(String, String), usize>,
    channels: HashMap<[u8; 20], (usize, Direction)>,
}

impl Reading {
    fn call(&mut self, stream: &str, kind: &str, operation: &str, stub: &[u8]) -> Result<()> {
        let mut stub = Stub { octets: stub, position: 0 };
        let key = (stream.to_owned(), operation.to_owned());
        match (operation, kind) {
            (MTA_BIND, REQUEST) => {
                for _ in 0..3 {
                    stub.text()?;
                }
                let token = stub.array()?;
                self.bound.insert(key, self.associations.len());
                self.associations.push(Association { token, ..Association::default() });
            }
            (MTA_BIND_BACK, REQUEST) => {
                stub.text()?;
                let token = stub.array()?;
                let index = self.associations.iter().position(|one| one.token == token);
                self.bound.insert(key, index.context("bound back with an unknown token")?);
            }
            (MTA_BIND, RESPONSE) => {
                let [_, status] = [stub.number()?, stub.number()?];
                ensure!(status == 0, "bind_status {status}");
                self.channel(&key, Direction::ToServer, &mut stub)?;
            }
            (MTA_BIND_BACK, RESPONSE) => {
                stub.number()?;
                self.channel(&key, Direction::ToClient, &mut stub)?;
            }
            (MTA_TRANSFER, REQUEST) => {
                let channel: [u8; 20] = stub.array()?;
                let (index, direction) =
                    *self.channels.get(&channel).context("an unknown channel")?;
                let [sequence, flags, length, maximum] =
                    [stub.number()?, stub.number()?, stub.number()?, stub.number()?];
                ensure!(length == maximum, "length {length}, size of the array {maximum}");
                let piece = stub.rest(usize::try_from(length)?)?;
                self.associations[index].take(direction, sequence, flags, piece)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn channel(
        &mut self,
        key: &(String, String),
        direction: Direction,
        stub: &mut Stub<'_>,
    ) -> Result<()> {
        let index = *self.bound.get(key).context("an answer without a question")?;
        self.channels.insert(stub.array()?, (index, direction));
        ensure!(stub.number()? == 0, "refused");
        Ok(())
    }
}

impl Association {
    fn take(
        &mut self,
        direction: Direction,
        sequence: u32,
        flags: u32,
        piece: &[u8],
    ) -> Result<()> {
        let at = usize::from(direction == Direction::ToClient);
        ensure!(
            sequence == self.expected[at],
            "piece {sequence} where {} was due",
            self.expected[at]
        );
        self.expected[at] += 1;
        self.unfinished[at].extend_from_slice(piece);
        if flags & PIECE_END != 0 {
            self.units.push((direction, std::mem::take(&mut self.unfinished[at])));
        }
        Ok(())
    }
}

/// NDR, little-endian (C706, chapter 14), as far as this interface needs it.
struct Stub<'a> {
    octets: &'a [u8],
    position: usize,
}

impl<'a> Stub<'a> {
    fn rest(&mut self, count: usize) -> Result<&'a [u8]> {
        let end = self.position.checked_add(count).context("too long")?;
        let taken = self.octets.get(self.position..end).context("the stub ends early")?;
        self.position = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        Ok(self.rest(N)?.try_into()?)
    }

    fn number(&mut self) -> Result<u32> {
        self.position = self.position.next_multiple_of(4);
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// A conformant varying string of two-octet characters.
    fn text(&mut self) -> Result<()> {
        let [_, _, count] = [self.number()?, self.number()?, self.number()?];
        self.rest(usize::try_from(count)? * 2)?;
        Ok(())
    }
}

fn octets(hex: &str) -> Result<Vec<u8>> {
    let pair = |at: usize| {
        hex.get(at..at + 2).context("odd").and_then(|pair| Ok(u8::from_str_radix(pair, 16)?))
    };
    (0..hex.len()).step_by(2).map(pair).collect()
}
