//! The reducers and sinks that are there, compiled when a program first names them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use sha2::{Digest as _, Sha256};
use streamgauge_common::hexadecimal::hexadecimal;
use streamgauge_engine::{Fault, StateVersions};
use streamgauge_sql::{
    catalog::Reducer,
    manifest::{Aggregate, PluginFile},
    types::DataType,
};

use super::{
    check::{Refusal, Refused},
    crash::{CrashBundle, CrashLimits, CrashedCall, Opened},
    limits::GuestLimits,
    reducer::{ReducerComponent, ReducerInstance},
    runtime::Runtime,
    sink::{LoadedSink, LoadedSinks, SinkComponent},
};

/// Components of reducers by name.
pub type Bundle = &'static [(&'static str, &'static [u8])];

/// The reducers and sinks of this host.
pub struct Plugins {
    runtime: Runtime,
    bundle: Bundle,
    loaded: Mutex<HashMap<&'static str, Arc<Loaded>>>,
    /// The reducers of users, by name in the program and by file.
    own: Mutex<HashMap<(String, PluginFile), Arc<Loaded>>>,
    sinks: LoadedSinks,
    /// The sinks of users, likewise.
    own_sinks: Mutex<HashMap<(String, PluginFile), Arc<LoadedSink>>>,
    /// The first that there was not enough of the machine for.
    lacking: OnceLock<Refused>,
}

/// A reducer that some query names.
struct Loaded {
    component: ReducerComponent,
    description: Reducer,
}

impl Plugins {
    /// The plugins that are part of the product.
    pub fn embedded(runtime: Runtime) -> Self {
        Self::new(runtime, streamgauge_bundle::REDUCERS)
    }

    /// Other reducers, and the sinks that are part of the product.
    pub fn new(runtime: Runtime, bundle: Bundle) -> Self {
        let (loaded, own) = (Mutex::default(), Mutex::default());
        let (sinks, own_sinks, lacking) = (LoadedSinks::default(), Mutex::default(), OnceLock::new());
        Self { runtime, bundle, loaded, own, sinks, own_sinks, lacking }
    }

    /// What compiles them.
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// A plugin that could not be asked when a program was compiled, since there was not enough of the machine: then it is not
    /// the query that is wrong.
    pub fn lacking(&self) -> Option<&Refused> {
        self.lacking.get()
    }

    /// Loads several reducers at once, on all cores; names that are not there are passed over.
    pub fn load(&self, names: &[&str]) -> Result<(), Refused> {
        let named: Vec<_> = self.bundle.iter().filter(|(name, _)| names.contains(name)).collect();
        let loaded = self.runtime.for_each(&named, |(name, _)| self.loaded(name));
        loaded.into_iter().try_for_each(|result| result.map(|_| ()))
    }

    /// Opens the accumulators of an aggregate call.
    pub fn open(&self, aggregate: &Aggregate) -> Result<ReducerInstance, Fault> {
        let fault = |what: String| Fault::deterministic(format!("reducer `{}`", aggregate.reducer), what);
        let loaded = self.loaded_of(aggregate)?;
        let loaded = loaded.ok_or_else(|| fault("is not there".to_owned()))?;
        let signature = loaded.description.signatures.get(aggregate.signature as usize);
        match signature {
            Some(signature) if signature.returns == aggregate.returns => {
                let versions =
                    StateVersions { written: signature.state_version, restores: signature.restores.clone() };
                loaded.component.open(aggregate, versions)
            }
            _ => Err(fault(format!("is not the one that `{}` was compiled for", aggregate.text))),
        }
    }

    /// A bundle of a call that failed of the reducer of an aggregate call; none where that is not there.
    pub fn crash_bundle(
        &self,
        query: &str,
        aggregate: &Aggregate,
        crashed: CrashedCall,
    ) -> Option<CrashBundle> {
        let loaded = self.loaded_of(aggregate).ok()??;
        let signature = loaded.description.signatures.get(aggregate.signature as usize)?;
        let component = loaded.component.bytes();
        let time = signature.needs_time.then_some(DataType::Timestamp);
        let opened = Opened {
            text: aggregate.text.clone(),
            name: aggregate.reducer.clone(),
            signature: aggregate.signature,
            parameters: aggregate.parameters.clone(),
            arguments: signature.arguments.iter().copied().chain(time).collect(),
            returns: signature.returns,
            state_version: signature.state_version,
        };
        Some(CrashBundle {
            streamgauge: env!("CARGO_PKG_VERSION").to_owned(),
            contract: loaded.component.contract().to_owned(),
            query: query.to_owned(),
            opened,
            limits: CrashLimits { run: self.runtime.limits(), guest: loaded.component.limits() },
            before: crashed.before,
            call: crashed.call,
            what: crashed.what,
            sha256: hexadecimal(&Sha256::digest(component)),
            component: Arc::clone(component),
        })
    }

