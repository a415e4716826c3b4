//! Nodes: what a name leads to, in any file system (Linux's inodes).

use super::buffers::{Sink, Source};
use super::file::File;
use crate::errno::{Errno, SysResult};
use crate::mm::pages::FilePage;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use linux_raw_sys::general as linux;

/// What a node is: the S_IFMT part of its mode.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub enum Kind {
    /// A named pipe.
    Fifo = linux::S_IFIFO,
    /// A device of bytes.
    Characters = linux::S_IFCHR,
    /// A directory.
    Directory = linux::S_IFDIR,
    /// A file of bytes.
    Regular = linux::S_IFREG,
    /// A symbolic link.
    Link = linux::S_IFLNK,
    /// A socket's name.
    Socket = linux::S_IFSOCK,
}

impl Kind {
    /// As getdents64(2) tells it (d_type).
    pub fn entry_type(self) -> u8 {
        (self as u32 >> 12) as u8
    }
}

/// A point in time: seconds and nanoseconds since 1970.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Debug)]
pub struct Time {
    /// Seconds, negative before 1970.
    pub seconds: i64,
    /// Nanoseconds, below a thousand million.
    pub nanoseconds: u32,
}

impl Time {
    /// The time of day.
    #[cfg(target_vendor = "sel4")]
    pub fn now() -> Self {
        use crate::time::clock;
        let now = clock::realtime();
        Self { seconds: (now / clock::SECOND) as i64, nanoseconds: (now % clock::SECOND) as u32 }
    }

    /// The time of day.
    #[cfg(all(not(target_vendor = "sel4"), test))]
    pub fn now() -> Self {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        Self { seconds: now.as_secs() as i64, nanoseconds: now.subsec_nanos() }
    }

    /// The time of day, which the host's build without tests does not ask for.
    #[cfg(all(not(target_vendor = "sel4"), not(test)))]
    pub fn now() -> Self {
        Self::default()
    }
}

/// What stat(2) tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Metadata {
    /// The file system's number (st_dev).
    pub device: u64,
    /// The node's number in it (st_ino).
    pub number: u64,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, set-user-id and the like: the lower twelve bits of st_mode.
    pub permissions: u32,
    /// Names that lead to it.
    pub links: u32,
    /// Owner.
    pub user: u32,
    /// Group.
    pub group: u32,
    /// A device's own number (st_rdev).
    pub represents: u64,
    /// Bytes.
    pub size: u64,
    /// Bytes that are best moved at a time.
    pub block_size: u32,
    /// Units of 512 bytes that it takes up.
    pub blocks: u64,
    /// Last read.
    pub accessed: Time,
    /// Content last changed.
    pub modified: Time,
    /// Metadata last changed.
    pub changed: Time,
    /// Made.
    pub created: Time,
}

/// The numbers of the file systems (st_dev).
pub mod device {
    /// What is writable.
    pub const ROOT: u64 = 1;
    /// Files in memory that never had a place in the tree.
    pub const NAMELESS: u64 = 2;
    /// /proc.
    pub const PROC: u64 = 3;
    /// The image's archive.
    pub const ARCHIVE: u64 = 4;
    /// Pipes without a name.
    pub const PIPES: u64 = 12;
    /// What is no file at all: counters, timers and the like (Linux's anon_inodefs).
    pub const ANONYMOUS: u64 = 13;
}

impl Metadata {
    /// Of what is no file at all: fstat(2) tells no type of it.
    pub fn nameless() -> Self {
        Self::plain(device::ANONYMOUS, 1, Kind::Regular, 0o600)
    }

    /// Of a node that has nothing special: everything else zero.
    pub fn plain(device: u64, number: u64, kind: Kind, permissions: u32) -> Self {
        Self {
            device,
            number,
            kind,
            permissions,
            links: 1,
            user: 0,
            group: 0,
            represents: 0,
            size: 0,
            block_size: 4096,
            blocks: 0,
            accessed: Time::default(),
            modified: Time::default(),
            changed: Time::default(),
            created: Time::default(),
        }
    }

    /// Type and permissions in one word (st_mode).
    pub fn mode(&self) -> u32 {
        self.kind as u32 | self.permissions
    }
}

/// A change of a node's metadata; what is `None` stays.
#[derive(Clone, Copy, Default, Debug)]
pub struct Change {
    /// Permission bits.
    pub permissions: Option<u32>,
    /// Owner.
    pub user: Option<u32>,
    /// Group.
    pub group: Option<u32>,
    /// Last read.
    pub accessed: Option<Time>,
    /// Content last changed.
    pub modified: Option<Time>,
}

