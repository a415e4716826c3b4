//! Timers that no thread waits for: what they belong to, by number, and when each is due.
//!
//! Plain data behind the scheduler's lock.

use super::deadlines::Deadlines;
use alloc::vec::Vec;

/// All timers.
pub struct Timers<T> {
    deadlines: Deadlines,
    all: Vec<Option<T>>,
    /// Numbers that are free; room for all.
    free: Vec<u32>,
}

impl<T> Timers<T> {
    /// None.
    pub const fn new() -> Self {
        Self { deadlines: Deadlines::new(), all: Vec::new(), free: Vec::new() }
    }

    /// Adds one that is not set; gives its number.
    pub fn add(&mut self, timer: T) -> u32 {
        if let Some(number) = self.free.pop() {
            self.all[number as usize] = Some(timer);
            return number;
        }
        self.all.push(Some(timer));
        self.deadlines.grow(self.all.len());
        // So that removing needs no memory.
        self.free.reserve(self.all.len());
        self.all.len() as u32 - 1
    }

    /// Takes one away.
    pub fn remove(&mut self, number: u32) -> Option<T> {
        self.deadlines.remove(number);
        let timer = self.all[number as usize].take();
        self.free.extend(timer.is_some().then_some(number));
        timer
    }

    /// Sets when one is due, or that it never is.
    pub fn set(&mut self, number: u32, ticks: Option<u64>) {
        self.deadlines.remove(number);
        if let Some(ticks) = ticks {
            self.deadlines.insert(number, ticks);
        }
    }

    /// When the first is due.
    pub fn earliest(&self) -> Option<u64> {
        self.deadlines.earliest()
    }

    /// One that is due; it is so no longer.
    pub fn pop_due(&mut self, now: u64) -> Option<T>
    where
        T: Clone,
    {
        let number = self.deadlines.pop_due(now)?;
        self.all[number as usize].clone()
    }

    /// All of them, with their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.all.iter().enumerate().filter_map(|(number, timer)| Some((number as u32, timer.as_ref()?)))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn due_in_order_and_only_once() {
        let mut timers = Timers::new();
        let [a, b, c] = ["a", "b", "c"].map(|name| timers.add(name));
        timers.set(a, Some(30));
        timers.set(b, Some(10));
        timers.set(c, Some(20));
        timers.set(c, None);
        assert_eq!(timers.earliest(), Some(10));
        assert_eq!((timers.pop_due(9), timers.pop_due(99), timers.pop_due(99)), (None, Some("b"), Some("a")));
        assert_eq!((timers.pop_due(99), timers.earliest()), (None, None));
    }

    #[test]
    fn a_number_is_given_again_without_its_deadline() {
        let mut timers = Timers::new();
        let a = timers.add('a');
        timers.set(a, Some(5));
        assert_eq!((timers.remove(a), timers.remove(a)), (Some('a'), None));
        assert_eq!(timers.add('b'), a);
        assert_eq!(timers.pop_due(99), None);
        assert_eq!(timers.iter().collect::<Vec<_>>(), [(a, &'b')]);
    }
}
