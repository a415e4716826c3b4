//! A program's descriptors: small numbers for what it has open.

use super::file::File;
use crate::errno::Errno;
use crate::sync::mutex::Mutex;
use alloc::sync::Arc;
use alloc::vec::Vec;

/// Descriptors a program can have open at a time where nothing else is said.
pub const DESCRIPTORS: usize = 1024;

/// An open descriptor.
struct Descriptor {
    file: Arc<dyn File>,
    /// Closed by execve, if there were one (FD_CLOEXEC).
    close_on_exec: bool,
}

/// Descriptors by number.
pub struct Table {
    entries: Vec<Option<Descriptor>>,
    /// No number below this one is free.
    lowest: usize,
    /// One more than the highest number that may be given (RLIMIT_NOFILE).
    limit: usize,
    /// How far the program may raise that limit.
    most: usize,
}

/// The program's descriptors; the lock comes after the scheduler's in the lock order.
static TABLE: Mutex<Table> = Mutex::new(Table::new(DESCRIPTORS));

impl Table {
    /// No descriptors, and room for numbers below `limit`.
    pub const fn new(limit: usize) -> Self {
        Self { entries: Vec::new(), lowest: 0, limit, most: limit }
    }

    fn entry(&self, fd: usize) -> Result<&Descriptor, Errno> {
        self.entries.get(index(fd)).and_then(Option::as_ref).ok_or(Errno::EBADF)
    }

    fn entry_mut(&mut self, fd: usize) -> Result<&mut Descriptor, Errno> {
        self.entries.get_mut(index(fd)).and_then(Option::as_mut).ok_or(Errno::EBADF)
    }

    /// What a descriptor refers to. Errors: EBADF.
    pub fn get(&self, fd: usize) -> Result<Arc<dyn File>, Errno> {
        self.entry(fd).map(|descriptor| descriptor.file.clone())
    }

    /// Puts a file at the lowest free number from `from` on; gives the number. Errors: EMFILE, EINVAL if `from` is past the limit.
    pub fn install(&mut self, file: Arc<dyn File>, close_on_exec: bool, from: usize) -> Result<usize, Errno> {
        if from >= self.limit {
            return Err(if from == 0 { Errno::EMFILE } else { Errno::EINVAL });
        }
        let start = from.max(self.lowest);
        let taken = self.entries.get(start..).map_or(0, |rest| rest.iter().take_while(|entry| entry.is_some()).count());
        let fd = start + taken;
        if fd >= self.limit {
            return Err(Errno::EMFILE);
        }
        if from <= self.lowest {
            self.lowest = fd + 1;
        }
        self.put(fd, Descriptor { file, close_on_exec });
        Ok(fd)
    }

    fn put(&mut self, fd: usize, descriptor: Descriptor) -> Option<Descriptor> {
        if fd >= self.entries.len() {
            self.entries.resize_with(fd + 1, || None);
        }
        self.entries[fd].replace(descriptor)
    }

    /// Frees a number; the caller drops what it gets without the table's lock. Errors: EBADF.
    pub fn close(&mut self, fd: usize) -> Result<Arc<dyn File>, Errno> {
        let entry = self.entries.get_mut(index(fd)).and_then(Option::take).ok_or(Errno::EBADF)?;
        self.lowest = self.lowest.min(index(fd));
        Ok(entry.file)
    }

    /// dup3(2): `new` refers to what `old` does; gives what it referred to before. Errors: EBADF.
    pub fn replace(&mut self, old: usize, new: usize, close_on_exec: bool) -> Result<Option<Arc<dyn File>>, Errno> {
        let file = self.get(old)?;
        let new = Some(index(new)).filter(|&new| new < self.limit).ok_or(Errno::EBADF)?;
        Ok(self.put(new, Descriptor { file, close_on_exec }).map(|before| before.file))
    }
}

/// The place of a descriptor: its number is an int, whatever the register's upper half holds; a negative one is past every table.
fn index(fd: usize) -> usize {
    fd as u32 as usize
}

/// One more than the highest number that may be given (RLIMIT_NOFILE).
pub fn limit() -> usize {
    TABLE.lock().limit
}

/// What a descriptor refers to. Errors: EBADF.
pub fn get(fd: usize) -> Result<Arc<dyn File>, Errno> {
    TABLE.lock().get(fd)
}

/// The highest number that was ever given.
pub fn highest() -> usize {
    TABLE.lock().entries.len().saturating_sub(1)
}

/// RLIMIT_NOFILE: what holds, and how far it may be raised.
pub fn limits() -> [usize; 2] {
    let table = TABLE.lock();
    [table.limit, table.most]
}

/// Sets RLIMIT_NOFILE; what is open stays open.
pub fn set_limits([limit, most]: [usize; 2]) {
    let mut table = TABLE.lock();
    (table.limit, table.most) = (limit, most);
}

/// Gives a file the lowest free number. Errors: EMFILE.
pub fn install(file: Arc<dyn File>, close_on_exec: bool) -> Result<usize, Errno> {
    TABLE.lock().install(file, close_on_exec, 0)
}

