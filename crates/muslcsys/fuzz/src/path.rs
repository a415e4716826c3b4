//! Paths as they come from few bytes: mostly short names that meet again, and what is special.

use arbitrary::{Arbitrary, Result, Unstructured};

/// A path.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path(pub Vec<u8>);

impl<'a> Arbitrary<'a> for Path {
    fn arbitrary(input: &mut Unstructured<'a>) -> Result<Self> {
        let shape = u8::arbitrary(input)?;
        let mut path = Vec::new();
        if shape & 0x10 != 0 {
            path.push(b'/');
        }
        for part in 0..shape & 0x0f {
            if part > 0 {
                path.push(b'/');
            }
            match u8::arbitrary(input)? {
                kind @ 0..160 => path.push(b'a' + kind % 6),
                160..180 => path.extend(b".."),
                180..200 => path.push(b'.'),
                200..210 => path.push(b'/'),
                210..225 => path.extend(b"rom"),
                225..235 => path.extend(b"dev/null"),
                235..242 => path.resize(path.len() + 255, b'n'),
                242..246 => path.resize(path.len() + 256, b'n'),
                246..250 => (0..500).for_each(|_| path.extend(b"./")),
                250..254 => (0..4095usize.saturating_sub(path.len() + 1)).for_each(|_| path.push(b'/')),
                _ => path.extend(<&[u8]>::arbitrary(input)?),
            }
        }
        if shape & 0x20 != 0 {
            path.push(b'/');
        }
        path.truncate(8192);
        Ok(Self(path))
    }
}
