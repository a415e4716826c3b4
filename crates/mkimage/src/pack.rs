//! From files to the bytes of an image.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use loader::page_table::Window;
use payload::PAGE;
use payload::board;
use payload::elf::{self, NewSegment, Program, READ, Rules, Segment};
use payload::image::{self, Payload};
use payload::params;
use payload::placement::{PAYLOAD_ALIGN, Parts, Placement, PlacementError};
use payload::span::{Span, align_up};

use crate::{Error, Files, Image, Problem, Seed, rom};

/// Slots of the root CNode that are not for pages of the root task: the kernel's first capabilities and untypeds (CONFIG
/// MAX_NUM_BOOTINFO_UNTYPED_CAPS is 327 at most), the page tables above the last level, and what muslcsys makes before it has
/// CNodes of its own.
const OTHER_SLOTS: u64 = 1024;
/// Pages that one page table of the last level maps; each takes a slot.
const PAGES_OF_TABLE: u64 = 512;

/// Checks all parts of `spec`, packs them and gives the image's bytes to `done`, in pieces, with the files and folders that the
/// program's files were read from.
pub fn pack<T>(spec: &Image, done: impl FnOnce(&[Cow<'_, [u8]>], &[PathBuf]) -> Result<T, Error>) -> Result<T, Error> {
    let [loader, kernel, root_task] = [read(&spec.loader)?, read(&spec.kernel)?, read(&spec.root_task)?];
    let dtb = spec.dtb.as_deref().map(read_dtb).transpose()?.unwrap_or_default();
    let loader = check(&loader, &Rules::LOADER, &spec.loader, Problem::Loader)?;
    let kernel = check(&kernel, &Rules::KERNEL, &spec.kernel, Problem::Kernel)?;
    Window::of(&kernel).map_err(|error| Error::new(&spec.kernel, Problem::Window(error)))?;
    let root_task = check(&root_task, &Rules::ROOT_TASK, &spec.root_task, Problem::RootTask)?;
    let (params, sources) = params(spec)?;
    let params = params.pieces();
    let params: Vec<&[u8]> = params.iter().map(AsRef::as_ref).collect();
    let params_len: usize = params.iter().map(|piece| piece.len()).sum();
    let payload = Payload {
        flags: if spec.qemu { image::FLAG_QEMU } else { 0 }
            | if spec.verbose { image::FLAG_VERBOSE } else { 0 }
            | image::cores_flags(spec.cores.unwrap_or_else(|| cores_of(&spec.kernel))),
        kernel: &loadable(&kernel),
        root_task: &loadable(&root_task),
        params: &[],
        dtb: &dtb,
    };
    let mut pieces = image::pieces(&payload, &params);
    let len: usize = pieces.iter().map(|piece| piece.len()).sum();
    let no_room = |error| Error::new(&spec.kernel, Problem::Placement(error));
    let place = place_behind(&loader, len).map_err(no_room)?;
    let parts = Parts {
        kernel: kernel.phys(),
        loader: Span::between(loader.phys().start(), place.start()),
        payload: place,
        dtb_len: dtb.len() as u64,
        root_task_len: root_task.pages().len() + params_len as u64,
    };
    Placement::plan(&parts, &board::RAM).map_err(|error| match error {
        PlacementError::NoRoom { .. } => Error::new(&spec.root_task, Problem::Placement(error)),
        _ => no_room(error),
    })?;
    enough_slots(spec, parts.root_task_len / PAGE)?;
    let mut segments: Vec<_> = loader.segments().map(|segment| as_new(&segment)).collect();
    segments.push(NewSegment { virt: place.start(), phys: place.start(), size: place.len(), flags: READ, data: &[] });
    pieces.insert(0, elf::write_before(loader.entry(), &segments, len).into());
    done(&pieces, &sources)
}

/// Whether the kernel's root CNode has a slot for each of so many pages. Only asked where the kernel stands in a SEL4_PREFIX,
/// whose configuration says how large the CNode is.
fn enough_slots(spec: &Image, pages: u64) -> Result<(), Error> {
    let bits = crate::kernel_option(&spec.kernel, "ROOT_CNODE_SIZE_BITS").and_then(|bits| u32::try_from(bits).ok());
    let Some(bits) = bits else { return Ok(()) };
    let slots = 1_u64.checked_shl(bits).unwrap_or(u64::MAX).saturating_sub(OTHER_SLOTS);
    let room = slots - slots / (PAGES_OF_TABLE + 1);
    if pages <= room { Ok(()) } else { Err(Error::new(&spec.root_task, Problem::TooManyPages { pages, room })) }
}

/// The number of cores that a kernel is configured for: the SEL4_PREFIX that it stands in says so; 1 where there is none.
fn cores_of(kernel: &Path) -> u8 {
    crate::kernel_option(kernel, "MAX_NUM_NODES").and_then(|cores| cores.try_into().ok()).unwrap_or(1)
}

/// Where a payload goes, see [`payload::image`].
fn place_behind(loader: &Program<'_>, len: usize) -> Result<Span, PlacementError> {
    align_up(loader.phys().end(), PAYLOAD_ALIGN)
        .and_then(|start| Span::sized(start, len as u64))
        .filter(|place| board::RAM.iter().any(|bank| bank.covers(*place)))
        .ok_or(PlacementError::NoRoom { part: "payload", size: len as u64 })
}

/// The ELF file that has the segments of `program` and nothing else: no sections, symbols or debug information.
fn loadable(program: &Program<'_>) -> Vec<u8> {
    let segments: Vec<_> = program.segments().map(|segment| as_new(&segment)).collect();
    elf::write(program.entry(), &segments)
}

fn as_new<'a>(segment: &Segment<'a>) -> NewSegment<'a> {
    NewSegment {
        virt: segment.virt.start(),
        phys: segment.phys,
        size: segment.virt.len(),
        flags: segment.flags,
        data: segment.data,
    }
}

