//! From the kernel's entry to muslc's `_start`: the program's objects, threads of our own, and a stack as Linux lays it out.

use crate::arch;
use crate::fault;
use crate::fs;
use crate::heap::HEAP;
use crate::mm::areas::{Area, Attributes, PAGE};
use crate::mm::{SPACE, Space};
use crate::object::cspace::CSpace;
use crate::object::devices::{Device, Devices};
use crate::object::{Objects, Permanent, Untyped};
use crate::platform::{self, interrupts, rtc, timer, uart};
use crate::random;
use crate::sel4::{self, Access, CPtr, init, object};
use crate::sync::Notification;
use crate::thread::clone::{self, PROGRAM_PRIORITY, SERVICE_PRIORITY};
use crate::thread::{Thread, sched::SCHED, standstill};
use crate::time::clock;
use crate::uaccess;
use alloc::vec::Vec;
use core::ffi::{CStr, c_char};
use core::ops::Range;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use libsel4_sys::seL4_BootInfo;
use linux_raw_sys::auxvec as aux;
use linux_raw_sys::elf;
use payload::params::{self, Params};

/// Bytes of the initial thread's stack where the program does not say otherwise (linker option `-z stack-size`).
pub const MAIN_STACK: usize = 8 << 20;
/// Where the initial thread's stack begins: its lowest address. Zero where the program brought its own.
static MAIN_STACK_START: AtomicUsize = AtomicUsize::new(0);
static BOOTINFO: AtomicUsize = AtomicUsize::new(0);
/// The boot parameters' argv[0]; null when there are none.
static NAME: AtomicPtr<c_char> = AtomicPtr::new(core::ptr::null_mut());
/// argv[0] of a program that was given none.
const DEFAULT_NAME: &CStr = c"rootserver";

unsafe extern "C" {
    /// The image's ELF header, which the linker loads with the first segment.
    static __ehdr_start: elf::Elf_Ehdr;
}

/// AT_SYSINFO: where muslc finds the entry of system calls (musl's `src/env/__libc_start_main.c`).
const AT_SYSINFO: u32 = 32;
/// What the Cortex-A53 of the Zynq UltraScale+ has: FP, ASIMD, AES, PMULL, SHA1, SHA2, CRC32 (asm/hwcap.h).
const HWCAP: usize = 1 << 0 | 1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7;

/// The frame that BootInfo lies in.
pub fn bootinfo() -> usize {
    BOOTINFO.load(Ordering::Relaxed)
}

/// The program's name, its argv[0] as it was started.
pub fn name() -> &'static CStr {
    let name = NAME.load(Ordering::Relaxed);
    if name.is_null() {
        return DEFAULT_NAME;
    }
    // SAFETY: only `muslcsys_start` stores, a string of the boot parameters, which are read-only and stay.
    unsafe { CStr::from_ptr(name) }
}

/// The program's name without folders.
pub fn file_name() -> &'static [u8] {
    let name = name().to_bytes();
    name.rsplit(|&byte| byte == b'/').next().unwrap_or(name)
}

/// The image's program headers.
pub fn program_headers() -> &'static [elf::Elf_Phdr] {
    // SAFETY: the linker loads header and program headers; they are read-only and stay.
    unsafe {
        let header = &__ehdr_start;
        let first = (&raw const __ehdr_start as usize + header.e_phoff) as *const elf::Elf_Phdr;
        core::slice::from_raw_parts(first, header.e_phnum as usize)
    }
}

fn segments() -> impl Iterator<Item = (Range<usize>, u32)> {
    program_headers().iter().filter(|p| p.p_type == elf::PT_LOAD).map(|p| {
        let start = p.p_vaddr;
        (start & !(PAGE - 1)..(start + p.p_memsz).next_multiple_of(PAGE), p.p_flags)
    })
}

/// The image's segments: addresses, and whether they may be written and executed.
pub fn segments_of_image() -> impl Iterator<Item = (Range<usize>, bool, bool)> {
    segments().map(|(range, flags)| (range, flags & elf::PF_W != 0, flags & elf::PF_X != 0))
}

