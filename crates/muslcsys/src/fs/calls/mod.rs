//! The calls on files, by subject.

pub mod attributes;
pub mod between;
pub mod descriptors;
pub mod locks;
pub mod names;
mod path;
pub mod space;
pub mod transfer;
