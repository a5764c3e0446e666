//! Bytes that stay where they are until the call ends: computed texts and the constants of a query.

/// What a chunk holds at least, and what is kept from call to call.
const CHUNK_BYTES: usize = 64 * 1024;

/// A list of chunks that are filled one after the other and never grow.
pub(crate) struct Arena {
    chunks: Vec<Vec<u8>>,
}

impl Arena {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new() }
    }

    /// Copies bytes into the arena; they stay there until [`Arena::clear`].
    pub(crate) fn store(&mut self, bytes: &[u8]) -> &mut [u8] {
        let fits = |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= bytes.len();
        if !self.chunks.last().is_some_and(fits) {
            self.chunks.push(Vec::with_capacity(bytes.len().max(CHUNK_BYTES)));
        }
        let Some(chunk) = self.chunks.last_mut() else { return &mut [] };
        let start = chunk.len();
        chunk.extend_from_slice(bytes);
        chunk.get_mut(start..).unwrap_or_default()
    }

    /// Empties the arena; a first chunk of the usual size is used again.
    pub(crate) fn clear(&mut self) {
        self.chunks.truncate(1);
        self.chunks.retain_mut(|chunk| {
            chunk.clear();
            chunk.capacity() <= CHUNK_BYTES
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_does_not_move() {
        let mut arena = Arena::new();
        let pieces: Vec<Vec<u8>> = (0..2000).map(|i| vec![i as u8; (i * 37) % 500]).collect();
        let stored: Vec<*const u8> = pieces.iter().map(|piece| arena.store(piece).as_ptr()).collect();
        assert!(arena.chunks.len() > 1);
        for (piece, address) in pieces.iter().zip(stored) {
            let found = arena.chunks.iter().find_map(|chunk| {
                let offset = (address as usize).checked_sub(chunk.as_ptr() as usize)?;
                chunk.get(offset..offset + piece.len())
            });
            assert_eq!(found, Some(piece.as_slice()));
        }
    }

    #[test]
    fn only_one_usual_chunk_outlives_a_call() {
        let mut arena = Arena::new();
        arena.store(&vec![1; CHUNK_BYTES * 3]);
        arena.clear();
        assert!(arena.chunks.is_empty());
        arena.store(b"x");
        arena.store(&vec![1; CHUNK_BYTES]);
        arena.clear();
        assert_eq!(arena.chunks.len(), 1);
        assert_eq!(arena.store(b"y"), b"y");
    }
}
