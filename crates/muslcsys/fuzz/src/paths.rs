//! Calls that name files, one after the other, in a tree as a program finds it; it is whole afterwards.

use crate::path::Path;
use crate::tree;
use arbitrary::Arbitrary;
use linux_raw_sys::general as linux;
use muslcsys::fs::buffers::{Sink, Source};
use muslcsys::fs::file::File;
use muslcsys::fs::node::{Change, Kind, New, Node, Rename};
use muslcsys::fs::tmpfs::Tmpfs;
use muslcsys::fs::walk::{Follow, Origin, PATH_MAX};
use muslcsys::fs::{archive, devices, mounts, paths};
use muslcsys::thread::Thread;
use std::sync::{Arc, OnceLock};

/// Files open at a time.
const OPEN: usize = 4;

/// A call. Numbers of open files count round.
#[derive(Arbitrary, Clone, Debug)]
pub enum Call {
    /// open(2): slot, path, flags.
    Open(u8, Path, u32),
    /// close(2).
    Close(u8),
    /// write(2).
    Write(u8, u16),
    /// pwrite(2).
    WriteAt(u8, u16, u64),
    /// read(2).
    Read(u8, u16),
    /// pread(2).
    ReadAt(u8, u16, u64),
    /// lseek(2).
    Seek(u8, i64, u8),
    /// ftruncate(2).
    SetSize(u8, u64),
    /// fallocate(2): slot, whether the size stays, offset, length.
    Allocate(u8, bool, u64, u64),
    /// fallocate(2) with FALLOC_FL_PUNCH_HOLE.
    Punch(u8, u64, u64),
    /// A page as mmap(2) takes it.
    Page(u8, u64),
    /// getdents64(2) with so much room.
    List(u8, u16),
    /// mkdir(2).
    MakeDirectory(Path),
    /// mknod(2) of a file or a fifo.
    MakeNode(Path, bool),
    /// symlink(2).
    MakeLink(Path, Path),
    /// link(2).
    Link(Path, Path),
    /// unlink(2), or rmdir(2).
    Remove(Path, bool),
    /// renameat2(2).
    Rename(Path, Path, u8),
    /// chmod(2).
    Permissions(Path, u32),
    /// truncate(2).
    Truncate(Path, u64),
    /// stat(2) and what else is told.
    Tell(Path, bool),
    /// chdir(2).
    Enter(Path),
}

/// A small archive: a directory, a file, a link.
fn archive() -> &'static [u8] {
    static ARCHIVE: OnceLock<Vec<u8>> = OnceLock::new();
    ARCHIVE.get_or_init(|| {
        let mut bytes = Vec::new();
        let members: [(&str, u32, &[u8]); 4] =
            [("d", 0o40755, b""), ("d/a", 0o100644, b"hello"), ("b", 0o120777, b"d/a"), ("TRAILER!!!", 0, b"")];
        for (number, (name, mode, content)) in members.into_iter().enumerate() {
            let fields = [number, mode as usize, 0, 0, 1, 0, content.len(), 0, 0, 0, 0, name.len() + 1, 0];
            bytes.extend(b"070701");
            fields.iter().for_each(|field| bytes.extend(format!("{field:08x}").bytes()));
            for part in [name.as_bytes(), b"\0"] {
                bytes.extend(part);
            }
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes.extend(content);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes
    })
}

/// Makes the calls; then the tree is looked at.
pub fn run(calls: &[Call]) {
    let root: Arc<dyn Node> = Tmpfs::new_root(1);
    let dev = mounts::directory(&root, b"dev").expect("an empty tree");
    devices::fill(&dev).expect("an empty directory");
    let rom = archive::read(archive(), 4).expect("it is whole");
    mounts::mount(&root, b"/rom", rom.clone()).expect("a free name");
    let mut program =
        Program { origin: Origin { root: root.clone(), base: root.clone() }, open: [const { None }; OPEN] };
    calls.iter().take(60).for_each(|call| program.call(call));
    drop(program);
    tree::check(&root);
    // A mount refers to the tree that it is in, so that neither would ever end.
    rom.mounted_at(&(Tmpfs::new_root(2) as Arc<dyn Node>), b"rom");
}

struct Program {
    origin: Origin,
    open: [Option<Arc<dyn File>>; OPEN],
}

impl Program {
    fn file(&self, slot: u8) -> Option<&Arc<dyn File>> {
        self.open[slot as usize % OPEN].as_ref()
    }

    fn writable(&self, slot: u8) -> Option<&Arc<dyn File>> {
        self.file(slot).filter(|file| file.status().may_write())
    }

