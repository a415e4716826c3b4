//! What an ELF file is refused for, and that nothing else is ever loaded.

use payload::board;
use payload::elf::{EXECUTE, ElfError, NewSegment, Program, READ, Rules, WRITE, write};
use payload::span::Span;
use proptest::prelude::*;

const BASE: u64 = 0x40_0000;
const CODE: &[u8] = &[0x1f, 0x20, 0x03, 0xd5, 0x1f, 0x20, 0x03, 0xd5];

fn code() -> NewSegment<'static> {
    NewSegment { virt: BASE, phys: BASE, size: CODE.len() as u64, flags: READ | EXECUTE, data: CODE }
}

fn data() -> NewSegment<'static> {
    NewSegment { virt: BASE + 0x1000, phys: BASE + 0x1000, size: 0x2345, flags: READ | WRITE, data: b"data" }
}

/// The error for a root task of these segments that starts at [`BASE`].
fn refusal(segments: &[NewSegment<'_>]) -> Option<ElfError> {
    Program::check(&write(BASE, segments), &Rules::ROOT_TASK).err()
}

/// The error for a good root task whose bytes at `at` are replaced.
fn patched(at: usize, bytes: &[u8]) -> Option<ElfError> {
    let mut file = write(BASE, &[code(), data()]);
    file[at..at + bytes.len()].copy_from_slice(bytes);
    Program::check(&file, &Rules::ROOT_TASK).err()
}

#[test]
fn a_good_file_is_taken() {
    let file = write(BASE, &[code(), data()]);
    let program = Program::check(&file, &Rules::ROOT_TASK).unwrap();
    assert_eq!(program.entry(), BASE);
    assert_eq!(program.virt(), Span::between(BASE, BASE + 0x3345));
    assert_eq!(program.pages(), Span::between(BASE, BASE + 0x4000));
    let loaded: Vec<_> = program.segments().map(|segment| (segment.virt.start(), segment.data)).collect();
    assert_eq!(loaded, [(BASE, CODE), (BASE + 0x1000, b"data".as_slice())]);
}

#[test]
fn files_of_other_kinds_are_named() {
    assert_eq!(Program::check(b"", &Rules::ROOT_TASK).unwrap_err(), ElfError::NotElf);
    assert_eq!(Program::check(b"#!/bin/sh\n", &Rules::ROOT_TASK).unwrap_err(), ElfError::NotElf);
    assert_eq!(patched(0, b"\x7fELG"), Some(ElfError::NotElf));
    assert_eq!(patched(4, &[1]), Some(ElfError::Not64Bit));
    assert_eq!(patched(5, &[2]), Some(ElfError::BigEndian));
    assert_eq!(patched(16, &[3, 0]), Some(ElfError::NotExecutable(3)));
    assert_eq!(patched(18, &[62, 0]), Some(ElfError::WrongMachine(62)));
    assert_eq!(patched(56, &[0, 0]), Some(ElfError::NothingToLoad));
}

#[test]
fn a_truncated_file_is_refused_at_every_length() {
    let file = write(BASE, &[code(), data()]);
    for len in 0..file.len() {
        let error = Program::check(&file[..len], &Rules::ROOT_TASK).unwrap_err();
        let truncated = matches!(error, ElfError::Truncated { .. } | ElfError::TruncatedHeaders);
        assert!(truncated || len < 4 && error == ElfError::NotElf, "{len}: {error}");
    }
}

#[test]
fn segments_stay_within_their_limits() {
    let outside = |virt: u64| refusal(&[code(), NewSegment { virt, ..data() }]);
    assert!(matches!(outside(0), Some(ElfError::OutsideMemory(_))));
    assert!(matches!(outside(board::USER.end() - 0x1000), Some(ElfError::OutsideMemory(_))));
    assert!(matches!(outside(0xffff_ff80_0000_0000), Some(ElfError::OutsideMemory(_))));
    assert_eq!(outside(u64::MAX - 0x1000), Some(ElfError::WrapsAround));
    assert_eq!(outside(board::USER.end() - 0x3000), None);
    assert!(matches!(refusal(&[code(), NewSegment { size: 3, ..data() }]), Some(ElfError::LargerInFile(_))));
    assert_eq!(refusal(&[code(), NewSegment { size: u64::MAX, ..data() }]), Some(ElfError::WrapsAround));
}

#[test]
fn segments_do_not_overlap() {
    let at = |virt: u64| refusal(&[code(), data(), NewSegment { virt, size: 0x10, ..data() }]);
    assert!(matches!(at(BASE + 0x1000), Some(ElfError::Overlap(..))));
    assert!(matches!(at(BASE + 0x3344), Some(ElfError::Overlap(..))));
    assert_eq!(at(BASE + 0x3345), None);
    // Different rights need different pages.
    assert!(matches!(at(BASE + 8), Some(ElfError::SharedPage(..))));
    assert!(matches!(at(BASE + 0xff0), Some(ElfError::SharedPage(..))));
}

#[test]
fn code_is_not_writable() {
    let segment = NewSegment { flags: READ | WRITE | EXECUTE, ..code() };
    assert!(matches!(refusal(&[segment]), Some(ElfError::WritableCode(_))));
    // A kernel maps itself anew.
    assert!(Program::check(&write(BASE, &[segment]), &Rules::KERNEL).is_ok());
}

#[test]
fn execution_starts_at_a_loaded_instruction() {
    let entry = |entry| Program::check(&write(entry, &[code(), data()]), &Rules::ROOT_TASK).err();
    assert_eq!(entry(BASE + 4), None);
    for wrong in [0, BASE - 4, BASE + 2, BASE + 8, BASE + 0x1000, u64::MAX - 3, u64::MAX] {
        assert_eq!(entry(wrong), Some(ElfError::EntryOutsideCode(wrong)));
    }
}

#[test]
fn a_kernel_is_loaded_into_memory_in_one_piece() {
    let virt = 0xffff_ff80_0000_0000;
    let text = NewSegment { virt, phys: 0, ..code() };
    let rest = NewSegment { virt: virt + 0x1000, phys: 0x1000, ..data() };
    let check = |segments: &[NewSegment<'_>]| Program::check(&write(virt, segments), &Rules::KERNEL).map(|p| p.phys());
    assert_eq!(check(&[text, rest]), Ok(Span::between(0, 0x3345)));
    assert!(matches!(check(&[text, NewSegment { phys: 0x2000, ..rest }]), Err(ElfError::ScatteredLoad(_))));
    let (start, end) = (board::RAM[0].end() - 0x1000, board::RAM[0].end());
    assert!(matches!(check(&[NewSegment { phys: end, ..text }]), Err(ElfError::OutsideMemory(_))));
    assert!(matches!(check(&[NewSegment { phys: start, size: 0x1001, ..text }]), Err(ElfError::OutsideMemory(_))));
    assert_eq!(check(&[NewSegment { phys: u64::MAX, ..text }]), Err(ElfError::WrapsAround));
}

#[test]
fn misaligned_and_countless_segments_are_refused() {
    // p_align of the second program header.
    let align = 64 + 56 + 48;
    assert!(matches!(patched(align, &3u64.to_le_bytes()), Some(ElfError::Misaligned(_))));
    assert!(matches!(patched(align, &0x1000u64.to_le_bytes()), Some(ElfError::Misaligned(_))));
    assert_eq!(patched(align, &0u64.to_le_bytes()), None);
    let many: Vec<_> = (0..65).map(|n| NewSegment { virt: BASE + n * 16, ..code() }).collect();
    assert_eq!(refusal(&many), Some(ElfError::TooManySegments));
    assert_eq!(refusal(&many[..64]), None);
}

/// What every caller may rely on, whatever the file was.
fn holds_its_claims(file: &[u8], rules: &Rules<'_>, limit: &[Span]) {
    let Ok(program) = Program::check(file, rules) else {
        return;
    };
    let mut covered: Vec<Span> = Vec::new();
    let mut starts_in_code = false;
    for segment in program.segments() {
        let target =
            if limit == [board::USER] { segment.virt } else { segment.phys_span().expect("checked not to wrap") };
        assert!(limit.iter().any(|memory| memory.covers(target)));
        assert!(segment.data.len() as u64 <= segment.virt.len());
        assert!(program.virt().covers(segment.virt) && program.pages().covers(segment.virt));
        assert!(!covered.iter().any(|other| other.overlaps(segment.virt)));
        covered.push(segment.virt);
        starts_in_code |=
            segment.flags & EXECUTE != 0 && (segment.virt.start()..segment.virt.end()).contains(&program.entry());
    }
    assert!(starts_in_code && !covered.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4096, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
        holds_its_claims(&bytes, &Rules::ROOT_TASK, &[board::USER]);
    }

    #[test]
    fn a_mutated_file_is_refused_or_loads_within_its_limits(
        // Mostly headers: 64 bytes of file header, 56 for each of three segments.
        mutations in proptest::collection::vec((0usize..300, any::<u8>()), 1..6),
        cut in 0usize..40,
    ) {
        let mut file = write(BASE, &[code(), data(), NewSegment { virt: BASE + 0x8000, phys: BASE + 0x8000, ..data() }]);
        for (at, byte) in mutations {
            let at = at % file.len();
            file[at] = byte;
        }
        file.truncate(file.len() - cut.saturating_sub(20));
        holds_its_claims(&file, &Rules::ROOT_TASK, &[board::USER]);
        holds_its_claims(&file, &Rules::KERNEL, &board::RAM);
    }

    #[test]
    fn random_segments_are_refused_or_load_within_their_limits(
        segments in proptest::collection::vec((interesting(), interesting(), interesting(), 0u32..8), 1..5),
        entry in interesting(),
    ) {
        let segments: Vec<_> = segments
            .into_iter()
            .map(|(virt, phys, size, flags)| NewSegment { virt, phys, size, flags, data: CODE })
            .collect();
        let file = write(entry, &segments);
        holds_its_claims(&file, &Rules::ROOT_TASK, &[board::USER]);
        holds_its_claims(&file, &Rules::KERNEL, &board::RAM);
    }
}

/// Numbers around the places where something changes.
fn interesting() -> impl Strategy<Value = u64> {
    let places = [0, 0x1000, BASE, 0x8000_0000, 0x8_0000_0000, board::USER.end(), 0xffff_ff80_0000_0000, u64::MAX];
    prop_oneof![
        (proptest::sample::select(places.to_vec()), -0x2000i64..0x2000)
            .prop_map(|(place, distance)| place.wrapping_add_signed(distance)),
        any::<u64>(),
    ]
}
