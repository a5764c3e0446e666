//! The names of the five types, and what to write for those of other systems.

use sqlparser::ast::{DataType as Spelling, ExactNumberInfo, TimezoneInfo};
use sqlparser::tokenizer::Span;

use crate::error::{Checked, Problem};
use crate::types::DataType;

/// The type that was written, or a hint at ours.
pub(crate) fn data_type(spelling: &Spelling, span: Span) -> Checked<DataType> {
    let known = match spelling {
        Spelling::Text | Spelling::Varchar(None) | Spelling::String(None) => Some(DataType::Text),
        Spelling::Double(ExactNumberInfo::None)
        | Spelling::DoublePrecision
        | Spelling::Float(ExactNumberInfo::None)
        | Spelling::Real => Some(DataType::Float64),
        Spelling::BigInt(None) | Spelling::Int(None) | Spelling::Integer(None) => Some(DataType::Int64),
        Spelling::Boolean | Spelling::Bool => Some(DataType::Boolean),
        Spelling::Timestamp(_, TimezoneInfo::None) => Some(DataType::Timestamp),
        _ => None,
    };
    known.ok_or_else(|| foreign(spelling, span))
}

fn foreign(spelling: &Spelling, span: Span) -> Box<Problem> {
    let written = spelling.to_string();
    let upper = written.to_uppercase();
    let word = upper.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default();
    let instead = match word {
        "VARCHAR" | "CHAR" | "CHARACTER" | "NVARCHAR" | "NCHAR" | "STRING" | "CLOB" | "TINYTEXT"
        | "MEDIUMTEXT" | "LONGTEXT" | "UUID" | "JSON" | "JSONB" => "write TEXT, without a length",
        "DECIMAL" | "NUMERIC" | "DEC" | "FLOAT" | "DOUBLE" | "FLOAT4" | "FLOAT8" | "FLOAT32" | "FLOAT64" => {
            "write DOUBLE"
        }
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "BIGINT" | "INT" | "INTEGER" | "HUGEINT" | "INT2" | "INT4"
        | "INT8" | "INT16" | "INT32" | "INT64" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "LONG"
        | "SIGNED" | "UNSIGNED" => "write BIGINT: whole numbers of 64 bits",
        "TIMESTAMP" | "TIMESTAMPTZ" | "TIMESTAMP_LTZ" | "DATETIME" | "DATETIME64" | "DATE" | "TIME" => {
            "write TIMESTAMP: microseconds since 1970, always in UTC"
        }
        _ => "the types are TEXT, DOUBLE, BIGINT, BOOLEAN and TIMESTAMP",
    };
    Problem::new(span, format!("the type `{written}` is not known")).help(instead)
}