    fn readable(&self, slot: u8) -> Option<&Arc<dyn File>> {
        self.file(slot).filter(|file| file.status().may_read())
    }

    fn call(&mut self, call: &Call) {
        if self.on_open(call).is_none() {
            self.on_paths(call);
        }
    }

    /// A call on an open file; nothing if it is one with a path. What is not open is not asked.
    fn on_open(&mut self, call: &Call) -> Option<()> {
        let bytes = |length: u16| vec![7; length.into()];
        match *call {
            Call::Close(slot) => self.open[slot as usize % OPEN] = None,
            Call::Write(slot, length) => {
                let _ = self.writable(slot).map(|file| file.write(&Thread, &mut Source::own(&bytes(length))));
            }
            Call::WriteAt(slot, length, at) => {
                let _ = self.writable(slot).map(|file| file.write_at(&mut Source::own(&bytes(length)), at));
            }
            Call::Read(slot, length) => {
                let _ = self.readable(slot).map(|file| file.read(&Thread, &mut Sink::own(&mut bytes(length))));
            }
            Call::ReadAt(slot, length, at) => {
                let _ = self.readable(slot).map(|file| file.read_at(&mut Sink::own(&mut bytes(length)), at));
            }
            Call::Seek(slot, offset, whence) => {
                let _ = self.file(slot).map(|file| file.seek(offset, whence.into()));
            }
            Call::SetSize(slot, size) => {
                let _ = self.writable(slot).and_then(|file| file.node()).map(|node| node.set_size(size));
            }
            Call::Allocate(slot, keep, at, length) => {
                // More pages than that take the host's memory, not the tree's sense.
                let length = length % (1 << 20);
                let _ = self.writable(slot).and_then(|file| file.node()).map(|node| node.allocate(at, length, keep));
            }
            Call::Punch(slot, at, length) => {
                let _ = self.writable(slot).and_then(|file| file.node()).map(|node| node.punch(at, length));
            }
            Call::Page(slot, index) => {
                let _ = self.readable(slot).and_then(|file| file.node()).map(|node| node.page(index).is_ok());
            }
            Call::List(slot, room) => {
                let _ = self.file(slot).map(|file| file.read_entries(&mut Sink::own(&mut bytes(room))));
            }
            _ => return None,
        }
        Some(())
    }

    fn find(&self, path: &Path, follow: bool) -> Option<Arc<dyn Node>> {
        paths::find(&self.origin, &path.0, if follow { Follow::Always } else { Follow::WithSlash }).ok()
    }

    fn on_paths(&mut self, call: &Call) {
        let origin = &self.origin;
        match call {
            Call::Open(slot, path, flags) => {
                // Opening a fifo would wait for the other end.
                let opened = paths::open(origin, &path.0, flags | linux::O_NONBLOCK, 0o644);
                self.open[*slot as usize % OPEN] = opened.ok();
            }
            Call::MakeDirectory(path) => drop(paths::make(origin, &path.0, New::Directory, 0o755)),
            Call::MakeNode(path, fifo) => {
                let new = if *fifo { New::Special(Kind::Fifo, 0) } else { New::Regular };
                let _ = paths::make(origin, &path.0, new, 0o644);
            }
            Call::MakeLink(target, path) => {
                let _ = paths::make(origin, &path.0, New::Link(&target.0[..target.0.len().min(PATH_MAX)]), 0o777);
            }
            Call::Link(path, new) => {
                let _ = self.find(path, false).map(|node| paths::link(&node, origin, &new.0));
            }
            Call::Remove(path, directory) => drop(paths::remove(origin, &path.0, *directory)),
            Call::Rename(path, new, how) => {
                let how = [Rename::Replace, Rename::NoReplace, Rename::Exchange][*how as usize % 3];
                let _ = paths::rename(origin, &path.0, origin, &new.0, how);
            }
            Call::Permissions(path, permissions) => {
                let change = Change { permissions: Some(permissions & 0o7777), ..Change::default() };
                let _ = self.find(path, true).map(|node| node.change(&change));
            }
            Call::Truncate(path, size) => drop(self.find(path, true).map(|node| node.set_size(*size))),
            Call::Tell(path, follow) => {
                if let Some(node) = self.find(path, *follow) {
                    let _ = (node.metadata(), node.statistics(), node.target().is_ok(), node.parent().is_some());
                }
            }
            Call::Enter(path) => {
                if let Some(node) = self.find(path, true).filter(|node| node.kind() == Kind::Directory) {
                    self.origin.base = node;
                }
            }
            _ => {}
        }
    }
}
