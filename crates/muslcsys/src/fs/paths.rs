//! What the calls that name files by paths do, apart from where the path's bytes come from: open, make, remove, rename, link.

use super::file::File;
use super::node::{Kind, New, Node, Rename};
use super::open_file::OpenPath;
use super::walk::{Follow, Last, Origin, Walked, walk};
use crate::errno::Errno;
use alloc::sync::Arc;
use linux_raw_sys::general as linux;

/// O_TMPFILE without the O_DIRECTORY that it contains.
const NAMELESS: u32 = linux::O_TMPFILE & !linux::O_DIRECTORY;

/// The node that a path leads to. Errors: ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG.
pub fn find(origin: &Origin, path: &[u8], follow: Follow) -> Result<Arc<dyn Node>, Errno> {
    walk(origin, path, follow)?.node.ok_or(Errno::ENOENT)
}

/// Errors: EROFS for a node that cannot be changed.
fn changeable(node: &Arc<dyn Node>) -> Result<(), Errno> {
    if node.is_read_only() { Err(Errno::EROFS) } else { Ok(()) }
}

/// openat(2): an open file description of what the path leads to; a file is made with O_CREAT and `permissions`, from which the caller has taken
/// the umask. Errors: those of open(2).
pub fn open(origin: &Origin, path: &[u8], flags: u32, permissions: u32) -> Result<Arc<dyn File>, Errno> {
    let flags = if flags & linux::O_PATH != 0 {
        flags & (linux::O_PATH | linux::O_DIRECTORY | linux::O_NOFOLLOW | linux::O_CLOEXEC)
    } else {
        flags
    };
    if flags & NAMELESS != 0 {
        return open_nameless(origin, path, flags, permissions);
    }
    let create = flags & linux::O_CREAT != 0;
    let exclusive = create && flags & linux::O_EXCL != 0;
    if create && flags & linux::O_DIRECTORY != 0 {
        return Err(Errno::EINVAL);
    }
    let follow = match (create, exclusive || flags & linux::O_NOFOLLOW != 0) {
        (true, true) => Follow::CreateNoFollow,
        (true, false) => Follow::Create,
        (false, true) => Follow::WithSlash,
        (false, false) => Follow::Always,
    };
    loop {
        let Walked { directory, last, node, .. } = walk(origin, path, follow)?;
        match node {
            Some(_) if exclusive => return Err(Errno::EEXIST),
            Some(node) => return open_node(node, flags, create),
            None if !create => return Err(Errno::ENOENT),
            None => {}
        }
        let Last::Name(name) = last else { return Err(Errno::ENOENT) };
        match directory.make(&name, New::Regular, permissions) {
            // What was just made is opened as asked, whatever its permissions.
            Ok(node) => return node.open(flags),
            // Another thread made it first.
            Err(Errno::EEXIST) if !exclusive => {}
            Err(error) => return Err(error),
        }
    }
}

/// Opens a node that is there.
fn open_node(node: Arc<dyn Node>, flags: u32, create: bool) -> Result<Arc<dyn File>, Errno> {
    let kind = node.kind();
    let for_path = flags & linux::O_PATH != 0;
    if create && kind == Kind::Directory {
        return Err(Errno::EISDIR);
    }
    if flags & linux::O_DIRECTORY != 0 && kind != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    if for_path {
        return Ok(Arc::new(OpenPath::new(node, flags)));
    }
    let writes = flags & linux::O_ACCMODE != linux::O_RDONLY || flags & linux::O_TRUNC != 0;
    match kind {
        Kind::Link => return Err(Errno::ELOOP),
        Kind::Socket => return Err(Errno::ENXIO),
        Kind::Directory if writes => return Err(Errno::EISDIR),
        // Devices and pipes of a file system that cannot be changed can be written.
        Kind::Regular if writes => changeable(&node)?,
        _ => {}
    }
    let truncated = (kind == Kind::Regular && flags & linux::O_TRUNC != 0).then(|| node.clone());
    let file = node.open(flags)?;
    if let Some(node) = truncated {
        node.set_size(0)?;
    }
    Ok(file)
}

/// O_TMPFILE: a file without a name in the directory that the path leads to.
fn open_nameless(origin: &Origin, path: &[u8], flags: u32, permissions: u32) -> Result<Arc<dyn File>, Errno> {
    if flags & linux::O_DIRECTORY == 0 || flags & linux::O_CREAT != 0 || flags & linux::O_ACCMODE == linux::O_RDONLY {
        return Err(Errno::EINVAL);
    }
    let directory = find(origin, path, Follow::Always)?;
    if directory.kind() != Kind::Directory {
        return Err(Errno::ENOTDIR);
    }
    changeable(&directory)?;
    let node = directory.make_nameless(permissions, flags & linux::O_EXCL == 0)?;
    node.open(flags & !(NAMELESS | linux::O_DIRECTORY))
}

