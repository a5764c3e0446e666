//! The components of users: uploaded, listed, and removed when nobody names them any more.

use std::{
    collections::BTreeSet,
    sync::{PoisonError, RwLockReadGuard},
};

use super::{Deployments, Refused};
use crate::server::plugins::Uploaded;

impl Deployments {
    /// Removes components that nobody names any more.
    pub(super) fn prune_components(&self) -> Result<(), Refused> {
        // Another time, where somebody needs components now.
        let Ok(_unused) = self.components_used.try_write() else { return Ok(()) };
        let mut used = BTreeSet::new();
        for known in self.lock().values() {
            let plugins = known.record.versions.iter().flat_map(|version| &version.plugins);
            used.extend(plugins.map(|(_, sha256)| sha256.clone()));
        }
        Ok(self.components.prune(&used)?)
    }

    /// Keeps a component under a name.
    ///
    /// # Errors
    /// It is none, or it cannot be written.
    pub fn upload(&self, name: &str, bytes: &[u8]) -> Result<Uploaded, Refused> {
        let _using = self.using_components();
        Ok(self.components.upload(name, bytes)?)
    }

    /// The plugins that were uploaded, and the deployments that use the bytes of each.
    ///
    /// # Errors
    /// They cannot be read.
    pub fn uploaded(&self) -> Result<Vec<(Uploaded, Vec<String>)>, Refused> {
        let uploaded = self.components.uploaded()?;
        let known = self.lock();
        let uses = |sha256: &str| {
            let current = known.iter().filter(|(_, known)| {
                let plugins = known.record.current().into_iter().flat_map(|version| &version.plugins);
                plugins.into_iter().any(|(_, used)| used == sha256)
            });
            current.map(|(name, _)| name.clone()).collect()
        };
        Ok(uploaded.into_iter().map(|plugin| (plugin.clone(), uses(&plugin.sha256))).collect())
    }

    /// Removes a plugin's name; deployments that were deployed with it keep its bytes. Whether there was one.
    ///
    /// # Errors
    /// It cannot be removed.
    pub fn remove_plugin(&self, name: &str) -> Result<bool, Refused> {
        let was_there = self.components.remove(name)?;
        self.prune_components()?;
        Ok(was_there)
    }

    /// Held by whoever needs components that no record names yet.
    pub(super) fn using_components(&self) -> RwLockReadGuard<'_, ()> {
        self.components_used.read().unwrap_or_else(PoisonError::into_inner)
    }
}
