//! The functions of a reducer, in each version of the contract.

use streamgauge_sql::catalog;
use wasmtime::{
    Result, Store,
    component::{Instance, InstancePre, ResourceAny},
};

use super::description;
use crate::{
    bindings::{
        columns::{
            BytesListParam, BytesListResult, ColumnParam, ColumnResult, Error, FailedRow, LiteralParam,
        },
        reducer as v0_2, v0_1,
    },
    check::World,
    contract::ContractVersion,
    limits::Budget,
};

/// Where the functions are in a component.
#[derive(Clone)]
pub(super) enum Indices {
    V0_2(v0_2::GuestIndices),
    V0_1(v0_1::reducer::GuestIndices),
}

/// The functions of an instance.
pub(super) enum Exports {
    V0_2(v0_2::Guest),
    V0_1(v0_1::reducer::Guest),
}

/// The same call in each version; `$calls` are the functions of the accumulators.
macro_rules! of_accumulators {
    ($exports:expr, $calls:ident => $call:expr) => {
        match $exports {
            Exports::V0_2(exports) => {
                let $calls = exports.accumulators();
                $call
            }
            Exports::V0_1(exports) => {
                let $calls = exports.accumulators();
                $call
            }
        }
    };
}

impl Indices {
    /// Finds the functions in the newest version that the component exports.
    pub(super) fn new(compiled: &InstancePre<Budget>) -> Result<Self> {
        match ContractVersion::of(compiled.component(), World::Reducer) {
            Some(ContractVersion::V0_1) => v0_1::reducer::GuestIndices::new(compiled).map(Self::V0_1),
            Some(ContractVersion::V0_2) | None => v0_2::GuestIndices::new(compiled).map(Self::V0_2),
        }
    }

    pub(super) fn load(&self, store: &mut Store<Budget>, instance: &Instance) -> Result<Exports> {
        match self {
            Self::V0_2(indices) => indices.load(store, instance).map(Exports::V0_2),
            Self::V0_1(indices) => indices.load(store, instance).map(Exports::V0_1),
        }
    }
}

impl Exports {
    /// The inner error is what is wrong with the description.
    pub(super) fn describe(
        &self,
        store: &mut Store<Budget>,
    ) -> Result<std::result::Result<catalog::Reducer, String>> {
        match self {
            Self::V0_2(exports) => exports.call_describe(store).map(description::v0_2::lift),
            Self::V0_1(exports) => exports.call_describe(store).map(description::v0_1::lift),
        }
    }

    pub(super) fn open(
        &self,
        store: &mut Store<Budget>,
        signature: u32,
        parameters: &[LiteralParam<'_>],
    ) -> Result<Result<ResourceAny, Error>> {
        of_accumulators!(self, calls => calls.call_open(store, signature, parameters))
    }

    pub(super) fn accumulate(
        &self,
        store: &mut Store<Budget>,
        accumulators: ResourceAny,
        slots: &[u32],
        arguments: &[ColumnParam<'_>],
    ) -> Result<Result<(), Error>> {
        of_accumulators!(self, calls => calls.call_accumulate(store, accumulators, slots, arguments))
    }

    pub(super) fn merge(
        &self,
        store: &mut Store<Budget>,
        accumulators: ResourceAny,
        into: &[u32],
        source: &[u32],
    ) -> Result<()> {
        of_accumulators!(self, calls => calls.call_merge(store, accumulators, into, source))
    }

    /// The column, and the rows of it that have no value.
    pub(super) fn evaluate(
        &self,
        store: &mut Store<Budget>,
        accumulators: ResourceAny,
        slots: &[u32],
    ) -> Result<(ColumnResult, Vec<FailedRow>)> {
        of_accumulators!(self, calls => {
            let evaluated = calls.call_evaluate(store, accumulators, slots)?;
            Ok((evaluated.column, evaluated.failed))
        })
    }

    pub(super) fn snapshot(
        &self,
        store: &mut Store<Budget>,
        accumulators: ResourceAny,
        slots: &[u32],
    ) -> Result<BytesListResult> {
        of_accumulators!(self, calls => calls.call_snapshot(store, accumulators, slots))
    }

    pub(super) fn restore(
        &self,
        store: &mut Store<Budget>,
        accumulators: ResourceAny,
        state_version: u32,
        slots: &[u32],
        states: BytesListParam<'_>,
    ) -> Result<Result<(), Error>> {
        of_accumulators!(self, calls => calls.call_restore(store, accumulators, state_version, slots, states))
    }

    pub(super) fn release(
        &self,
        store: &mut Store<Budget>,
        accumulators: ResourceAny,
        slots: &[u32],
    ) -> Result<()> {
        of_accumulators!(self, calls => calls.call_release(store, accumulators, slots))
    }
}
