//! The functions that the shell computes by one convention of calls: their types, and how they end.
//!
//! A generated module imports only those that it calls. A TEXT is one word, the length above the address; results come back
//! as for [`crate::encode`]'s own imports, behind a pointer where there may be none.

use crate::types::DataType::{self, Boolean, Float64, Int64, Text, Timestamp};

/// A function of the library; what each one means stands in `streamgauge_functions`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Library {
    /// Each character in lower case by itself, for ILIKE.
    Fold,
    /// `substring(text FROM start)`
    Substring,
    /// `substring(text FROM start FOR count)`
    SubstringFor,
    /// `strpos(text, part)`
    Position,
    /// `replace(text, from, to)`
    Replace,
    /// `starts_with(text, start)`
    StartsWith,
    /// `left(text, count)`
    Left,
    /// `right(text, count)`
    Right,
    /// `reverse(text)`
    Reverse,
    /// `lpad(text, length, fill)`
    PadStart,
    /// `rpad(text, length, fill)`
    PadEnd,
    /// `sha256(text)`
    Sha256,
    /// `sqrt(x)`
    Sqrt,
    /// `ln(x)`
    Ln,
    /// `log10(x)`
    Log10,
    /// `exp(x)`
    Exp,
    /// `power(x, y)`
    Power,
    /// `sign(x)`
    Sign,
    /// `trunc(x, digits)`
    TruncTo,
    /// `date_trunc(unit, time)`; units are numbers of `calendar::Unit`.
    DateTrunc,
    /// `extract(unit FROM time)` of a unit that is a whole number.
    DateField,
    /// `extract(unit FROM time)` of a unit with a fraction.
    DateFraction,
    /// `date_bin(stride, time, origin)`
    DateBin,
    /// `to_timestamp(seconds)`
    FromSeconds,
    /// `text ~ pattern`
    Matches,
    /// `regexp_extract(text, pattern, group)`
    Extract,
    /// `regexp_replace(text, pattern, to, all)`; `all` is 1 where every match is replaced, else 0.
    PatternReplace,
}

/// How a call can end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// With a value.
    Value,
    /// With a value or a failure of the row.
    Fails,
    /// With a value, NULL or a failure of the row.
    FailsOrNull,
}

/// What a caller has to know.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Which.
    pub function: Library,
    /// The name of the shell's export.
    pub export: &'static str,
    /// The types of its arguments.
    pub arguments: &'static [DataType],
    /// The type of its result.
    pub returns: DataType,
    /// How it can end.
    pub end: End,
}

const fn entry(
    function: Library,
    export: &'static str,
    arguments: &'static [DataType],
    returns: DataType,
    end: End,
) -> Entry {
    Entry { function, export, arguments, returns, end }
}

/// All functions, by number.
pub const ENTRIES: [Entry; 27] = [
    entry(Library::Fold, "shell.fold", &[Text], Text, End::Value),
    entry(Library::Substring, "shell.substring", &[Text, Int64], Text, End::Value),
    entry(Library::SubstringFor, "shell.substring_for", &[Text, Int64, Int64], Text, End::Fails),
    entry(Library::Position, "shell.position", &[Text, Text], Int64, End::Value),
    entry(Library::Replace, "shell.replace", &[Text, Text, Text], Text, End::Fails),
    entry(Library::StartsWith, "shell.starts_with", &[Text, Text], Boolean, End::Value),
    entry(Library::Left, "shell.left", &[Text, Int64], Text, End::Value),
    entry(Library::Right, "shell.right", &[Text, Int64], Text, End::Value),
    entry(Library::Reverse, "shell.reverse", &[Text], Text, End::Value),
    entry(Library::PadStart, "shell.pad_start", &[Text, Int64, Text], Text, End::Fails),
    entry(Library::PadEnd, "shell.pad_end", &[Text, Int64, Text], Text, End::Fails),
    entry(Library::Sha256, "shell.sha256", &[Text], Text, End::Value),
    entry(Library::Sqrt, "shell.sqrt", &[Float64], Float64, End::Fails),
    entry(Library::Ln, "shell.ln", &[Float64], Float64, End::Fails),
    entry(Library::Log10, "shell.log10", &[Float64], Float64, End::Fails),
    entry(Library::Exp, "shell.exp", &[Float64], Float64, End::Fails),
    entry(Library::Power, "shell.power", &[Float64, Float64], Float64, End::Fails),
    entry(Library::Sign, "shell.sign", &[Float64], Float64, End::Value),
    entry(Library::TruncTo, "shell.trunc_to", &[Float64, Int64], Float64, End::Fails),
    entry(Library::DateTrunc, "shell.date_trunc", &[Int64, Timestamp], Timestamp, End::Fails),
    entry(Library::DateField, "shell.date_field", &[Int64, Timestamp], Int64, End::Fails),
    entry(Library::DateFraction, "shell.date_fraction", &[Int64, Timestamp], Float64, End::Fails),
    entry(Library::DateBin, "shell.date_bin", &[Int64, Timestamp, Timestamp], Timestamp, End::Fails),
    entry(Library::FromSeconds, "shell.from_seconds", &[Float64], Timestamp, End::Fails),
    entry(Library::Matches, "shell.matches", &[Text, Text], Boolean, End::Fails),
    entry(Library::Extract, "shell.extract", &[Text, Text, Int64], Text, End::FailsOrNull),
    entry(Library::PatternReplace, "shell.pattern_replace", &[Text, Text, Text, Int64], Text, End::Fails),
];

impl Library {
    /// What a caller has to know of it.
    pub fn entry(self) -> &'static Entry {
        static TABLE: [Entry; ENTRIES.len()] = ENTRIES;
        #[expect(
            clippy::indexing_slicing,
            reason = "each function has an entry at its number, as a test makes sure"
        )]
        &TABLE[self as usize]
    }

    /// Whether it needs the engine of regular expressions, which only a shell of its own has.
    pub fn needs_patterns(self) -> bool {
        matches!(self, Self::Matches | Self::Extract | Self::PatternReplace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_stands_at_its_number() {
        for (number, entry) in ENTRIES.iter().enumerate() {
            assert_eq!(entry.function as usize, number, "{}", entry.export);
        }
        assert_eq!(Library::PatternReplace as usize + 1, ENTRIES.len());
    }
}
