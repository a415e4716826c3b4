//! What is wrong with which file, and what mends it.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use loader::page_table::WindowError;
use payload::elf::ElfError;
use payload::params::ParamsError;
use payload::placement::PlacementError;

/// An image cannot be made.
#[derive(Debug)]
pub struct Error {
    file: PathBuf,
    problem: Problem,
}

/// What is wrong.
#[derive(Debug)]
#[non_exhaustive]
pub enum Problem {
    /// The file cannot be read.
    Read(io::Error),
    /// The file cannot be written.
    Write(io::Error),
    /// The loader's ELF file is refused.
    Loader(ElfError),
    /// The kernel's ELF file is refused.
    Kernel(ElfError),
    /// The kernel's virtual addresses cannot be mapped for its start.
    Window(WindowError),
    /// The root task's ELF file is refused.
    RootTask(ElfError),
    /// The parts do not fit into the board's memory.
    Placement(PlacementError),
    /// An argument or environment string is refused.
    Params(ParamsError),
    /// The archive is no whole CPIO archive in newc format.
    NotArchive {
        /// Where the member that is wrong begins, in bytes.
        offset: u64,
        /// What is wrong with it.
        why: String,
    },
    /// What should be a folder of files is none.
    NotFolder,
    /// Something in a folder of files has no place in an archive; the text says why.
    NotMember(&'static str),
    /// Root task and files have more pages than the kernel can give to a root task.
    TooManyPages {
        /// Pages of 4 KiB that they have.
        pages: u64,
        /// Pages that there is room for.
        room: u64,
    },
    /// The device tree is no device tree blob.
    NotDtb,
    /// The output is one of the parts.
    OutputIsInput,
    /// The host gives no random numbers.
    NoSeed(getrandom::Error),
}

impl Error {
    pub(crate) fn new(file: impl Into<PathBuf>, problem: Problem) -> Self {
        Self { file: file.into(), problem }
    }

    /// The file that is wrong.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// What is wrong with it.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }
}

/// One line: the file, what is wrong, and in parentheses what mends it.
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.file.display(), self.problem, self.problem.remedy())
    }
}

impl std::error::Error for Error {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(error) => write!(f, "cannot be read: {}", plain(error)),
            Self::Write(error) => write!(f, "cannot be written: {}", plain(error)),
            Self::Loader(error) | Self::Kernel(error) | Self::RootTask(error) => error.fmt(f),
            Self::Window(error) => error.fmt(f),
            Self::Placement(error) => error.fmt(f),
            Self::Params(error) => error.fmt(f),
            Self::NotArchive { offset, why } => {
                write!(f, "not a whole CPIO archive in newc format: at offset {offset}: {why}")
            }
            Self::NotFolder => write!(f, "is not a folder"),
            Self::NotMember(why) => write!(f, "cannot be in an archive: {why}"),
            Self::TooManyPages { pages, room } => write!(
                f,
                "root task and files have {pages} pages of 4 KiB, the kernel's root CNode has room for {room}"
            ),
            Self::NotDtb => write!(f, "not a whole device tree blob"),
            Self::OutputIsInput => write!(f, "is both a part of the image and its output"),
            Self::NoSeed(error) => write!(f, "no random seed: {error}"),
        }
    }
}

/// The error in words, without Rust's "(os error 28)".
fn plain(error: &io::Error) -> String {
    let text = error.to_string();
    text.split_once(" (os error").map_or(text.clone(), |(words, _)| words.to_owned())
}

impl Problem {
    /// What the user can do about it.
    fn remedy(&self) -> &'static str {
        match self {
            Self::Read(error) if error.kind() == io::ErrorKind::NotFound => "build it first, or correct the path",
            Self::Read(_) => "check the path and its permissions",
            Self::Write(error) if error.kind() == io::ErrorKind::StorageFull => "free some space, then pack again",
            Self::Write(_) => "check the folder and its permissions",
            Self::Loader(_) => "give the loader that crates/loader builds",
            Self::Window(_) => "configure the kernel for this board",
            Self::Kernel(error) => match error {
                ElfError::OutsideMemory(_) => "configure the kernel for this board",
                error if is_cut_off(error) => "build or install the kernel again",
                _ => "give bin/kernel.elf of a SEL4_PREFIX for AArch64",
            },
            Self::RootTask(error) => match error {
                ElfError::OutsideMemory(_) => "link it below the end of user addresses and above the first page",
                ElfError::Overlap(..) | ElfError::SharedPage(..) | ElfError::Misaligned(_) => {
                    "correct its linker script, or link it with the sysroot's compiler"
                }
                ElfError::WritableCode(_) => "keep code and data in separate segments, as the sysroot's compiler does",
                ElfError::NotExecutable(_) => "link it statically with the sysroot's compiler",
                error if is_cut_off(error) => "build it again",
                _ => "link it with the sysroot's compiler, aarch64-sel4-musl-gcc",
            },
            Self::Placement(PlacementError::NoRoom { .. }) => "make the root task smaller",
            Self::Placement(_) => "build the loader with another LOADER_BASE",
            Self::Params(ParamsError::NotMount) => "name another folder with --mount",
            Self::Params(_) => "correct the argument or environment string",
            Self::NotArchive { .. } => "make it with cpio -o -H newc, or name a folder with --rom",
            Self::NotFolder => "name the folder that holds the files",
            Self::NotMember(_) => "remove or rename it",
            Self::TooManyPages { .. } => {
                "leave out files, or configure the kernel with a larger KernelRootCNodeSizeBits"
            }
            Self::NotDtb => "compile it with dtc -O dtb",
            Self::OutputIsInput => "choose another output",
            Self::NoSeed(_) => "give one with --seed-hex",
        }
    }
}

fn is_cut_off(error: &ElfError) -> bool {
    matches!(error, ElfError::Truncated { .. } | ElfError::TruncatedHeaders)
}
