//! Files in memory.
//!
//! A node's lock is held while the program's memory is copied to or from that one file, so threads in different files do not wait for each
//! other. Whoever changes names holds the file system's lock for changes first; only then may more than one directory be locked at a
//! time, in any order. Who only looks holds one directory for one look.

pub mod data;
pub mod directory;
mod names;

use super::buffers::{Sink, Source};
use super::file::File;
use super::node::{Change, Entry, Kind, Location, Metadata, New, Node, Rename, Statistics, Target, Time};
use super::open_file::{OpenDirectory, OpenFile};
use super::pipe::Pipe;
use crate::errno::{Errno, SysResult};
use crate::mm::areas::PAGE;
use crate::mm::files;
use crate::mm::pages::FilePage;
use crate::sync::mutex::Mutex;
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use data::Data;
use directory::{Entries, Name};

/// Linux's number for this kind of file system (TMPFS_MAGIC of magic.h).
const MAGIC: u64 = 0x0102_1994;
/// Bits of a mode that are permissions.
pub const PERMISSIONS: u32 = 0o7777;

/// A file system in memory.
pub struct Tmpfs {
    /// Its number (st_dev).
    device: u64,
    /// The last number that a node got.
    numbers: AtomicU64,
    /// Pages that its files take up.
    pages: AtomicU64,
    /// Held by who changes names.
    changes: Mutex<()>,
}

/// What a node is made of.
enum Body {
    Regular(Contents),
    Directory(Mutex<Directory>),
    Link(Box<[u8]>),
    Fifo(Arc<Pipe>),
    /// A device, with its number, or a socket's name.
    Special(Kind, u64),
}

/// A file's bytes, and what of them is told without waiting for who reads or writes them.
#[derive(Default)]
struct Contents {
    data: Mutex<Data>,
    size: AtomicU64,
    pages: AtomicU64,
    /// It was mapped at some time.
    mapped: AtomicBool,
}

/// A directory's entries.
struct Directory {
    entries: Entries<Child>,
    /// It has no name any more, and gets no entries.
    removed: bool,
    me: Weak<Inode>,
}

/// What an entry leads to.
#[derive(Clone)]
enum Child {
    Own(Arc<Inode>),
    /// The root of another file system.
    Mounted(Arc<dyn Node>),
}

impl Child {
    fn node(&self) -> Arc<dyn Node> {
        match self {
            Child::Own(inode) => inode.clone(),
            Child::Mounted(root) => root.clone(),
        }
    }
}

struct Attributes {
    permissions: u32,
    user: u32,
    group: u32,
    links: u32,
    accessed: Time,
    modified: Time,
    changed: Time,
    created: Time,
    /// The name it got last, while it has it.
    place: Option<(Weak<Inode>, Name)>,
    /// Made without a name, and may get one (O_TMPFILE without O_EXCL).
    linkable: bool,
}

/// A node of a file system in memory.
pub struct Inode {
    fs: Arc<Tmpfs>,
    number: u64,
    body: Body,
    attributes: Mutex<Attributes>,
}

impl Tmpfs {
    /// An empty file system with this number; gives its root directory.
    pub fn new_root(device: u64) -> Arc<Inode> {
        let numbers = AtomicU64::new(0);
        let fs = Arc::new(Self { device, numbers, pages: AtomicU64::new(0), changes: Mutex::new(()) });
        fs.inode(New::Directory, 0o755)
    }

    fn inode(self: &Arc<Self>, what: New<'_>, permissions: u32) -> Arc<Inode> {
        let now = Time::now();
        let make = |body, links| Inode {
            fs: self.clone(),
            number: self.numbers.fetch_add(1, Ordering::Relaxed) + 1,
            body,
            attributes: Mutex::new(Attributes {
                permissions: permissions & PERMISSIONS,
                user: 0,
                group: 0,
                links,
                accessed: now,
                modified: now,
                changed: now,
                created: now,
                place: None,
                linkable: false,
            }),
        };
        match what {
            New::Regular => Arc::new(make(Body::Regular(Contents::default()), 1)),
            New::Link(target) => Arc::new(make(Body::Link(target.into()), 1)),
            New::Special(Kind::Fifo, _) => Arc::new(make(Body::Fifo(Pipe::new()), 1)),
            New::Special(kind, number) => Arc::new(make(Body::Special(kind, number), 1)),
            New::Directory => Arc::new_cyclic(|me| {
                let directory = Directory { entries: Entries::new(), removed: false, me: me.clone() };
                make(Body::Directory(Mutex::new(directory)), 2)
            }),
        }
    }
}

impl Drop for Inode {
    fn drop(&mut self) {
        if let Body::Regular(contents) = &self.body {
            self.fs.pages.fetch_sub(contents.pages.load(Ordering::Relaxed), Ordering::Relaxed);
        }
    }
}

