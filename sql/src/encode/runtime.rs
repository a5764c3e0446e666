//! The functions of the shell that kernels call; `sql/shell/src/runtime/` has them.

use wasm_encoder::ValType::{self, F64, I32, I64};

/// A function of the shell; its number is its function index in the generated module.
///
/// Texts are two I32, address and length; a text that comes back is an I64, the length above the address. Those with a
/// last I32 named *result* leave the result there, a text as that I64, and give a status: 0, or 1 + the failure's code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Runtime {
    /// The bytes that say which rows are kept.
    Keep,
    /// data type -> the values of the next computed column
    Output,
    /// The bytes that say which rows of that column are not NULL.
    Validity,
    /// length -> bytes for constants
    Allocate,
    /// row, code, expression
    Fail,
    /// text -> text
    Lower,
    /// text -> text
    Upper,
    /// text -> characters
    Length,
    /// text, text -> text
    Concat,
    /// text, text -> negative, 0, positive
    Compare,
    /// text, text -> 0 or 1
    Equal,
    /// text, pattern, result -> status
    Like,
    /// x, digits, result -> status
    RoundTo,
    /// a % b
    Remainder,
    /// text, result -> status
    ParseBoolean,
    /// text, result -> status
    ParseInt64,
    /// text, result -> status
    ParseFloat64,
    /// text, result -> status
    ParseTimestamp,
    /// value -> text
    FormatBoolean,
    /// value -> text
    FormatInt64,
    /// value -> text
    FormatFloat64,
    /// value -> text
    FormatTimestamp,
    /// text, characters -> text
    Trim,
    /// text, characters -> text
    TrimStart,
    /// text, characters -> text
    TrimEnd,
    /// text, separator, number, result -> status
    SplitPart,
    /// pattern, escape, result -> status
    LikeEscape,
}

/// A function as it is imported.
pub(super) struct Import {
    pub(super) function: Runtime,
    pub(super) name: &'static str,
    pub(super) parameters: &'static [ValType],
    pub(super) results: &'static [ValType],
}

const fn import(
    function: Runtime,
    name: &'static str,
    parameters: &'static [ValType],
    results: &'static [ValType],
) -> Import {
    Import { function, name, parameters, results }
}

/// All functions, in the order of their numbers.
pub(super) const IMPORTS: [Import; 27] = [
    import(Runtime::Keep, "shell.keep", &[], &[I32]),
    import(Runtime::Output, "shell.output", &[I32], &[I32]),
    import(Runtime::Validity, "shell.validity", &[], &[I32]),
    import(Runtime::Allocate, "shell.allocate", &[I32], &[I32]),
    import(Runtime::Fail, "shell.fail", &[I32, I32, I32], &[]),
    import(Runtime::Lower, "shell.lower", &[I32, I32], &[I64]),
    import(Runtime::Upper, "shell.upper", &[I32, I32], &[I64]),
    import(Runtime::Length, "shell.length", &[I32, I32], &[I64]),
    import(Runtime::Concat, "shell.concat", &[I32, I32, I32, I32], &[I64]),
    import(Runtime::Compare, "shell.compare", &[I32, I32, I32, I32], &[I32]),
    import(Runtime::Equal, "shell.equal", &[I32, I32, I32, I32], &[I32]),
    import(Runtime::Like, "shell.like", &[I32, I32, I32, I32, I32], &[I32]),
    import(Runtime::RoundTo, "shell.round_to", &[F64, I64, I32], &[I32]),
    import(Runtime::Remainder, "shell.remainder", &[F64, F64], &[F64]),
    import(Runtime::ParseBoolean, "shell.parse_boolean", &[I32, I32, I32], &[I32]),
    import(Runtime::ParseInt64, "shell.parse_int64", &[I32, I32, I32], &[I32]),
    import(Runtime::ParseFloat64, "shell.parse_float64", &[I32, I32, I32], &[I32]),
    import(Runtime::ParseTimestamp, "shell.parse_timestamp", &[I32, I32, I32], &[I32]),
    import(Runtime::FormatBoolean, "shell.format_boolean", &[I32], &[I64]),
    import(Runtime::FormatInt64, "shell.format_int64", &[I64], &[I64]),
    import(Runtime::FormatFloat64, "shell.format_float64", &[F64], &[I64]),
    import(Runtime::FormatTimestamp, "shell.format_timestamp", &[I64], &[I64]),
    import(Runtime::Trim, "shell.trim", &[I32, I32, I32, I32], &[I64]),
    import(Runtime::TrimStart, "shell.trim_start", &[I32, I32, I32, I32], &[I64]),
    import(Runtime::TrimEnd, "shell.trim_end", &[I32, I32, I32, I32], &[I64]),
    import(Runtime::SplitPart, "shell.split_part", &[I32, I32, I32, I32, I64, I32], &[I32]),
    import(Runtime::LikeEscape, "shell.like_escape", &[I32, I32, I32, I32, I32], &[I32]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_stands_at_its_number() {
        for (number, import) in IMPORTS.iter().enumerate() {
            assert_eq!(import.function as usize, number, "{}", import.name);
        }
    }
}