    /// The reducer of this lower-case name; none if there is none. An error is one of loading it.
    pub fn reducer(&self, name: &str) -> Result<Option<Reducer>, Refused> {
        let loaded = self.loaded(name).inspect_err(|refused| self.note_lacking(refused))?;
        Ok(loaded.map(|loaded| loaded.description.clone()))
    }

    /// Compiles a reducer of a user and asks it what it is. `name` is its name in the program, in lower case; `file` has the digest of
    /// these bytes.
    pub fn load_own(
        &self,
        name: &str,
        file: &PluginFile,
        bytes: &[u8],
        limits: GuestLimits,
    ) -> Result<Reducer, Refused> {
        debug_assert!(file.sha256.is_some(), "the bytes are known by their digest");
        let key = (name.to_owned(), file.clone());
        if let Some(loaded) = self.own().get(&key) {
            return Ok(loaded.description.clone());
        }
        let component = ReducerComponent::within(&self.runtime, name, bytes, limits)
            .inspect_err(|refused| self.note_lacking(refused))?;
        let description = component.describe()?;
        let loaded = Arc::new(Loaded { component, description: description.clone() });
        self.own().insert(key, loaded);
        Ok(description)
    }

    /// The sink of this lower-case name; none if there is none. An error is one of loading it.
    pub fn sink(&self, name: &str) -> Result<Option<Arc<LoadedSink>>, Refused> {
        self.sinks.get(&self.runtime, name).inspect_err(|refused| self.note_lacking(refused))
    }

    /// As [`Self::load_own`], for a sink.
    pub fn load_own_sink(
        &self,
        name: &str,
        file: &PluginFile,
        bytes: &[u8],
        limits: GuestLimits,
    ) -> Result<Arc<LoadedSink>, Refused> {
        debug_assert!(file.sha256.is_some(), "the bytes are known by their digest");
        let key = (name.to_owned(), file.clone());
        if let Some(loaded) = self.own_sinks().get(&key) {
            return Ok(Arc::clone(loaded));
        }
        let component = SinkComponent::within(&self.runtime, name, bytes, limits)
            .inspect_err(|refused| self.note_lacking(refused))?;
        let description = component.describe()?;
        let loaded = Arc::new(LoadedSink { component, description });
        self.own_sinks().insert(key, Arc::clone(&loaded));
        Ok(loaded)
    }

    /// A sink that was loaded so; none if it was not.
    pub fn own_sink(&self, name: &str, file: &PluginFile) -> Option<Arc<LoadedSink>> {
        self.own_sinks().get(&(name.to_owned(), file.clone())).map(Arc::clone)
    }

    fn own_sinks(&self) -> MutexGuard<'_, HashMap<(String, PluginFile), Arc<LoadedSink>>> {
        self.own_sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note_lacking(&self, refused: &Refused) {
        if matches!(refused.why, Refusal::Transient(_)) {
            self.lacking.get_or_init(|| refused.clone());
        }
    }

    fn loaded_of(&self, aggregate: &Aggregate) -> Result<Option<Arc<Loaded>>, Refused> {
        match &aggregate.plugin {
            Some(plugin) => {
                Ok(self.own().get(&(aggregate.reducer.clone(), plugin.file.clone())).map(Arc::clone))
            }
            None => self.loaded(&aggregate.reducer),
        }
    }

    fn loaded(&self, name: &str) -> Result<Option<Arc<Loaded>>, Refused> {
        let Some(&(name, bytes)) = self.bundle.iter().find(|(known, _)| *known == name) else {
            return Ok(None);
        };
        if let Some(loaded) = self.table().get(name) {
            return Ok(Some(Arc::clone(loaded)));
        }
        let component = ReducerComponent::embedded(&self.runtime, name, bytes)?;
        let description = component.describe()?;
        let loaded = Arc::new(Loaded { component, description });
        self.table().insert(name, Arc::clone(&loaded));
        Ok(Some(loaded))
    }

    fn own(&self) -> MutexGuard<'_, HashMap<(String, PluginFile), Arc<Loaded>>> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn table(&self) -> MutexGuard<'_, HashMap<&'static str, Arc<Loaded>>> {
        self.loaded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
