//! `{function}`: posts each row to a chat, as a JSON object with the field `text`.

use serde_json::json;
use streamgauge_sdk::{
    DataType, Error, Field, Literal,
    sink::{Deliveries, Descriptor, Encoder, HttpRequest, Request, Schema, Sink},
};

struct Chat;

/// What one query delivers.
struct Posts {
    url: String,
    schema: Schema,
}

impl Sink for Chat {
    type Encoder = Posts;

    fn describe() -> Descriptor {
        Descriptor {
            name: "{function}".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "One message a row in a chat".into(),
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
            [Literal::Text(url)] => Ok(Posts { url: url.clone(), schema: schema.clone() }),
            _ => Err(Error::Invalid("write url = 'https://...' or url = secret('NAME')".into())),
        }
    }
}

/// Answers are judged as HTTP says: 2xx is delivered, 429 and 5xx are tried again, all others are rejected. A method `judge` here would
/// do it otherwise.
impl Encoder for Posts {
    fn encode(&mut self, deliveries: &Deliveries<'_>) -> Result<Vec<Request>, Error> {
        let requests = deliveries.rows().map(|row| {
            let parts = self.schema.columns.iter().zip(row.values()).map(|(column, value)| {
                let value = value.map_or("NULL".to_owned(), |value| value.to_string());
                format!("{} {value}", column.name)
            });
            let text = parts.collect::<Vec<_>>().join(", ");
            let body = json!({ "text": text }).to_string().into_bytes();
            Request::http(HttpRequest::post_json(&self.url, body), 1)
        });
        Ok(requests.collect())
    }
}

streamgauge_sdk::export_sink!(Chat);

#[cfg(test)]
mod tests {
    use streamgauge_sdk::{
        Cell,
        sink::{Batch, Message, laws},
    };

    use super::*;

    fn schema() -> Schema {
        Schema::of("latency", &[("model", DataType::Text), ("mean", DataType::Float64)])
    }

    fn options() -> [Literal; 1] {
        [Literal::Text("https://chat.example.com/hook".into())]
    }

    #[test]
    fn the_laws_hold() {
        laws::check::<Chat>(&options(), &schema(), false);
    }

    #[test]
    fn a_row_is_a_message() {
        let batch = Batch::new(&schema()).row(None, &[Some(Cell::Text("large \"x\"")), Some(Cell::Float64(400.0))]);
        let requests = batch.encode(&mut Chat::open(&options(), &schema()).unwrap()).unwrap();
        let [Request { message: Message::Http(post), deliveries: 1 }] = requests.as_slice() else { panic!("{requests:?}") };
        assert_eq!(String::from_utf8_lossy(&post.body), r#"{"text":"model large \"x\", mean 400"}"#);
    }
}
