//! Builds what is missing in the checkout, with the checkout's own CMake files.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::error::{Error, Result};
use crate::install::{self, Places, Variant};

/// Sees to it that all parts are there: what a variable named must be, what is the checkout's is built.
///
/// # Errors
/// A part is missing that a variable named, or cannot be built.
pub fn complete(places: &Places, variant: Option<Variant>) -> Result<()> {
    for (name, place, file) in places.parts() {
        if let Some(variable) = place.variable
            && !file.is_file()
        {
            return Err(Error::new(
                format_args!("no {name} in {variable}={}: {} is missing", place.path.display(), file.display()),
                format_args!("correct {variable}, or unset it to use the checkout's"),
            ));
        }
    }
    let missing = || places.parts().into_iter().filter(|(_, _, file)| !file.is_file()).map(|(name, ..)| name);
    if missing().next().is_none() {
        return Ok(());
    }
    let _lock = lock(&places.build)?;
    // Another cargo-sel4 may have built it meanwhile.
    let names: Vec<_> = missing().collect();
    if names.is_empty() {
        return Ok(());
    }
    eprintln!("cargo-sel4: building {} in {}: some minutes, once", names.join(", "), places.build.display());
    configure(places)?;
    if names.iter().any(|name| *name != "kernel") || variant.is_none() {
        ninja(&places.build, &targets(places))?;
    }
    if !places.kernel().is_file() {
        let variant = variant.unwrap_or(Variant::Debug);
        if places.prefix.path.starts_with(install::apart(&places.build, variant)) {
            kernel(places, variant)?;
        } else {
            // The one that the folder is configured for.
            ninja(&places.build, &["sel4_kernel"])?;
        }
    }
    match missing().next() {
        None => Ok(()),
        Some(name) => Err(Error::new(
            format_args!("{} was built, and it has no {name}", places.build.display()),
            "remove the folder and try again",
        )),
    }
}

/// CMake's targets for what is missing. The kernel comes with the sysroot, whose system calls are built against it.
fn targets(places: &Places) -> Vec<&'static str> {
    let mut targets = Vec::new();
    if places.sysroot.variable.is_none() || places.prefix.variable.is_none() {
        targets.push("sysroot");
    }
    if places.loader.variable.is_none() {
        targets.push("loader");
    }
    targets
}

fn configure(places: &Places) -> Result<()> {
    // Installs the tools that are missing, or names them, and chooses the Rust toolchain.
    let mut setup = Command::new(places.checkout.join("tools/setup"));
    step(setup.arg(&places.build).stdout(crate::cargo::stderr()), "tools/setup")?;
    if places.build.join("build.ninja").is_file() {
        return Ok(());
    }
    let mut cmake = Command::new("cmake");
    cmake.args(["-G", "Ninja", "-S"]).arg(&places.checkout).arg("-B").arg(&places.build);
    step(cmake.stdout(Stdio::null()), "cmake's configuration")
}

fn ninja(build: &Path, targets: &[&str]) -> Result<()> {
    let mut ninja = Command::new("ninja");
    ninja.env("NINJA_STATUS", "[%f/%t, %es] ").arg("-C").arg(build).args(targets);
    step(ninja.stdout(crate::cargo::stderr()), "the build")
}

/// The other variant of the kernel, beside the one that the build folder is configured for.
fn kernel(places: &Places, variant: Variant) -> Result<()> {
    let name = variant.name();
    let folder = install::apart(&places.build, variant);
    if !folder.join("build.ninja").is_file() {
        let mut cmake = Command::new("cmake");
        cmake.args(["-G", "Ninja", "-S"]).arg(places.checkout.join("kernel")).arg("-B").arg(&folder);
        cmake.arg(format!("-DKERNEL_VARIANT={name}"));
        cmake.arg(format!("-DKERNEL_CARGO={}", places.build.join("bin/cargo").display()));
        step(cmake.stdout(Stdio::null()), "the kernel's configuration")?;
    }
    ninja(&folder, &[])
}

/// Runs a step; standard output is the program's, so a step has none.
fn step(command: &mut Command, what: &str) -> Result<()> {
    // Variables that a cargo around this one has set are not meant for the build's.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_BUILD_", "CARGO_TARGET_", "CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS"]
            .iter()
            .any(|part| text.starts_with(part))
        {
            command.env_remove(&name);
        }
    }
    let program = command.get_program().display().to_string();
    match command.stdin(Stdio::null()).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Error::new(format_args!("{what} failed"), "see above; cargo sel4 doctor tells what is missing")),
        Err(error) => Err(Error::new(
            format_args!("{program} cannot be started: {error}"),
            "cargo sel4 doctor tells what is missing",
        )),
    }
}

/// One build at a time in a folder.
fn lock(build: &Path) -> Result<File> {
    let file = build.join(".cargo-sel4.lock");
    let failed = |error| Error::new(format_args!("{}: {error}", file.display()), "make the folder writable");
    fs::create_dir_all(build).map_err(failed)?;
    let lock = File::create(&file).map_err(failed)?;
    lock.lock().map_err(failed)?;
    Ok(lock)
}
