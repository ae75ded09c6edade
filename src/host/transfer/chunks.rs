//! Data to another machine, as its `files_chunks` takes it: after its length, so that more may
//! follow.

use crate::host::Requests;
use std::io::{self, BufWriter, Write};

/// Large enough for few of them, small enough for an interrupt to come in between.
const CHUNK: usize = 1 << 18;

/// Data on its way.
pub struct Chunks<'a>(BufWriter<Chunk<'a>>);

impl<'a> Chunks<'a> {
    /// To whoever reads `requests`, which must expect it.
    pub fn new(requests: &'a Requests) -> Chunks<'a> {
        Chunks(BufWriter::with_capacity(CHUNK, Chunk(requests)))
    }

    /// Says that this was all. Without it the other side knows that something is missing.
    ///
    /// # Errors
    /// If nobody takes it.
    pub fn end(mut self) -> io::Result<()> {
        self.0.flush()?;
        self.0.get_mut().0.write(b"0\n")
    }
}

impl Write for Chunks<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        self.0.write(data)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

struct Chunk<'a>(&'a Requests);

impl Write for Chunk<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let data = &data[..data.len().min(CHUNK)];
        if !data.is_empty() {
            self.0.write(format!("{}\n", data.len()).as_bytes())?;
            self.0.write(data)?;
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
