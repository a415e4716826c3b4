//! From files to the bytes of an image.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use loader::page_table::Window;
use payload::board;
use payload::elf::{self, NewSegment, Program, READ, Rules, Segment};
use payload::image::{self, Payload};
use payload::params;
use payload::placement::{PAYLOAD_ALIGN, Parts, Placement, PlacementError};
use payload::span::{Span, align_up};

use crate::{Error, Image, Problem, Seed};

/// Checks all parts of `spec` and packs them.
pub fn pack(spec: &Image) -> Result<Vec<u8>, Error> {
    let [loader, kernel, root_task] = [read(&spec.loader)?, read(&spec.kernel)?, read(&spec.root_task)?];
    let dtb = spec.dtb.as_deref().map(read_dtb).transpose()?.unwrap_or_default();
    let loader = check(&loader, &Rules::LOADER, &spec.loader, Problem::Loader)?;
    let kernel = check(&kernel, &Rules::KERNEL, &spec.kernel, Problem::Kernel)?;
    Window::of(&kernel).map_err(|error| Error::new(&spec.kernel, Problem::Window(error)))?;
    let root_task = check(&root_task, &Rules::ROOT_TASK, &spec.root_task, Problem::RootTask)?;
    let params = params(spec)?;
    let payload = image::build(&Payload {
        flags: if spec.qemu { image::FLAG_QEMU } else { 0 } | if spec.verbose { image::FLAG_VERBOSE } else { 0 },
        kernel: &loadable(&kernel),
        root_task: &loadable(&root_task),
        params: &params,
        dtb: &dtb,
    });
    let no_room = |error| Error::new(&spec.kernel, Problem::Placement(error));
    let place = place_behind(&loader, payload.len()).map_err(no_room)?;
    let parts = Parts {
        kernel: kernel.phys(),
        loader: Span::between(loader.phys().start(), place.start()),
        payload: place,
        dtb_len: dtb.len() as u64,
        root_task_len: root_task.pages().len() + params.len() as u64,
    };
    Placement::plan(&parts, &board::RAM).map_err(|error| match error {
        PlacementError::NoRoom { .. } => Error::new(&spec.root_task, Problem::Placement(error)),
        _ => no_room(error),
    })?;
    let mut segments: Vec<_> = loader.segments().map(|segment| as_new(&segment)).collect();
    segments.push(NewSegment {
        virt: place.start(),
        phys: place.start(),
        size: place.len(),
        flags: READ,
        data: &payload,
    });
    Ok(elf::write(loader.entry(), &segments))
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

fn params(spec: &Image) -> Result<Vec<u8>, Error> {
    let mut builder = params::Builder::new();
    let refused = |string: &OsStr, error| Error::new(string, Problem::Params(error));
    let name = spec.arg0.as_deref().or(spec.root_task.file_name()).unwrap_or_default();
    for arg in std::iter::once(name).chain(spec.args.iter().map(AsRef::as_ref)) {
        builder.arg(arg.as_bytes()).map_err(|error| refused(arg, error))?;
    }
    for assignment in &spec.env {
        builder.env(assignment.as_bytes()).map_err(|error| refused(assignment, error))?;
    }
    if let Some(file) = &spec.archive {
        builder.archive(read_archive(file)?);
    }
    builder.seed(match spec.seed {
        Seed::Fixed(seed) => seed,
        Seed::Random => {
            let mut seed = [0; 32];
            getrandom::fill(&mut seed).map_err(|error| Error::new("--seed-hex", Problem::NoSeed(error)))?;
            seed
        }
    });
    Ok(builder.qemu(spec.qemu).build())
}

/// A CPIO archive of the newc format begins with a member and ends with one of this name.
fn read_archive(file: &Path) -> Result<Vec<u8>, Error> {
    const MAGIC: &[u8] = b"070701";
    const TRAILER: &[u8] = b"TRAILER!!!";
    let bytes = read(file)?;
    if bytes.starts_with(MAGIC) && bytes.windows(TRAILER.len()).any(|name| name == TRAILER) {
        Ok(bytes)
    } else {
        Err(Error::new(file, Problem::NotArchive))
    }
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
