//! The components that deployments name: in the operator's folder, uploaded, or in a registry.
//!
//! The bytes of every component that a deployment names are kept by their SHA-256, so that a restart finds the ones with which it was
//! deployed, whatever became of the file or the name since.
//!
//! ```text
//! STATE/+plugins/SHA256       the bytes
//! STATE/+plugins/name.NAME    an uploaded plugin: the SHA-256 of its bytes
//! ```

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read as _,
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

use sha2::{Digest as _, Sha256};
use streamgauge_common::hexadecimal::hexadecimal;
use streamgauge_registry::Location;
use streamgauge_sql::catalog::{PluginWarning, WrongPlugin};
use streamgauge_state::{error::StateError, store::Store};

use crate::deploy::{PluginPlace, pull_component};

const FOLDER: &str = "+plugins";
/// What names of objects begin with that are uploaded plugins.
const NAMED: &str = "name.";
/// How a component begins: the magic and the version of the component model.
const COMPONENT: &[u8] = b"\0asm\x0d\0\x01\0";

/// The components of a host.
#[derive(Clone)]
pub struct PluginStore {
    objects: Store,
    folder: Option<PathBuf>,
}

/// An uploaded plugin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Uploaded {
    /// Its name.
    pub name: String,
    /// The SHA-256 of its bytes.
    pub sha256: String,
    /// How many bytes it has.
    pub bytes: u64,
}

/// Whether a text can be the name of a plugin: a file name of letters, digits, `_`, `-` and dots.
pub fn is_plugin_name(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    (1..=64).contains(&name.len()) && name.bytes().all(fits) && !name.starts_with('.')
}

/// Whether bytes begin as a component does.
pub fn is_component(bytes: &[u8]) -> bool {
    bytes.starts_with(COMPONENT)
}

impl PluginStore {
    /// In the place of a host's state; `folder` is the operator's.
    ///
    /// # Errors
    /// The place cannot be used.
    pub fn new(root: &Store, folder: Option<PathBuf>) -> Result<Self, StateError> {
        Ok(Self { objects: root.part(FOLDER)?, folder })
    }

    /// Keeps a component under a name; one of that name is replaced, for deployments that name it from now on.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn upload(&self, name: &str, bytes: &[u8]) -> Result<Uploaded, StateError> {
        let sha256 = self.keep(bytes)?;
        self.objects.put(&format!("{NAMED}{name}"), sha256.clone().into_bytes())?;
        Ok(Uploaded { name: name.to_owned(), sha256, bytes: bytes.len() as u64 })
    }

    /// All that were uploaded, by name.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn uploaded(&self) -> Result<Vec<Uploaded>, StateError> {
        let objects = self.objects.list("")?;
        let mut uploaded = Vec::new();
        for (object, _) in &objects {
            let Some(name) = object.strip_prefix(NAMED) else { continue };
            let Some(sha256) = self.sha256_of(name)? else { continue };
            let bytes = objects.iter().find(|(object, _)| *object == sha256).map_or(0, |(_, bytes)| *bytes);
            uploaded.push(Uploaded { name: name.to_owned(), sha256, bytes });
        }
        Ok(uploaded)
    }

    /// Removes a name; whether there was one.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove(&self, name: &str) -> Result<bool, StateError> {
        let was_there = self.sha256_of(name)?.is_some();
        self.objects.delete(&format!("{NAMED}{name}"))?;
        Ok(was_there)
    }

    /// Removes the bytes that neither a name nor a deployment has: `used` are the SHA-256 of these.
    ///
    /// # Errors
    /// They cannot be listed or removed.
    pub fn prune(&self, used: &BTreeSet<String>) -> Result<(), StateError> {
        let named: BTreeSet<String> = self.uploaded()?.into_iter().map(|plugin| plugin.sha256).collect();
        let objects = self.objects.list("")?.into_iter().map(|(object, _)| object);
        let unused: Vec<String> = objects
            .filter(|object| !object.starts_with(NAMED) && !named.contains(object) && !used.contains(object))
            .collect();
        self.objects.delete_all(&unused)
    }

    /// The components for one program. `pins` are those with which it was deployed; none = they are looked up anew. `registries` may be
    /// named.
    pub fn place<'a>(&'a self, pins: Option<&'a [(String, String)]>, registries: &'a [String]) -> Place<'a> {
        Place { plugins: self, pins, registries, used: Mutex::default() }
    }

    fn sha256_of(&self, name: &str) -> Result<Option<String>, StateError> {
        let bytes = self.objects.get(&format!("{NAMED}{name}"))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Keeps bytes; gives their SHA-256.
    fn keep(&self, bytes: &[u8]) -> Result<String, StateError> {
        let sha256 = hexadecimal(&Sha256::digest(bytes));
        match self.objects.put_new(&sha256, bytes.to_vec()) {
            Ok(()) | Err(StateError::Exists { .. }) => Ok(sha256),
            Err(error) => Err(error),
        }
    }
}

