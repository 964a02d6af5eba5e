//! Where model files come from, and a buffered reader over them.
//!
//! Files are as large as the memory that a component may have, so nothing here ever holds a whole one.

use std::io::{self, Read, Seek, SeekFrom};

/// Most bytes of one read: what the host's weights interface gives at a time.
pub const CHUNK: u32 = 1 << 20;

/// A read-only file of model weights.
pub trait Weights {
    /// Size in bytes.
    fn size(&self) -> u64;

    /// At most `length` bytes from `offset`; fewer only at the end.
    ///
    /// # Errors
    /// Whatever the source of the file says.
    fn read(&self, offset: u64, length: u32) -> io::Result<Vec<u8>>;
}

/// `Read` and `Seek` over [`Weights`], one chunk at a time.
pub(crate) struct Reader<'a> {
    weights: &'a dyn Weights,
    position: u64,
    chunk: Vec<u8>,
    chunk_start: u64,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(weights: &'a dyn Weights) -> Self {
        Self {
            weights,
            position: 0,
            chunk: Vec::new(),
            chunk_start: 0,
        }
    }

    /// What is left of the chunk at the current position; reads the next chunk where nothing is.
    fn buffered(&mut self) -> io::Result<&[u8]> {
        let end = self.chunk_start + self.chunk.len() as u64;
        if !(self.chunk_start..end).contains(&self.position) {
            // Freed first, so that there is never more than one chunk.
            self.chunk = Vec::new();
            self.chunk = self.weights.read(self.position, CHUNK)?;
            self.chunk_start = self.position;
        }
        let from = usize::try_from(self.position - self.chunk_start).map_err(io::Error::other)?;
        Ok(&self.chunk[from..])
    }
}

impl Read for Reader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let available = self.buffered()?;
        let n = available.len().min(into.len());
        into[..n].copy_from_slice(&available[..n]);
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.weights.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Weights for Vec<u8> {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read(&self, offset: u64, length: u32) -> io::Result<Vec<u8>> {
        let from = usize::try_from(offset)
            .unwrap_or(usize::MAX)
            .min(self.len());
        let to = from.saturating_add(length as usize).min(self.len());
        Ok(self[from..to].to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_across_chunks_and_seeks() {
        let bytes: Vec<u8> = (0..CHUNK as usize * 2 + 7)
            .map(|i| (i % 251) as u8)
            .collect();
        let mut reader = Reader::new(&bytes);
        let mut all = Vec::new();
        reader.read_to_end(&mut all).unwrap();
        assert_eq!(all, bytes);

        let at = u64::from(CHUNK) - 2;
        reader.seek(SeekFrom::Start(at)).unwrap();
        let mut four = [0; 4];
        reader.read_exact(&mut four).unwrap();
        assert_eq!(four, bytes[at as usize..][..4]);
        assert_eq!(reader.seek(SeekFrom::End(0)).unwrap(), bytes.len() as u64);
        assert_eq!(reader.read(&mut four).unwrap(), 0);
    }
}
