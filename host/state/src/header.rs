//! How every file of kept state begins.
//!
//! | bytes | field |
//! |---|---|
//! | 0..8 | magic, one for each kind of file |
//! | 8..12 | format version |
//! | 12..16 | zero |
//! | 16..24 | checksum of bytes 0..16; up to here every version is the same |
//! | 24..40 | identity: whose state it is |
//! | 40..48 | owner that wrote it: a random number in objects of a log, its epoch in checkpoints, else 0 |
//! | 48..56 | number: the one in the file's name |
//! | 56..64 | the index of the first entry; logs only, else 0 |
//! | 64..72 | length of what follows; 0 for a log segment, which grows |
//! | 72..80 | checksum of what follows; 0 for a log segment, whose entries have their own |
//! | 80..88 | checksum of bytes 0..80 |

use super::{
    bytes::{Malformed, Reader, Writer, checksum},
    error::StateError,
};

/// How long a header is.
pub const HEADER_BYTES: usize = 88;

const PREAMBLE_BYTES: usize = 16;
const FIELDS_BYTES: usize = 80;

/// A kind of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A log segment in a directory.
    Segment,
    /// A group of log entries as an object.
    Group,
    /// A section of a checkpoint.
    Section,
    /// A checkpoint's manifest.
    Manifest,
}

impl Kind {
    /// The version of the format that is written. All earlier ones are read.
    ///
    /// | kind | version | what it added |
    /// |---|---|---|
    /// | manifest | 2 | the topic's id, behind the sections |
    pub fn format(self) -> u32 {
        match self {
            Self::Manifest => 2,
            Self::Segment | Self::Group | Self::Section => 1,
        }
    }

    fn magic(self) -> [u8; 8] {
        *match self {
            Self::Segment => b"sg-segmt",
            Self::Group => b"sg-group",
            Self::Section => b"sg-sectn",
            Self::Manifest => b"sg-manif",
        }
    }
}

/// The fields of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// What it begins.
    pub kind: Kind,
    /// Whose state it is.
    pub identity: u128,
    /// Who wrote it: a random number in objects of a log, its epoch in checkpoints, else 0.
    pub owner: u64,
    /// The number in the file's name.
    pub number: u64,
    /// The index of the first entry; logs only.
    pub first: u64,
    /// Length of what follows.
    pub length: u64,
    /// Checksum of what follows.
    pub content: u64,
}

impl Header {
    /// A header for this content.
    pub fn of(kind: Kind, identity: u128, owner: u64, number: u64, content: &[u8]) -> Self {
        let (length, content) = (content.len() as u64, checksum(content));
        Self { kind, identity, owner, number, first: 0, length, content }
    }

    /// [`HEADER_BYTES`].
    pub fn encode(&self) -> Vec<u8> {
        self.encode_as(self.kind.format())
    }

    fn encode_as(&self, format: u32) -> Vec<u8> {
        let mut writer = Writer::with_capacity(HEADER_BYTES);
        writer.raw(&self.kind.magic());
        writer.u32(format);
        writer.u32(0);
        writer.u64(checksum(writer.as_bytes()));
        writer.u128(self.identity);
        for field in [self.owner, self.number, self.first, self.length, self.content] {
            writer.u64(field);
        }
        writer.u64(checksum(writer.as_bytes()));
        writer.into_bytes()
    }

    /// Reads the header of a file that should be this kind, state and number.
    pub fn decode(
        bytes: &[u8],
        file: &str,
        kind: Kind,
        identity: u128,
        number: u64,
    ) -> Result<Self, StateError> {
        let damaged = |at, what: &str| StateError::damaged(file, at, what);
        let header =
            bytes.get(..HEADER_BYTES).ok_or_else(|| damaged(bytes.len() as u64, "it ends in its header"))?;
        let (format, header) =
            Self::fields(header, kind).map_err(|malformed| damaged(malformed.at as u64, &malformed.what))?;
        if !(1..=kind.format()).contains(&format) {
            return Err(StateError::Version { file: file.to_owned(), found: format, known: kind.format() });
        }
        let header = header.ok_or_else(|| damaged(0, "its header does not have its checksum"))?;
        if header.identity != identity {
            return Err(StateError::Foreign { file: file.to_owned() });
        }
        if header.number != number {
            let what = format!("it is number {} by its header and {number} by its name", header.number);
            return Err(damaged(0, &what));
        }
        Ok(header)
    }

