//! The end of an output that may have none.

/// The last bytes of what was written.
#[derive(Debug, Default)]
pub struct Tail {
    bytes: Vec<u8>,
    limit: usize,
}

impl Tail {
    /// Keeps `limit` bytes.
    pub fn of(limit: usize) -> Tail {
        Tail { bytes: Vec::new(), limit }
    }

    /// Adds what comes next.
    pub fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Cut when it has doubled, not for every piece.
        if self.bytes.len() > 2 * self.limit {
            self.cut();
        }
    }

    fn cut(&mut self) {
        self.bytes.drain(..self.bytes.len().saturating_sub(self.limit));
    }

    /// What was kept.
    pub fn take(mut self) -> Vec<u8> {
        self.cut();
        self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::Tail;

    #[test]
    fn the_last_bytes_stay_and_memory_is_bounded() {
        let mut tail = Tail::of(10);
        for number in 0..1000u32 {
            tail.add(format!("{number:04}").as_bytes());
            assert!(tail.bytes.len() <= 24);
        }
        assert_eq!(tail.take(), b"9709980999");
        let mut tail = Tail::of(10);
        tail.add(b"short");
        assert_eq!(tail.take(), b"short");
    }
}
