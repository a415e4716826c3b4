//! Number to function: the one list of what exists, in the order of the numbers. Every other number answers −ENOSYS.
//!
//! The numbers are Linux's for AArch64 (asm-generic/unistd.h); for the target each is compared with `linux-raw-sys` when this is
//! compiled. `docs/system-calls.md` is checked against this list by a test.

/// How far a call does what its man page says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Status {
    /// All of it, as far as one program alone can tell.
    Works,
    /// Part of it; the note says which.
    Partly,
}

/// One line of the table.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// The number.
    pub number: usize,
    /// The name in the manual, section 2.
    pub name: &'static str,
    /// How far it goes.
    pub status: Status,
    /// What is different, or nothing.
    pub note: &'static str,
}

/// Numbers of our own, where Linux has none.
pub const PRIVATE: usize = 0x5e14_0000;
/// `__unmapself`: unmap a range and end the thread.
pub const EXIT_UNMAP: usize = PRIVATE;

/// One more than the highest number of Linux's that the table can hold.
#[cfg(target_vendor = "sel4")]
const NUMBERS: usize = 464;

#[cfg(target_vendor = "sel4")]
mod check {
    /// Compares the table's numbers with Linux's own.
    macro_rules! numbers {
        ($($number:literal $name:ident)*) => {
            const _: () = {
                $(assert!($number == linux_raw_sys::general::${concat(__NR_, $name)});)*
            };
        };
    }
    pub(super) use numbers;
}

macro_rules! table {
    ($($number:literal $name:ident $status:ident $function:path, $note:literal;)*) => {
        /// The table's lines, for documentation.
        pub const ENTRIES: &[Entry] = &[$(Entry {
            number: $number,
            name: stringify!($name),
            status: Status::$status,
            note: $note,
        }),*];

        #[cfg(target_vendor = "sel4")]
        const FUNCTIONS: &[(usize, Function)] = &[$(($number, $function)),*];

        #[cfg(target_vendor = "sel4")]
        check::numbers! { $($number $name)* }
    };
}

