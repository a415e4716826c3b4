//! Who is to be woken when: a binary heap over thread numbers, from which any thread can be taken out.
//!
//! Plain data behind the scheduler's lock. A thread has at most one deadline, so its room is made when the thread is.

use alloc::vec::Vec;

const NONE: u32 = u32::MAX;

/// All deadlines, in ticks of the system counter.
pub struct Deadlines {
    heap: Vec<(u64, u32)>,
    /// Where a thread's entry is in the heap.
    place: Vec<u32>,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self::new()
    }
}

impl Deadlines {
    /// No deadline.
    pub const fn new() -> Self {
        Self { heap: Vec::new(), place: Vec::new() }
    }

    /// Makes room for thread numbers below `threads`.
    pub fn grow(&mut self, threads: usize) {
        if self.place.len() < threads {
            self.place.resize(threads, NONE);
            self.heap.reserve(threads - self.heap.len());
        }
    }

    /// The earliest deadline.
    pub fn earliest(&self) -> Option<u64> {
        self.heap.first().map(|entry| entry.0)
    }

    /// Gives a thread without one a deadline.
    pub fn insert(&mut self, thread: u32, ticks: u64) {
        debug_assert_eq!(self.place[thread as usize], NONE);
        self.place[thread as usize] = self.heap.len() as u32;
        self.heap.push((ticks, thread));
        self.up(self.heap.len() - 1);
    }

    /// Takes a thread's deadline away; `false` if it has none.
    pub fn remove(&mut self, thread: u32) -> bool {
        let at = self.place[thread as usize];
        if at == NONE {
            return false;
        }
        let at = at as usize;
        self.swap(at, self.heap.len() - 1);
        self.heap.pop();
        self.place[thread as usize] = NONE;
        if at < self.heap.len() {
            self.up(at);
            self.down(at);
        }
        true
    }

    /// Takes a thread whose deadline has come.
    pub fn pop_due(&mut self, now: u64) -> Option<u32> {
        let &(ticks, thread) = self.heap.first()?;
        if ticks > now {
            return None;
        }
        self.remove(thread);
        Some(thread)
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        for at in [a, b] {
            self.place[self.heap[at].1 as usize] = at as u32;
        }
    }

    fn up(&mut self, mut at: usize) {
        while at > 0 && self.heap[at] < self.heap[(at - 1) / 2] {
            self.swap(at, (at - 1) / 2);
            at = (at - 1) / 2;
        }
    }

    fn down(&mut self, mut at: usize) {
        loop {
            let children = 2 * at + 1..(2 * at + 3).min(self.heap.len());
            match children.min_by_key(|&child| self.heap[child]) {
                Some(child) if self.heap[child] < self.heap[at] => {
                    self.swap(at, child);
                    at = child;
                }
                _ => return,
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #![proptest_config(crate::testing::cases(4))]
        /// Against a map from thread to deadline.
        #[test]
        fn as_a_sorted_map(ops in prop::collection::vec((0u8..4, 0u32..20, 0u64..50), crate::testing::steps(300))) {
            let mut deadlines = Deadlines::new();
            deadlines.grow(20);
            let mut model = BTreeMap::<u32, u64>::new();
            for (op, thread, ticks) in ops {
                match op {
                    0 | 1 => {
                        model.entry(thread).or_insert_with(|| {
                            deadlines.insert(thread, ticks);
                            ticks
                        });
                    }
                    2 => prop_assert_eq!(deadlines.remove(thread), model.remove(&thread).is_some()),
                    _ => {
                        let due = model.iter().map(|(&t, &d)| (d, t)).min().filter(|e| e.0 <= ticks).map(|e| e.1);
                        prop_assert_eq!(deadlines.pop_due(ticks), due);
                        due.and_then(|thread| model.remove(&thread));
                    }
                }
                prop_assert_eq!(deadlines.earliest(), model.values().min().copied());
            }
        }
    }
}
