//! `cargo sel4`: builds, runs and tests any crate on seL4, under QEMU.
//!
//! In the order of a run: [`args`] reads the command line, [`install`] finds the checkout's sysroot, loader and kernel,
//! [`tree`] builds what is missing of them, [`toolchain`] chooses Rust, [`relink`] sees whether programs must be linked again,
//! [`cargo`] has cargo build the crate. cargo calls this program again for each program it would run ([`runner`], told how by
//! [`settings`]): an image is made of it, with the [`files`] it is given, and [`supervise`] sees [`qemu`] through from start to
//! end. What the guest prints goes through [`console`], which shows backtraces ([`mod@frame`], [`backtrace`]) with what
//! [`symbols`] knows.

pub mod args;
pub mod backtrace;
pub mod cargo;
pub mod console;
pub mod doctor;
pub mod error;
pub mod files;
pub mod frame;
pub mod guest;
pub mod image;
pub mod install;
pub mod project;
pub mod qemu;
pub mod relink;
pub mod runner;
pub mod settings;
pub mod supervise;
pub mod symbols;
pub mod toolchain;
pub mod tree;

use std::ffi::OsString;
use std::path::Path;

use args::{Action, Build, Cli, Run};
use error::{Error, Result};
use files::Files;
use install::{Places, Variant};
use settings::Settings;
use supervise::Bounds;
use toolchain::Toolchain;

/// Does what the command line asks for; gives the exit code.
///
/// # Errors
/// It cannot be done: see [`error::FAILED`].
pub fn perform(cli: Cli) -> Result<u8> {
    match cli.action {
        Action::Build(Build { cargo }) => {
            let (places, toolchain) = complete(None)?;
            relink::if_sysroot_changed(&places, &toolchain, &cargo)?;
            cargo::run(cargo::command(&places, &toolchain, "build", &cargo)?, None)
        }
        Action::Run(run) => with_programs("run", run),
        Action::Test(run) => with_programs("test", run),
        Action::Image(image) => image::make(&image),
        Action::New(new) => project::make(&new).map(|()| 0),
        Action::Doctor => Ok(doctor::examine()),
    }
}

fn with_programs(action: &str, run: Run) -> Result<u8> {
    let (places, toolchain) = complete(run.kernel)?;
    relink::if_sysroot_changed(&places, &toolchain, &run.cargo)?;
    let command = cargo::command(&places, &toolchain, action, &run.cargo)?;
    let settings = Settings {
        env: run.env,
        files: run.files.absolute(),
        qemu: run.qemu,
        bounds: run.bounds,
        boot: run.boot_lines,
        ..settings(&places)?
    };
    cargo::run(command, Some(settings))
}

/// Everything found or built that cargo needs.
fn complete(variant: Option<Variant>) -> Result<(Places, Toolchain)> {
    let places = Places::find(variant)?;
    tree::complete(&places, variant)?;
    let toolchain = Toolchain::find(&places)?;
    Ok((places, toolchain))
}

/// What is used where nothing else is asked for.
fn settings(places: &Places) -> Result<Settings> {
    let qemu_program = qemu::find().ok_or_else(|| {
        let mend = format!("install Debian's package {}, or set SEL4_QEMU", qemu::PACKAGE);
        Error::new(format_args!("{} is missing", qemu::PROGRAM), mend)
    })?;
    Ok(Settings {
        loader: places.loader.path.clone(),
        kernel: places.kernel(),
        qemu_program,
        qemu: qemu::Options::standard(),
        bounds: Bounds::default(),
        env: Vec::new(),
        files: Files::default(),
        boot: false,
        lifeline: None,
    })
}

/// Runs the program `elf` as cargo asks; without settings of a `cargo sel4` around it, as that would by default.
///
/// # Errors
/// It cannot be run.
pub fn run_program(elf: &Path, arguments: &[OsString]) -> Result<u8> {
    let settings = match Settings::from_env()? {
        Some(settings) => settings,
        None => {
            let places = Places::find(None)?;
            tree::complete(&places, None)?;
            settings(&places)?
        }
    };
    Ok(runner::run(&settings, elf, arguments)?.code())
}
