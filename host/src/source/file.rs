//! JSON Lines from a file, packed or not, or from standard input.

use std::{
    fs::{self, File},
    io::{self, BufReader, Read},
    iter::repeat_n,
    path::Path,
    sync::Arc,
};

use flate2::read::MultiGzDecoder;
use streamgauge_common::{
    chunk::{Chunk, ChunkLimits},
    clock::Stopwatch,
    offset::Offset,
};

use super::{
    SourceError,
    input_file::{CountedFile, ReadBytes},
};

/// U+FEFF in UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The lines of a file, from its first.
///
/// A record is a line, its offset the line's number from 0; blank lines count but are no records. A byte order mark in front
/// of the first line, as some editors put it there, does not belong to its record. A line longer than the limit is passed on cut to one byte more, so that memory is bounded and the decoder sees that it is too large.
pub struct FileSource {
    name: String,
    partition: u32,
    limits: ChunkLimits,
    input: Box<dyn Read + Send>,
    /// Whether to hand over what is there when a read gives less than was asked for: somebody may be waiting.
    eager: bool,
    block: Block,
    /// Whether the input was read to its end.
    ended: bool,
    /// Whether the rest of a line that was cut is being passed over.
    in_long_line: bool,
    /// The number of the next line.
    line: i64,
    /// Lines before it are passed over.
    first: i64,
}

/// Bytes that were read, and what of them is not yet passed on.
#[derive(Default)]
struct Block {
    bytes: Arc<[u8]>,
    start: usize,
    end: usize,
}

impl FileSource {
    /// Opens a file; `.gz` and `.zst` are unpacked, `-` is standard input. What has another name is unpacked if it begins as they do.
    /// What is read of the file is counted in `read`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(
        path: &Path,
        partition: u32,
        limits: ChunkLimits,
        read: &ReadBytes,
    ) -> Result<Self, SourceError> {
        let name = path.display().to_string();
        let input = open(path, limits.bytes, read)
            .map_err(|cause| SourceError::File { name: name.clone(), cause })?;
        // What comes through a pipe may come slowly.
        let eager = is_stdin(path) || !fs::metadata(path).is_ok_and(|there| there.is_file());
        Ok(Self::new(name, input, eager, partition, limits))
    }

    fn new(
        name: String,
        input: Box<dyn Read + Send>,
        eager: bool,
        partition: u32,
        limits: ChunkLimits,
    ) -> Self {
        Self {
            name,
            partition,
            limits,
            input,
            eager,
            block: Block::default(),
            ended: false,
            in_long_line: false,
            line: 0,
            first: 0,
        }
    }

    /// Passes over the lines before this one.
    #[must_use]
    pub fn from_line(self, line: i64) -> Self {
        Self { first: line, ..self }
    }

    /// The next records, never none in a chunk; none behind the last line.
    #[expect(
        clippy::should_implement_trait,
        reason = "after an error there may be more, which no `for` loop would see"
    )]
    pub fn next(&mut self) -> Result<Option<Chunk>, SourceError> {
        loop {
            let chunk = self.take_records();
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
            // A pipe that gives less than it did has nothing more to give.
            if self.ended && self.line < self.first && !self.eager {
                let why = format!("it has {} lines, but {} were read before", self.line, self.first);
                return Err(SourceError::File { name: self.name.clone(), cause: io::Error::other(why) });
            }
            if self.ended {
                return Ok(None);
            }
            self.read_block().map_err(|cause| SourceError::File { name: self.name.clone(), cause })?;
        }
    }

    /// The records of the block's whole lines, as many as go into one chunk.
    fn take_records(&mut self) -> Chunk {
        let mut chunk = Chunk {
            partition: self.partition,
            bytes: Arc::clone(&self.block.bytes),
            received: Some(Stopwatch::start()),
            ..Chunk::default()
        };
        while chunk.len() < self.limits.records_max {
            let Some((mut start, end)) = self.take_line() else { break };
            let mut line = self.block.bytes.get(start..end).unwrap_or_default();
            if let (0, Some(behind)) = (self.line, line.strip_prefix(BYTE_ORDER_MARK)) {
                (start, line) = (start + BYTE_ORDER_MARK.len(), behind);
            }
            if self.line >= self.first && !line.trim_ascii().is_empty() {
                let length =
                    line.strip_suffix(b"\r").unwrap_or(line).len().min(self.limits.record_bytes_max + 1);
                chunk.spans.push((start as u32, (start + length) as u32));
                chunk.offsets.push(Offset(self.line));
            }
            self.line += 1;
        }
        chunk
    }

    /// Where the next line is, without its end; none if it is not all there yet.
    fn take_line(&mut self) -> Option<(usize, usize)> {
        loop {
            let rest = self.block.rest();
            let start = self.block.start;
            let line_end = memchr::memchr(b'\n', rest);
            let (length, taken) = match line_end {
                Some(length) => (length, length + 1),
                None if rest.is_empty() => return None,
                None if self.ended || self.in_long_line || rest.len() > self.limits.record_bytes_max => {
                    (rest.len(), rest.len())
                }
                None => return None,
            };
            self.block.start += taken;
            let was_in_long_line = self.in_long_line;
            self.in_long_line = line_end.is_none();
            if !was_in_long_line {
                return Some((start, start + length));
            }
        }
    }

    /// Reads a block, behind what is left of the one before.
    fn read_block(&mut self) -> io::Result<()> {
        let rest = self.block.rest();
        let mut end = rest.len();
        // Doubled, so that the bytes of a long line are copied but a few times.
        let mut bytes: Arc<[u8]> = repeat_n(0, self.limits.bytes.max(2 * end)).collect();
        let buffer = Arc::get_mut(&mut bytes).unwrap_or_default();
        buffer.iter_mut().zip(rest).for_each(|(byte, &rest)| *byte = rest);
        while let Some(room) = buffer.get_mut(end..).filter(|room| !room.is_empty()) {
            match self.input.read(room) {
                Ok(0) => {
                    self.ended = true;
                    break;
                }
                Ok(read) => end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.eager {
                break;
            }
        }
        self.block = Block { bytes, start: 0, end };
        Ok(())
    }
}

