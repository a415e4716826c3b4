//! Linux's error numbers, as calls return them: negated, in the register of the result.
//!
//! Source of the numbers: Linux's `asm-generic/errno-base.h` and `asm-generic/errno.h`, through the crate `linux-raw-sys`.

use linux_raw_sys::errno;

/// One of Linux's error numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(u16);

/// What every system call gives: a value that is not negative as `isize`, or an error.
pub type SysResult = Result<usize, Errno>;

macro_rules! names {
    ($($name:ident)*) => {
        impl Errno {
            $(#[doc = concat!("Linux's `", stringify!($name), "`.")]
            pub const $name: Errno = Errno(errno::$name as u16);)*
        }
    };
}

names! {
    EPERM ENOENT ESRCH EINTR EIO ENXIO E2BIG EBADF ECHILD EAGAIN ENOMEM EACCES EFAULT EBUSY EEXIST EXDEV ENODEV ENOTDIR EISDIR
    EINVAL EMFILE ENOTTY ETXTBSY EFBIG ENOSPC ESPIPE EROFS EMLINK EPIPE EDOM ERANGE EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY
    ELOOP ENODATA EOVERFLOW EOPNOTSUPP ETIMEDOUT EAFNOSUPPORT ECANCELED
}

impl Errno {
    /// The word a caller of Linux sees for this error.
    pub const fn to_word(self) -> isize {
        -(self.0 as isize)
    }
}

/// A call's result as the one word that goes back to muslc.
pub fn to_word(result: SysResult) -> isize {
    match result {
        Ok(value) => value as isize,
        Err(error) => error.to_word(),
    }
}
