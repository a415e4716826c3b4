//! getrandom(2): a ChaCha20 generator under a lock that keeps only what it has not given yet: the key it worked with is replaced by its
//! own output at once, and bytes are erased as they are given, so what was given cannot be computed from what is in memory.
//!
//! # Where the seed comes from, and what that is worth
//! From the 32 bytes that `mkimage` puts into the image out of the host's generator, mixed with the counter, the real-time clock and
//! BootInfo. An image that is booted once, or is made anew for each boot, has a seed that nobody else knows. An image that is
//! booted again and again adds only the time and the counter to a seed that is the same each time: good for hash maps,
//! not for keys. The board's true random number generator is not reachable from a root task of this kernel.

use crate::arch;
use crate::errno::{Errno, SysResult};
use crate::sync::{Lock, Notification};
use crate::thread::Thread;
use crate::uaccess;
use linux_raw_sys::general as linux;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// The next key, and output that nobody has got yet.
pub struct Pool {
    key: [u8; KEY],
    output: [u8; OUTPUT],
    /// The output from here on is not given yet; before it is zero.
    next: usize,
}

const KEY: usize = 32;
/// With the key four blocks of the cipher, which are made at once.
const OUTPUT: usize = 4 * 64 - KEY;

/// The generator's lock.
pub static POOL: Lock<Pool> =
    Lock::new(Pool { key: [0; KEY], output: [0; OUTPUT], next: OUTPUT }, Notification::none());

/// Mixes bytes into the key: each 32 of them pass through the cipher under the key so far.
fn mix(key: &mut [u8; KEY], bytes: &[u8]) {
    for chunk in bytes.chunks(32) {
        for (key, byte) in key.iter_mut().zip(chunk) {
            *key ^= byte;
        }
        let mut cipher = ChaCha20Rng::from_seed(*key);
        cipher.fill_bytes(key);
    }
}

/// Gives the generator its first key.
pub fn start(seed: &[u8; 32], seconds_since_1970: u64, bootinfo: &[u8]) {
    let key = &mut POOL.lock().key;
    mix(key, seed);
    mix(key, &seconds_since_1970.to_le_bytes());
    mix(key, bootinfo);
    mix(key, &arch::virtual_counter().to_le_bytes());
}

impl Pool {
    fn refill(&mut self) {
        for (key, byte) in self.key.iter_mut().zip(arch::virtual_counter().to_le_bytes()) {
            *key ^= byte;
        }
        let mut cipher = ChaCha20Rng::from_seed(self.key);
        cipher.fill_bytes(&mut self.key);
        cipher.fill_bytes(&mut self.output);
        self.next = 0;
    }

    fn give(&mut self, mut bytes: &mut [u8]) {
        while !bytes.is_empty() {
            if self.next == OUTPUT {
                self.refill();
            }
            let count = bytes.len().min(OUTPUT - self.next);
            let given = &mut self.output[self.next..self.next + count];
            let (now, later) = bytes.split_at_mut(count);
            now.copy_from_slice(given);
            given.fill(0);
            self.next += count;
            bytes = later;
        }
    }
}

/// Fills a buffer of ours.
pub fn fill(bytes: &mut [u8]) {
    POOL.lock().give(bytes);
}

/// getrandom(2): `[buffer, bytes, flags]`; always gives all. Errors: EINVAL, EFAULT.
pub fn getrandom(_: &Thread, [buffer, bytes, flags, ..]: [usize; 6]) -> SysResult {
    let known = linux::GRND_NONBLOCK | linux::GRND_RANDOM | linux::GRND_INSECURE;
    if flags as u32 & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let bytes = bytes.min(isize::MAX as usize);
    let mut chunk = [0u8; 256];
    let mut done = 0;
    while done < bytes {
        let length = chunk.len().min(bytes - done);
        fill(&mut chunk[..length]);
        match uaccess::copy_out(buffer.wrapping_add(done), &chunk[..length]) {
            Ok(()) => done += length,
            Err(_) if done > 0 => break,
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}
