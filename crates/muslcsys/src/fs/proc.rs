//! /proc, as far as std and common crates read it: what the program has open, and texts about it and the machine.

#[cfg(target_vendor = "sel4")]
pub mod texts;

use super::buffers::Sink;
use super::descriptors;
use super::file::{File, Opened, Status, sought};
use super::node::device::PROC;
use super::node::{Entry, Kind, Location, Metadata, Node, Statistics, Target, Time};
use super::open_file::OpenDirectory;
use super::process;
use super::walk::path_of;
use crate::errno::{Errno, SysResult};
use crate::sync::mutex::Mutex;
use crate::thread::Thread;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;

/// Linux's number for this kind of file system (PROC_SUPER_MAGIC of magic.h).
const MAGIC: u64 = 0x9fa0;
/// Where entries' positions begin, behind those of `.` and `..`.
const FIRST: u64 = 3;

/// A text that is made when its file is opened. Errors: ENOMEM.
pub type Text = fn(&mut String) -> Result<(), Errno>;

/// What a program finds.
pub struct Texts {
    /// In /proc.
    pub system: &'static [(&'static str, Text)],
    /// In /proc/self.
    pub own: &'static [(&'static str, Text)],
    /// What /proc/self/exe leads to.
    pub program: fn() -> Box<[u8]>,
}

/// The file system.
struct Proc {
    texts: Texts,
    mounted: Mutex<Option<Location>>,
}

/// What a node of /proc is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Item {
    Root,
    Own,
    Descriptors,
    Descriptor(usize),
    Program,
    WorkingDirectory,
    RootLink,
    SystemText(usize),
    OwnText(usize),
}

/// A node of /proc; made anew whenever it is looked up.
struct ProcNode {
    fs: Arc<Proc>,
    item: Item,
}

/// The root of /proc.
pub fn root(texts: Texts) -> Arc<dyn Node> {
    Arc::new(ProcNode { fs: Arc::new(Proc { texts, mounted: Mutex::new(None) }), item: Item::Root })
}

/// Links and directories of /proc/self.
const OWN: [(&str, Item); 4] =
    [("exe", Item::Program), ("cwd", Item::WorkingDirectory), ("root", Item::RootLink), ("fd", Item::Descriptors)];
/// Names of the program's own directory: as itself, and by its number.
const SELVES: [&str; 3] = ["self", "thread-self", "1"];

