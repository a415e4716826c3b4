//! Access to memory that the program named: every pointer in a call's arguments is a claim, not yet access.
//!
//! The functions of `arch/aarch64/uaccess.S` may fault; the fault thread then maps the page, or has them return −EFAULT. So
//! they must not be called with the address space's lock held, nor any lock below it (see `sync`).

use crate::errno::Errno;
use crate::mm::areas::PAGE;
use crate::mm::layout;

unsafe extern "C" {
    fn uaccess_copy(to: *mut u8, from: *const u8, bytes: usize) -> isize;
    fn uaccess_zero(to: *mut u8, bytes: usize) -> isize;
    fn uaccess_load32(from: *const u32, to: *mut u32) -> isize;
    fn uaccess_store32(to: *mut u32, value: u32) -> isize;
    fn uaccess_cas32(at: *mut u32, expected: u32, new: u32, found: *mut u32) -> isize;
    fn uaccess_store_pair(first: u64, second: u64, to: *mut u64) -> isize;
    fn uaccess_probe_ptimer() -> isize;
    fn uaccess_probe_vcounter() -> isize;
    static uaccess_begin: u8;
    static uaccess_end: u8;
    fn uaccess_fault();
}

/// A structure of the program's that has no invalid bit patterns and no padding that matters: it can be copied as bytes.
///
/// # Safety
/// Every bit pattern must be a valid value.
pub unsafe trait Plain: Copy {}

