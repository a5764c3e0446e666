//! The source connectors that are part of the product, one file each.

pub mod file;
pub mod kafka;

use self::{file::FileConnector, kafka::KafkaConnector};
use super::connector::SourceConnector;

/// All of them, in the order in which messages list them.
pub fn builtin() -> Vec<Box<dyn SourceConnector>> {
    vec![Box::new(KafkaConnector), Box::new(FileConnector)]
}
