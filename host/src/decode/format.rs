//! The formats of records: how bytes become rows.
//!
//! A new format is a module with a `FORMAT`, and a line in [`FORMATS`]; the SQL side knows its name
//! ([`streamgauge_sql::manifest::FORMATS`]).

use std::{fmt, sync::Arc};

use streamgauge_common::chunk::Chunk;

use super::{Batch, json, layout::Layout};

/// Decodes records into the columns of one layout. One decoder serves all threads.
pub trait Decode: Send + Sync {
    /// Decodes all records of a chunk; a record becomes any number of rows.
    ///
    /// Nothing of the input is lost silently: what cannot be used is NULL and stands in the rejects. How many rows a record
    /// has, and what is rejected as a whole, depends on the record alone, never on the layout or on the records around it:
    /// a row's identity is its partition, its record's offset and its place in the record.
    fn decode(&self, chunk: Chunk) -> Batch;
}

/// A format of records.
#[derive(Clone, Copy)]
pub struct Format {
    /// Its name in `WITH (format = '...')`.
    pub name: &'static str,
    /// Makes a decoder for the columns of a layout; records of more bytes than the limit become dead letters.
    pub decoder: fn(layout: Arc<Layout>, record_bytes_max: usize) -> Arc<dyn Decode>,
}

/// All formats.
pub const FORMATS: &[Format] = &[json::FORMAT];

/// The format of a name; none where there is none.
pub fn find(name: &str) -> Option<Format> {
    FORMATS.iter().find(|format| format.name == name).copied()
}

impl fmt::Debug for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Format").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_that_sql_takes_has_a_decoder() {
        let names: Vec<&str> = FORMATS.iter().map(|format| format.name).collect();
        assert_eq!(names, streamgauge_sql::manifest::FORMATS);
        assert!(find("json").is_some() && find("JSON").is_none());
    }
}
