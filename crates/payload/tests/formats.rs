//! Payloads, boot parameters and placements: what is written is read back, and damage is refused.

use payload::board;
use payload::image::{self, ImageError, Payload};
use payload::params::{self, Builder, ParamsError};
use payload::placement::{PAYLOAD_ALIGN, Parts, Placement, PlacementError, ROOT_TASK_ALIGN};
use payload::span::Span;
use proptest::prelude::*;

fn sample() -> Vec<u8> {
    let mut builder = Builder::new();
    builder.arg(b"app").unwrap().arg(b"").unwrap().arg("größer".as_bytes()).unwrap();
    builder.env(b"RUST_BACKTRACE=1").unwrap().env(b"EMPTY=").unwrap();
    builder.archive(b"070701 not really".to_vec()).seed([7; 32]).qemu(true);
    builder.build()
}

#[test]
fn params_are_read_back() {
    let block = sample();
    assert_eq!(block.len(), 4096);
    let params = params::parse(&block).unwrap();
    assert_eq!(params.args().collect::<Vec<_>>(), [c"app", c"", c"größer"]);
    assert_eq!(params.env().collect::<Vec<_>>(), [c"RUST_BACKTRACE=1", c"EMPTY="]);
    assert_eq!(params.archive(), b"070701 not really");
    assert_eq!(params.seed(), &[7; 32]);
    assert!(params.is_qemu());
    assert_eq!(params::peek_len(block.first_chunk().unwrap()), Ok(4096));
}

#[test]
fn params_without_anything_are_empty() {
    let block = Builder::new().build();
    let params = params::parse(&block).unwrap();
    assert_eq!((params.args().count(), params.env().count(), params.archive().len()), (0, 0, 0));
    assert!(!params.is_qemu() && params.seed() == &[0; 32]);
}

#[test]
fn params_fields_are_where_the_format_says() {
    let block = sample();
    let number = |at: usize| u64::from_le_bytes(block[at..at + 8].try_into().unwrap());
    assert_eq!(&block[..8], b"sel4std\x01");
    assert_eq!((number(8), number(16)), (4096, 1));
    assert_eq!(&block[number(24) as usize..][..number(32) as usize], "app\0\0größer\0".as_bytes());
    assert_eq!(&block[number(40) as usize..][..number(48) as usize], b"RUST_BACKTRACE=1\0EMPTY=\0");
    assert_eq!(&block[number(56) as usize..][..number(64) as usize], b"070701 not really");
    assert_eq!(&block[72..104], &[7; 32]);
}

#[test]
fn the_mount_place_is_read_back_and_rom_where_there_is_none() {
    assert_eq!(params::parse(&sample()).unwrap().mount(), c"/rom");
    let longest = format!("/{}", "x".repeat(4094));
    for folder in ["/assets", "/a/b", "//a/", longest.as_str()] {
        let mut builder = Builder::new();
        builder.arg(b"app").unwrap().archive(b"070701".to_vec()).mount(folder.as_bytes()).unwrap();
        let block = builder.build();
        let params = params::parse(&block).unwrap();
        assert_eq!(params.mount().to_bytes(), folder.as_bytes());
        assert_eq!((params.args().collect::<Vec<_>>(), params.archive()), (vec![c"app"], &b"070701"[..]));
        let at = u64::from_le_bytes(block[104..112].try_into().unwrap()) as usize;
        let mut bad = block.clone();
        bad[at] = b'a';
        assert_eq!(params::parse(&bad).unwrap_err(), ParamsError::BadPart("mount place"));
        bad[104..112].fill(0xff);
        assert_eq!(params::parse(&bad).unwrap_err(), ParamsError::BadPart("mount place"));
    }
    for folder in ["", "/", "rom", "/a/../b", "/.", &format!("/{}", "x".repeat(4095))] {
        assert_eq!(Builder::new().mount(folder.as_bytes()).unwrap_err(), ParamsError::NotMount, "{folder}");
    }
    assert_eq!(Builder::new().mount(b"/a\0b").unwrap_err(), ParamsError::Nul);
}

