//! Columns, values and errors: the contract's and this crate's.

use super::bindings::columns;
use crate::{BytesList, ColumnView, DataType, Error, Field, Literal, Values, ValuesView};

pub(super) fn view(column: &columns::Column) -> ColumnView<'_> {
    let values = match &column.values {
        columns::Values::Booleans(bits) => ValuesView::Booleans(bits),
        columns::Values::Int64s(values) => ValuesView::Int64s(values),
        columns::Values::Float64s(values) => ValuesView::Float64s(values),
        columns::Values::Timestamps(values) => ValuesView::Timestamps(values),
        columns::Values::Texts(texts) => ValuesView::Texts { ends: &texts.ends, bytes: &texts.bytes },
    };
    ColumnView { rows: column.rows as usize, values, valid: column.valid.as_deref() }
}

pub(super) fn lower_values(values: Values) -> columns::Values {
    match values {
        Values::Booleans(bits) => columns::Values::Booleans(bits),
        Values::Int64s(values) => columns::Values::Int64s(values),
        Values::Float64s(values) => columns::Values::Float64s(values),
        Values::Timestamps(values) => columns::Values::Timestamps(values),
        Values::Texts(texts) => columns::Values::Texts(lower_bytes_list(texts)),
    }
}

pub(super) fn lower_bytes_list(list: BytesList) -> columns::BytesList {
    columns::BytesList { ends: list.ends, bytes: list.bytes }
}

pub(super) fn lift_literal(literal: columns::Literal) -> Literal {
    match literal {
        columns::Literal::Null => Literal::Null,
        columns::Literal::Boolean(value) => Literal::Boolean(value),
        columns::Literal::Int64(value) => Literal::Int64(value),
        columns::Literal::Float64(value) => Literal::Float64(value),
        columns::Literal::Timestamp(value) => Literal::Timestamp(value),
        columns::Literal::Text(value) => Literal::Text(value),
    }
}

fn lower_literal(literal: Literal) -> columns::Literal {
    match literal {
        Literal::Null => columns::Literal::Null,
        Literal::Boolean(value) => columns::Literal::Boolean(value),
        Literal::Int64(value) => columns::Literal::Int64(value),
        Literal::Float64(value) => columns::Literal::Float64(value),
        Literal::Timestamp(value) => columns::Literal::Timestamp(value),
        Literal::Text(value) => columns::Literal::Text(value),
    }
}

pub(super) fn lower_field(field: Field) -> columns::Field {
    columns::Field {
        name: field.name,
        data_type: lower_data_type(field.data_type),
        docs: field.docs,
        default: field.default.map(lower_literal),
    }
}

pub(super) fn lower_data_type(data_type: DataType) -> columns::DataType {
    match data_type {
        DataType::Boolean => columns::DataType::Boolean,
        DataType::Int64 => columns::DataType::Int64,
        DataType::Float64 => columns::DataType::Float64,
        DataType::Timestamp => columns::DataType::Timestamp,
        DataType::Text => columns::DataType::Text,
    }
}

pub(super) fn lower_error(error: Error) -> columns::Error {
    match error {
        Error::Invalid(words) => columns::Error::Invalid(words),
        Error::Corrupt(words) => columns::Error::Corrupt(words),
        Error::UnsupportedVersion(version) => columns::Error::UnsupportedVersion(version),
    }
}

pub(super) fn lift_bytes_list(list: columns::BytesList) -> BytesList {
    BytesList { ends: list.ends, bytes: list.bytes }
}

pub(super) fn lift_data_type(data_type: columns::DataType) -> DataType {
    match data_type {
        columns::DataType::Boolean => DataType::Boolean,
        columns::DataType::Int64 => DataType::Int64,
        columns::DataType::Float64 => DataType::Float64,
        columns::DataType::Timestamp => DataType::Timestamp,
        columns::DataType::Text => DataType::Text,
    }
}