    /// The format and, if that is ours, the fields; none if their checksum is wrong.
    fn fields(bytes: &[u8], kind: Kind) -> Result<(u32, Option<Self>), Malformed> {
        let mut reader = Reader::new(bytes);
        let magic = reader.raw(kind.magic().len())?;
        let format = reader.u32()?;
        reader.u32()?;
        if bytes.get(..PREAMBLE_BYTES).map(checksum) != Some(reader.u64()?) || magic != kind.magic() {
            return Err(Malformed { at: 0, what: "it does not begin as such a file does".into() });
        }
        let header = Self {
            kind,
            identity: reader.u128()?,
            owner: reader.u64()?,
            number: reader.u64()?,
            first: reader.u64()?,
            length: reader.u64()?,
            content: reader.u64()?,
        };
        let intact = bytes.get(..FIELDS_BYTES).map(checksum) == Some(reader.u64()?);
        Ok((format, intact.then_some(header)))
    }

    /// Whether these bytes are what follows.
    pub fn check(&self, content: &[u8], file: &str) -> Result<(), StateError> {
        if content.len() as u64 != self.length {
            let what = format!("{} bytes follow its header, not {}", content.len(), self.length);
            return Err(StateError::damaged(file, (HEADER_BYTES + content.len()) as u64, what));
        }
        if checksum(content) != self.content {
            let what = "what follows its header does not have its checksum";
            return Err(StateError::damaged(file, HEADER_BYTES as u64, what));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header::of(Kind::Manifest, 7, 1, 3, b"content")
    }

    fn read(bytes: &[u8]) -> Result<Header, StateError> {
        Header::decode(bytes, "f", Kind::Manifest, 7, 3)
    }

    #[test]
    fn a_header_comes_back_and_every_flipped_bit_is_damage() {
        let bytes = header().encode();
        assert_eq!(bytes.len(), HEADER_BYTES);
        assert_eq!(read(&bytes).unwrap(), header());
        for bit in 0..bytes.len() * 8 {
            let mut bytes = bytes.clone();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert!(read(&bytes).is_err_and(|error| error.is_damage()), "bit {bit}");
        }
        for cut in 0..bytes.len() {
            assert!(read(&bytes[..cut]).is_err_and(|error| error.is_damage()), "cut at {cut}");
        }
        assert!(read(&[0; HEADER_BYTES]).is_err_and(|error| error.is_damage()));
    }

    #[test]
    fn another_version_query_kind_or_number_is_told_apart() {
        let bytes = header().encode_as(3);
        assert!(matches!(read(&bytes), Err(StateError::Version { found: 3, known: 2, .. })));
        assert_eq!(read(&header().encode_as(1)).unwrap(), header(), "an earlier one");
        let bytes = header().encode();
        assert!(matches!(Header::decode(&bytes, "f", Kind::Manifest, 8, 3), Err(StateError::Foreign { .. })));
        assert!(Header::decode(&bytes, "f", Kind::Section, 7, 3).is_err_and(|error| error.is_damage()));
        assert!(Header::decode(&bytes, "f", Kind::Manifest, 7, 4).is_err_and(|error| error.is_damage()));
    }

    #[test]
    fn content_is_checked() {
        assert!(header().check(b"content", "f").is_ok());
        assert!(header().check(b"contemt", "f").is_err());
        assert!(header().check(b"conten", "f").is_err());
    }
}
