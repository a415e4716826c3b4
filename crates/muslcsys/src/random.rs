//! getrandom(2): a ChaCha20 generator under a lock, with a new key after every call, so what was given cannot be computed from
//! what is in memory later.
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

/// The generator's lock.
pub static POOL: Lock<[u8; 32]> = Lock::new([0; 32], Notification::none());

/// Mixes bytes into the key: each 32 of them pass through the cipher under the key so far.
fn mix(key: &mut [u8; 32], bytes: &[u8]) {
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
    let mut key = POOL.lock();
    mix(&mut key, seed);
    mix(&mut key, &seconds_since_1970.to_le_bytes());
    mix(&mut key, bootinfo);
    mix(&mut key, &arch::virtual_counter().to_le_bytes());
}

/// Fills a buffer of ours.
pub fn fill(bytes: &mut [u8]) {
    let mut key = POOL.lock();
    let now = arch::virtual_counter().to_le_bytes();
    for (key, byte) in key.iter_mut().zip(now) {
        *key ^= byte;
    }
    let mut cipher = ChaCha20Rng::from_seed(*key);
    cipher.fill_bytes(&mut *key);
    cipher.fill_bytes(bytes);
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