fn image() -> Range<usize> {
    segments().map(|(range, _)| range).reduce(|all, s| all.start.min(s.start)..all.end.max(s.end)).unwrap_or(0..0)
}

/// Whether an address is in the page below the initial thread's stack, which nobody may touch.
pub fn is_below_main_stack(address: usize) -> bool {
    let start = MAIN_STACK_START.load(Ordering::Relaxed);
    (start.saturating_sub(PAGE)..start).contains(&address)
}

/// Whether an address is in the image that the kernel mapped.
pub fn in_image(address: usize) -> bool {
    image().contains(&address)
}

/// The boot parameters, which the loader put behind the image.
fn parameters(end_of_frames: usize) -> Option<Params<'static>> {
    let start = image().end;
    if start >= end_of_frames {
        return None;
    }
    // SAFETY: the kernel mapped the image up to `end_of_frames`, and nobody writes there.
    let bytes = unsafe { core::slice::from_raw_parts(start as *const u8, end_of_frames - start) };
    params::parse(bytes).ok()
}

/// No page of the image is writable and executable, though the kernel maps them so.
fn protect_image(frames: Range<usize>) {
    let image = image();
    for (index, frame) in frames.enumerate() {
        let page = image.start + index * PAGE;
        let flags = segments().find(|(range, _)| range.contains(&page)).map_or(elf::PF_R, |(_, flags)| flags);
        let access = Access { write: flags & elf::PF_W != 0, execute: flags & elf::PF_X != 0 };
        sel4::page_remap(CPtr(frame), page, access).expect("the image's frames are mapped");
    }
}

/// What every lock waits on, made before a second thread exists.
fn arm_locks(cspace: &mut CSpace, permanent: &mut Permanent) {
    let events: [&Notification; 8] = [
        SCHED.event(),
        SPACE.event(),
        HEAP.event(),
        random::POOL.event(),
        fs::console::CONSOLE.event(),
        uart::event(),
        standstill::event(),
        crate::program::SLOTS.event(),
    ];
    for event in events.into_iter().chain(crate::sync::mutex::events()) {
        event.set(permanent.make(cspace, object::NOTIFICATION, 0));
    }
}

/// Called once by `_sel4_start`, on the boot stack; gives the initial stack pointer.
#[unsafe(no_mangle)]
extern "C" fn muslcsys_start(bootinfo: *const seL4_BootInfo) -> usize {
    // SAFETY: the kernel passes BootInfo's address, and nobody writes to it; it is packed, so it is copied.
    let info = unsafe { bootinfo.read_unaligned() };
    arch::open_calls();
    let slots = info.empty.start as usize..info.empty.end as usize;
    let (initial, parameters) = take_over(bootinfo, &info, &Kept { slots, untypeds: &[], console: false });
    let asked = program_headers().iter().find(|p| p.p_type == elf::PT_GNU_STACK).map_or(0, |p| p.p_memsz);
    initial_stack(initial, parameters, if asked == 0 { MAIN_STACK } else { asked })
}

/// What of BootInfo's somebody else keeps who has started the task (`hosted`).
pub struct Kept<'a> {
    /// The empty slots of the initial CNode that are left.
    pub slots: Range<usize>,
    /// Capability pointers of the untypeds that are kept, of memory and of devices.
    pub untypeds: &'a [usize],
    /// The console's device and interrupt are kept.
    pub console: bool,
}

