//! The two phases of an exception, forced unwinding, and the walk of a backtrace.

use crate::abi::*;
use crate::context::{Context, RETURN, STACK, resume, with_context};
use crate::tables::{Function, OnStack, Tables};
use core::ffi::{c_int, c_void};
use gimli::UnwindContext;

/// The version of the ABI that personality routines are told.
const VERSION: c_int = 1;

/// A walk from frame to frame.
struct Walk<'a> {
    tables: Tables,
    room: UnwindContext<usize, OnStack>,
    context: &'a mut Context,
    interrupted: bool,
}

impl<'a> Walk<'a> {
    fn new(context: &'a mut Context) -> Option<Self> {
        Some(Self { tables: Tables::find().ok()?, room: UnwindContext::new_in(), context, interrupted: false })
    }

    /// An address in the frame's function: a call may be its last instruction, so it is the call's own.
    fn address(&self) -> usize {
        self.context.get(RETURN).wrapping_sub(usize::from(!self.interrupted))
    }

    /// The frame's function; `None` behind the outermost frame that tables tell about.
    fn function(&self) -> Option<Function> {
        if self.context.get(RETURN) == 0 { None } else { self.tables.function(self.address()) }
    }

    fn frame(&mut self, function: Option<Function>) -> Frame<'_> {
        Frame { function, context: self.context, interrupted: self.interrupted }
    }

    /// What tells this frame from others. An interrupted one may have the stack pointer of the handler's caller.
    fn identity(&self) -> usize {
        self.context.get(STACK).wrapping_sub(usize::from(self.interrupted))
    }

    /// On to the caller; `false` where the tables cannot be followed.
    fn step(&mut self, function: &Function) -> bool {
        let address = self.address();
        let done = self.tables.step(function, address, self.interrupted, self.context, &mut self.room);
        self.interrupted = function.is_signal_trampoline();
        done.is_ok()
    }
}

/// Calls a function's personality routine for a frame; `CONTINUE_UNWIND` where there is none.
///
/// # Safety
/// The exception is one that is being raised.
unsafe fn ask(
    walk: &mut Walk<'_>,
    function: Function,
    action: Action,
    exception: *mut Exception,
) -> (Reason, Function) {
    let Some(personality) = function.personality() else { return (CONTINUE_UNWIND, function) };
    let mut frame = walk.frame(Some(function));
    // SAFETY: the tables name the function of its language that has this type; the exception is the caller's.
    let reason = unsafe {
        let personality = core::mem::transmute::<usize, Personality>(personality);
        personality(VERSION, action, (*exception).class, exception, &mut frame)
    };
    (reason, frame.function.expect("a personality routine leaves the function alone"))
}

/// Looks for the frame that catches the exception, then goes there.
unsafe extern "C" fn raise(exception: *mut Exception, saved: &mut Context) -> Reason {
    let mut context = *saved;
    let Some(mut walk) = Walk::new(&mut context) else { return FATAL_PHASE1_ERROR };
    loop {
        let Some(function) = walk.function() else { return END_OF_STACK };
        // SAFETY: the caller raises this exception.
        let (reason, function) = unsafe { ask(&mut walk, function, SEARCH_PHASE, exception) };
        match reason {
            HANDLER_FOUND => break,
            CONTINUE_UNWIND if walk.step(&function) => {}
            _ => return FATAL_PHASE1_ERROR,
        }
    }
    // SAFETY: as above; the words are this library's own.
    unsafe {
        (*exception).stop = None;
        (*exception).target = walk.identity();
    }
    clean_up(exception, saved)
}

/// Goes to the frame that the first phase found, or to the next landing pad before it. Returns only if it cannot.
fn clean_up(exception: *mut Exception, context: &mut Context) -> Reason {
    let Some(mut walk) = Walk::new(context) else { return FATAL_PHASE2_ERROR };
    // SAFETY: the exception is being raised.
    let target = unsafe { (*exception).target };
    loop {
        let Some(function) = walk.function() else { return FATAL_PHASE2_ERROR };
        let catches = walk.identity() == target;
        let action = CLEANUP_PHASE | if catches { HANDLER_FRAME } else { 0 };
        // SAFETY: as above.
        let (reason, function) = unsafe { ask(&mut walk, function, action, exception) };
        match reason {
            // SAFETY: the personality routine set the landing pad of this frame.
            INSTALL_CONTEXT => unsafe { resume(walk.context) },
            CONTINUE_UNWIND if !catches && walk.step(&function) => {}
            _ => return FATAL_PHASE2_ERROR,
        }
    }
}

