//! Any path in any small tree.
#![no_main]

libfuzzer_sys::fuzz_target!(|walk: muslcsys_fuzz::walk::Walk| walk.run());
