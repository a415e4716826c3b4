//! `cargo-sel4 runner ELF ARGS...`: what cargo calls in place of each program that it would run.

use std::ffi::OsString;
use std::path::Path;

use mkimage::Image;

use crate::backtrace::Printer;
use crate::error::{Error, Result};
use crate::guest::Environment;
use crate::settings::Settings;
use crate::supervise::{self, Outcome};
use crate::symbols::ElfSymbols;

/// Makes an image of the program `elf` with `args`, boots it, and gives how it ended.
///
/// # Errors
/// The image cannot be made, or QEMU cannot be started.
pub fn run(settings: &Settings, elf: &Path, args: &[OsString]) -> Result<Outcome> {
    let host =
        std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let environment = Environment::new(host, &settings.env);
    let mut image = Image::new(&settings.loader, &settings.kernel, elf);
    // Its line is what tells that the board receives, see `supervise`.
    image.qemu(true).verbose(true);
    for arg in args {
        image.arg(arg);
    }
    for string in &environment.strings {
        image.env(string);
    }
    settings.files.add_to(&mut image);
    let folder = tempfile::Builder::new().prefix("cargo-sel4-").tempdir().map_err(|error| {
        Error::new(format_args!("no folder for the image: {error}"), "free some space, or set TMPDIR")
    })?;
    let file = folder.path().join("boot.elf");
    image.write(&file).map_err(|error| Error::new(error, "nothing was booted"))?;

    let cores = mkimage::kernel_option(&settings.kernel, "MAX_NUM_NODES").unwrap_or(1);
    let name = elf.file_name().unwrap_or(elf.as_os_str()).to_string_lossy().into_owned();
    let here = std::env::current_dir().unwrap_or_default();
    let mut printer = None;
    supervise::run(
        settings.qemu.command(&settings.qemu_program, &file, cores),
        &name,
        settings.bounds,
        settings.boot,
        settings.lifeline.and_then(supervise::inherited),
        |frames| {
            // Read when it is needed: most programs never print a backtrace.
            let printer =
                printer.get_or_insert_with(|| Printer::new(ElfSymbols::open(elf), environment.style, here.clone()));
            printer.text(frames)
        },
    )
}
