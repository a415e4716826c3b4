//! What the fuzz targets do with the bytes that libFuzzer makes up. A target fails by a panic, an overflow, a leak, or memory that is not
//! its own; each also compares what it can with something simpler.

pub mod archive;
pub mod path;
pub mod paths;
pub mod tree;
pub mod walk;
