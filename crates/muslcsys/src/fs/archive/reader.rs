//! The members of a CPIO archive in the newc format (cpio(5)): one header, name and content after the other.

use core::fmt;

/// First bytes of a header; the second form has a checksum of the content, which nothing looks at.
const MAGICS: [&[u8]; 2] = [b"070701", b"070702"];
/// Bytes of a header: the magic and thirteen numbers of eight hexadecimal digits.
const HEADER: usize = 6 + 13 * 8;
/// The name of the member that ends an archive.
const TRAILER: &[u8] = b"TRAILER!!!";
/// Headers and contents begin at multiples of this.
const ALIGN: usize = 4;
/// The longest name, with its NUL: Linux's longest path.
const LONGEST_NAME: usize = 4096;

/// Where an archive is broken, and how.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Broken {
    /// Bytes from the archive's first to the header of the member at fault.
    pub offset: usize,
    /// What is wrong.
    pub what: &'static str,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the archive is broken at byte {}: {}", self.offset, self.what)
    }
}

/// One member.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Member<'a> {
    /// Where its header is.
    pub offset: usize,
    /// Its path without leading and trailing slashes, and without `.`; empty for the root.
    pub name: &'a [u8],
    /// Its number; members with the same number and device are one file, if they say that it has several names.
    pub number: u64,
    /// Kind and permissions (st_mode).
    pub mode: u32,
    /// Owner.
    pub user: u32,
    /// Group.
    pub group: u32,
    /// Names of the file.
    pub links: u32,
    /// When its content last changed, in seconds since 1970.
    pub modified: u32,
    /// The device that it was on.
    pub device: u64,
    /// A device's own number.
    pub represents: u64,
    /// Its content; of a symbolic link its target.
    pub bytes: &'a [u8],
}

/// The members of an archive, until its end or the first that is broken.
pub fn members(archive: &[u8]) -> impl Iterator<Item = Result<Member<'_>, Broken>> {
    let mut at = Some(0);
    core::iter::from_fn(move || {
        let offset = at.take()?;
        match member(archive, offset) {
            Ok(Some((member, next))) => {
                at = Some(next);
                Some(Ok(member))
            }
            Ok(None) => None,
            Err(what) => Some(Err(Broken { offset, what })),
        }
    })
}

/// A number of eight hexadecimal digits.
fn number(header: &[u8], index: usize) -> Option<u32> {
    let digits = header.get(6 + index * 8..)?.first_chunk::<8>()?;
    digits.iter().try_fold(0, |value, &digit| Some(value << 4 | (digit as char).to_digit(16)?))
}

/// The member at an offset, and where the next is; nothing at the archive's end.
fn member(archive: &[u8], offset: usize) -> Result<Option<(Member<'_>, usize)>, &'static str> {
    const ENDS: &str = "it ends before its trailer";
    let header = archive.get(offset..offset.saturating_add(HEADER)).ok_or(ENDS)?;
    if !MAGICS.contains(&&header[..6]) {
        return Err("no header of the newc format");
    }
    let mut fields = [0; 13];
    for (index, field) in fields.iter_mut().enumerate() {
        *field = number(header, index).ok_or("a number that is none")?;
    }
    let [number, mode, user, group, links, modified, size, major, minor, own_major, own_minor, name_size, _] = fields;
    let name_size = name_size as usize;
    if name_size == 0 || name_size > LONGEST_NAME {
        return Err("a name of an impossible length");
    }
    let name_at = offset + HEADER;
    let name = archive.get(name_at..name_at + name_size).ok_or(ENDS)?;
    let (name, end) = name.split_at(name_size - 1);
    if end != [0] || name.contains(&0) {
        return Err("a name that does not end where it says");
    }
    if name == TRAILER {
        return Ok(None);
    }
    let name = plain(name)?;
    let bytes_at = (name_at + name_size).next_multiple_of(ALIGN);
    let bytes = archive.get(bytes_at..).and_then(|rest| rest.get(..size as usize)).ok_or("its content is cut off")?;
    let device = |major, minor| u64::from(major) << 8 | u64::from(minor);
    let member = Member {
        offset,
        name,
        number: number.into(),
        mode,
        user,
        group,
        links,
        modified,
        device: device(major, minor),
        represents: device(own_major, own_minor),
        bytes,
    };
    Ok(Some((member, (bytes_at + size as usize).next_multiple_of(ALIGN))))
}

/// A path without what says nothing at its ends. Its parts must be names.
fn plain(mut name: &[u8]) -> Result<&[u8], &'static str> {
    loop {
        name = match name {
            [b'/', rest @ ..] | [b'.', b'/', rest @ ..] | [rest @ .., b'/'] => rest,
            b"." => b"",
            _ => break,
        };
    }
    let is_name =
        |part: &[u8]| !part.is_empty() && part.len() <= super::super::walk::NAME_MAX && part != b"." && part != b"..";
    if name.is_empty() || name.split(|&byte| byte == b'/').all(is_name) {
        Ok(name)
    } else {
        Err("a path with a part that is no name")
    }
}
