//! A folder in an image: everything in it is there, the same folder gives the same bytes, and what has no place is refused.

use std::collections::BTreeMap;
use std::fs::{self, File, Permissions};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use cpio::newc;
use mkimage::{Image, Seed};
use payload::elf::{EXECUTE, NewSegment, Program, READ, Rules, WRITE, write};
use payload::{image, params};
use tempfile::TempDir;

const KERNEL: u64 = 0xffff_ff80_0000_0000;

/// A folder with an image's parts, and the folder `rom` in it.
struct Bench(TempDir);

/// A member as it is read back.
#[derive(Debug, PartialEq, Eq)]
struct Member {
    mode: u32,
    ino: u32,
    nlink: u32,
    data: Vec<u8>,
}

impl Bench {
    fn new() -> Self {
        let bench = Self(TempDir::new().unwrap());
        let code = |address, phys, flags| NewSegment { virt: address, phys, size: 0x2000, flags, data: &[0; 4] };
        let elf = |entry, segment| write(entry, &[segment]);
        fs::create_dir_all(bench.path("bin")).unwrap();
        fs::write(bench.path("loader"), elf(0x4000_0000, code(0x4000_0000, 0x4000_0000, READ | EXECUTE))).unwrap();
        fs::write(bench.path("bin/kernel.elf"), elf(KERNEL, code(KERNEL, 0, READ | WRITE | EXECUTE))).unwrap();
        fs::write(bench.path("app.elf"), elf(0x40_0000, code(0x40_0000, 0x40_0000, READ | EXECUTE))).unwrap();
        fs::create_dir(bench.path("rom")).unwrap();
        bench
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn image(&self) -> Image {
        let mut image = Image::new(self.path("loader"), self.path("bin/kernel.elf"), self.path("app.elf"));
        image.rom(self.path("rom")).seed(Seed::Fixed([1; 32]));
        image
    }

    /// The archive in the image.
    fn archive(&self) -> Vec<u8> {
        let file = self.image().pack().unwrap();
        let program = Program::check(&file, &Rules::LOADER).unwrap();
        let payload = image::parse(program.segments().last().unwrap().data).unwrap();
        params::parse(payload.params).unwrap().archive().to_vec()
    }

    fn refusal(&self) -> String {
        self.image().write(&self.path("boot.elf")).unwrap_err().to_string()
    }

    /// As if the kernel's CNode had so many bits.
    fn kernel_with_cnode(&self, bits: &str) {
        let folder = self.path("libsel4/include/kernel");
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("gen_config.json"), format!("{{\"ROOT_CNODE_SIZE_BITS\": {bits}}}")).unwrap();
    }
}

/// The members of an archive by name, in its order.
fn members(archive: &[u8]) -> Vec<(String, Member)> {
    let (mut rest, mut found) = (archive, Vec::new());
    loop {
        let mut reader = newc::Reader::new(rest).unwrap();
        let entry = reader.entry().clone();
        if entry.is_trailer() {
            return found;
        }
        assert_eq!((entry.uid(), entry.gid(), entry.mtime()), (0, 0, 0));
        let mut data = Vec::new();
        std::io::copy(&mut reader, &mut data).unwrap();
        rest = reader.finish().unwrap();
        let member = Member { mode: entry.mode(), ino: entry.ino(), nlink: entry.nlink(), data };
        found.push((entry.name().to_owned(), member));
    }
}

