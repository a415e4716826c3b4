//! Locks that programs put on files: flock(2), and the ranges of fcntl(2).
//!
//! They bind only who asks for them. An owner is an open file description, or, for fcntl's older kind, the program: since there is one
//! program, those of that kind never keep each other out.

use super::file::{File, Opened, Status};
use super::node::Node;
use super::wait_queue::{self, WaitQueue};
use crate::errno::Errno;
use crate::sync::mutex::Mutex;
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::ops::RangeInclusive;

/// Who has a lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Owner {
    /// The program: F_SETLK and F_SETLKW.
    Program,
    /// An open file description, by where its status is: flock(2), F_OFD_SETLK and F_OFD_SETLKW.
    Description(usize),
}

impl Owner {
    /// The open file description.
    pub fn description(file: &Arc<dyn File>) -> Self {
        Self::of(file.status())
    }

    fn of(status: &Status) -> Self {
        Self::Description(core::ptr::from_ref(status) as usize)
    }
}

/// What sort of lock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sort {
    /// Of the whole file, by flock(2).
    Whole,
    /// Of a range, by fcntl(2).
    Range,
}

/// A lock that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// The first byte and the last.
    pub range: RangeInclusive<u64>,
    /// Who has it.
    pub owner: Owner,
    /// Nobody else may have any lock there.
    pub exclusive: bool,
}

/// The locks of one sort on one file: those of one owner do not overlap.
#[derive(Default)]
struct Locks(Vec<Held>);

fn overlap(a: &RangeInclusive<u64>, b: &RangeInclusive<u64>) -> bool {
    a.start() <= b.end() && b.start() <= a.end()
}

impl Locks {
    /// A lock of somebody else that keeps this one from being had.
    fn conflict(&self, wanted: &Held) -> Option<&Held> {
        self.0.iter().find(|held| {
            held.owner != wanted.owner && (held.exclusive || wanted.exclusive) && overlap(&held.range, &wanted.range)
        })
    }

    /// Takes a range out of what an owner has; says whether anything was.
    fn remove(&mut self, range: &RangeInclusive<u64>, owner: Owner) -> bool {
        let mut rests = Vec::new();
        let before = self.0.len();
        self.0.retain(|held| {
            if held.owner != owner || !overlap(&held.range, range) {
                return true;
            }
            let rest = |range| Held { range, ..held.clone() };
            if held.range.start() < range.start() {
                rests.push(rest(*held.range.start()..=range.start() - 1));
            }
            if held.range.end() > range.end() {
                rests.push(rest(range.end() + 1..=*held.range.end()));
            }
            false
        });
        let removed = self.0.len() < before;
        self.0.append(&mut rests);
        removed
    }

    /// Gives an owner a lock that nobody conflicts with, in place of what it has there.
    fn add(&mut self, lock: Held) {
        self.remove(&lock.range, lock.owner);
        self.0.push(lock);
    }
}

/// The locks on one file.
#[derive(Default)]
struct OnFile {
    whole: Locks,
    ranges: Locks,
}

impl OnFile {
    fn of(&mut self, sort: Sort) -> &mut Locks {
        match sort {
            Sort::Whole => &mut self.whole,
            Sort::Range => &mut self.ranges,
        }
    }
}

/// By the node's address: a file that has locks is open, so the address is nobody else's.
static LOCKED: Mutex<BTreeMap<usize, OnFile>> = Mutex::new(BTreeMap::new());
/// Who waits for any of them.
static QUEUE: WaitQueue = WaitQueue::new();

fn key(node: &Arc<dyn Node>) -> usize {
    Arc::as_ptr(node).cast::<()>() as usize
}

/// What can be locked: what is in a tree of files, pipes apart. Errors: EINVAL.
fn lockable(file: &Arc<dyn File>) -> Result<usize, Errno> {
    file.opened().map(|opened| key(&opened.node)).ok_or(Errno::EINVAL)
}

fn try_lock(key: usize, sort: Sort, lock: &Held) -> bool {
    let mut locked = LOCKED.lock();
    let locks = locked.entry(key).or_default().of(sort);
    if locks.conflict(lock).is_some() {
        return false;
    }
    locks.add(lock.clone());
    true
}

/// Gives `lock`'s owner that lock on a file, waiting until it can be had if `wait`. Errors: EAGAIN if it cannot be had at once, EINTR, EINVAL for
/// pipes and what has no name.
pub fn lock(file: &Arc<dyn File>, sort: Sort, lock: &Held, wait: bool) -> Result<(), Errno> {
    let key = lockable(file)?;
    super::prepare().map_err(|_| Errno::ENOLCK)?;
    // From now on closing it looks here.
    file.status().note_locks();
    if !try_lock(key, sort, lock) {
        if !wait {
            return Err(Errno::EAGAIN);
        }
        QUEUE.wait(wait_queue::IN, None, || try_lock(key, sort, lock).then_some(()))?;
    }
    // What became of an exclusive lock may let others in.
    QUEUE.wake(wait_queue::IN);
    Ok(())
}

/// Takes a range out of what an owner has locked. Errors: EINVAL as for [`lock`].
pub fn unlock(file: &Arc<dyn File>, sort: Sort, range: &RangeInclusive<u64>, owner: Owner) -> Result<(), Errno> {
    let key = lockable(file)?;
    super::prepare().map_err(|_| Errno::ENOLCK)?;
    remove(key, &[sort], range, owner);
    Ok(())
}

