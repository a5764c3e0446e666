//! The last rows of a query, as people see them.

use std::sync::Arc;

use streamgauge_common::row::Rows;
use streamgauge_sql::manifest::Output;

use crate::{
    deliver::{key::Keys, output::JsonLines},
    recent::Recent,
};

/// How many rows are kept.
const ROWS_MAX: usize = 1000;

/// The last rows of a query.
#[derive(Debug)]
pub struct RecentRows {
    keys: Keys,
    recent: Arc<Recent>,
}

impl RecentRows {
    /// Of a query that has decided no rows yet.
    pub fn new(keys: Keys) -> Self {
        Self { keys, recent: Arc::new(Recent::new(ROWS_MAX)) }
    }

    /// More rows; of very many only the last ones are looked at.
    pub fn add(&self, fields: &[Output], rows: &Rows) {
        let first = rows.len.saturating_sub(ROWS_MAX);
        let shown = (first > 0).then(|| rows.take(&(first as u32..rows.len as u32).collect::<Vec<_>>()));
        let shown = shown.as_ref().unwrap_or(rows);
        let mut lines = Vec::new();
        JsonLines.write_some(&mut lines, fields, shown, shown.len);
        let texts = lines.split(|&byte| byte == b'\n').map(|line| String::from_utf8_lossy(line).into_owned());
        let keys = (0..shown.len).map(|row| self.keys.name(&shown.identity, row).key);
        self.recent.add(first as u64, keys.zip(texts));
    }

    /// The rows.
    pub fn recent(&self) -> &Arc<Recent> {
        &self.recent
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_common::{
        column::{Column, DataType, Value},
        offset::Offset,
        partition::SourceIndex,
        row::Identity,
    };
    use streamgauge_sql::manifest;

    use super::*;

    #[test]
    fn rows_have_their_keys_and_of_many_the_last_are_kept() {
        let rows = |numbers: std::ops::Range<i64>| {
            let mut column = Column::empty(DataType::Int64);
            numbers.clone().for_each(|number| column.push(&Value::Int64(number)));
            let identity = Identity::Records {
                partition: SourceIndex::FIRST.partition(0),
                offsets: numbers.clone().map(Offset).collect(),
                indexes: None,
            };
            Rows { columns: vec![column], len: numbers.count(), identity }
        };
        let fields =
            [Output { name: "n".into(), data_type: DataType::Int64, column: manifest::Column::Input(0) }];
        let shown = RecentRows::new(Keys::new(7, "q"));
        shown.add(&fields, &rows(0..3));
        let read = shown.recent().last(1);
        assert_eq!((read.items[0].json.as_str(), read.dropped), (r#"{"n":2}"#, 0));
        assert_eq!(read.items[0].key, Keys::new(7, "q").name(&rows(2..3).identity, 0).key);
        shown.add(&fields, &rows(3..5000));
        let read = shown.recent().last(ROWS_MAX);
        assert_eq!((read.items.len(), read.dropped, read.next), (1000, 4000, 5000));
        assert_eq!(read.items[999].json, r#"{"n":4999}"#);
        assert_eq!(read.items[0].key, Keys::new(7, "q").name(&rows(4000..4001).identity, 0).key);
    }
}
