//! The sink `prometheus`: a page to scrape, with the rows of each query's last closed window.
//!
//! TEXT and BOOLEAN columns become labels, BIGINT, DOUBLE and TIMESTAMP columns gauges named `<prefix>_<column>` (a TIMESTAMP
//! in seconds, `<prefix>_<column>_seconds`); `window_start` and `window_end` are not among them, the window's end is
//! `<prefix>_window_end_seconds`. Names are spelled so that Prometheus and its linter take them (`name`); values are never
//! changed: where a unit matters to Prometheus, SELECT gives it (`avg(latency_ms) / 1000 AS latency_seconds`).

mod name;
mod plan;
mod format;
mod window;
mod page;

use plan::Plan;
use streamgauge_sdk::{
    DataType, Error, Field, Literal,
    sink::{Deliveries, Descriptor, Encoder, Request, Response, Schema, Scrape, Sink},
};
use window::LastWindow;

/// The sink.
#[derive(Clone, Copy, Debug)]
pub struct Prometheus;

/// What one query shows.
#[derive(Clone, Debug)]
pub struct Gauges {
    plan: Plan,
    window: LastWindow,
}

impl Sink for Prometheus {
    type Encoder = Gauges;

    fn describe() -> Descriptor {
        Descriptor {
            name: "prometheus".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "The rows of the last closed window as gauges, for Prometheus to scrape".into(),
            options: vec![Field {
                name: "prefix".into(),
                data_type: DataType::Text,
                docs: "how the names of metrics begin; the name of the query if it is not given".into(),
                default: Some(Literal::Null),
            }],
        }
    }

    fn open(options: &[Literal], schema: &Schema) -> Result<Gauges, Error> {
        let prefix = match options {
            [Literal::Text(prefix)] => prefix,
            [Literal::Null] => &schema.query,
            _ => return Err(Error::Invalid("write prefix = 'llm'".into())),
        };
        Ok(Gauges { plan: Plan::new(prefix, schema)?, window: LastWindow::default() })
    }
}

impl Encoder for Gauges {
    fn encode(&mut self, deliveries: &Deliveries<'_>) -> Result<Vec<Request>, Error> {
        deliveries.rows().for_each(|row| self.window.take(&self.plan, &row));
        Ok(Vec::new())
    }
}

impl Scrape for Prometheus {
    fn render(encoders: &[&Gauges]) -> Response {
        page::render(encoders)
    }
}

streamgauge_sdk::export_scrape!(Prometheus);

#[cfg(test)]
mod tests;
