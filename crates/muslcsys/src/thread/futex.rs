//! Futex queues: who waits on which word, in the order they came.
//!
//! Plain data behind the scheduler's lock: a hash of addresses to queues, linked through an array with an entry for each thread, so
//! nothing is allocated when a thread waits. The word itself is compared by the caller, under the same lock.

use alloc::vec::Vec;

const NONE: u32 = u32::MAX;
const BUCKETS: usize = 256;

/// A thread's place in a queue.
#[derive(Clone, Copy)]
struct Waiter {
    /// The address it waits on; 0 when it waits on none.
    key: usize,
    bitset: u32,
    next: u32,
    prev: u32,
}

const IDLE: Waiter = Waiter { key: 0, bitset: 0, next: NONE, prev: NONE };

#[derive(Clone, Copy)]
struct Queue {
    head: u32,
    tail: u32,
}

/// All queues.
pub struct Futexes {
    waiters: Vec<Waiter>,
    queues: [Queue; BUCKETS],
}

fn bucket(key: usize) -> usize {
    // Words lie on multiples of four; Fibonacci hashing spreads the rest.
    ((key >> 2) as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) as usize >> 56
}

impl Default for Futexes {
    fn default() -> Self {
        Self::new()
    }
}

impl Futexes {
    /// No thread waits.
    pub const fn new() -> Self {
        Self { waiters: Vec::new(), queues: [Queue { head: NONE, tail: NONE }; BUCKETS] }
    }

    /// Makes room for thread numbers below `threads`.
    pub fn grow(&mut self, threads: usize) {
        if self.waiters.len() < threads {
            self.waiters.resize(threads, IDLE);
        }
    }

    /// Queues a thread behind the others that wait on `key`, which is not zero; `bitset` is what a wake must share with it.
    pub fn wait(&mut self, thread: u32, key: usize, bitset: u32) {
        debug_assert!(self.waiters[thread as usize].key == 0 && key != 0);
        let queue = bucket(key);
        let tail = self.queues[queue].tail;
        self.waiters[thread as usize] = Waiter { key, bitset, next: NONE, prev: tail };
        match tail {
            NONE => self.queues[queue].head = thread,
            tail => self.waiters[tail as usize].next = thread,
        }
        self.queues[queue].tail = thread;
    }

    /// Takes a thread out of the queue it is in; `false` if it is in none.
    pub fn cancel(&mut self, thread: u32) -> bool {
        let Waiter { key, next, prev, .. } = self.waiters[thread as usize];
        if key == 0 {
            return false;
        }
        let queue = &mut self.queues[bucket(key)];
        match prev {
            NONE => queue.head = next,
            prev => self.waiters[prev as usize].next = next,
        }
        match next {
            NONE => self.queues[bucket(key)].tail = prev,
            next => self.waiters[next as usize].prev = prev,
        }
        self.waiters[thread as usize] = IDLE;
        true
    }

    /// The first thread after `after` that waits on `key` and shares a bit.
    fn find(&self, mut at: u32, key: usize, bitset: u32) -> Option<u32> {
        while at != NONE {
            let waiter = &self.waiters[at as usize];
            if waiter.key == key && waiter.bitset & bitset != 0 {
                return Some(at);
            }
            at = waiter.next;
        }
        None
    }

    /// Takes the longest waiting thread on `key` that shares a bit with `bitset` out of its queue.
    pub fn wake_one(&mut self, key: usize, bitset: u32) -> Option<u32> {
        let thread = self.find(self.queues[bucket(key)].head, key, bitset)?;
        self.cancel(thread);
        Some(thread)
    }

    /// Moves up to `most` threads from the queue of `from` to the end of the queue of `to`; gives their number.
    pub fn requeue(&mut self, from: usize, to: usize, most: usize) -> usize {
        let mut moved = 0;
        let mut at = self.queues[bucket(from)].head;
        while moved < most
            && let Some(thread) = self.find(at, from, u32::MAX)
        {
            let Waiter { next, bitset, .. } = self.waiters[thread as usize];
            at = next;
            moved += 1;
            if from != to {
                self.cancel(thread);
                self.wait(thread, to, bitset);
            }
        }
        moved
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    #[test]
    fn first_come_first_woken_and_bits_select() {
        let mut futexes = Futexes::new();
        futexes.grow(4);
        futexes.wait(0, 0x1000, 1);
        futexes.wait(1, 0x1000, 2);
        futexes.wait(2, 0x1000, 3);
        assert_eq!(futexes.wake_one(0x1000, 2), Some(1));
        assert_eq!(futexes.wake_one(0x2000, u32::MAX), None);
        assert_eq!(futexes.wake_one(0x1000, u32::MAX), Some(0));
        assert!(futexes.cancel(2) && !futexes.cancel(2));
        assert_eq!(futexes.wake_one(0x1000, u32::MAX), None);
    }

    proptest! {
        #![proptest_config(crate::testing::cases(4))]
        /// Against a list of (key, thread, bitset) in order of arrival.
        #[test]
        fn as_one_long_list(ops in prop::collection::vec((0u8..5, 0u32..12, 0usize..6, 1u32..8, 0usize..4), crate::testing::steps(300))) {
            let mut futexes = Futexes::new();
            futexes.grow(12);
            let mut model = VecDeque::<(usize, u32, u32)>::new();
            for (op, thread, key, bits, count) in ops {
                // keys 0 and 5 share a bucket often enough among few: multiples far apart
                let word = |k: usize| 0x1000 + k * 0x40_0004;
                let key_word = word(key);
                match op {
                    0 | 1 => if !model.iter().any(|w| w.1 == thread) {
                        futexes.wait(thread, key_word, bits);
                        model.push_back((key_word, thread, bits));
                    },
                    2 => {
                        let expected = model.iter().position(|w| w.0 == key_word && w.2 & bits != 0);
                        let expected = expected.and_then(|at| model.remove(at)).map(|w| w.1);
                        prop_assert_eq!(futexes.wake_one(key_word, bits), expected);
                    }
                    3 => {
                        let at = model.iter().position(|w| w.1 == thread);
                        prop_assert_eq!(futexes.cancel(thread), at.is_some());
                        at.and_then(|at| model.remove(at));
                    }
                    _ => {
                        let to = word((key + 1) % 6);
                        let mut moved = Vec::new();
                        let mut rest = VecDeque::new();
                        for w in model.drain(..) {
                            if w.0 == key_word && moved.len() < count { moved.push((to, w.1, w.2)) } else { rest.push_back(w) }
                        }
                        prop_assert_eq!(futexes.requeue(key_word, to, count), moved.len());
                        model = rest;
                        model.extend(moved);
                    }
                }
            }
            for key in 0..6usize {
                let word = 0x1000 + key * 0x40_0004;
                while let Some(thread) = futexes.wake_one(word, u32::MAX) {
                    let at = model.iter().position(|w| w.0 == word).unwrap();
                    prop_assert_eq!(model.remove(at).unwrap().1, thread);
                }
            }
            prop_assert!(model.is_empty());
        }
    }
}
