//! A place for named objects: a directory with everything synced, or a bucket.
//!
//! Calls block; they are for plain threads, not for async tasks. A put is atomic and durable when it returns, and a *create*
//! is won by one: that is what fences.

mod folders;
mod name;
mod place;
mod runtime;

use std::{
    fs::{self, File},
    io,
    ops::Range,
    path::{Path as FilePath, PathBuf},
    sync::Arc,
};

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{
    Error, GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutPayload, memory::InMemory,
    path::Path,
};

use super::{error::StateError, lock::Lock, rights};
use runtime::Runtime;

/// How many objects are read at the same time.
const READS_MAX: usize = 16;

/// A folder in a place for objects. A clone is the same folder.
#[derive(Clone)]
pub struct Store {
    objects: Arc<dyn ObjectStore>,
    runtime: Arc<Runtime>,
    /// Where its names are, in the place.
    prefix: Path,
    /// The same for people.
    shown: String,
    /// The same as a directory.
    local: Option<PathBuf>,
    /// Keeps other processes out.
    _lock: Option<Arc<Lock>>,
}

impl Store {
    /// Opens a place: a directory, which is created if it is missing and kept from other processes, also as `file:` URL;
    /// or the URL of a bucket (`s3://`, `gs://`, `az://` and their like), with what the environment says about it.
    pub fn open(place: &str) -> Result<Self, StateError> {
        match place::parse(place)? {
            place::Place::Folder(folder) => Self::directory(&folder),
            place::Place::Bucket(url) => {
                let (objects, prefix) = place::bucket(place, &url)?;
                Self::objects(objects, prefix.as_ref(), url.as_str().trim_end_matches('/'))
            }
        }
    }

    /// A place that is gone with the process: for tests.
    pub fn memory() -> Result<Self, StateError> {
        Self::objects(Arc::new(InMemory::new()), "", "memory:")
    }

    /// A folder in any object store, treated as a bucket; `shown` is its name for people.
    pub fn objects(objects: Arc<dyn ObjectStore>, prefix: &str, shown: &str) -> Result<Self, StateError> {
        let shown = shown.to_owned();
        let prefix = Path::parse(prefix)
            .map_err(|error| StateError::Place { place: shown.clone(), why: error.to_string() })?;
        let runtime = Arc::new(Runtime::start()?);
        Ok(Self { objects, runtime, prefix, shown, local: None, _lock: None })
    }

    fn directory(folder: &FilePath) -> Result<Self, StateError> {
        create_folder(folder)?;
        let folder = fs::canonicalize(folder).map_err(StateError::file("open", folder.display()))?;
        let lock = Lock::take(&folder, ".lock")?;
        let shown = folder.display().to_string();
        let objects = place::directory(&folder)?;
        let store = Self::objects(objects, "", &shown)?;
        Ok(Self { local: Some(folder), _lock: Some(Arc::new(lock)), ..store })
    }

    /// A folder in this one. Any name will do: it becomes one safe segment of a path.
    pub fn folder(&self, name: &str) -> Result<Self, StateError> {
        let folder = self.at(&name::segment(name))?;
        folder.local.as_deref().map_or(Ok(()), create_folder)?;
        Ok(folder)
    }

    /// The folder of a segment; it is not created.
    fn at(&self, segment: &str) -> Result<Self, StateError> {
        let local = self.local.as_ref().map(|folder| folder.join(segment));
        let shown = self.shown_name(segment);
        Ok(Self { prefix: self.path(segment)?, shown, local, ..self.clone() })
    }

    /// The directory, if it is one.
    pub fn local_folder(&self) -> Option<&FilePath> {
        self.local.as_deref()
    }

    /// The folder, for people.
    pub fn shown(&self) -> &str {
        &self.shown
    }

    /// An object's full name, for people.
    pub fn shown_name(&self, name: &str) -> String {
        format!("{}/{name}", self.shown)
    }

    /// Creates an object; [`StateError::Exists`] if there is one of this name.
    pub fn put_new(&self, name: &str, bytes: impl Into<PutPayload>) -> Result<(), StateError> {
        self.put_as(name, bytes.into(), PutMode::Create)
    }

    /// As [`Store::put_new`], for bytes that only this writer could have written: if they are there already, the answer to
    /// the put that made them was lost on the way, and all is well.
    pub fn put_own(&self, name: &str, bytes: &Bytes) -> Result<(), StateError> {
        match self.put_new(name, bytes.clone()) {
            Err(StateError::Exists { .. }) if self.get(name)?.as_ref() == Some(bytes) => Ok(()),
            done => done,
        }
    }

    /// Creates or replaces an object.
    pub fn put(&self, name: &str, bytes: impl Into<PutPayload>) -> Result<(), StateError> {
        self.put_as(name, bytes.into(), PutMode::Overwrite)
    }

