//! The Rust part of a program in C.

use std::ffi::{CStr, CString, c_char};
use std::{ptr, thread};

/// A greeting for `name`, to be given back with `greeting_free`; NULL if `name` is not UTF-8.
///
/// # Safety
///
/// `name` is a C string.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn greeting_for(name: *const c_char) -> *mut c_char {
    // SAFETY: the caller promises a C string.
    let Ok(name) = unsafe { CStr::from_ptr(name) }.to_str() else {
        return ptr::null_mut();
    };
    let text = thread::scope(|scope| scope.spawn(|| format!("Hello, {name}, from a thread of Rust on seL4")).join());
    text.ok().and_then(|text| CString::new(text).ok()).map_or(ptr::null_mut(), CString::into_raw)
}

/// Gives a greeting back.
///
/// # Safety
///
/// `text` comes from `greeting_for` and is not used afterwards.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn greeting_free(text: *mut c_char) {
    // SAFETY: the caller promises that `into_raw` made it.
    drop(unsafe { CString::from_raw(text) });
}
