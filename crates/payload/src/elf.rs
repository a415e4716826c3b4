//! What an ELF file must be to be loaded.
//!
//! [`Program::check`] is the one way to a [`Program`], so whoever holds one may rely on every claim: the bytes of each
//! segment are there, addresses do not wrap, segments lie in the memory that the [`Rules`] name and do not overlap, and
//! execution starts at an instruction that was loaded.

use core::fmt;

use elf::abi;
use elf::endian::LittleEndian;
use elf::file::{Class, FileHeader, parse_ident};
use elf::parse::ParseAt;
use elf::segment::{ProgramHeader, SegmentTable};

use crate::PAGE;
use crate::board;
use crate::span::Span;

#[cfg(feature = "build")]
mod write;
#[cfg(feature = "build")]
pub use write::{NewSegment, write, write_before};

/// Most loadable segments that an ELF file may have. Linkers make four or five; the bound keeps the search for overlaps
/// short on a damaged file.
pub const MAX_SEGMENTS: usize = 64;

/// Segment flag: may be executed (`PF_X`).
pub const EXECUTE: u32 = 1;
/// Segment flag: may be written (`PF_W`).
pub const WRITE: u32 = 2;
/// Segment flag: may be read (`PF_R`).
pub const READ: u32 = 4;

/// Which addresses of the segments say where in the board's memory they go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    /// `p_vaddr`: the kernel's page tables will map them.
    Virtual,
    /// `p_paddr`: they are copied there.
    Physical,
}

/// What an ELF file is checked against.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    address: Address,
    memory: &'a [Span],
    /// No segment both writable and executable, and no page of two segments with different rights.
    separate: bool,
    /// One distance from virtual to physical address for all segments.
    one_offset: bool,
}

impl Rules<'static> {
    /// A kernel: its physical addresses are in [`board::RAM`], all at one distance from its virtual ones. It maps
    /// itself anew when it starts, so its segments may well be one, writable and executable.
    pub const KERNEL: Self =
        Self { address: Address::Physical, memory: &board::RAM, separate: false, one_offset: true };

    /// A loader: runs at its physical addresses.
    pub const LOADER: Self = Self::KERNEL;

    /// A root task: its virtual addresses are in [`board::USER`], and no page is writable and executable.
    pub const ROOT_TASK: Self =
        Self { address: Address::Virtual, memory: &[board::USER], separate: true, one_offset: false };
}

/// One loadable segment.
#[derive(Clone, Copy, Debug)]
pub struct Segment<'a> {
    /// Virtual addresses, `p_memsz` of them.
    pub virt: Span,
    /// Physical address of the first byte. Means nothing for a root task.
    pub phys: u64,
    /// [`READ`], [`WRITE`], [`EXECUTE`].
    pub flags: u32,
    /// The bytes to load; what `virt` has beyond them is zero.
    pub data: &'a [u8],
}

/// An ELF file that passed every check.
#[derive(Clone, Copy, Debug)]
pub struct Program<'a> {
    file: &'a [u8],
    /// The program headers' bytes.
    table: &'a [u8],
    entry: u64,
    virt: Span,
    pages: Span,
    phys: Span,
}

impl<'a> Program<'a> {
    /// Reads `file` and makes every check of `rules`.
    ///
    /// # Errors
    /// The first [`ElfError`] met; nothing of a refused file may be loaded.
    pub fn check(file: &'a [u8], rules: &Rules<'_>) -> Result<Self, ElfError> {
        let header = check_kind(file)?;
        let table = header_table(&header, file).ok_or(ElfError::TruncatedHeaders)?;
        let none = Span::between(0, 0);
        let mut program = Self { file, table, entry: header.e_entry, virt: none, pages: none, phys: none };
        program.check_segments(rules)?;
        program.pages = program.virt.widened(PAGE).ok_or(ElfError::WrapsAround)?;
        program.check_overlaps(rules)?;
        program.check_entry()?;
        Ok(program)
    }

