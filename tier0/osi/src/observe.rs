//! An association as a bystander sees it: the APDUs in a captured exchange.
//!
//! Takes the transport service data units of both sides and gives what was bound and transferred,
//! in normal mode and in X.410 mode, each octet with the place that it had in the capture. It is
//! apart from [`Stack`](crate::Stack): it believes both sides, checks nothing that it does not
//! need, and goes on after faults.
//!
//! Left out: connect data overflow, an APDU that is resumed on another connection.

use std::ops::Range;

use ber::{Element, Tag, decode_one};

use crate::presentation::{AcceptPpdu, ConnectPpdu, RefusePpdu, UserData};
use crate::rtse::{ConnectionData, Data, OpenAccept, OpenReject, OpenRequest};
use crate::session::{Spdu, Tsdu};
use crate::{Layer, acse};

/// Most octets of one APDU that are gathered, as for the stack.
const MAX_APDU: usize = crate::DEFAULT_MAXIMUM_APDU;
/// First octet of user data in normal mode: fully encoded.
const FULLY_ENCODED: u8 = 0x61;

/// Who sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    Initiator,
    Responder,
}

/// Octets, and where they stood in a capture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Traced {
    octets: Vec<u8>,
    /// Of each run of octets: its start here and its place there.
    runs: Vec<(usize, usize)>,
}

/// What an exchange carried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Observed {
    pub what: Carried,
    pub octets: Traced,
}

/// What some octets of an exchange are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carried {
    /// The user's data of an RT-OPEN request; in normal mode inside MTSE's tag.
    BindArgument,
    /// Of an RT-OPEN response that accepts.
    BindResult,
    /// Of an RT-OPEN response that refuses.
    BindError,
    /// A transferred APDU; in normal mode inside an EXTERNAL.
    Apdu,
    /// What had arrived of an APDU when its transfer stopped.
    Part,
    /// A TSDU that the named layer cannot read.
    Unreadable(Layer),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    Normal,
    X410,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Nothing was seen that tells.
    Open,
    Rtse(Mode),
    /// Not RTSE; nothing of it is told.
    Foreign,
}

/// A bystander of one transport connection.
#[derive(Debug)]
pub struct Observer {
    sort: Sort,
    transfers: [Option<Traced>; 2],
}

impl Default for Observer {
    fn default() -> Self {
        Self { sort: Sort::Open, transfers: [None, None] }
    }
}

impl Observer {
    /// Takes the next TSDU and tells what it completes.
    pub fn handle_tsdu(&mut self, sender: Sender, tsdu: &Traced) -> Option<Observed> {
        if self.sort == Sort::Foreign {
            return None;
        }
        let octets = tsdu.octets();
        let Ok(decoded) = Tsdu::decode(octets) else {
            return self.unreadable(Layer::Session, tsdu);
        };
        let side = match sender {
            Sender::Initiator => 0,
            Sender::Responder => 1,
        };
        match decoded.spdu {
            Spdu::Connect(connect) => {
                let found = open_request(octets, connect.user_data);
                self.opened(Carried::BindArgument, found, tsdu)
            }
            Spdu::Accept(accept) => {
                let found = open_accept(octets, accept.user_data, self.sort);
                self.opened(Carried::BindResult, found, tsdu)
            }
            Spdu::Refuse(refuse) => {
                let octets = tsdu.part(open_reject(octets, refuse.user_data)?);
                Some(Observed { what: Carried::BindError, octets })
            }
            Spdu::ActivityStart { .. } | Spdu::ActivityResume(_) => {
                self.transfers[side].replace(Traced::default()).and_then(part)
            }
            Spdu::Data { user_data } => self.data(side, user_data, tsdu),
            Spdu::ActivityEnd { .. } => {
                let octets = self.transfers[side].take()?;
                Some(Observed { what: Carried::Apdu, octets })
            }
            Spdu::ActivityInterrupt { .. } | Spdu::ActivityDiscard { .. } => {
                self.transfers[side].take().and_then(part)
            }
            _ => None,
        }
    }

    /// Ends the watch: what is left of transfers that did not end.
    pub fn finish(&mut self) -> Vec<Observed> {
        self.transfers.iter_mut().filter_map(|transfer| transfer.take().and_then(part)).collect()
    }

    fn opened(
        &mut self,
        what: Carried,
        found: Option<(Mode, Range<usize>)>,
        tsdu: &Traced,
    ) -> Option<Observed> {
        let Some((mode, within)) = found else {
            if self.sort == Sort::Open {
                self.sort = Sort::Foreign;
            }
            return None;
        };
        self.sort = Sort::Rtse(mode);
        Some(Observed { what, octets: tsdu.part(within) })
    }

