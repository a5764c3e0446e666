//! Step 7: a sink, which makes requests of rows and says what the answers mean. It sends nothing.

mod exports;
mod shared;
mod answer;
mod loaded;
mod option;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streamgauge_common::{
    column::{Bitmap, Column, Texts},
    message::{Request, Response},
};
use streamgauge_engine::Fault;
use streamgauge_sql::{
    catalog::Parameter,
    manifest::Output,
    types::{DataType, Value},
};
use wasmtime::component::InstancePre;

use super::{
    check::{Refusal, Refused, World},
    compiler::Origin,
    limits::{Budget, GuestLimits},
    runtime::Runtime,
};

use self::{
    exports::Indices,
    shared::{EncoderId, Opening, SharedInstance},
};

pub use self::loaded::LoadedSink;
pub(crate) use self::loaded::LoadedSinks;

/// A compiled sink.
#[derive(Clone)]
pub struct SinkComponent {
    runtime: Runtime,
    who: String,
    limits: GuestLimits,
    compiled: Arc<InstancePre<Budget>>,
    indices: Indices,
}

/// A running sink. Its encoders, one a query, share an instance of the component. If a call fails, that instance is lost; the next call
/// of any encoder starts another one, in which all are open again. A sink that answers scrapes stays lost.
pub struct SinkInstance {
    shared: Arc<Mutex<SharedInstance>>,
    described: Descriptor,
}

/// What one query delivers to one sink. It may be used by several threads; they wait for each other.
pub struct Encoder {
    shared: Arc<Mutex<SharedInstance>>,
    id: EncoderId,
    types: Vec<DataType>,
}

/// What a sink says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Descriptor {
    /// The connector's name in SQL.
    pub name: String,
    /// The version of the plugin.
    pub version: String,
    /// Where it delivers to and how, in one line.
    pub docs: String,
    /// What WITH takes, beside what the host takes itself.
    pub options: Vec<Parameter>,
}

/// Rows to deliver, in the order in which they were decided; one item of every list a row.
#[derive(Clone, Copy, Debug)]
pub struct Deliveries<'a> {
    /// The idempotency keys: visible ASCII.
    pub keys: &'a Texts,
    /// The order numbers in the outbox, rising.
    pub sequences: &'a [u64],
    /// The windows of the rows; none = the query has none.
    pub windows: Option<Windows<'a>>,
    /// The values, in the order of the schema.
    pub columns: &'a [Column],
}

/// The windows of rows.
#[derive(Clone, Copy, Debug)]
pub struct Windows<'a> {
    /// Microseconds since the epoch.
    pub starts: &'a [i64],
    /// Microseconds since the epoch.
    pub ends: &'a [i64],
    /// Whether a window was closed before all partitions had reached its end.
    pub forced: &'a Bitmap,
}

/// A request and what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded {
    /// What is sent.
    pub request: Request,
    /// How many deliveries, at least one: the first request carries the first ones, the next one those behind.
    pub deliveries: u32,
}

/// What has become of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The receiver has it.
    Delivered,
    /// Again, not before so many milliseconds; none = as the back-off says.
    Retry(Option<u64>),
    /// The receiver will never take it, and why.
    Rejected(String),
}

impl SinkComponent {
    /// Compiles a sink that somebody wrote. `name` is what errors call it.
    pub fn new(runtime: &Runtime, name: &str, bytes: &[u8]) -> Result<Self, Refused> {
        Self::within(runtime, name, bytes, GuestLimits::default())
    }

    /// As [`Self::new`], for a sink that may use less than others.
    pub fn within(runtime: &Runtime, name: &str, bytes: &[u8], limits: GuestLimits) -> Result<Self, Refused> {
        Self::compiled(runtime, name, bytes, limits, Origin::Foreign)
    }

    fn compiled(
        runtime: &Runtime,
        name: &str,
        bytes: &[u8],
        limits: GuestLimits,
        origin: Origin,
    ) -> Result<Self, Refused> {
        let who = format!("sink `{name}`");
        let compiled = runtime.compile(&who, World::Sink, bytes, origin)?;
        let indices = Indices::new(&compiled).map_err(|(interface, error)| {
            let why = Refusal::Export(interface, error.root_cause().to_string());
            Refused { who: who.clone(), why }
        })?;
        Ok(Self { runtime: runtime.clone(), who, limits, compiled, indices })
    }

    /// A sink that is part of the product; none if there is none of this name.
    pub fn embedded(runtime: &Runtime, name: &str) -> Result<Option<Self>, Refused> {
        let found = streamgauge_bundle::SINKS.iter().find(|(known, _)| *known == name);
        let own = |(_, bytes): &(_, &[u8])| {
            Self::compiled(runtime, name, bytes, GuestLimits::default(), Origin::Own)
        };
        found.map(own).transpose()
    }

    /// Whether it is asked instead of told: it gives no requests, but [`SinkInstance::render`] does something.
    pub fn answers_scrapes(&self) -> bool {
        self.indices.answers_scrapes()
    }

    /// What the plugin says about itself.
    pub fn describe(&self) -> Result<Descriptor, Fault> {
        Ok(self.start()?.described)
    }

    /// Starts an instance without encoders.
    pub fn start(&self) -> Result<SinkInstance, Fault> {
        let mut shared = SharedInstance::start(self.clone())?;
        let described = shared.describe()?;
        Ok(SinkInstance { shared: Arc::new(Mutex::new(shared)), described })
    }
}

impl SinkInstance {
    /// What it says about itself.
    pub fn described(&self) -> &Descriptor {
        &self.described
    }

    /// Opens an encoder for the rows of a query: options by name, those that are not given have their defaults.
    ///
    /// # Errors
    /// Where the sink does not take these options or columns: its words say what to change in the SQL.
    pub fn open(&self, options: &[(&str, Value)], query: &str, fields: &[Output]) -> Result<Encoder, Fault> {
        let mut shared = lock(&self.shared);
        let options =
            option::in_order(&self.described.options, options).map_err(|what| shared.refuse(what))?;
        let id = shared.open(Opening { options, query: query.to_owned(), fields: fields.to_vec() })?;
        let types = fields.iter().map(|field| field.data_type).collect();
        Ok(Encoder { shared: Arc::clone(&self.shared), id, types })
    }

    /// The page for a scrape: what all its encoders show.
    pub fn render(&self) -> Result<Response, Fault> {
        lock(&self.shared).render()
    }
}

impl Encoder {
    /// The requests that carry the deliveries, in their order; none at all if the sink answers scrapes.
    pub fn encode(&self, deliveries: &Deliveries<'_>) -> Result<Vec<Encoded>, Fault> {
        let count = deliveries.sequences.len();
        debug_assert_eq!(deliveries.keys.len(), count, "a key a row");
        debug_assert!(deliveries.columns.iter().all(|column| column.len() == count), "columns of one batch");
        debug_assert!(
            deliveries.columns.iter().map(Column::data_type).eq(self.types.iter().copied()),
            "the columns that it was opened for"
        );
        lock(&self.shared).encode(self.id, deliveries)
    }

    /// What an answer means for each of the deliveries that a request carries.
    pub fn judge(
        &self,
        request: &Request,
        deliveries: u32,
        response: &Response,
    ) -> Result<Vec<Outcome>, Fault> {
        lock(&self.shared).judge(self.id, (request, deliveries), response)
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        lock(&self.shared).close(self.id);
    }
}

fn lock(shared: &Mutex<SharedInstance>) -> MutexGuard<'_, SharedInstance> {
    // A guest is lost by a change of one field; it is replaced, with all encoders, when nothing can fail any more.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
