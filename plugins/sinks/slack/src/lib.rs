//! The sink `slack`: Block Kit messages to an incoming webhook, for people who read them on a phone.
//!
//! The rows of one window go into one message, as long as it stays within Slack's limits: a header with the query and the
//! window, then one section a row with its fields. What is longer is cut and says so.

mod text;
mod field;
mod block;
mod message;

use message::Draft;
use streamgauge_sdk::{
    DataType, Error, Field, Literal,
    sink::{Deliveries, Descriptor, Encoder, HttpRequest, Request, Schema, Sink},
};

/// The sink.
#[derive(Clone, Copy, Debug)]
pub struct Slack;

/// Makes the messages of one query.
#[derive(Clone, Debug)]
pub struct Messages {
    url: String,
    schema: Schema,
}

impl Sink for Slack {
    type Encoder = Messages;

    fn describe() -> Descriptor {
        Descriptor {
            name: "slack".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "A message a window, to an incoming webhook of Slack".into(),
            options: vec![Field {
                name: "url".into(),
                data_type: DataType::Text,
                docs: "the URL of the incoming webhook: secret('NAME')".into(),
                default: None,
            }],
        }
    }

    fn open(options: &[Literal], schema: &Schema) -> Result<Messages, Error> {
        match options {
            [Literal::Text(url)] => Ok(Messages { url: url.clone(), schema: schema.clone() }),
            _ => Err(Error::Invalid("write url = secret('SLACK_WEBHOOK_URL')".into())),
        }
    }
}

impl Encoder for Messages {
    fn encode(&mut self, deliveries: &Deliveries<'_>) -> Result<Vec<Request>, Error> {
        let mut drafts: Vec<Draft> = Vec::new();
        for row in deliveries.rows() {
            let section = block::row(&self.schema, &row);
            match drafts.last_mut() {
                Some(draft) if draft.takes(row.window(), &section) => draft.add(section),
                before => {
                    let part =
                        before.filter(|draft| draft.window == row.window()).map_or(1, |draft| draft.part + 1);
                    drafts.push(Draft::new(row.window(), part, section));
                }
            }
        }
        let requests = drafts.iter().map(|draft| {
            let post = HttpRequest::post_json(&self.url, draft.json(&self.schema.query));
            Request::http(post, draft.rows.len())
        });
        Ok(requests.collect())
    }
}

streamgauge_sdk::export_sink!(Slack);

#[cfg(test)]
mod tests;
