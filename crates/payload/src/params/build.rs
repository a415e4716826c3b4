//! Writing boot parameters.

use alloc::borrow::Cow;
use alloc::vec;
use alloc::vec::Vec;

use super::{
    ARCHIVE, ARGS, ENV, FLAG_MOUNT, FLAG_QEMU, FLAGS, HEADER, MAGIC, MOUNT_AT, PART_ALIGN, ParamsError, SEED, TOTAL_LEN,
};
use crate::PAGE;

/// Collects boot parameters and writes the block.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    args: Vec<u8>,
    env: Vec<u8>,
    archive: Vec<u8>,
    mount: Vec<u8>,
    seed: [u8; 32],
    flags: u64,
}

impl Builder {
    /// No arguments, no environment, no archive (and [`MOUNT`](super::MOUNT) for its place), a zero seed, not for QEMU.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Appends an argument; the first is the program's name.
    ///
    /// # Errors
    /// [`ParamsError::Nul`].
    pub fn arg(&mut self, arg: &[u8]) -> Result<&mut Self, ParamsError> {
        append(&mut self.args, arg)?;
        Ok(self)
    }

    /// Appends an environment string `NAME=value`.
    ///
    /// # Errors
    /// [`ParamsError::Nul`], [`ParamsError::NotAssignment`].
    pub fn env(&mut self, assignment: &[u8]) -> Result<&mut Self, ParamsError> {
        if !super::is_assignment(assignment) {
            return Err(ParamsError::NotAssignment);
        }
        append(&mut self.env, assignment)?;
        Ok(self)
    }

    /// Sets the file archive.
    pub fn archive(&mut self, archive: Vec<u8>) -> &mut Self {
        self.archive = archive;
        self
    }

    /// Sets the folder that the archive is mounted at.
    ///
    /// # Errors
    /// [`ParamsError::Nul`], [`ParamsError::NotMount`].
    pub fn mount(&mut self, folder: &[u8]) -> Result<&mut Self, ParamsError> {
        if !super::is_mount(folder) {
            return Err(ParamsError::NotMount);
        }
        self.mount.clear();
        append(&mut self.mount, folder)?;
        Ok(self)
    }

    /// Sets the seed.
    pub fn seed(&mut self, seed: [u8; 32]) -> &mut Self {
        self.seed = seed;
        self
    }

    /// Sets or clears [`FLAG_QEMU`].
    pub fn qemu(&mut self, qemu: bool) -> &mut Self {
        self.flags = if qemu { self.flags | FLAG_QEMU } else { self.flags & !FLAG_QEMU };
        self
    }

    /// The block.
    #[must_use]
    pub fn build(&self) -> Vec<u8> {
        self.pieces().concat()
    }

    /// The block in pieces, so that a large archive is not copied: header and strings, the archive, and what fills the last
    /// page.
    #[must_use]
    pub fn pieces(&self) -> [Cow<'_, [u8]>; 3] {
        let mut head = vec![0; HEADER];
        let mut flags = self.flags;
        if !self.mount.is_empty() {
            flags |= FLAG_MOUNT;
            head.resize(MOUNT_AT + 16, 0);
        }
        for (at, part) in [(MOUNT_AT, &self.mount), (ARGS, &self.args), (ENV, &self.env)] {
            if at == MOUNT_AT && part.is_empty() {
                continue;
            }
            place(&mut head, at, part.len());
            head.extend_from_slice(part);
        }
        place(&mut head, ARCHIVE, self.archive.len());
        let end = head.len() + self.archive.len();
        let len = end.next_multiple_of(PAGE as usize);
        put(&mut head, 0, &MAGIC);
        put(&mut head, TOTAL_LEN, &(len as u64).to_le_bytes());
        put(&mut head, FLAGS, &flags.to_le_bytes());
        put(&mut head, SEED, &self.seed);
        [head.into(), self.archive.as_slice().into(), vec![0; len - end].into()]
    }
}

/// Has a part of `len` bytes start behind what is in `head` so far, and the field at `at` say so.
fn place(head: &mut Vec<u8>, at: usize, len: usize) {
    head.resize(head.len().next_multiple_of(PART_ALIGN as usize), 0);
    let offset = head.len() as u64;
    put(head, at, &offset.to_le_bytes());
    put(head, at + 8, &(len as u64).to_le_bytes());
}

fn append(strings: &mut Vec<u8>, string: &[u8]) -> Result<(), ParamsError> {
    if string.contains(&0) {
        return Err(ParamsError::Nul);
    }
    strings.extend_from_slice(string);
    strings.push(0);
    Ok(())
}

fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}
