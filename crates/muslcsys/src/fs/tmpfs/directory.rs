//! The entries of a directory: by name, and in the order in which they were made.
//!
//! Each entry has a position that no other entry of the directory ever had, so reading goes on behind the last one it gave, whatever was
//! made or removed meanwhile: what was there all the time is told once.

use crate::fs::node::{Entry, Kind};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;

/// The first entry's position; those below stand for `.` and `..`.
pub const FIRST: u64 = 3;

/// Names are shared by the two orders and by what they lead to.
pub type Name = Arc<[u8]>;

struct Slot<T> {
    position: u64,
    child: T,
}

struct Listed {
    name: Name,
    number: u64,
    kind: Kind,
}

/// Entries that lead to `T`.
pub struct Entries<T> {
    by_name: BTreeMap<Name, Slot<T>>,
    by_position: BTreeMap<u64, Listed>,
    next: u64,
}

impl<T> Entries<T> {
    /// None.
    pub fn new() -> Self {
        Self { by_name: BTreeMap::new(), by_position: BTreeMap::new(), next: FIRST }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// What a name leads to.
    pub fn get(&self, name: &[u8]) -> Option<&T> {
        self.by_name.get(name).map(|slot| &slot.child)
    }

    /// Adds an entry with a name that is not there yet.
    pub fn insert(&mut self, name: Name, number: u64, kind: Kind, child: T) {
        let position = self.next;
        self.next += 1;
        self.by_position.insert(position, Listed { name: name.clone(), number, kind });
        self.by_name.insert(name, Slot { position, child });
    }

    /// Takes an entry out.
    pub fn remove(&mut self, name: &[u8]) -> Option<T> {
        let slot = self.by_name.remove(name)?;
        self.by_position.remove(&slot.position);
        Some(slot.child)
    }

    /// What all entries lead to.
    pub fn into_children(self) -> impl Iterator<Item = T> {
        self.by_name.into_values().map(|slot| slot.child)
    }

    /// Gives the entries behind a position until `give` says that it has enough.
    pub fn each(&self, after: u64, give: &mut dyn FnMut(Entry<'_>) -> bool) {
        for (&next, listed) in self.by_position.range(after.saturating_add(1)..) {
            if !give(Entry { name: &listed.name, number: listed.number, kind: listed.kind, next }) {
                return;
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn names(entries: &Entries<u32>, after: u64, most: usize) -> (Vec<String>, u64) {
        let (mut names, mut last) = (Vec::new(), after);
        entries.each(after, &mut |entry| {
            if names.len() == most {
                return false;
            }
            names.push(String::from_utf8(entry.name.to_vec()).unwrap());
            last = entry.next;
            true
        });
        (names, last)
    }

    #[test]
    fn reading_goes_on_though_the_directory_changes() {
        let mut entries = Entries::new();
        for (number, name) in ["d", "a", "c", "b"].into_iter().enumerate() {
            entries.insert(name.as_bytes().into(), number as u64, Kind::Regular, number as u32);
        }
        let (first, after) = names(&entries, 0, 2);
        assert_eq!(first, ["d", "a"]);
        assert_eq!(entries.remove(b"a"), Some(1));
        assert_eq!(entries.remove(b"c"), Some(2));
        entries.insert((*b"a").as_slice().into(), 9, Kind::Regular, 9);
        assert_eq!(names(&entries, after, 9).0, ["b", "a"]);
        assert_eq!((entries.get(b"a"), entries.get(b"c")), (Some(&9), None));
        assert_eq!(names(&entries, u64::MAX, 9).0, [""; 0]);
    }
}