fn remove(key: usize, sorts: &[Sort], range: &RangeInclusive<u64>, owner: Owner) {
    let mut locked = LOCKED.lock();
    let Some(locks) = locked.get_mut(&key) else { return };
    let mut removed = false;
    for &sort in sorts {
        removed |= locks.of(sort).remove(range, owner);
    }
    if locks.whole.0.is_empty() && locks.ranges.0.is_empty() {
        locked.remove(&key);
    }
    drop(locked);
    if removed {
        QUEUE.wake(wait_queue::IN);
    }
}

/// The lock that keeps `wanted` from being had, if there is one (F_GETLK). Errors: EINVAL as for [`lock`].
pub fn conflict(file: &Arc<dyn File>, wanted: &Held) -> Result<Option<Held>, Errno> {
    let key = lockable(file)?;
    let locked = LOCKED.lock();
    Ok(locked.get(&key).and_then(|locks| locks.ranges.conflict(wanted)).cloned())
}

/// Forgets what the program locked by fcntl(2), as closing any of a file's descriptors does.
pub fn closed_descriptor(file: &Arc<dyn File>) {
    if file.status().has_locks()
        && let Ok(key) = lockable(file)
    {
        remove(key, &[Sort::Range], &(0..=u64::MAX), Owner::Program);
    }
}

/// Forgets what an open file description had locked, which nothing refers to any more.
pub fn closed_description(opened: &Opened) {
    remove(key(&opened.node), &[Sort::Whole, Sort::Range], &(0..=u64::MAX), Owner::of(&opened.status));
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::fs::node::{New, Node};
    use crate::fs::tmpfs::Tmpfs;
    use proptest::prelude::*;

    fn held(range: RangeInclusive<u64>, owner: usize, exclusive: bool) -> Held {
        Held { range, owner: Owner::Description(owner), exclusive }
    }

    #[test]
    fn shared_locks_go_together_and_exclusive_ones_do_not() {
        let mut locks = Locks::default();
        locks.add(held(0..=9, 1, false));
        assert_eq!(locks.conflict(&held(5..=20, 2, false)), None);
        assert_eq!(locks.conflict(&held(5..=20, 2, true)), Some(&held(0..=9, 1, false)));
        assert_eq!(locks.conflict(&held(10..=20, 2, true)), None);
        assert_eq!(locks.conflict(&held(5..=20, 1, true)), None);
    }

    #[test]
    fn a_range_in_the_middle_is_given_back() {
        let mut locks = Locks::default();
        locks.add(held(0..=u64::MAX, 1, true));
        assert!(locks.remove(&(5..=9), Owner::Description(1)));
        assert_eq!(locks.conflict(&held(5..=9, 2, true)), None);
        assert!(locks.conflict(&held(4..=9, 2, true)).is_some() && locks.conflict(&held(9..=10, 2, true)).is_some());
        assert!(!locks.remove(&(5..=9), Owner::Description(1)));
    }

    fn open(node: &Arc<dyn Node>) -> Arc<dyn File> {
        node.clone().open(linux_raw_sys::general::O_RDWR).unwrap()
    }

    #[test]
    fn closing_forgets_and_wakes_who_waits() {
        let root: Arc<dyn Node> = Tmpfs::new_root(1);
        let node = root.make(b"f", New::Regular, 0o644).unwrap();
        let (a, b) = (open(&node), open(&node));
        let all = |file: &Arc<dyn File>| Held { range: 0..=u64::MAX, owner: Owner::description(file), exclusive: true };
        lock(&a, Sort::Whole, &all(&a), false).unwrap();
        lock(&a, Sort::Whole, &all(&a), false).unwrap();
        assert_eq!(lock(&b, Sort::Whole, &all(&b), false), Err(Errno::EAGAIN));
        // The two sorts know nothing of each other.
        lock(&b, Sort::Range, &all(&b), false).unwrap();
        assert_eq!(conflict(&a, &all(&a)), Ok(Some(all(&b))));
        let waiter = std::thread::spawn(move || lock(&b, Sort::Whole, &all(&b), true).map(|()| b));
        drop(a);
        let b = waiter.join().unwrap().unwrap();
        unlock(&b, Sort::Whole, &(0..=u64::MAX), Owner::description(&b)).unwrap();
        drop(b);
        assert!(!LOCKED.lock().contains_key(&key(&node)));
    }

    proptest! {
        #![proptest_config(crate::testing::cases(4))]
        /// Against a table of who has what on each byte.
        #[test]
        fn each_byte_is_had_as_in_a_table(
            steps in proptest::collection::vec((0..2usize, 0..3u8, 0..12u64, 0..12u64), 1..20)
        ) {
            let mut locks = Locks::default();
            let mut table = [[None::<bool>; 12]; 2];
            for (owner, what, a, b) in steps {
                let range = a.min(b)..=a.max(b);
                let wanted = held(range.clone(), owner, what == 2);
                if what == 0 {
                    locks.remove(&range, wanted.owner);
                    range.for_each(|byte| table[owner][byte as usize] = None);
                    continue;
                }
                let conflicts = |byte: u64| table[1 - owner][byte as usize].is_some_and(|other| other || wanted.exclusive);
                let conflict = range.clone().any(conflicts);
                prop_assert_eq!(locks.conflict(&wanted).is_some(), conflict);
                if !conflict {
                    range.for_each(|byte| table[owner][byte as usize] = Some(wanted.exclusive));
                    locks.add(wanted);
                }
            }
        }
    }
}