fn read(file: &Path) -> Result<Vec<u8>, Error> {
    fs::read(file).map_err(|error| Error::new(file, Problem::Read(error)))
}

fn check<'a>(
    bytes: &'a [u8],
    rules: &Rules<'_>,
    file: &Path,
    problem: fn(elf::ElfError) -> Problem,
) -> Result<Program<'a>, Error> {
    Program::check(bytes, rules).map_err(|error| Error::new(file, problem(error)))
}

/// The boot parameters, and what the program's files were read from.
fn params(spec: &Image) -> Result<(params::Builder, Vec<PathBuf>), Error> {
    let mut builder = params::Builder::new();
    let refused = |string: &OsStr, error| Error::new(string, Problem::Params(error));
    for arg in std::iter::once(spec.name()).chain(spec.args.iter().map(AsRef::as_ref)) {
        builder.arg(arg.as_bytes()).map_err(|error| refused(arg, error))?;
    }
    for assignment in &spec.env {
        builder.env(assignment.as_bytes()).map_err(|error| refused(assignment, error))?;
    }
    if let Some(folder) = &spec.mount {
        builder.mount(folder.as_bytes()).map_err(|error| refused(folder, error))?;
    }
    let mut sources = Vec::new();
    match &spec.files {
        None => {}
        Some(Files::Archive(file)) => {
            let bytes = read(file)?;
            rom::check(&bytes).map_err(|(offset, why)| Error::new(file, Problem::NotArchive { offset, why }))?;
            builder.archive(bytes);
        }
        Some(Files::Folder(folder)) => {
            let rom = rom::archive(folder)?;
            builder.archive(rom.archive);
            sources = rom.sources;
        }
    }
    builder.seed(match spec.seed {
        Seed::Fixed(seed) => seed,
        Seed::Random => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|error| Error::new("--seed-hex", Problem::NoSeed(error)))?;
            seed
        }
    });
    builder.qemu(spec.qemu);
    Ok((builder, sources))
}

/// A device tree blob begins with its magic number and its size, both big endian (Devicetree Specification 5.2).
fn read_dtb(file: &Path) -> Result<Vec<u8>, Error> {
    const MAGIC: [u8; 4] = 0xd00d_feed_u32.to_be_bytes();
    let bytes = read(file)?;
    let size = bytes.get(4..8).and_then(|size| size.try_into().ok()).map_or(0, u32::from_be_bytes) as usize;
    if bytes.starts_with(&MAGIC) && (8..=bytes.len()).contains(&size) {
        Ok(bytes)
    } else {
        Err(Error::new(file, Problem::NotDtb))
    }
}
