//! Open files and directories of any file system: a node, a position, and flags.

use super::buffers::{Sink, Source};
use super::file::{File, Opened, Status, sought};
use super::node::{Entry, Kind, Node};
use crate::errno::{Errno, SysResult};
use crate::sync::mutex::Mutex;
use crate::thread::Thread;
use alloc::sync::Arc;
use linux_raw_sys::general as linux;

/// An open file of bytes.
pub struct OpenFile {
    opened: Opened,
    /// Held while bytes are moved at the position, so that two threads who share it do not move the same ones.
    position: Mutex<u64>,
}

impl OpenFile {
    /// At the first byte; `flags` as in open(2).
    pub fn new(node: Arc<dyn Node>, flags: u32) -> Self {
        Self { opened: Opened::new(node, flags), position: Mutex::new(0) }
    }

    /// Writes at `offset`, or at the end with O_APPEND, whatever the offset; gives also the position behind what was written. Without a
    /// byte to write nothing happens: neither the position nor the file's times change.
    fn put(&self, from: &mut Source<'_>, offset: u64) -> Result<(usize, u64), Errno> {
        let offset = check(offset, from.left())?;
        if from.left() == 0 {
            Ok((0, offset))
        } else if self.opened.status.appends() {
            self.opened.node.append(from)
        } else {
            self.opened.node.write_at(from, offset).map(|moved| (moved, offset + moved as u64))
        }
    }
}

/// Offsets are signed: what would end past the last one is no range. Errors: EINVAL.
fn check(offset: u64, bytes: usize) -> Result<u64, Errno> {
    match offset.checked_add(bytes as u64) {
        Some(end) if end <= i64::MAX as u64 => Ok(offset),
        _ => Err(Errno::EINVAL),
    }
}

impl File for OpenFile {
    fn status(&self) -> &Status {
        &self.opened.status
    }

    fn opened(&self) -> Option<&Opened> {
        Some(&self.opened)
    }

    fn read(&self, _: &Thread, to: &mut Sink<'_>) -> SysResult {
        let mut position = self.position.lock();
        let moved = self.opened.node.read_at(to, check(*position, to.left())?)?;
        *position += moved as u64;
        Ok(moved)
    }

    fn write(&self, _: &Thread, from: &mut Source<'_>) -> SysResult {
        let mut position = self.position.lock();
        let (moved, end) = self.put(from, *position)?;
        *position = end;
        Ok(moved)
    }

    fn read_at(&self, to: &mut Sink<'_>, offset: u64) -> SysResult {
        self.opened.node.read_at(to, check(offset, to.left())?)
    }

    fn write_at(&self, from: &mut Source<'_>, offset: u64) -> SysResult {
        self.put(from, offset).map(|(moved, _)| moved)
    }

    fn seek(&self, offset: i64, whence: u32) -> SysResult {
        let mut position = self.position.lock();
        // Offsets that are no number of bytes are past the end.
        let data = |data| self.opened.node.seek_data(u64::try_from(offset).map_err(|_| Errno::ENXIO)?, data);
        *position = match whence {
            linux::SEEK_DATA => data(true)?,
            linux::SEEK_HOLE => data(false)?,
            _ => sought(*position, offset, whence, Some(self.opened.node.metadata().size))?,
        };
        Ok(*position as usize)
    }
}

/// An open directory.
pub struct OpenDirectory {
    opened: Opened,
    position: Mutex<u64>,
}

/// What a record of getdents64(2) has before the name: number, next position, length, kind.
const RECORD: usize = 8 + 8 + 2 + 1;
/// The longest record: a name of 255 bytes and its end, rounded up.
const LONGEST_RECORD: usize = (RECORD + 256).next_multiple_of(8);

impl OpenDirectory {
    /// At the first entry; `flags` as in open(2).
    pub fn new(node: Arc<dyn Node>, flags: u32) -> Self {
        Self { opened: Opened::new(node, flags), position: Mutex::new(0) }
    }
}

/// Bytes of records that are stored at a time: a copy to the program for each would cost more than the record does.
const AT_ONCE: usize = 512;

/// Records on their way to the program.
struct Records<'a, 'b> {
    to: &'a mut Sink<'b>,
    bytes: [u8; AT_ONCE],
    length: usize,
    /// The position behind the last record here, and behind the last one that the program has.
    next: u64,
    stored: u64,
}

impl<'a, 'b> Records<'a, 'b> {
    fn new(to: &'a mut Sink<'b>, position: u64) -> Self {
        Self { to, bytes: [0; AT_ONCE], length: 0, next: position, stored: position }
    }

    /// Adds one entry; says whether there was room. Errors: EFAULT.
    fn put(&mut self, entry: &Entry<'_>) -> Result<bool, Errno> {
        let length = (RECORD + entry.name.len() + 1).next_multiple_of(8);
        if self.to.left() < self.length + length || length > LONGEST_RECORD {
            return Ok(false);
        }
        if self.length + length > AT_ONCE {
            self.store()?;
        }
        let record = &mut self.bytes[self.length..self.length + length];
        // What the name does not fill.
        record[length - 8..].copy_from_slice(&[0; 8]);
        record[..8].copy_from_slice(&entry.number.to_ne_bytes());
        record[8..16].copy_from_slice(&entry.next.to_ne_bytes());
        record[16..18].copy_from_slice(&(length as u16).to_ne_bytes());
        record[18] = entry.kind.entry_type();
        record[RECORD..RECORD + entry.name.len()].copy_from_slice(entry.name);
        self.length += length;
        self.next = entry.next;
        Ok(true)
    }

