//! Links the loader with its own linker script, at the address that `LOADER_BASE` gives.

use std::env;
use std::path::PathBuf;

/// Where the loader runs if `LOADER_BASE` is not set: the middle of the lower bank of memory. Kernels load at its
/// start, and a root task, which is limited by the slots of its CNode to some hundred MiB, ends below it.
const BASE: &str = "0x40000000";

fn main() {
    println!("cargo:rerun-if-env-changed=LOADER_BASE");
    println!("cargo:rerun-if-changed=loader.ld");
    println!("cargo:rerun-if-changed=src/head.S");
    if env::var_os("CARGO_FEATURE_BOOT").is_none() {
        return;
    }
    let script = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it")).join("loader.ld");
    let base = env::var("LOADER_BASE").unwrap_or_else(|_| BASE.to_owned());
    for argument in [
        "-nostdlib",
        "-nostartfiles",
        "-static",
        "-Wl,--build-id=none",
        "-Wl,-z,noexecstack",
        "-Wl,--no-eh-frame-hdr",
        &format!("-Wl,--defsym=LOADER_BASE={base}"),
        &format!("-T{}", script.display()),
    ] {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}
