//! What goes from thread to thread by way of descriptors.

use crate::{Ctx, Res, es, spawn};
use std::io::{self, Read, Write};
use std::time::Instant;

/// One-byte round trips: `a` here, `b` in another thread.
fn ping_pong<A, B>(n: u64, mut a: A, mut b: B) -> Res
where A: Read + Write, B: Read + Write + Send + 'static {
    let h = spawn(move || -> io::Result<()> {
        let mut x = [0u8; 1];
        for _ in 0..n + 1 { b.read_exact(&mut x)?; b.write_all(&x)?; }
        Ok(())
    })?;
    let mut x = [7u8; 1];
    a.write_all(&x).map_err(es)?;
    a.read_exact(&mut x).map_err(es)?; // the peer is now running
    let t = Instant::now();
    for _ in 0..n {
        a.write_all(&x).map_err(es)?;
        a.read_exact(&mut x).map_err(es)?;
    }
    let d = t.elapsed();
    h.join().map_err(|_| "a thread panicked")?.map_err(es)?;
    Ok((n, d))
}

struct Duplex<R, W>(R, W);
impl<R: Read, W> Read for Duplex<R, W> {
    fn read(&mut self, b: &mut [u8]) -> io::Result<usize> { self.0.read(b) }
}
impl<R, W: Write> Write for Duplex<R, W> {
    fn write(&mut self, b: &[u8]) -> io::Result<usize> { self.1.write(b) }
    fn flush(&mut self) -> io::Result<()> { self.1.flush() }
}

pub fn streams(c: &Ctx) {
    c.custom("pipe_ping_pong_1B_rt", 1_000, |n| {
        let ((r1, w1), (r2, w2)) = (io::pipe().map_err(es)?, io::pipe().map_err(es)?);
        ping_pong(n, Duplex(r2, w1), Duplex(r1, w2))
    });
    // Not measured on Linux: what of the above is no waiting.
    c.custom("pipe_write_read_1B_alone", 10_000, |n| {
        let (mut r, mut w) = io::pipe().map_err(es)?;
        let mut x = [7u8; 1];
        let t = Instant::now();
        for _ in 0..n {
            w.write_all(&x).map_err(es)?;
            r.read_exact(&mut x).map_err(es)?;
        }
        Ok((n, t.elapsed()))
    });
}