/// mkdirat(2), mknodat(2), symlinkat(2): makes what was not there. Errors: EEXIST, ENOENT, ENOTDIR, ENOSPC, EROFS, those of the path.
pub fn make(origin: &Origin, path: &[u8], what: New<'_>, permissions: u32) -> Result<(), Errno> {
    let walked = walk(origin, path, Follow::Never)?;
    let name = free_name(&walked, matches!(what, New::Directory))?;
    walked.directory.make(name, what, permissions).map(|_| ())
}

/// The name that something new is to have. Errors: EEXIST, and ENOENT for a name with a slash that is not to be a directory's.
fn free_name<'a>(walked: &'a Walked<'_>, directory: bool) -> Result<&'a [u8], Errno> {
    let Last::Name(name) = &walked.last else { return Err(Errno::EEXIST) };
    if walked.find()?.is_some() {
        return Err(Errno::EEXIST);
    }
    if walked.slash && !directory {
        return Err(Errno::ENOENT);
    }
    Ok(name)
}

/// linkat(2): a further name for a node. Errors: EEXIST, EPERM for a directory, EXDEV, EMLINK, those of the path.
pub fn link(node: &Arc<dyn Node>, origin: &Origin, path: &[u8]) -> Result<(), Errno> {
    let walked = walk(origin, path, Follow::Never)?;
    let name = free_name(&walked, false)?;
    if node.metadata().device != walked.directory.metadata().device {
        return Err(Errno::EXDEV);
    }
    if node.kind() == Kind::Directory {
        return Err(Errno::EPERM);
    }
    walked.directory.link(name, node)
}

/// unlinkat(2), with AT_REMOVEDIR if `directory`. Errors: ENOENT, EISDIR, ENOTDIR, ENOTEMPTY, EBUSY, EINVAL, EROFS, those of the path.
pub fn remove(origin: &Origin, path: &[u8], directory: bool) -> Result<(), Errno> {
    let walked = walk(origin, path, Follow::Never)?;
    let name = match &walked.last {
        Last::Name(name) => name,
        _ if !directory => return Err(Errno::EISDIR),
        Last::Dot => return Err(Errno::EINVAL),
        Last::DotDot => return Err(Errno::ENOTEMPTY),
        Last::Itself => return Err(Errno::EBUSY),
    };
    let node = walked.find()?.ok_or(Errno::ENOENT)?;
    // With a slash behind it, it was to be a directory.
    if walked.slash && !directory {
        return Err(if node.kind() == Kind::Directory { Errno::EISDIR } else { Errno::ENOTDIR });
    }
    walked.directory.remove(name, directory)
}

/// renameat2(2). Errors: those of rename(2), EBUSY for what has no name.
pub fn rename(from: &Origin, path: &[u8], to: &Origin, new_path: &[u8], how: Rename) -> Result<(), Errno> {
    let old = walk(from, path, Follow::Never)?;
    let new = walk(to, new_path, Follow::Never)?;
    if old.directory.metadata().device != new.directory.metadata().device {
        return Err(Errno::EXDEV);
    }
    let (Last::Name(name), Last::Name(new_name)) = (&old.last, &new.last) else {
        let is_name = |last: &Last<'_>| matches!(last, Last::Name(_));
        return Err(if how == Rename::NoReplace && is_name(&old.last) { Errno::EEXIST } else { Errno::EBUSY });
    };
    let moved = old.find()?.ok_or(Errno::ENOENT)?;
    let existing = new.find()?;
    if how == Rename::NoReplace && existing.is_some() {
        return Err(Errno::EEXIST);
    }
    let other_moves = how == Rename::Exchange;
    if other_moves && existing.is_none() {
        return Err(Errno::ENOENT);
    }
    let is_directory = |node: &Arc<dyn Node>| node.kind() == Kind::Directory;
    if other_moves && new.slash && !existing.as_ref().is_some_and(is_directory) {
        return Err(Errno::ENOTDIR);
    }
    if !is_directory(&moved) && (old.slash || !other_moves && new.slash) {
        return Err(Errno::ENOTDIR);
    }
    old.directory.rename(name, &new.directory, new_name, how)
}