/// What a new node is to be.
#[derive(Clone, Copy, Debug)]
pub enum New<'a> {
    /// An empty file.
    Regular,
    /// An empty directory.
    Directory,
    /// A symbolic link with this target.
    Link(&'a [u8]),
    /// A device, a named pipe or a socket's name, with the number of the device.
    Special(Kind, u64),
}

/// Where a symbolic link leads.
pub enum Target {
    /// To what the path names, from the link's own directory.
    Path(Box<[u8]>),
    /// To this node, whatever its names are (/proc/self/fd).
    Node(Arc<dyn Node>),
}

/// One entry of a directory.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The number of the node.
    pub number: u64,
    /// What the node is.
    pub kind: Kind,
    /// The position behind it: where reading goes on.
    pub next: u64,
}

/// How a file is renamed (renameat2(2)).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rename {
    /// What has the new name is replaced.
    Replace,
    /// It is an error if something has the new name (RENAME_NOREPLACE).
    NoReplace,
    /// The two change names (RENAME_EXCHANGE).
    Exchange,
}

/// What a file system has and has left, as statfs(2) tells it, in blocks of `block_size` bytes.
#[derive(Clone, Copy, Default, Debug)]
pub struct Statistics {
    /// The kind of file system (f_type).
    pub magic: u64,
    /// Bytes of a block.
    pub block_size: u64,
    /// Blocks in all.
    pub blocks: u64,
    /// Blocks that are free.
    pub free: u64,
    /// Nodes in all.
    pub nodes: u64,
    /// Nodes that can still be made.
    pub free_nodes: u64,
    /// Nothing can be changed in it.
    pub read_only: bool,
}

/// Where a node is: its directory, and its name there.
pub type Location = (Arc<dyn Node>, Box<[u8]>);

/// What a name leads to, in any file system. What a node is not for answers as a file system without it does: a function of directories
/// gives ENOTDIR, one that changes a file system that cannot be changed EROFS. Names given to it are single parts of a path, neither empty
/// nor `.` nor `..`, and not too long.
pub trait Node: Any + Send + Sync {
    /// What it is.
    fn kind(&self) -> Kind;

    /// What stat(2) tells about it.
    fn metadata(&self) -> Metadata;

    /// Whether nothing in its file system can be changed.
    fn is_read_only(&self) -> bool {
        false
    }

    /// What its file system has left.
    fn statistics(&self) -> Statistics;

    /// Changes its metadata. Errors: EROFS, EPERM.
    fn change(&self, _change: &Change) -> Result<(), Errno> {
        Err(Errno::EROFS)
    }

    /// An open file description on it; `flags` as in open(2). Errors: ENXIO, EROFS, ENOMEM and what the node has.
    fn open(self: Arc<Self>, flags: u32) -> Result<Arc<dyn File>, Errno>;

    // Directories.

    /// What `name` leads to. Errors: ENOENT, ENOTDIR.
    fn lookup(&self, _name: &[u8]) -> Result<Arc<dyn Node>, Errno> {
        Err(Errno::ENOTDIR)
    }

    /// The directory that it is in; nothing for the root, for what is no directory, and for a directory that was removed.
    fn parent(&self) -> Option<Arc<dyn Node>> {
        None
    }

    /// Directory and name by which it was last reached, if it still has that name: for getcwd(2) and /proc/self/fd.
    fn place(&self) -> Option<Location> {
        None
    }

    /// Makes a node. Errors: EEXIST, ENOENT if the directory was removed, ENOSPC, EROFS.
    fn make(&self, _name: &[u8], _what: New<'_>, _permissions: u32) -> Result<Arc<dyn Node>, Errno> {
        Err(if self.kind() == Kind::Directory { Errno::EROFS } else { Errno::ENOTDIR })
    }

    /// Makes a file that has no name yet, and may get one by `link` if `linkable` (O_TMPFILE). Errors: EOPNOTSUPP, ENOSPC.
    fn make_nameless(&self, _permissions: u32, _linkable: bool) -> Result<Arc<dyn Node>, Errno> {
        Err(Errno::EOPNOTSUPP)
    }

    /// Gives a node of the same file system a further name. Errors: EEXIST, EXDEV, ENOENT, EPERM, EMLINK, ENOSPC, EROFS.
    fn link(&self, _name: &[u8], _node: &Arc<dyn Node>) -> Result<(), Errno> {
        Err(Errno::EROFS)
    }