/// As [`install`], the lowest from `from` on (F_DUPFD). Errors: EMFILE, EINVAL.
pub fn install_from(file: Arc<dyn File>, close_on_exec: bool, from: usize) -> Result<usize, Errno> {
    TABLE.lock().install(file, close_on_exec, from)
}

/// Closes a descriptor; gives what it referred to. Errors: EBADF.
pub fn close(fd: usize) -> Result<Arc<dyn File>, Errno> {
    TABLE.lock().close(fd)
}

/// dup3(2): what `new` referred to before is closed. Errors: EBADF.
pub fn replace(old: usize, new: usize, close_on_exec: bool) -> Result<Option<Arc<dyn File>>, Errno> {
    TABLE.lock().replace(old, new, close_on_exec)
}

/// Whether execve would close it (FD_CLOEXEC). Errors: EBADF.
pub fn close_on_exec(fd: usize) -> Result<bool, Errno> {
    TABLE.lock().entry(fd).map(|descriptor| descriptor.close_on_exec)
}

/// Sets FD_CLOEXEC. Errors: EBADF.
pub fn set_close_on_exec(fd: usize, close_on_exec: bool) -> Result<(), Errno> {
    TABLE.lock().entry_mut(fd).map(|descriptor| descriptor.close_on_exec = close_on_exec)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::fs::file::Status;
    use proptest::prelude::*;

    struct Nothing(Status);

    impl File for Nothing {
        fn status(&self) -> &Status {
            &self.0
        }
    }

    fn nothing() -> Arc<dyn File> {
        Arc::new(Nothing(Status::new(0)))
    }

    #[test]
    fn the_lowest_free_number_is_given() {
        let mut table = Table::new(5);
        for expected in 0..4 {
            assert_eq!(table.install(nothing(), false, 0), Ok(expected));
        }
        table.close(1).unwrap();
        table.close(2).unwrap();
        assert_eq!(table.install(nothing(), false, 2), Ok(2));
        assert_eq!(table.install(nothing(), false, 0), Ok(1));
        assert_eq!(table.install(nothing(), false, 0), Ok(4));
        assert_eq!(table.install(nothing(), false, 0), Err(Errno::EMFILE));
        assert_eq!(table.install(nothing(), false, 5), Err(Errno::EINVAL));
    }

    #[test]
    fn closed_and_impossible_numbers_are_bad() {
        let mut table = Table::new(5);
        table.install(nothing(), false, 0).unwrap();
        table.close(0).unwrap();
        for fd in [0, 1, 5, usize::MAX, 1 << 31, i32::MAX as usize] {
            assert_eq!(table.get(fd).err(), Some(Errno::EBADF));
            assert_eq!(table.close(fd).err(), Some(Errno::EBADF));
        }
        // Only the lower half of the register counts.
        table.install(nothing(), false, 0).unwrap();
        assert!(table.get(0xdead_0000_0000).is_ok());
    }

    #[test]
    fn a_replaced_descriptor_is_given_back_to_be_closed() {
        let mut table = Table::new(5);
        let (a, b) = (nothing(), nothing());
        table.install(a.clone(), false, 0).unwrap();
        table.install(b.clone(), true, 0).unwrap();
        let before = table.replace(0, 1, false).unwrap().unwrap();
        assert!(Arc::ptr_eq(&before, &b) && Arc::ptr_eq(&table.get(1).unwrap(), &a));
        assert!(table.replace(0, 3, false).unwrap().is_none());
        assert_eq!(table.replace(0, 5, false).err(), Some(Errno::EBADF));
        assert_eq!(table.replace(2, 1, false).err(), Some(Errno::EBADF));
        assert_eq!(table.install(nothing(), false, 0), Ok(2));
        assert_eq!(table.install(nothing(), false, 0), Ok(4));
    }

    proptest! {
        #![proptest_config(crate::testing::cases(10))]
        /// Against the plainest table there is.
        #[test]
        fn numbers_are_as_in_a_list(steps in proptest::collection::vec((0..4u8, 0..8usize, 0..8usize), 1..64)) {
            let mut table = Table::new(6);
            let mut list = [false; 6];
            for (what, a, b) in steps {
                match what {
                    0 => {
                        let free = (a.min(5)..6).find(|&fd| !list[fd]);
                        let got = table.install(nothing(), false, a.min(5)).ok();
                        prop_assert_eq!(got, free);
                        free.into_iter().for_each(|fd| list[fd] = true);
                    }
                    1 => {
                        let was = a < 6 && list[a];
                        prop_assert_eq!(table.close(a).is_ok(), was);
                        if was { list[a] = false; }
                    }
                    2 => {
                        let works = a < 6 && list[a] && b < 6;
                        prop_assert_eq!(table.replace(a, b, false).is_ok(), works);
                        if works { list[b] = true; }
                    }
                    _ => prop_assert_eq!(table.get(a).is_ok(), a < 6 && list[a]),
                }
            }
        }
    }
}
