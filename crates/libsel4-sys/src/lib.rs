//! Raw bindings of libsel4.
#![no_std]

#[cfg(sel4_bindings)]
mod bindings {
    #![allow(non_camel_case_types, non_snake_case, non_upper_case_globals, missing_docs)]
    #![allow(clippy::all, clippy::undocumented_unsafe_blocks, rustdoc::all)]
    include!(concat!(env!("OUT_DIR"), "/bindings.rs"));
}

#[cfg(sel4_bindings)]
pub use bindings::*;
