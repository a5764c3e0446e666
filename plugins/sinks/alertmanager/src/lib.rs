//! The sink `alertmanager`: one alert a row, to the API v2 of a Prometheus Alertmanager.
//!
//! Alertmanager takes alerts with equal labels as one: rows of the following windows prolong it. It ends when no row comes for
//! `resolve_timeout` of Alertmanager, or after `resolve_after` of the sink.

mod alert;

use alert::{Draft, Labels};
use streamgauge_sdk::{
    DataType, Error, Field, Literal,
    sink::{Alert, AlertState, Deliveries, Descriptor, Encoder, HttpRequest, Request, Schema, Sink},
};

/// The sink.
#[derive(Clone, Copy, Debug)]
pub struct Alertmanager;

/// Makes the alerts of one query.
#[derive(Clone, Debug)]
pub struct Alerts {
    url: String,
    name: String,
    labels: Labels,
    /// In microseconds.
    resolve_after: Option<i64>,
}

const SECOND: i64 = 1_000_000;

impl Sink for Alertmanager {
    type Encoder = Alerts;

    fn describe() -> Descriptor {
        let option = |name: &str, data_type, docs: &str, default| Field {
            name: name.into(),
            data_type,
            docs: docs.into(),
            default,
        };
        Descriptor {
            name: "alertmanager".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "An alert a row, to the API v2 of a Prometheus Alertmanager".into(),
            options: vec![
                option(
                    "url",
                    DataType::Text,
                    "where to, with the path: http://alertmanager:9093/api/v2/alerts",
                    None,
                ),
                option(
                    "alertname",
                    DataType::Text,
                    "the label `alertname`; without it the name of the query",
                    Some(Literal::Null),
                ),
                option(
                    "labels",
                    DataType::Text,
                    "the columns that are labels, with commas between them, the others are annotations; without it those of type TEXT",
                    Some(Literal::Null),
                ),
                option(
                    "resolve_after",
                    DataType::Int64,
                    "how many seconds after the end of its window an alert ends, if no further row prolongs it; without it \
                     Alertmanager's `resolve_timeout` says so",
                    Some(Literal::Null),
                ),
            ],
        }
    }

    fn open(options: &[Literal], schema: &Schema) -> Result<Alerts, Error> {
        let [Literal::Text(url), name, labels, resolve_after] = options else {
            return Err(Error::Invalid("write url = 'http://alertmanager:9093/api/v2/alerts'".into()));
        };
        let name = match name {
            Literal::Text(name) if name.is_empty() => {
                return Err(Error::Invalid("`alertname` must not be empty".into()));
            }
            Literal::Text(name) => name.clone(),
            _ => schema.query.clone(),
        };
        let resolve_after = match resolve_after {
            Literal::Int64(seconds) if *seconds > 0 => Some(seconds.saturating_mul(SECOND)),
            Literal::Int64(_) => {
                return Err(Error::Invalid("`resolve_after` must be a number of seconds above 0".into()));
            }
            _ => None,
        };
        let columns = match labels {
            Literal::Text(columns) => Some(columns.as_str()),
            _ => None,
        };
        Ok(Alerts { url: url.clone(), name, labels: Labels::new(columns, schema)?, resolve_after })
    }
}

impl Encoder for Alerts {
    fn encode(&mut self, deliveries: &Deliveries<'_>) -> Result<Vec<Request>, Error> {
        let requests = deliveries.rows().map(|row| {
            let mut draft = Draft::new(&self.name);
            self.labels.write(&row, &mut draft);
            if let Some(window) = row.window() {
                draft.starts_at = Some(window.end);
                draft.ends_at = self.resolve_after.map(|after| window.end.saturating_add(after));
            }
            self.post(&draft.json())
        });
        Ok(requests.collect())
    }

    fn encode_alerts(&mut self, alerts: &[Alert]) -> Result<Vec<Request>, Error> {
        let requests = alerts.iter().map(|alert| {
            // Alertmanager knows no pending alerts: the request has none, so that the delivery is done.
            if alert.state == AlertState::Pending {
                return self.post("[]");
            }
            let mut draft = Draft::new(&alert.name);
            for (name, value) in &alert.group {
                draft.label(&alert::label_name(name), &alert::text(value));
            }
            for (name, value) in &alert.labels {
                draft.label(&alert::label_name(name), value);
            }
            for (name, value) in &alert.annotations {
                draft.annotation(name, value);
            }
            if !alert.reason.is_empty() {
                draft.annotation("reason", &alert.reason);
            }
            draft.starts_at = Some(alert.starts_at);
            // One that began and ended with the same window ends when it began.
            let end = alert.window_end.max(alert.starts_at);
            draft.ends_at = (alert.state == AlertState::Resolved).then_some(end);
            self.post(&draft.json())
        });
        Ok(requests.collect())
    }
}

impl Alerts {
    fn post(&self, body: &str) -> Request {
        Request::http(HttpRequest::post_json(&self.url, body.into()), 1)
    }
}

streamgauge_sdk::export_sink!(Alertmanager);

#[cfg(test)]
mod tests;
