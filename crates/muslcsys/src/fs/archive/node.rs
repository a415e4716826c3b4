//! The nodes of an archive's file system.

use crate::errno::{Errno, SysResult};
use crate::fs::buffers::Sink;
use crate::fs::file::File;
use crate::fs::node::{Entry, Kind, Location, Metadata, Node, Statistics, Target, Time};
use crate::fs::open_file::{OpenDirectory, OpenFile};
use crate::fs::tmpfs::directory::Entries;
use crate::fs::{devices, pipe::Pipe};
use crate::mm::areas::PAGE;
use crate::mm::pages::FilePage;
use crate::sync::mutex::Mutex;
use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering};

/// Linux's number for a read-only file system in memory (ROMFS_MAGIC of magic.h).
const MAGIC: u64 = 0x7275;

/// What a member says about itself.
#[derive(Clone, Copy, Debug)]
pub struct Fixed {
    /// Permission bits.
    pub permissions: u32,
    /// Owner.
    pub user: u32,
    /// Group.
    pub group: u32,
    /// When its content last changed.
    pub time: Time,
}

impl Fixed {
    /// Of a directory that no member tells of.
    pub fn default_directory() -> Self {
        Self { permissions: 0o755, user: 0, group: 0, time: Time::default() }
    }
}

/// Directory and name.
type Place = (Weak<Inode>, Box<[u8]>);

enum Body {
    Directory(Mutex<Directory>),
    /// A file, a link, or something without content.
    Leaf(Kind, Mutex<&'static [u8]>, u64),
}

struct Directory {
    entries: Entries<Arc<Inode>>,
    me: Weak<Inode>,
    /// A member told about it.
    told: bool,
    fixed: Fixed,
    /// Where the file system is mounted; of the root.
    mounted: Option<Location>,
}

/// A node of an archive.
pub struct Inode {
    device: u64,
    number: u64,
    fixed: Fixed,
    links: AtomicU32,
    place: Mutex<Option<Place>>,
    body: Body,
    /// Who opens a fifo of this name meets here.
    pipe: Option<Arc<Pipe>>,
}

impl Inode {
    /// An empty directory.
    pub fn directory(device: u64, number: u64, fixed: Fixed, place: Option<Place>) -> Arc<Self> {
        Arc::new_cyclic(|me| {
            let directory = Directory { entries: Entries::new(), me: me.clone(), told: false, fixed, mounted: None };
            let body = Body::Directory(Mutex::new(directory));
            Self { device, number, fixed, links: AtomicU32::new(2), place: Mutex::new(place), body, pipe: None }
        })
    }

    /// Anything but a directory.
    pub fn leaf(
        device: u64,
        number: u64,
        kind: Kind,
        fixed: Fixed,
        bytes: &'static [u8],
        represents: u64,
    ) -> Arc<Self> {
        let body = Body::Leaf(kind, Mutex::new(bytes), represents);
        let pipe = (kind == Kind::Fifo).then(Pipe::new);
        Arc::new(Self { device, number, fixed, links: AtomicU32::new(0), place: Mutex::new(None), body, pipe })
    }

    /// Whether it is a directory.
    pub fn is_directory(&self) -> bool {
        matches!(self.body, Body::Directory(_))
    }

    /// What a name in this directory leads to.
    pub fn child(&self, name: &[u8]) -> Option<Arc<Inode>> {
        match &self.body {
            Body::Directory(directory) => directory.lock().entries.get(name).cloned(),
            Body::Leaf(..) => None,
        }
    }

    /// Adds an entry to this directory, with a name that it does not have yet.
    pub fn add(&self, name: &[u8], inode: Arc<Inode>) {
        let Body::Directory(directory) = &self.body else { return };
        let mut directory = directory.lock();
        if inode.is_directory() {
            self.links.fetch_add(1, Ordering::Relaxed);
        } else {
            inode.links.fetch_add(1, Ordering::Relaxed);
        }
        *inode.place.lock() = Some((directory.me.clone(), name.into()));
        directory.entries.insert(name.into(), inode.number, inode.kind(), inode);
    }

    /// Adds an empty directory to this one.
    pub fn add_directory(&self, name: &[u8], next: &mut u64) -> Arc<Inode> {
        let inode = Self::directory(self.device, *next, Fixed::default_directory(), None);
        *next += 1;
        self.add(name, inode.clone());
        inode
    }

    /// Says what a member tells of a directory; nothing if it is none, or if one did before.
    pub fn set_fixed(&self, fixed: Fixed) -> Option<()> {
        let Body::Directory(directory) = &self.body else { return None };
        let mut directory = directory.lock();
        if core::mem::replace(&mut directory.told, true) {
            return None;
        }
        directory.fixed = fixed;
        Some(())
    }

    /// Whether it is of this kind, with the same permissions and owners: what each name of a file says.
    pub fn is_as(&self, kind: Kind, fixed: &Fixed) -> bool {
        let says = |fixed: &Fixed| (fixed.permissions, fixed.user, fixed.group);
        self.kind() == kind && says(&self.fixed) == says(fixed)
    }

    /// What a further name brings along: of several, one has the content. Nothing if two have.
    pub fn add_bytes(&self, bytes: &'static [u8]) -> Option<()> {
        let Body::Leaf(_, own, _) = &self.body else { return None };
        let mut own = own.lock();
        match (own.is_empty(), bytes.is_empty()) {
            (_, true) => {}
            (true, false) => *own = bytes,
            (false, false) if *own == bytes => {}
            (false, false) => return None,
        }
        Some(())
    }

