//! The one walk over elements and tables.

use ber::{Children, Element, Partial};
use wire::DecodeError;

use super::schema::{Component, Keyed, Known, Tagging, Type, notation};
use super::value::{Fault, Member, Node, Value};

mod scalar;

/// How deep types may nest; a message forwarded three times over stays below 60.
const MAX_DEPTH: usize = 128;
/// Most nodes of one input: a node takes about a hundred octets where its element takes two.
pub(super) const MAX_NODES: usize = 1_000_000;
/// Most faults told; whoever has read so many knows enough.
const MAX_FAULTS: usize = 1000;
/// Under what name an object keeps what its table does not know.
pub(super) const UNKNOWN: &str = "unknown";

/// What a walk gathers.
pub(super) struct Walk<'p> {
    /// From an offset in the octets walked to one in the whole input.
    place: &'p dyn Fn(usize) -> usize,
    pub(super) faults: Vec<Fault>,
    /// Of this tree and of those before it in the input.
    pub(super) nodes: usize,
    /// Faults of elements that end too early: of nested ones only the innermost is told.
    cuts: usize,
}

/// An element on the way to its value.
#[derive(Clone, Copy)]
struct Step<'a> {
    element: Element<'a>,
    /// It ends too early.
    cut: bool,
    depth: usize,
    /// What [`Type::Any`] is here.
    open: Option<&'static Type>,
}

impl<'p> Walk<'p> {
    pub(super) fn new(place: &'p dyn Fn(usize) -> usize, nodes: usize) -> Self {
        Self { place, faults: Vec::new(), nodes, cuts: 0 }
    }

    /// The tree of one element, whose tag is not looked at.
    pub(super) fn tree(&mut self, of: &'static Type, partial: Partial<'_>) -> Node {
        self.part(of, None, partial, 0)
    }

    /// An element of which nothing is known.
    pub(super) fn unknown(&self, element: &Element<'_>) -> Node {
        let value = Value::Unknown { tag: notation(element.tag), octets: element.raw.to_vec() };
        self.node(element, value)
    }

    pub(super) fn fault(&mut self, offset: usize, what: impl Into<String>) {
        let what = match self.faults.len() {
            ..MAX_FAULTS => what.into(),
            MAX_FAULTS => "from here on faults are not told".to_owned(),
            _ => return,
        };
        let offset = (self.place)(offset);
        self.faults.push(Fault { offset, what });
    }

    pub(super) fn decode_fault(&mut self, error: &DecodeError) {
        self.fault(error.offset, format!("{}: {}", error.field, error.kind));
    }

    fn node(&self, element: &Element<'_>, value: Value) -> Node {
        Node { offset: (self.place)(element.offset), length: element.raw.len(), value }
    }

    fn part(
        &mut self,
        of: &'static Type,
        open: Option<&'static Type>,
        partial: Partial<'_>,
        depth: usize,
    ) -> Node {
        let Partial { element, fault } = partial;
        let cuts = self.cuts;
        let value = self.value(of, Step { element, cut: fault.is_some(), depth, open });
        if let Some(fault) = fault.filter(|_| self.cuts == cuts) {
            self.cuts += 1;
            self.decode_fault(&fault);
        }
        self.node(&element, value)
    }

    fn value(&mut self, of: &'static Type, step: Step<'_>) -> Value {
        self.nodes += 1;
        if step.depth > MAX_DEPTH {
            self.fault(step.element.offset, "too deep to be shown");
            return self.unknown(&step.element).value;
        }
        match of {
            Type::Any => self.open_value(step),
            Type::Implicit(_, inner) => self.value(inner, step),
            Type::Explicit(_, inner) => self.inside(inner, step).value,
            Type::Choice(alternatives) => self.choice(alternatives, step),
            Type::Sequence(components) => self.object(components, true, None, step),
            Type::Set(components) => self.object(components, false, None, step),
            Type::Keyed(keyed) => self.object(keyed.components, true, Some(keyed), step),
            Type::SequenceOf(of) | Type::SetOf(of) => self.list(of, step),
            scalar => match self.scalar(scalar, &step) {
                Ok(value) => value,
                Err(error) => {
                    // Of a value that is cut, the cut itself is told.
                    if !step.cut {
                        self.decode_fault(&error);
                    }
                    self.unknown(&step.element).value
                }
            },
        }
    }

    /// An open type: what the selector said, when that fits.
    fn open_value(&mut self, step: Step<'_>) -> Value {
        match step.open {
            Some(of) if of.matches(step.element.tag) => self.value(of, Step { open: None, ..step }),
            Some(_) => {
                self.fault(step.element.offset, "not of the type that its identifier tells");
                self.unknown(&step.element).value
            }
            None => self.unknown(&step.element).value,
        }
    }

    /// The one element inside an explicit tag.
    fn inside(&mut self, of: &'static Type, step: Step<'_>) -> Node {
        let element = step.element;
        let Some(mut children) = self.children(&step) else { return self.unknown(&element) };
        let Some(partial) = self.next(&mut children) else {
            if !step.cut {
                self.fault(element.offset, "nothing inside the tag");
            }
            return self.unknown(&element);
        };
        let inner = partial.element;
        let node = if of.matches(inner.tag) {
            self.part(of, step.open, partial, step.depth + 1)
        } else {
            self.fault(inner.offset, format!("{} is not expected here", notation(inner.tag)));
            self.unknown(&inner)
        };
        if children.remaining() > 0 {
            self.fault(children.offset(), "more than one element inside the tag");
        }
        node
    }