/// Takes over what BootInfo lists and nobody keeps: from here on the calling thread is the program's initial one. `info` is a copy
/// of `bootinfo`.
pub fn take_over(
    bootinfo: *const seL4_BootInfo,
    info: &seL4_BootInfo,
    kept: &Kept<'_>,
) -> (&'static Thread, Option<Params<'static>>) {
    BOOTINFO.store(bootinfo as usize, Ordering::Relaxed);
    let ipc_buffer = info.ipcBuffer as usize;
    arch::set_boot_ipc_buffer(ipc_buffer);
    assert!(arch::zva_bytes() == 64, "DC ZVA must clear 64 bytes");

    let frames = info.userImageFrames.start as usize..info.userImageFrames.end as usize;
    protect_image(frames.clone());
    let parameters = parameters(image().start + frames.len() * PAGE);
    if let Some(name) = parameters.and_then(|p| p.args().next()) {
        NAME.store(name.as_ptr().cast_mut(), Ordering::Relaxed);
    }
    platform::set_emulated(parameters.is_some_and(|p| p.is_qemu()));
    sel4::learn_scheduling(&info);
    SCHED.lock().cores.set_count(info.numNodes as usize);
    standstill::set_parallel(info.numNodes > 1);

    let (objects, mut permanent, devices) = take_over_memory(info, kept);
    let mut space = Space::new(objects, devices);
    fs::console::start(if kept.console { None } else { uart::Uart::start(&mut space) });
    arm_locks(space.objects.cspace(), &mut permanent);
    let endpoint = permanent.make(space.objects.cspace(), object::ENDPOINT, 0);
    fault::set_endpoint(endpoint);
    if let Some(reply) = object::REPLY {
        sel4::set_reply(permanent.make(space.objects.cspace(), reply, 0));
    }
    SPACE.fill(space);

    let seconds = rtc::read(&mut SPACE.lock());
    clock::start(seconds);
    let initial = start_threads(ipc_buffer, &mut permanent);
    fs::start(parameters);

    // The fault thread answers from here on, so registers that EL0 may be denied can be tried.
    let force_ttc = parameters.is_some_and(|p| p.env().any(|v| v == c"SEL4STD_TIMER=ttc"));
    let timer_irq = timer::start(&mut SPACE.lock(), force_ttc).expect("a timer for user level");
    interrupts::start(&mut SPACE.lock(), timer_irq, !kept.console);
    fs::console::listen();
    clone::start_service(SERVICE_PRIORITY - 1, interrupts::serve);

    let seed = parameters.map_or(&[0; 32], |p| p.seed());
    // SAFETY: BootInfo is a frame that the kernel mapped.
    random::start(seed, seconds, unsafe { core::slice::from_raw_parts(bootinfo.cast(), PAGE) });
    (initial, parameters)
}

/// Gathers what BootInfo lists and nobody keeps.
fn take_over_memory(info: &seL4_BootInfo, kept: &Kept<'_>) -> (Objects, Permanent, Devices<CPtr>) {
    let untypeds = info.untyped;
    let (mut ram, mut devices) = (Vec::new(), Vec::new());
    for slot in (untypeds.start..untypeds.end).filter(|&slot| !kept.untypeds.contains(&(slot as usize))) {
        let description = info.untypedList[(slot - untypeds.start) as usize];
        let (untyped, bits) = (CPtr(slot as usize), description.sizeBits as usize);
        match description.isDevice {
            0 => ram.push(Untyped { cap: untyped, bits }),
            _ => devices.push(Device { physical: description.paddr as usize, bits, untyped }),
        }
    }
    let cspace = CSpace::initial(kept.slots.clone());
    let (objects, permanent) = Objects::new(cspace, info.initThreadCNodeSizeBits as usize, ram);
    (objects, permanent, Devices::new(devices))
}

/// Makes the initial thread one of the program's, and starts the thread that answers faults.
fn start_threads(ipc_buffer: usize, permanent: &mut Permanent) -> &'static Thread {
    let notification = permanent.make(SPACE.lock().objects.cspace(), object::NOTIFICATION, 0);
    let stack = clone::map_initial_kernel_stack(&mut SPACE.lock());
    let initial = clone::adopt_initial(ipc_buffer, init::TCB, notification, stack);
    let mut space = SPACE.lock();
    let cspace = space.objects.cspace();
    let badged = cspace.initial_slot();
    sel4::mint_badge(cspace.path(badged), cspace.path(fault::endpoint()), fault::badge_of(initial.index))
        .expect("a badge for the initial thread");
    sel4::tcb_set_space(init::TCB, badged, cspace.root()).expect("the initial thread takes the new CSpace");
    drop(space);
    clone::start_service(SERVICE_PRIORITY, fault::serve);
    sel4::tcb_set_priority(init::TCB, PROGRAM_PRIORITY).expect("the initial thread takes its priority");
    initial
}

