//! Writing boot parameters.

use alloc::vec;
use alloc::vec::Vec;

use super::{ARCHIVE, ARGS, ENV, FLAG_QEMU, FLAGS, HEADER, MAGIC, PART_ALIGN, ParamsError, SEED, TOTAL_LEN};
use crate::PAGE;

/// Collects boot parameters and writes the block.
#[derive(Clone, Debug, Default)]
pub struct Builder {
    args: Vec<u8>,
    env: Vec<u8>,
    archive: Vec<u8>,
    seed: [u8; 32],
    flags: u64,
}

impl Builder {
    /// No arguments, no environment, no archive, a zero seed, not for QEMU.
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
        let mut block = vec![0; HEADER];
        for (at, part) in [(ARGS, &self.args), (ENV, &self.env), (ARCHIVE, &self.archive)] {
            pad(&mut block, PART_ALIGN);
            let offset = block.len() as u64;
            block.extend_from_slice(part);
            put(&mut block, at, &offset.to_le_bytes());
            put(&mut block, at + 8, &(part.len() as u64).to_le_bytes());
        }
        pad(&mut block, PAGE);
        let len = block.len() as u64;
        put(&mut block, 0, &MAGIC);
        put(&mut block, TOTAL_LEN, &len.to_le_bytes());
        put(&mut block, FLAGS, &self.flags.to_le_bytes());
        put(&mut block, SEED, &self.seed);
        block
    }
}

fn append(strings: &mut Vec<u8>, string: &[u8]) -> Result<(), ParamsError> {
    if string.contains(&0) {
        return Err(ParamsError::Nul);
    }
    strings.extend_from_slice(string);
    strings.push(0);
    Ok(())
}

fn pad(block: &mut Vec<u8>, align: u64) {
    block.resize(block.len().next_multiple_of(align as usize), 0);
}

fn put(block: &mut [u8], at: usize, bytes: &[u8]) {
    block[at..at + bytes.len()].copy_from_slice(bytes);
}