    fn data(&mut self, side: usize, user_data: &[u8], tsdu: &Traced) -> Option<Observed> {
        if self.transfers[side].is_none() && self.sort == Sort::Open {
            // Data outside any activity, before any connect: not RTSE, or half of one.
            return None;
        }
        let mode = match self.sort {
            Sort::Rtse(mode) => mode,
            _ if user_data.first() == Some(&FULLY_ENCODED) => Mode::Normal,
            _ => Mode::X410,
        };
        let segment = match mode {
            Mode::X410 => range_in(tsdu.octets(), user_data),
            Mode::Normal => match segment(user_data, tsdu.octets()) {
                Segment::Octets(range) => Some(range),
                Segment::Other => return None,
                Segment::Unreadable(layer) => return self.unreadable(layer, tsdu),
            },
        };
        if let (Some(transfer), Some(range)) = (self.transfers[side].as_mut(), segment)
            && transfer.octets.len() + range.len() <= MAX_APDU
        {
            transfer.append(tsdu, range);
        }
        None
    }

    fn unreadable(&self, layer: Layer, tsdu: &Traced) -> Option<Observed> {
        let known = matches!(self.sort, Sort::Rtse(_));
        known.then(|| Observed { what: Carried::Unreadable(layer), octets: tsdu.clone() })
    }
}

impl Traced {
    /// Appends octets that stood at `place`, one behind another.
    pub fn push(&mut self, octets: &[u8], place: usize) {
        let start = self.octets.len();
        let next = self.runs.last().map(|(begin, there)| there + (start - begin));
        if next != Some(place) && !octets.is_empty() {
            self.runs.push((start, place));
        }
        self.octets.extend_from_slice(octets);
    }

    #[must_use]
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Where the octet at `offset` stood; for one past the end, where it would stand.
    #[must_use]
    pub fn place(&self, offset: usize) -> usize {
        let at = self.runs.partition_point(|(start, _)| *start <= offset);
        match at.checked_sub(1).and_then(|at| self.runs.get(at)) {
            Some((start, place)) => place + (offset - start),
            None => offset,
        }
    }

    /// The octets of this range, which is cut to what is there.
    #[must_use]
    pub fn part(&self, range: Range<usize>) -> Self {
        let mut part = Self::default();
        part.append(self, range);
        part
    }

    /// Appends a range of another.
    pub fn append(&mut self, other: &Self, range: Range<usize>) {
        let end = range.end.min(other.octets.len());
        let mut from = range.start.min(end);
        while from < end {
            let next = other.runs.partition_point(|(start, _)| *start <= from);
            let stop = other.runs.get(next).map_or(end, |(start, _)| *start).min(end);
            self.push(&other.octets[from..stop], other.place(from));
            from = stop;
        }
    }
}

/// The transferred octets in the user data of a DATA TRANSFER.
enum Segment {
    Octets(Range<usize>),
    /// The request for the turn.
    Other,
    Unreadable(Layer),
}

fn segment(user_data: &[u8], tsdu: &[u8]) -> Segment {
    let Ok(values) = decode_one("user data", user_data).and_then(UserData::decode) else {
        return Segment::Unreadable(Layer::Presentation);
    };
    for pdv in &values.0 {
        match Data::decode(&pdv.value) {
            Ok(Data::Transfer(octets)) => {
                return match range_in(tsdu, &octets) {
                    Some(range) => Segment::Octets(range),
                    // An OCTET STRING in pieces, which no RTSE sends.
                    None => Segment::Unreadable(Layer::Rtse),
                };
            }
            Ok(Data::TurnPlease { .. }) => {}
            Err(_) => return Segment::Unreadable(Layer::Rtse),
        }
    }
    Segment::Other
}

fn open_request(tsdu: &[u8], ppdu: &[u8]) -> Option<(Mode, Range<usize>)> {
    let connect = ConnectPpdu::decode(ppdu).ok()?;
    if connect.x410.is_some() {
        return Some((Mode::X410, range_in(tsdu, x410_data(ppdu, 3)?)?));
    }
    connect.user_data.0.iter().find_map(|pdv| {
        let aarq = acse::Apdu::decode(&pdv.value).ok()?;
        let acse::Apdu::AssociateRequest { user_information, .. } = aarq else { return None };
        let information = user_information?;
        match OpenRequest::decode(&information.value).ok()?.data {
            ConnectionData::Open(data) => Some((Mode::Normal, range_in(tsdu, data)?)),
            ConnectionData::Recover(_) => None,
        }
    })
}

