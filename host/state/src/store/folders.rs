//! The folders of a place: what is kept of each query, also of those that no program has any more.

use std::{fs, path::Path as FilePath};

use object_store::{ObjectStore, ObjectStoreExt};

use super::{Store, create_folder, name, place, sync_folder};
use crate::error::StateError;

/// Where a folder goes while it is removed: no name of a query becomes this segment.
const REMOVED: &str = "+removed";

impl Store {
    /// Opens a place to look at it: nothing is created, and a process that uses it is not disturbed.
    pub fn look(place: &str) -> Result<Self, StateError> {
        match place::parse(place)? {
            place::Place::Folder(folder) => {
                let folder = fs::canonicalize(&folder).map_err(StateError::file("open", folder.display()))?;
                let objects = place::directory(&folder)?;
                let shown = folder.display().to_string();
                Ok(Self { local: Some(folder), ..Self::objects(objects, "", &shown)? })
            }
            place::Place::Bucket(_) => Self::open(place),
        }
    }

    /// A folder in this one that is of no name: it begins with `+`.
    pub fn part(&self, segment: &'static str) -> Result<Self, StateError> {
        debug_assert!(segment.starts_with('+'), "names have the other folders");
        let part = self.at(segment)?;
        part.local.as_deref().map_or(Ok(()), create_folder)?;
        Ok(part)
    }

    /// Copies an object to another folder of the same place, if it is there.
    pub(crate) fn copy_object(&self, name: &str, to: &Self) -> Result<(), StateError> {
        let failed =
            |cause| StateError::Object { doing: "copy", file: self.shown_name(name), cause: Box::new(cause) };
        match (&self.local, &to.local) {
            // Not as the object store copies in a directory, which is by another name for the same file: logs grow.
            (Some(from), Some(folder)) => {
                let (from, copied) = (from.join(name), folder.join(name));
                if !from.exists() {
                    return Ok(());
                }
                fs::copy(&from, &copied).map_err(StateError::file("copy", from.display()))?;
                let synced = fs::File::open(&copied).and_then(|file| file.sync_all());
                synced.map_err(StateError::file("sync", copied.display()))?;
                sync_folder(folder)
            }
            _ => {
                let (objects, path, copied) = (self.objects.clone(), self.path(name)?, to.path(name)?);
                match self.runtime.run(async move { objects.copy(&path, &copied).await })? {
                    Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
                    Err(cause) => Err(failed(cause)),
                }
            }
        }
    }

    /// Copies all objects of this folder, and no folders in it, to another one of the same place. The object that says whose the others
    /// are goes last.
    pub(crate) fn copy_objects(&self, to: &Self) -> Result<(), StateError> {
        let names: Vec<String> = self.list("")?.into_iter().map(|(name, _)| name).collect();
        let (last, first): (Vec<_>, Vec<_>) =
            names.into_iter().filter(|name| !name.starts_with('.')).partition(|name| name == "query");
        first.iter().chain(&last).try_for_each(|name| self.copy_object(name, to))
    }

    /// Removes this folder with all folders in it.
    pub(crate) fn remove_tree(self) -> Result<(), StateError> {
        if self.local.is_none() {
            for (_, folder) in self.folders()? {
                folder.remove_tree()?;
            }
        }
        self.remove()
    }

    /// The folders in this one, by the names that they were made for, ascending. (A name that is too long for a path is
    /// shown as the path has it.)
    pub fn folders(&self) -> Result<Vec<(String, Self)>, StateError> {
        let mut segments = match &self.local {
            Some(folder) => local_folders(folder)?,
            None => {
                let (objects, path) = (self.objects.clone(), self.prefix.clone());
                let listed =
                    self.runtime.run(async move { objects.list_with_delimiter(Some(&path)).await })?;
                let listed = listed.map_err(|cause| self.failed("list", "", cause))?;
                let names = listed.common_prefixes.iter().filter_map(|folder| folder.filename());
                names.map(str::to_owned).collect()
            }
        };
        // A segment begins with one of these where it is not a name's.
        segments.retain(|segment| !segment.starts_with(['.', '+']));
        segments.sort_unstable();
        segments.into_iter().map(|segment| Ok((name::of(&segment), self.at(&segment)?))).collect()
    }

