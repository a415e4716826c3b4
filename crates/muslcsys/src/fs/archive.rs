//! The image's archive as a file system that cannot be changed: CPIO in the newc format, as `cpio -H newc` and `mkimage` write it.
//!
//! Nothing is copied: a file's bytes are read where the boot loader put them. An archive that is broken anywhere is not mounted at all,
//! and the console tells where. Own reader: of the crates for reading this format without std none tells where an archive is broken, and
//! none knows links.

mod node;
mod reader;

pub use node::Inode;
pub use reader::{Broken, Member, members};

use super::node::{Kind, Time};
use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use node::Fixed;

/// Reads an archive; gives its root directory, for the file system with the number `device`. Errors: where it is broken, and why.
pub fn read(bytes: &'static [u8], device: u64) -> Result<Arc<Inode>, Broken> {
    let root = Inode::directory(device, 1, Fixed::default_directory(), None);
    let mut next = 2;
    // Files with several names, by their device and number in the archive.
    let mut several: BTreeMap<(u64, u64), Arc<Inode>> = BTreeMap::new();
    for member in members(bytes) {
        let member = member?;
        let broken = |what| Broken { offset: member.offset, what };
        super::prepare().map_err(|_| broken("more names than there is memory for"))?;
        let fixed =
            Fixed { permissions: member.mode & 0o7777, user: member.user, group: member.group, time: time(&member) };
        let (directory, name) = match member.name.iter().rposition(|&byte| byte == b'/') {
            Some(slash) => (&member.name[..slash], &member.name[slash + 1..]),
            None => (&b""[..], member.name),
        };
        let parent = parent(&root, directory, &mut next).ok_or_else(|| broken("a file where a directory should be"))?;
        let kind = kind(member.mode).ok_or_else(|| broken("a kind of file that there is not"))?;
        if kind == Kind::Directory {
            // Directories may be told after what is in them, and the root is told as `.`.
            let found = if name.is_empty() { Some(root.clone()) } else { parent.child(name) };
            let directory = found.unwrap_or_else(|| parent.add_directory(name, &mut next));
            directory.set_fixed(fixed).ok_or_else(|| broken("two members of one name"))?;
            continue;
        }
        if name.is_empty() || parent.child(name).is_some() {
            return Err(broken("two members of one name"));
        }
        let key = (member.device, member.number);
        if member.links > 1
            && let Some(first) = several.get(&key)
        {
            if !first.is_as(kind, &fixed) {
                return Err(broken("a further name of something else"));
            }
            first.add_bytes(member.bytes).ok_or_else(|| broken("a further name with other bytes"))?;
            parent.add(name, first.clone());
            continue;
        }
        let inode = Inode::leaf(device, next, kind, fixed, member.bytes, member.represents);
        next += 1;
        parent.add(name, inode.clone());
        if member.links > 1 {
            several.insert(key, inode);
        }
    }
    Ok(root)
}

fn time(member: &Member) -> Time {
    Time { seconds: member.modified.into(), nanoseconds: 0 }
}

fn kind(mode: u32) -> Option<Kind> {
    let kinds = [Kind::Fifo, Kind::Characters, Kind::Directory, Kind::Regular, Kind::Link, Kind::Socket];
    kinds.into_iter().find(|&kind| kind as u32 == mode & linux_raw_sys::general::S_IFMT)
}

/// The directory with a path, made where it is missing; nothing if something else has one of its names.
fn parent(root: &Arc<Inode>, path: &[u8], next: &mut u64) -> Option<Arc<Inode>> {
    path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()).try_fold(root.clone(), |at, name| {
        let child = at.child(name).unwrap_or_else(|| at.add_directory(name, next));
        child.is_directory().then_some(child)
    })
}

#[cfg(all(test, not(loom)))]
mod tests;
