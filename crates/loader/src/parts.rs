//! The payload's parts: checked, measured, loaded.

use loader::page_table::{Half, Window};
use payload::elf::{Program, Rules};
use payload::image::Payload;
use payload::params;
use payload::placement::{self, Placement};
use payload::span::Span;

use crate::fail::Error;
use crate::{enter, memory};

/// The parts of a payload that passed every check.
pub struct Parts<'a> {
    kernel: Program<'a>,
    root_task: Program<'a>,
    params: &'a [u8],
    dtb: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Makes the checks.
    ///
    /// # Errors
    /// [`Error`] with the part's name.
    pub fn check(payload: &Payload<'a>) -> Result<Self, Error> {
        Ok(Self {
            kernel: Program::check(payload.kernel, &Rules::KERNEL).map_err(Error::Kernel)?,
            root_task: Program::check(payload.root_task, &Rules::ROOT_TASK).map_err(Error::RootTask)?,
            params: params::parse(payload.params).map_err(Error::Params)?.block(),
            dtb: payload.dtb,
        })
    }

    /// What a placement is planned from.
    pub fn sizes(&self, loader: Span, payload: Span) -> placement::Parts {
        placement::Parts {
            kernel: self.kernel.phys(),
            loader,
            payload,
            dtb_len: self.dtb.len() as u64,
            root_task_len: self.root_task.pages().len() + self.params.len() as u64,
        }
    }

    /// Where a kernel for `cores` cores is mapped.
    ///
    /// # Errors
    /// [`Error::Window`], and [`Error::NeedsEl2`] for a kernel that the present level cannot run.
    pub fn window(&self, cores: u8) -> Result<Window, Error> {
        let window = Window::of(&self.kernel).map_err(Error::Window)?.for_cores(cores);
        if window.half == Half::Lower && enter::level() != 2 { Err(Error::NeedsEl2) } else { Ok(window) }
    }

    /// Puts every part where `placement` says, the boot parameters directly behind the root task.
    ///
    /// # Safety
    /// Nobody uses those places, and the payload is not in them.
    pub unsafe fn load(&self, placement: &Placement) {
        // SAFETY: the caller's promise; a kernel's segments are all at one distance from their virtual addresses, so
        // its place is its physical addresses.
        unsafe { memory::load(&self.kernel, self.kernel.virt(), self.kernel.phys()) };
        // SAFETY: the caller's promise.
        unsafe { memory::copy(placement.dtb.start(), self.dtb) };
        let pages = self.root_task.pages();
        // SAFETY: the caller's promise; the place has room for the root task's pages and the boot parameters.
        unsafe {
            memory::load(&self.root_task, pages, placement.root_task);
            memory::copy(placement.root_task.start() + pages.len(), self.params);
        }
    }

    /// Virtual address of the kernel's first instruction.
    pub fn kernel_entry(&self) -> u64 {
        self.kernel.entry()
    }

    /// Where the kernel is in physical memory.
    pub fn kernel_place(&self) -> Span {
        self.kernel.phys()
    }

    /// What the kernel is entered with in x0 to x5, see [`enter::Entry`].
    pub fn arguments(&self, placement: &Placement) -> [u64; 6] {
        let place = placement.root_task;
        let offset = place.start().wrapping_sub(self.root_task.pages().start());
        let dtb = if self.dtb.is_empty() { 0 } else { placement.dtb.start() };
        [place.start(), place.end(), offset, self.root_task.entry(), dtb, self.dtb.len() as u64]
    }
}
