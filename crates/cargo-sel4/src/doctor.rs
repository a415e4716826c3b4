//! `cargo sel4 doctor`.

/// Examines.
pub fn examine() -> u8 {
    0
}
