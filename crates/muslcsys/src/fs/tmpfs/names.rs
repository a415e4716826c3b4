//! Changing names: under the file system's lock for changes, so that what was looked at still holds when it is changed.

use super::{Child, Directory, Inode, directory::Name, is_same};
use crate::errno::Errno;
use crate::fs::node::{Kind, New, Node, Rename, Time};
use crate::fs::prepare;
use crate::sync::mutex::MutexGuard;
use alloc::sync::Arc;
use core::any::Any;

/// A node that is of the same file system. Errors: EXDEV.
fn own(inode: &Inode, other: &Arc<dyn Node>) -> Result<Arc<Inode>, Errno> {
    let any: Arc<dyn Any + Send + Sync> = other.clone();
    let other = any.downcast::<Inode>().map_err(|_| Errno::EXDEV)?;
    if Arc::ptr_eq(&inode.fs, &other.fs) { Ok(other) } else { Err(Errno::EXDEV) }
}

impl Directory {
    /// Errors: ENOENT if the directory was removed.
    fn alive(&self) -> Result<(), Errno> {
        if self.removed { Err(Errno::ENOENT) } else { Ok(()) }
    }

    fn child(&self, name: &[u8]) -> Result<Arc<Inode>, Errno> {
        match self.entries.get(name) {
            Some(Child::Own(inode)) => Ok(inode.clone()),
            Some(Child::Mounted(_)) => Err(Errno::EBUSY),
            None => Err(Errno::ENOENT),
        }
    }

    /// Adds an entry, and tells the node its place.
    fn add(&mut self, name: &[u8], inode: &Arc<Inode>) {
        let name: Name = name.into();
        inode.attributes.lock().place = Some((self.me.clone(), name.clone()));
        self.entries.insert(name, inode.number, inode.kind(), Child::Own(inode.clone()));
    }
}

impl Inode {
    fn is_directory(&self) -> bool {
        self.kind() == Kind::Directory
    }

    /// Adds to the number of names, of whatever the node counts as names; notes the time.
    fn count_links(&self, change: i32) {
        let now = Time::now();
        let mut attributes = self.attributes.lock();
        attributes.links = attributes.links.wrapping_add_signed(change);
        attributes.changed = now;
    }

    /// Forgets the place of a node whose name was taken away, if it was that name.
    fn forget_place(&self, parent: &Directory, name: &[u8]) {
        let mut attributes = self.attributes.lock();
        // A removed directory still knows where it was, for `..`.
        let was = |place: &(alloc::sync::Weak<Inode>, Name)| place.0.ptr_eq(&parent.me) && *place.1 == *name;
        if !self.is_directory() && attributes.place.as_ref().is_some_and(was) {
            attributes.place = None;
        }
    }

    pub(super) fn make_inode(&self, name: &[u8], what: New<'_>, permissions: u32) -> Result<Arc<Inode>, Errno> {
        let _changes = self.fs.changes.lock();
        let mut directory = self.directory()?.lock();
        directory.alive()?;
        if directory.entries.get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        prepare()?;
        let inode = self.fs.inode(what, permissions);
        directory.add(name, &inode);
        drop(directory);
        if inode.is_directory() {
            self.count_links(1);
        }
        self.touch();
        Ok(inode)
    }

    pub(super) fn link_inode(&self, name: &[u8], node: &Arc<dyn Node>) -> Result<(), Errno> {
        let inode = own(self, node)?;
        if inode.is_directory() {
            return Err(Errno::EPERM);
        }
        let _changes = self.fs.changes.lock();
        let mut directory = self.directory()?.lock();
        directory.alive()?;
        if directory.entries.get(name).is_some() {
            return Err(Errno::EEXIST);
        }
        {
            let attributes = inode.attributes.lock();
            if attributes.links == 0 && !attributes.linkable {
                return Err(Errno::ENOENT);
            }
            if attributes.links == u32::MAX {
                return Err(Errno::EMLINK);
            }
        }
        prepare()?;
        inode.count_links(1);
        directory.add(name, &inode);
        drop(directory);
        self.touch();
        Ok(())
    }

    pub(super) fn mount_child(&self, name: &[u8], root: Arc<dyn Node>) -> Result<(), Errno> {
        let _changes = self.fs.changes.lock();
        prepare()?;
        let mut directory = self.directory()?.lock();
        directory.alive()?;
        match directory.child(name) {
            Err(Errno::ENOENT) => self.count_links(1),
            Ok(covered) if covered.is_directory() && covered.directory()?.lock().entries.is_empty() => {
                directory.entries.remove(name);
            }
            Ok(_) => return Err(Errno::EEXIST),
            Err(error) => return Err(error),
        }
        let number = root.metadata().number;
        directory.entries.insert(name.into(), number, Kind::Directory, Child::Mounted(root));
        Ok(())
    }

    pub(super) fn remove_child(&self, name: &[u8], as_directory: bool) -> Result<(), Errno> {
        let changes = self.fs.changes.lock();
        let mut directory = self.directory()?.lock();
        let inode = directory.child(name)?;
        match (inode.is_directory(), as_directory) {
            (true, false) => return Err(Errno::EISDIR),
            (false, true) => return Err(Errno::ENOTDIR),
            (true, true) => inode.retire()?,
            (false, false) => inode.count_links(-1),
        }
        inode.forget_place(&directory, name);
        let entry = directory.entries.remove(name);
        drop(directory);
        if as_directory {
            self.count_links(-1);
        }
        self.touch();
        drop(changes);
        // If this was the last reference, the file's pages are given back only now.
        drop((entry, inode));
        Ok(())
    }

