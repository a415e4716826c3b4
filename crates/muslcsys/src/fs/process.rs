//! What belongs to the program as a whole: root and working directory, and the bits that new files do not get.

use super::node::Node;
use super::walk::Origin;
use crate::sync::mutex::Mutex;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};

/// Root and working directory; nothing before start-up has made the root.
static ORIGIN: Mutex<Option<Origin>> = Mutex::new(None);
/// Permissions that a new file does not get (umask(2)).
static UMASK: AtomicU32 = AtomicU32::new(0o022);

/// Start-up: the root is where everything begins.
pub fn start(root: Arc<dyn Node>) {
    *ORIGIN.lock() = Some(Origin { base: root.clone(), root });
}

/// The root and, as the base, the working directory.
pub fn origin() -> Origin {
    ORIGIN.lock().clone().expect("start-up has made the root")
}

/// chdir(2).
pub fn set_working_directory(directory: Arc<dyn Node>) {
    let before = ORIGIN.lock().as_mut().map(|origin| core::mem::replace(&mut origin.base, directory));
    // A directory that was removed meanwhile goes now, without the lock.
    drop(before);
}

/// chroot(2).
pub fn set_root(directory: Arc<dyn Node>) {
    let before = ORIGIN.lock().as_mut().map(|origin| core::mem::replace(&mut origin.root, directory));
    drop(before);
}

/// Sets the umask; gives the one before.
pub fn set_umask(mask: u32) -> u32 {
    UMASK.swap(mask & 0o777, Ordering::Relaxed)
}

/// The permissions of a new file for which `permissions` were asked.
pub fn masked(permissions: u32) -> u32 {
    permissions & !UMASK.load(Ordering::Relaxed)
}
