//! The contract of a sink: `wit/sink.wit` in Rust.
//!
//! A sink is an encoder: it makes requests of rows and says what the answers mean; the host sends them. It is written in two
//! steps: what it is called and how it is opened (a [`Sink`]) and what it makes of deliveries (its [`Encoder`]); then
//! [`export_sink!`](crate::export_sink) makes a component of it where it is compiled to WebAssembly.
//!
//! ```
//! use streamgauge_sdk::{
//!     DataType, Error, Field, Literal,
//!     sink::{Deliveries, Descriptor, Encoder, HttpRequest, Request, Schema, Sink},
//! };
//!
//! /// One request a batch, which says how many rows there are.
//! struct Counter;
//!
//! struct Counting {
//!     url: String,
//! }
//!
//! impl Sink for Counter {
//!     type Encoder = Counting;
//!
//!     fn describe() -> Descriptor {
//!         Descriptor {
//!             name: "counter".into(),
//!             version: "1.0.0".into(),
//!             docs: "Says how many rows there are".into(),
//!             options: vec![Field {
//!                 name: "url".into(),
//!                 data_type: DataType::Text,
//!                 docs: "where to".into(),
//!                 default: None,
//!             }],
//!         }
//!     }
//!
//!     fn open(options: &[Literal], _: &Schema) -> Result<Counting, Error> {
//!         match options {
//!             [Literal::Text(url)] => Ok(Counting { url: url.clone() }),
//!             _ => Err(Error::Invalid("`url` says where to".into())),
//!         }
//!     }
//! }
//!
//! impl Encoder for Counting {
//!     fn encode(&mut self, deliveries: &Deliveries<'_>) -> Result<Vec<Request>, Error> {
//!         let body = deliveries.len().to_string().into_bytes();
//!         let post = HttpRequest { method: "POST".into(), url: self.url.clone(), headers: Vec::new(), body };
//!         Ok(vec![Request::http(post, deliveries.len())])
//!     }
//! }
//!
//! streamgauge_sdk::export_sink!(Counter);
//! ```

mod deliveries;
pub use deliveries::{Deliveries, Operation, Row, Schema, SchemaColumn, Window, Windows};

mod alerts;
pub use alerts::{Alert, AlertState};

mod message;
pub use message::{HttpRequest, KafkaRecord, Message, Request, Response};

mod outcome;
pub use outcome::Outcome;

#[cfg(feature = "laws")]
mod batch;
#[cfg(feature = "laws")]
pub use batch::Batch;

#[cfg(feature = "laws")]
pub mod laws;

use crate::{Error, Field, Literal};

/// Where rows are delivered to.
pub trait Sink {
    /// What one query delivers to one sink.
    type Encoder: Encoder;

    /// What it is called and what it takes.
    fn describe() -> Descriptor;

    /// An encoder: one literal an option, in the order of [`Sink::describe`], of its type or NULL, defaults filled in.
    ///
    /// # Errors
    /// What to change in the SQL.
    fn open(options: &[Literal], schema: &Schema) -> Result<Self::Encoder, Error>;
}

/// Makes requests of deliveries. It must not depend on what it was asked before where [`Encoder::judge`] is concerned: a request
/// may be judged by another encoder than the one that made it.
pub trait Encoder {
    /// The requests, which carry all deliveries in their order. A sink that answers scrapes gives none.
    ///
    /// # Errors
    /// Where the whole batch cannot be encoded. The host does not try it again.
    fn encode(&mut self, deliveries: &Deliveries<'_>) -> Result<Vec<Request>, Error>;

    /// The same of transitions of alerts. Without an implementation a sink takes rows only.
    ///
    /// # Errors
    /// As those of [`Encoder::encode`].
    fn encode_alerts(&mut self, alerts: &[Alert]) -> Result<Vec<Request>, Error> {
        let _ = alerts;
        Err(Error::Invalid("takes rows, no alerts".into()))
    }

    /// One outcome a delivery of the request. Without an implementation all of them share what HTTP says:
    /// [`Response::outcome`].
    fn judge(&self, request: &Request, response: &Response) -> Vec<Outcome> {
        vec![response.outcome(); request.deliveries as usize]
    }
}

/// A sink that is asked instead of told.
pub trait Scrape: Sink {
    /// One page for all queries that deliver to the sink.
    fn render(encoders: &[&Self::Encoder]) -> Response;
}

/// What a sink is.
#[derive(Clone, Debug, PartialEq)]
pub struct Descriptor {
    /// The connector's name in SQL.
    pub name: String,
    /// The version of the plugin.
    pub version: String,
    /// Where it delivers to and how, in one line.
    pub docs: String,
    /// What WITH takes.
    pub options: Vec<Field>,
}
