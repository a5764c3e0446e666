//! Deliveries for tests, row by row.

use super::{Deliveries, Encoder, Operation, Request, Schema, SchemaColumn, Windows};
use crate::{BytesList, Cell, Column, ColumnView, DataType, Error, Values, bitmap};

/// Rows that are made by hand.
#[derive(Clone, Debug)]
pub struct Batch {
    schema: Schema,
    columns: Vec<Column>,
    keys: BytesList,
    operations: Vec<Operation>,
    revisions: Vec<u32>,
    windows: Vec<(i64, i64)>,
    sequence: u64,
}

impl Schema {
    /// A schema: names and types.
    pub fn of(query: &str, columns: &[(&str, DataType)]) -> Self {
        let column = |&(name, data_type): &(&str, DataType)| SchemaColumn { name: name.into(), data_type };
        Self { query: query.into(), columns: columns.iter().map(column).collect() }
    }
}

impl Batch {
    /// Without rows.
    pub fn new(schema: &Schema) -> Self {
        let columns = schema.columns.iter().map(|column| empty(column.data_type)).collect();
        Self {
            schema: schema.clone(),
            columns,
            keys: BytesList::default(),
            operations: Vec::new(),
            revisions: Vec::new(),
            windows: Vec::new(),
            sequence: 0,
        }
    }

    /// With one more row: its window (none for all = the query has none) and values. Its key is `key-NUMBER`.
    ///
    /// # Panics
    /// Where a value is of another type than its column.
    #[must_use]
    pub fn row(mut self, window: Option<(i64, i64)>, cells: &[Option<Cell<'_>>]) -> Self {
        self.sequence += 1;
        self.keys.push(format!("key-{}", self.sequence).as_bytes());
        self.operations.push(Operation::Insert);
        self.revisions.push(0);
        self.windows.extend(window);
        assert_eq!(cells.len(), self.columns.len(), "a cell a column");
        self.columns.iter_mut().zip(cells).for_each(|(column, &cell)| push(column, cell));
        self
    }

    /// The last row means something else.
    #[must_use]
    pub fn operation(mut self, operation: Operation) -> Self {
        if let Some(last) = self.operations.last_mut() {
            *last = operation;
        }
        self
    }

    /// What it is of.
    pub fn schema(&self) -> &Schema {
        &self.schema
    }

    /// How many rows.
    pub fn len(&self) -> usize {
        self.operations.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// What an encoder makes of it.
    ///
    /// # Errors
    /// Those of the encoder.
    pub fn encode(&self, encoder: &mut impl Encoder) -> Result<Vec<Request>, Error> {
        let columns: Vec<ColumnView<'_>> = self.columns.iter().map(Column::view).collect();
        let sequences: Vec<u64> = (1..=self.sequence).collect();
        let (starts, ends): (Vec<i64>, Vec<i64>) = self.windows.iter().copied().unzip();
        let forced = bitmap(starts.iter().map(|_| false));
        let windows = Windows { starts: &starts, ends: &ends, forced: &forced };
        encoder.encode(&Deliveries {
            keys: &self.keys,
            sequences: &sequences,
            operations: &self.operations,
            revisions: &self.revisions,
            windows: (!starts.is_empty()).then_some(windows),
            columns: &columns,
        })
    }
}

fn empty(data_type: DataType) -> Column {
    let values = match data_type {
        DataType::Boolean => Values::Booleans(Vec::new()),
        DataType::Int64 => Values::Int64s(Vec::new()),
        DataType::Float64 => Values::Float64s(Vec::new()),
        DataType::Timestamp => Values::Timestamps(Vec::new()),
        DataType::Text => Values::Texts(BytesList::default()),
    };
    Column { rows: 0, values, valid: Some(Vec::new()) }
}

fn push(column: &mut Column, cell: Option<Cell<'_>>) {
    let row = column.rows;
    column.rows += 1;
    if let Some(valid) = &mut column.valid {
        push_bit(valid, row, cell.is_some());
    }
    match (&mut column.values, cell) {
        (Values::Booleans(bits), Some(Cell::Boolean(value))) => push_bit(bits, row, value),
        (Values::Int64s(values), Some(Cell::Int64(value)))
        | (Values::Timestamps(values), Some(Cell::Timestamp(value))) => values.push(value),
        (Values::Float64s(values), Some(Cell::Float64(value))) => values.push(value),
        (Values::Texts(values), Some(Cell::Text(value))) => values.push(value.as_bytes()),
        // What stands at NULL rows means nothing, so let it be something.
        (Values::Booleans(bits), None) => push_bit(bits, row, true),
        (Values::Int64s(values) | Values::Timestamps(values), None) => values.push(-1),
        (Values::Float64s(values), None) => values.push(-1.0),
        (Values::Texts(values), None) => values.push(b"?"),
        (values, cell) => panic!("{cell:?} does not go into {values:?}"),
    }
}

fn push_bit(bits: &mut Vec<u8>, row: usize, bit: bool) {
    if row.is_multiple_of(8) {
        bits.push(0);
    }
    if let Some(last) = bits.last_mut() {
        *last |= u8::from(bit) << (row % 8);
    }
}
