//! The connector `file`: a file with one record a line.

use std::path::PathBuf;

use streamgauge_kafka::ClientError;
use streamgauge_sql::{
    connector::{OptionKind, OptionSpec},
    manifest::Source,
    types::DataType,
};

use crate::source::connector::{Secrets, SourceConnector, SourceInput};

/// Records from a file.
#[derive(Clone, Copy, Debug)]
pub struct FileConnector;

fn path() -> OptionSpec {
    OptionSpec::new("path", OptionKind::Literal(DataType::Text), "the file that is read")
        .required("events.jsonl")
}

impl SourceConnector for FileConnector {
    fn name(&self) -> &'static str {
        "file"
    }

    fn options(&self) -> Vec<OptionSpec> {
        vec![path()]
    }

    fn files(&self, source: &Source) -> Vec<PathBuf> {
        path().text(&source.options).map(PathBuf::from).into_iter().collect()
    }

    fn open(&self, source: &Source, _: Secrets<'_>) -> Result<SourceInput, ClientError> {
        Ok(SourceInput::Files(self.files(source)))
    }
}
