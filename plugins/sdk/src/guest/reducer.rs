//! A [`Reducer`] as the contract's bindings want it.

use std::{cell::RefCell, marker::PhantomData};

use super::bindings::{columns, reducer};
use super::columns::{
    lift_bytes_list, lift_literal, lower_bytes_list, lower_data_type, lower_error, lower_field, lower_values,
    view,
};
use crate::{Accumulators, ColumnView, Literal, Reducer, Signature, StateSize};

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
        let parameters: Vec<Literal> = parameters.into_iter().map(lift_literal).collect();
        let accumulators = R::open(signature, &parameters).map_err(lower_error)?;
        Ok(reducer::Accumulators::new(Self {
            accumulators: RefCell::new(accumulators),
            reducer: PhantomData,
        }))
    }

    fn accumulate(&self, slots: Vec<u32>, arguments: Vec<columns::Column>) -> Result<(), columns::Error> {
        let arguments: Vec<ColumnView<'_>> = arguments.iter().map(view).collect();
        self.accumulators.borrow_mut().accumulate(&slots, &arguments).map_err(lower_error)
    }

    fn merge(&self, into: Vec<u32>, source: Vec<u32>) {
        self.accumulators.borrow_mut().merge(&into, &source);
    }

    fn evaluate(&self, slots: Vec<u32>) -> reducer::Evaluated {
        let evaluated = self.accumulators.borrow().evaluate(&slots);
        let column = columns::Column {
            rows: evaluated.column.rows as u32,
            values: lower_values(evaluated.column.values),
            valid: evaluated.column.valid,
        };
        let failed = evaluated.failed.into_iter().map(|(row, why)| columns::FailedRow { row, why }).collect();
        reducer::Evaluated { column, failed }
    }

    fn snapshot(&self, slots: Vec<u32>) -> columns::BytesList {
        lower_bytes_list(self.accumulators.borrow().snapshot(&slots))
    }

    fn restore(
        &self,
        state_version: u32,
        slots: Vec<u32>,
        states: columns::BytesList,
    ) -> Result<(), columns::Error> {
        let states = lift_bytes_list(states);
        self.accumulators.borrow_mut().restore(state_version, &slots, &states).map_err(lower_error)
    }

    fn release(&self, slots: Vec<u32>) {
        self.accumulators.borrow_mut().release(&slots);
    }
}

fn signature(signature: Signature) -> reducer::Signature {
    reducer::Signature {
        arguments: signature.arguments.into_iter().map(lower_data_type).collect(),
        parameters: signature.parameters.into_iter().map(lower_field).collect(),
        returns: lower_data_type(signature.returns),
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
