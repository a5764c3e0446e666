//! The adapter between the contract's bindings and a [`Reducer`]: names are changed, nothing is computed.

use std::{cell::RefCell, marker::PhantomData};

use bindings::exports::streamgauge::plugin::{columns, reducer};

use crate::{Accumulators, BytesList, ColumnView, DataType, Error, Field, Literal, Reducer, Signature};
use crate::{StateSize, Values, ValuesView};

#[expect(missing_docs, reason = "generated from wit/")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "reducer-plugin",
        pub_export_macro: true,
        export_macro_name: "export_guest",
    });
}

/// The component of a reducer.
#[derive(Debug)]
pub struct Guest<R>(PhantomData<R>);

/// The resource `accumulators` of a reducer.
pub struct Resource<R> {
    accumulators: RefCell<Box<dyn Accumulators>>,
    reducer: PhantomData<R>,
}

impl<R: Reducer + 'static> reducer::Guest for Guest<R> {
    type Accumulators = Resource<R>;

    fn describe() -> reducer::Descriptor {
        let described = R::describe();
        reducer::Descriptor {
            name: described.name,
            version: described.version,
            docs: described.docs,
            signatures: described.signatures.into_iter().map(signature).collect(),
        }
    }
}

impl<R: Reducer + 'static> reducer::GuestAccumulators for Resource<R> {
    fn open(
        signature: u32,
        parameters: Vec<columns::Literal>,
    ) -> Result<reducer::Accumulators, columns::Error> {
        let parameters: Vec<Literal> = parameters.into_iter().map(literal).collect();
        let accumulators = R::open(signature, &parameters).map_err(error)?;
        Ok(reducer::Accumulators::new(Self {
            accumulators: RefCell::new(accumulators),
            reducer: PhantomData,
        }))
    }

    fn accumulate(&self, slots: Vec<u32>, arguments: Vec<columns::Column>) -> Result<(), columns::Error> {
        let arguments: Vec<ColumnView<'_>> = arguments.iter().map(view).collect();
        self.accumulators.borrow_mut().accumulate(&slots, &arguments).map_err(error)
    }

    fn merge(&self, into: Vec<u32>, source: Vec<u32>) {
        self.accumulators.borrow_mut().merge(&into, &source);
    }

    fn evaluate(&self, slots: Vec<u32>) -> reducer::Evaluated {
        let evaluated = self.accumulators.borrow().evaluate(&slots);
        let column = columns::Column {
            rows: evaluated.column.rows as u32,
            values: values(evaluated.column.values),
            valid: evaluated.column.valid,
        };
        let failed = evaluated.failed.into_iter().map(|(row, why)| columns::FailedRow { row, why }).collect();
        reducer::Evaluated { column, failed }
    }

    fn snapshot(&self, slots: Vec<u32>) -> columns::BytesList {
        bytes_list(self.accumulators.borrow().snapshot(&slots))
    }

    fn restore(
        &self,
        state_version: u32,
        slots: Vec<u32>,
        states: columns::BytesList,
    ) -> Result<(), columns::Error> {
        let states = BytesList { ends: states.ends, bytes: states.bytes };
        self.accumulators.borrow_mut().restore(state_version, &slots, &states).map_err(error)
    }

    fn release(&self, slots: Vec<u32>) {
        self.accumulators.borrow_mut().release(&slots);
    }
}

fn view(column: &columns::Column) -> ColumnView<'_> {
    let values = match &column.values {
        columns::Values::Booleans(bits) => ValuesView::Booleans(bits),
        columns::Values::Int64s(values) => ValuesView::Int64s(values),
        columns::Values::Float64s(values) => ValuesView::Float64s(values),
        columns::Values::Timestamps(values) => ValuesView::Timestamps(values),
        columns::Values::Texts(texts) => ValuesView::Texts { ends: &texts.ends, bytes: &texts.bytes },
    };
    ColumnView { rows: column.rows as usize, values, valid: column.valid.as_deref() }
}

fn values(values: Values) -> columns::Values {
    match values {
        Values::Booleans(bits) => columns::Values::Booleans(bits),
        Values::Int64s(values) => columns::Values::Int64s(values),
        Values::Float64s(values) => columns::Values::Float64s(values),
        Values::Timestamps(values) => columns::Values::Timestamps(values),
        Values::Texts(texts) => columns::Values::Texts(bytes_list(texts)),
    }
}

fn bytes_list(list: BytesList) -> columns::BytesList {
    columns::BytesList { ends: list.ends, bytes: list.bytes }
}

fn literal(literal: columns::Literal) -> Literal {
    match literal {
        columns::Literal::Null => Literal::Null,
        columns::Literal::Boolean(value) => Literal::Boolean(value),
        columns::Literal::Int64(value) => Literal::Int64(value),
        columns::Literal::Float64(value) => Literal::Float64(value),
        columns::Literal::Timestamp(value) => Literal::Timestamp(value),
        columns::Literal::Text(value) => Literal::Text(value),
    }
}

fn described_literal(literal: Literal) -> columns::Literal {
    match literal {
        Literal::Null => columns::Literal::Null,
        Literal::Boolean(value) => columns::Literal::Boolean(value),
        Literal::Int64(value) => columns::Literal::Int64(value),
        Literal::Float64(value) => columns::Literal::Float64(value),
        Literal::Timestamp(value) => columns::Literal::Timestamp(value),
        Literal::Text(value) => columns::Literal::Text(value),
    }
}

fn signature(signature: Signature) -> reducer::Signature {
    reducer::Signature {
        arguments: signature.arguments.into_iter().map(data_type).collect(),
        parameters: signature.parameters.into_iter().map(field).collect(),
        returns: data_type(signature.returns),
        needs_time: signature.needs_time,
        tolerance: signature.tolerance,
        state: match signature.state {
            StateSize::Bounded(bytes) => reducer::StateSize::Bounded(bytes),
            StateSize::Growing => reducer::StateSize::Growing,
        },
        state_version: signature.state_version,
        restores: signature.restores,
    }
}

fn field(field: Field) -> columns::Field {
    columns::Field {
        name: field.name,
        data_type: data_type(field.data_type),
        docs: field.docs,
        default: field.default.map(described_literal),
    }
}

fn data_type(data_type: DataType) -> columns::DataType {
    match data_type {
        DataType::Boolean => columns::DataType::Boolean,
        DataType::Int64 => columns::DataType::Int64,
        DataType::Float64 => columns::DataType::Float64,
        DataType::Timestamp => columns::DataType::Timestamp,
        DataType::Text => columns::DataType::Text,
    }
}

fn error(error: Error) -> columns::Error {
    match error {
        Error::Invalid(words) => columns::Error::Invalid(words),
        Error::Corrupt(words) => columns::Error::Corrupt(words),
        Error::UnsupportedVersion(version) => columns::Error::UnsupportedVersion(version),
    }
}
