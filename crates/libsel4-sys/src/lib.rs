//! libsel4 as its headers have it: every type, constant, invocation and system call of the seL4 in use, raw.
//!
//! # Where the names come from
//! At build time bindgen reads `$SEL4_PREFIX/libsel4/include`, the headers of an installed seL4 for AArch64. So names,
//! numbers and parameters are those of that kernel, and what they mean is in the seL4 manual of its version: the function
//! `seL4_TCB_Configure` is described under "TCB - Configure". Nothing is written down by hand here.
//!
//! | in the headers | here |
//! |---|---|
//! | function, inline ones too | `unsafe fn` of the same name; a C wrapper calls the inline ones |
//! | `seL4_PageBits`, `CONFIG_MAX_NUM_NODES` and other numeric macros | constants, `seL4_Word` unless negative |
//! | enumerators: `seL4_CapInitThreadTCB`, `seL4_ARM_SmallPageObject`, `seL4_FailedLookup` | constants of the enumeration's integer type |
//! | bit fields: `seL4_MessageInfo_t`, `seL4_CapRights_t`, `seL4_Fault_t` | structures, with their `_new` and `_get_` functions |
//! | macros for bit-field values: `seL4_AllRights`, `seL4_CanRead`, `seL4_NilData` | functions: `seL4_AllRights()` (where the macro is a plain number, a constant) |
//! | Rust's keywords as parameters | with an underscore behind: `type_` |
//!
//! # An invocation
//! ```ignore
//! use libsel4_sys::*;
//!
//! // SAFETY: this thread has its IPC buffer, `untyped` is an untyped with room for a frame, and `slot` is empty.
//! let error = unsafe {
//!     seL4_Untyped_Retype(
//!         untyped,
//!         seL4_ARM_SmallPageObject as seL4_Word, // what to make
//!         0,                                     // size_bits: this object has one size
//!         seL4_CapInitThreadCNode as seL4_CNode, // root, node_index, node_depth: the root CNode itself
//!         0,
//!         0,
//!         slot,                                  // node_offset
//!         1,                                     // num_objects
//!     )
//! };
//! assert_eq!(error as seL4_Word, seL4_NoError as seL4_Word);
//! ```
//!
//! # Safety
//! Every function is unsafe, and a caller answers for this:
//! - **The thread has an IPC buffer.** libsel4 finds it in the thread-local variable `__sel4_ipc_buffer`, which is declared
//!   but not defined here: `muslcsys` defines it and sets it before a thread's first call. TPIDR_EL0 must be the thread's
//!   own by then. A message in the buffer (`seL4_SetMR`, `seL4_SetCap`) lives until the thread's next call of the kernel,
//!   which any function called in between may make.
//! - **Capability pointers name what they are said to name.** The kernel checks them and answers with an error; but a valid
//!   invocation of the wrong capability unmaps memory that Rust believes in, deletes a running thread, or revokes a frame.
//! - **Memory that the kernel changes is nobody's.** Unmapping, remapping and retyping take memory from whoever has a
//!   reference to it, without a trace that the compiler could see. The same holds for data that a device or another
//!   protection domain writes.
//! - **Pointer parameters** are read and written as C does; only those that the manual allows to be null may be.
//!
//! Enumerations are integers here, so a number that the kernel sends is never undefined behaviour.
//!
//! # Code for more than one libsel4
//! seL4 changed between 5.0.0 and 16, and an MCS kernel has another interface. What a dependent has to know is told as
//! cfgs, each decided by the headers (the table is in `build/cfgs.rs`). They reach the dependent by its build script, if the
//! dependency is not bound to a target (for a host the variables are there too, and no cfg holds):
//!
//! ```ignore
//! fn main() {
//!     println!("cargo::rerun-if-changed=build.rs");
//!     println!("cargo::rustc-check-cfg={}", std::env::var("DEP_SEL4_CHECK_CFG").unwrap());
//!     for cfg in std::env::var("DEP_SEL4_CFGS").unwrap().split_whitespace() {
//!         println!("cargo::rustc-cfg={cfg}");
//!     }
//! }
//! ```
//!
//! | cfg | holds if |
//! |---|---|
//! | `sel4_bindings` | there are bindings at all |
//! | `sel4_mcs`, `sel4_smp`, `sel4_hypervisor`, `sel4_debug`, `sel4_printing` | the kernel is configured so |
//! | `sel4_has_ptmr_user`, `sel4_has_vcnt_user` | user level may use the physical timer, read the virtual counter |
//! | `sel4_has_NAME` | the call, type or object of that name exists |
//! | `sel4_FUNCTION_takes_PARAMETER` | the function has that parameter |
//!
//! `DEP_SEL4_INCLUDE` is the folder of the headers, for dependents with C of their own.
//!
//! # Building
//! For targets of vendor `sel4`, `SEL4_PREFIX` must name an installed seL4; the packages libclang-dev and
//! gcc-aarch64-linux-gnu are needed. `TARGET_CC`, or `CC_` with the target's name, names another compiler. For a host the
//! crate is empty without `SEL4_PREFIX`; with it, types, constants and documentation are there, and only a call fails to
//! link.
#![no_std]

#[cfg(sel4_bindings)]
mod bindings {
    // bindgen's text with the names, comments and layouts of C. Not a line of it is edited here, so no lint about form
    // or documentation can be answered.
    #![allow(non_camel_case_types, non_snake_case, non_upper_case_globals, missing_docs)]
    #![allow(clippy::all, clippy::undocumented_unsafe_blocks, rustdoc::all)]
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

#[cfg(sel4_bindings)]
pub use bindings::*;