/// Leaves frames for as long as the exception's `stop` lets it. Returns only if it cannot go on.
fn force(exception: *mut Exception, context: &mut Context) -> Reason {
    // SAFETY: the exception is being raised.
    let (Some(stop), argument, class) = (unsafe { ((*exception).stop, (*exception).target, (*exception).class) })
    else {
        return FATAL_PHASE2_ERROR;
    };
    let Some(mut walk) = Walk::new(context) else { return FATAL_PHASE2_ERROR };
    loop {
        let function = walk.function();
        let end = if function.is_none() { END_OF_STACK_REACHED } else { 0 };
        let mut frame = walk.frame(function);
        // SAFETY: the function was given for this with its argument.
        let reason = unsafe {
            stop(VERSION, FORCE_UNWIND | CLEANUP_PHASE | end, class, exception, &mut frame, argument as *mut c_void)
        };
        let function = frame.function;
        if reason != NO_REASON {
            return FATAL_PHASE2_ERROR;
        }
        let Some(function) = function else { return END_OF_STACK };
        // SAFETY: as above.
        let (reason, function) = unsafe { ask(&mut walk, function, FORCE_UNWIND | CLEANUP_PHASE, exception) };
        match reason {
            // SAFETY: the personality routine set the landing pad of this frame.
            INSTALL_CONTEXT => unsafe { resume(walk.context) },
            CONTINUE_UNWIND if walk.step(&function) => {}
            _ => return FATAL_PHASE2_ERROR,
        }
    }
}

unsafe extern "C" fn begin_forced(
    exception: *mut Exception,
    stop: Stop,
    argument: *mut c_void,
    context: &mut Context,
) -> Reason {
    // SAFETY: the caller raises this exception; the words are this library's own.
    unsafe {
        (*exception).stop = Some(stop);
        (*exception).target = argument as usize;
    }
    force(exception, context)
}

unsafe extern "C" fn go_on(exception: *mut Exception, context: &mut Context) -> Reason {
    // SAFETY: the exception is being raised: a landing pad ends with it.
    match unsafe { (*exception).stop } {
        None => clean_up(exception, context),
        Some(_) => force(exception, context),
    };
    // There is nowhere to go back to: the landing pad is over.
    panic!()
}

unsafe extern "C" fn go_on_or_raise(exception: *mut Exception, context: &mut Context) -> Reason {
    // SAFETY: as for `go_on`.
    match unsafe { (*exception).stop } {
        // SAFETY: the caller raises the exception again.
        None => unsafe { raise(exception, context) },
        Some(_) => force(exception, context),
    }
}

unsafe extern "C" fn trace_frames(trace: Trace, argument: *mut c_void, context: &mut Context) -> Reason {
    let Some(mut walk) = Walk::new(context) else { return FATAL_PHASE1_ERROR };
    loop {
        let function = walk.function();
        let frame = walk.frame(function);
        // SAFETY: the function was given for this with its argument.
        if unsafe { trace(&frame, argument) } != NO_REASON {
            return FATAL_PHASE1_ERROR;
        }
        let Some(function) = frame.function else { return END_OF_STACK };
        if !walk.step(&function) {
            return FATAL_PHASE1_ERROR;
        }
    }
}

with_context! {
    /// Raises an exception; returns only if no frame catches it, or if the tables cannot be followed.
    ///
    /// # Safety
    /// The exception stays where it is until it is caught and deleted.
    _Unwind_RaiseException(exception: *mut Exception) -> Reason = raise, "x1"
}
with_context! {
    /// Leaves all frames up to where `stop` ends it.
    ///
    /// # Safety
    /// As for [`_Unwind_RaiseException`]; `stop` can be called with `argument`.
    _Unwind_ForcedUnwind(exception: *mut Exception, stop: Stop, argument: *mut c_void) -> Reason = begin_forced, "x3"
}
with_context! {
    /// What a landing pad ends with that does not catch.
    ///
    /// # Safety
    /// The exception is the one that the landing pad was given.
    _Unwind_Resume(exception: *mut Exception) -> Reason = go_on, "x1"
}
with_context! {
    /// Raises an exception again that was caught.
    ///
    /// # Safety
    /// As for [`_Unwind_RaiseException`].
    _Unwind_Resume_or_Rethrow(exception: *mut Exception) -> Reason = go_on_or_raise, "x1"
}
with_context! {
    /// Tells `trace` each frame, from the caller's on, until it gives something else than zero.
    ///
    /// # Safety
    /// `trace` can be called with `argument`.
    _Unwind_Backtrace(trace: Trace, argument: *mut c_void) -> Reason = trace_frames, "x2"
}
