//! Which core a thread runs on.
//!
//! A thread stays on one core until its affinity leaves that core out: seL4 moves none by itself. A new thread starts where the fewest
//! are, of the cores that its affinity allows.

/// Cores that there is room for: the bits of an affinity.
pub const MOST: usize = 64;

/// How many threads of the program each core has.
pub struct Cores {
    count: usize,
    threads: [u32; MOST],
}

impl Cores {
    /// One core without a thread, until start-up says how many there are.
    pub const fn new() -> Self {
        Self { count: 1, threads: [0; MOST] }
    }

    /// Says how many cores run threads: at least one, at most [`MOST`].
    pub fn set_count(&mut self, count: usize) {
        self.count = count.clamp(1, MOST);
    }

    /// The number of cores that run threads.
    pub fn count(&self) -> usize {
        self.count
    }

    /// The affinity that allows every core.
    pub fn all(&self) -> u64 {
        u64::MAX >> (MOST - self.count)
    }

    /// The core with the fewest threads among those that `affinity` allows, the first of them; the first core if it allows none.
    pub fn choose(&self, affinity: u64) -> u8 {
        let allowed = (0..self.count).filter(|core| affinity >> core & 1 != 0);
        allowed.min_by_key(|&core| self.threads[core]).unwrap_or(0) as u8
    }

    /// A thread is there from now on.
    pub fn enter(&mut self, core: u8) {
        self.threads[core as usize] += 1;
    }

    /// A thread of that core is gone, or moved.
    pub fn leave(&mut self, core: u8) {
        self.threads[core as usize] -= 1;
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::vec::Vec;

    fn four() -> Cores {
        let mut cores = Cores::new();
        cores.set_count(4);
        cores
    }

    #[test]
    fn threads_are_spread() {
        let mut cores = four();
        let places: Vec<u8> = (0..8)
            .map(|_| {
                let core = cores.choose(cores.all());
                cores.enter(core);
                core
            })
            .collect();
        assert_eq!(places, [0, 1, 2, 3, 0, 1, 2, 3]);
        cores.leave(2);
        assert_eq!(cores.choose(u64::MAX), 2);
    }

    #[test]
    fn an_affinity_is_kept() {
        let mut cores = four();
        for _ in 0..3 {
            assert_eq!(cores.choose(1 << 3), 3);
            cores.enter(3);
        }
        assert_eq!(cores.choose(1 << 3 | 1 << 2), 2);
    }

    #[test]
    fn cores_that_are_not_there_are_never_chosen() {
        assert_eq!(four().choose(1 << 40), 0);
        let mut cores = Cores::new();
        assert_eq!((cores.all(), cores.choose(u64::MAX)), (1, 0));
        cores.set_count(MOST);
        assert_eq!(cores.all(), u64::MAX);
    }
}
