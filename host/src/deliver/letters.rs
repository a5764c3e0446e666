//! Where dead letters go, each once: a replay finds them again.

use std::{
    collections::{HashSet, VecDeque},
    fs::File,
    io::{self, BufRead as _, BufReader, Seek as _, SeekFrom},
    sync::{Arc, Mutex, PoisonError},
};

use xxhash_rust::xxh3::xxh3_64;

use super::output::{Output, OutputError};

/// Letters that are remembered, the last ones: older ones are behind every checkpoint.
const KNOWN_MAX: usize = 1 << 20;

/// A file of dead letters.
pub struct Letters {
    output: Arc<Output>,
    known: Mutex<Known>,
}

/// The last letters, by their hashes.
#[derive(Default)]
struct Known {
    hashes: HashSet<u64>,
    in_order: VecDeque<u64>,
}

impl Known {
    /// Whether a letter is new; it is known from now on.
    fn add(&mut self, line: &[u8]) -> bool {
        let hash = xxh3_64(line);
        if !self.hashes.insert(hash) {
            return false;
        }
        self.in_order.push_back(hash);
        if self.in_order.len() > KNOWN_MAX
            && let Some(oldest) = self.in_order.pop_front()
        {
            self.hashes.remove(&oldest);
        }
        true
    }
}

impl Letters {
    /// Letters to an output that holds none yet.
    pub fn new(output: Arc<Output>) -> Self {
        Self { output, known: Mutex::default() }
    }

    /// Remembers what an earlier run wrote to the file, and cuts off a line that it did not finish.
    pub fn remember(&self, file: &File) -> io::Result<()> {
        let mut reader = BufReader::new(file);
        reader.seek(SeekFrom::Start(0))?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut line, mut whole) = (Vec::new(), 0);
        loop {
            line.clear();
            let read = reader.read_until(b'\n', &mut line)?;
            if read == 0 || line.last() != Some(&b'\n') {
                break;
            }
            whole += read as u64;
            known.add(&line);
        }
        file.set_len(whole)?;
        let mut file = file;
        file.seek(SeekFrom::Start(whole)).map(|_| ())
    }

    /// Writes whole lines but those that are there; gives how many were not.
    ///
    /// # Errors
    /// Where the place does not take them.
    pub fn write(&self, lines: &[u8]) -> Result<u64, OutputError> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut written = 0;
        for line in lines.split_inclusive(|&byte| byte == b'\n') {
            if known.add(line) {
                self.output.write(line)?;
                written += 1;
            }
        }
        Ok(written)
    }

    /// Hands on what was written so far.
    ///
    /// # Errors
    /// Where the place does not take it.
    pub fn flush(&self) -> Result<(), OutputError> {
        self.output.flush()
    }

    /// What was written survives a power cut.
    ///
    /// # Errors
    /// Where the place does not take it.
    pub fn sync(&self) -> Result<(), OutputError> {
        self.output.sync()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_letter_is_there_once_and_a_torn_line_is_written_anew() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dead.jsonl");
        fs::write(&path, b"{\"offset\":1}\n{\"offset\":2}\n{\"off").unwrap();
        let file = File::options().read(true).write(true).open(&path).unwrap();
        let letters = Letters::new(Arc::new(Output::to_file(&path, file.try_clone().unwrap())));
        letters.remember(&file).unwrap();
        assert_eq!(letters.write(b"{\"offset\":2}\n{\"offset\":3}\n").unwrap(), 1);
        assert_eq!(letters.write(b"{\"offset\":3}\n").unwrap(), 0, "nor again in the same run");
        letters.sync().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"offset\":1}\n{\"offset\":2}\n{\"offset\":3}\n");
    }
}