#[test]
fn params_of_a_later_version_are_understood() {
    let mut block = sample();
    // A flag and a field that this version does not know, behind the seed; nothing starts before offset 112.
    block[17] = 0x80;
    block[104..112].fill(0xff);
    let params = params::parse(&block).unwrap();
    assert!(params.is_qemu() && params.args().count() == 3);
}

#[test]
fn damaged_params_are_refused() {
    let patched = |at: usize, value: u64| {
        let mut block = sample();
        block[at..at + 8].copy_from_slice(&value.to_le_bytes());
        params::parse(&block).map(|params| params.args().count()).unwrap_err()
    };
    assert_eq!(patched(0, 0), ParamsError::BadMagic);
    assert_eq!(patched(8, 4095), ParamsError::BadLength);
    assert_eq!(patched(8, 0), ParamsError::BadLength);
    assert_eq!(patched(8, 8192), ParamsError::Truncated);
    assert_eq!(patched(24, 0), ParamsError::BadPart("arguments"));
    assert_eq!(patched(24, 4096), ParamsError::BadPart("arguments"));
    assert_eq!(patched(24, u64::MAX - 15), ParamsError::BadPart("arguments"));
    assert_eq!(patched(32, u64::MAX), ParamsError::BadPart("arguments"));
    assert_eq!(patched(32, 3), ParamsError::BadPart("arguments"));
    assert_eq!(patched(48, 3), ParamsError::BadPart("environment"));
    assert_eq!(patched(64, 4096), ParamsError::BadPart("archive"));
    assert_eq!(params::parse(&sample()[..4095]).unwrap_err(), ParamsError::Truncated);
    assert_eq!(params::parse(b"").unwrap_err(), ParamsError::Truncated);
}

#[test]
fn strings_that_cannot_be_told_are_refused() {
    assert_eq!(Builder::new().arg(b"a\0b").unwrap_err(), ParamsError::Nul);
    assert_eq!(Builder::new().env(b"A=\0").unwrap_err(), ParamsError::Nul);
    assert_eq!(Builder::new().env(b"A").unwrap_err(), ParamsError::NotAssignment);
    assert_eq!(Builder::new().env(b"=A").unwrap_err(), ParamsError::NotAssignment);
}

const PARTS: Payload<'_> =
    Payload { flags: image::FLAG_QEMU, kernel: b"kernel", root_task: b"root task", params: b"params", dtb: b"" };

#[test]
fn a_payload_is_read_back() {
    let mut bytes = image::build(&PARTS);
    assert_eq!(image::peek_len(bytes.first_chunk().unwrap()), Ok(bytes.len() as u64));
    assert_eq!(image::peek_flags(bytes.first_chunk().unwrap()), image::FLAG_QEMU);
    assert_eq!([0, 1, 4].map(|cores| Payload { flags: image::cores_flags(cores), ..PARTS }.cores()), [1, 1, 4]);
    bytes.extend_from_slice(b"what happens to lie behind it");
    assert_eq!(image::parse(&bytes), Ok(PARTS));
}

#[test]
fn every_damaged_byte_of_a_payload_is_noticed() {
    let good = image::build(&PARTS);
    // 12 to 15 are not used.
    for at in (0..12).chain(16..good.len()) {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        assert!(image::parse(&bad).is_err(), "{at}");
    }
    for len in 0..good.len() {
        assert_eq!(image::parse(&good[..len]), Err(ImageError::Truncated));
    }
}

fn parts() -> Parts {
    Parts {
        kernel: Span::between(0, 0x22_e000),
        loader: Span::between(0x4000_0000, 0x4002_0000),
        payload: Span::between(0x4002_0000, 0x4012_3456),
        dtb_len: 0,
        root_task_len: 0x10_0000,
    }
}

fn plan(parts: &Parts) -> Result<Placement, PlacementError> {
    Placement::plan(parts, &board::RAM)
}

#[test]
fn the_root_task_follows_the_kernel() {
    let placement = plan(&parts()).unwrap();
    assert_eq!(placement.root_task, Span::between(0x40_0000, 0x50_0000));
    assert_eq!(placement.payload, parts().payload);
    let placement = plan(&Parts { dtb_len: 100, ..parts() }).unwrap();
    assert_eq!(placement.dtb, Span::between(0x22_e000, 0x22_e064));
    let placement = plan(&Parts { dtb_len: 0x20_0000, ..parts() }).unwrap();
    assert_eq!(placement.root_task.start(), 0x60_0000);
}

