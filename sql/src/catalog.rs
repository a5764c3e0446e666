//! Which reducers there are: the front end's view of what plugins describe (`wit/reducer.wit`).

use crate::types::{DataType, Value};

/// Finds reducers by name. It is asked only for names that a program uses.
pub trait Catalog {
    /// The reducer of this lower-case name; an error is one of loading it, in words for the user.
    fn reducer(&self, name: &str) -> Result<Option<Reducer>, String>;
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
    /// The largest relative difference between two orders of merging; 0 = bit for bit.
    pub tolerance: f64,
    /// The version of the bytes that its states are kept in.
    pub state_version: u32,
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