    fn choice(&mut self, alternatives: &'static [Component], step: Step<'_>) -> Value {
        let element = step.element;
        let Some(chosen) = alternatives.iter().find(|one| one.matches(element.tag)) else {
            self.fault(
                element.offset,
                format!("{} is none of the alternatives", notation(element.tag)),
            );
            return self.unknown(&element).value;
        };
        let node = match chosen.tagging {
            Tagging::Explicit(_) => self.inside(chosen.of, step),
            _ => {
                let value = self.value(chosen.of, Step { depth: step.depth + 1, ..step });
                self.node(&element, value)
            }
        };
        Value::Object(vec![Member { name: chosen.name, node }])
    }

    fn list(&mut self, of: &'static Type, step: Step<'_>) -> Value {
        let Some(mut children) = self.children(&step) else {
            return self.unknown(&step.element).value;
        };
        let mut nodes = Vec::new();
        while let Some(partial) = self.next(&mut children) {
            let element = partial.element;
            if of.matches(element.tag) {
                nodes.push(self.part(of, None, partial, step.depth + 1));
            } else {
                self.fault(
                    element.offset,
                    format!("{} is not expected here", notation(element.tag)),
                );
                nodes.push(self.unknown(&element));
            }
        }
        Value::List(nodes)
    }

    /// A SEQUENCE when `ordered`, else a SET.
    fn object(
        &mut self,
        components: &'static [Component],
        ordered: bool,
        keyed: Option<&'static Keyed>,
        step: Step<'_>,
    ) -> Value {
        let Some(mut children) = self.children(&step) else {
            return self.unknown(&step.element).value;
        };
        let mut seen = vec![false; components.len()];
        let (mut from, mut members, mut unknown) = (0, Vec::new(), Vec::new());
        let mut known: Option<Known> = None;
        while let Some(partial) = self.next(&mut children) {
            let element = partial.element;
            let free = |at: &usize| !seen[*at] && components[*at].matches(element.tag);
            let Some(at) = (from..components.len()).find(free).or_else(|| (0..from).find(free))
            else {
                if components.iter().any(|one| one.matches(element.tag)) {
                    self.fault(element.offset, "a second time");
                }
                unknown.push(self.unknown(&element));
                continue;
            };
            if ordered && at < from {
                self.fault(element.offset, format!("{} is out of order", components[at].name));
            }
            seen[at] = true;
            from = if ordered { from.max(at + 1) } else { 0 };
            let component = &components[at];
            let open = known.map(|known| known.of);
            let node = self.component(component, open, partial, step.depth + 1);
            if let Some(keyed) = keyed.filter(|keyed| keyed.selector == component.name) {
                known = (keyed.select)(&node);
            }
            members.push(Member { name: component.name, node });
            if let Some(told) = known.filter(|known| known.tell && open.is_none()) {
                let value = Value::Text(told.name.to_owned());
                members.push(Member { name: "name", node: self.node(&element, value) });
            }
        }
        if !step.cut {
            let absent = components.iter().zip(&seen).filter(|(one, seen)| !one.optional && !*seen);
            for (component, _) in absent {
                self.fault(step.element.offset, format!("{} is missing", component.name));
            }
        }
        if !unknown.is_empty() {
            let node = self.node(&step.element, Value::List(unknown));
            members.push(Member { name: UNKNOWN, node });
        }
        Value::Object(members)
    }

    fn component(
        &mut self,
        component: &'static Component,
        open: Option<&'static Type>,
        partial: Partial<'_>,
        depth: usize,
    ) -> Node {
        let Tagging::Explicit(_) = component.tagging else {
            return self.part(component.of, open, partial, depth);
        };
        let Partial { element, fault } = partial;
        let cuts = self.cuts;
        let node = self.inside(component.of, Step { element, cut: fault.is_some(), depth, open });
        if let Some(fault) = fault.filter(|_| self.cuts == cuts) {
            self.cuts += 1;
            self.decode_fault(&fault);
        }
        node
    }

    /// The elements inside; a primitive one has none and is a fault.
    fn children<'a>(&mut self, step: &Step<'a>) -> Option<Children<'a>> {
        match step.element.children() {
            Ok(children) => Some(children),
            Err(error) => {
                self.decode_fault(&error);
                None
            }
        }
    }

    /// The next element; octets that are none are told and end the walk at this level.
    fn next<'a>(&mut self, children: &mut Children<'a>) -> Option<Partial<'a>> {
        // Counted here, too: an element that no table knows is a node as well.
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            self.cuts += 1;
            if children.remaining() > 0 {
                self.fault(children.offset(), "too much to be shown");
            }
            return None;
        }
        match children.next_partial() {
            Ok(next) => next,
            Err(error) => {
                self.cuts += 1;
                self.fault(
                    error.offset,
                    format!(
                        "{}: {}; not decoded: {}",
                        error.field,
                        error.kind,
                        wire::to_hex(children.rest())
                    ),
                );
                None
            }
        }
    }
}
