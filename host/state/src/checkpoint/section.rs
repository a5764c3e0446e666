//! Data of one generation: sections one behind the other, each behind a header of its own.

use std::ops::Range;

use bytes::Bytes;
use object_store::PutPayload;

use crate::{
    bytes::{Malformed, Reader, Writer},
    error::StateError,
    header::{HEADER_BYTES, Header, Kind},
};

/// Where a section is, and what it must be: a manifest keeps these.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SectionRef {
    /// The generation whose data it is part of.
    pub generation: u64,
    /// Where its header begins, in bytes.
    pub offset: u64,
    /// Its length without its header, in bytes.
    pub length: u64,
    /// Its checksum.
    pub checksum: u64,
}

impl SectionRef {
    /// How long it is when it is encoded.
    pub const BYTES: usize = 32;

    /// Appends it to a manifest.
    pub fn encode(&self, writer: &mut Writer) {
        for field in [self.generation, self.offset, self.length, self.checksum] {
            writer.u64(field);
        }
    }

    /// Takes it from a manifest.
    pub fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        let section = Self {
            generation: reader.u64()?,
            offset: reader.u64()?,
            length: reader.u64()?,
            checksum: reader.u64()?,
        };
        let end =
            section.offset.checked_add(HEADER_BYTES as u64).and_then(|at| at.checked_add(section.length));
        match end {
            Some(_) => Ok(section),
            None => Err(reader.malformed("a section cannot be as long")),
        }
    }

    /// The bytes of its header and itself.
    pub(super) fn range(&self) -> Range<u64> {
        self.offset..self.offset.saturating_add(HEADER_BYTES as u64).saturating_add(self.length)
    }

    /// The section, if these are its bytes.
    pub(super) fn check(&self, bytes: &Bytes, file: &str, identity: u128) -> Result<Bytes, StateError> {
        let here = |error| match error {
            StateError::Damaged { file, at, what, help } => {
                StateError::Damaged { file, at: at + self.offset, what, help }
            }
            error => error,
        };
        let header = Header::decode(bytes, file, Kind::Section, identity, self.generation).map_err(here)?;
        let content = bytes.slice(HEADER_BYTES..);
        header.check(&content, file).map_err(here)?;
        match (header.length, header.content) == (self.length, self.checksum) {
            true => Ok(content),
            false => Err(StateError::damaged(file, self.offset, "another section stands there")),
        }
    }
}

/// What to put, without copying the sections, and where each will be.
pub(super) fn encode(
    sections: &[Bytes],
    identity: u128,
    epoch: u64,
    generation: u64,
) -> (PutPayload, Vec<SectionRef>) {
    let (mut parts, mut refs, mut offset) = (Vec::with_capacity(2 * sections.len()), Vec::new(), 0);
    for section in sections {
        let header = Header::of(Kind::Section, identity, epoch, generation, section);
        let Header { length, content: checksum, .. } = header;
        refs.push(SectionRef { generation, offset, length, checksum });
        offset += HEADER_BYTES as u64 + length;
        parts.push(Bytes::from(header.encode()));
        parts.push(section.clone());
    }
    (parts.into_iter().collect(), refs)
}
