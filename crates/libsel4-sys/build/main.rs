//! Generates the bindings of libsel4 from the headers of the seL4 in use.
//!
//! Steps: find the prefix, let bindgen read its headers (it writes `bindings.rs` and, for libsel4's static inline
//! functions, `wrappers.c`), tell dependents how this libsel4 differs from others, compile the wrappers.

mod bindings;
mod cfgs;
mod comments;
mod prefix;
mod wrappers;

use std::env;
use std::path::PathBuf;
use std::process::ExitCode;

use prefix::Prefix;

fn main() -> ExitCode {
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rustc-check-cfg={}", cfgs::check_cfg());
    match generate() {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => {
            println!("cargo::error={line}");
            // Cargo fails the build because of the line above and prints nothing else.
            ExitCode::SUCCESS
        }
    }
}

/// Everything from the environment to the linked wrappers. An error is one line that names what mends it.
fn generate() -> Result<(), String> {
    let target_is_sel4 = env::var("CARGO_CFG_TARGET_VENDOR").is_ok_and(|vendor| vendor == "sel4");
    let Some(prefix) = Prefix::from_env(target_is_sel4)? else {
        // A host build of the workspace: an empty crate, and no cfg holds.
        cfgs::tell_dependents(&[], None);
        return Ok(());
    };
    println!("cargo::rerun-if-changed={}", prefix.include.display());

    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let generated = bindings::generate(&prefix, &out)?;
    let cfgs = cfgs::of(&generated.names);
    for cfg in &cfgs {
        println!("cargo::rustc-cfg={cfg}");
    }
    cfgs::tell_dependents(&cfgs, Some(&prefix));
    // The coverage test compares this text with the prefix's interface XML.
    println!("cargo::rustc-env=LIBSEL4_SYS_BINDINGS={}", generated.rust.display());
    println!("cargo::rustc-env=LIBSEL4_SYS_INCLUDE={}", prefix.include.display());

    // On a host the types and constants can be used (and documented), but there is no kernel to call.
    if target_is_sel4 {
        wrappers::compile(&prefix, &generated.c)?;
    }
    Ok(())
}
