//! The sinks that are there, each compiled and asked what it is when a statement first names it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{Descriptor, SinkComponent};
use crate::{check::Refused, runtime::Runtime};

/// A compiled sink with its description.
pub struct LoadedSink {
    /// What starts instances.
    pub component: SinkComponent,
    /// What it says about itself.
    pub description: Descriptor,
}

/// The sinks that were named, by name.
#[derive(Default)]
pub(crate) struct LoadedSinks(Mutex<HashMap<String, Arc<LoadedSink>>>);

impl LoadedSinks {
    /// A sink that is part of the product; none if there is none of this name.
    pub(crate) fn get(&self, runtime: &Runtime, name: &str) -> Result<Option<Arc<LoadedSink>>, Refused> {
        let mut table = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(loaded) = table.get(name) {
            return Ok(Some(Arc::clone(loaded)));
        }
        let Some(component) = SinkComponent::embedded(runtime, name)? else { return Ok(None) };
        let description = component.describe()?;
        let loaded = Arc::new(LoadedSink { component, description });
        table.insert(name.to_owned(), Arc::clone(&loaded));
        Ok(Some(loaded))
    }
}