/// The components for one program.
pub struct Place<'a> {
    plugins: &'a PluginStore,
    pins: Option<&'a [(String, String)]>,
    registries: &'a [String],
    used: Mutex<Vec<(String, String)>>,
}

impl Place<'_> {
    /// The components that were read: by the name in FROM, with the SHA-256 of each.
    pub fn used(self) -> Vec<(String, String)> {
        let mut used = self.used.into_inner().unwrap_or_else(PoisonError::into_inner);
        used.sort();
        used.dedup();
        used
    }

    fn read_new(
        &self,
        from: &str,
        bytes_max: usize,
    ) -> Result<(Vec<u8>, Option<PluginWarning>), WrongPlugin> {
        if Location::is_meant(from) {
            let registry = from.trim_start_matches("oci://").split('/').next().unwrap_or_default();
            if !self.registries.iter().any(|allowed| allowed.eq_ignore_ascii_case(registry)) {
                return Err(wrong(
                    format!("registry '{registry}' is not allowed on this host"),
                    "the operator allows it with `registries` of [allow] in the configuration",
                ));
            }
            return pull_component(from, bytes_max);
        }
        // A path of whoever deploys: here the name alone counts.
        let from = from.rsplit('/').next().unwrap_or(from);
        if !is_plugin_name(from) {
            return Err(wrong(
                format!("'{from}' is no name of a plugin on this host"),
                "write FROM 'name.wasm', and upload the component with `streamgauge deploy`, which does so, or PUT /v1/plugins/name",
            ));
        }
        if let Some(file) = self.plugins.folder.as_ref().and_then(|folder| File::open(folder.join(from)).ok())
        {
            let mut bytes = Vec::new();
            let most = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
            let read = file.take(most).read_to_end(&mut bytes);
            read.map_err(|error| wrong(format!("cannot read plugin '{from}': {error}"), ""))?;
            return match bytes.len() > bytes_max {
                true => Err(wrong(format!("plugin '{from}' is larger than {bytes_max} bytes"), "")),
                false => Ok((bytes, None)),
            };
        }
        let name = from.strip_suffix(".wasm").unwrap_or(from);
        let found = self.plugins.sha256_of(name).and_then(|sha256| match sha256 {
            Some(sha256) => self.plugins.objects.get(&sha256),
            None => Ok(None),
        });
        match found.map_err(|error| wrong(format!("plugin '{name}': {error}"), ""))? {
            Some(bytes) => Ok((bytes.to_vec(), None)),
            None => Err(wrong(
                format!("there is no plugin '{name}' on this host"),
                "`streamgauge deploy` uploads the components that the file names; or PUT /v1/plugins/name",
            )),
        }
    }
}