impl Inode {
    /// Changes the bytes, and then what is told about them.
    fn change_data<R>(&self, change: impl FnOnce(&mut Data) -> R) -> Result<R, Errno> {
        let contents = self.contents()?;
        let mut data = contents.data.lock();
        let size = data.size();
        let result = change(&mut data);
        let (new_size, pages) = (data.size(), data.pages());
        contents.size.store(new_size, Ordering::Relaxed);
        let before = contents.pages.swap(pages, Ordering::Relaxed);
        self.fs.pages.fetch_add(pages.wrapping_sub(before), Ordering::Relaxed);
        drop(data);
        if size != new_size && contents.mapped.load(Ordering::Relaxed) {
            let [before, after] = [size, new_size].map(|size| size.div_ceil(PAGE as u64));
            files::resized(self, before, after);
        }
        Ok(result)
    }

    fn contents(&self) -> Result<&Contents, Errno> {
        match &self.body {
            Body::Regular(contents) => Ok(contents),
            Body::Directory(_) => Err(Errno::EISDIR),
            _ => Err(Errno::EINVAL),
        }
    }

    fn directory(&self) -> Result<&Mutex<Directory>, Errno> {
        match &self.body {
            Body::Directory(directory) => Ok(directory),
            _ => Err(Errno::ENOTDIR),
        }
    }

    /// Notes that the bytes or the entries have changed.
    fn touch(&self) {
        let now = Time::now();
        let mut attributes = self.attributes.lock();
        (attributes.modified, attributes.changed) = (now, now);
    }

    /// Notes that it was read, as seldom as Linux does where nothing else is asked for (relatime).
    fn touch_accessed(&self) {
        const DAY: i64 = 24 * 60 * 60;
        let now = Time::now();
        let mut attributes = self.attributes.lock();
        let Attributes { accessed, modified, changed, .. } = *attributes;
        if accessed <= modified || accessed <= changed || now.seconds - accessed.seconds >= DAY {
            attributes.accessed = now;
        }
    }
}

impl Node for Inode {
    fn kind(&self) -> Kind {
        match &self.body {
            Body::Regular(_) => Kind::Regular,
            Body::Directory(_) => Kind::Directory,
            Body::Link(_) => Kind::Link,
            Body::Fifo(_) => Kind::Fifo,
            Body::Special(kind, _) => *kind,
        }
    }

    fn metadata(&self) -> Metadata {
        let mut metadata = Metadata::plain(self.fs.device, self.number, self.kind(), 0);
        match &self.body {
            Body::Regular(contents) => {
                metadata.size = contents.size.load(Ordering::Relaxed);
                metadata.blocks = contents.pages.load(Ordering::Relaxed) * (PAGE as u64 / 512);
            }
            Body::Link(target) => metadata.size = target.len() as u64,
            Body::Special(_, number) => metadata.represents = *number,
            Body::Directory(_) | Body::Fifo(_) => {}
        }
        let attributes = self.attributes.lock();
        Metadata {
            permissions: attributes.permissions,
            links: attributes.links,
            user: attributes.user,
            group: attributes.group,
            accessed: attributes.accessed,
            modified: attributes.modified,
            changed: attributes.changed,
            created: attributes.created,
            ..metadata
        }
    }

    fn statistics(&self) -> Statistics {
        let free = FilePage::available() as u64;
        Statistics {
            magic: MAGIC,
            block_size: PAGE as u64,
            blocks: free + self.fs.pages.load(Ordering::Relaxed),
            free,
            // A node takes less than a page: so many are sure.
            nodes: free + self.fs.numbers.load(Ordering::Relaxed),
            free_nodes: free,
            read_only: false,
        }
    }

    fn change(&self, change: &Change) -> Result<(), Errno> {
        let now = Time::now();
        let mut attributes = self.attributes.lock();
        attributes.permissions = change.permissions.map_or(attributes.permissions, |bits| bits & PERMISSIONS);
        attributes.user = change.user.unwrap_or(attributes.user);
        attributes.group = change.group.unwrap_or(attributes.group);
        attributes.accessed = change.accessed.unwrap_or(attributes.accessed);
        attributes.modified = change.modified.unwrap_or(attributes.modified);
        attributes.changed = now;
        Ok(())
    }

