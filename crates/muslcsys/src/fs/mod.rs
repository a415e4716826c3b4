//! Files: descriptors, what stands behind them, and the calls on them.
//!
//! | module | what it is |
//! |---|---|
//! | [`descriptors`] | a program's numbers for what it has open |
//! | [`file`] | an open file description: position, flags; what descriptors refer to |
//! | [`node`] | what a name leads to, in any file system |
//! | [`walk`] | from a path to a node |
//! | [`paths`] | open, make, remove, rename, link: what the calls that name files do |
//! | [`open_file`] | open files and directories of any file system |
//! | [`tmpfs`] | files in memory |
//! | [`archive`] | the image's archive, a file system that cannot be changed |
//! | [`proc`] | /proc |
//! | [`devices`] | what is in /dev |
//! | [`mounts`] | the tree that a program finds |
//! | [`locks`] | flock, and the ranges of fcntl |
//! | [`process`] | root, working directory, umask |
//! | [`buffers`] | where bytes come from and go to |
//! | [`epoll`] | what of many files is ready |
//! | [`eventfd`] | counters that can be waited for |
//! | [`timerfd`] | timers that are read and polled |
//! | [`pipe`] | pipes and fifos; [`ring`]: the bytes in them |
//! | [`wait_queue`] | who waits for a file to become ready |
//! | [`tty`] | what a terminal makes of what is typed; [`termios`]: its settings |
//! | `console` | the console's bytes, to and from the UART |
//! | `calls` | the calls themselves |
//!
//! Everything but the console and the calls is plain logic that runs on the host.

#[cfg(not(loom))]
pub mod archive;
pub mod buffers;
// loom's locks are not `const`: what has statics, and what knows of it, is not modelled.
#[cfg(not(loom))]
pub mod descriptors;
#[cfg(not(loom))]
pub mod devices;
pub mod epoll;
pub mod eventfd;
pub mod file;
#[cfg(not(loom))]
pub mod locks;
#[cfg(not(loom))]
pub mod mounts;
pub mod node;
#[cfg(not(loom))]
pub mod open_file;
#[cfg(not(loom))]
pub mod paths;
#[cfg(not(loom))]
pub mod pipe;
#[cfg(not(loom))]
pub mod proc;
#[cfg(not(loom))]
pub mod process;
pub mod ring;
pub mod termios;
pub mod timerfd;
#[cfg(not(loom))]
pub mod tmpfs;
pub mod tty;
pub mod wait_queue;
#[cfg(not(loom))]
pub mod walk;

#[cfg(target_vendor = "sel4")]
pub mod calls;
#[cfg(target_vendor = "sel4")]
pub mod console;
#[cfg(target_vendor = "sel4")]
pub mod console_file;
#[cfg(target_vendor = "sel4")]
pub mod poll;

#[cfg(all(test, target_os = "linux", not(loom), not(miri)))]
mod against_host;

use crate::errno::Errno;

/// Makes sure that the records of one change to a file system can be allocated (see `heap`). Errors: ENOSPC.
#[cfg(target_vendor = "sel4")]
pub fn prepare() -> Result<(), Errno> {
    crate::mm::SPACE.prepare().map(drop).map_err(|_| Errno::ENOSPC)
}

/// On the host records come from its own allocator.
#[cfg(not(target_vendor = "sel4"))]
pub fn prepare() -> Result<(), Errno> {
    Ok(())
}

/// Makes the tree of files, and opens standard input, output and error on the console. An archive that is broken is not mounted, and the
/// console says where it is.
#[cfg(target_vendor = "sel4")]
pub fn start(parameters: Option<payload::params::Params<'static>>) {
    let root = mounts::start().expect("memory for the first directories");
    process::set_parameters(parameters);
    if let Some(limit) = parameters.and_then(process::descriptors_setting) {
        descriptors::set_limits([limit; 2]);
    }
    mounts::mount(&root, b"/proc", proc::root(proc::texts::TEXTS)).expect("memory for /proc");
    let console = root.lookup(b"dev").and_then(|dev| dev.lookup(b"console")).expect("the console's node");
    let console = console.open(linux_raw_sys::general::O_RDWR).expect("the console");
    for _ in 0..3 {
        descriptors::install(console.clone(), false).expect("the first descriptors");
    }
    if let Some(parameters) = parameters.filter(|parameters| !parameters.archive().is_empty()) {
        mount_archive(&root, parameters);
    }
}

#[cfg(target_vendor = "sel4")]
fn mount_archive(root: &alloc::sync::Arc<dyn node::Node>, parameters: payload::params::Params<'static>) {
    let place = parameters.mount().to_bytes();
    let name = alloc::string::String::from_utf8_lossy(place);
    match archive::read(parameters.archive(), node::device::ARCHIVE) {
        Err(broken) => console::emergency(format_args!("sel4std: {broken}; {name} is not there\n")),
        Ok(archive) => match mounts::mount(root, place, archive.clone()) {
            Ok(()) => process::set_archive(place, node::Node::lookup(&*archive, crate::start::file_name()).is_ok()),
            Err(_) => console::emergency(format_args!("sel4std: nothing can be mounted at {name}; it is not there\n")),
        },
    }
}
