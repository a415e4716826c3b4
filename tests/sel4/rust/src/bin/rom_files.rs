//! The image's own files: names, modes, links, empty folders, what cannot be changed, and one file of 100 MiB.
// run rom-files: rom
// run rom-elsewhere: rom mount=/data/files args=/data/files
// run rom-large: rom=104857605 args="/rom large" time=120

use sel4_tests::{check, end, equal};
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::fs::{FileExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::ExitCode;

/// A file whose words say in which page of 4 KiB they are (../../../run makes it): of 100 MiB and 5 bytes.
fn large(file: &Path) {
    const PAGE: usize = 4096;
    const SIZE: u64 = 100 * 1024 * 1024 + 5;
    equal("a file of 100 MiB: its length", fs::metadata(file).unwrap().len(), SIZE);
    let mut file = File::open(file).unwrap();
    let mut bytes = vec![0; 1 << 20];
    let (mut total, mut wrong) = (0, 0);
    loop {
        let count = file.read(&mut bytes).unwrap();
        if count == 0 {
            break;
        }
        for (at, word) in bytes[..count].chunks(8).enumerate() {
            let page = (total + at * 8) / PAGE;
            wrong += u32::from(*word != page.to_le_bytes()[..word.len()]);
        }
        total += count;
    }
    equal("all of it is read", (total as u64, wrong), (SIZE, 0));
    let mut end = [0; 16];
    equal("its end", file.read_at(&mut end, SIZE - 5).unwrap(), 5);
    equal("says where it is", end[..5].to_vec(), (SIZE as usize / PAGE).to_le_bytes()[..5].to_vec());
}

fn refused(name: &str, result: std::io::Result<()>) {
    equal(name, result.map_err(|error| error.kind()), Err(ErrorKind::ReadOnlyFilesystem));
}

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let rom = args.next().unwrap_or("/rom".into());
    let rom = Path::new(&rom);
    if args.next().is_some() {
        large(&rom.join("large"));
        return end();
    }
    let names: BTreeSet<_> = fs::read_dir(rom).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    let wanted = ["empty", "folder", "leads nowhere", "link", "run me", "second name"];
    equal("each name is there, and no other", names, wanted.iter().map(Into::into).collect());
    equal("a file's bytes", fs::read_to_string(rom.join("folder/text")).unwrap(), "of the host\n".into());
    let mode = |name| fs::symlink_metadata(rom.join(name)).unwrap().permissions().mode();
    equal("modes are kept", (mode("run me"), mode("folder/text"), mode("empty")), (0o100755, 0o100640, 0o40711));
    equal("an empty folder is there, and empty", fs::read_dir(rom.join("empty")).unwrap().count(), 0);
    equal("a link leads on", fs::read_to_string(rom.join("link")).unwrap(), "of the host\n".into());
    equal("and says where", fs::read_link(rom.join("link")).unwrap(), "folder/text".into());
    equal("one that leads nowhere is there", fs::read_link(rom.join("leads nowhere")).unwrap(), "/no/such".into());
    equal(
        "and leads nowhere",
        fs::metadata(rom.join("leads nowhere")).err().map(|e| e.kind()),
        Some(ErrorKind::NotFound),
    );
    let [first, second] = ["run me", "second name"].map(|name| fs::metadata(rom.join(name)).unwrap());
    equal("two names of one file", (first.ino(), first.nlink()), (second.ino(), 2));
    equal("have its bytes", fs::read(rom.join("second name")).unwrap(), fs::read(rom.join("run me")).unwrap());

    refused("a file is not written", OpenOptions::new().write(true).open(rom.join("run me")).map(drop));
    refused("none is made", File::create(rom.join("new")).map(drop));
    refused("none is removed", fs::remove_file(rom.join("run me")));
    refused("none is renamed", fs::rename(rom.join("run me"), rom.join("other")));
    refused("no folder is made", fs::create_dir(rom.join("other")));
    refused("no mode is changed", fs::set_permissions(rom.join("run me"), fs::Permissions::from_mode(0o600)));
    let crossed = fs::rename("/tmp", rom.join("tmp")).err().map(|error| error.kind());
    equal("a name does not move to another file system", crossed, Some(ErrorKind::CrossesDevices));
    let up = fs::canonicalize(rom.join("empty/../..")).unwrap();
    equal("above it is what it is mounted in", up, rom.parent().unwrap().into());
    fs::copy(rom.join("run me"), "/tmp/copy").unwrap();
    equal("a copy has the mode", fs::metadata("/tmp/copy").unwrap().permissions().mode(), 0o100755);
    check("and can be written", fs::write("/tmp/copy", "x").is_ok());
    end()
}
