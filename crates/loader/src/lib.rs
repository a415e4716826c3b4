//! The loader's parts that need no hardware, so that a host can test them. The program is in `main.rs`.

#![no_std]
#![forbid(unsafe_code)]

pub mod page_table;
