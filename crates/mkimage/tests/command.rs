//! The command as a user meets it: good images, one line for each wrong input, and never an image that looks new.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use payload::elf::{EXECUTE, NewSegment, Program, READ, Rules, WRITE, write};
use payload::{image, params};
use tempfile::TempDir;

const LOADER: u64 = 0x4000_0000;
const KERNEL: u64 = 0xffff_ff80_0000_0000;
const TASK: u64 = 0x40_0000;
const CODE: &[u8] = &[0x1f, 0x20, 0x03, 0xd5];

const fn segment(virt: u64, phys: u64, flags: u32) -> NewSegment<'static> {
    NewSegment { virt, phys, size: 0x2000, flags, data: CODE }
}

const TEXT: NewSegment<'static> = segment(TASK, TASK, READ | EXECUTE);
const DATA: NewSegment<'static> = segment(TASK + 0x2000, TASK + 0x2000, READ | WRITE);

/// A folder with good parts, in which the command runs.
struct Bench(TempDir);

impl Bench {
    fn new() -> Self {
        let bench = Self(TempDir::new().unwrap());
        bench.put("loader", &write(LOADER, &[segment(LOADER, LOADER, READ | EXECUTE)]));
        bench.put("kernel.elf", &write(KERNEL, &[segment(KERNEL, 0, READ | WRITE | EXECUTE)]));
        bench.put("app.elf", &write(TASK, &[TEXT, DATA]));
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    /// Runs the command on the parts, with further options.
    fn run(&self, output: &str, options: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_mkimage"))
            .args(["--loader", "loader", "--root-task", "app.elf", "-o", output])
            .args(if options.contains(&"--kernel") { &[][..] } else { &["--kernel", "kernel.elf"] })
            .args(options)
            .current_dir(self.0.path())
            .output()
            .unwrap()
    }

    /// Runs the command, which must refuse in one line, and leave neither an image nor any other file behind.
    fn refusal(&self, options: &[&str]) -> String {
        self.put("boot.elf", b"an image of yesterday");
        let before = self.files();
        let output = self.run("boot.elf", options);
        let files: Vec<_> = before.into_iter().filter(|file| file != "boot.elf").collect();
        assert_eq!(self.files(), files);
        one_line(&output)
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// The refusal of a root task of these bytes.
    fn refused_root_task(&self, bytes: &[u8]) -> String {
        self.put("app.elf", bytes);
        self.refusal(&[])
    }
}

/// What the command wrote: one line, and nothing else.
fn one_line(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(output.stdout.is_empty());
    assert!(text.ends_with(")\n") && text.lines().count() == 1, "{text}");
    text.trim_end().to_owned()
}

/// The number of cores that an image says its kernel has.
fn cores(bench: &Bench, options: &[&str]) -> u8 {
    let output = bench.run("boot.elf", options);
    assert!(output.status.success(), "{output:?}");
    let (bytes, _) = payload_of(&fs::read(bench.path("boot.elf")).unwrap());
    image::parse(&bytes).unwrap().cores()
}

#[test]
fn the_kernels_installation_says_how_many_cores_it_has() {
    let bench = Bench::new();
    let folder = bench.path("installed/libsel4/include/kernel");
    fs::create_dir_all(&folder).unwrap();
    fs::create_dir(bench.path("installed/bin")).unwrap();
    fs::copy(bench.path("kernel.elf"), bench.path("installed/bin/kernel.elf")).unwrap();
    let config = folder.join("gen_config.json");
    // As current kernels have it, and as 5.0.0 does.
    for (text, number) in [(r#"{"KERNEL_MCS": false, "MAX_NUM_NODES": 4}"#, 4), (r#"{"MAX_NUM_NODES": "3"}"#, 3)] {
        fs::write(&config, text).unwrap();
        assert_eq!(cores(&bench, &["--kernel", "installed/bin/kernel.elf"]), number);
    }
    let kernel = ["--kernel", "installed/bin/kernel.elf"];
    assert_eq!(cores(&bench, &[kernel[0], kernel[1], "--cores", "2"]), 2);
    assert_eq!(cores(&bench, &[]), 1);
}

/// The payload of a written image, and the address it is loaded to.
fn payload_of(file: &[u8]) -> (Vec<u8>, u64) {
    let program = Program::check(file, &Rules::LOADER).unwrap();
    let last = program.segments().last().unwrap();
    (last.data.to_vec(), last.phys)
}

#[test]
fn a_good_image_holds_every_part() {
    let bench = Bench::new();
    bench.put("files.cpio", &cpio::newc::trailer(Vec::new()).unwrap());
    bench.put("board.dtb", &[0xd0, 0x0d, 0xfe, 0xed, 0, 0, 0, 12, 1, 2, 3, 4]);
    let seed = "ab".repeat(32);
    let options = [
        "--arg",
        "--list",
        "--arg",
        "x y",
        "--env",
        "A=1",
        "--env",
        "B=",
        "--qemu",
        "--archive",
        "files.cpio",
        "--dtb",
        "board.dtb",
        "--seed-hex",
        &seed,
    ];
    let output = bench.run("boot.elf", &options);
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty(), "{output:?}");

    let file = fs::read(bench.path("boot.elf")).unwrap();
    assert_eq!(Program::check(&file, &Rules::LOADER).unwrap().entry(), LOADER);
    let (bytes, place) = payload_of(&file);
    assert_eq!(place, LOADER + 0x1_0000);
    let payload = image::parse(&bytes).unwrap();
    assert_eq!(payload.flags, image::FLAG_QEMU | image::cores_flags(1));
    assert_eq!(payload.dtb.len(), 12);
    let kernel = Program::check(payload.kernel, &Rules::KERNEL).unwrap();
    assert_eq!((kernel.entry(), kernel.phys().start(), kernel.virt().len()), (KERNEL, 0, 0x2000));
    let task = Program::check(payload.root_task, &Rules::ROOT_TASK).unwrap();
    assert_eq!((task.entry(), task.segments().count()), (TASK, 2));
    let params = params::parse(payload.params).unwrap();
    assert_eq!(params.args().collect::<Vec<_>>(), [c"app.elf", c"--list", c"x y"]);
    assert_eq!(params.env().collect::<Vec<_>>(), [c"A=1", c"B="]);
    assert!(params.is_qemu() && params.seed() == &[0xab; 32] && params.archive().starts_with(b"070701"));
    assert_eq!(fs::metadata(bench.path("boot.elf")).unwrap().permissions().mode() & 0o600, 0o600);
}

#[test]
fn sections_and_debug_information_stay_out() {
    let bench = Bench::new();
    let mut file = write(TASK, &[TEXT, DATA]);
    file.extend_from_slice(&vec![0x55; 1 << 20]);
    bench.put("app.elf", &file);
    assert!(bench.run("boot.elf", &[]).status.success());
    assert!(fs::metadata(bench.path("boot.elf")).unwrap().len() < 16384);
}

#[test]
fn a_fixed_seed_makes_equal_images_and_a_random_one_does_not() {
    let bench = Bench::new();
    let image = |options: &[&str]| {
        assert!(bench.run("boot.elf", options).status.success());
        fs::read(bench.path("boot.elf")).unwrap()
    };
    let seed = "0".repeat(64);
    assert_eq!(image(&["--seed-hex", &seed]), image(&["--seed-hex", &seed]));
    assert_ne!(image(&[]), image(&[]));
    let (bytes, _) = payload_of(&image(&[]));
    assert!(!params::parse(image::parse(&bytes).unwrap().params).unwrap().is_qemu());
}

#[test]
fn wrong_root_tasks_are_named() {
    let bench = Bench::new();
    let good = write(TASK, &[TEXT, DATA]);
    assert_eq!(
        bench.refused_root_task(b"#!/bin/sh\n"),
        "mkimage: error: app.elf: not an ELF file (link it with the sysroot's compiler, aarch64-sel4-musl-gcc)"
    );
    assert!(bench.refused_root_task(b"").contains("not an ELF file"));
    let mut x86 = good.clone();
    x86[18] = 62;
    assert!(bench.refused_root_task(&x86).contains("app.elf: an ELF file for x86-64, not for AArch64"));
    let mut dynamic = good.clone();
    dynamic[16] = 3;
    assert!(bench.refused_root_task(&dynamic).contains("not a static program (link it statically"));
    assert!(bench.refused_root_task(&good[..good.len() - 1]).contains("app.elf: truncated"));
    assert!(bench.refused_root_task(&good[..100]).contains("app.elf: truncated"));
    let on_text = NewSegment { virt: TASK + 0x1000, ..DATA };
    assert!(bench.refused_root_task(&write(TASK, &[TEXT, on_text])).contains("overlap (correct its linker script"));
    let writable = NewSegment { flags: READ | WRITE | EXECUTE, ..TEXT };
    assert!(bench.refused_root_task(&write(TASK, &[writable])).contains("is writable and executable"));
    let in_kernel = NewSegment { virt: KERNEL, ..DATA };
    assert!(bench.refused_root_task(&write(TASK, &[TEXT, in_kernel])).contains("is outside the memory it may use"));
    let huge = NewSegment { size: 3 << 30, ..DATA };
    assert!(bench.refused_root_task(&write(TASK, &[TEXT, huge])).contains("app.elf: no room for the root task of"));
    assert!(bench.refused_root_task(&write(TASK + 0x2000, &[TEXT, DATA])).contains("app.elf: entry point 0x402000"));
}

#[test]
fn wrong_kernels_and_loaders_are_named() {
    let bench = Bench::new();
    let refused = |name: &str, bytes: &[u8]| {
        let good = fs::read(bench.path(name)).unwrap();
        bench.put(name, bytes);
        let line = bench.refusal(&[]);
        bench.put(name, &good);
        line
    };
    let kernel = |phys: u64| write(KERNEL, &[segment(KERNEL, phys, READ | EXECUTE)]);
    let line = refused("kernel.elf", &kernel(0x9000_0000));
    assert!(line.contains("kernel.elf: segment 0x90000000..0x90002000 is outside the memory it may use"), "{line}");
    let line = refused("kernel.elf", &kernel(LOADER));
    assert!(line.contains("would overwrite the loader") && line.contains("another LOADER_BASE"), "{line}");
    let line = refused("kernel.elf", &kernel(0x1000));
    assert!(line.contains("they differ within 2 MiB"), "{line}");
    let line = refused("kernel.elf", b"\x7fELF");
    assert!(line.contains("kernel.elf: truncated"), "{line}");
    let line = refused("loader", b"nothing");
    assert!(line.contains("loader: not an ELF file (give the loader that crates/loader builds)"), "{line}");
}

#[test]
fn missing_files_are_named() {
    let bench = Bench::new();
    for name in ["app.elf", "kernel.elf", "loader"] {
        fs::remove_file(bench.path(name)).unwrap();
        let expected = format!(
            "mkimage: error: {name}: cannot be read: No such file or directory (build it first, or correct the path)"
        );
        assert_eq!(bench.refusal(&[]), expected);
    }
}

#[test]
fn wrong_options_are_named() {
    let bench = Bench::new();
    assert!(bench.refusal(&["--env", "A"]).contains("A: an environment string is not NAME=value"));
    assert!(
        bench
            .refusal(&["--archive", "app.elf"])
            .contains("app.elf: not a whole CPIO archive in newc format: at offset 0: ")
    );
    assert!(bench.refusal(&["--mount", "rom"]).contains("rom: a mount place is an absolute path"));
    assert!(bench.refusal(&["--dtb", "app.elf"]).contains("app.elf: not a whole device tree blob"));
    let output = bench.run("boot.elf", &["--seed-hex", "abc"]);
    assert!(String::from_utf8(output.stderr).unwrap().contains("a seed is 64 hexadecimal digits"));
}

#[test]
fn no_space_left_is_told() {
    let refusal = one_line(&Bench::new().run("/dev/full", &[]));
    assert_eq!(
        refusal,
        "mkimage: error: /dev/full: cannot be written: No space left on device (free some space, then pack again)"
    );
    assert!(Path::new("/dev/full").exists());
}

#[test]
fn a_folder_that_is_not_there_is_told() {
    let refusal = one_line(&Bench::new().run("none/boot.elf", &[]));
    assert!(refusal.contains("none/boot.elf: cannot be written: No such file or directory"), "{refusal}");
}

#[test]
fn a_part_is_never_overwritten() {
    let bench = Bench::new();
    let kernel = fs::read(bench.path("kernel.elf")).unwrap();
    symlink("kernel.elf", bench.path("boot.elf")).unwrap();
    assert!(one_line(&bench.run("boot.elf", &[])).contains("is both a part of the image and its output"));
    assert_eq!(fs::read(bench.path("kernel.elf")).unwrap(), kernel);
}

#[test]
fn an_image_is_replaced_and_leaves_nothing_beside_it() {
    let bench = Bench::new();
    bench.put("boot.elf", b"an image of yesterday");
    let before = bench.files();
    assert!(bench.run("boot.elf", &[]).status.success());
    assert_eq!(bench.files(), before);
    payload_of(&fs::read(bench.path("boot.elf")).unwrap());
}
