//! Files: descriptors, what stands behind them, and the calls on them.
//!
//! | module | what it is |
//! |---|---|
//! | [`descriptors`] | a program's numbers for what it has open |
//! | [`file`] | an open file description: position, flags; what descriptors refer to |
//! | [`node`] | what a name leads to, in any file system |
//! | [`buffers`] | where bytes come from and go to |
//! | [`eventfd`] | counters that can be waited for |
//! | [`pipe`] | pipes and fifos; [`ring`]: the bytes in them |
//! | [`wait_queue`] | who waits for a file to become ready |
//! | `console` | the console's bytes, to and from the UART |
//! | `calls` | the calls themselves |

pub mod buffers;
// loom's atomics are not `const`, and the table is a static.
#[cfg(not(loom))]
pub mod descriptors;
#[cfg(not(loom))]
pub mod eventfd;
pub mod file;
pub mod node;
#[cfg(not(loom))]
pub mod pipe;
pub mod ring;
pub mod wait_queue;

#[cfg(target_vendor = "sel4")]
pub mod calls;
#[cfg(target_vendor = "sel4")]
pub mod console;
#[cfg(target_vendor = "sel4")]
pub mod console_file;
#[cfg(target_vendor = "sel4")]
pub mod poll;

/// Opens standard input, output and error on the console.
#[cfg(target_vendor = "sel4")]
pub fn start() {
    let console: alloc::sync::Arc<dyn file::File> = alloc::sync::Arc::new(console_file::ConsoleFile::new());
    for _ in 0..3 {
        descriptors::install(console.clone(), false).expect("the first descriptors");
    }
}
