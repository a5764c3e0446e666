//! What `--state` may say.

use std::{
    env,
    path::{Path, PathBuf},
    sync::Arc,
};

use object_store::{ObjectStore, local::LocalFileSystem, parse_url_opts, path::Path as ObjectPath};
use reqwest::Url;

use crate::error::StateError;

/// The environment's variables that speak of buckets. Others are not for this: a `TOKEN` is somebody else's.
const VARIABLES: [&str; 3] = ["AWS_", "GOOGLE_", "AZURE_"];
const SCHEMES: [&str; 9] = ["s3", "s3a", "gs", "az", "azure", "adl", "abfs", "abfss", "https"];
/// A put of some hundred megabytes takes its time; the client's own limit is 30 seconds.
const REQUEST_TIMEOUT: &str = "300s";

/// A place, by its kind.
#[derive(Debug, PartialEq)]
pub(super) enum Place {
    Folder(PathBuf),
    Bucket(Url),
}

pub(super) fn parse(place: &str) -> Result<Place, StateError> {
    let refused = |why: &str| StateError::Place { place: place.to_owned(), why: why.to_owned() };
    if place.is_empty() {
        return Err(refused("it is empty; name a directory or the URL of a bucket"));
    }
    if !place.contains("://") && !place.starts_with("file:") {
        return Ok(Place::Folder(PathBuf::from(place)));
    }
    let url = Url::parse(place).map_err(|error| refused(&format!("not a URL: {error}")))?;
    match url.scheme() {
        "file" => {
            url.to_file_path().map(Place::Folder).map_err(|()| refused("write file:///path/of/a/directory"))
        }
        scheme if SCHEMES.contains(&scheme) => Ok(Place::Bucket(url)),
        _ => Err(refused("name a directory, or a bucket as s3://, gs:// or az://")),
    }
}

/// A bucket and the path in it.
pub(super) fn bucket(place: &str, url: &Url) -> Result<(Arc<dyn ObjectStore>, ObjectPath), StateError> {
    let variables = env::vars_os().filter_map(|(key, value)| {
        let key =
            key.into_string().ok().filter(|key| VARIABLES.iter().any(|known| key.starts_with(known)))?;
        Some((key, value.into_string().ok()?))
    });
    let options = [("timeout".to_owned(), REQUEST_TIMEOUT.to_owned())].into_iter().chain(variables);
    let (objects, path) = parse_url_opts(url, options)
        .map_err(|error| StateError::Place { place: place.to_owned(), why: error.to_string() })?;
    Ok((objects.into(), path))
}

/// A directory as an object store: files are synced before they get their name, and the directory after.
pub(super) fn directory(folder: &Path) -> Result<Arc<dyn ObjectStore>, StateError> {
    let opened = LocalFileSystem::new_with_prefix(folder);
    let objects = opened.map_err(|cause| StateError::Object {
        doing: "open",
        file: folder.display().to_string(),
        cause: Box::new(cause),
    })?;
    Ok(Arc::new(objects.with_fsync(true)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_and_urls_are_told_apart() {
        let folder = |path: &str| Place::Folder(path.into());
        assert_eq!(parse("state").unwrap(), folder("state"));
        assert_eq!(parse("/var/lib/a b").unwrap(), folder("/var/lib/a b"));
        assert_eq!(parse("file:///var/lib/a%20b").unwrap(), folder("/var/lib/a b"));
        assert!(matches!(parse("s3://bucket/path").unwrap(), Place::Bucket(_)));
        for wrong in ["", "ftp://host/x", "memory:///", "file://host/x", "s3://"] {
            assert!(matches!(parse(wrong), Err(StateError::Place { .. })) || wrong == "s3://", "{wrong}");
        }
    }

    #[test]
    fn buckets_open_without_being_reached() {
        for place in ["s3://bucket/some/path", "gs://bucket/some/path", "az://account/some/path"] {
            let Place::Bucket(url) = parse(place).unwrap() else { panic!("{place} is a bucket") };
            match bucket(place, &url) {
                Ok((_, path)) => assert_eq!(path.as_ref(), "some/path"),
                // Azure asks for an account that only the environment has.
                Err(error) => assert!(place.starts_with("az"), "{error}"),
            }
        }
    }
}
