//! The names of the five types, and what to write for those of other systems.

use sqlparser::ast::{DataType as Spelling, ExactNumberInfo, TimezoneInfo};
use sqlparser::tokenizer::{Span, Token, Word};

use super::cursor::Cursor;
use crate::error::{Checked, Problem};
use crate::types::DataType;

/// The types and the other names that they have.
pub(crate) const TYPES: &str = "the types are TEXT (VARCHAR, STRING), DOUBLE (DOUBLE PRECISION, FLOAT, REAL), \
                                BIGINT (INT, INTEGER), BOOLEAN (BOOL) and TIMESTAMP";

/// What to write for an array.
pub(super) const ARRAY: &str =
    "an array is no value; name an element of it as a column: first_tag TEXT PATH 'tags[0]'";
const OBJECT: &str =
    "an object is no value; name its fields as columns: tokens BIGINT PATH 'usage.total_tokens'";

/// What a type of a column says elsewhere, and what it does not mean here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Note {
    /// A text with a greatest length.
    Length,
    /// A time with so many digits of its seconds.
    Digits,
}

impl Note {
    /// The message, and what to write.
    pub(crate) fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Length => {
                ("texts have no greatest length: this is TEXT, and longer texts are taken too", "write TEXT")
            }
            Self::Digits => (
                "times have microseconds: this is TIMESTAMP, and digits up to microseconds are kept",
                "write TIMESTAMP",
            ),
        }
    }
}

/// The type of a column of a source, which may have a length or digits that are not looked at.
pub(super) fn of_column(spelling: &Spelling, span: Span) -> Checked<(DataType, Option<Note>)> {
    match spelling {
        Spelling::Varchar(Some(_))
        | Spelling::CharacterVarying(Some(_))
        | Spelling::CharVarying(Some(_))
        | Spelling::Nvarchar(Some(_)) => Ok((DataType::Text, Some(Note::Length))),
        Spelling::Timestamp(Some(digits), TimezoneInfo::None) if *digits != 6 => {
            Ok((DataType::Timestamp, Some(Note::Digits)))
        }
        _ => data_type(spelling, span).map(|data_type| (data_type, None)),
    }
}

/// A type that is made of others, which `sqlparser` may not read: `MAP<STRING, STRING>`, `ROW(a INT)`.
pub(super) fn nested(cursor: &Cursor) -> Option<Box<Problem>> {
    let Token::Word(Word { value, quote_style: None, .. }) = cursor.peek() else { return None };
    if !matches!(cursor.peek_nth(1), Token::Lt | Token::LParen) {
        return None;
    }
    let word = value.to_uppercase();
    let help = match word.as_str() {
        "ARRAY" | "LIST" | "MULTISET" => ARRAY,
        "MAP" | "ROW" | "STRUCT" | "OBJECT" | "NESTED" | "TUPLE" => OBJECT,
        _ => return None,
    };
    Some(Problem::new(cursor.span(), format!("the type `{word}` is not known")).help(help))
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
        _ if written.ends_with(']') || matches!(word, "ARRAY" | "LIST" | "MULTISET") => ARRAY,
        "UUID" => "write TEXT",
        "VARCHAR" | "CHAR" | "CHARACTER" | "NVARCHAR" | "NCHAR" | "STRING" | "CLOB" | "TINYTEXT"
        | "MEDIUMTEXT" | "LONGTEXT" => "write TEXT, without a length: texts are neither cut nor padded",
        "JSON" | "JSONB" | "STRUCT" | "ROW" | "MAP" | "OBJECT" | "VARIANT" => OBJECT,
        "BYTES" | "BYTEA" | "BINARY" | "VARBINARY" | "BLOB" => {
            "there are no bytes; a field that is a text, such as Base64, is TEXT"
        }
        "DECIMAL" | "NUMERIC" | "DEC" | "BIGNUMERIC" | "MONEY" => {
            "there are no decimal numbers; write DOUBLE, a binary number of about 16 digits, or BIGINT for whole numbers"
        }
        "FLOAT" | "DOUBLE" | "FLOAT4" | "FLOAT8" | "FLOAT32" | "FLOAT64" => {
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