impl Block {
    fn rest(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }
}

/// Bytes that are unpacked if they begin as gzip or zstd does. Nothing is read before somebody reads: a pipe may be silent for long.
struct Sniffed<R> {
    /// What is read, until it is known what it is.
    input: Option<R>,
    /// What gives the bytes then.
    opened: Option<Box<dyn Read + Send>>,
    buffer_bytes: usize,
}

/// How gzip and zstd begin.
const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];

impl<R: Read + Send + 'static> Sniffed<R> {
    fn new(input: R, buffer_bytes: usize) -> Self {
        Self { input: Some(input), opened: None, buffer_bytes }
    }

    /// Reads no further than it takes to know: no record begins as these do.
    fn open(&self, mut input: R) -> io::Result<Box<dyn Read + Send>> {
        let mut start = Vec::new();
        let mut byte = [0];
        while [GZIP, ZSTD].iter().any(|magic| magic.len() > start.len() && magic.starts_with(&start)) {
            match input.read(&mut byte) {
                Ok(0) => break,
                Ok(_) => start.extend_from_slice(&byte),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        let (is_gzip, is_zstd) = (start == GZIP, start == ZSTD);
        let input = io::Cursor::new(start).chain(input);
        Ok(match (is_gzip, is_zstd) {
            (true, _) => Box::new(MultiGzDecoder::new(BufReader::with_capacity(self.buffer_bytes, input))),
            (_, true) => Box::new(zstd::Decoder::new(input)?),
            _ => Box::new(input),
        })
    }
}

impl<R: Read + Send + 'static> Read for Sniffed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(input) = self.input.take() {
            self.opened = Some(self.open(input)?);
        }
        self.opened.as_mut().map_or(Ok(0), |opened| opened.read(buffer))
    }
}

fn is_stdin(path: &Path) -> bool {
    path.as_os_str() == "-"
}

