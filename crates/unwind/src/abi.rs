//! Names and layouts of the Itanium C++ ABI for exceptions, level 1, and the accessors that personality routines call.

use crate::context::{Context, RETURN, STACK};
use crate::tables::{Function, Tables};
use core::ffi::{c_int, c_void};

/// What came of a step (`_Unwind_Reason_Code`).
pub type Reason = c_int;
/// Nothing to say.
pub const NO_REASON: Reason = 0;
/// Somebody else's exception was caught.
pub const FOREIGN_EXCEPTION_CAUGHT: Reason = 1;
/// The second phase failed.
pub const FATAL_PHASE2_ERROR: Reason = 2;
/// The first phase failed.
pub const FATAL_PHASE1_ERROR: Reason = 3;
/// There are no more frames.
pub const END_OF_STACK: Reason = 5;
/// This frame catches it.
pub const HANDLER_FOUND: Reason = 6;
/// Go on in this frame, at the place that was set.
pub const INSTALL_CONTEXT: Reason = 7;
/// Not this frame's affair.
pub const CONTINUE_UNWIND: Reason = 8;

/// What a personality routine is called for (`_Unwind_Action`).
pub type Action = c_int;
/// Looking for a frame that catches.
pub const SEARCH_PHASE: Action = 1;
/// Cleaning up on the way there.
pub const CLEANUP_PHASE: Action = 2;
/// This is the frame that catches.
pub const HANDLER_FRAME: Action = 4;
/// No frame catches: everything is to be left.
pub const FORCE_UNWIND: Action = 8;
/// There are no more frames.
pub const END_OF_STACK_REACHED: Action = 16;

/// A language's routine for its frames.
pub type Personality = unsafe extern "C" fn(c_int, Action, u64, *mut Exception, &mut Frame<'_>) -> Reason;
/// Decides how far a forced unwinding goes.
pub type Stop = unsafe extern "C" fn(c_int, Action, u64, *mut Exception, &mut Frame<'_>, *mut c_void) -> Reason;
/// Is told each frame of a backtrace.
pub type Trace = unsafe extern "C" fn(&Frame<'_>, *mut c_void) -> Reason;
/// Deletes an exception of another language.
pub type Cleanup = unsafe extern "C" fn(Reason, *mut Exception);

/// The head of every exception (`_Unwind_Exception`).
#[repr(C, align(16))]
pub struct Exception {
    /// Whose it is.
    pub class: u64,
    /// How another language deletes it.
    pub cleanup: Option<Cleanup>,
    /// Set while unwinding is forced.
    pub stop: Option<Stop>,
    /// The stack pointer in the frame that catches; or what `stop` is called with.
    pub target: usize,
}

/// A frame as personality routines see it (`_Unwind_Context`).
pub struct Frame<'a> {
    /// Its function; none where the tables end.
    pub function: Option<Function>,
    /// Its registers; x30 is where it goes on.
    pub context: &'a mut Context,
    /// Whether it was interrupted by a signal.
    pub interrupted: bool,
}

/// A general register's value.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_GetGR(frame: &Frame<'_>, register: c_int) -> usize {
    frame.context.get(register as u16)
}

/// Sets a general register for the landing pad.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_SetGR(frame: &mut Frame<'_>, register: c_int, value: usize) {
    frame.context.set(register as u16, value);
}

/// Where the frame goes on.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_GetIP(frame: &Frame<'_>) -> usize {
    frame.context.get(RETURN)
}

/// Where the frame goes on, and whether that is the instruction that was interrupted rather than the one after a call.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_GetIPInfo(frame: &Frame<'_>, is_before: &mut c_int) -> usize {
    *is_before = frame.interrupted.into();
    frame.context.get(RETURN)
}

/// Sets where the frame goes on.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_SetIP(frame: &mut Frame<'_>, address: usize) {
    frame.context.set(RETURN, address);
}

/// The stack pointer in the frame.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_GetCFA(frame: &Frame<'_>) -> usize {
    frame.context.get(STACK)
}

/// The language's data for the frame's function; null if it has none.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_GetLanguageSpecificData(frame: &Frame<'_>) -> *mut c_void {
    frame.function.as_ref().map_or(0, Function::data) as *mut c_void
}

/// The first address of the frame's function; zero where the tables end.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_GetRegionStart(frame: &Frame<'_>) -> usize {
    frame.function.as_ref().map_or(0, Function::start)
}

/// What pointers that are relative to the text are relative to.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_GetTextRelBase(_: &Frame<'_>) -> usize {
    crate::tables::text_start()
}

/// What pointers that are relative to the data are relative to: AArch64 has none.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_GetDataRelBase(_: &Frame<'_>) -> usize {
    0
}

/// The first address of the function that an address is in; null if there is none.
#[unsafe(no_mangle)]
pub extern "C" fn _Unwind_FindEnclosingFunction(address: *const c_void) -> *mut c_void {
    let function = Tables::find().ok().and_then(|tables| tables.function((address as usize).wrapping_sub(1)));
    function.map_or(0, |function| function.start()) as *mut c_void
}

/// Deletes an exception that was caught by another language.
///
/// # Safety
/// The exception is the caller's, who does not use it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn _Unwind_DeleteException(exception: *mut Exception) {
    // SAFETY: the caller's promise; its owner's function takes it over.
    unsafe {
        if let Some(cleanup) = (*exception).cleanup {
            cleanup(FOREIGN_EXCEPTION_CAUGHT, exception);
        }
    }
}
