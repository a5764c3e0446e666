//! What a query knows of the files that it reads: whether they are the same, or longer, is seen when it goes on.
//!
//! One object, `inputs`, in the folder of a query; none where it reads no regular files, or where a version wrote the state that did not
//! keep them:
//!
//! ```text
//! "SGINPUT\0"  format u32  count u64  { partition  path str  length u64  digest u64 }*  checksum u64
//! ```

use std::collections::BTreeMap;

use streamgauge_common::partition::Partition;

use super::{
    bytes::{read_partition, write_partition},
    error::StateError,
    object::ObjectLayout,
    store::Store,
};

const NAME: &str = "inputs";
const LAYOUT: ObjectLayout =
    ObjectLayout { magic: b"SGINPUT\0", formats: 1..=1, other: "it holds no inputs" };

/// A file, as far as it was there or was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// Where it was.
    pub path: String,
    /// How many bytes of it are known; as they are stored, packed or not.
    pub length: u64,
    /// The digest of these bytes, or of a sample of them.
    pub digest: u64,
}

/// The files of a query, each a partition.
pub type KnownFiles = BTreeMap<Partition, KnownFile>;

/// Those that the query of a folder knows.
///
/// # Errors
/// They cannot be read, or are damaged.
pub fn read(store: &Store) -> Result<KnownFiles, StateError> {
    let Some(bytes) = store.get(NAME)? else { return Ok(KnownFiles::new()) };
    LAYOUT.read(&bytes, &store.shown_name(NAME), |_, input| {
        let count = input.count(28)?;
        let file = |_| {
            let partition = read_partition(input)?;
            let path = input.str()?.to_owned();
            Ok((partition, KnownFile { path, length: input.u64()?, digest: input.u64()? }))
        };
        (0..count).map(file).collect()
    })
}

/// Keeps those that it knows from now on.
///
/// # Errors
/// They cannot be written.
pub fn write(store: &Store, files: &KnownFiles) -> Result<(), StateError> {
    let bytes = LAYOUT.write(|out| {
        out.u64(files.len() as u64);
        for (&partition, KnownFile { path, length, digest }) in files {
            write_partition(out, partition);
            out.str(path);
            out.u64(*length);
            out.u64(*digest);
        }
    });
    store.put(NAME, bytes)
}

#[cfg(test)]
mod tests {
    use streamgauge_common::partition::SourceIndex;

    use super::*;
    use crate::object::tests::refuses_damage;

    #[test]
    fn what_is_kept_is_found_and_damage_is_refused() {
        let store = Store::memory().unwrap();
        assert_eq!(read(&store).unwrap(), KnownFiles::new());
        let file = |path: &str, length| KnownFile { path: path.to_owned(), length, digest: u64::MAX };
        let partition = |number| SourceIndex::FIRST.partition(number);
        let files = KnownFiles::from([(partition(0), file("a", 7)), (partition(1), file("", 0))]);
        write(&store, &files).unwrap();
        assert_eq!(read(&store).unwrap(), files);
        refuses_damage(&store, NAME, read);
    }
}