table! {
    5 setxattr Partly fs::calls::attributes::no_attributes, "there are no extended attributes: EOPNOTSUPP";
    6 lsetxattr Partly fs::calls::attributes::no_attributes, "there are no extended attributes: EOPNOTSUPP";
    7 fsetxattr Partly fs::calls::attributes::no_attributes_of, "there are no extended attributes: EOPNOTSUPP";
    8 getxattr Partly fs::calls::attributes::no_attributes, "there are no extended attributes: EOPNOTSUPP";
    9 lgetxattr Partly fs::calls::attributes::no_attributes, "there are no extended attributes: EOPNOTSUPP";
    10 fgetxattr Partly fs::calls::attributes::no_attributes_of, "there are no extended attributes: EOPNOTSUPP";
    11 listxattr Partly fs::calls::attributes::no_attributes, "there are no extended attributes: EOPNOTSUPP";
    12 llistxattr Partly fs::calls::attributes::no_attributes, "there are no extended attributes: EOPNOTSUPP";
    13 flistxattr Partly fs::calls::attributes::no_attributes_of, "there are no extended attributes: EOPNOTSUPP";
    14 removexattr Partly fs::calls::attributes::no_attributes, "there are no extended attributes: EOPNOTSUPP";
    15 lremovexattr Partly fs::calls::attributes::no_attributes, "there are no extended attributes: EOPNOTSUPP";
    16 fremovexattr Partly fs::calls::attributes::no_attributes_of, "there are no extended attributes: EOPNOTSUPP";
    17 getcwd Works fs::calls::names::getcwd, "";
    19 eventfd2 Works fs::eventfd::eventfd2, "";
    20 epoll_create1 Works fs::epoll::calls::epoll_create1, "";
    21 epoll_ctl Works fs::epoll::calls::epoll_ctl, "";
    22 epoll_pwait Works fs::epoll::calls::epoll_pwait, "";
    23 dup Works fs::calls::descriptors::dup, "";
    24 dup3 Works fs::calls::descriptors::dup3, "";
    25 fcntl Partly fs::calls::descriptors::fcntl, "descriptor and status flags, duplicates, locks of ranges, sizes of pipes; no leases, no signals, no seals";
    29 ioctl Partly fs::calls::descriptors::ioctl, "terminals, FIONREAD";
    32 flock Partly fs::calls::locks::flock, "of files of bytes and directories";
    33 mknodat Works fs::calls::names::mknodat, "";
    34 mkdirat Works fs::calls::names::mkdirat, "";
    35 unlinkat Works fs::calls::names::unlinkat, "";
    36 symlinkat Works fs::calls::names::symlinkat, "";
    37 linkat Works fs::calls::names::linkat, "";
    38 renameat Works fs::calls::names::renameat, "";
    43 statfs Works fs::calls::attributes::statfs, "";
    44 fstatfs Works fs::calls::attributes::fstatfs, "";
    45 truncate Works fs::calls::space::truncate, "";
    46 ftruncate Works fs::calls::space::ftruncate, "";
    47 fallocate Partly fs::calls::space::fallocate, "FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, FALLOC_FL_ZERO_RANGE";
    48 faccessat Works fs::calls::attributes::faccessat, "";
    49 chdir Works fs::calls::names::chdir, "";
    50 fchdir Works fs::calls::names::fchdir, "";
    51 chroot Works fs::calls::names::chroot, "";
    52 fchmod Works fs::calls::attributes::fchmod, "";
    53 fchmodat Works fs::calls::attributes::fchmodat, "";
    54 fchownat Works fs::calls::attributes::fchownat, "";
    55 fchown Works fs::calls::attributes::fchown, "";
    56 openat Partly fs::calls::names::openat, "O_ASYNC, O_DIRECT, O_NOATIME and O_SYNC are accepted and change nothing";
    57 close Works fs::calls::descriptors::close, "";
    59 pipe2 Partly fs::pipe::pipe2, "no O_DIRECT";
    61 getdents64 Works fs::calls::transfer::getdents64, "";
    62 lseek Works fs::calls::transfer::lseek, "";
    63 read Works fs::calls::transfer::read, "";
    64 write Works fs::calls::transfer::write, "";
    65 readv Works fs::calls::transfer::readv, "";
    66 writev Works fs::calls::transfer::writev, "";
    67 pread64 Works fs::calls::transfer::pread, "";
    68 pwrite64 Works fs::calls::transfer::pwrite, "";
    69 preadv Works fs::calls::transfer::preadv, "";
    70 pwritev Works fs::calls::transfer::pwritev, "";
    71 sendfile Works fs::calls::between::sendfile, "";
    72 pselect6 Works fs::poll::pselect6, "";
    73 ppoll Works fs::poll::ppoll, "";
    75 vmsplice Works fs::calls::between::vmsplice, "";
    76 splice Partly fs::calls::between::splice, "not with the console or a counter";
    77 tee Works fs::calls::between::tee, "";
    78 readlinkat Works fs::calls::names::readlinkat, "";
    79 newfstatat Works fs::calls::attributes::newfstatat, "";
    80 fstat Works fs::calls::attributes::fstat, "";
    81 sync Works fs::calls::space::sync, "";
    82 fsync Works fs::calls::space::fsync, "";
    83 fdatasync Works fs::calls::space::fsync, "";
    84 sync_file_range Works fs::calls::space::advice, "";
    85 timerfd_create Partly fs::timerfd::open::timerfd_create, "no clocks that wake a sleeping machine";
    86 timerfd_settime Works fs::timerfd::open::timerfd_settime, "";
    87 timerfd_gettime Works fs::timerfd::open::timerfd_gettime, "";
    88 utimensat Works fs::calls::attributes::utimensat, "";
    93 exit Works thread::exit::exit, "";
    94 exit_group Works thread::exit::exit_group, "";
    96 set_tid_address Works thread::identity::set_tid_address, "";
    98 futex Partly thread::futex_calls::futex, "no priority inheritance, no WAKE_OP";
    99 set_robust_list Works thread::futex_calls::set_robust_list, "";
    100 get_robust_list Partly thread::futex_calls::get_robust_list, "of the calling thread";
    101 nanosleep Works time::calls::nanosleep, "";
    112 clock_settime Partly time::calls::clock_settime, "CLOCK_REALTIME; the board's clock is not set";
    113 clock_gettime Partly time::calls::clock_gettime, "no processor-time clocks";
    114 clock_getres Partly time::calls::clock_getres, "no processor-time clocks";
    115 clock_nanosleep Partly time::calls::clock_nanosleep, "no processor-time clocks";
    118 sched_setparam Works thread::identity::sched_setparam, "";
    119 sched_setscheduler Partly thread::identity::sched_setscheduler, "SCHED_OTHER, SCHED_BATCH, SCHED_RR: seL4 always gives time slices";
    120 sched_getscheduler Works thread::identity::sched_getscheduler, "";
    121 sched_getparam Works thread::identity::sched_getparam, "";
    122 sched_setaffinity Works thread::affinity::sched_setaffinity, "";
    123 sched_getaffinity Works thread::affinity::sched_getaffinity, "";
    124 sched_yield Works thread::identity::sched_yield, "";
    125 sched_get_priority_max Works thread::identity::sched_get_priority_max, "";
    126 sched_get_priority_min Works thread::identity::sched_get_priority_min, "";
    129 kill Partly signal::calls::kill, "signals that stop a program are without effect; real-time signals are not queued";
    130 tkill Partly signal::calls::tkill, "signals that stop a program are without effect; real-time signals are not queued";
    131 tgkill Partly signal::calls::tgkill, "signals that stop a program are without effect; real-time signals are not queued";
    132 sigaltstack Works signal::calls::sigaltstack, "";
    133 rt_sigsuspend Works signal::calls::rt_sigsuspend, "";
    134 rt_sigaction Works signal::calls::rt_sigaction, "";
    135 rt_sigprocmask Works signal::calls::rt_sigprocmask, "";
    136 rt_sigpending Works signal::calls::rt_sigpending, "";
    137 rt_sigtimedwait Partly signal::calls::rt_sigtimedwait, "real-time signals are not queued";
    139 rt_sigreturn Works signal::calls::rt_sigreturn, "";
    155 getpgid Partly thread::identity::own_group, "one process";
    156 getsid Partly thread::identity::own_group, "one process";
    160 uname Works thread::identity::uname, "";
    166 umask Works fs::calls::names::umask, "";
    167 prctl Partly thread::identity::prctl, "PR_SET_NAME, PR_GET_NAME";
    168 getcpu Works thread::affinity::getcpu, "";
    169 gettimeofday Works time::calls::gettimeofday, "";
    172 getpid Works thread::identity::getpid, "";
    173 getppid Works thread::identity::zero, "";
    174 getuid Works thread::identity::zero, "";
    175 geteuid Works thread::identity::zero, "";
    176 getgid Works thread::identity::zero, "";
    177 getegid Works thread::identity::zero, "";
    178 gettid Works thread::identity::gettid, "";
    213 readahead Works fs::calls::space::advice, "";
    214 brk Works mm::calls::brk, "";
    215 munmap Works mm::calls::munmap, "";
    216 mremap Partly mm::remap::mremap, "no MREMAP_DONTUNMAP";
    220 clone Partly thread::clone::clone, "threads; no second process";
    222 mmap Partly mm::calls::mmap, "no page is writable and executable; a private mapping of a file is a copy, made at once";
    223 fadvise64 Works fs::calls::space::advice, "";
    226 mprotect Partly mm::calls::mprotect, "no page is writable and executable";
    227 msync Works mm::advice::msync, "";
    228 mlock Works mm::advice::mlock, "";
    229 munlock Works mm::advice::munlock, "";
    232 mincore Works mm::advice::mincore, "";
    233 madvise Partly mm::advice::madvise, "advice about processes is accepted and has nothing to act on";
    261 prlimit64 Partly thread::identity::prlimit64, "the number of descriptors; other limits are told, and nothing is held to new ones";
    267 syncfs Works fs::calls::space::fsync, "";
    276 renameat2 Partly fs::calls::names::renameat2, "RENAME_NOREPLACE, RENAME_EXCHANGE";
    278 getrandom Works random::getrandom, "";
    279 memfd_create Partly fs::calls::names::memfd_create, "no seals, no huge pages";
    285 copy_file_range Works fs::calls::between::copy_file_range, "";
    286 preadv2 Partly fs::calls::transfer::preadv2, "RWF_HIPRI, RWF_SYNC, RWF_DSYNC";
    287 pwritev2 Partly fs::calls::transfer::pwritev2, "RWF_HIPRI, RWF_SYNC, RWF_DSYNC";
    291 statx Works fs::calls::attributes::statx, "";
    436 close_range Works fs::calls::descriptors::close_range, "";
    439 faccessat2 Works fs::calls::attributes::faccessat2, "";
    441 epoll_pwait2 Works fs::epoll::calls::epoll_pwait2, "";
    452 fchmodat2 Works fs::calls::attributes::fchmodat2, "";
}

