//! Packs loader, kernel, root task and boot parameters into one ELF file that QEMU's `-kernel`, or a board's
//! first-stage loader, boots.
//!
//! ```no_run
//! let mut image = mkimage::Image::new("loader", "kernel.elf", "app.elf");
//! image.arg("--list").env("RUST_BACKTRACE=1").qemu(true);
//! image.write("boot.elf".as_ref())?;
//! # Ok::<(), mkimage::Error>(())
//! ```
//!
//! Every part is checked as the loader will check it, so what is wrong is said on the host, with the name of the file.

#![forbid(unsafe_code)]

mod error;
mod output;
mod pack;
mod rom;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

pub use error::{Error, Problem};

/// A number of the configuration that a kernel was built with, without its `CONFIG_`: what `gen_config.json` beside it has, where
/// seL4's install step puts it in a SEL4_PREFIX (as a number, or as 5.0.0 has it a string). `None` for a kernel that stands
/// elsewhere, and for an option that it does not know.
#[must_use]
pub fn kernel_option(kernel: &Path, name: &str) -> Option<u64> {
    let file = kernel.parent()?.parent()?.join("libsel4/include/kernel/gen_config.json");
    let config: serde_json::Value = serde_json::from_slice(&std::fs::read(file).ok()?).ok()?;
    let value = config.get(name)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// Where the seed of an image comes from: 32 bytes that the program's random numbers start from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Seed {
    /// From the host's random number generator, another one for each image.
    #[default]
    Random,
    /// These bytes: two runs of the image are alike, as is an image packed again.
    Fixed([u8; 32]),
}

/// Where the program's files come from.
#[derive(Clone, Debug)]
enum Files {
    /// An archive.
    Archive(PathBuf),
    /// A folder, which becomes one.
    Folder(PathBuf),
}

/// What an image is made of.
#[derive(Clone, Debug)]
pub struct Image {
    loader: PathBuf,
    kernel: PathBuf,
    root_task: PathBuf,
    dtb: Option<PathBuf>,
    files: Option<Files>,
    mount: Option<OsString>,
    deps: Option<PathBuf>,
    arg0: Option<OsString>,
    args: Vec<OsString>,
    env: Vec<OsString>,
    seed: Seed,
    cores: Option<u8>,
    qemu: bool,
    verbose: bool,
}

impl Image {
    /// An image of three ELF files: without arguments (but the program's name), environment, archive or device tree,
    /// with a random seed, not for QEMU.
    pub fn new(loader: impl Into<PathBuf>, kernel: impl Into<PathBuf>, root_task: impl Into<PathBuf>) -> Self {
        Self {
            loader: loader.into(),
            kernel: kernel.into(),
            root_task: root_task.into(),
            dtb: None,
            files: None,
            mount: None,
            deps: None,
            arg0: None,
            args: Vec::new(),
            env: Vec::new(),
            seed: Seed::default(),
            cores: None,
            qemu: false,
            verbose: false,
        }
    }

    /// The name the program is told as its own, `argv[0]`; by default the root task's file name.
    pub fn arg0(&mut self, name: impl Into<OsString>) -> &mut Self {
        self.arg0 = Some(name.into());
        self
    }

    /// Appends an argument; the first is `argv[1]`.
    pub fn arg(&mut self, arg: impl Into<OsString>) -> &mut Self {
        self.args.push(arg.into());
        self
    }

    /// Appends an environment string, `NAME=value`.
    pub fn env(&mut self, assignment: impl Into<OsString>) -> &mut Self {
        self.env.push(assignment.into());
        self
    }

    /// Gives the program the files of a CPIO archive (newc format). Of this and [`rom`](Self::rom) the last one counts.
    pub fn archive(&mut self, file: impl Into<PathBuf>) -> &mut Self {
        self.files = Some(Files::Archive(file.into()));
        self
    }

    /// Gives the program the files of a folder of this machine: all that is in it, with modes, links and empty folders. The
    /// same folder gives the same bytes everywhere: all times are `SOURCE_DATE_EPOCH` of the environment, or 0.
    pub fn rom(&mut self, folder: impl Into<PathBuf>) -> &mut Self {
        self.files = Some(Files::Folder(folder.into()));
        self
    }

    /// The folder that the program finds its files in: absolute, by default `/rom`.
    pub fn mount(&mut self, folder: impl Into<OsString>) -> &mut Self {
        self.mount = Some(folder.into());
        self
    }

    /// Has [`write`](Self::write) also write `file`, in which make and ninja find what the image depends on below the folder
    /// of [`rom`](Self::rom).
    pub fn deps(&mut self, file: impl Into<PathBuf>) -> &mut Self {
        self.deps = Some(file.into());
        self
    }

    /// Gives the kernel a device tree blob.
    pub fn dtb(&mut self, file: impl Into<PathBuf>) -> &mut Self {
        self.dtb = Some(file.into());
        self
    }

    /// Sets where the seed comes from.
    pub fn seed(&mut self, seed: Seed) -> &mut Self {
        self.seed = seed;
        self
    }

    /// On how many cores the kernel runs; by default what the installation that it lies in says.
    pub fn cores(&mut self, cores: u8) -> &mut Self {
        self.cores = Some(cores);
        self
    }

    /// Whether the image is for QEMU with `-semihosting-config enable=on,target=native,userspace=on`, where the
    /// program's exit code becomes QEMU's. On hardware such an image faults when it ends.
    pub fn qemu(&mut self, qemu: bool) -> &mut Self {
        self.qemu = qemu;
        self
    }

    /// Whether the loader prints where it put things.
    pub fn verbose(&mut self, verbose: bool) -> &mut Self {
        self.verbose = verbose;
        self
    }

    /// Checks all parts and packs them.
    ///
    /// # Errors
    /// The first [`Error`] met.
    pub fn pack(&self) -> Result<Vec<u8>, Error> {
        pack::pack(self, |pieces, _| Ok(pieces.concat()))
    }

    /// Packs the image into the file `output`, which is there whole or not at all: after an error there is no `output`,
    /// not even one that was there before. The program's files are in memory once meanwhile.
    ///
    /// # Errors
    /// The first [`Error`] met. If `output` is one of the parts, it is left alone.
    pub fn write(&self, output: &Path) -> Result<(), Error> {
        let archive = self.files.as_ref().map(|(Files::Archive(path) | Files::Folder(path))| path);
        let parts = [Some(&self.loader), Some(&self.kernel), Some(&self.root_task), self.dtb.as_ref(), archive];
        if parts.into_iter().flatten().any(|part| output::is_same_file(part, output)) {
            return Err(Error::new(output, Problem::OutputIsInput));
        }
        let written = pack::pack(self, |pieces, sources| {
            if let Some(deps) = &self.deps {
                output::replace(deps, &[rom::dependencies(output, sources)])?;
            }
            output::replace(output, pieces)
        });
        if written.is_err() {
            output::remove_stale(output);
        }
        written
    }

    /// The name that the program is told as its own.
    fn name(&self) -> &OsStr {
        self.arg0.as_deref().or(self.root_task.file_name()).unwrap_or_default()
    }
}
