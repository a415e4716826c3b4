//! What tests on the host share.

use proptest::test_runner::Config;
use std::sync::Mutex;

/// How many cases a test with random input tries: 256 or PROPTEST_CASES, and fewer under Miri, which is some hundred times slower. What
/// failed is printed and not written beside the sources.
pub fn cases(under_miri: u32) -> Config {
    let usual = Config { failure_persistence: None, ..Config::default() };
    if cfg!(miri) { Config { cases: under_miri, max_shrink_iters: 0, ..usual } } else { usual }
}

/// How many steps a case has, at most `most`, and a tenth of that under Miri.
pub fn steps(most: usize) -> core::ops::Range<usize> {
    1..if cfg!(miri) { most / 10 } else { most }
}

/// Bytes that stay, as an archive does. They can be reached to the end, so that leaks that are found are real.
pub fn forever(bytes: Vec<u8>) -> &'static [u8] {
    static KEPT: Mutex<Vec<&[u8]>> = Mutex::new(Vec::new());
    let bytes = bytes.leak();
    KEPT.lock().unwrap().push(bytes);
    bytes
}