impl PluginPlace for Place<'_> {
    fn read(&self, from: &str, bytes_max: usize) -> Result<(Vec<u8>, Option<PluginWarning>), WrongPlugin> {
        let failed = |error: StateError| wrong(format!("component '{from}': {error}"), "");
        let pinned = self.pins.and_then(|pins| pins.iter().find(|(name, _)| name == from));
        let (bytes, warning, sha256) = match pinned {
            Some((_, sha256)) => {
                let kept = self.plugins.objects.get(sha256).map_err(failed)?;
                let gone = || {
                    wrong(
                        format!("the bytes of component '{from}' are gone from the state"),
                        "deploy it again",
                    )
                };
                let bytes = kept.ok_or_else(gone)?.to_vec();
                if hexadecimal(&Sha256::digest(&bytes)) != *sha256 {
                    return Err(wrong(
                        format!(
                            "the bytes of component '{from}' are damaged in the state: their SHA-256 is not {sha256}"
                        ),
                        "bring the state back from a backup",
                    ));
                }
                (bytes, None, sha256.clone())
            }
            None => {
                let (bytes, warning) = self.read_new(from, bytes_max)?;
                let sha256 = self.plugins.keep(&bytes).map_err(failed)?;
                (bytes, warning, sha256)
            }
        };
        self.used.lock().unwrap_or_else(PoisonError::into_inner).push((from.to_owned(), sha256));
        Ok((bytes, warning))
    }
}

fn wrong(message: String, help: &str) -> WrongPlugin {
    WrongPlugin { option: None, message, help: (!help.is_empty()).then(|| help.to_owned()) }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_a_program_was_deployed_with_stays_whatever_is_uploaded_since() {
        let root = Store::memory().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let plugins = PluginStore::new(&root, Some(folder.path().to_owned())).unwrap();
        let first = plugins.upload("geo", b"one").unwrap();
        let place = plugins.place(None, &[]);
        assert_eq!(place.read("geo.wasm", 10).unwrap().0, b"one");
        let used = place.used();
        assert_eq!(used, [("geo.wasm".to_owned(), first.sha256.clone())]);
        let second = plugins.upload("geo", b"other").unwrap();
        assert_eq!(plugins.place(None, &[]).read("geo.wasm", 10).unwrap().0, b"other");
        assert_eq!(plugins.place(Some(&used), &[]).read("geo.wasm", 10).unwrap().0, b"one");
        fs::write(folder.path().join("geo.wasm"), "file").unwrap();
        assert_eq!(
            plugins.place(None, &[]).read("geo.wasm", 10).unwrap().0,
            b"file",
            "the operator's goes first"
        );
        assert!(plugins.place(None, &[]).read("geo.wasm", 3).is_err());
        plugins.prune(&[first.sha256.clone()].into()).unwrap();
        assert_eq!(plugins.place(Some(&used), &[]).read("geo.wasm", 10).unwrap().0, b"one");
        plugins.objects.put(&first.sha256, b"two".to_vec()).unwrap();
        let damaged = plugins.place(Some(&used), &[]).read("geo.wasm", 10).unwrap_err();
        assert!(damaged.message.contains("damaged"), "{}", damaged.message);
        plugins.prune(&BTreeSet::new()).unwrap();
        assert!(plugins.place(Some(&used), &[]).read("geo.wasm", 10).is_err());
        assert_eq!(plugins.uploaded().unwrap(), [Uploaded { name: "geo".into(), ..second }]);
        assert!(plugins.remove("geo").unwrap());
        assert!(!plugins.remove("geo").unwrap());
    }

    #[test]
    fn no_name_leads_to_a_file_elsewhere() {
        let root = Store::memory().unwrap();
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("secret"), "x").unwrap();
        fs::create_dir(folder.path().join("plugins")).unwrap();
        let plugins = PluginStore::new(&root, Some(folder.path().join("plugins"))).unwrap();
        for from in ["../secret", "/etc/passwd", "..", ".", "", "a/b.wasm", "a\0", "oci://evil.example/x:1"] {
            assert!(plugins.place(None, &["ok.example".into()]).read(from, 100).is_err(), "{from}");
        }
    }
}
