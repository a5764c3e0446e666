//! The functions of a sink, in each version of the contract: what goes in and comes out are types of this crate.

use streamgauge_common::message::{Request, Response};
use streamgauge_sql::manifest::Output;
use wasmtime::{
    Result, Store,
    component::{Instance, InstancePre, ResourceAny},
};

use super::{Deliveries, Descriptor, Outcome};
use crate::{
    bindings::{
        self,
        columns::{Error, LiteralParam},
    },
    check::World,
    contract::ContractVersion,
    limits::Budget,
};

/// Where the functions are in a component.
#[derive(Clone)]
pub(super) enum Indices {
    V0_2(v0_2::Indices),
    V0_1(v0_1::Indices),
}

/// The functions of an instance.
pub(super) enum Exports {
    V0_2(v0_2::Exports),
    V0_1(v0_1::Exports),
}

/// A request as a sink gave it, before it is checked.
pub(super) struct Given {
    /// None = it is no HTTP request.
    pub(super) request: Option<Request>,
    pub(super) deliveries: u32,
}

/// A version of the contract: the texts are the same, the types are not.
macro_rules! version {
    ($version:ident, $sink:path, $scrape:path) => {
        mod $version {
            use super::*;
            use crate::{
                columns::{lift_fields, lower, lower_texts, lower_type},
                guest::words,
            };
            use $scrape as scrape;
            use $sink as wit;

            #[derive(Clone)]
            pub(in crate::sink) struct Indices {
                sink: wit::GuestIndices,
                /// Of a sink that answers scrapes.
                scrape: Option<scrape::GuestIndices>,
            }

            pub(in crate::sink) struct Exports {
                sink: wit::Guest,
                scrape: Option<scrape::Guest>,
            }

            impl Indices {
                pub(super) fn new(compiled: &InstancePre<Budget>, scrapes: bool) -> Result<Self> {
                    let sink = wit::GuestIndices::new(compiled)?;
                    let scrape = scrapes.then(|| scrape::GuestIndices::new(compiled)).transpose()?;
                    Ok(Self { sink, scrape })
                }

                pub(super) fn load(&self, store: &mut Store<Budget>, instance: &Instance) -> Result<Exports> {
                    let sink = self.sink.load(&mut *store, instance)?;
                    let scrape = self.scrape.as_ref();
                    let scrape = scrape.map(|indices| indices.load(&mut *store, instance)).transpose()?;
                    Ok(Exports { sink, scrape })
                }

                pub(super) fn answers_scrapes(&self) -> bool {
                    self.scrape.is_some()
                }
            }

            impl Exports {
                pub(super) fn describe(
                    &self,
                    store: &mut Store<Budget>,
                ) -> Result<std::result::Result<Descriptor, String>> {
                    let described = self.sink.call_describe(store)?;
                    let options = lift_fields(described.options, "options");
                    Ok(options.map(|options| Descriptor {
                        name: words(&described.name),
                        version: words(&described.version),
                        docs: words(&described.docs),
                        options,
                    }))
                }

                pub(super) fn open(
                    &self,
                    store: &mut Store<Budget>,
                    options: &[LiteralParam<'_>],
                    query: &str,
                    fields: &[Output],
                ) -> Result<Result<ResourceAny, Error>> {
                    let columns: Vec<_> = fields
                        .iter()
                        .map(|field| wit::SchemaColumn {
                            name: &field.name,
                            data_type: lower_type(field.data_type),
                        })
                        .collect();
                    let schema = wit::Schema { query, columns: &columns };
                    self.sink.encoder().call_open(store, options, schema)
                }

                pub(super) fn encode(
                    &self,
                    store: &mut Store<Budget>,
                    encoder: ResourceAny,
                    deliveries: &Deliveries<'_>,
                ) -> Result<Result<Vec<Given>, Error>> {
                    let count = deliveries.sequences.len();
                    let columns: Vec<_> = deliveries.columns.iter().map(lower).collect();
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
                    let encoded = self.sink.encoder().call_encode(store, encoder, deliveries)?;
                    Ok(encoded.map(|requests| requests.into_iter().map(given).collect()))
                }

                pub(super) fn judge(
                    &self,
                    store: &mut Store<Budget>,
                    encoder: ResourceAny,
                    (request, deliveries): (&Request, u32),
                    response: &Response,
                ) -> Result<Vec<Outcome>> {
                    let headers = lower_pairs(&request.headers);
                    let http = wit::HttpRequestParam {
                        method: &request.method,
                        url: &request.url,
                        headers: &headers,
                        body: &request.body,
                    };
                    let request = wit::RequestParam { message: wit::MessageParam::Http(http), deliveries };
                    let headers = lower_pairs(&response.headers);
                    let (status, body) = (response.status, &response.body);
                    let response = wit::ResponseParam { status, headers: &headers, body };
                    let outcomes = self.sink.encoder().call_judge(store, encoder, request, response)?;
                    Ok(outcomes.into_iter().map(outcome).collect())
                }

                /// None where the sink answers no scrapes.
                pub(super) fn render(
                    &self,
                    store: &mut Store<Budget>,
                    encoders: &[ResourceAny],
                ) -> Result<Option<Response>> {
                    let Some(scrape) = &self.scrape else { return Ok(None) };
                    let page = scrape.call_render(store, encoders)?;
                    Ok(Some(Response { status: page.status, headers: pairs(page.headers), body: page.body }))
                }
            }

            fn given(request: wit::RequestResult) -> Given {
                let wit::RequestResult { message, deliveries } = request;
                let request = match message {
                    wit::MessageResult::Http(wit::HttpRequestResult { method, url, headers, body }) => {
                        Some(Request { method, url, headers: pairs(headers), body })
                    }
                    _ => None,
                };
                Given { request, deliveries }
            }

            fn outcome(outcome: wit::Outcome) -> Outcome {
                match outcome {
                    wit::Outcome::Delivered => Outcome::Delivered,
                    wit::Outcome::Retry(after_ms) => Outcome::Retry(after_ms),
                    wit::Outcome::Rejected(why) => Outcome::Rejected(words(&why)),
                }
            }

            fn pairs(pairs: Vec<wit::PairResult>) -> Vec<(String, String)> {
                pairs.into_iter().map(|wit::PairResult { name, value }| (name, value)).collect()
            }

            fn lower_pairs(pairs: &[(String, String)]) -> Vec<wit::PairParam<'_>> {
                pairs.iter().map(|(name, value)| wit::PairParam { name, value }).collect()
            }
        }
    };
}

