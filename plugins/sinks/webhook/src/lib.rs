//! The sink `webhook`: one POST a row, the row as its body, or what a template makes of it.
//!
//! The idempotency key goes along twice: as `Idempotency-Key`, a quoted string (draft-ietf-httpapi-idempotency-key-header),
//! and as `webhook-id` (Standard Webhooks). The host adds `webhook-timestamp` and `webhook-signature` at each attempt.

mod row;
mod template;

use row::RowJson;
use streamgauge_sdk::{
    DataType, Error, Field, Literal,
    sink::{Deliveries, Descriptor, Encoder, HttpRequest, Request, Row, Schema, Sink},
};
use template::Template;

/// The sink.
#[derive(Clone, Copy, Debug)]
pub struct Webhook;

/// Makes the requests of one query.
#[derive(Clone, Debug)]
pub struct Posts {
    url: String,
    body: Body,
}

/// What the body of a request is.
#[derive(Clone, Debug)]
enum Body {
    /// The row.
    Row(RowJson),
    /// What the option `template` says.
    Template(Template),
}

impl Body {
    fn of(&self, row: &Row<'_>) -> Vec<u8> {
        let mut body = Vec::new();
        match self {
            Self::Row(json) => json.write(&mut body, row.values()),
            Self::Template(template) => template.write(&mut body, row),
        }
        body
    }
}

impl Sink for Webhook {
    type Encoder = Posts;

    fn describe() -> Descriptor {
        Descriptor {
            name: "webhook".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "One POST a row, the row as JSON in its body".into(),
            options: vec![
                Field {
                    name: "url".into(),
                    data_type: DataType::Text,
                    docs: "where to: https://... or secret('NAME')".into(),
                    default: None,
                },
                Field {
                    name: "template".into(),
                    data_type: DataType::Text,
                    docs: "the body as JSON with {column} in strings; without it the body is the row".into(),
                    default: Some(Literal::Null),
                },
            ],
        }
    }

    fn open(options: &[Literal], schema: &Schema) -> Result<Posts, Error> {
        match options {
            [Literal::Text(url), Literal::Null] => {
                Ok(Posts { url: url.clone(), body: Body::Row(RowJson::new(schema)) })
            }
            [Literal::Text(url), Literal::Text(template)] => {
                Ok(Posts { url: url.clone(), body: Body::Template(Template::read(template, schema)?) })
            }
            _ => Err(Error::Invalid("write url = 'https://...' or url = secret('NAME')".into())),
        }
    }
}

impl Encoder for Posts {
    fn encode(&mut self, deliveries: &Deliveries<'_>) -> Result<Vec<Request>, Error> {
        let requests = deliveries.rows().map(|row| {
            let post = HttpRequest::post_json(&self.url, self.body.of(&row))
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