#[cfg(target_vendor = "sel4")]
use crate::{fs, mm, random, signal, thread, time};
#[cfg(target_vendor = "sel4")]
pub use dispatch::Function;

#[cfg(target_vendor = "sel4")]
mod dispatch {
    use super::{EXIT_UNMAP, FUNCTIONS, NUMBERS, PRIVATE};
    use crate::errno::{self, Errno, SysResult};
    use crate::program;
    use crate::thread::{Thread, exit};

    /// What every call is: the calling thread and six words to a result.
    pub type Function = fn(&Thread, [usize; 6]) -> SysResult;

    fn unknown(_: &Thread, _: [usize; 6]) -> SysResult {
        Err(Errno::ENOSYS)
    }

    static BY_NUMBER: [Function; NUMBERS] = {
        let mut by_number: [Function; NUMBERS] = [unknown; NUMBERS];
        let mut line = 0;
        while line < FUNCTIONS.len() {
            by_number[FUNCTIONS[line].0] = FUNCTIONS[line].1;
            line += 1;
        }
        by_number
    };

    /// Called by entry.S on the thread's kernel stack.
    #[unsafe(no_mangle)]
    extern "C" fn muslcsys_dispatch(
        number: usize,
        a: usize,
        b: usize,
        c: usize,
        d: usize,
        e: usize,
        f: usize,
        thread: &Thread,
    ) -> isize {
        let function = match BY_NUMBER.get(number) {
            Some(&function) => function,
            None if number == EXIT_UNMAP => exit::exit_unmap,
            None => program::call(number.wrapping_sub(PRIVATE)),
        };
        let arguments = [a, b, c, d, e, f];
        let result = function(thread, arguments);
        if result == Err(Errno::EINTR) {
            thread.interrupted_call.set(Some((number, arguments)));
        }
        errno::to_word(result)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::{ENTRIES, Status};
    use std::fmt::Write;

    /// docs/system-calls.md as it must be.
    fn page() -> String {
        let mut page = String::from(
            "# System calls\n\n\
             What stands behind each of Linux's system calls on AArch64, by number. This page is written from the table in\n\
             `crates/muslcsys/src/table.rs`, and `cargo test -p muslcsys` fails when the two differ; with `UPDATE_DOCS=1` it\n\
             writes the page anew.\n\n\
             - **works**: all that the man page says, as far as one program alone can tell.\n\
             - **partly**: the note says which part, or what is different.\n\
             - Every number that is not listed answers −ENOSYS.\n\n\
             | number | call | | note |\n|---:|---|---|---|\n",
        );
        for entry in ENTRIES {
            let status = match entry.status {
                Status::Works => "works",
                Status::Partly => "partly",
            };
            writeln!(page, "| {} | {} | {status} | {} |", entry.number, entry.name, entry.note).unwrap();
        }
        page
    }

    #[test]
    fn the_page_is_the_table() {
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/system-calls.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(file, page()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(file).unwrap_or_default(), page());
    }

    #[test]
    fn in_the_order_of_the_numbers_and_each_once() {
        assert!(ENTRIES.is_sorted_by(|a, b| a.number < b.number));
        assert!(!ENTRIES.is_empty());
    }

    #[test]
    fn what_works_partly_says_what_is_missing() {
        for entry in ENTRIES {
            assert_eq!(entry.note.is_empty(), entry.status == Status::Works, "{}", entry.name);
        }
    }
}
