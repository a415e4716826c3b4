//! A folder of this machine as a CPIO archive in newc format, which the program finds as files.
//!
//! The same folder gives the same bytes, on every machine: members are sorted by name, numbered in that order, belong to user
//! and group 0, and have one time, `SOURCE_DATE_EPOCH` of the environment (seconds since 1970) or 0; a checkout's own times
//! would differ from clone to clone. Modes are kept. Symbolic links are kept as they are, also those that lead nowhere or out of
//! the folder. Names of one file (hard links) stay names of one file; its bytes are with the last of them, as GNU cpio has it.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Cursor, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use cpio::newc;
use walkdir::WalkDir;

use crate::{Error, Problem};

/// The longest path in an archive, in bytes: Linux's PATH_MAX counts the NUL.
const LONGEST: usize = 4095;
/// First bytes of each member.
const MAGIC: &[u8] = b"070701";

/// What a folder was made into.
#[derive(Debug, Default)]
pub struct Rom {
    /// The archive.
    pub archive: Vec<u8>,
    /// Files and folders that it depends on: a change of one, an added or a removed one changes the time of one of these.
    pub sources: Vec<PathBuf>,
}

/// A member, before it is written.
struct Member {
    path: PathBuf,
    name: String,
    metadata: Metadata,
}

/// Makes the archive of all that is in `folder`.
///
/// # Errors
/// Something cannot be read, or has no place in such an archive.
pub fn archive(folder: &Path) -> Result<Rom, Error> {
    let members = members(folder)?;
    let mut rom = Rom { sources: vec![folder.to_owned()], ..Rom::default() };
    let bytes: u64 = members.iter().map(|member| member.metadata.len()).sum();
    rom.archive.reserve(usize::try_from(bytes).unwrap_or(0) + members.len() * 256 + 256);
    // Names of one file that are still to come, and its number.
    let mut links: BTreeMap<(u64, u64), (u32, u32, u32)> = BTreeMap::new();
    for member in &members {
        if member.metadata.is_file() {
            links.entry(identity(&member.metadata)).or_default().0 += 1;
        }
    }
    let time = time();
    for (number, member) in (1..).zip(&members) {
        let (mut ino, mut nlink, mut has_data) = (number, 1, true);
        if member.metadata.is_file() {
            let names = links.entry(identity(&member.metadata)).or_default();
            if names.1 == 0 {
                names.1 = number;
            }
            names.2 += 1;
            (nlink, ino, has_data) = (names.0, names.1, names.0 == names.2);
        }
        let header = newc::Builder::new(&member.name).ino(ino).mode(member.metadata.mode()).nlink(nlink).mtime(time);
        write(&mut rom.archive, header, member, has_data).map_err(|error| Error::new(&member.path, error))?;
        if !member.metadata.is_symlink() {
            rom.sources.push(member.path.clone());
        }
    }
    // Writing to memory does not fail.
    let _ = newc::trailer(&mut rom.archive);
    Ok(rom)
}

/// What tells one file from another.
fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

/// The time of all members.
fn time() -> u32 {
    std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|seconds| seconds.parse().ok()).unwrap_or(0)
}

/// Everything in the folder, each folder before what is in it.
fn members(folder: &Path) -> Result<Vec<Member>, Error> {
    let unreadable = |path: &Path, error: io::Error| Error::new(path, Problem::Read(error));
    if !fs::metadata(folder).map_err(|error| unreadable(folder, error))?.is_dir() {
        return Err(Error::new(folder, Problem::NotFolder));
    }
    let mut members = Vec::new();
    for entry in WalkDir::new(folder).min_depth(1).sort_by_file_name() {
        let entry = entry.map_err(|error| {
            let path = error.path().unwrap_or(folder).to_owned();
            unreadable(&path, error.into_io_error().unwrap_or_else(|| io::ErrorKind::Other.into()))
        })?;
        let metadata = fs::symlink_metadata(entry.path()).map_err(|error| unreadable(entry.path(), error))?;
        let refused = |why| Error::new(entry.path(), Problem::NotMember(why));
        let name = entry.path().strip_prefix(folder).unwrap_or(entry.path());
        let name = name.to_str().ok_or_else(|| refused("its name is not UTF-8"))?;
        if name.len() > LONGEST {
            return Err(refused("its path is longer than 4095 bytes"));
        }
        if name == "TRAILER!!!" {
            return Err(refused("its name marks an archive's end"));
        }
        if !(metadata.is_file() || metadata.is_dir() || metadata.is_symlink()) {
            return Err(refused("it is neither file nor folder nor symbolic link"));
        }
        members.push(Member { name: name.to_owned(), metadata, path: entry.into_path() });
    }
    Ok(members)
}

/// Writes a member, a file without its bytes if these come with another name of it.
fn write(archive: &mut Vec<u8>, header: newc::Builder, member: &Member, has_data: bool) -> Result<(), Problem> {
    if member.metadata.is_file() && has_data {
        let size = u32::try_from(member.metadata.len()).map_err(|_| Problem::NotMember("it is larger than 4 GiB"))?;
        let mut writer = header.write(archive, size);
        let mut file = File::open(&member.path).map_err(Problem::Read)?.take(size.into());
        let copied = io::copy(&mut file, &mut writer).map_err(Problem::Read)?;
        if copied != u64::from(size) {
            return Err(Problem::NotMember("it became smaller while it was read"));
        }
        writer.finish().map_err(Problem::Read)?;
    } else {
        let target = if member.metadata.is_symlink() {
            fs::read_link(&member.path).map_err(Problem::Read)?.into_os_string()
        } else {
            std::ffi::OsString::new()
        };
        let mut writer = header.write(archive, target.len() as u32);
        io::Write::write_all(&mut writer, target.as_bytes()).map_err(Problem::Read)?;
        writer.finish().map_err(Problem::Read)?;
    }
    Ok(())
}

/// Whether `bytes` are a whole archive; if not, the offset of the member that is not, and what is wrong with it.
pub fn check(bytes: &[u8]) -> Result<(), (u64, String)> {
    let mut rest = Cursor::new(bytes);
    loop {
        let at = rest.position();
        let broken = |error: io::Error| {
            let cut_off = error.kind() == io::ErrorKind::UnexpectedEof;
            (at, if cut_off { "truncated".to_owned() } else { error.to_string().to_lowercase() })
        };
        // The library takes members with checksums too, and looks at none.
        if bytes[at as usize..].get(..MAGIC.len()).is_some_and(|magic| magic != MAGIC) {
            return Err((at, "invalid magic number".to_owned()));
        }
        let member = newc::Reader::new(rest).map_err(broken)?;
        if member.entry().is_trailer() {
            return Ok(());
        }
        let end = member.entry().file_size();
        rest = member.skip().map_err(broken)?;
        if rest.position() > bytes.len() as u64 {
            return Err((at, format!("truncated: a member of {end} bytes")));
        }
    }
}

/// A line for make and ninja: the image depends on these files. Blanks and the like are escaped as they expect it.
pub fn dependencies(output: &Path, sources: &[PathBuf]) -> Vec<u8> {
    let mut line = escaped(output);
    line.push(b':');
    for source in sources {
        line.push(b' ');
        line.extend(escaped(source));
    }
    line.push(b'\n');
    line
}

fn escaped(path: &Path) -> Vec<u8> {
    let mut escaped = Vec::new();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b' ' | b'#' => escaped.push(b'\\'),
            b'$' => escaped.push(b'$'),
            _ => {}
        }
        escaped.push(*byte);
    }
    escaped
}
