//! What the front end asks its host: which reducers there are (`wit/reducer.wit`), which connectors, and what options they
//! take.

use std::collections::BTreeMap;

use crate::connector::OptionSpec;
use crate::manifest::{Aggregate, Manifest, OptionValue, Sink};
use crate::plugin::PluginFile;
use crate::types::{DataType, Value};

/// Finds reducers and connectors by name. It is asked only for names that a program uses. Beside the files of plugins
/// it opens, looks up and sends nothing, and knows no secrets.
pub trait Catalog {
    /// The reducer of this lower-case name; an error is one of loading it, in words for the user.
    fn reducer(&self, name: &str) -> Result<Option<Reducer>, String>;

    /// The reducer of a file, which the program calls `name`. The file is read and its component compiled and asked what it is.
    fn reducer_of(&self, name: &str, file: &PluginFile) -> Result<OwnPlugin<Reducer>, WrongPlugin>;

    /// The connector of sinks of a file, which the program calls `name`.
    fn connector_of(&self, name: &str, file: &PluginFile) -> Result<OwnPlugin<SinkPlugin>, WrongPlugin>;

    /// Why a reducer does not take the constants of a call; none where it does, or where that cannot be known now. The call has no
    /// arguments yet.
    fn wrong_parameters(&self, call: &Aggregate) -> Option<String> {
        let _ = call;
        None
    }

    /// The names of the connectors, in lower case and in the order in which messages list them.
    fn connectors(&self, used_as: UsedAs) -> Vec<String>;

    /// What WITH of a connector takes beside `connector` itself and, for a source, what all sources take; an error is one of
    /// loading the connector, in words for the user.
    fn options(&self, used_as: UsedAs, connector: &str) -> Result<Vec<OptionSpec>, String>;

    /// What a connector would refuse in options that are as they are stated, each by itself: the bound options of a source.
    fn wrong_source_option(
        &self,
        connector: &str,
        options: &BTreeMap<String, OptionValue>,
    ) -> Option<WrongOption> {
        let _ = (connector, options);
        None
    }

    /// The same for the options of a sink.
    fn wrong_sink_option(&self, sink: &Sink) -> Option<WrongOption> {
        let _ = sink;
        None
    }

    /// Why a sink does not take the rows of a query; none where it does. `windowed` says whether the rows are of windows.
    fn wrong_rows(&self, sink: &Sink, query: &Manifest, windowed: bool) -> Option<String> {
        let _ = (sink, query, windowed);
        None
    }
}

/// What a connector is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsedAs {
    /// CREATE SOURCE.
    Source,
    /// CREATE SINK.
    Sink,
}

/// An option that a host would refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongOption {
    /// Its name in the connector's statement of its options.
    pub key: String,
    /// What is wrong, in lower case.
    pub message: String,
    /// What to write instead.
    pub help: String,
}

/// A connector of sinks as its plugin describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkPlugin {
    /// What it calls itself.
    pub name: String,
    /// What WITH takes beside `connector` itself.
    pub options: Vec<OptionSpec>,
}

/// A component of the user's own, and what it says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct OwnPlugin<T> {
    /// What it says.
    pub described: T,
    /// The SHA-256 of its bytes, in lower-case hexadecimal digits.
    pub sha256: String,
    /// A warning about where it came from.
    pub warning: Option<PluginWarning>,
}

/// What is doubtful about a component of the user's own, which can be used all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginWarning {
    /// What is doubtful, in lower case.
    pub message: String,
    /// What to do.
    pub help: String,
}

/// Why a component of the user's own cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WrongPlugin {
    /// The option that is wrong; none = the file.
    pub option: Option<&'static str>,
    /// What is wrong, in lower case.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// An aggregate function as its plugin describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Reducer {
    /// Its name in SQL.
    pub name: String,
    /// The version of the plugin.
    pub version: String,
    /// What it computes, in one line.
    pub docs: String,
    /// The ways to call it; the plan refers to them by position.
    pub signatures: Vec<Signature>,
}

/// One way to call a reducer.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// The types of the argument columns.
    pub arguments: Vec<DataType>,
    /// The constants behind them.
    pub parameters: Vec<Parameter>,
    /// The type of the result.
    pub returns: DataType,
    /// Whether the event time goes along as one more, last argument.
    pub needs_time: bool,
    /// Whether a state grows without bound.
    pub growing: bool,
    /// The bytes of a state, at most; none = it grows.
    pub state_bytes_max: Option<u32>,
    /// The largest relative difference between two orders of merging; 0 = bit for bit.
    pub tolerance: f64,
    /// The version of the bytes that its states are kept in.
    pub state_version: u32,
    /// Other versions that it can restore.
    pub restores: Vec<u32>,
}

/// A constant that a reducer is opened with.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name, for `name => value`.
    pub name: String,
    /// Its type.
    pub data_type: DataType,
    /// What it means, in one line.
    pub docs: String,
    /// Its value when the call gives none; none = the call must.
    pub default: Option<Value>,
}
