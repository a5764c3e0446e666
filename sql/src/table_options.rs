//! The options of a table. The binder and the host read them through these declarations.

use crate::connector::{OptionKind, OptionSpec};
use crate::types::DataType;

/// The connectors of tables.
pub const CONNECTORS: &[&str] = &["file"];
/// The formats of a table's file.
pub const FORMATS: &[&str] = &["csv", "json"];

/// All of them, in the order in which they are read.
pub fn all() -> Vec<OptionSpec> {
    vec![connector(), path(), format(), reload_interval()]
}

/// `connector`
pub fn connector() -> OptionSpec {
    let docs = "where the rows of the table are";
    OptionSpec::new("connector", OptionKind::Word(CONNECTORS), docs).required("file")
}

/// `path`
pub fn path() -> OptionSpec {
    let docs = "the file with the rows; relative to the directory in which streamgauge was started";
    OptionSpec::new("path", OptionKind::Literal(DataType::Text), docs).required("prices.csv")
}

/// `format`
pub fn format() -> OptionSpec {
    let docs = "`'csv'`: the first line names the columns, an empty field is NULL; `'json'`: one object a line, or an array of objects";
    OptionSpec::new("format", OptionKind::Word(FORMATS), docs).required("csv")
}

/// `reload_interval`
pub fn reload_interval() -> OptionSpec {
    let docs = "how often the file is looked at for a change";
    OptionSpec::new("reload_interval", OptionKind::Duration, docs).or("1 s")
}
