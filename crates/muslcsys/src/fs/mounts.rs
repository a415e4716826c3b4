//! The tree that a program finds: which file system is where.

use super::node::{Kind, New, Node, device};
use super::tmpfs::Tmpfs;
use super::{devices, process};
use crate::errno::Errno;
use alloc::sync::Arc;

/// The directory with this path, made where it is missing. Errors: ENOSPC, ENOTDIR.
pub fn directory(root: &Arc<dyn Node>, path: &[u8]) -> Result<Arc<dyn Node>, Errno> {
    let mut at = root.clone();
    for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
        at = match at.lookup(name) {
            Err(Errno::ENOENT) => at.make(name, New::Directory, 0o755)?,
            found => found?,
        };
        if at.kind() != Kind::Directory {
            return Err(Errno::ENOTDIR);
        }
    }
    Ok(at)
}

/// Has `path` lead to the root of another file system. Errors: EEXIST, EBUSY, ENOSPC, ENOTDIR, EINVAL for the root itself.
pub fn mount(root: &Arc<dyn Node>, path: &[u8], mounted: Arc<dyn Node>) -> Result<(), Errno> {
    let path = path.trim_ascii_end();
    let end = path.iter().rposition(|&byte| byte != b'/').ok_or(Errno::EINVAL)? + 1;
    let start = path[..end].iter().rposition(|&byte| byte == b'/').map_or(0, |slash| slash + 1);
    let parent = directory(root, &path[..start])?;
    let name = &path[start..end];
    parent.mount(name, mounted.clone())?;
    mounted.mounted_at(&parent, name);
    Ok(())
}

/// Makes what is writable: `/`, `/tmp`, `/dev`. Errors: ENOSPC.
pub fn start() -> Result<Arc<dyn Node>, Errno> {
    let root: Arc<dyn Node> = Tmpfs::new_root(device::ROOT);
    root.make(b"tmp", New::Directory, 0o1777)?;
    devices::fill(&root.make(b"dev", New::Directory, 0o755)?)?;
    process::start(root.clone());
    Ok(root)
}
