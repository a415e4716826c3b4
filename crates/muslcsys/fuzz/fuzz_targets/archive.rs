//! Any bytes as the image's archive.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| muslcsys_fuzz::archive::run(bytes));