#[test]
fn modes_links_and_empty_folders_are_there_and_sorted() {
    let bench = Bench::new();
    let rom = bench.path("rom");
    fs::create_dir_all(rom.join("z/empty")).unwrap();
    fs::set_permissions(rom.join("z"), Permissions::from_mode(0o750)).unwrap();
    fs::set_permissions(rom.join("z/empty"), Permissions::from_mode(0o1777)).unwrap();
    fs::write(rom.join("b"), b"12345").unwrap();
    fs::set_permissions(rom.join("b"), Permissions::from_mode(0o640)).unwrap();
    fs::write(rom.join("a"), b"").unwrap();
    fs::set_permissions(rom.join("a"), Permissions::from_mode(0o4755)).unwrap();
    fs::hard_link(rom.join("b"), rom.join("z/other name of b")).unwrap();
    symlink("/nowhere/ä", rom.join("link")).unwrap();

    let found = members(&bench.archive());
    let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "link", "z", "z/empty", "z/other name of b"]);
    let by_name: BTreeMap<&str, &Member> = found.iter().map(|(name, member)| (name.as_str(), member)).collect();
    let modes: Vec<u32> = found.iter().map(|(_, member)| member.mode).collect();
    assert_eq!(modes, [0o10_4755, 0o10_0640, 0o12_0777, 0o4_0750, 0o4_1777, 0o10_0640]);
    assert_eq!(by_name["link"].data, "/nowhere/ä".as_bytes());
    let (first, last) = (by_name["b"], by_name["z/other name of b"]);
    assert_eq!((first.ino, first.nlink, last.nlink), (last.ino, 2, 2));
    assert_eq!((first.data.as_slice(), last.data.as_slice()), (&b""[..], &b"12345"[..]));
    assert!(found.iter().all(|(name, member)| member.nlink == 1 || name.contains('b')));
}

#[test]
fn an_empty_folder_is_an_empty_archive() {
    assert!(members(&Bench::new().archive()).is_empty());
}

#[test]
fn long_names_and_sizes_of_every_remainder() {
    let bench = Bench::new();
    let name = "n".repeat(255);
    for len in 0..9 {
        let folder = bench.path("rom").join(len.to_string());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(&name[..255 - len]), vec![b'x'; len]).unwrap();
    }
    let found = members(&bench.archive());
    for len in 0..9 {
        let wanted = format!("{len}/{}", &name[..255 - len]);
        let (_, member) = found.iter().find(|(name, _)| *name == wanted).unwrap();
        assert_eq!(member.data, vec![b'x'; len]);
    }
}

#[test]
fn the_same_folder_gives_the_same_bytes() {
    let [one, two] = [Bench::new(), Bench::new()];
    for (bench, names) in [(&one, ["a", "b", "c"]), (&two, ["c", "b", "a"])] {
        for name in names {
            fs::write(bench.path("rom").join(name), name).unwrap();
            let file = File::options().write(true).open(bench.path("rom").join(name)).unwrap();
            file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(names[0].len() as u64))
                .unwrap();
        }
    }
    assert_eq!(one.archive(), two.archive());
}

#[test]
fn a_file_of_a_hundred_megabytes() {
    let bench = Bench::new();
    let file = File::create(bench.path("rom/big")).unwrap();
    file.set_len(100 << 20).unwrap();
    bench.kernel_with_cnode("\"16\"");
    bench.image().write(&bench.path("boot.elf")).unwrap();
    let len = fs::metadata(bench.path("boot.elf")).unwrap().len();
    assert!((100 << 20..101 << 20).contains(&len), "{len}");
}

#[test]
fn an_image_that_has_more_pages_than_the_kernel_has_slots_is_refused() {
    let bench = Bench::new();
    // 2^13 slots, less the others and those of page tables: 7168 - 13 pages, of which the parts take three.
    for bits in ["13", "\"13\""] {
        bench.kernel_with_cnode(bits);
        let file = File::create(bench.path("rom/big")).unwrap();
        file.set_len(7150 << 12).unwrap();
        bench.image().pack().unwrap();
        file.set_len(7170 << 12).unwrap();
        let line = bench.refusal();
        assert!(
            line.contains(
                "app.elf: root task and files have 7173 pages of 4 KiB, the kernel's root CNode has room for 7155"
            ),
            "{line}"
        );
    }
}