    /// The folder of a name, as it is written or without regard to case, if it is there.
    pub fn existing(&self, name: &str) -> Result<Option<(String, Self)>, StateError> {
        let mut folders = self.folders()?;
        let exact = folders.iter().position(|(known, _)| known == name);
        let at = exact.or_else(|| folders.iter().position(|(known, _)| known.eq_ignore_ascii_case(name)));
        Ok(at.map(|at| folders.swap_remove(at)))
    }

    /// Whether this is the folder of a name.
    pub fn is_of(&self, name: &str) -> bool {
        self.prefix.filename() == Some(&name::segment(name))
    }

    /// Removes this folder with all that is in it. Killed meanwhile, it is as it was, or it can be removed again.
    pub fn remove(self) -> Result<(), StateError> {
        let Some(folder) = &self.local else { return self.remove_objects() };
        let Some(above) = folder.parent() else { return Ok(()) };
        let removed = above.join(REMOVED);
        if removed.exists() {
            fs::remove_dir_all(&removed).map_err(StateError::file("remove", removed.display()))?;
        }
        fs::rename(folder, &removed).map_err(StateError::file("remove", folder.display()))?;
        sync_folder(above)?;
        fs::remove_dir_all(&removed).map_err(StateError::file("remove", removed.display()))
    }

    /// The object that says whose the others are goes last.
    fn remove_objects(&self) -> Result<(), StateError> {
        let names: Vec<String> = self.list("")?.into_iter().map(|(name, _)| name).collect();
        let (last, first): (Vec<String>, Vec<String>) = names.into_iter().partition(|name| name == "query");
        self.delete_all(&first)?;
        self.delete_all(&last)
    }

    /// When an object was put, in microseconds since the epoch; none if it is not there.
    pub fn put_at_us(&self, name: &str) -> Result<Option<i64>, StateError> {
        let (objects, path) = (self.objects.clone(), self.path(name)?);
        match self.runtime.run(async move { objects.head(&path).await })? {
            Ok(there) => Ok(Some(there.last_modified.timestamp_micros())),
            Err(object_store::Error::NotFound { .. }) => Ok(None),
            Err(cause) => Err(self.failed("read", name, cause)),
        }
    }
}

fn local_folders(folder: &FilePath) -> Result<Vec<String>, StateError> {
    let failed = || StateError::file("list", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed())? {
        let entry = entry.map_err(failed())?;
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.extend(entry.file_name().into_string().ok());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_listed_by_name_and_removed_whole() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("state");
        let place = place.to_str().unwrap();
        assert!(Store::look(place).is_err(), "looking creates nothing");
        assert!(!folder.path().join("state").exists());
        let long = "n".repeat(300);
        for store in [Store::open(place).unwrap(), Store::memory().unwrap()] {
            for name in ["b", "a view/of \"much\" % ü.", &long] {
                let query = store.folder(name).unwrap();
                query.put("query", vec![1]).unwrap();
                query.put("data-1", vec![1]).unwrap();
            }
            let names: Vec<String> = store.folders().unwrap().into_iter().map(|(name, _)| name).collect();
            assert_eq!(names[..2], ["a view/of \"much\" % ü.".to_owned(), "b".to_owned()]);
            assert!(names[2].starts_with("nnn") && names[2].contains('%'), "{names:?}");
            let (_, query) = store.existing("A view/of \"much\" % ü.").unwrap().unwrap();
            assert_eq!(query.get("data-1").unwrap().unwrap(), vec![1]);
            assert!(query.put_at_us("query").unwrap().is_some_and(|us| us > 0));
            assert_eq!(query.put_at_us("other").unwrap(), None);
            query.remove().unwrap();
            assert_eq!(store.folders().unwrap().len(), 2);
            assert!(store.existing("c").unwrap().is_none());
            store.existing(&names[2]).unwrap().unwrap().1.remove().unwrap();
            assert_eq!(store.folders().unwrap().len(), 1);
        }
        assert_eq!(Store::look(place).unwrap().folders().unwrap().len(), 1, "nobody is locked out");
    }
}
