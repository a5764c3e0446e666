//! What people are told of columns that the first records of a source do not have, or have more than once.

use super::RECORDS_MAX;

/// How many keys are named where none is like the one that is missing.
const KEYS_SHOWN_MAX: usize = 10;

/// Something about a source's first records that its author did not expect, it seems.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// No record had a value where a column's path leads.
    Missing(MissingColumn),
    /// Records have elements that no column reads.
    MoreElements(MoreElements),
}

/// A column whose key was in no record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingColumn {
    /// Its name.
    pub name: String,
    /// How many records were looked at.
    pub records: u64,
    /// Whether more may come.
    pub goes_on: bool,
    /// What they have instead.
    pub why: Why,
    /// A path that leads to a value and is spelled much like the column's.
    pub meant: Option<String>,
}

/// Where the way to a column ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// An object has no such key.
    NoKey {
        /// The key, with the names of the objects around it.
        key: String,
        /// Keys that were there in its stead, some of them.
        keys: Vec<String>,
    },
    /// A value has no fields or no elements.
    NotEntered {
        /// Where the value is.
        at: String,
        /// What it is: `an array`.
        found: &'static str,
    },
}

/// An array of which a source reads some elements only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MoreElements {
    /// Where it is.
    pub array: String,
    /// How many elements it has in a record.
    pub elements: usize,
    /// A column that reads one of them.
    pub column: String,
    /// The column's path.
    pub path: String,
}

impl MissingColumn {
    /// What was seen; it follows the source's name.
    pub fn message(&self) -> String {
        let Self { name, records, goes_on, why, meant } = self;
        let so_far = if *goes_on { " so far" } else { "" };
        let among = match records {
            RECORDS_MAX.. => format!("the first {records} records"),
            1 => format!("the only record{so_far}"),
            records => format!("all {records} records{so_far}"),
        };
        let text = match why {
            Why::NoKey { key, .. } => {
                format!("column \"{name}\" was NULL in {among}: there is no key `{key}`")
            }
            Why::NotEntered { at, found } => {
                format!("column \"{name}\" was NULL in {among}: `{at}` is {found}")
            }
        };
        match (meant, why) {
            (Some(meant), _) => format!("{text}; did you mean `{meant}`?"),
            (None, Why::NoKey { keys, .. }) => {
                let shown: Vec<&str> = keys.iter().take(KEYS_SHOWN_MAX).map(String::as_str).collect();
                let more = if keys.len() > shown.len() { ", ..." } else { "" };
                format!("{text}; there are: {}{more}", shown.join(", "))
            }
            (None, Why::NotEntered { .. }) => text,
        }
    }

    /// What to write instead.
    pub fn help(&self) -> Option<String> {
        let Self { name, why, meant, .. } = self;
        match (meant, why) {
            (Some(meant), Why::NoKey { .. }) => Some(format!(
                "write {name} ... PATH '{meant}' behind its type; JSON keys are matched exactly"
            )),
            (Some(meant), Why::NotEntered { .. }) => Some(format!("write {name} ... PATH '{meant}'")),
            (None, Why::NotEntered { found: "an array", .. }) => {
                Some("PATH reaches an element of an array by its number, as in 'choices[0].text'".to_owned())
            }
            (None, _) => None,
        }
    }
}

impl MoreElements {
    /// What was seen; it follows the source's name.
    pub fn message(&self) -> String {
        let Self { array, elements, column, path } = self;
        format!(
            "a record has {elements} elements in `{array}`, and PATH '{path}' of column \"{column}\" reads one of them"
        )
    }

    /// What it means.
    pub fn help(&self) -> String {
        format!(
            "a record is one event; if each element of `{}` is one, let the producer send a record for each",
            self.array
        )
    }
}
