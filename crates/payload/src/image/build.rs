//! Writing a payload.

use alloc::vec::Vec;

use super::{CHECKED, CHECKSUM, DTB, FLAGS, HEADER, KERNEL, MAGIC, PARAMS, PART_ALIGN, Payload, ROOT_TASK, TOTAL_LEN};

/// The payload that has these parts. Nothing is checked, so that tests can write what must be refused.
#[must_use]
pub fn build(parts: &Payload<'_>) -> Vec<u8> {
    let list = [(KERNEL, parts.kernel), (ROOT_TASK, parts.root_task), (PARAMS, parts.params), (DTB, parts.dtb)];
    let mut bytes = Vec::with_capacity(HEADER + list.iter().map(|(_, part)| part.len() + PART_ALIGN).sum::<usize>());
    bytes.resize(HEADER, 0);
    for (at, part) in list {
        bytes.resize(bytes.len().next_multiple_of(PART_ALIGN), 0);
        let offset = bytes.len() as u64;
        bytes.extend_from_slice(part);
        put(&mut bytes, at, &offset.to_le_bytes());
        put(&mut bytes, at + 8, &(part.len() as u64).to_le_bytes());
    }
    let len = bytes.len() as u64;
    put(&mut bytes, 0, &MAGIC);
    put(&mut bytes, TOTAL_LEN, &len.to_le_bytes());
    put(&mut bytes, FLAGS, &parts.flags.to_le_bytes());
    let checksum = crc32fast::hash(&bytes[CHECKED..]);
    put(&mut bytes, CHECKSUM, &checksum.to_le_bytes());
    bytes
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}
