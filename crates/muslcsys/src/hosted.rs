//! The other way to start: seL4's sel4runtime, or another C runtime, has started the task, and C hands it over with
//! `sel4_std_init` (sel4std_hosted.h, docs/c-systems.md).
//!
//! The thread that calls goes on with the stack it has. It gets what muslc's own start gives to a program's initial thread: a
//! thread structure with a thread id, thread-local storage, `environ`, and calls that are answered.

use crate::errno::Errno;
use core::ops::Range;

/// Empty slots of the initial CNode that start-up needs at least: for the objects that it makes once.
const SLOTS: usize = 256;
/// log2 of the bytes of a block, in which memory is managed.
const BLOCK_BITS: u8 = crate::object::pool::BLOCK_BITS as u8;
/// Blocks that must be left at least, 32 MiB.
const BLOCKS: usize = 16;
/// log2 of the bytes of what start-up makes its own objects from: an untyped of this size, or of one block.
const SMALL_BITS: u8 = 20;

/// What BootInfo lists, as far as it can be kept.
pub struct Listed<'a> {
    /// The empty slots of the initial CNode.
    pub slots: Range<usize>,
    /// The first untyped's slot; the others follow.
    pub first_untyped: usize,
    /// log2 of each untyped's bytes; `None` for a device.
    pub untypeds: &'a [Option<u8>],
}

/// Checks what the C system keeps: `slots` are those that it leaves (an empty range from 0: all), `kept` the untypeds it has.
/// Gives the slots that are left.
///
/// # Errors
/// EINVAL for what BootInfo does not list; ENOSPC with too few slots left, ENOMEM with too little memory.
pub fn check(listed: &Listed<'_>, slots: Range<usize>, kept: &[usize]) -> Result<Range<usize>, Errno> {
    let slots = if slots == (0..0) { listed.slots.clone() } else { slots };
    if slots.start < listed.slots.start || slots.end > listed.slots.end || slots.start > slots.end {
        return Err(Errno::EINVAL);
    }
    let untypeds = listed.first_untyped..listed.first_untyped + listed.untypeds.len();
    if kept.iter().any(|cap| !untypeds.contains(cap)) {
        return Err(Errno::EINVAL);
    }
    if slots.len() < SLOTS {
        return Err(Errno::ENOSPC);
    }
    let left =
        || untypeds.clone().zip(listed.untypeds).filter(|(cap, _)| !kept.contains(cap)).filter_map(|(_, bits)| *bits);
    let blocks: usize = left().filter(|&bits| bits >= BLOCK_BITS).map(|bits| 1 << (bits - BLOCK_BITS)).sum();
    if blocks < BLOCKS || !left().any(|bits| (SMALL_BITS..=BLOCK_BITS).contains(&bits)) {
        return Err(Errno::ENOMEM);
    }
    Ok(slots)
}

#[cfg(target_vendor = "sel4")]
mod on_sel4 {
    use super::{Listed, check};
    use crate::arch;
    use crate::errno::Errno;
    use crate::mm::areas::PAGE;
    use crate::start::{self, Kept};
    use alloc::vec::Vec;
    use core::ffi::{c_char, c_int, c_long};
    use core::sync::atomic::{AtomicUsize, Ordering};
    use libsel4_sys::seL4_BootInfo;

    /// `struct sel4_std_kept`.
    #[repr(C)]
    struct Keeps {
        first_slot: usize,
        end_slot: usize,
        untypeds: *const usize,
        untyped_count: usize,
        console: c_int,
    }

    /// What sel4runtime calls when `main` has returned, before destructors: gets and gives the exit code.
    type PreExit = extern "C" fn(code: c_int) -> c_int;

    unsafe extern "C" {
        /// What muslc's start does before constructors and `main` (musl's `src/env/__libc_start_main.c`): environment, auxiliary
        /// vector, thread-local storage, the calling thread's structure.
        fn __init_libc(environment: *mut *mut c_char, name: *mut c_char);
        fn exit(code: c_int) -> !;
    }

