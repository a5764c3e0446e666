//! The sink `webhook`: one POST a row, the row as its body.
//!
//! The idempotency key goes along twice: as `Idempotency-Key`, a quoted string (draft-ietf-httpapi-idempotency-key-header),
//! and as `webhook-id` (Standard Webhooks). The host adds `webhook-timestamp` and `webhook-signature` at each attempt.

mod row;

use row::RowJson;
use streamgauge_sdk::{
    DataType, Error, Field, Literal,
    sink::{Deliveries, Descriptor, Encoder, HttpRequest, Request, Schema, Sink},
};

/// The sink.
#[derive(Clone, Copy, Debug)]
pub struct Webhook;

/// Makes the requests of one query.
#[derive(Clone, Debug)]
pub struct Posts {
    url: String,
    json: RowJson,
}

impl Sink for Webhook {
    type Encoder = Posts;

    fn describe() -> Descriptor {
        Descriptor {
            name: "webhook".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "One POST a row, the row as JSON in its body".into(),
            options: vec![Field {
                name: "url".into(),
                data_type: DataType::Text,
                docs: "where to: https://... or secret('NAME')".into(),
                default: None,
            }],
        }
    }

    fn open(options: &[Literal], schema: &Schema) -> Result<Posts, Error> {
        match options {
            [Literal::Text(url)] => Ok(Posts { url: url.clone(), json: RowJson::new(schema) }),
            _ => Err(Error::Invalid("write url = 'https://...' or url = secret('NAME')".into())),
        }
    }
}

impl Encoder for Posts {
    fn encode(&mut self, deliveries: &Deliveries<'_>) -> Result<Vec<Request>, Error> {
        let requests = deliveries.rows().map(|row| {
            let mut body = Vec::new();
            self.json.write(&mut body, row.values());
            let post = HttpRequest::post_json(&self.url, body)
                .header("idempotency-key", quoted(row.key()))
                .header("webhook-id", row.key().into());
            Request::http(post, 1)
        });
        Ok(requests.collect())
    }
}

/// A string of a structured header (RFC 8941, 3.3.3).
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

streamgauge_sdk::export_sink!(Webhook);

#[cfg(test)]
mod tests;