fn open_accept(tsdu: &[u8], ppdu: &[u8], sort: Sort) -> Option<(Mode, Range<usize>)> {
    if sort == Sort::Rtse(Mode::X410) {
        return Some((Mode::X410, range_in(tsdu, x410_data(ppdu, 2)?)?));
    }
    let accept = AcceptPpdu::decode(ppdu).ok()?;
    accept.user_data.0.iter().find_map(|pdv| {
        let aare = acse::Apdu::decode(&pdv.value).ok()?;
        let acse::Apdu::AssociateResponse { user_information, .. } = aare else { return None };
        let information = user_information?;
        match OpenAccept::decode(&information.value).ok()?.data {
            ConnectionData::Open(data) => Some((Mode::Normal, range_in(tsdu, data)?)),
            ConnectionData::Recover(_) => None,
        }
    })
}

/// The user's data of an RTORJ in a CPR.
fn open_reject(tsdu: &[u8], ppdu: &[u8]) -> Option<Range<usize>> {
    let refuse = RefusePpdu::decode(ppdu).ok()?;
    refuse.user_data.0.iter().find_map(|pdv| {
        let aare = acse::Apdu::decode(&pdv.value).ok()?;
        let acse::Apdu::AssociateResponse { user_information, .. } = aare else { return None };
        range_in(tsdu, OpenReject::decode(&user_information?.value).ok()?.user_data?)
    })
}

/// The user's open data in the X.410 parameters of a CP or CPA, X.226 8.2 and X.228 annex A:
/// `[1] SET { .., [number] { [0] { data } } }`.
fn x410_data(ppdu: &[u8], number: u32) -> Option<&[u8]> {
    let outer = decode_one("presentation", ppdu).ok()?;
    let parameters = child(outer, Tag::context(1))?;
    let open = child(child(parameters, Tag::context(number))?, Tag::context(0))?;
    Some(open.inner("open").ok()?.raw)
}