    /// Takes the entries of a directory out of it.
    fn take_entries(&mut self, to: &mut Vec<Entries<Arc<Inode>>>) {
        if let Body::Directory(directory) = &self.body {
            to.push(core::mem::replace(&mut directory.lock().entries, Entries::new()));
        }
    }

    fn bytes(&self) -> &'static [u8] {
        match &self.body {
            Body::Leaf(_, bytes, _) => *bytes.lock(),
            Body::Directory(_) => &[],
        }
    }
}

/// One after the other: the directories of a broken archive may be deeper than the stack.
impl Drop for Inode {
    fn drop(&mut self) {
        let mut left = Vec::new();
        self.take_entries(&mut left);
        while let Some(entries) = left.pop() {
            entries.into_children().filter_map(Arc::into_inner).for_each(|mut child| child.take_entries(&mut left));
        }
    }
}

impl Node for Inode {
    fn kind(&self) -> Kind {
        match &self.body {
            Body::Directory(_) => Kind::Directory,
            Body::Leaf(kind, ..) => *kind,
        }
    }

    fn metadata(&self) -> Metadata {
        let (fixed, represents) = match &self.body {
            Body::Directory(directory) => (directory.lock().fixed, 0),
            Body::Leaf(_, _, represents) => (self.fixed, *represents),
        };
        let size = self.bytes().len() as u64;
        Metadata {
            links: self.links.load(Ordering::Relaxed),
            user: fixed.user,
            group: fixed.group,
            represents,
            size,
            blocks: size.div_ceil(512),
            accessed: fixed.time,
            modified: fixed.time,
            changed: fixed.time,
            created: fixed.time,
            ..Metadata::plain(self.device, self.number, self.kind(), fixed.permissions)
        }
    }

    fn is_read_only(&self) -> bool {
        true
    }

    fn statistics(&self) -> Statistics {
        Statistics { magic: MAGIC, block_size: PAGE as u64, read_only: true, ..Statistics::default() }
    }

    fn open(self: Arc<Self>, flags: u32) -> Result<Arc<dyn File>, Errno> {
        match &self.body {
            Body::Directory(_) => Ok(Arc::new(OpenDirectory::new(self, flags))),
            Body::Leaf(Kind::Regular, ..) => Ok(Arc::new(OpenFile::new(self, flags))),
            Body::Leaf(Kind::Link, ..) => Err(Errno::ELOOP),
            Body::Leaf(kind, _, number) => match &self.pipe {
                Some(pipe) => pipe.open(self.clone(), flags),
                None => devices::open(*kind, *number, self.clone(), flags),
            },
        }
    }

    fn lookup(&self, name: &[u8]) -> Result<Arc<dyn Node>, Errno> {
        if !self.is_directory() {
            return Err(Errno::ENOTDIR);
        }
        self.child(name).map(|inode| inode as Arc<dyn Node>).ok_or(Errno::ENOENT)
    }

    fn parent(&self) -> Option<Arc<dyn Node>> {
        self.place().map(|place| place.0)
    }

    fn place(&self) -> Option<Location> {
        if let Some((parent, name)) = &*self.place.lock() {
            return Some((parent.upgrade()?, name.clone()));
        }
        match &self.body {
            Body::Directory(directory) => directory.lock().mounted.clone(),
            Body::Leaf(..) => None,
        }
    }

    fn mounted_at(&self, parent: &Arc<dyn Node>, name: &[u8]) {
        if let Body::Directory(directory) = &self.body {
            directory.lock().mounted = Some((parent.clone(), name.into()));
        }
    }

    fn entries(&self, after: u64, give: &mut dyn FnMut(Entry<'_>) -> bool) -> Result<(), Errno> {
        let Body::Directory(directory) = &self.body else { return Err(Errno::ENOTDIR) };
        directory.lock().entries.each(after, give);
        Ok(())
    }

    fn target(&self) -> Result<Target, Errno> {
        if self.kind() == Kind::Link { Ok(Target::Path(self.bytes().into())) } else { Err(Errno::EINVAL) }
    }

    fn read_at(&self, to: &mut Sink<'_>, offset: u64) -> SysResult {
        let bytes = self.bytes();
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(bytes.len());
        to.put(&bytes[start..])
    }

    fn set_size(&self, _: u64) -> Result<(), Errno> {
        Err(Errno::EROFS)
    }

    fn seek_data(&self, offset: u64, data: bool) -> Result<u64, Errno> {
        let size = self.bytes().len() as u64;
        match (offset < size, data) {
            (false, _) => Err(Errno::ENXIO),
            (true, true) => Ok(offset),
            (true, false) => Ok(size),
        }
    }

    /// A copy: the archive's files do not begin at pages, and nothing changes them.
    fn page(&self, index: u64) -> Result<FilePage, Errno> {
        if self.kind() != Kind::Regular {
            return Err(Errno::ENODEV);
        }
        let bytes = self.bytes();
        let start = usize::try_from(index).ok().and_then(|index| index.checked_mul(PAGE));
        let start = start.filter(|&start| start < bytes.len()).ok_or(Errno::ENXIO)?;
        let bytes = &bytes[start..bytes.len().min(start + PAGE)];
        let page = FilePage::new().map_err(|_| Errno::ENOSPC)?;
        // SAFETY: the page is fresh, so nobody else reads or writes it, and it is at least as long as the piece.
        unsafe { core::ptr::copy_nonoverlapping(bytes.as_ptr(), page.address(), bytes.len()) };
        Ok(page)
    }
}