/// What the initial stack is put together from: words and strings, from its top down.
struct StackWriter {
    at: usize,
}

impl StackWriter {
    fn bytes(&mut self, bytes: &[u8]) -> usize {
        self.at -= bytes.len();
        uaccess::copy_out(self.at, bytes).expect("the initial stack takes arguments and environment");
        self.at
    }
    fn string(&mut self, string: &CStr) -> usize {
        self.bytes(string.to_bytes_with_nul())
    }
}

/// Lays out argc, argv, envp and auxv as Linux does (System V ABI, AArch64), at the top of a new stack of `size` bytes besides;
/// gives the stack pointer.
pub fn initial_stack(initial: &Thread, parameters: Option<Params<'static>>, size: usize) -> usize {
    let strings =
        parameters.map_or(0, |p| p.args().chain(p.env()).map(|s| s.to_bytes_with_nul().len() + 16).sum::<usize>());
    let size = (size + strings).next_multiple_of(PAGE);
    let attributes = Attributes::READ | Attributes::WRITE | Attributes::CHARGED | Attributes::SMALL_PAGES;
    let top = {
        let mut space = SPACE.prepare().expect("memory to start");
        let start = space.areas.choose(size + PAGE, PAGE).expect("addresses for the stack");
        // Below it a page that nobody may touch.
        space.areas.insert(Area::new(start..start + PAGE, Attributes::empty())).expect("an empty page");
        let (start, end) = (start + PAGE, start + PAGE + size);
        space.areas.insert(Area::new(start..end, attributes)).expect("memory for the stack");
        MAIN_STACK_START.store(start, Ordering::Relaxed);
        end
    };
    let mut stack = StackWriter { at: top };
    let mut random = [0; 16];
    random::fill(&mut random);
    let random = stack.bytes(&random);
    let platform = stack.string(c"aarch64");
    let (mut argv, mut envp) = (Vec::new(), Vec::new());
    if let Some(parameters) = parameters {
        argv.extend(parameters.args().map(|s| stack.string(s)));
        envp.extend(parameters.env().map(|s| stack.string(s)));
    }
    if argv.is_empty() {
        argv.push(stack.string(DEFAULT_NAME));
    }
    let headers = program_headers();
    let auxv = [
        (aux::AT_PHDR, headers.as_ptr() as usize),
        (aux::AT_PHENT, size_of::<elf::Elf_Phdr>()),
        (aux::AT_PHNUM, headers.len()),
        (aux::AT_PAGESZ, PAGE),
        (aux::AT_BASE, 0),
        (aux::AT_FLAGS, 0),
        // SAFETY: read-only, loaded with the image.
        (aux::AT_ENTRY, unsafe { __ehdr_start.e_entry }),
        (aux::AT_UID, 0),
        (aux::AT_EUID, 0),
        (aux::AT_GID, 0),
        (aux::AT_EGID, 0),
        (aux::AT_SECURE, 0),
        (aux::AT_CLKTCK, 100),
        (aux::AT_HWCAP, HWCAP),
        (aux::AT_HWCAP2, 0),
        (aux::AT_PLATFORM, platform),
        (aux::AT_RANDOM, random),
        (aux::AT_EXECFN, argv[0]),
        (AT_SYSINFO, arch::entry()),
        (aux::AT_NULL, 0),
    ];
    let mut words = Vec::new();
    words.push(argv.len());
    words.extend(argv);
    words.push(0);
    words.extend(envp);
    words.push(0);
    words.extend(auxv.iter().flat_map(|&(key, value)| [key as usize, value]));
    stack.at = (stack.at - words.len() * size_of::<usize>()) & !15;
    let at = stack.at;
    for (index, word) in words.iter().enumerate() {
        uaccess::write(at + index * size_of::<usize>(), word).expect("the initial stack takes its words");
    }
    let mut name = [0; 16];
    name[..4].copy_from_slice(b"main");
    initial.name.set(name);
    at
}