    /// The loadable segments, in file order, without empty ones.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'a>> + use<'a> {
        let file = self.file;
        self.headers().filter_map(move |header| segment(&header, file).ok())
    }

    /// The program headers of loadable segments.
    fn headers(&self) -> impl Iterator<Item = ProgramHeader> + use<'a> {
        SegmentTable::new(LittleEndian, Class::ELF64, self.table)
            .iter()
            .filter(|header| header.p_type == abi::PT_LOAD && (header.p_memsz != 0 || header.p_filesz != 0))
    }

    /// Virtual address of the first instruction.
    #[must_use]
    pub fn entry(&self) -> u64 {
        self.entry
    }

    /// From the lowest to the highest virtual address of all segments.
    #[must_use]
    pub fn virt(&self) -> Span {
        self.virt
    }

    /// The same in whole pages.
    #[must_use]
    pub fn pages(&self) -> Span {
        self.pages
    }

    /// From the lowest to the highest physical address of all segments. Means nothing for a root task.
    #[must_use]
    pub fn phys(&self) -> Span {
        self.phys
    }

    fn check_segments(&mut self, rules: &Rules<'_>) -> Result<(), ElfError> {
        let mut first: Option<Segment<'_>> = None;
        let mut count = 0;
        for header in self.headers() {
            count += 1;
            if count > MAX_SEGMENTS {
                return Err(ElfError::TooManySegments);
            }
            let segment = segment(&header, self.file)?;
            let phys = segment.phys_span()?;
            let target = if rules.address == Address::Physical { phys } else { segment.virt };
            if !rules.memory.iter().any(|memory| memory.covers(target)) {
                return Err(ElfError::OutsideMemory(target));
            }
            if rules.separate && segment.flags & (WRITE | EXECUTE) == WRITE | EXECUTE {
                return Err(ElfError::WritableCode(segment.virt));
            }
            match first {
                None => {
                    first = Some(segment);
                    (self.virt, self.phys) = (segment.virt, phys);
                }
                Some(first) => {
                    if rules.one_offset && segment.offset() != first.offset() {
                        return Err(ElfError::ScatteredLoad(segment.virt));
                    }
                    (self.virt, self.phys) = (self.virt.hull(segment.virt), self.phys.hull(phys));
                }
            }
        }
        if count == 0 { Err(ElfError::NothingToLoad) } else { Ok(()) }
    }

    /// No two segments share an address or, where rights are to be kept apart, a page.
    fn check_overlaps(&self, rules: &Rules<'_>) -> Result<(), ElfError> {
        for (index, a) in self.segments().enumerate() {
            for b in self.segments().skip(index + 1) {
                if a.virt.overlaps(b.virt) {
                    return Err(ElfError::Overlap(a.virt, b.virt));
                }
                if !rules.separate || a.flags == b.flags {
                    continue;
                }
                let page = |segment: Segment<'_>| segment.virt.widened(PAGE).ok_or(ElfError::WrapsAround);
                if page(a)?.overlaps(page(b)?) {
                    return Err(ElfError::SharedPage(a.virt, b.virt));
                }
            }
        }
        Ok(())
    }

    /// The first instruction is one that is loaded from the file, and executable.
    fn check_entry(&self) -> Result<(), ElfError> {
        let Some(instruction) = Span::sized(self.entry, 4) else {
            return Err(ElfError::EntryOutsideCode(self.entry));
        };
        let loaded = |segment: Segment<'_>| Span::sized(segment.virt.start(), segment.data.len() as u64);
        let is_code = |segment: Segment<'_>| {
            segment.flags & EXECUTE != 0 && loaded(segment).is_some_and(|code| code.covers(instruction))
        };
        if self.entry.is_multiple_of(4) && self.segments().any(is_code) {
            Ok(())
        } else {
            Err(ElfError::EntryOutsideCode(self.entry))
        }
    }
}

impl Segment<'_> {
    /// Physical addresses of the whole segment.
    ///
    /// # Errors
    /// [`ElfError::WrapsAround`].
    pub fn phys_span(&self) -> Result<Span, ElfError> {
        Span::sized(self.phys, self.virt.len()).ok_or(ElfError::WrapsAround)
    }

    /// What to add to a virtual address, modulo 2^64, to have the physical one.
    fn offset(&self) -> u64 {
        self.phys.wrapping_sub(self.virt.start())
    }
}

/// Refuses everything that is not a statically linked program for AArch64.
fn check_kind(file: &[u8]) -> Result<FileHeader<LittleEndian>, ElfError> {
    // Kind and width come first, so that a file of another kind is named before its header is read as ours.
    if !file.starts_with(&abi::ELFMAGIC) {
        return Err(ElfError::NotElf);
    }
    if file.get(abi::EI_CLASS).is_some_and(|class| *class != abi::ELFCLASS64) {
        return Err(ElfError::Not64Bit);
    }
    if file.get(abi::EI_DATA).is_some_and(|data| *data != abi::ELFDATA2LSB) {
        return Err(ElfError::BigEndian);
    }
    let (ident, tail) = file.split_at_checked(abi::EI_NIDENT).ok_or(ElfError::TruncatedHeaders)?;
    let ident = parse_ident(ident).map_err(|_| ElfError::NotElf)?;
    let header = FileHeader::parse_tail(ident, tail).map_err(|_| ElfError::TruncatedHeaders)?;
    if header.e_machine != abi::EM_AARCH64 {
        return Err(ElfError::WrongMachine(header.e_machine));
    }
    if header.e_type != abi::ET_EXEC {
        return Err(ElfError::NotExecutable(header.e_type));
    }
    Ok(header)
}

/// The bytes of the program headers.
fn header_table<'a>(header: &FileHeader<LittleEndian>, file: &'a [u8]) -> Option<&'a [u8]> {
    if header.e_phnum == 0 {
        return Some(&[]);
    }
    let size = ProgramHeader::validate_entsize(Class::ELF64, header.e_phentsize.into()).ok()?;
    let start = usize::try_from(header.e_phoff).ok()?;
    file.get(start..start.checked_add(size * usize::from(header.e_phnum))?)
}

