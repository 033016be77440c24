//! Context handles that a server gave out, C706 6.1.6 and 14.2.10, and their rundown.

use std::collections::BTreeMap;

use crate::ndr::ContextHandle;
use crate::uuid::Uuid;

/// The handles of one owner, each with what it stands for. Where an interface has several sorts of handles `T` is an
/// enumeration of them, and whoever takes one out says which sort it must be: a handle of another sort is no handle.
///
/// The owner is the connection or the association group that the handles were given on. When it dies the table is
/// dropped, or emptied by [`Self::run_down`]: either ends everything that the handles stood for.
#[derive(Debug)]
pub struct ContextHandles<T> {
    entries: BTreeMap<Uuid, T>,
    limit: usize,
}

impl<T> ContextHandles<T> {
    /// A table of at most `limit` handles.
    #[must_use]
    pub const fn new(limit: usize) -> Self {
        Self { entries: BTreeMap::new(), limit }
    }

    /// Gives a handle out; `random` names it, so that nobody can guess one. None when the owner has as many as it may.
    pub fn give(&mut self, random: [u8; 16], value: T) -> Option<ContextHandle> {
        let uuid = Uuid::from_u128(u128::from_le_bytes(random));
        // A nil one is the null handle, and one that is taken is no fresh one: neither comes from a good source.
        if self.entries.len() >= self.limit || uuid.is_nil() || self.entries.contains_key(&uuid) {
            return None;
        }
        self.entries.insert(uuid, value);
        Some(ContextHandle { attributes: 0, uuid })
    }

    /// What a handle stands for, when it is of the sort that `sort` picks.
    pub fn find<'a, U>(
        &'a self,
        handle: &ContextHandle,
        sort: impl FnOnce(&'a T) -> Option<U>,
    ) -> Option<U> {
        self.entries.get(&handle.uuid).filter(|_| handle.attributes == 0).and_then(sort)
    }

    /// Takes a handle back, when it is of the right sort.
    pub fn take(&mut self, handle: &ContextHandle, sort: impl FnOnce(&T) -> bool) -> Option<T> {
        self.find(handle, |value| sort(value).then_some(()))?;
        self.entries.remove(&handle.uuid)
    }

    /// Takes all handles back: the owner is dead.
    pub fn run_down(&mut self) -> Vec<T> {
        std::mem::take(&mut self.entries).into_values().collect()
    }

    /// How many handles are out.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// True when no handle is out.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Debug)]
    enum Sort {
        Number(u32),
        #[expect(dead_code, reason = "it is dropped, and that is what is looked at")]
        Text(Arc<str>),
    }

    fn number(sort: &Sort) -> Option<u32> {
        match sort {
            Sort::Number(number) => Some(*number),
            Sort::Text(_) => None,
        }
    }

    #[test]
    fn a_handle_is_good_for_its_sort_and_its_owner_only() {
        let (mut mine, mut other) = (ContextHandles::new(2), ContextHandles::new(2));
        let handle = mine.give([1; 16], Sort::Number(7)).unwrap();
        let text = mine.give([2; 16], Sort::Text("text".into())).unwrap();
        assert!(mine.give([3; 16], Sort::Number(8)).is_none(), "over the limit");
        assert!(other.give([0; 16], Sort::Number(8)).is_none(), "the null handle");
        other.give([4; 16], Sort::Number(9)).unwrap();
        assert!(other.give([4; 16], Sort::Number(9)).is_none(), "given twice");
        assert_eq!((mine.find(&handle, number), mine.find(&text, number)), (Some(7), None));
        assert_eq!(other.find(&handle, number), None);
        assert_eq!(mine.find(&ContextHandle::NULL, number), None);
        assert_eq!(mine.find(&ContextHandle { attributes: 1, ..handle }, number), None);
        assert!(mine.take(&text, |sort| matches!(sort, Sort::Number(_))).is_none());
        assert_eq!(mine.len(), 2);
        assert!(mine.take(&handle, |sort| matches!(sort, Sort::Number(_))).is_some());
        assert_eq!(mine.find(&handle, number), None);
    }

    #[test]
    fn rundown_ends_what_the_handles_stood_for() {
        let kept: Arc<str> = "kept".into();
        let mut handles = ContextHandles::new(4);
        let handle = handles.give([1; 16], Sort::Text(Arc::clone(&kept))).unwrap();
        handles.give([2; 16], Sort::Text(Arc::clone(&kept))).unwrap();
        assert_eq!(Arc::strong_count(&kept), 3);
        assert_eq!(handles.run_down().len(), 2);
        assert!(handles.is_empty() && handles.find(&handle, number).is_none());
        assert_eq!(Arc::strong_count(&kept), 1);
        handles.give([1; 16], Sort::Text(Arc::clone(&kept))).unwrap();
        drop(handles);
        assert_eq!(Arc::strong_count(&kept), 1, "dropping is a rundown too");
    }
}
