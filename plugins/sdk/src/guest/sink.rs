//! A [`Sink`] as the contract's bindings want it.

use std::{cell::RefCell, marker::PhantomData};

use super::{
    bindings::{columns, sink as wit},
    columns::{lift_bytes_list, lift_data_type, lift_literal, lower_error, lower_field, view},
};
use crate::{
    BytesList, ColumnView, Literal,
    column::text,
    sink::{
        Alert, AlertState, Deliveries, Encoder, HttpRequest, KafkaRecord, Message, Operation, Outcome,
        Request, Response, Schema, SchemaColumn, Sink, Windows,
    },
};

/// The component of a sink.
#[derive(Debug)]
pub struct Guest<S>(PhantomData<S>);

/// The resource `encoder` of a sink.
pub struct Resource<S: Sink> {
    pub(super) encoder: RefCell<S::Encoder>,
}

impl<S: Sink + 'static> wit::Guest for Guest<S> {
    type Encoder = Resource<S>;

    fn describe() -> wit::Descriptor {
        let described = S::describe();
        wit::Descriptor {
            name: described.name,
            version: described.version,
            docs: described.docs,
            options: described.options.into_iter().map(lower_field).collect(),
        }
    }
}

impl<S: Sink + 'static> wit::GuestEncoder for Resource<S> {
    fn open(options: Vec<columns::Literal>, schema: wit::Schema) -> Result<wit::Encoder, columns::Error> {
        let options: Vec<Literal> = options.into_iter().map(lift_literal).collect();
        let columns = schema.columns.into_iter();
        let columns = columns
            .map(|column| SchemaColumn { name: column.name, data_type: lift_data_type(column.data_type) });
        let schema = Schema { query: schema.query, columns: columns.collect() };
        let encoder = S::open(&options, &schema).map_err(lower_error)?;
        Ok(wit::Encoder::new(Self { encoder: RefCell::new(encoder) }))
    }

    fn encode(&self, deliveries: wit::Deliveries) -> Result<Vec<wit::Request>, columns::Error> {
        let keys: BytesList = lift_bytes_list(deliveries.keys);
        let rows = match deliveries.content {
            wit::Content::Rows(rows) => rows,
            wit::Content::Alerts(alerts) => {
                let alerts: Vec<Alert> =
                    keys.iter().zip(alerts).map(|(key, alert)| lift_alert(key, alert)).collect();
                let requests = self.encoder.borrow_mut().encode_alerts(&alerts).map_err(lower_error)?;
                return Ok(requests.into_iter().map(lower_request).collect());
            }
        };
        let operations: Vec<Operation> = rows.operations.into_iter().map(operation).collect();
        let columns: Vec<ColumnView<'_>> = rows.columns.iter().map(view).collect();
        let windows = rows.windows.as_ref().map(|windows| Windows {
            starts: &windows.starts,
            ends: &windows.ends,
            forced: &windows.forced,
        });
        let deliveries = Deliveries {
            keys: &keys,
            sequences: &deliveries.sequences,
            operations: &operations,
            revisions: &rows.revisions,
            windows,
            columns: &columns,
        };
        let requests = self.encoder.borrow_mut().encode(&deliveries).map_err(lower_error)?;
        Ok(requests.into_iter().map(lower_request).collect())
    }

    fn judge(&self, request: wit::Request, response: wit::Response) -> Vec<wit::Outcome> {
        let (request, response) = (lift_request(request), lift_response(response));
        self.encoder.borrow().judge(&request, &response).into_iter().map(outcome).collect()
    }
}

fn lift_alert(key: &[u8], alert: wit::Alert) -> Alert {
    Alert {
        key: text(key).to_owned(),
        name: alert.name,
        state: match alert.state {
            wit::AlertState::Pending => AlertState::Pending,
            wit::AlertState::Firing => AlertState::Firing,
            wit::AlertState::Resolved => AlertState::Resolved,
        },
        labels: tuples(alert.labels),
        annotations: tuples(alert.annotations),
        starts_at: alert.starts_at,
        window_end: alert.window_end,
        reason: alert.reason,
        group: alert.group.into_iter().map(|part| (part.name, lift_literal(part.value))).collect(),
        row: alert.row.map(|row| row.into_iter().map(lift_literal).collect()),
    }
}

fn operation(operation: wit::Operation) -> Operation {
    match operation {
        wit::Operation::Insert => Operation::Insert,
        wit::Operation::Update => Operation::Update,
        wit::Operation::Delete => Operation::Delete,
    }
}

fn outcome(outcome: Outcome) -> wit::Outcome {
    match outcome {
        Outcome::Delivered => wit::Outcome::Delivered,
        Outcome::Retry(after_ms) => wit::Outcome::Retry(after_ms),
        Outcome::Rejected(why) => wit::Outcome::Rejected(why),
    }
}

fn lower_request(request: Request) -> wit::Request {
    let message = match request.message {
        Message::Http(HttpRequest { method, url, headers, body }) => {
            wit::Message::Http(wit::HttpRequest { method, url, headers: pairs(headers), body })
        }
        Message::Kafka(KafkaRecord { topic, key, value, headers }) => {
            wit::Message::Kafka(wit::KafkaRecord { topic, key, value, headers })
        }
        Message::Bytes(bytes) => wit::Message::Bytes(bytes),
    };
    wit::Request { message, deliveries: request.deliveries }
}

fn lift_request(request: wit::Request) -> Request {
    let message = match request.message {
        wit::Message::Http(wit::HttpRequest { method, url, headers, body }) => {
            Message::Http(HttpRequest { method, url, headers: tuples(headers), body })
        }
        wit::Message::Kafka(wit::KafkaRecord { topic, key, value, headers }) => {
            Message::Kafka(KafkaRecord { topic, key, value, headers })
        }
        wit::Message::Bytes(bytes) => Message::Bytes(bytes),
    };
    Request { message, deliveries: request.deliveries }
}

pub(super) fn lower_response(response: Response) -> wit::Response {
    wit::Response { status: response.status, headers: pairs(response.headers), body: response.body }
}

fn lift_response(response: wit::Response) -> Response {
    Response { status: response.status, headers: tuples(response.headers), body: response.body }
}

fn pairs(tuples: Vec<(String, String)>) -> Vec<wit::Pair> {
    tuples.into_iter().map(|(name, value)| wit::Pair { name, value }).collect()
}

fn tuples(pairs: Vec<wit::Pair>) -> Vec<(String, String)> {
    pairs.into_iter().map(|pair| (pair.name, pair.value)).collect()
}
