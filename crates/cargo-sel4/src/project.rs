//! `cargo sel4 new`: a crate, or a root task in C with a Rust part, that boots as it is.
//!
//! cargo itself makes the crates, so names are checked and workspaces joined as its own `new` does it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use crate::args::New;
use crate::error::{Error, Result};
use crate::install::Places;
use crate::toolchain::Toolchain;

const PROGRAM: &str = include_str!("../templates/crate/main.rs");
const CMAKE: &str = include_str!("../templates/c/CMakeLists.txt");
const C: &str = include_str!("../templates/c/main.c");
const LIBRARY: &str = include_str!("../templates/c/lib.rs");
/// What is put behind a manifest of cargo's for a library that C links.
const STATIC_LIBRARY: &str = "\n[lib]\ncrate-type = [\"staticlib\"]\n";

/// Makes it, and prints what to do next.
///
/// # Errors
/// The folder is there already, or cannot be made.
pub fn make(new: &New) -> Result<()> {
    let places = Places::find(None)?;
    let toolchain = Toolchain::find(&places)?;
    let folder = &new.folder;
    if folder.exists() {
        return Err(Error::new(format_args!("{} is there already", folder.display()), "choose another name"));
    }
    if new.c { c_project(&places, &toolchain, folder) } else { rust_crate(&toolchain, folder) }
}

fn rust_crate(toolchain: &Toolchain, folder: &Path) -> Result<()> {
    cargo_new(toolchain, folder, &["--bin"])?;
    write(&folder.join("src/main.rs"), PROGRAM)?;
    println!("cd {} && cargo sel4 run", folder.display());
    Ok(())
}

fn c_project(places: &Places, toolchain: &Toolchain, folder: &Path) -> Result<()> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !is_identifier(name) {
        return Err(Error::new(
            format_args!("\"{name}\" is no name for a C project with a Rust part"),
            "begin with a letter and use letters, digits and _",
        ));
    }
    let rust = format!("{name}_rust");
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    cargo_new(toolchain, &folder.join(&rust), &["--lib", "--vcs", "none"])?;
    for (file, text) in [("CMakeLists.txt", CMAKE), ("main.c", C), (".gitignore", "/build/\n")] {
        write(&folder.join(file), &text.replace("{{name}}", name).replace("{{rust}}", &rust))?;
    }
    write(&folder.join(&rust).join("src/lib.rs"), LIBRARY)?;
    let manifest = folder.join(&rust).join("Cargo.toml");
    let mut file = OpenOptions::new().append(true).open(&manifest).map_err(|error| failed(&manifest, &error))?;
    file.write_all(STATIC_LIBRARY.as_bytes()).map_err(|error| failed(&manifest, &error))?;

    let build = places.build.display();
    println!("cd {}", folder.display());
    if !places.build.join("bin/c-header").is_file() || !places.sysroot.path.join("lib/muslcsys.o").is_file() {
        println!("cmake -G Ninja -S {} -B {build} && ninja -C {build}", places.checkout.display());
    }
    println!("cmake -G Ninja -B build -DSel4Std_DIR={build} && ninja -C build simulate-{name}");
    Ok(())
}

/// Whether C, CMake and cargo all take `name`.
fn is_identifier(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic())
        && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
}

fn cargo_new(toolchain: &Toolchain, folder: &Path, options: &[&str]) -> Result<()> {
    let status = toolchain.cargo().args(["new", "--quiet"]).args(options).arg(folder).stdin(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Error::new(format_args!("cargo new {} failed", folder.display()), "see cargo's message above")),
        Err(error) => Err(Error::new(format_args!("cargo: {error}"), "cargo sel4 doctor tells what is missing")),
    }
}

fn write(file: &Path, text: &str) -> Result<()> {
    fs::write(file, text).map_err(|error| failed(file, &error))
}

fn failed(file: &Path, error: &std::io::Error) -> Error {
    Error::new(format_args!("{}: {error}", file.display()), "check the folder and its permissions")
}

#[cfg(test)]
mod tests {
    use super::is_identifier;

    #[test]
    fn names_that_c_and_cargo_take() {
        assert!(["a", "my_task2"].into_iter().all(is_identifier));
        assert!(!["", "2x", "my-task", "a b", "_a"].into_iter().any(is_identifier));
    }
}