/// The segment that `header` describes, checked by itself.
fn segment<'a>(header: &ProgramHeader, file: &'a [u8]) -> Result<Segment<'a>, ElfError> {
    let needed = header.p_offset.saturating_add(header.p_filesz);
    let data = usize::try_from(header.p_offset)
        .ok()
        .zip(usize::try_from(needed).ok())
        .and_then(|(start, end)| file.get(start..end))
        .ok_or(ElfError::Truncated { needed, present: file.len() as u64 })?;
    let virt = Span::sized(header.p_vaddr, header.p_memsz).ok_or(ElfError::WrapsAround)?;
    if data.len() as u64 > virt.len() {
        return Err(ElfError::LargerInFile(virt));
    }
    let align = header.p_align;
    // ELF: p_vaddr and p_offset are equal modulo p_align; 0 and 1 ask for nothing.
    if align > 1 && (!align.is_power_of_two() || (virt.start() ^ header.p_offset) & (align - 1) != 0) {
        return Err(ElfError::Misaligned(virt));
    }
    Ok(Segment { virt, phys: header.p_paddr, flags: header.p_flags, data })
}

/// Why an ELF file is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ElfError {
    /// The first bytes are not ELF's.
    NotElf,
    /// A 32-bit ELF file.
    Not64Bit,
    /// A big-endian ELF file.
    BigEndian,
    /// For another processor (`e_machine`).
    WrongMachine(u16),
    /// Not `ET_EXEC` (`e_type`): an object file, a shared library, a position-independent or dynamic program.
    NotExecutable(u16),
    /// The file ends within its headers, or they are of another size.
    TruncatedHeaders,
    /// The file ends within a segment.
    Truncated {
        /// Bytes that the segment table speaks of.
        needed: u64,
        /// Bytes that are there.
        present: u64,
    },
    /// No loadable segment.
    NothingToLoad,
    /// More than [`MAX_SEGMENTS`] loadable segments.
    TooManySegments,
    /// A segment has more bytes in the file than in memory.
    LargerInFile(Span),
    /// A segment's alignment is no power of two, or its offset in the file does not fit its address.
    Misaligned(Span),
    /// A segment passes the end of the address space.
    WrapsAround,
    /// A segment lies outside the memory it may use.
    OutsideMemory(Span),
    /// Segments of a kernel or loader whose physical addresses are not all at one distance from the virtual ones.
    ScatteredLoad(Span),
    /// Two segments have addresses in common.
    Overlap(Span, Span),
    /// Two segments with different rights have a page in common.
    SharedPage(Span, Span),
    /// A segment that is writable and executable.
    WritableCode(Span),
    /// The entry point is not an instruction that is loaded.
    EntryOutsideCode(u64),
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NotElf => write!(f, "not an ELF file"),
            Self::Not64Bit => write!(f, "a 32-bit ELF file, not a 64-bit one for AArch64"),
            Self::BigEndian => write!(f, "a big-endian ELF file, not a little-endian one"),
            Self::WrongMachine(machine) => match machine {
                62 => write!(f, "an ELF file for x86-64, not for AArch64"),
                243 => write!(f, "an ELF file for RISC-V, not for AArch64"),
                other => write!(f, "an ELF file for machine {other}, not for AArch64 (183)"),
            },
            Self::NotExecutable(kind) => match kind {
                1 => write!(f, "an object file, not a linked program"),
                3 => write!(f, "a position-independent or shared ELF file, not a static program"),
                other => write!(f, "an ELF file of type {other}, not a program (2)"),
            },
            Self::TruncatedHeaders => write!(f, "truncated: the file ends within its ELF headers"),
            Self::Truncated { needed, present } => {
                write!(f, "truncated: its segments need {needed} bytes, the file has {present}")
            }
            Self::NothingToLoad => write!(f, "no segment to load"),
            Self::TooManySegments => write!(f, "more than {MAX_SEGMENTS} segments to load"),
            Self::LargerInFile(at) => {
                write!(f, "segment {at} is larger in the file than in memory")
            }
            Self::Misaligned(at) => write!(f, "segment {at} is misaligned in the file"),
            Self::WrapsAround => write!(f, "a segment passes the end of the address space"),
            Self::OutsideMemory(at) => write!(f, "segment {at} is outside the memory it may use"),
            Self::ScatteredLoad(at) => {
                write!(f, "segment {at} has another distance to its load address than the first segment")
            }
            Self::Overlap(a, b) => write!(f, "segments {a} and {b} overlap"),
            Self::SharedPage(a, b) => {
                write!(f, "segments {a} and {b} share a page but not their access rights")
            }
            Self::WritableCode(at) => write!(f, "segment {at} is writable and executable"),
            Self::EntryOutsideCode(entry) => write!(f, "entry point {entry:#x} is not in a loaded, executable segment"),
        }
    }
}

impl core::error::Error for ElfError {}
