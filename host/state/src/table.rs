//! The versions of tables that a query has met: which events and windows met which, and the content of each.
//!
//! Which version an event meets does not follow from the partitions, so it is decided once: the log and the checkpoints say from which
//! offsets on, and for the rows of which windows, each version counts. The content of a version is an object of its own, since it is written
//! once and needed as long as a kept checkpoint or an entry of the log behind it names the version.
//!
//! ```text
//! table-NUMBER-DIGEST:  "SGTABLE\0"  format u32  format of the content, text  content, bytes  checksum u64
//! ```

use std::collections::BTreeMap;

use streamgauge_common::{offset::Offset, partition::Partition};

use super::{
    bytes::{Malformed, Reader, Writer, read_offset, read_partition, write_offset, write_partition},
    error::StateError,
    object::ObjectLayout,
    store::Store,
};

const PREFIX: &str = "table-";
const LAYOUT: ObjectLayout =
    ObjectLayout { magic: b"SGTABLE\0", formats: 1..=1, other: "it holds no version of a table" };

/// From where on a version of a table counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableVersion {
    /// The table, by name.
    pub table: String,
    /// Versions of all tables of a query are numbered in the order in which they were met.
    pub number: u64,
    /// A hash of the content.
    pub digest: u128,
    /// The first offset of each partition whose record meets it; a partition that is not named meets it from its beginning.
    pub offsets: BTreeMap<Partition, Offset>,
    /// Rows of windows that end later meet it.
    pub after_window_end: i64,
}

/// What a version consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableContent {
    /// How the content is written.
    pub format: String,
    /// The content as it was read.
    pub bytes: Vec<u8>,
}

impl TableVersion {
    /// The name of the object with its content.
    fn object(&self) -> String {
        format!("{PREFIX}{:020}-{:032x}", self.number, self.digest)
    }

    /// Keeps the content, before anything refers to it.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn put(&self, store: &Store, format: &str, content: &[u8]) -> Result<(), StateError> {
        let bytes = LAYOUT.write(|out| {
            out.str(format);
            out.bytes(content);
        });
        store.put(&self.object(), bytes)
    }

    /// The content.
    ///
    /// # Errors
    /// It is gone or damaged.
    pub fn get(&self, store: &Store) -> Result<TableContent, StateError> {
        let (name, file) = (self.object(), store.shown_name(&self.object()));
        let bytes = store.get(&name)?.ok_or_else(|| StateError::damaged(&file, 0, "it is gone"))?;
        LAYOUT.read(&bytes, &file, |_, input| {
            Ok(TableContent { format: input.str()?.to_owned(), bytes: input.bytes()?.to_vec() })
        })
    }

    pub(super) fn write(&self, out: &mut Writer) {
        out.str(&self.table);
        out.u64(self.number);
        out.u128(self.digest);
        out.u64(self.offsets.len() as u64);
        for (&partition, &offset) in &self.offsets {
            write_partition(out, partition);
            write_offset(out, offset);
        }
        out.i64(self.after_window_end);
    }

    pub(super) fn read(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (table, number, digest) = (input.str()?.to_owned(), input.u64()?, input.u128()?);
        let count = input.count(12)?;
        let offset = |_| Ok((read_partition(input)?, read_offset(input)?));
        let offsets = (0..count).map(offset).collect::<Result<_, Malformed>>()?;
        Ok(Self { table, number, digest, offsets, after_window_end: input.i64()? })
    }
}

/// The objects of a query's folder that hold a content no version among these has.
///
/// # Errors
/// They cannot be listed.
pub fn unused(store: &Store, versions: &[TableVersion]) -> Result<Vec<String>, StateError> {
    let used: Vec<String> = versions.iter().map(TableVersion::object).collect();
    let objects = store.list(PREFIX)?.into_iter().map(|(name, _)| name);
    Ok(objects.filter(|name| name.starts_with(PREFIX) && !used.contains(name)).collect())
}

/// The names of the objects of versions.
pub fn objects<'a>(versions: impl Iterator<Item = &'a TableVersion>) -> Vec<String> {
    versions.map(TableVersion::object).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::object::tests::refuses_damage;

    #[test]
    fn a_content_comes_back_as_it_was_and_damage_is_told() {
        let store = Store::memory().unwrap();
        let version = TableVersion {
            table: "prices".to_owned(),
            number: 7,
            digest: 1,
            offsets: BTreeMap::new(),
            after_window_end: i64::MIN,
        };
        assert!(version.get(&store).is_err(), "it is not there yet");
        version.put(&store, "csv", b"model,usd\n").unwrap();
        let content = version.get(&store).unwrap();
        assert_eq!((content.format.as_str(), content.bytes.as_slice()), ("csv", b"model,usd\n".as_slice()));
        let other = TableVersion { number: 8, ..version.clone() };
        other.put(&store, "csv", b"").unwrap();
        assert_eq!(unused(&store, std::slice::from_ref(&version)).unwrap(), objects([other].iter()));
        refuses_damage(&store, &version.object(), |store| version.get(store));
    }
}
