//! Accumulators that are not behind a boundary, as the laws want them.

use streamgauge_laws::{self as laws, Cell, Row, Stop};

use crate::{
    Accumulators, BytesList, Column, DataType, Error, Evaluated, Literal, Signature, StateSize, Values, bit,
    bitmap,
};

/// Accumulators and the types of their columns.
pub(super) struct Native<'a> {
    pub(super) accumulators: Box<dyn Accumulators>,
    pub(super) types: &'a [laws::DataType],
}

impl Native<'_> {
    /// Gives the rows in one batch.
    pub(super) fn give(&mut self, rows: &[Row]) -> Result<(), Error> {
        let slots: Vec<u32> = rows.iter().map(|row| row.slot).collect();
        let types = self.types.iter().enumerate();
        let columns: Vec<Column> = types.map(|(index, of)| column(*of, index, rows)).collect();
        let views: Vec<_> = columns.iter().map(Column::view).collect();
        self.accumulators.accumulate(&slots, &views)
    }
}

impl laws::Accumulators for Native<'_> {
    fn accumulate(&mut self, rows: &[Row]) -> Result<(), Stop> {
        self.give(rows).map_err(stop)
    }

    fn merge(&mut self, into: &[u32], source: &[u32]) -> Result<(), Stop> {
        self.accumulators.merge(into, source);
        Ok(())
    }

    fn evaluate(&mut self, slots: &[u32]) -> Result<Vec<laws::Evaluated>, Stop> {
        let evaluated = self.accumulators.evaluate(slots);
        let value = |row: usize| match evaluated.failed.iter().find(|(failed, _)| *failed as usize == row) {
            Some((_, why)) => laws::Evaluated::Failed(why.clone()),
            None => laws::Evaluated::Value(result(&evaluated, row)),
        };
        Ok((0..slots.len()).map(value).collect())
    }

    fn snapshot(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Stop> {
        Ok(self.accumulators.snapshot(slots).iter().map(<[u8]>::to_vec).collect())
    }

    fn restore(&mut self, state_version: u32, slots: &[u32], states: &[Vec<u8>]) -> Result<(), Stop> {
        let mut list = BytesList::default();
        states.iter().for_each(|state| list.push(state));
        self.accumulators.restore(state_version, slots, &list).map_err(stop)
    }

    fn release(&mut self, slots: &[u32]) -> Result<(), Stop> {
        self.accumulators.release(slots);
        Ok(())
    }
}

fn stop(error: Error) -> Stop {
    match error {
        Error::UnsupportedVersion(version) => Stop::UnsupportedVersion(version),
        other => Stop::Refused(other.to_string()),
    }
}

/// One result.
pub(super) fn result(evaluated: &Evaluated, row: usize) -> Cell {
    if evaluated.column.valid.as_ref().is_some_and(|valid| !bit(valid, row)) {
        return Cell::Null;
    }
    match &evaluated.column.values {
        Values::Booleans(bits) => Cell::Boolean(bit(bits, row)),
        Values::Int64s(values) => values.get(row).map_or(Cell::Null, |&value| Cell::Int64(value)),
        Values::Timestamps(values) => values.get(row).map_or(Cell::Null, |&value| Cell::Timestamp(value)),
        Values::Float64s(values) => values.get(row).map_or(Cell::Null, |&value| Cell::Float64(value)),
        Values::Texts(texts) => texts
            .iter()
            .nth(row)
            .map_or(Cell::Null, |text| Cell::Text(String::from_utf8_lossy(text).into_owned())),
    }
}

/// One argument of all rows; without NULLs it has no bitmap.
fn column(data_type: laws::DataType, index: usize, rows: &[Row]) -> Column {
    let arguments = || rows.iter().filter_map(move |row| row.arguments.get(index));
    let number = |cell: &Cell| match cell {
        Cell::Int64(value) | Cell::Timestamp(value) => *value,
        _ => 0,
    };
    let float = |cell: &Cell| if let Cell::Float64(value) = cell { *value } else { 0.0 };
    let values = match data_type {
        laws::DataType::Boolean => {
            Values::Booleans(bitmap(arguments().map(|argument| argument.cell == Cell::Boolean(true))))
        }
        laws::DataType::Int64 => Values::Int64s(arguments().map(|it| number(&it.cell)).collect()),
        laws::DataType::Timestamp => Values::Timestamps(arguments().map(|it| number(&it.cell)).collect()),
        laws::DataType::Float64 => Values::Float64s(arguments().map(|it| float(&it.cell)).collect()),
        laws::DataType::Text => {
            let mut texts = BytesList::default();
            for argument in arguments() {
                texts.push(if let Cell::Text(text) = &argument.cell { text.as_bytes() } else { b"" });
            }
            Values::Texts(texts)
        }
    };
    let has_null = arguments().any(|argument| !argument.valid);
    let valid = has_null.then(|| bitmap(arguments().map(|argument| argument.valid)));
    Column { rows: rows.len(), values, valid }
}

/// A signature as the laws have it.
pub(super) fn signature(signature: &Signature) -> laws::Signature {
    let parameters = signature.parameters.iter().map(|field| laws::Parameter {
        name: field.name.clone(),
        data_type: law_type(field.data_type),
        docs: field.docs.clone(),
        default: field.default.as_ref().map(literal),
    });
    laws::Signature {
        arguments: signature.arguments.iter().copied().map(law_type).collect(),
        parameters: parameters.collect(),
        returns: law_type(signature.returns),
        needs_time: signature.needs_time,
        tolerance: signature.tolerance,
        bytes_max: match signature.state {
            StateSize::Bounded(bytes) => Some(bytes),
            StateSize::Growing => None,
        },
        state_version: signature.state_version,
        restores: signature.restores.clone(),
    }
}

fn law_type(data_type: DataType) -> laws::DataType {
    match data_type {
        DataType::Boolean => laws::DataType::Boolean,
        DataType::Int64 => laws::DataType::Int64,
        DataType::Float64 => laws::DataType::Float64,
        DataType::Timestamp => laws::DataType::Timestamp,
        DataType::Text => laws::DataType::Text,
    }
}

fn literal(literal: &Literal) -> Cell {
    match literal {
        Literal::Null => Cell::Null,
        Literal::Boolean(value) => Cell::Boolean(*value),
        Literal::Int64(value) => Cell::Int64(*value),
        Literal::Float64(value) => Cell::Float64(*value),
        Literal::Timestamp(value) => Cell::Timestamp(*value),
        Literal::Text(value) => Cell::Text(value.clone()),
    }
}
