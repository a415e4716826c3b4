//! Writing ELF files that hold segments and nothing else.

use alloc::vec::Vec;

use object::elf::{
    ELFCLASS64, ELFDATA2LSB, ELFMAG, ELFOSABI_SYSV, EM_AARCH64, ET_EXEC, EV_CURRENT, FileFlags, FileHeader64, Ident,
    PT_LOAD, ProgramFlags, ProgramHeader64, SymbolSection,
};
use object::pod::bytes_of;
use object::{LittleEndian as LE, U16, U32, U64};

/// A segment to write. Nothing is checked, so that tests can write what must be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewSegment<'a> {
    /// Virtual address of the first byte.
    pub virt: u64,
    /// Physical address of the first byte.
    pub phys: u64,
    /// Bytes in memory.
    pub size: u64,
    /// [`READ`](super::READ), [`WRITE`](super::WRITE), [`EXECUTE`](super::EXECUTE).
    pub flags: u32,
    /// Bytes in the file.
    pub data: &'a [u8],
}

/// Segments start at multiples of this in the file, plus what their address is beyond a multiple: enough for the widest
/// copy, and no padding to speak of.
const ALIGN: u64 = 64;

/// An ELF64 executable for AArch64 that has `segments`, starts at `entry`, and has neither sections nor symbols.
#[must_use]
pub fn write(entry: u64, segments: &[NewSegment<'_>]) -> Vec<u8> {
    write_before(entry, segments, 0)
}

/// As [`write`], but `more` bytes of the last segment's data are to follow what is given here.
#[must_use]
pub fn write_before(entry: u64, segments: &[NewSegment<'_>], more: usize) -> Vec<u8> {
    let headers_len = size_of::<FileHeader64<LE>>() + segments.len() * size_of::<ProgramHeader64<LE>>();
    let mut file = Vec::with_capacity(headers_len + segments.iter().map(|s| s.data.len() + 128).sum::<usize>());
    file.extend_from_slice(bytes_of(&file_header(entry, segments.len())));
    let mut end = headers_len as u64;
    let mut offsets = Vec::with_capacity(segments.len());
    for (number, segment) in segments.iter().enumerate() {
        let offset = end.next_multiple_of(ALIGN) + segment.virt % ALIGN;
        offsets.push(offset);
        let len = segment.data.len() + if number + 1 == segments.len() { more } else { 0 };
        end = offset + len as u64;
        file.extend_from_slice(bytes_of(&program_header(segment, offset, len as u64)));
    }
    for (segment, offset) in segments.iter().zip(offsets) {
        file.resize(offset as usize, 0);
        file.extend_from_slice(segment.data);
    }
    file
}

fn file_header(entry: u64, segments: usize) -> FileHeader64<LE> {
    FileHeader64 {
        e_ident: Ident {
            magic: ELFMAG,
            class: ELFCLASS64,
            data: ELFDATA2LSB,
            version: EV_CURRENT,
            os_abi: ELFOSABI_SYSV,
            abi_version: 0,
            padding: [0; 7],
        },
        e_type: U16::new(LE, ET_EXEC),
        e_machine: U16::new(LE, EM_AARCH64),
        e_version: U32::new(LE, EV_CURRENT.0.into()),
        e_entry: U64::new(LE, entry),
        e_phoff: U64::new(LE, size_of::<FileHeader64<LE>>() as u64),
        e_shoff: U64::new(LE, 0),
        e_flags: U32::new(LE, FileFlags(0)),
        e_ehsize: U16::new(LE, size_of::<FileHeader64<LE>>() as u16),
        e_phentsize: U16::new(LE, size_of::<ProgramHeader64<LE>>() as u16),
        e_phnum: U16::new(LE, segments as u16),
        e_shentsize: U16::new(LE, 0),
        e_shnum: U16::new(LE, 0),
        e_shstrndx: U16::new(LE, SymbolSection(0)),
    }
}

fn program_header(segment: &NewSegment<'_>, offset: u64, len: u64) -> ProgramHeader64<LE> {
    ProgramHeader64 {
        p_type: U32::new(LE, PT_LOAD),
        p_flags: U32::new(LE, ProgramFlags(segment.flags)),
        p_offset: U64::new(LE, offset),
        p_vaddr: U64::new(LE, segment.virt),
        p_paddr: U64::new(LE, segment.phys),
        p_filesz: U64::new(LE, len),
        p_memsz: U64::new(LE, segment.size),
        p_align: U64::new(LE, ALIGN),
    }
}
