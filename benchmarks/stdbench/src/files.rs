//! Files in memory, and devices that take everything.

use crate::{Ctx, es};
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{self, LineWriter, Read, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;

fn tmp(name: &str) -> PathBuf { std::env::temp_dir().join(format!("stdbench-{name}")) }

pub fn files(c: &Ctx) {
    let line = "0123456789".repeat(8);
    let line = &line[..79]; // with the newline, 80 bytes
    c.custom("writeln_80B_devnull_file", 5_000, |n| {
        let mut f = LineWriter::new(fs::OpenOptions::new().write(true).open("/dev/null").map_err(es)?);
        let t = Instant::now();
        for _ in 0..n { writeln!(f, "{line}").map_err(es)?; }
        Ok((n, t.elapsed()))
    });
    let (p, page) = (tmp("f"), vec![9u8; 4096]);
    c.fallible("file_create_write4K_read_unlink", 300, |_| {
        File::create(&p)?.write_all(&page)?;
        let mut b = [0u8; 4096];
        File::open(&p)?.read_exact(&mut b)?;
        black_box(&b);
        fs::remove_file(&p)
    });
    c.fallible("file_create_unlink", 300, |_| { drop(File::create(&p)?); fs::remove_file(&p) });
    let (big, chunk) = (tmp("big"), vec![9u8; 65536]);
    c.custom("file_seq_write_1MiB", 8, |n| {
        let mut d = Duration::ZERO;
        for _ in 0..n {
            let mut f = File::create(&big).map_err(es)?; // truncated, so every page is new
            let t = Instant::now();
            for _ in 0..MIB / chunk.len() { f.write_all(&chunk).map_err(es)?; }
            d += t.elapsed();
        }
        Ok((n, d))
    });
    c.custom("file_seq_read_1MiB", 8, |n| {
        fs::write(&big, vec![1u8; MIB]).map_err(es)?;
        let (mut d, mut b) = (Duration::ZERO, vec![0u8; 65536]);
        for _ in 0..n {
            let mut f = File::open(&big).map_err(es)?;
            let t = Instant::now();
            for _ in 0..MIB / b.len() { f.read_exact(&mut b).map_err(es)?; }
            d += t.elapsed();
        }
        Ok((n, d))
    });
    c.fallible("file_stat", 5_000, |_| { black_box(fs::metadata(&big)?); Ok(()) });
    c.fallible("file_open_close", 2_000, |_| { black_box(File::open(&big)?); Ok(()) });
    let _ = fs::remove_file(&big);
    let d = tmp("d");
    let made = fs::create_dir_all(&d).and_then(|_| (0..1000).try_for_each(|i| File::create(d.join(format!("entry{i:04}"))).map(drop)));
    c.fallible("readdir_1000", 4, |_| {
        if let Err(e) = &made { return Err(io::Error::new(e.kind(), e.to_string())); }
        let mut k = 0;
        for e in fs::read_dir(&d)? { black_box(e?.file_name()); k += 1; }
        if k == 1000 { Ok(()) } else { Err(io::Error::other(format!("{k} entries"))) }
    });
    let _ = fs::remove_dir_all(&d);
}
