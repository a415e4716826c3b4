//! Compiles the C wrappers of libsel4's static inline functions for the target.

use std::env;
use std::path::Path;

use crate::bindings::DEFINITIONS;
use crate::prefix::Prefix;

/// The cross compiler of Debian's package gcc-aarch64-linux-gnu, used where the environment names no other.
const COMPILER: &str = "aarch64-linux-gnu-gcc";
const ARCHIVER: &str = "aarch64-linux-gnu-ar";

/// Optimised in every profile: the functions are a few instructions around a system call.
///
/// - Static, non-relocatable images; the IPC buffer's thread-local is a fixed offset from TPIDR_EL0.
/// - No calls into a runtime: no stack protector, no out-of-line atomics.
/// - One section a function, so that the linker keeps only what is called.
/// - No unwind tables: nothing unwinds through a system call.
/// - Common symbols: libsel4 5.0.0 defines variables in headers (see `bindings`), which would clash otherwise.
const FLAGS: [&str; 10] = [
    "-std=gnu11",
    "-O2",
    "-ffreestanding",
    "-fno-pic",
    "-ftls-model=local-exec",
    "-fno-stack-protector",
    "-mno-outline-atomics",
    "-ffunction-sections",
    "-fno-asynchronous-unwind-tables",
    "-fcommon",
];

/// Compiles `wrappers` into a static library and links it with this crate.
pub fn compile(prefix: &Prefix, wrappers: &Path) -> Result<(), String> {
    let mut build = cc::Build::new();
    build.file(wrappers).include(&prefix.include).no_default_flags(true).warnings(false);
    for flag in FLAGS.iter().chain(&DEFINITIONS) {
        build.flag(flag);
    }
    // -w: the text is generated and libsel4's; its warnings tell our user nothing.
    build.flag("-w");
    if !named_for_target("CC") {
        build.compiler(COMPILER);
    }
    if !named_for_target("AR") {
        build.archiver(ARCHIVER);
    }
    build.try_compile("sel4_wrappers").map_err(|e| {
        format!("libsel4's wrappers do not compile: install the package gcc-aarch64-linux-gnu or set TARGET_CC ({e})")
    })
}

/// Whether the environment names a tool for this target (`CC_<target>`, `TARGET_CC`), as the crate `cc` reads it.
///
/// A plain `CC` is meant for the host and does not count.
fn named_for_target(tool: &str) -> bool {
    let target = env::var("TARGET").expect("cargo sets TARGET");
    [format!("{tool}_{target}"), format!("{tool}_{}", target.replace('-', "_")), format!("TARGET_{tool}")]
        .iter()
        .inspect(|name| println!("cargo::rerun-if-env-changed={name}"))
        .any(|name| env::var_os(name).is_some_and(|value| !value.is_empty()))
}
