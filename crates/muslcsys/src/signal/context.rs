//! The registers of an interrupted thread, in the three forms they take: ours on the kernel stack, seL4's, and Linux's ucontext.

use crate::sel4::Registers;
use crate::uaccess::Plain;

/// All registers of a thread; entry.S knows the offsets.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct Context {
    /// x0 to x30.
    pub x: [usize; 31],
    /// Stack pointer.
    pub sp: usize,
    /// Instruction.
    pub pc: usize,
    /// Processor state: the condition flags.
    pub pstate: usize,
    /// Floating-point status.
    pub fpsr: u32,
    /// Floating-point control.
    pub fpcr: u32,
    /// q0 to q31.
    pub vectors: [u128; 32],
}

impl Context {
    /// The general registers as seL4 gives them; vectors are filled in by the thread itself.
    pub fn from_registers(r: &Registers) -> Self {
        let x = [
            r.x0, r.x1, r.x2, r.x3, r.x4, r.x5, r.x6, r.x7, r.x8, r.x9, r.x10, r.x11, r.x12, r.x13, r.x14, r.x15,
            r.x16, r.x17, r.x18, r.x19, r.x20, r.x21, r.x22, r.x23, r.x24, r.x25, r.x26, r.x27, r.x28, r.x29, r.x30,
        ];
        Self {
            x: x.map(|x| x as usize),
            sp: r.sp as usize,
            pc: r.pc as usize,
            pstate: r.spsr as usize,
            fpsr: 0,
            fpcr: 0,
            vectors: [0; 32],
        }
    }

    /// The general registers as seL4 takes them.
    pub fn to_registers(&self) -> Registers {
        let mut r = crate::sel4::empty_registers();
        let fields = [
            &mut r.x0, &mut r.x1, &mut r.x2, &mut r.x3, &mut r.x4, &mut r.x5, &mut r.x6, &mut r.x7, &mut r.x8,
            &mut r.x9, &mut r.x10, &mut r.x11, &mut r.x12, &mut r.x13, &mut r.x14, &mut r.x15, &mut r.x16, &mut r.x17,
            &mut r.x18, &mut r.x19, &mut r.x20, &mut r.x21, &mut r.x22, &mut r.x23, &mut r.x24, &mut r.x25, &mut r.x26,
            &mut r.x27, &mut r.x28, &mut r.x29, &mut r.x30,
        ];
        for (field, x) in fields.into_iter().zip(self.x) {
            *field = x as _;
        }
        r.sp = self.sp as _;
        r.pc = self.pc as _;
        r.spsr = (self.pstate & CONDITION_FLAGS) as _;
        r
    }
}

/// N, Z, C, V in PSTATE: all of it that a program may set.
const CONDITION_FLAGS: usize = 0xf << 28;

/// siginfo_t (asm-generic/siginfo.h), as far as it is filled: the rest of its 128 bytes is zero.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct SigInfo {
    /// The signal.
    pub signo: i32,
    /// Always 0.
    pub errno: i32,
    /// Why: SI_USER, SI_TKILL, SEGV_MAPERR and so on.
    pub code: i32,
    pad: i32,
    /// The faulting address; or the sender's process in the low half.
    pub address: usize,
    rest: [usize; 13],
}

impl SigInfo {
    /// For a signal and its cause.
    pub fn new(signal: u32, code: i32, address: usize) -> Self {
        Self { signo: signal as i32, errno: 0, code, pad: 0, address, rest: [0; 13] }
    }
}

/// The frame a handler runs on (arch/arm64/kernel/signal.c: struct rt_sigframe; asm/sigcontext.h; asm/ucontext.h).
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub struct Frame {
    /// What the handler gets as its second argument.
    pub info: SigInfo,
    flags: usize,
    link: usize,
    /// uc_stack: address, flags, size.
    pub stack: [usize; 3],
    /// uc_sigmask: the mask that returning brings back.
    pub mask: u64,
    unused: [u64; 15],
    pad: usize,
    /// uc_mcontext: the faulting address, and the registers.
    pub fault_address: usize,
    /// x0 to x30.
    pub x: [usize; 31],
    /// Stack pointer.
    pub sp: usize,
    /// Instruction.
    pub pc: usize,
    /// Processor state.
    pub pstate: usize,
    pad2: usize,
    /// The first record of the reserved space: fpsimd_context.
    magic: u32,
    size: u32,
    fpsr: u32,
    fpcr: u32,
    vectors: [u128; 32],
    /// The record that ends them.
    end: [u32; 4],
}

// SAFETY: integers; every padding byte is a field of its own.
unsafe impl Plain for Frame {}

/// Bytes that Linux reserves for records; the frame takes them all, so that sizes compiled into programs hold.
const RESERVED: usize = 4096;
/// FPSIMD_MAGIC.
const FPSIMD_MAGIC: u32 = 0x4650_8001;
/// Bytes of an fpsimd_context.
const FPSIMD_BYTES: usize = 16 + 32 * 16;

/// Bytes of a frame on the program's stack.
pub const FRAME_BYTES: usize = core::mem::offset_of!(Frame, magic) + RESERVED;
/// Where the ucontext begins in it.
pub const UCONTEXT: usize = size_of::<SigInfo>();

const _: () = assert!(size_of::<SigInfo>() == 128);
const _: () = assert!(core::mem::offset_of!(Frame, mask) == UCONTEXT + 40);
const _: () = assert!(core::mem::offset_of!(Frame, fault_address) == UCONTEXT + 176);
const _: () = assert!(core::mem::offset_of!(Frame, magic) == UCONTEXT + 464);

impl Frame {
    /// A frame for a context.
    pub fn new(context: &Context, info: SigInfo, mask: u64, stack: (usize, usize, u32)) -> Self {
        Self {
            info,
            flags: 0,
            link: 0,
            stack: [stack.0, stack.2 as usize, stack.1],
            mask,
            unused: [0; 15],
            pad: 0,
            fault_address: if info.code > 0 { info.address } else { 0 },
            x: context.x,
            sp: context.sp,
            pc: context.pc,
            pstate: context.pstate,
            pad2: 0,
            magic: FPSIMD_MAGIC,
            size: FPSIMD_BYTES as u32,
            fpsr: context.fpsr,
            fpcr: context.fpcr,
            vectors: context.vectors,
            end: [0; 4],
        }
    }

    /// The context that a handler left in its frame.
    pub fn context(&self) -> Context {
        Context {
            x: self.x,
            sp: self.sp,
            pc: self.pc,
            pstate: self.pstate,
            fpsr: self.fpsr,
            fpcr: self.fpcr,
            vectors: self.vectors,
        }
    }
}