    /// Arguments of [`hand_over`].
    struct Handed {
        bootinfo: *const seL4_BootInfo,
        keeps: *const Keeps,
    }

    /// Takes over the task, all that BootInfo lists.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn sel4_std_init(bootinfo: *const seL4_BootInfo) -> c_long {
        // SAFETY: the caller's promise; nothing is kept.
        unsafe { sel4_std_init_beside(bootinfo, core::ptr::null()) }
    }

    /// Takes over the task beside a C system that keeps some of what BootInfo lists.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn sel4_std_init_beside(bootinfo: *const seL4_BootInfo, keeps: *const Keeps) -> c_long {
        if bootinfo.is_null() || !bootinfo.cast::<usize>().is_aligned() {
            return Errno::EINVAL.to_word() as c_long;
        }
        if start::bootinfo() != 0 {
            return Errno::EBUSY.to_word() as c_long;
        }
        // The caller's stack may have no room for what follows: sel4runtime's is 16 KiB, unless its user says otherwise.
        let mut handed = Handed { bootinfo, keeps };
        // SAFETY: `hand_over` takes this structure, and the boot stack is free: nobody but this thread runs in the image so far.
        unsafe { arch::on_boot_stack((&raw mut handed).cast(), hand_over) as c_long }
    }

    /// Does it: first what may fail, then what may not.
    extern "C" fn hand_over(handed: *mut u8) -> isize {
        // SAFETY: see above; `sel4std_hosted.h` asks for BootInfo as the kernel made it, and for null or a structure.
        let (bootinfo, keeps) = unsafe {
            let handed = &*handed.cast::<Handed>();
            (handed.bootinfo, handed.keeps.as_ref())
        };
        // SAFETY: as above; it is packed with some kernels, so it is copied.
        let info = unsafe { bootinfo.read_unaligned() };
        let untypeds = keeps.filter(|keeps| keeps.untyped_count > 0).map_or(&[][..], |keeps| {
            // SAFETY: the structure says how many there are.
            unsafe { core::slice::from_raw_parts(keeps.untypeds, keeps.untyped_count) }
        });
        let first = info.untyped.start as usize;
        let listed: Vec<_> = info.untypedList[..info.untyped.end as usize - first]
            .iter()
            .map(|untyped| (untyped.isDevice == 0).then_some(untyped.sizeBits))
            .collect();
        let listed = Listed {
            slots: info.empty.start as usize..info.empty.end as usize,
            first_untyped: first,
            untypeds: &listed,
        };
        let slots = match check(&listed, keeps.map_or(0..0, |keeps| keeps.first_slot..keeps.end_slot), untypeds) {
            Ok(slots) => slots,
            Err(error) => return error.to_word(),
        };

        // libsel4 finds the IPC buffer through a thread-local variable. The runtime's TLS is kept for later, if there is one: a
        // runtime whose TLS is too small for this program's variables sets up none.
        let old_tls = arch::thread_pointer();
        let ipc_buffer = info.ipcBuffer as usize;
        arch::set_boot_ipc_buffer(ipc_buffer);
        // SAFETY: this thread's IPC buffer; it has the boot word for itself, and TLS of muslc's soon.
        unsafe { arch::leave_tls(ipc_buffer, arch::boot_word()) };
        let kept = Kept { slots, untypeds, console: keeps.is_some_and(|keeps| keeps.console != 0) };
        let (initial, parameters) = start::take_over(bootinfo, &info, &kept);
        arch::open_calls();

        let at = start::initial_stack(initial, parameters, PAGE) as *mut usize;
        // SAFETY: the words are laid out as muslc's start expects them: argc, argv, null, envp. The canary stays what it is, since
        // the functions that called this one will look for it.
        unsafe {
            let arguments = *at;
            let guard = arch::stack_guard();
            let canary = guard.map(|guard| guard.read());
            __init_libc(at.add(arguments + 2).cast(), *at.add(1) as *mut c_char);
            if let (Some(guard), Some(canary)) = (guard, canary) {
                guard.write(canary);
            }
            if old_tls != 0 {
                keep_variables(old_tls);
            }
        }
        if let Some(set_pre_exit) = arch::set_pre_exit() {
            // SAFETY: sel4runtime's function, as sel4runtime.h declares it.
            let set = unsafe { core::mem::transmute::<usize, extern "C" fn(PreExit) -> usize>(set_pre_exit) };
            OLD_PRE_EXIT.store(set(leave), Ordering::Relaxed);
        }
        0
    }

    /// Gives the thread-local variables the values that they had before, at the same offset from the thread pointer.
    ///
    /// # Safety
    /// `old` must be the thread pointer of a runtime that lays TLS out as the ABI says, for this program.
    unsafe fn keep_variables(old: usize) {
        const PT_TLS: u32 = linux_raw_sys::elf::PT_TLS;
        /// What the ABI keeps free behind the thread pointer (ELF for AArch64, TLS variant 1).
        const GAP: usize = 16;
        let Some(tls) = start::program_headers().iter().find(|p| p.p_type == PT_TLS) else { return };
        let offset = GAP.next_multiple_of(tls.p_align.max(1));
        let (from, to) = (old + offset, arch::thread_pointer() + offset);
        // SAFETY: both are this program's TLS, muslc's and the former one, which do not overlap.
        unsafe { core::ptr::copy_nonoverlapping(from as *const u8, to as *mut u8, tls.p_memsz) };
    }

    /// The callback that sel4runtime had before.
    static OLD_PRE_EXIT: AtomicUsize = AtomicUsize::new(0);

    /// `main` has returned to sel4runtime: the program ends as muslc ends one, with its handlers, destructors, and buffers written.
    extern "C" fn leave(code: c_int) -> c_int {
        let old = OLD_PRE_EXIT.load(Ordering::Relaxed);
        let code = if old == 0 {
            code
        } else {
            // SAFETY: sel4runtime gave it as what was set before.
            let old = unsafe { core::mem::transmute::<usize, PreExit>(old) };
            old(code)
        };
        // SAFETY: muslc's, in a thread of muslc's.
        unsafe { exit(code) }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// A device, three pieces of memory for start-up, and 64 MiB.
    const UNTYPEDS: [Option<u8>; 5] = [None, Some(12), Some(20), Some(25), Some(25)];
    const LISTED: Listed<'_> = Listed { slots: 100..1000, first_untyped: 50, untypeds: &UNTYPEDS };

    #[test]
    fn nothing_kept() {
        assert_eq!(check(&LISTED, 0..0, &[]), Ok(100..1000));
    }

    #[test]
    fn slots_are_bootinfos_and_enough() {
        assert_eq!(check(&LISTED, 500..1000, &[]), Ok(500..1000));
        for wrong in [99..1000, 100..1001, 0..500] {
            assert_eq!(check(&LISTED, wrong, &[]), Err(Errno::EINVAL));
        }
        #[expect(clippy::reversed_empty_ranges, reason = "what is refused")]
        let backwards = 900..200;
        assert_eq!(check(&LISTED, backwards, &[]), Err(Errno::EINVAL));
        assert_eq!(check(&LISTED, 744..1000, &[]), Ok(744..1000));
        assert_eq!(check(&LISTED, 745..1000, &[]), Err(Errno::ENOSPC));
    }

    #[test]
    fn untypeds_are_bootinfos_and_enough_is_left() {
        assert_eq!(check(&LISTED, 0..0, &[50, 51, 54]), Ok(100..1000));
        for wrong in [0, 49, 55, usize::MAX] {
            assert_eq!(check(&LISTED, 0..0, &[51, wrong]), Err(Errno::EINVAL));
        }
        assert_eq!(check(&LISTED, 0..0, &[53, 54]), Err(Errno::ENOMEM), "no blocks left");
        assert_eq!(check(&LISTED, 0..0, &[52]), Err(Errno::ENOMEM), "nothing left for what start-up makes");
    }
}
