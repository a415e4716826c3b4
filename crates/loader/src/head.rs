//! The way from the machine's reset state into [`main`](crate::main): the assembly of `head.S` and its tables.

use core::arch::global_asm;

use loader::page_table::Table;
use payload::board;
use payload::span::Span;

use crate::registers;

/// Where the board's devices are that the loader touches, UARTs among them (UG1085, "System Addresses").
const DEVICES: Span = Span::between(0xf900_0000, 0x1_0000_0000);

static IDENTITY_L1: Table = Table::identity(&board::RAM, DEVICES);

global_asm!(
    include_str!("head.S"),
    scr_el3 = const registers::SCR_EL3,
    gicd = const registers::GICD,
    gicc = const registers::GICC,
    igroupr_count = const registers::GICD_IGROUPR_COUNT,
    spsr_el2h = const registers::SPSR_EL2H,
    spsr_el1h = const registers::SPSR_EL1H,
    hcr_el2 = const registers::HCR_EL2,
    cnthctl_el2 = const registers::CNTHCTL_EL2,
    cptr_el2 = const registers::CPTR_EL2,
    cpacr_el1_fp = const registers::CPACR_EL1_FP,
    mair = const registers::MAIR,
    tcr_el2 = const registers::TCR_EL2,
    tcr_el1 = const registers::TCR_EL1_LOADER,
    sctlr_el2_off = const registers::SCTLR_EL2_OFF,
    sctlr_el2 = const registers::SCTLR_EL2,
    sctlr_el1_off = const registers::SCTLR_EL1_OFF,
    sctlr_el1 = const registers::SCTLR_EL1,
    identity_l1 = sym IDENTITY_L1,
    main = sym crate::main,
    secondary = sym crate::cores::secondary,
    secondaries = const crate::cores::OTHERS,
    secondary_stack_bits = const crate::cores::STACK_BITS,
    exception = sym crate::fail::exception,
);
