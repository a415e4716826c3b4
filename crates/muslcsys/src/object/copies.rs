//! Copies of frame capabilities: a frame is mapped a second time through a copy of its own.
//!
//! The slots for them lie in CNodes of [`SLOTS`] slots, each made in one unit of memory when it is needed and given back when no
//! copy is left in it, but for the first, which stays. Plain bookkeeping, so that it runs on the host.

use super::pool::Unit;
use alloc::boxed::Box;
use alloc::vec::Vec;

/// log2 of the slots of one CNode: as many as a unit of memory holds.
pub const RADIX: usize = 7;
/// Slots of one CNode.
pub const SLOTS: usize = 1 << RADIX;

/// A copy's number: it tells its slot.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Copy(pub u32);

impl Copy {
    /// Its CNode's number.
    pub fn node(self) -> usize {
        self.0 as usize / SLOTS
    }
    /// Its slot there.
    pub fn slot(self) -> usize {
        self.0 as usize % SLOTS
    }
}

struct Node {
    /// The memory it is made of.
    memory: Unit,
    /// One bit for each slot in use.
    used: u128,
    /// The frame that each copy is of.
    of: [Unit; SLOTS],
}

/// All copies.
pub struct Copies {
    nodes: Vec<Option<Box<Node>>>,
    /// No CNode before this one has a free slot.
    first_free: usize,
}

impl Copies {
    /// None, with room for so many CNodes.
    pub fn new(nodes: usize) -> Self {
        Self { nodes: (0..nodes).map(|_| None).collect(), first_free: 0 }
    }

    /// Whether the next copy needs a CNode that is still to be made, and its number; `None` if there can be no more copies.
    pub fn next_node(&mut self) -> Option<(usize, bool)> {
        let has_room = |node: &Option<Box<Node>>| node.as_ref().is_none_or(|node| node.used != u128::MAX);
        let at = self.first_free + self.nodes.get(self.first_free..)?.iter().position(has_room)?;
        self.first_free = at;
        Some((at, self.nodes[at].is_none()))
    }

    /// The CNode with a number was made, of this memory.
    pub fn add_node(&mut self, node: usize, memory: Unit) {
        self.nodes[node] = Some(Box::new(Node { memory, used: 0, of: [Unit(0); SLOTS] }));
    }

    /// A slot for a copy of a frame's capability, in the CNode that [`Copies::next_node`] named.
    pub fn take(&mut self, node: usize, of: Unit) -> Copy {
        let inner = self.nodes[node].as_mut().expect("the CNode was made");
        let slot = inner.used.trailing_ones() as usize;
        inner.used |= 1 << slot;
        inner.of[slot] = of;
        Copy((node * SLOTS + slot) as u32)
    }

    /// Gives a slot back; gives the frame it was of, and the memory of its CNode if that is to be deleted.
    pub fn give(&mut self, copy: Copy) -> (Unit, Option<Unit>) {
        let entry = &mut self.nodes[copy.node()];
        let node = entry.as_mut().expect("a copy's CNode is there");
        assert!(node.used & 1 << copy.slot() != 0, "a free slot was given back");
        node.used &= !(1 << copy.slot());
        self.first_free = self.first_free.min(copy.node());
        let of = node.of[copy.slot()];
        let memory = (node.used == 0 && copy.node() != 0).then_some(node.memory);
        if memory.is_some() {
            *entry = None;
        }
        (of, memory)
    }

    /// Units that are kept though nothing needs them.
    pub fn spare_units(&self) -> usize {
        usize::from(matches!(self.nodes.first(), Some(Some(node)) if node.used == 0))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    #[test]
    fn copies_end_and_come_back() {
        let mut copies = Copies::new(2);
        let mut taken = Vec::new();
        while let Some((node, new)) = copies.next_node() {
            if new {
                copies.add_node(node, Unit(1000 + node as u32));
            }
            taken.push(copies.take(node, Unit(taken.len() as u32)));
        }
        assert_eq!((taken.len(), copies.spare_units()), (2 * SLOTS, 0));
        let given: Vec<_> = taken.iter().map(|&copy| copies.give(copy)).collect();
        assert!(given.iter().enumerate().all(|(i, (of, _))| of.0 as usize == i));
        assert_eq!(given.iter().filter_map(|(_, memory)| *memory).collect::<Vec<_>>(), [Unit(1001)]);
        assert_eq!((copies.next_node(), copies.spare_units()), (Some((0, false)), 1));
    }

    #[test]
    #[should_panic(expected = "a free slot was given back")]
    fn giving_twice_is_noticed() {
        let mut copies = Copies::new(1);
        copies.add_node(0, Unit(9));
        let (a, _b) = (copies.take(0, Unit(1)), copies.take(0, Unit(2)));
        copies.give(a);
        copies.give(a);
    }

    proptest! {
        #![proptest_config(crate::testing::cases(4))]
        #[test]
        fn no_slot_is_given_twice(ops in prop::collection::vec(any::<(bool, u16)>(), crate::testing::steps(600))) {
            let (mut copies, mut taken) = (Copies::new(3), BTreeMap::new());
            for (take, pick) in ops {
                if take {
                    let Some((node, new)) = copies.next_node() else { continue };
                    if new {
                        copies.add_node(node, Unit(node as u32));
                    }
                    prop_assert!(taken.insert(copies.take(node, Unit(pick as u32)), pick).is_none());
                } else if !taken.is_empty() {
                    let copy = *taken.keys().nth(pick as usize % taken.len()).unwrap();
                    let of = taken.remove(&copy).unwrap();
                    let (was, memory) = copies.give(copy);
                    prop_assert_eq!(was, Unit(of as u32));
                    let left = taken.keys().any(|other| other.node() == copy.node());
                    prop_assert_eq!(memory.is_some(), !left && copy.node() != 0);
                }
            }
        }
    }
}
