//! The calls that name a file by its path.

use crate::errno::{Errno, SysResult};
use crate::start;
use crate::thread::Thread;
use crate::uaccess;

/// openat(2) and every other call that names a file by `[directory, path, …]`: there are none. Errors: EFAULT, ENOENT.
pub fn no_such_file(_: &Thread, [_, path, ..]: [usize; 6]) -> SysResult {
    uaccess::read::<u8>(path)?;
    Err(Errno::ENOENT)
}

/// The one link there is, to the program itself: std's `current_exe` asks for it (proc_pid_exe(5)).
const SELF: &[u8] = b"/proc/self/exe\0";

/// readlinkat(2): `[directory, path, buffer, bytes]`: the program is `/` and the last part of its argv[0]. Errors: EFAULT,
/// EINVAL, ENOENT.
pub fn readlinkat(thread: &Thread, arguments @ [_, path, buffer, bytes, ..]: [usize; 6]) -> SysResult {
    for (index, &expected) in SELF.iter().enumerate() {
        if uaccess::read::<u8>(path.wrapping_add(index))? != expected {
            return no_such_file(thread, arguments);
        }
    }
    if bytes as i32 <= 0 {
        return Err(Errno::EINVAL);
    }
    let name = start::name().to_bytes();
    let name = name.rsplit(|&byte| byte == b'/').next().unwrap_or(name);
    // Cut without a sign that it was, as Linux does.
    uaccess::copy_out(buffer, b"/")?;
    let rest = name.len().min(bytes - 1);
    uaccess::copy_out(buffer.wrapping_add(1), &name[..rest])?;
    Ok(1 + rest)
}

/// getcwd(2): `[buffer, bytes]`: always the root. Errors: ERANGE, EFAULT.
pub fn getcwd(_: &Thread, [buffer, bytes, ..]: [usize; 6]) -> SysResult {
    if bytes < 2 {
        return Err(Errno::ERANGE);
    }
    uaccess::copy_out(buffer, b"/\0")?;
    Ok(2)
}
