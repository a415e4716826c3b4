//! A component as a user writes it: a text that Rust makes and C prints.

use std::ffi::{CStr, CString, c_char};
use std::ptr;

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
    CString::new(format!("Hello, {name}, from Rust on seL4")).map_or(ptr::null_mut(), CString::into_raw)
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