    /// Takes a name away: of an empty directory if `directory`, else of anything but a directory. Errors: ENOENT, EISDIR, ENOTDIR, ENOTEMPTY,
    /// EBUSY, EROFS.
    fn remove(&self, _name: &[u8], _directory: bool) -> Result<(), Errno> {
        Err(Errno::EROFS)
    }

    /// Moves a name to another directory of the same file system. Errors: those of rename(2).
    fn rename(&self, _name: &[u8], _to: &Arc<dyn Node>, _new: &[u8], _how: Rename) -> Result<(), Errno> {
        Err(Errno::EROFS)
    }

    /// Has a name lead to the root of another file system, which is told its place. Errors: EEXIST if it leads to anything but an empty
    /// directory, ENOSPC, EROFS.
    fn mount(&self, _name: &[u8], _root: Arc<dyn Node>) -> Result<(), Errno> {
        Err(Errno::EROFS)
    }

    /// Tells the root of a file system where it was mounted.
    fn mounted_at(&self, _directory: &Arc<dyn Node>, _name: &[u8]) {}

    /// Gives the entries behind the position `after`, without `.` and `..`, until `give` says that it has enough. Errors: ENOTDIR, ENOENT if
    /// the directory was removed.
    fn entries(&self, _after: u64, _give: &mut dyn FnMut(Entry<'_>) -> bool) -> Result<(), Errno> {
        Err(Errno::ENOTDIR)
    }

    // Symbolic links.

    /// Where a symbolic link leads. Errors: EINVAL for what is none, ENOENT.
    fn target(&self) -> Result<Target, Errno> {
        Err(Errno::EINVAL)
    }

    /// What readlink(2) tells of a link that leads to a node, whatever its names are.
    fn link_text(&self) -> Result<Box<[u8]>, Errno> {
        Err(Errno::EINVAL)
    }

    // Files of bytes.

    /// Reads from `offset` on; 0 at the end. Errors: EINVAL, EISDIR, EFAULT.
    fn read_at(&self, _to: &mut Sink<'_>, _offset: u64) -> SysResult {
        Err(Errno::EINVAL)
    }

    /// Writes from `offset` on. Errors: EINVAL, EFAULT, ENOSPC, EFBIG.
    fn write_at(&self, _from: &mut Source<'_>, _offset: u64) -> SysResult {
        Err(Errno::EINVAL)
    }

    /// Writes at the end; gives also the position behind what was written. Errors: those of [`Node::write_at`].
    fn append(&self, _from: &mut Source<'_>) -> Result<(usize, u64), Errno> {
        Err(Errno::EINVAL)
    }

    /// Makes it so long: what is cut off is gone, what is added reads as zeros. Errors: EINVAL, EISDIR, EFBIG, EROFS.
    fn set_size(&self, _size: u64) -> Result<(), Errno> {
        Err(Errno::EINVAL)
    }

    /// Has memory for a range, so that writing there cannot fail for want of it; the file grows to hold it unless `keep_size` (fallocate(2)).
    /// All or nothing. Errors: ENODEV for what has no bytes of its own, ENOSPC, EFBIG.
    fn allocate(&self, _offset: u64, _length: u64, _keep_size: bool) -> Result<(), Errno> {
        Err(Errno::ENODEV)
    }

    /// Makes a range zero and gives back its memory; the size stays (FALLOC_FL_PUNCH_HOLE). Errors: ENODEV.
    fn punch(&self, _offset: u64, _length: u64) -> Result<(), Errno> {
        Err(Errno::ENODEV)
    }

    /// The first byte from `offset` on that is data, or that is in a hole (SEEK_DATA, SEEK_HOLE). Errors: ENXIO, EINVAL.
    fn seek_data(&self, _offset: u64, _data: bool) -> Result<u64, Errno> {
        Err(Errno::EINVAL)
    }

    /// It is going to be mapped: from now on it tells `mm::files` when it has other pages at its end, and pages that read as zeros stay its own.
    fn set_mapped(&self) {}

    /// One more reference to the page that holds its bytes from `index` times the size of a page on, for a shared mapping (mmap(2)); a hole
    /// gets a page. Behind the end of the file there is none, and what the last page holds there is zero. Errors: ENODEV for what cannot be
    /// mapped, ENXIO behind the end, ENOSPC.
    fn page(&self, _index: u64) -> Result<FilePage, Errno> {
        Err(Errno::ENODEV)
    }
}