fn child(element: Element<'_>, tag: Tag) -> Option<Element<'_>> {
    let mut children = element.children().ok()?;
    while let Ok(Some(child)) = children.next_element() {
        if child.tag == tag {
            return Some(child);
        }
    }
    None
}

fn part(octets: Traced) -> Option<Observed> {
    (!octets.octets.is_empty()).then_some(Observed { what: Carried::Part, octets })
}

/// Where `inner`, a slice of `outer`, lies in it; `None` for one that was copied out of it.
fn range_in(outer: &[u8], inner: &[u8]) -> Option<Range<usize>> {
    let start = inner.as_ptr().addr().checked_sub(outer.as_ptr().addr())?;
    let end = start.checked_add(inner.len())?;
    (end <= outer.len()).then_some(start..end)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The captured TSDUs of an association in normal mode, then in X.410 mode.
    const CONNECT: &str = "0dc0011c0a090407727573746d74610b0f170d3236313132323036343730305a05091301001601021a01001402024934025331c18d31818aa003800101a2818282025031a433300f020101060452010001300406025101300f02010306045600020c300406025101300f02010506045600020730040602510161473045020101a040603e80020780a106060456000106be30282e020103a029b027800101810103820100a31ca01ab018a116800a4d54412d454444442d31a1081606736563726574";
    const ACCEPT: &str = "0ea7011c09090407706565726d74610b0f170d3236313132323036343730305a05091301001601021a010014020249c1783176a003800101a26fa51b3007800100810251013007800100810251013007800100810251016150304e020101a049614780020780a106060456000106a203020100a305a103020100be2d282b020103a026b124800101810103a21ca01ab118a116800a4d54412d4c4646462d31a1081606736563726574";
    const X410_CONNECT: &str = "0d64011c0a090407727573746d74610b0f170d3236313132323036343730305a05091301001601011a01001402024934025331c131312fa003800100a128800101810103820100a31aa018a116800a4d54412d454444442d31a108160673656372657484010c";
    const X410_ACCEPT: &str = "0e5a011c09090407706565726d74610b0f170d3236313132323036343730305a05091301001601011a010014020249c12b3129a003800100a122800101810103a21aa018a116800a4d54412d454444442d31a1081606736563726574";
    const START: &str = "01002d052903020101";
    const MINOR: &str = "010031032a0131";
    const END: &str = "010029032a0132";

    fn traced(octets: &[u8], place: usize) -> Traced {
        let mut traced = Traced::default();
        traced.push(octets, place);
        traced
    }

    fn hex(text: &str, place: usize) -> Traced {
        traced(&wire::from_hex(text).unwrap(), place)
    }

    fn exchange(connect: &str, accept: &str, wrap: impl Fn(&[u8]) -> Vec<u8>) -> Vec<Observed> {
        let mut observer = Observer::default();
        let segment =
            |octets: &[u8], place| traced(&[&[1, 0, 1, 0], &wrap(octets)[..]].concat(), place);
        let mut seen = Vec::new();
        for (sender, tsdu) in [
            (Sender::Initiator, hex(connect, 1000)),
            (Sender::Responder, hex(accept, 2000)),
            (Sender::Initiator, hex(START, 3000)),
            (Sender::Initiator, segment(b"\x30\x03\x02", 4000)),
            (Sender::Initiator, hex(MINOR, 5000)),
            (Sender::Initiator, segment(b"\x01\x05", 6000)),
            (Sender::Initiator, hex(END, 7000)),
            (Sender::Initiator, hex(START, 8000)),
            (Sender::Initiator, segment(b"half", 9000)),
        ] {
            seen.extend(observer.handle_tsdu(sender, &tsdu));
        }
        seen.extend(observer.finish());
        seen
    }

    fn check(seen: &[Observed]) {
        let kinds: Vec<Carried> = seen.iter().map(|one| one.what).collect();
        let expected = [Carried::BindArgument, Carried::BindResult, Carried::Apdu, Carried::Part];
        assert_eq!(kinds, expected);
        let [argument, _, apdu, half] = seen else { panic!("four") };
        assert!(argument.octets.octets().windows(10).any(|part| part == b"MTA-EDDD-1"));
        assert_eq!(apdu.octets.octets(), b"\x30\x03\x02\x01\x05");
        let place = apdu.octets.place(2);
        assert_eq!(apdu.octets.place(1) + 1, place);
        // The second segment stands at the end of its TSDU.
        assert_eq!(apdu.octets.place(3), place - 4000 + 6000 - 2);
        assert_eq!(half.octets.octets(), b"half");
    }

    #[test]
    fn normal_mode() {
        let wrap = |octets: &[u8]| {
            crate::presentation::wrap_octets(
                &[],
                crate::presentation::ContextId(3),
                octets.len(),
                |out| out.extend_from_slice(octets),
            )
        };
        check(&exchange(CONNECT, ACCEPT, wrap));
    }

    #[test]
    fn x410_mode() {
        check(&exchange(X410_CONNECT, X410_ACCEPT, <[u8]>::to_vec));
    }

    #[test]
    fn strangers_are_left_alone() {
        let mut observer = Observer::default();
        // Remote Desktop's first TSDU, and a session connect without RTSE in it.
        let mcs = hex("7f658201be0401", 0);
        assert_eq!(observer.handle_tsdu(Sender::Initiator, &mcs), None);
        let other = hex("0d0cc10a3108a003800101a2018002", 0);
        assert_eq!(observer.handle_tsdu(Sender::Initiator, &other), None);
        let garbage = hex("ffff", 0);
        assert_eq!(observer.handle_tsdu(Sender::Initiator, &garbage), None);
    }

    #[test]
    fn every_truncation_and_bent_octet_is_survived() {
        for text in [CONNECT, ACCEPT, X410_CONNECT, X410_ACCEPT, START] {
            let octets = wire::from_hex(text).unwrap();
            for at in 0..octets.len() {
                let mut observer = Observer::default();
                let _ = observer.handle_tsdu(Sender::Initiator, &traced(&octets[..at], 0));
                let mut bent = octets.clone();
                bent[at] ^= 0xff;
                let _ = observer.handle_tsdu(Sender::Responder, &traced(&bent, 0));
            }
        }
    }

    #[test]
    fn runs_of_octets_keep_their_places() {
        let mut whole = Traced::default();
        whole.push(b"abc", 10);
        whole.push(b"de", 13);
        whole.push(b"fg", 50);
        let part = whole.part(2..6);
        assert_eq!(part.octets(), b"cdef");
        assert_eq!([0, 1, 2, 3, 4].map(|at| part.place(at)), [12, 13, 14, 50, 51]);
        assert_eq!(whole.part(5..99).octets(), b"fg");
        assert_eq!(whole.part(9..99).octets(), b"");
    }
}
