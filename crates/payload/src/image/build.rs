//! Writing a payload.

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

use super::{CHECKED, CHECKSUM, DTB, FLAGS, HEADER, KERNEL, MAGIC, PARAMS, PART_ALIGN, Payload, ROOT_TASK, TOTAL_LEN};

/// The payload that has these parts. Nothing is checked, so that tests can write what must be refused.
#[must_use]
pub fn build(parts: &Payload<'_>) -> Vec<u8> {
    pieces(&Payload { params: &[], ..*parts }, &[parts.params]).concat()
}

/// The payload in pieces, so that large parts are not copied. `params` is the boot parameters in pieces; those of `parts` are
/// not looked at.
#[must_use]
pub fn pieces<'a>(parts: &Payload<'a>, params: &[&'a [u8]]) -> Vec<Cow<'a, [u8]>> {
    let list: [(usize, &[&'a [u8]]); 4] =
        [(KERNEL, &[parts.kernel]), (ROOT_TASK, &[parts.root_task]), (PARAMS, params), (DTB, &[parts.dtb])];
    let mut header = vec![0; HEADER];
    let (mut pieces, mut end) = (Vec::new(), HEADER);
    for (at, data) in list {
        let offset = end.next_multiple_of(PART_ALIGN);
        pieces.push(Cow::Owned(vec![0; offset - end]));
        pieces.extend(data.iter().copied().map(Cow::Borrowed));
        let len: usize = data.iter().map(|piece| piece.len()).sum();
        put(&mut header, at, &(offset as u64).to_le_bytes());
        put(&mut header, at + 8, &(len as u64).to_le_bytes());
        end = offset + len;
    }
    put(&mut header, 0, &MAGIC);
    put(&mut header, TOTAL_LEN, &(end as u64).to_le_bytes());
    put(&mut header, FLAGS, &parts.flags.to_le_bytes());
    let mut checksum = crc32fast::Hasher::new();
    checksum.update(&header[CHECKED..]);
    pieces.iter().for_each(|piece| checksum.update(piece));
    put(&mut header, CHECKSUM, &checksum.finalize().to_le_bytes());
    pieces.insert(0, header.into());
    pieces
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}