#[test]
fn a_root_task_that_would_meet_the_payload_goes_behind_it() {
    let placement = plan(&Parts { root_task_len: 0x3fc0_0000, ..parts() }).unwrap();
    assert_eq!(placement.root_task.start(), 0x40_0000);
    let placement = plan(&Parts { root_task_len: 0x3fc0_1000, ..parts() }).unwrap();
    assert_eq!(placement.root_task.start(), 0x4020_0000);
    let placement = plan(&Parts { root_task_len: 0x3fe0_1000, ..parts() });
    assert_eq!(placement, Err(PlacementError::NoRoom { part: "root task", size: 0x3fe0_1000 }));
    let kernel = Span::between(0x3000_0000, 0x3022_e000);
    let placement = plan(&Parts { kernel, root_task_len: 0x1000_0000, ..parts() }).unwrap();
    assert_eq!(placement.root_task.start(), 0x4020_0000);
}

#[test]
fn a_kernel_moves_the_payload_but_not_the_loader() {
    let kernel = Span::between(0x4010_0000, 0x4030_0000);
    let placement = plan(&Parts { kernel, ..parts() }).unwrap();
    assert!(!placement.payload.overlaps(kernel) && placement.payload != parts().payload);
    let kernel = Span::between(0x3ff0_0000, 0x4000_0001);
    assert!(matches!(plan(&Parts { kernel, ..parts() }), Err(PlacementError::KernelOnLoader { .. })));
    let kernel = Span::between(0x7fff_f000, 0x8000_1000);
    assert_eq!(plan(&Parts { kernel, ..parts() }), Err(PlacementError::KernelOutsideMemory(kernel)));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_params_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..8192), magic: bool) {
        if magic && bytes.len() >= 16 {
            bytes[..8].copy_from_slice(b"sel4std\x01");
            bytes[8..16].copy_from_slice(&4096u64.to_le_bytes());
        }
        if let Ok(params) = params::parse(&bytes) {
            prop_assert!(params.args().count() + params.env().count() <= bytes.len());
        }
    }

    #[test]
    fn mutated_params_are_refused_or_consistent(
        mutations in proptest::collection::vec((8usize..112, any::<u8>()), 1..5),
    ) {
        let mut block = sample();
        for (at, byte) in mutations {
            block[at] = byte;
        }
        if let Ok(params) = params::parse(&block) {
            prop_assert!(params.env().all(|string| string.to_bytes().contains(&b'=')));
            prop_assert!(params.archive().len() <= block.len());
        }
    }

    #[test]
    fn random_payloads_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..512), magic: bool) {
        if magic && bytes.len() >= 8 {
            bytes[..8].copy_from_slice(&image::MAGIC);
        }
        prop_assert!(image::parse(&bytes).is_err());
    }

    #[test]
    fn placements_are_apart_and_in_order(
        kernel_start in 0u64..0x8000, kernel_len in 1u64..0x3000,
        payload_len in 1u64..0x4000_0000, dtb_len in 0u64..0x20_0000, pages in 1u64..0x4_0000,
    ) {
        let kernel = Span::sized(kernel_start << 16, kernel_len << 8).unwrap();
        let parts = Parts {
            kernel,
            payload: Span::sized(0x4002_0000, payload_len).unwrap(),
            dtb_len,
            root_task_len: pages << 12,
            ..parts()
        };
        let Ok(placement) = plan(&parts) else { return Ok(()) };
        let all = [parts.loader, kernel, placement.payload, placement.root_task, placement.dtb];
        for (index, a) in all.iter().enumerate() {
            prop_assert!(board::RAM.iter().any(|bank| bank.covers(*a)));
            prop_assert!(all[index + 1..].iter().all(|b| !a.overlaps(*b)), "{placement:x?}");
        }
        prop_assert!(kernel.end() <= placement.dtb.start() && placement.dtb.end() <= placement.root_task.start());
        prop_assert!(placement.root_task.start().is_multiple_of(ROOT_TASK_ALIGN));
        prop_assert!(placement.payload.start().is_multiple_of(PAYLOAD_ALIGN));
    }
}
