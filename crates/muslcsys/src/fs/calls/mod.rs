//! The calls on files, by subject.

pub mod attributes;
pub mod descriptors;
pub mod names;
pub mod transfer;