// SAFETY: integers have no invalid patterns.
unsafe impl Plain for u8 {}
// SAFETY: as above.
unsafe impl Plain for u16 {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for i32 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: as above.
unsafe impl Plain for i64 {}
// SAFETY: as above.
unsafe impl Plain for usize {}
// SAFETY: arrays of such.
unsafe impl<T: Plain, const N: usize> Plain for [T; N] {}

/// Refuses what no program may name: `muslcsys`'s own memory, and ranges that wrap. Errors: EFAULT.
pub fn check(address: usize, bytes: usize) -> Result<(), Errno> {
    let end = address.checked_add(bytes).ok_or(Errno::EFAULT)?;
    if end > layout::PRIVATE.start { Err(Errno::EFAULT) } else { Ok(()) }
}

fn done(result: isize) -> Result<(), Errno> {
    if result == 0 { Ok(()) } else { Err(Errno::EFAULT) }
}

/// Copies bytes of the program's into `to`.
pub fn copy_in(to: &mut [u8], from: usize) -> Result<(), Errno> {
    check(from, to.len())?;
    // SAFETY: `to` is ours; a fault at `from` ends in an error.
    done(unsafe { uaccess_copy(to.as_mut_ptr(), from as *const u8, to.len()) })
}

/// Copies `from` to the program's memory.
pub fn copy_out(to: usize, from: &[u8]) -> Result<(), Errno> {
    check(to, from.len())?;
    // SAFETY: the program named the memory; a fault at `to` ends in an error.
    done(unsafe { uaccess_copy(to as *mut u8, from.as_ptr(), from.len()) })
}

/// Copies `bytes` bytes from `from` to the program's memory.
///
/// # Safety
/// They can be read at `from`.
pub unsafe fn copy_out_from(to: usize, from: *const u8, bytes: usize) -> Result<(), Errno> {
    check(to, bytes)?;
    // SAFETY: the caller promises `from`; a fault at `to`, which the program named, ends in an error.
    done(unsafe { uaccess_copy(to as *mut u8, from, bytes) })
}

/// Copies `bytes` bytes of the program's to `to`.
///
/// # Safety
/// They can be written at `to`.
pub unsafe fn copy_in_to(to: *mut u8, from: usize, bytes: usize) -> Result<(), Errno> {
    check(from, bytes)?;
    // SAFETY: the caller promises `to`; a fault at `from` ends in an error.
    done(unsafe { uaccess_copy(to, from as *const u8, bytes) })
}

/// Makes sure that memory of the program's can be written, without changing it: on each page a word is replaced by itself.
pub fn probe_write(at: usize, bytes: usize) -> Result<(), Errno> {
    check(at, bytes)?;
    if bytes == 0 {
        return Ok(());
    }
    let pages = (at & !(PAGE - 1)..at + bytes).step_by(PAGE);
    for page in pages {
        let word = page.max(at) & !3;
        let value = load_u32(word)?;
        compare_exchange_u32(word, value, value)?;
    }
    Ok(())
}

/// Clears memory of the program's.
pub fn zero_out(to: usize, bytes: usize) -> Result<(), Errno> {
    check(to, bytes)?;
    // SAFETY: the program named the memory; a fault ends in an error.
    done(unsafe { uaccess_zero(to as *mut u8, bytes) })
}

/// Reads a value of the program's.
pub fn read<T: Plain>(from: usize) -> Result<T, Errno> {
    check(from, size_of::<T>())?;
    let mut value = core::mem::MaybeUninit::<T>::uninit();
    // SAFETY: `value` is ours and as large; every pattern is a valid `T`.
    unsafe {
        done(uaccess_copy(value.as_mut_ptr().cast(), from as *const u8, size_of::<T>()))?;
        Ok(value.assume_init())
    }
}

/// Writes a value to the program's memory.
pub fn write<T: Plain>(to: usize, value: &T) -> Result<(), Errno> {
    check(to, size_of::<T>())?;
    // SAFETY: the program named the memory; a fault at `to` ends in an error.
    done(unsafe { uaccess_copy(to as *mut u8, (&raw const *value).cast(), size_of::<T>()) })
}

/// Writes two words to the program's memory, at an address below what is private; gives 0 or the error as a word.
#[inline]
pub fn write_pair(to: usize, pair: [u64; 2]) -> isize {
    // SAFETY: the program named the memory; a fault at `to` ends in an error.
    unsafe { uaccess_store_pair(pair[0], pair[1], to as *mut u64) }
}

/// Reads one word of the program's atomically. Errors: EINVAL if misaligned, EFAULT.
pub fn load_u32(from: usize) -> Result<u32, Errno> {
    if !from.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    check(from, 4)?;
    let mut value = 0;
    // SAFETY: as in `read`, and aligned.
    done(unsafe { uaccess_load32(from as *const u32, &mut value) })?;
    Ok(value)
}

/// Writes one word of the program's atomically. Errors: EINVAL if misaligned, EFAULT.
pub fn store_u32(to: usize, value: u32) -> Result<(), Errno> {
    if !to.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    check(to, 4)?;
    // SAFETY: as in `write`, and aligned.
    done(unsafe { uaccess_store32(to as *mut u32, value) })
}

/// Replaces `expected` by `new` atomically; gives what was there. Errors: EINVAL if misaligned, EFAULT.
pub fn compare_exchange_u32(at: usize, expected: u32, new: u32) -> Result<u32, Errno> {
    if !at.is_multiple_of(4) {
        return Err(Errno::EINVAL);
    }
    check(at, 4)?;
    let mut found = 0;
    // SAFETY: as in `write`, and aligned.
    done(unsafe { uaccess_cas32(at as *mut u32, expected, new, &mut found) })?;
    Ok(found)
}

/// Whether EL0 may use the physical generic timer here.
pub fn may_use_physical_timer() -> bool {
    // SAFETY: reads a register, or takes the error return.
    unsafe { uaccess_probe_ptimer() == 0 }
}

/// Whether EL0 may read the virtual counter here.
pub fn may_read_virtual_counter() -> bool {
    // SAFETY: reads a register, or takes the error return.
    unsafe { uaccess_probe_vcounter() == 0 }
}

/// Where a thread that faulted at `ip` goes on, if it faulted in one of these functions.
pub fn error_return(ip: usize) -> Option<usize> {
    let functions = &raw const uaccess_begin as usize..&raw const uaccess_end as usize;
    functions.contains(&ip).then_some(uaccess_fault as *const () as usize)
}