version!(v0_2, bindings::sink, bindings::scrape);
version!(v0_1, bindings::v0_1::sink, bindings::v0_1::scrape);

/// The same call in each version.
macro_rules! in_version {
    ($of:ident, $value:expr, $it:ident => $call:expr) => {
        match $value {
            $of::V0_2($it) => $call,
            $of::V0_1($it) => $call,
        }
    };
}

impl Indices {
    /// Finds the functions in the newest version that the component exports. An error comes with the interface that it is about.
    pub(super) fn new(
        compiled: &InstancePre<Budget>,
    ) -> std::result::Result<Self, (&'static str, wasmtime::Error)> {
        let version = |world| ContractVersion::of(compiled.component(), world);
        let scrapes = version(World::Scrape);
        let sink = version(World::Sink).unwrap_or(ContractVersion::ALL[0]);
        let world = if scrapes.is_some() { World::Scrape } else { World::Sink };
        let indices = match sink {
            ContractVersion::V0_2 => v0_2::Indices::new(compiled, scrapes == Some(sink)).map(Self::V0_2),
            ContractVersion::V0_1 => v0_1::Indices::new(compiled, scrapes == Some(sink)).map(Self::V0_1),
        };
        indices.map_err(|error| (sink.interface(world), error))
    }

    pub(super) fn load(&self, store: &mut Store<Budget>, instance: &Instance) -> Result<Exports> {
        match self {
            Self::V0_2(indices) => indices.load(store, instance).map(Exports::V0_2),
            Self::V0_1(indices) => indices.load(store, instance).map(Exports::V0_1),
        }
    }

    pub(super) fn answers_scrapes(&self) -> bool {
        in_version!(Indices, self, indices => indices.answers_scrapes())
    }
}

impl Exports {
    /// The inner error is what is wrong with the description.
    pub(super) fn describe(
        &self,
        store: &mut Store<Budget>,
    ) -> Result<std::result::Result<Descriptor, String>> {
        in_version!(Exports, self, exports => exports.describe(store))
    }

    pub(super) fn open(
        &self,
        store: &mut Store<Budget>,
        options: &[LiteralParam<'_>],
        query: &str,
        fields: &[Output],
    ) -> Result<Result<ResourceAny, Error>> {
        in_version!(Exports, self, exports => exports.open(store, options, query, fields))
    }

    pub(super) fn encode(
        &self,
        store: &mut Store<Budget>,
        encoder: ResourceAny,
        deliveries: &Deliveries<'_>,
    ) -> Result<Result<Vec<Given>, Error>> {
        in_version!(Exports, self, exports => exports.encode(store, encoder, deliveries))
    }

    /// One outcome for each of the deliveries of a request, if the sink keeps the contract.
    pub(super) fn judge(
        &self,
        store: &mut Store<Budget>,
        encoder: ResourceAny,
        request: (&Request, u32),
        response: &Response,
    ) -> Result<Vec<Outcome>> {
        in_version!(Exports, self, exports => exports.judge(store, encoder, request, response))
    }

    /// The page for a scrape; none where the sink answers no scrapes.
    pub(super) fn render(
        &self,
        store: &mut Store<Budget>,
        encoders: &[ResourceAny],
    ) -> Result<Option<Response>> {
        in_version!(Exports, self, exports => exports.render(store, encoders))
    }
}
