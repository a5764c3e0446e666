//! The sink connectors that are part of the product, one file each.

pub mod alertmanager;
pub mod console;
pub mod file;
pub mod kafka;
mod component;
mod http;
pub mod slack;
pub mod webhook;
pub mod own;
pub mod pagerduty;
pub mod prometheus;

use streamgauge_sql::connector::{OptionKind, OptionSpec};

use self::{
    alertmanager::alertmanager, console::ConsoleConnector, file::FileConnector, kafka::KafkaConnector,
    pagerduty::pagerduty, prometheus::PrometheusConnector, slack::slack, webhook::webhook,
};
use super::connector::SinkConnector;

/// All of them, in the order in which messages list them.
pub fn builtin() -> Vec<Box<dyn SinkConnector>> {
    vec![
        Box::new(ConsoleConnector),
        Box::new(FileConnector),
        Box::new(KafkaConnector),
        Box::new(slack()),
        Box::new(webhook()),
        Box::new(pagerduty()),
        Box::new(alertmanager()),
        Box::new(PrometheusConnector),
    ]
}

/// How rows are written, for connectors that write lines or records.
fn format() -> OptionSpec {
    OptionSpec::new("format", OptionKind::Word(&["json"]), "how a row is written").or("json")
}
