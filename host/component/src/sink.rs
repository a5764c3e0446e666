//! Step 7: a sink, which makes requests of rows and says what the answers mean. It sends nothing.

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
use wasmtime::component::{Instance, InstancePre, ResourceAny};

use super::{
    bindings::{
        columns::{ColumnParam, LiteralParam},
        scrape, sink as wit,
    },
    check::{Refusal, Refused, World},
    columns::{error_text, lift_field, lower, lower_texts, lower_type, lower_value},
    guest::{Guest, words},
    limits::Budget,
    runtime::Runtime,
};

pub use self::loaded::LoadedSink;
pub(crate) use self::loaded::LoadedSinks;

/// A compiled sink.
#[derive(Clone)]
pub struct SinkComponent {
    runtime: Runtime,
    who: String,
    compiled: InstancePre<Budget>,
    indices: wit::GuestIndices,
    /// Of a sink that answers scrapes.
    scrape: Option<scrape::GuestIndices>,
}

/// A running sink. Its encoders, one a query, share its memory and its fate: if one call fails, all are lost.
pub struct SinkInstance {
    shared: Arc<Mutex<GuestSink>>,
    described: Descriptor,
}

/// What one query delivers to one sink. It may be used by several threads; they wait for each other.
pub struct Encoder {
    shared: Arc<Mutex<GuestSink>>,
    resource: ResourceAny,
    types: Vec<DataType>,
}

struct GuestSink {
    guest: Guest,
    exports: wit::Guest,
    scrape: Option<scrape::Guest>,
    encoders: Vec<ResourceAny>,
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
    /// Compiles a sink. `name` is what errors call it.
    pub fn new(runtime: &Runtime, name: &str, bytes: &[u8]) -> Result<Self, Refused> {
        let who = format!("sink `{name}`");
        let compiled = runtime.compile(&who, World::Sink, bytes)?;
        let lacks = |world: World, error: wasmtime::Error| {
            let why = Refusal::Export(world.interface(), error.root_cause().to_string());
            Refused { who: who.clone(), why }
        };
        let indices = wit::GuestIndices::new(&compiled).map_err(|error| lacks(World::Sink, error))?;
        let answers_scrapes =
            compiled.component().get_export_index(None, World::Scrape.interface()).is_some();
        let scrape = answers_scrapes.then(|| scrape::GuestIndices::new(&compiled)).transpose();
        let scrape = scrape.map_err(|error| lacks(World::Scrape, error))?;
        Ok(Self { runtime: runtime.clone(), who, compiled, indices, scrape })
    }

    /// A sink that is part of the product; none if there is none of this name.
    pub fn embedded(runtime: &Runtime, name: &str) -> Result<Option<Self>, Refused> {
        let found = streamgauge_bundle::SINKS.iter().find(|(known, _)| *known == name);
        found.map(|(_, bytes)| Self::new(runtime, name, bytes)).transpose()
    }

    /// Whether it is asked instead of told: it gives no requests, but [`SinkInstance::render`] does something.
    pub fn answers_scrapes(&self) -> bool {
        self.scrape.is_some()
    }

    /// What the plugin says about itself.
    pub fn describe(&self) -> Result<Descriptor, Fault> {
        Ok(self.start()?.described)
    }

