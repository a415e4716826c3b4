//! Any calls that name files, one after the other.
#![no_main]

libfuzzer_sys::fuzz_target!(|calls: Vec<muslcsys_fuzz::paths::Call>| muslcsys_fuzz::paths::run(&calls));
