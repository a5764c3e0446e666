//! What the deployments of one process share: sources that several of them read, and the threads that keep state.
//!
//! Two deployments share a source where they would read the same records and decode them in the same way. Each begins by a reader of
//! its own and joins the others at the source's [`RejoinPoint`](crate::pipeline::RejoinPoint) when it is level with them.

use std::{
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use streamgauge_sql::manifest::{Source, Start};
use streamgauge_state::pool::{PoolSettings, StatePool};

use super::{DeployError, Deployment, source::schema};
use crate::{decode::schema::SharedSchema, limits::Limits, pipeline, source::input_file::InputFiles};

/// What deployments share.
#[derive(Default)]
pub struct HostResources {
    pool_settings: PoolSettings,
    known: Mutex<Vec<Known>>,
    state_pool: Mutex<Option<StatePool>>,
}

struct Known {
    definition: Definition,
    source: Weak<pipeline::Source>,
    schema: Arc<SharedSchema>,
}

/// What must be equal for two deployments to share a source.
#[derive(PartialEq)]
struct Definition {
    /// Of its columns the event time only: any others are decoded side by side.
    source: Source,
    intervals: [Duration; 2],
    limits: Limits,
}

impl HostResources {
    /// With as many threads as `log_threads` and `checkpoint_threads` of these limits say.
    pub fn new(limits: &Limits) -> Self {
        Self { pool_settings: limits.state_pool(), ..Self::default() }
    }

    /// The threads that keep state; they are started when the first deployment needs them. A deployment whose limits want other
    /// numbers of threads is refused, because all deployments use these threads.
    pub(super) fn state_pool(&self, deployment: &Deployment<'_>) -> Result<StatePool, DeployError> {
        let (settings, wanted) = (self.pool_settings, deployment.limits.state_pool());
        if wanted != settings {
            let words = |PoolSettings { log_threads, checkpoint_threads }| {
                format!("log_threads={log_threads}, checkpoint_threads={checkpoint_threads}")
            };
            return Err(DeployError::Usage(format!(
                "error: deployment '{}' has {}, and its runtime has {}\n\
                 help: these threads keep the state of all deployments of the runtime: set the two limits where the runtime is made, \
                 and leave them so in each deployment",
                deployment.name,
                words(wanted),
                words(settings)
            )));
        }
        let mut pool = self.state_pool.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(pool) = &*pool {
            return Ok(pool.clone());
        }
        let started = StatePool::start(settings);
        let started = started
            .map_err(|error| DeployError::Runtime(format!("error: cannot start a thread: {error}")))?;
        Ok(pool.insert(started).clone())
    }

    /// The source that others read, with the columns that they read of it, if its definition is the same; else a new one. A bounded
    /// input and files are never shared.
    pub(super) fn share(
        &self,
        source: &Source,
        deployment: &Deployment<'_>,
        files: &Arc<InputFiles>,
    ) -> Result<(Arc<pipeline::Source>, Arc<SharedSchema>), DeployError> {
        let make = || {
            let schema = schema(source, deployment.limits.max_record_bytes)?;
            Ok((Arc::new(deployment.source(source, &schema, files)?), schema))
        };
        let is_live = !deployment.bounded && files.is_empty();
        if !is_live {
            return make();
        }
        let definition = Definition::of(source, deployment);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|known| known.source.strong_count() > 0);
        let found = known.iter().find(|known| known.definition == definition);
        if let Some((shared, schema)) =
            found.and_then(|found| Some((found.source.upgrade()?, found.schema.clone())))
        {
            return Ok((shared, schema));
        }
        let (made, schema) = make()?;
        known.push(Known { definition, source: Arc::downgrade(&made), schema: schema.clone() });
        Ok((made, schema))
    }
}

impl Definition {
    /// What a reader does not depend on is left out: where reading starts, and what becomes of dead letters.
    fn of(source: &Source, deployment: &Deployment<'_>) -> Self {
        let time = source.watermark.and_then(|watermark| source.columns.get(watermark.column)).cloned();
        let source = Source {
            columns: time.into_iter().collect(),
            watermark: None,
            start: Start::Default,
            dead_letters: None,
            late_dead_letters: true,
            ..source.clone()
        };
        let intervals = [deployment.checkpoint_interval, deployment.drain_timeout];
        Self { source, intervals, limits: *deployment.limits }
    }
}