fn open(path: &Path, buffer_bytes: usize, read: &ReadBytes) -> io::Result<Box<dyn Read + Send>> {
    if is_stdin(path) {
        return Ok(Box::new(Sniffed::new(io::stdin(), buffer_bytes)));
    }
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let file = CountedFile::new(file, read.clone())?;
    Ok(match path.extension().and_then(|extension| extension.to_str()) {
        Some("gz") => Box::new(MultiGzDecoder::new(BufReader::with_capacity(buffer_bytes, file))),
        Some("zst") => Box::new(zstd::Decoder::new(file)?),
        _ => Box::new(Sniffed::new(file, buffer_bytes)),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;

    use super::*;

    /// Gives a few bytes at a time.
    struct Dribble(Vec<u8>, usize);

    impl Read for Dribble {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.1.min(self.0.len()).min(buffer.len());
            buffer[..count].copy_from_slice(&self.0[..count]);
            self.0.drain(..count);
            Ok(count)
        }
    }

    fn cut_at(record_bytes_max: usize) -> ChunkLimits {
        ChunkLimits { record_bytes_max, ..ChunkLimits::default() }
    }

    fn records(source: &mut FileSource) -> Vec<(i64, Vec<u8>)> {
        let mut records = Vec::new();
        while let Some(chunk) = source.next().unwrap() {
            assert!(
                !chunk.is_empty()
                    && chunk.len() <= ChunkLimits::default().records_max
                    && chunk.arrived_us.is_empty()
            );
            assert_eq!((chunk.partition, chunk.spans.len()), (7, chunk.offsets.len()));
            records.extend((0..chunk.len()).map(|row| (chunk.offsets[row].0, chunk.record(row).to_vec())));
        }
        assert!(source.next().unwrap().is_none());
        records
    }

    fn read(bytes: &[u8], step: usize, eager: bool, record_bytes_max: usize) -> Vec<(i64, Vec<u8>)> {
        let input = Box::new(Dribble(bytes.to_vec(), step));
        records(&mut FileSource::new("test".into(), input, eager, 7, cut_at(record_bytes_max)))
    }

    /// The same, plainly.
    fn split(bytes: &[u8], record_bytes_max: usize) -> Vec<(i64, Vec<u8>)> {
        let lines = bytes.split(|&byte| byte == b'\n').enumerate();
        let lines = lines.filter(|(_, line)| !line.trim_ascii().is_empty());
        lines
            .map(|(number, line)| {
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                (number as i64, line[..line.len().min(record_bytes_max + 1)].to_vec())
            })
            .collect()
    }

    proptest! {
        #[test]
        fn lines_are_what_a_plain_split_gives(
            lines in prop::collection::vec("[ab\r ]{0,9}|x{20,60}", 0..40),
            step in 1usize..40,
            eager: bool,
        ) {
            let bytes = lines.join("\n").into_bytes();
            // A cut record may have lost its carriage return or be cut in the blanks: compared where it matters.
            let (read, split) = (read(&bytes, step, eager, 15), split(&bytes, 15));
            prop_assert_eq!(read.len(), split.len());
            for (read, split) in read.iter().zip(&split) {
                prop_assert_eq!(read.0, split.0);
                prop_assert_eq!(read.1.len() > 15, split.1.len() > 15);
                prop_assert!(read.1 == split.1 || split.1.len() > 15);
            }
        }
    }

    #[test]
    fn blank_lines_count_and_the_last_line_needs_no_end() {
        let line = |number: i64, text: &str| (number, text.as_bytes().to_vec());
        assert_eq!(
            read(b"\n{}\r\n \t\r\n\n{\"a\":1}\n{", 1000, false, 100),
            [line(1, "{}"), line(4, "{\"a\":1}"), line(5, "{")]
        );
        assert_eq!(read(b"{} \t\r\n  {}\r\n", 3, false, 100), [line(0, "{} \t"), line(1, "  {}")]);
        assert_eq!(read(b"", 1, false, 100), []);
        assert_eq!(read(b"\n\n\n", 1, true, 100), []);
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_record() {
        let line = |number: i64, text: &str| (number, text.as_bytes().to_vec());
        for step in [1, 2, 1000] {
            for eager in [false, true] {
                let marked = "\u{feff}{\"a\":1}\r\n\u{feff}{}\n";
                assert_eq!(
                    read(marked.as_bytes(), step, eager, 100),
                    [line(0, "{\"a\":1}"), line(1, "\u{feff}{}")]
                );
                assert_eq!(read("\u{feff}\n{}".as_bytes(), step, eager, 100), [line(1, "{}")]);
                assert_eq!(read("\u{feff}".as_bytes(), step, eager, 100), []);
                assert_eq!(read(b"\xef\xbb{}\n", step, eager, 100), [(0, b"\xef\xbb{}".to_vec())]);
            }
        }
        let input = Box::new(Dribble("\u{feff}{}\n{}\n".into(), 1000));
        let mut source = FileSource::new("test".into(), input, false, 7, cut_at(100)).from_line(1);
        assert_eq!(records(&mut source), [line(1, "{}")]);
    }

    #[test]
    fn many_short_lines_come_in_bounded_chunks_and_long_ones_are_cut() {
        let many = b"{}\n".repeat(100_000);
        assert_eq!(read(&many, 1 << 20, false, 100).len(), 100_000);
        let blank_first = [b"\n".repeat(50_000), b"{}".to_vec()].concat();
        assert_eq!(read(&blank_first, 1 << 20, false, 100), [(50_000, b"{}".to_vec())]);
        let long = [b"x".repeat(3 << 20), b"\n{}\n".to_vec()].concat();
        assert_eq!(read(&long, 1 << 16, false, 1000), [(0, b"x".repeat(1001)), (1, b"{}".to_vec())]);
        assert_eq!(read(&long, 1 << 16, false, 4 << 20)[0].1.len(), 3 << 20);
    }

    #[test]
    fn packed_files_are_unpacked() {
        let folder = tempfile::tempdir().unwrap();
        let lines = b"{\"a\":1}\n{\"a\":2}\n".repeat(50_000);
        let gz = folder.path().join("a.jsonl.gz");
        // Two members, as `cat a.gz b.gz` makes them.
        let mut packed = Vec::new();
        for part in [&lines[..300_000], &lines[300_000..]] {
            let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            writer.write_all(part).unwrap();
            packed.extend(writer.finish().unwrap());
        }
        fs::write(&gz, &packed).unwrap();
        let zst = folder.path().join("a.jsonl.zst");
        fs::write(&zst, zstd::encode_all(lines.as_slice(), 1).unwrap()).unwrap();
        for path in [&gz, &zst] {
            assert_eq!(
                records(&mut FileSource::open(path, 7, cut_at(100), &ReadBytes::default()).unwrap()),
                split(&lines, 100)
            );
        }
        fs::write(&gz, &packed[..packed.len() - 20]).unwrap();
        let mut source = FileSource::open(&gz, 7, cut_at(100), &ReadBytes::default()).unwrap();
        let error = std::iter::from_fn(|| source.next().transpose()).find_map(Result::err).unwrap();
        assert!(error.to_string().contains("a.jsonl.gz"), "{error}");
    }

    #[test]
    fn what_begins_as_packed_bytes_do_is_unpacked_whatever_its_name() {
        let lines = b"{\"a\":1}\n{\"a\":2}\n".repeat(1_000);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&lines).unwrap();
        let packed = [gzip.finish().unwrap(), zstd::encode_all(lines.as_slice(), 1).unwrap()];
        for bytes in packed.iter().chain([&lines]) {
            for step in [1, 3, 1000] {
                let input = Box::new(Sniffed::new(Dribble(bytes.clone(), step), 1 << 16));
                let mut source = FileSource::new("test".into(), input, true, 7, cut_at(100));
                assert_eq!(records(&mut source), split(&lines, 100));
            }
        }
        for short in [&b""[..], b"(", b"(\xb5", b"\x1f", b"\x1f\n{}", b"{"] {
            let input = Box::new(Sniffed::new(Dribble(short.to_vec(), 1), 1 << 16));
            let mut source = FileSource::new("test".into(), input, true, 7, cut_at(100));
            assert_eq!(records(&mut source), split(short, 100), "{short:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let opened = |path| FileSource::open(Path::new(path), 0, cut_at(100), &ReadBytes::default());
        let missing = opened("/nowhere/events.jsonl").err().unwrap();
        assert!(missing.to_string().starts_with("cannot read \"/nowhere/events.jsonl\": "), "{missing}");
        assert!(opened("/").is_err());
    }
}
