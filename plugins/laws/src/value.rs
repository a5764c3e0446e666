//! Values, and rows of them on their way to a slot.

use std::fmt;

/// The type of a column or of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// BOOLEAN
    Boolean,
    /// BIGINT
    Int64,
    /// DOUBLE
    Float64,
    /// TIMESTAMP
    Timestamp,
    /// TEXT
    Text,
}

/// One value.
#[derive(Clone, Debug, Default)]
pub enum Cell {
    /// NULL
    #[default]
    Null,
    /// True or false.
    Boolean(bool),
    /// 64 bits, signed.
    Int64(i64),
    /// IEEE 754 binary64.
    Float64(f64),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Timestamp(i64),
    /// UTF-8.
    Text(String),
}

/// A value of an argument: never [`Cell::Null`], so that something stands there also where the row is NULL.
#[derive(Clone, Debug, PartialEq)]
pub struct Argument {
    /// The value; where it is not valid it means nothing.
    pub cell: Cell,
    /// Whether it is not NULL.
    pub valid: bool,
}

/// A row of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Where it goes.
    pub slot: u32,
    /// Laws that give rows in several steps tell the steps by this number.
    pub part: u32,
    /// One an argument; the event time is the last where the signature wants it.
    pub arguments: Vec<Argument>,
}

/// Equal bits, but all NaN are one.
impl PartialEq for Cell {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Boolean(a), Self::Boolean(b)) => a == b,
            (Self::Float64(a), Self::Float64(b)) => a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan()),
            (Self::Int64(a), Self::Int64(b)) | (Self::Timestamp(a), Self::Timestamp(b)) => a == b,
            (Self::Text(a), Self::Text(b)) => a == b,
            _ => false,
        }
    }
}

impl Cell {
    /// The type of a value; none of NULL.
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

impl Row {
    /// The same values for another slot.
    #[must_use]
    pub fn to_slot(&self, slot: u32) -> Self {
        Self { slot, ..self.clone() }
    }

    /// Whether an argument is NULL.
    pub fn has_null(&self) -> bool {
        self.arguments.iter().any(|argument| !argument.valid)
    }
}

impl fmt::Display for DataType {
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

/// The longest text that is shown whole, in characters.
const SHOWN_MAX: usize = 40;

/// A value for people: numbers in the shortest form that is read back as the same, long texts cut.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Int64(value) | Self::Timestamp(value) => write!(f, "{value}"),
            Self::Float64(value) => write!(f, "{value:?}"),
            Self::Text(text) => match text.chars().nth(SHOWN_MAX) {
                None => write!(f, "'{}'", text.escape_debug()),
                Some(_) => {
                    let start: String = text.chars().take(SHOWN_MAX).collect();
                    write!(f, "'{}'... ({} bytes)", start.escape_debug(), text.len())
                }
            },
        }
    }
}

impl fmt::Display for Argument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.valid { self.cell.fmt(f) } else { Cell::Null.fmt(f) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_equal_by_their_bits() {
        assert_ne!(Cell::Float64(0.0), Cell::Float64(-0.0));
        assert_eq!(Cell::Float64(f64::NAN), Cell::Float64(-f64::NAN));
        assert_ne!(Cell::Int64(1), Cell::Timestamp(1));
    }

    #[test]
    fn values_are_shown_short_and_on_one_line() {
        assert_eq!(Cell::Float64(-0.0).to_string(), "-0.0");
        assert_eq!(Cell::Float64(1e300).to_string(), "1e300");
        assert_eq!(Cell::Text("a\n'".into()).to_string(), "'a\\n\\''");
        let long = Cell::Text("é".repeat(50_000)).to_string();
        assert_eq!(long, format!("'{}'... (100000 bytes)", "é".repeat(40)));
        assert_eq!(Argument { cell: Cell::Int64(7), valid: false }.to_string(), "NULL");
    }
}
