//! What a transition leaves to be polled.

use std::collections::VecDeque;

use super::StackEvent;
use super::recover::Unfinished;
use crate::StackError;
use crate::session::{Prefix, Spdu};

/// TSDUs to send and events to tell, in order.
#[derive(Default)]
pub(super) struct Output {
    pub transmit: VecDeque<Vec<u8>>,
    pub events: VecDeque<StackEvent>,
    /// What a broken association left, until the user takes it.
    pub unfinished: Option<Unfinished>,
}

impl Output {
    /// Queues an SPDU; `prefix` goes before one of category 2.
    pub(super) fn send(&mut self, spdu: &Spdu<'_>, prefix: Prefix) -> Result<(), StackError> {
        self.transmit.push_back(spdu.encode(prefix)?);
        Ok(())
    }

    pub(super) fn tell(&mut self, event: StackEvent) {
        self.events.push_back(event);
    }
}