    fn put_as(&self, name: &str, bytes: PutPayload, mode: PutMode) -> Result<(), StateError> {
        let (objects, path) = (Arc::clone(&self.objects), self.path(name)?);
        match self.runtime.run(async move { objects.put_opts(&path, bytes, mode.into()).await })? {
            Ok(_) => {
                self.close(name);
                Ok(())
            }
            Err(Error::AlreadyExists { .. }) => Err(StateError::Exists { file: self.shown_name(name) }),
            Err(cause) => Err(self.failed("write", name, cause)),
        }
    }

    /// In a directory, an object that was put is for its owner alone. A file system that has no such rights is told of when
    /// the folder is opened.
    fn close(&self, name: &str) {
        if let Some(folder) = &self.local {
            drop(rights::close_file(&folder.join(name)));
        }
    }

    /// An object's bytes; none if there is none.
    pub fn get(&self, name: &str) -> Result<Option<Bytes>, StateError> {
        self.get_as(name, None)
    }

    /// A part of an object, as far as it goes; none if there is no object.
    pub fn get_range(&self, name: &str, range: Range<u64>) -> Result<Option<Bytes>, StateError> {
        match range.is_empty() {
            true => Ok(Some(Bytes::new())),
            false => self.get_as(name, Some(range)),
        }
    }

    fn get_as(&self, name: &str, range: Option<Range<u64>>) -> Result<Option<Bytes>, StateError> {
        let (objects, path) = (Arc::clone(&self.objects), self.path(name)?);
        let read = self.runtime.run(async move { read(&*objects, &path, range).await })?;
        read.map_err(|cause| self.failed("read", name, cause))
    }

    /// The bytes of several objects, in this order; none for those that are not there.
    pub fn get_all(&self, names: &[String]) -> Result<Vec<Option<Bytes>>, StateError> {
        let paths = names.iter().map(|name| self.path(name)).collect::<Result<Vec<_>, _>>()?;
        let objects = Arc::clone(&self.objects);
        let read = async move {
            let reads = paths.into_iter().map(|path| {
                let objects = Arc::clone(&objects);
                async move { read(&*objects, &path, None).await }
            });
            stream::iter(reads).buffered(READS_MAX).try_collect().await
        };
        self.runtime.run(read)?.map_err(|cause| self.failed("read", "", cause))
    }

    /// Names of this folder that begin so, ascending, with the sizes of their objects in bytes.
    pub fn list(&self, prefix: &str) -> Result<Vec<(String, u64)>, StateError> {
        let (objects, path) = (Arc::clone(&self.objects), self.prefix.clone());
        let listed = self.runtime.run(async move { objects.list_with_delimiter(Some(&path)).await })?;
        let listed = listed.map_err(|cause| self.failed("list", prefix, cause))?;
        let named = listed.objects.into_iter().filter_map(|object| {
            let name = object.location.filename().filter(|name| name.starts_with(prefix))?;
            Some((name.to_owned(), object.size))
        });
        let mut named: Vec<_> = named.collect();
        named.sort_unstable();
        Ok(named)
    }

    /// Deletes an object; it may be gone already.
    pub fn delete(&self, name: &str) -> Result<(), StateError> {
        self.delete_all(&[name.to_owned()])
    }

    /// Deletes objects, which may be gone already; in a directory they stay gone when this returns.
    pub fn delete_all(&self, names: &[String]) -> Result<(), StateError> {
        let Some(first) = names.first() else { return Ok(()) };
        let paths = names.iter().map(|name| self.path(name)).collect::<Result<Vec<_>, _>>()?;
        let objects = Arc::clone(&self.objects);
        let deleted = async move {
            let mut deleted = objects.delete_stream(stream::iter(paths).map(Ok).boxed());
            while let Some(one) = deleted.next().await {
                match one {
                    Ok(_) | Err(Error::NotFound { .. }) => {}
                    Err(cause) => return Err(cause),
                }
            }
            Ok(())
        };
        self.runtime.run(deleted)?.map_err(|cause| self.failed("delete", first, cause))?;
        self.local.as_deref().map_or(Ok(()), sync_folder)
    }

    /// Removes what a put that a crash cut short has left: `NAME#1` and the like. Only the owner of the folder may.
    pub(super) fn sweep(&self) -> Result<(), StateError> {
        let Some(folder) = &self.local else { return Ok(()) };
        let failed = || StateError::file("list", folder.display());
        for entry in fs::read_dir(folder).map_err(failed())? {
            let path = entry.map_err(failed())?.path();
            let staged = path.file_name().and_then(|name| name.to_str()?.rsplit_once('#'));
            if staged.is_some_and(|(_, turn)| turn.parse::<u32>().is_ok()) {
                fs::remove_file(&path).map_err(StateError::file("remove", path.display()))?;
            }
        }
        Ok(())
    }

    fn path(&self, name: &str) -> Result<Path, StateError> {
        let path = format!("{}/{name}", self.prefix.as_ref());
        Path::parse(path)
            .map_err(|error| StateError::Place { place: self.shown_name(name), why: error.to_string() })
    }

    fn failed(&self, doing: &'static str, name: &str, cause: Error) -> StateError {
        StateError::Object { doing, file: self.shown_name(name), cause: Box::new(cause) }
    }
}

