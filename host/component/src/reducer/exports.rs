//! The functions of a reducer, in each version of the contract.

use streamgauge_sql::catalog;
use wasmtime::{
    Result, Store,
    component::{Instance, InstancePre, ResourceAny},
};

use super::Described;
use crate::{
    bindings::{
        columns::{
            BytesListParam, BytesListResult, ColumnParam, ColumnResult, Error, FailedRow, LiteralParam,
        },
        reducer as v0_2, v0_1,
    },
    check::World,
    columns::{lift_field, lift_type},
    contract::ContractVersion,
    guest::words,
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

/// A description in each version: its records have the same fields.
macro_rules! lift_descriptor {
    ($version:path, $described:expr) => {{
        use $version as wit;
        let described = $described;
        let size = |signature: &wit::Signature| match signature.state {
            wit::StateSize::Bounded(bytes) => Some(bytes),
            wit::StateSize::Growing => None,
        };
        let signature = |signature: wit::Signature| catalog::Signature {
            growing: size(&signature).is_none(),
            arguments: signature.arguments.into_iter().map(lift_type).collect(),
            parameters: signature.parameters.into_iter().map(lift_field).collect(),
            returns: lift_type(signature.returns),
            needs_time: signature.needs_time,
            tolerance: signature.tolerance,
            state_version: signature.state_version,
            restores: signature.restores,
        };
        let state_bytes_max = described.signatures.iter().map(size).collect();
        let reducer = catalog::Reducer {
            name: words(&described.name),
            version: words(&described.version),
            docs: words(&described.docs),
            signatures: described.signatures.into_iter().map(signature).collect(),
        };
        Described { reducer, state_bytes_max }
    }};
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
    pub(super) fn describe(&self, store: &mut Store<Budget>) -> Result<Described> {
        match self {
            Self::V0_2(exports) => {
                exports.call_describe(store).map(|described| lift_descriptor!(v0_2, described))
            }
            Self::V0_1(exports) => {
                exports.call_describe(store).map(|described| lift_descriptor!(v0_1::reducer, described))
            }
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