    /// Has a directory accept no more entries. Errors: ENOTEMPTY.
    fn retire(&self) -> Result<(), Errno> {
        let mut directory = self.directory()?.lock();
        if !directory.entries.is_empty() {
            return Err(Errno::ENOTEMPTY);
        }
        directory.removed = true;
        drop(directory);
        let links = self.attributes.lock().links;
        self.count_links(-(links as i32));
        Ok(())
    }

    /// Whether `self` is `other` or lies somewhere below it.
    fn is_within(self: &Arc<Self>, other: &Arc<Inode>) -> bool {
        let mut at = Some(self.clone());
        while let Some(inode) = at {
            if is_same(&inode, other) {
                return true;
            }
            at = inode.attributes.lock().place.as_ref().and_then(|place| place.0.upgrade());
        }
        false
    }

    pub(super) fn rename_child(&self, name: &[u8], to: &Arc<dyn Node>, new: &[u8], how: Rename) -> Result<(), Errno> {
        let to = own(self, to)?;
        // Outlives the lock: the pages of a replaced file are given back without it.
        let existing;
        let _changes = self.fs.changes.lock();
        let from = self.directory()?.lock().me.upgrade().ok_or(Errno::ENOENT)?;
        let moved = from.directory()?.lock().child(name)?;
        existing = match to.directory()?.lock().child(new) {
            Ok(inode) => Some(inode),
            Err(Errno::ENOENT) => None,
            Err(error) => return Err(error),
        };
        if how == Rename::NoReplace && existing.is_some() {
            return Err(Errno::EEXIST);
        }
        if how == Rename::Exchange && existing.is_none() {
            return Err(Errno::ENOENT);
        }
        if moved.is_directory() && to.is_within(&moved) {
            return Err(Errno::EINVAL);
        }
        if let Some(existing) = &existing {
            if existing.is_directory() && from.is_within(existing) {
                return Err(if how == Rename::Exchange { Errno::EINVAL } else { Errno::ENOTEMPTY });
            }
            if is_same(&moved, existing) {
                return Ok(());
            }
        }
        to.directory()?.lock().alive()?;
        prepare()?;
        match (how, &existing) {
            (Rename::Exchange, Some(existing)) => {
                exchange((&from, name, &moved), (&to, new, existing))?;
            }
            _ => replace((&from, name, &moved), (&to, new, existing.as_ref()))?,
        }
        moved.count_links(0);
        from.touch();
        to.touch();
        Ok(())
    }
}

/// Both directories, locked; the second is nothing if they are one. The caller holds the lock for changes, and so is the only one who locks
/// more than one directory.
fn lock_both<'a>(
    from: &'a Arc<Inode>,
    to: &'a Arc<Inode>,
) -> Result<(MutexGuard<'a, Directory>, Option<MutexGuard<'a, Directory>>), Errno> {
    let first = from.directory()?.lock();
    let second = if is_same(from, to) { None } else { Some(to.directory()?.lock()) };
    Ok((first, second))
}

/// Counts subdirectories that come and go.
fn moved_directory(inode: &Arc<Inode>, from: &Arc<Inode>, to: &Arc<Inode>) {
    if inode.is_directory() && !is_same(from, to) {
        from.count_links(-1);
        to.count_links(1);
    }
}

type Named<'a, T> = (&'a Arc<Inode>, &'a [u8], T);

fn exchange(a: Named<'_, &Arc<Inode>>, b: Named<'_, &Arc<Inode>>) -> Result<(), Errno> {
    let (mut first, mut second) = lock_both(a.0, b.0)?;
    first.entries.remove(a.1);
    second.as_mut().unwrap_or(&mut first).entries.remove(b.1);
    first.add(a.1, b.2);
    second.as_mut().unwrap_or(&mut first).add(b.1, a.2);
    drop((first, second));
    moved_directory(a.2, a.0, b.0);
    moved_directory(b.2, b.0, a.0);
    b.2.count_links(0);
    Ok(())
}

fn replace(a: Named<'_, &Arc<Inode>>, b: Named<'_, Option<&Arc<Inode>>>) -> Result<(), Errno> {
    if let Some(existing) = b.2 {
        match (a.2.is_directory(), existing.is_directory()) {
            (true, false) => return Err(Errno::ENOTDIR),
            (false, true) => return Err(Errno::EISDIR),
            (true, true) => {
                existing.retire()?;
                b.0.count_links(-1);
            }
            (false, false) => existing.count_links(-1),
        }
    }
    let (mut first, mut second) = lock_both(a.0, b.0)?;
    let to = second.as_mut().unwrap_or(&mut first);
    if let Some(existing) = b.2 {
        existing.forget_place(to, b.1);
    }
    // The caller still has a reference to what was replaced, and lets go of it without these locks.
    to.entries.remove(b.1);
    to.add(b.1, a.2);
    first.entries.remove(a.1);
    drop((first, second));
    moved_directory(a.2, a.0, b.0);
    Ok(())
}