/// An object or a part of it, as far as it goes; nothing is allocated beyond its size.
async fn read(
    objects: &dyn ObjectStore,
    path: &Path,
    range: Option<Range<u64>>,
) -> object_store::Result<Option<Bytes>> {
    let start = range.as_ref().map_or(0, |range| range.start);
    let options = GetOptions { range: range.map(GetRange::Bounded), ..GetOptions::default() };
    match objects.get_opts(path, options).await {
        Ok(found) => found.bytes().await.map(Some),
        Err(Error::NotFound { .. }) => Ok(None),
        // A range behind the end is refused, by each store in its own way.
        Err(cause) => match objects.head(path).await {
            Ok(object) if start > 0 && object.size <= start => Ok(Some(Bytes::new())),
            _ => Err(cause),
        },
    }
}

/// Creates a directory, for its owner alone, and what is above it, so that they stay.
pub(super) fn create_folder(folder: &FilePath) -> Result<(), StateError> {
    let mut missing: Vec<&FilePath> = Vec::new();
    for above in folder.ancestors().take_while(|above| !above.as_os_str().is_empty() && !above.exists()) {
        missing.push(above);
    }
    for above in missing.into_iter().rev() {
        let created = if above == folder { rights::create_folder(above) } else { fs::create_dir(above) };
        match created {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(StateError::file("create", above.display())(error));
            }
            _ => {}
        }
        let above = above.parent().filter(|above| !above.as_os_str().is_empty());
        sync_folder(above.unwrap_or(FilePath::new(".")))?;
    }
    Ok(())
}

/// Makes sure that what was created, renamed or removed in a directory stays so.
pub(super) fn sync_folder(folder: &FilePath) -> Result<(), StateError> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(StateError::file("sync", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(test: impl Fn(Store)) {
        let folder = tempfile::tempdir().unwrap();
        test(Store::open(folder.path().join("a/b").to_str().unwrap()).unwrap());
        test(Store::memory().unwrap());
    }

    #[test]
    fn objects_come_back_and_a_create_is_won_once() {
        both(|store| {
            let store = store.folder("a view/of \"much\" % ü.").unwrap();
            assert_eq!(store.get("x").unwrap(), None);
            assert_eq!(store.list("").unwrap(), []);
            store.put_new("x-1", vec![1; 100]).unwrap();
            assert!(matches!(store.put_new("x-1", vec![2]), Err(StateError::Exists { .. })));
            assert!(matches!(store.put_own("x-1", &vec![2].into()), Err(StateError::Exists { .. })));
            store.put_own("x-1", &vec![1; 100].into()).unwrap();
            store.put("x-0", vec![3; 10]).unwrap();
            store.put("x-0", vec![4; 11]).unwrap();
            store.put("y", vec![]).unwrap();
            assert_eq!(store.get("x-1").unwrap().unwrap(), vec![1; 100]);
            assert_eq!(store.list("x-").unwrap(), [("x-0".into(), 11), ("x-1".into(), 100)]);
            assert_eq!(store.list("").unwrap().len(), 3);
            let all = store.get_all(&["y".into(), "z".into(), "x-0".into()]).unwrap();
            assert_eq!(all, [Some(Bytes::new()), None, Some(vec![4; 11].into())]);
            store.delete_all(&["y".into(), "z".into(), "x-1".into()]).unwrap();
            store.delete("y").unwrap();
            assert_eq!(store.list("").unwrap(), [("x-0".into(), 11)]);
        });
    }

    #[test]
    fn a_range_goes_as_far_as_the_object() {
        both(|store| {
            store.put("x", (0..10).collect::<Vec<u8>>()).unwrap();
            let get = |range| store.get_range("x", range).unwrap().unwrap();
            assert_eq!(get(2..4), vec![2, 3]);
            assert_eq!(get(8..1 << 60), vec![8, 9]);
            assert_eq!(get(10..11), "");
            assert_eq!(get(1 << 60..1 << 61), "");
            assert_eq!(get(3..3), "");
            assert_eq!(store.get_range("y", 0..1).unwrap(), None);
        });
    }

    #[test]
    fn folders_are_apart_and_a_directory_is_one_of_the_file_system() {
        both(|store| {
            let (one, two) = (store.folder("one").unwrap(), store.folder("lock").unwrap());
            one.put("x", vec![1]).unwrap();
            assert_eq!(two.get("x").unwrap(), None);
            assert_eq!(two.list("").unwrap(), []);
            if let Some(folder) = one.local_folder() {
                assert_eq!(fs::read(folder.join("x")).unwrap(), [1]);
                fs::write(folder.join("x#1"), [2]).unwrap();
                fs::write(folder.join("x#1y"), [2]).unwrap();
                one.sweep().unwrap();
                let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
                let names: std::collections::BTreeSet<_> = names.collect();
                assert_eq!(names, ["x".into(), "x#1y".into()].into());
            }
        });
    }

    #[test]
    fn calls_from_an_async_task_do_not_panic() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path().to_str().unwrap()).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async move {
            store.put("x", vec![1]).unwrap();
            drop(store);
        });
    }
}