    fn open(self: Arc<Self>, flags: u32) -> Result<Arc<dyn File>, Errno> {
        match &self.body {
            Body::Directory(_) => Ok(Arc::new(OpenDirectory::new(self, flags))),
            Body::Regular(_) => Ok(Arc::new(OpenFile::new(self, flags))),
            Body::Fifo(pipe) => pipe.open(self.clone(), flags),
            Body::Special(kind, number) => super::devices::open(*kind, *number, self.clone(), flags),
            Body::Link(_) => Err(Errno::ELOOP),
        }
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Node>, Errno> {
        self.directory()?.lock().entries.get(name).map(Child::node).ok_or(Errno::ENOENT)
    }

    fn parent(&self) -> Option<Arc<dyn Node>> {
        let attributes = self.attributes.lock();
        Some(attributes.place.as_ref()?.0.upgrade()?)
    }

    fn place(&self) -> Option<Location> {
        let attributes = self.attributes.lock();
        let (parent, name) = attributes.place.as_ref().filter(|_| attributes.links > 0)?;
        Some((parent.upgrade()?, (**name).into()))
    }

    fn make(&self, name: &[u8], what: New<'_>, permissions: u32) -> Result<Arc<dyn Node>, Errno> {
        self.make_inode(name, what, permissions).map(|inode| inode as Arc<dyn Node>)
    }

    fn make_nameless(&self, permissions: u32, linkable: bool) -> Result<Arc<dyn Node>, Errno> {
        self.directory()?;
        super::prepare()?;
        let inode = self.fs.inode(New::Regular, permissions);
        let mut attributes = inode.attributes.lock();
        (attributes.links, attributes.linkable) = (0, linkable);
        drop(attributes);
        Ok(inode)
    }

    fn link(&self, name: &[u8], node: &Arc<dyn Node>) -> Result<(), Errno> {
        self.link_inode(name, node)
    }

    fn remove(&self, name: &[u8], directory: bool) -> Result<(), Errno> {
        self.remove_child(name, directory)
    }

    fn rename(&self, name: &[u8], to: &Arc<dyn Node>, new: &[u8], how: Rename) -> Result<(), Errno> {
        self.rename_child(name, to, new, how)
    }

    fn mount(&self, name: &[u8], root: Arc<dyn Node>) -> Result<(), Errno> {
        self.mount_child(name, root)
    }

    fn entries(&self, after: u64, give: &mut dyn FnMut(Entry<'_>) -> bool) -> Result<(), Errno> {
        let directory = self.directory()?.lock();
        if directory.removed {
            return Err(Errno::ENOENT);
        }
        directory.entries.each(after, give);
        drop(directory);
        self.touch_accessed();
        Ok(())
    }

    fn target(&self) -> Result<Target, Errno> {
        match &self.body {
            Body::Link(target) => {
                self.touch_accessed();
                Ok(Target::Path(target.clone()))
            }
            _ => Err(Errno::EINVAL),
        }
    }

    fn read_at(&self, to: &mut Sink<'_>, offset: u64) -> SysResult {
        let moved = self.contents()?.data.lock().read(to, offset);
        self.touch_accessed();
        moved
    }

    fn write_at(&self, from: &mut Source<'_>, offset: u64) -> SysResult {
        let moved = self.change_data(|data| data.write(from, offset))?;
        self.touch();
        moved
    }

    fn append(&self, from: &mut Source<'_>) -> Result<(usize, u64), Errno> {
        let moved = self.change_data(|data| {
            let end = data.size();
            data.write(from, end).map(|moved| (moved, data.size()))
        })?;
        self.touch();
        moved
    }

    fn set_size(&self, size: u64) -> Result<(), Errno> {
        self.change_data(|data| data.set_size(size))??;
        self.touch();
        Ok(())
    }

    fn allocate(&self, offset: u64, length: u64, keep_size: bool) -> Result<(), Errno> {
        let end = offset.checked_add(length).filter(|&end| end <= data::MAX_SIZE).ok_or(Errno::EFBIG)?;
        self.change_data(|data| {
            data.allocate(offset..end)?;
            if keep_size || end <= data.size() { Ok(()) } else { data.set_size(end) }
        })??;
        self.touch();
        Ok(())
    }

    fn punch(&self, offset: u64, length: u64) -> Result<(), Errno> {
        let end = offset.saturating_add(length).min(data::MAX_SIZE);
        let mapped = self.contents()?.mapped.load(Ordering::Relaxed);
        let range = offset.min(end)..end;
        self.change_data(|data| if mapped { data.zero(range) } else { data.punch(range) })?;
        self.touch();
        Ok(())
    }

    fn seek_data(&self, offset: u64, data: bool) -> Result<u64, Errno> {
        self.contents()?.data.lock().seek(offset, data)
    }

    fn page(&self, index: u64) -> Result<FilePage, Errno> {
        self.contents().map_err(|_| Errno::ENODEV)?;
        self.change_data(|data| data.page_for_mapping(index))?
    }

    fn set_mapped(&self) {
        if let Ok(contents) = self.contents() {
            contents.mapped.store(true, Ordering::Relaxed);
        }
    }
}

/// The same memory?
fn is_same(a: &Arc<Inode>, b: &Arc<Inode>) -> bool {
    Arc::ptr_eq(a, b)
}
