//! What belongs to the program as a whole: root and working directory, and the bits that new files do not get.

use super::node::Node;
use super::walk::Origin;
use crate::sync::mutex::Mutex;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use payload::params::Params;

/// Root and working directory; nothing before start-up has made the root.
static ORIGIN: Mutex<Option<Origin>> = Mutex::new(None);
/// Permissions that a new file does not get (umask(2)).
static UMASK: AtomicU32 = AtomicU32::new(0o022);

/// Most descriptors that a setting may allow: the table of so many is far below what one call may allocate for records.
const MOST_DESCRIPTORS: usize = 1 << 15;

/// What the program was told at start.
static PARAMETERS: Mutex<Option<Params<'static>>> = Mutex::new(None);
/// Where the image's archive is mounted.
static ARCHIVE: Mutex<Option<Vec<u8>>> = Mutex::new(None);
/// It has a file of the program's name.
static HAS_PROGRAM: AtomicBool = AtomicBool::new(false);

/// The boot parameters, if there are any.
pub fn parameters() -> Option<Params<'static>> {
    *PARAMETERS.lock()
}

/// Start-up: what the program was told.
pub fn set_parameters(parameters: Option<Params<'static>>) {
    *PARAMETERS.lock() = parameters;
}

/// How many descriptors the image's environment allows by `SEL4STD_DESCRIPTORS`, at least the three standard ones.
pub fn descriptors_setting(parameters: Params<'static>) -> Option<usize> {
    const NAME: &[u8] = b"SEL4STD_DESCRIPTORS=";
    let value = parameters.env().find_map(|variable| variable.to_bytes().strip_prefix(NAME))?;
    core::str::from_utf8(value).ok()?.parse().ok().filter(|limit| (3..=MOST_DESCRIPTORS).contains(limit))
}

/// The directory that the image's archive is mounted at; nothing if there is none.
pub fn archive_place() -> Option<Vec<u8>> {
    ARCHIVE.lock().clone()
}

/// Whether the image's archive has a file of the program's name: the program itself.
pub fn has_program() -> bool {
    HAS_PROGRAM.load(Ordering::Relaxed)
}

/// Start-up: the archive was mounted there, and has the program itself or not.
pub fn set_archive(place: &[u8], has_program: bool) {
    *ARCHIVE.lock() = Some(place.to_vec());
    HAS_PROGRAM.store(has_program, Ordering::Relaxed);
}

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

/// The umask.
pub fn umask() -> u32 {
    UMASK.load(Ordering::Relaxed)
}

/// The permissions of a new file for which `permissions` were asked.
pub fn masked(permissions: u32) -> u32 {
    permissions & !umask()
}
