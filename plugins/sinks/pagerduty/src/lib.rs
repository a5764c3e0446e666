//! The sink `pagerduty`: one event of PagerDuty's Events API v2 a row.
//!
//! The row's idempotency key is the `dedup_key`, so PagerDuty takes a row that is sent again as the same alert.

mod event;

use event::Severity;
use streamgauge_sdk::{
    DataType, Error, Field, Literal,
    sink::{Deliveries, Descriptor, Encoder, HttpRequest, Request, Schema, Sink},
};

/// The sink.
#[derive(Clone, Copy, Debug)]
pub struct PagerDuty;

/// Makes the events of one query.
#[derive(Clone, Debug)]
pub struct Events {
    url: String,
    routing_key: String,
    severity: Severity,
    schema: Schema,
}

impl Sink for PagerDuty {
    type Encoder = Events;

    fn describe() -> Descriptor {
        let option = |name: &str, docs: &str, default| Field {
            name: name.into(),
            data_type: DataType::Text,
            docs: docs.into(),
            default,
        };
        Descriptor {
            name: "pagerduty".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "An event of PagerDuty's Events API v2 a row".into(),
            options: vec![
                option(
                    "url",
                    "https://events.pagerduty.com/v2/enqueue, or that of the EU: https://events.eu.pagerduty.com/v2/enqueue",
                    None,
                ),
                option("routing_key", "the integration key of the service", None),
                option(
                    "severity",
                    "critical, error, warning or info; without it error. A column `severity` of the row has priority",
                    Some("error".into()),
                ),
            ],
        }
    }

    fn open(options: &[Literal], schema: &Schema) -> Result<Events, Error> {
        let [Literal::Text(url), Literal::Text(routing_key), Literal::Text(severity)] = options else {
            return Err(Error::Invalid(
                "write url = 'https://events.pagerduty.com/v2/enqueue' and routing_key = secret('NAME')"
                    .into(),
            ));
        };
        let Some(severity) = Severity::of(severity) else {
            return Err(Error::Invalid(format!(
                "`severity` is '{severity}': it must be critical, error, warning or info"
            )));
        };
        Ok(Events { url: url.clone(), routing_key: routing_key.clone(), severity, schema: schema.clone() })
    }
}

impl Encoder for Events {
    fn encode(&mut self, deliveries: &Deliveries<'_>) -> Result<Vec<Request>, Error> {
        let requests = deliveries.rows().map(|row| {
            let body = event::json(&self.routing_key, self.severity, &self.schema, &row);
            Request::http(HttpRequest::post_json(&self.url, body), 1)
        });
        Ok(requests.collect())
    }
}

streamgauge_sdk::export_sink!(PagerDuty);

#[cfg(test)]
mod tests;