/// A number as /proc names it.
fn decimal(name: &[u8]) -> Option<usize> {
    let text = core::str::from_utf8(name).ok()?;
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

impl ProcNode {
    fn with(&self, item: Item) -> Arc<dyn Node> {
        Arc::new(Self { fs: self.fs.clone(), item })
    }

    /// What a name of this directory is; nothing if there is none.
    fn item(&self, name: &[u8]) -> Result<Item, Errno> {
        let texts = &self.fs.texts;
        let position = |list: &[(&str, Text)]| list.iter().position(|(text, _)| text.as_bytes() == name);
        let found = match self.item {
            Item::Root if SELVES.iter().any(|own| own.as_bytes() == name) => Some(Item::Own),
            Item::Root => position(texts.system).map(Item::SystemText),
            Item::Own => match OWN.iter().find(|(own, _)| own.as_bytes() == name) {
                Some(&(_, item)) => Some(item),
                None => position(texts.own).map(Item::OwnText),
            },
            Item::Descriptors => decimal(name).filter(|&fd| descriptors::get(fd).is_ok()).map(Item::Descriptor),
            _ => return Err(Errno::ENOTDIR),
        };
        found.ok_or(Errno::ENOENT)
    }

    /// A number for each node, the same whenever it is asked for.
    fn number(&self) -> u64 {
        match self.item {
            Item::Root => 1,
            Item::Own => 2,
            Item::Descriptors => 3,
            Item::Program => 4,
            Item::WorkingDirectory => 5,
            Item::RootLink => 6,
            Item::SystemText(index) => 0x100 + index as u64,
            Item::OwnText(index) => 0x200 + index as u64,
            Item::Descriptor(fd) => 0x1_0000 + fd as u64,
        }
    }

    /// Gives an entry unless it comes before the position; says whether to go on.
    fn give(&self, position: u64, after: u64, name: &str, item: Item, give: &mut dyn FnMut(Entry<'_>) -> bool) -> bool {
        let node = ProcNode { fs: self.fs.clone(), item };
        let entry = Entry { name: name.as_bytes(), number: node.number(), kind: node.kind(), next: position };
        position <= after || give(entry)
    }
}

impl Node for ProcNode {
    fn kind(&self) -> Kind {
        match self.item {
            Item::Root | Item::Own | Item::Descriptors => Kind::Directory,
            Item::SystemText(_) | Item::OwnText(_) => Kind::Regular,
            _ => Kind::Link,
        }
    }

    fn metadata(&self) -> Metadata {
        let permissions = match self.kind() {
            Kind::Directory => 0o555,
            Kind::Link => 0o777,
            _ => 0o444,
        };
        let now = Time::now();
        let links = if self.kind() == Kind::Directory { 2 } else { 1 };
        let plain = Metadata::plain(PROC, self.number(), self.kind(), permissions);
        Metadata { links, accessed: now, modified: now, changed: now, created: now, ..plain }
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn statistics(&self) -> Statistics {
        Statistics { magic: MAGIC, block_size: 4096, read_only: true, ..Statistics::default() }
    }

    fn open(self: Arc<Self>, flags: u32) -> Result<Arc<dyn File>, Errno> {
        let make = match self.item {
            Item::SystemText(index) => self.fs.texts.system[index].1,
            Item::OwnText(index) => self.fs.texts.own[index].1,
            Item::Root | Item::Own | Item::Descriptors => return Ok(Arc::new(OpenDirectory::new(self, flags))),
            _ => return Err(Errno::ELOOP),
        };
        let mut text = String::new();
        make(&mut text)?;
        Ok(Arc::new(OpenText { opened: Opened::new(self, flags), text, position: Mutex::new(0) }))
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Node>, Errno> {
        self.item(name).map(|item| self.with(item))
    }

    fn parent(&self) -> Option<Arc<dyn Node>> {
        match self.item {
            Item::Root => self.fs.mounted.lock().as_ref().map(|place| place.0.clone()),
            Item::Descriptors => Some(self.with(Item::Own)),
            _ => Some(self.with(Item::Root)),
        }
    }

    fn place(&self) -> Option<Location> {
        let name: &[u8] = match self.item {
            Item::Root => return self.fs.mounted.lock().clone(),
            Item::Own => b"self",
            Item::Descriptors => b"fd",
            Item::SystemText(index) => self.fs.texts.system[index].0.as_bytes(),
            Item::OwnText(index) => {
                return Some((self.with(Item::Own), self.fs.texts.own[index].0.as_bytes().into()));
            }
            _ => return None,
        };
        Some((self.parent()?, name.into()))
    }

    fn mounted_at(&self, directory: &Arc<dyn Node>, name: &[u8]) {
        *self.fs.mounted.lock() = Some((directory.clone(), name.into()));
    }

    fn entries(&self, after: u64, give: &mut dyn FnMut(Entry<'_>) -> bool) -> Result<(), Errno> {
        let texts = |list: &'static [(&'static str, Text)], item: fn(usize) -> Item| {
            list.iter().enumerate().map(move |(index, &(name, _))| (name, item(index)))
        };
        let mut position = FIRST - 1;
        let mut each = |(name, item): (&str, Item)| {
            position += 1;
            self.give(position, after, name, item, give)
        };
        match self.item {
            Item::Root => {
                let own = SELVES.iter().map(|&name| (name, Item::Own));
                own.chain(texts(self.fs.texts.system, Item::SystemText)).all(&mut each);
            }
            Item::Own => {
                OWN.into_iter().chain(texts(self.fs.texts.own, Item::OwnText)).all(&mut each);
            }
            Item::Descriptors => {
                let first = after.saturating_sub(FIRST - 1) as usize;
                for fd in (first..=descriptors::highest()).filter(|&fd| descriptors::get(fd).is_ok()) {
                    if !self.give(FIRST + fd as u64, after, &alloc::format!("{fd}"), Item::Descriptor(fd), give) {
                        break;
                    }
                }
            }
            _ => return Err(Errno::ENOTDIR),
        }
        Ok(())
    }

    fn target(&self) -> Result<Target, Errno> {
        match self.item {
            Item::Program => Ok(Target::Path((self.fs.texts.program)())),
            Item::WorkingDirectory => Ok(Target::Node(process::origin().base)),
            Item::RootLink => Ok(Target::Node(process::origin().root)),
            // What has no node cannot be reached by a path.
            Item::Descriptor(fd) => match descriptors::get(fd).map_err(|_| Errno::ENOENT)?.node() {
                Some(node) => Ok(Target::Node(node.clone())),
                None => Ok(Target::Path(self.link_text()?)),
            },
            _ => Err(Errno::EINVAL),
        }
    }

    fn link_text(&self) -> Result<Box<[u8]>, Errno> {
        let node = match self.item {
            Item::WorkingDirectory => process::origin().base,
            Item::RootLink => process::origin().root,
            Item::Descriptor(fd) => {
                let file = descriptors::get(fd).map_err(|_| Errno::ENOENT)?;
                match file.node() {
                    Some(node) => node.clone(),
                    None => {
                        let told = file.metadata();
                        let name = if told.kind == Kind::Fifo { "pipe" } else { "anon_inode" };
                        return Ok(alloc::format!("{name}:[{}]", told.number).into_bytes().into());
                    }
                }
            }
            _ => return Err(Errno::EINVAL),
        };
        // A file that has lost its name says so, as on Linux.
        Ok(path_of(&process::origin().root, &node).unwrap_or_else(|_| b"/ (deleted)".to_vec()).into())
    }
}

/// An open text.
struct OpenText {
    opened: Opened,
    text: String,
    position: Mutex<u64>,
}

impl File for OpenText {
    fn status(&self) -> &Status {
        &self.opened.status
    }

    fn opened(&self) -> Option<&Opened> {
        Some(&self.opened)
    }

    fn read(&self, _: &Thread, to: &mut Sink<'_>) -> SysResult {
        let mut position = self.position.lock();
        let moved = self.read_at(to, *position)?;
        *position += moved as u64;
        Ok(moved)
    }

    fn read_at(&self, to: &mut Sink<'_>, offset: u64) -> SysResult {
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.text.len());
        to.put(&self.text.as_bytes()[start..])
    }

    fn seek(&self, offset: i64, whence: u32) -> SysResult {
        let mut position = self.position.lock();
        *position = sought(*position, offset, whence, None)?;
        Ok(*position as usize)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use crate::fs::paths;
    use crate::fs::tmpfs::Tmpfs;
    use crate::fs::walk::{Follow, Origin};
    use crate::fs::{mounts, node::New};
    use linux_raw_sys::general as linux;

    fn texts() -> Texts {
        Texts {
            system: &[("uptime", |text| {
                text.push_str("1.00 0.00\n");
                Ok(())
            })],
            own: &[("comm", |text| {
                text.push_str("test\n");
                Ok(())
            })],
            program: || b"/test".as_slice().into(),
        }
    }

    fn origin() -> Origin {
        let base: Arc<dyn Node> = Tmpfs::new_root(1);
        mounts::mount(&base, b"/proc", root(texts())).unwrap();
        Origin { root: base.clone(), base }
    }

    #[test]
    fn texts_are_read_where_they_are_listed() {
        let origin = origin();
        for (path, expected) in [(b"/proc/self/comm".as_slice(), "test\n"), (b"/proc/1/../uptime", "1.00 0.00\n")] {
            let file = paths::open(&origin, path, linux::O_RDONLY, 0).unwrap();
            let mut bytes = [0; 20];
            assert_eq!(file.read(&Thread, &mut Sink::own(&mut bytes)), Ok(expected.len()));
            assert_eq!(&bytes[..expected.len()], expected.as_bytes());
            assert_eq!(file.read(&Thread, &mut Sink::own(&mut bytes)), Ok(0));
        }
        let mut names = Vec::new();
        let own = paths::find(&origin, b"/proc/self", Follow::Always).unwrap();
        own.entries(FIRST, &mut |entry| {
            names.push(String::from_utf8(entry.name.to_vec()).unwrap());
            true
        })
        .unwrap();
        assert_eq!(names, ["cwd", "root", "fd", "comm"]);
        assert_eq!(path_of(&origin.root, &own), Ok(b"/proc/self".to_vec()));
    }

    #[test]
    fn nothing_in_it_can_be_changed() {
        let origin = origin();
        let open = |flags| paths::open(&origin, b"/proc/self/comm", flags, 0).err();
        assert_eq!(open(linux::O_WRONLY), Some(Errno::EROFS));
        assert_eq!(paths::make(&origin, b"/proc/x", New::Directory, 0o755), Err(Errno::EROFS));
        assert_eq!(paths::remove(&origin, b"/proc", true), Err(Errno::EBUSY));
        assert_eq!(paths::find(&origin, b"/proc/self/fd/07", Follow::Always).err(), Some(Errno::ENOENT));
    }
}
