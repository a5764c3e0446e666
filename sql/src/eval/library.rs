//! The functions of the library.

use streamgauge_functions::{Failure, calendar, compose, number, pattern, round, substring};

use super::strict::{part, written};
use crate::library::Library;
use crate::types::Value;

type Result<T> = std::result::Result<T, Failure>;

/// `function(arguments)`, of which none is NULL.
pub(super) fn call(function: Library, arguments: &[Value]) -> Result<Value> {
    match arguments {
        [Value::Text(text)] => Ok(of_text(function, text.as_bytes())),
        [Value::Text(text), Value::Int64(count)] => Ok(of_place(function, text.as_bytes(), *count)),
        [Value::Text(text), Value::Text(other)] => of_texts(function, text.as_bytes(), other.as_bytes()),
        [Value::Float64(x)] => of_number(function, *x),
        [Value::Int64(unit), Value::Timestamp(time)] => of_time(function, *unit, *time),
        _ => of_others(function, arguments),
    }
}

fn of_text(function: Library, text: &[u8]) -> Value {
    match function {
        Library::Fold => written(|out| compose::fold(text, out)),
        Library::Reverse => written(|out| compose::reverse(text, out)),
        Library::Sha256 => written(|out| compose::sha256(text, out)),
        function => unreachable!("{function:?} of a text passed the binder"),
    }
}

fn of_place(function: Library, text: &[u8], count: i64) -> Value {
    part(match function {
        Library::Substring => substring::substring(text, count),
        Library::Left => substring::left(text, count),
        Library::Right => substring::right(text, count),
        function => unreachable!("{function:?} of a text and a number passed the binder"),
    })
}

fn of_texts(function: Library, text: &[u8], other: &[u8]) -> Result<Value> {
    Ok(match function {
        Library::Position => Value::Int64(substring::position(text, other)),
        Library::StartsWith => Value::Boolean(text.starts_with(other)),
        Library::Matches => Value::Boolean(pattern::is_match(text, other)?),
        function => unreachable!("{function:?} of two texts passed the binder"),
    })
}

fn of_number(function: Library, x: f64) -> Result<Value> {
    match function {
        Library::Sqrt => number::sqrt(x),
        Library::Ln => number::ln(x),
        Library::Log10 => number::log10(x),
        Library::Exp => number::exp(x),
        Library::Sign => Ok(number::sign(x)),
        Library::FromSeconds => return calendar::from_seconds(x).map(Value::Timestamp),
        function => unreachable!("{function:?} of a number passed the binder"),
    }
    .map(Value::Float64)
}

fn of_time(function: Library, unit: i64, time: i64) -> Result<Value> {
    match function {
        Library::DateTrunc => calendar::truncate(unit, time).map(Value::Timestamp),
        Library::DateField => calendar::field(unit, time).map(Value::Int64),
        Library::DateFraction => calendar::fraction(unit, time).map(Value::Float64),
        function => unreachable!("{function:?} of a time passed the binder"),
    }
}

fn of_others(function: Library, arguments: &[Value]) -> Result<Value> {
    match (function, arguments) {
        (Library::SubstringFor, [Value::Text(text), Value::Int64(start), Value::Int64(count)]) => {
            substring::substring_for(text.as_bytes(), *start, *count).map(part)
        }
        (Library::Replace, [Value::Text(text), Value::Text(from), Value::Text(to)]) => {
            composed(|out| compose::replace(text.as_bytes(), from.as_bytes(), to.as_bytes(), out))
        }
        (Library::PadStart, [Value::Text(text), Value::Int64(characters), Value::Text(fill)]) => {
            composed(|out| compose::pad_start(text.as_bytes(), *characters, fill.as_bytes(), out))
        }
        (Library::PadEnd, [Value::Text(text), Value::Int64(characters), Value::Text(fill)]) => {
            composed(|out| compose::pad_end(text.as_bytes(), *characters, fill.as_bytes(), out))
        }
        (Library::Extract, [Value::Text(text), Value::Text(pattern), Value::Int64(group)]) => {
            let found = pattern::extract(text.as_bytes(), pattern.as_bytes(), *group)?;
            Ok(found.map_or(Value::Null, part))
        }
        (
            Library::PatternReplace,
            [Value::Text(text), Value::Text(pattern), Value::Text(to), Value::Int64(all)],
        ) => composed(|out| {
            pattern::replace(text.as_bytes(), pattern.as_bytes(), to.as_bytes(), *all != 0, out)
        }),
        (Library::Power, [Value::Float64(x), Value::Float64(y)]) => number::power(*x, *y).map(Value::Float64),
        (Library::TruncTo, [Value::Float64(x), Value::Int64(digits)]) => {
            round::trunc_to(*x, *digits).map(Value::Float64)
        }
        (Library::DateBin, [Value::Int64(stride), Value::Timestamp(time), Value::Timestamp(origin)]) => {
            calendar::bin(*stride, *time, *origin).map(Value::Timestamp)
        }
        (function, arguments) => unreachable!("{function:?} of {arguments:?} passed the binder"),
    }
}

/// The text that `write` writes, if it does.
fn composed(write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> Result<Value> {
    let mut out = Vec::new();
    write(&mut out).map(|()| part(&out))
}
