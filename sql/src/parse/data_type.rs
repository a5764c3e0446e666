//! The names of the five types, and what to write for those of other systems.

use sqlparser::ast::{DataType as Spelling, ExactNumberInfo, TimezoneInfo};
use sqlparser::tokenizer::Span;

use crate::error::{Checked, Problem};
use crate::types::DataType;

/// The types and the other names that they have.
pub(crate) const TYPES: &str = "the types are TEXT (VARCHAR, STRING), DOUBLE (DOUBLE PRECISION, FLOAT, REAL), \
                                BIGINT (INT, INTEGER), BOOLEAN (BOOL) and TIMESTAMP";

/// Whether it is a text with a greatest length, which columns of sources may have: it is not looked at.
pub(crate) fn is_bounded_text(spelling: &Spelling) -> bool {
    matches!(
        spelling,
        Spelling::Varchar(Some(_))
            | Spelling::CharacterVarying(Some(_))
            | Spelling::CharVarying(Some(_))
            | Spelling::Nvarchar(Some(_))
    )
}

/// The type that was written, or a hint at ours.
pub(crate) fn data_type(spelling: &Spelling, span: Span) -> Checked<DataType> {
    let known = match spelling {
        Spelling::Text
        | Spelling::Varchar(None)
        | Spelling::CharacterVarying(None)
        | Spelling::CharVarying(None)
        | Spelling::String(None) => Some(DataType::Text),
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
        _ if written.ends_with(']') || word == "ARRAY" => {
            "an array is no value; name an element of it as a column: first_tag TEXT PATH 'tags[0]'"
        }
        "VARCHAR" | "CHAR" | "CHARACTER" | "NVARCHAR" | "NCHAR" | "STRING" | "CLOB" | "TINYTEXT"
        | "MEDIUMTEXT" | "LONGTEXT" | "UUID" => {
            "write TEXT, without a length: texts are neither cut nor padded"
        }
        "JSON" | "JSONB" | "STRUCT" | "ROW" | "MAP" | "OBJECT" => {
            "an object is no value; name its fields as columns: tokens BIGINT PATH 'usage.total_tokens'"
        }
        "DECIMAL" | "NUMERIC" | "DEC" | "FLOAT" | "DOUBLE" | "FLOAT4" | "FLOAT8" | "FLOAT32" | "FLOAT64" => {
            "write DOUBLE: a binary number of 64 bits"
        }
        "TINYINT" | "SMALLINT" | "MEDIUMINT" | "BIGINT" | "INT" | "INTEGER" | "HUGEINT" | "INT2" | "INT4"
        | "INT8" | "INT16" | "INT32" | "INT64" | "UINT8" | "UINT16" | "UINT32" | "UINT64" | "LONG"
        | "SIGNED" | "UNSIGNED" => "write BIGINT: whole numbers of 64 bits",
        "TIMESTAMP" | "TIMESTAMPTZ" | "TIMESTAMP_LTZ" | "DATETIME" | "DATETIME64" => {
            "write TIMESTAMP: microseconds since 1970, always in UTC"
        }
        "DATE" => {
            "write TIMESTAMP; a column of a source reads days by FORMAT '%Y-%m-%d', with time_zone = 'UTC' in its WITH"
        }
        "TIME" => "a time of day is no TIMESTAMP: write TEXT",
        _ => TYPES,
    };
    Problem::new(span, format!("the type `{written}` is not known")).help(instead)
}