#[test]
fn what_has_no_place_in_an_archive_is_refused() {
    let bench = Bench::new();
    let _socket = UnixListener::bind(bench.path("rom/socket")).unwrap();
    assert!(bench.refusal().ends_with(
        "rom/socket: cannot be in an archive: it is neither file nor folder nor symbolic link (remove or rename it)"
    ));
    fs::remove_file(bench.path("rom/socket")).unwrap();

    let name = std::ffi::OsStr::from_bytes(b"\xff");
    fs::write(bench.path("rom").join(name), b"").unwrap();
    assert!(bench.refusal().contains("its name is not UTF-8"));
    fs::remove_file(bench.path("rom").join(name)).unwrap();

    File::create(bench.path("rom/huge")).unwrap().set_len(1 << 32).unwrap();
    assert!(bench.refusal().contains("rom/huge: cannot be in an archive: it is larger than 4 GiB"));
    fs::remove_file(bench.path("rom/huge")).unwrap();

    fs::remove_dir(bench.path("rom")).unwrap();
    assert!(bench.refusal().contains("rom: cannot be read: No such file or directory"));
    fs::write(bench.path("rom"), b"").unwrap();
    assert!(bench.refusal().contains("rom: is not a folder"));
}

#[test]
fn a_damaged_archive_is_refused_with_the_offset() {
    let bench = Bench::new();
    fs::write(bench.path("rom/a"), [7; 100]).unwrap();
    fs::write(bench.path("rom/b"), [7; 100]).unwrap();
    let good = bench.archive();
    // A header of 110 bytes, a name of two, the data: the second member begins at 212.
    let refusal = |bytes: &[u8]| {
        fs::write(bench.path("files.cpio"), bytes).unwrap();
        let mut image = bench.image();
        image.archive(bench.path("files.cpio"));
        image.pack().map(|_| ()).map_err(|error| error.to_string())
    };
    refusal(&good).unwrap();
    let mut bad = good.clone();
    bad[212] = b'1';
    assert!(
        refusal(&bad)
            .unwrap_err()
            .contains("files.cpio: not a whole CPIO archive in newc format: at offset 212: invalid magic number")
    );
    bad[212..218].copy_from_slice(b"070702");
    assert!(refusal(&bad).unwrap_err().contains("at offset 212: invalid magic number"));
    bad = good.clone();
    bad[212 + 54..212 + 62].fill(b'f');
    assert!(refusal(&bad).unwrap_err().contains("at offset 212: truncated"));
    for len in 0..good.len() - 8 {
        assert!(refusal(&good[..len]).is_err(), "{len}");
    }
}

#[test]
fn a_file_for_ninja_names_what_the_image_depends_on() {
    let bench = Bench::new();
    fs::create_dir(bench.path("rom/a folder")).unwrap();
    fs::write(bench.path("rom/a folder/$x#"), b"").unwrap();
    symlink("nowhere", bench.path("rom/link")).unwrap();
    let mut image = bench.image();
    image.deps(bench.path("boot.d")).write(&bench.path("boot.elf")).unwrap();
    let text = fs::read_to_string(bench.path("boot.d")).unwrap();
    let base = bench.0.path().display();
    // A link that leads nowhere would always be missing; a changed one changes its folder's time.
    assert_eq!(text, format!("{base}/boot.elf: {base}/rom {base}/rom/a\\ folder {base}/rom/a\\ folder/$$x\\#\n"));
    assert!(!Path::new(&bench.path("boot.d.new")).exists());
}

#[test]
fn the_mount_place_is_told_to_the_program() {
    let bench = Bench::new();
    let mut image = bench.image();
    let mount = |image: &Image| {
        let file = image.pack().unwrap();
        let program = Program::check(&file, &Rules::LOADER).unwrap();
        let payload = image::parse(program.segments().last().unwrap().data).unwrap();
        params::parse(payload.params).unwrap().mount().to_owned()
    };
    assert_eq!(mount(&image), *c"/rom");
    assert_eq!(mount(image.mount("/assets")), *c"/assets");
    let error = image.mount("/..").pack().unwrap_err().to_string();
    assert!(error.contains("/..: a mount place is an absolute path") && error.contains("--mount"), "{error}");
}