    /// Starts an instance without encoders.
    pub fn start(&self) -> Result<SinkInstance, Fault> {
        let (mut guest, instance): (Guest, Instance) =
            Guest::start(&self.runtime, self.who.clone(), &self.compiled)?;
        let exports = guest.call(|store| self.indices.load(store, &instance))?;
        let scrape = self.scrape.as_ref();
        let scrape = scrape.map(|indices| guest.call(|store| indices.load(store, &instance))).transpose()?;
        let described = guest.call(|store| exports.call_describe(store))?;
        let described = Descriptor {
            name: words(&described.name),
            version: words(&described.version),
            docs: words(&described.docs),
            options: described.options.into_iter().map(lift_field).collect(),
        };
        let shared = GuestSink { guest, exports, scrape, encoders: Vec::new() };
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
            option::in_order(&self.described.options, options).map_err(|what| shared.guest.refuse(what))?;
        let options: Vec<LiteralParam<'_>> = options.iter().map(lower_value).collect();
        let columns: Vec<_> = fields
            .iter()
            .map(|field| wit::SchemaColumn { name: &field.name, data_type: lower_type(field.data_type) })
            .collect();
        let schema = wit::Schema { query, columns: &columns };
        let GuestSink { guest, exports, encoders, .. } = &mut *shared;
        let opened = guest.call(|store| exports.encoder().call_open(store, &options, schema))?;
        let resource =
            opened.map_err(|error| guest.refuse(format!("cannot be opened: {}", error_text(&error))))?;
        encoders.push(resource);
        let types = fields.iter().map(|field| field.data_type).collect();
        Ok(Encoder { shared: Arc::clone(&self.shared), resource, types })
    }

    /// The page for a scrape: what all its encoders show.
    pub fn render(&self) -> Result<Response, Fault> {
        let mut shared = lock(&self.shared);
        let GuestSink { guest, scrape, encoders, .. } = &mut *shared;
        let Some(scrape) = scrape else {
            return Err(guest.refuse("answers no scrapes".to_owned()));
        };
        let page = guest.call(|store| scrape.call_render(store, encoders))?;
        answer::page(page).map_err(|what| guest.lose(what))
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
        let columns: Vec<ColumnParam<'_>> = deliveries.columns.iter().map(lower).collect();
        let windows = deliveries.windows.map(|windows| wit::Windows {
            starts: windows.starts,
            ends: windows.ends,
            forced: windows.forced.as_bytes(),
        });
        let rows = wit::Rows {
            columns: &columns,
            operations: &vec![wit::Operation::Insert; count],
            revisions: &vec![0; count],
            windows,
        };
        let content = wit::Content::Rows(rows);
        let (keys, sequences) = (lower_texts(deliveries.keys), deliveries.sequences);
        let deliveries = wit::Deliveries { keys, sequences, content };
        let mut shared = lock(&self.shared);
        let GuestSink { guest, exports, scrape, .. } = &mut *shared;
        let encoded = guest.call(|store| exports.encoder().call_encode(store, self.resource, deliveries))?;
        let requests =
            encoded.map_err(|error| guest.lose(format!("refused a batch: {}", error_text(&error))))?;
        let due = if scrape.is_some() { 0 } else { count };
        answer::requests(requests, due).map_err(|what| guest.lose(what))
    }

    /// What an answer means for each of the deliveries that a request carries.
    pub fn judge(
        &self,
        request: &Request,
        deliveries: u32,
        response: &Response,
    ) -> Result<Vec<Outcome>, Fault> {
        let headers = lower_pairs(&request.headers);
        let http = wit::HttpRequestParam {
            method: &request.method,
            url: &request.url,
            headers: &headers,
            body: &request.body,
        };
        let request = wit::RequestParam { message: wit::MessageParam::Http(http), deliveries };
        let headers = lower_pairs(&response.headers);
        let response =
            wit::ResponseParam { status: response.status, headers: &headers, body: &response.body };
        let mut shared = lock(&self.shared);
        let GuestSink { guest, exports, .. } = &mut *shared;
        let calls = exports.encoder();
        let outcomes = guest.call(|store| calls.call_judge(store, self.resource, request, response))?;
        answer::outcomes(outcomes, deliveries as usize).map_err(|what| guest.lose(what))
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let mut shared = lock(&self.shared);
        shared.encoders.retain(|encoder| *encoder != self.resource);
        // A guest that is lost is gone as a whole; one that fails here is lost for its other encoders too, who will say so.
        let _ = shared.guest.call(|store| self.resource.resource_drop(store));
    }
}

fn lower_pairs(pairs: &[(String, String)]) -> Vec<wit::PairParam<'_>> {
    pairs.iter().map(|(name, value)| wit::PairParam { name, value }).collect()
}

fn lock(shared: &Mutex<GuestSink>) -> MutexGuard<'_, GuestSink> {
    // A guest is lost by a change of one field; lists are changed in one step.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
