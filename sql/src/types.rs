//! The five column types and their single values, as in `wit/columns.wit`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The type of a column, an expression, a parameter or an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DataType {
    /// `BOOLEAN`
    Boolean,
    /// `BIGINT`: 64 bits, signed.
    Int64,
    /// `DOUBLE`: IEEE 754 binary64.
    Float64,
    /// `TIMESTAMP`: microseconds since 1970-01-01T00:00:00Z.
    Timestamp,
    /// `TEXT`: UTF-8.
    Text,
}

impl fmt::Display for DataType {
    /// The type as SQL spells it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Boolean => "BOOLEAN",
            Self::Int64 => "BIGINT",
            Self::Float64 => "DOUBLE",
            Self::Timestamp => "TIMESTAMP",
            Self::Text => "TEXT",
        })
    }
}

/// One value outside of columns: a literal, a parameter, an option.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "type", content = "value")]
pub enum Value {
    /// SQL's NULL, of any type.
    Null,
    /// A `BOOLEAN`.
    Boolean(bool),
    /// A `BIGINT`.
    Int64(i64),
    /// A `DOUBLE`.
    Float64(f64),
    /// A `TIMESTAMP` in microseconds since the epoch.
    Timestamp(i64),
    /// A `TEXT`.
    Text(String),
}

impl Value {
    /// The type of the value; NULL has none.
    pub fn data_type(&self) -> Option<DataType> {
        match self {
            Self::Null => None,
            Self::Boolean(_) => Some(DataType::Boolean),
            Self::Int64(_) => Some(DataType::Int64),
            Self::Float64(_) => Some(DataType::Float64),
            Self::Timestamp(_) => Some(DataType::Timestamp),
            Self::Text(_) => Some(DataType::Text),
        }
    }
}
