//! The files of one query as bytes, so that they can be damaged and put back.

use std::{collections::BTreeMap, fs, path::Path};

use streamgauge_state::store::Store;
use tempfile::TempDir;

/// The folder of the query.
pub(crate) const QUERY: &str = "query";

/// Names and bytes.
pub(crate) type Image = BTreeMap<String, Vec<u8>>;

/// A directory whose syncs cost nothing, if the machine has such.
pub(crate) fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    folder.unwrap()
}

/// Opens a directory's folder of the query.
pub(crate) fn open(folder: &TempDir) -> Store {
    Store::open(folder.path().to_str().unwrap()).unwrap().folder(QUERY).unwrap()
}

/// Everything but locks.
pub(crate) fn of_folder(folder: &TempDir) -> Image {
    let files = fs::read_dir(folder.path().join(QUERY)).unwrap().map(|entry| entry.unwrap());
    let named = files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()));
    named.filter(|(name, _)| !name.starts_with('.')).collect()
}

/// Everything in a bucket.
pub(crate) fn of_bucket(store: &Store) -> Image {
    let names = store.list("").unwrap().into_iter().map(|(name, _)| name);
    names.map(|name| (name.clone(), store.get(&name).unwrap().unwrap().to_vec())).collect()
}

/// A directory with these files.
pub(crate) fn to_folder(image: &Image) -> TempDir {
    let folder = scratch();
    fs::create_dir(folder.path().join(QUERY)).unwrap();
    for (name, bytes) in image {
        fs::write(folder.path().join(QUERY).join(name), bytes).unwrap();
    }
    folder
}

/// A bucket with these objects.
pub(crate) fn to_bucket(image: &Image) -> Store {
    let store = Store::memory().unwrap();
    for (name, bytes) in image {
        store.put_new(name, bytes.clone()).unwrap();
    }
    store
}