    /// Has the program get what is here, up to a record that its memory cannot take. Errors: EFAULT.
    fn store(&mut self) -> Result<(), Errno> {
        let mut rest = &self.bytes[..core::mem::take(&mut self.length)];
        if !rest.is_empty() && self.to.put(rest) == Ok(rest.len()) {
            self.stored = self.next;
            return Ok(());
        }
        while let Some(&[low, high]) = rest.get(16..18) {
            let (record, behind) = rest.split_at(u16::from_ne_bytes([low, high]) as usize);
            self.to.put(record)?;
            self.stored = u64::from_ne_bytes(*record[8..].first_chunk().expect("a record has its position"));
            rest = behind;
        }
        Ok(())
    }
}

impl File for OpenDirectory {
    fn status(&self) -> &Status {
        &self.opened.status
    }

    fn opened(&self) -> Option<&Opened> {
        Some(&self.opened)
    }

    fn read(&self, _: &Thread, _: &mut Sink<'_>) -> SysResult {
        Err(Errno::EISDIR)
    }

    fn read_at(&self, to: &mut Sink<'_>, offset: u64) -> SysResult {
        check(offset, to.left())?;
        Err(Errno::EISDIR)
    }

    /// Positions are those that entries came with; 0 is the beginning.
    fn seek(&self, offset: i64, whence: u32) -> SysResult {
        let mut position = self.position.lock();
        *position = sought(*position, offset, whence, None)?;
        Ok(*position as usize)
    }

    fn read_entries(&self, to: &mut Sink<'_>) -> SysResult {
        let mut position = self.position.lock();
        let mut records = Records::new(to, *position);
        let mut ended = Ok(true);
        let mut give = |entry: Entry<'_>| {
            ended = records.put(&entry);
            ended == Ok(true)
        };
        let start = *position;
        let own = self.opened.node.metadata().number;
        let (dot, up): (&[u8], &[u8]) = (b".", b"..");
        let mut room = start > 0 || give(Entry { name: dot, number: own, kind: Kind::Directory, next: 1 });
        if room && start <= 1 {
            let number = self.opened.node.parent().map_or(own, |parent| parent.metadata().number);
            room = give(Entry { name: up, number, kind: Kind::Directory, next: 2 });
        }
        if room {
            self.opened.node.entries(start.max(2), &mut give)?;
        }
        let stored = records.store();
        *position = records.stored;
        match stored.and(ended) {
            _ if to.done() > 0 => Ok(to.done()),
            Ok(true) => Ok(0),
            Ok(false) => Err(Errno::EINVAL),
            Err(error) => Err(error),
        }
    }
}

/// A file that was opened only to be named (O_PATH).
pub struct OpenPath {
    opened: Opened,
}

impl OpenPath {
    /// `flags` as in open(2).
    pub fn new(node: Arc<dyn Node>, flags: u32) -> Self {
        Self { opened: Opened::new(node, flags) }
    }
}

impl File for OpenPath {
    fn status(&self) -> &Status {
        &self.opened.status
    }

    fn opened(&self) -> Option<&Opened> {
        Some(&self.opened)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::node::Change;
    use crate::fs::tmpfs::Tmpfs;
    use crate::fs::{mounts, paths, walk::Origin};

    #[test]
    fn a_write_of_nothing_changes_nothing() {
        let root: Arc<dyn Node> = Tmpfs::new_root(1);
        let origin = Origin { base: mounts::directory(&root, b"1").unwrap(), root };
        for flags in [0, linux::O_APPEND] {
            let file = paths::open(&origin, b"file", linux::O_RDWR | linux::O_CREAT | flags, 0o600).unwrap();
            let node = file.node().unwrap();
            node.set_size(9).unwrap();
            let long_ago = crate::fs::node::Time::default();
            node.change(&Change { modified: Some(long_ago), ..Change::default() }).unwrap();
            assert_eq!(file.write(&Thread, &mut Source::own(&[])), Ok(0));
            assert_eq!(file.write_at(&mut Source::own(&[]), 3), Ok(0));
            assert_eq!(file.seek(0, linux::SEEK_CUR), Ok(0), "the position stays");
            assert!(file.metadata().modified == long_ago, "its times stay");
            assert_eq!(
                file.write_at(&mut Source::own(&[]), u64::MAX),
                Err(Errno::EINVAL),
                "and is checked all the same"
            );
            assert_eq!(file.write(&Thread, &mut Source::own(b"ab")), Ok(2));
            assert_eq!(file.seek(0, linux::SEEK_CUR), Ok(if flags == 0 { 2 } else { 11 }));
            assert!(file.metadata().modified != long_ago);
        }
    }
}
