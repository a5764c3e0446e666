//! Step 4: a reducer, the states of an aggregate call in a plugin.

mod description;
mod exports;

use std::{fmt, sync::Arc};

use streamgauge_common::column::{Column, Texts};
use streamgauge_engine::{Accumulators, Evaluated, Fault, StateVersions};
use streamgauge_sql::{catalog, manifest::Aggregate, types::DataType};
use wasmtime::component::{Instance, InstancePre, ResourceAny};

use super::{
    bindings::columns::{BytesListParam, ColumnParam, ColumnResult, Error, FailedRow, LiteralParam},
    check::{Refusal, Refused, World},
    columns::{lift, lift_states, lower, lower_value},
    compiler::Origin,
    contract::ContractVersion,
    guest::{Guest, words},
    limits::{Budget, GuestLimits},
    runtime::Runtime,
};

use self::exports::{Exports, Indices};

/// A compiled reducer.
#[derive(Clone)]
pub struct ReducerComponent {
    runtime: Runtime,
    who: String,
    limits: GuestLimits,
    compiled: Arc<InstancePre<Budget>>,
    indices: Indices,
    bytes: Arc<[u8]>,
}

/// An error that a reducer answered with; it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answered {
    /// What it was given is wrong.
    Invalid(String),
    /// It cannot read a state.
    Corrupt(String),
    /// It does not know this version of states.
    UnsupportedVersion(u32),
}

/// The accumulators of one aggregate call, in an instance of their own.
pub struct ReducerInstance {
    guest: Guest,
    exports: Exports,
    accumulators: ResourceAny,
    returns: DataType,
    state_version: u32,
    restores: Vec<u32>,
}

impl ReducerComponent {
    /// Compiles a reducer that somebody wrote. `name` is what errors call it.
    pub fn new(runtime: &Runtime, name: &str, bytes: &[u8]) -> Result<Self, Refused> {
        Self::within(runtime, name, bytes, GuestLimits::default())
    }

    /// As [`Self::new`], for a reducer that may use less than others.
    pub fn within(runtime: &Runtime, name: &str, bytes: &[u8], limits: GuestLimits) -> Result<Self, Refused> {
        Self::compiled(runtime, name, bytes, limits, Origin::Foreign)
    }

    /// As [`Self::new`], for a reducer that is part of the product.
    pub(super) fn embedded(runtime: &Runtime, name: &str, bytes: &[u8]) -> Result<Self, Refused> {
        Self::compiled(runtime, name, bytes, GuestLimits::default(), Origin::Own)
    }

    fn compiled(
        runtime: &Runtime,
        name: &str,
        bytes: &[u8],
        limits: GuestLimits,
        origin: Origin,
    ) -> Result<Self, Refused> {
        let who = format!("reducer `{name}`");
        let compiled = runtime.compile(&who, World::Reducer, bytes, origin)?;
        let indices = Indices::new(&compiled).map_err(|error| {
            let why = Refusal::Export(
                ContractVersion::ALL[0].interface(World::Reducer),
                error.root_cause().to_string(),
            );
            Refused { who: who.clone(), why }
        })?;
        let bytes = runtime.bytes_of(bytes);
        Ok(Self { runtime: runtime.clone(), who, limits, compiled, indices, bytes })
    }

    /// The bytes that it was compiled of.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.bytes
    }

    /// What it may use.
    pub fn limits(&self) -> GuestLimits {
        self.limits
    }

    /// The interface of the contract that it exports.
    pub fn contract(&self) -> &'static str {
        let version = ContractVersion::of(self.compiled.component(), World::Reducer);
        version.unwrap_or(ContractVersion::V0_2).interface(World::Reducer)
    }

    /// What the plugin says about itself.
    pub fn describe(&self) -> Result<catalog::Reducer, Fault> {
        let (mut guest, exports) = self.start()?;
        describe(&mut guest, &exports)
    }

    /// The same, of several calls in an instance of its own.
    pub fn describe_calls(&self, calls: usize) -> Result<Vec<catalog::Reducer>, Fault> {
        let (mut guest, exports) = self.start()?;
        (0..calls).map(|_| describe(&mut guest, &exports)).collect()
    }

    /// Opens the accumulators of an aggregate call whose states have these versions.
    pub fn open(&self, aggregate: &Aggregate, versions: StateVersions) -> Result<ReducerInstance, Fault> {
        self.try_open(aggregate, versions)?.map_err(|answered| {
            Fault::deterministic(self.who.clone(), format!("refused its parameters: {answered}"))
        })
    }

    /// The same; the inner error is one that the reducer answered with.
    pub fn try_open(
        &self,
        aggregate: &Aggregate,
        versions: StateVersions,
    ) -> Result<Result<ReducerInstance, Answered>, Fault> {
        let (mut guest, exports) = self.start()?;
        let parameters: Vec<LiteralParam<'_>> = aggregate.parameters.iter().map(lower_value).collect();
        let opened = guest.call(|store| exports.open(store, aggregate.signature, &parameters))?;
        let StateVersions { written: state_version, restores } = versions;
        let returns = aggregate.returns;
        let instance =
            |accumulators| ReducerInstance { guest, exports, accumulators, returns, state_version, restores };
        Ok(opened.map(instance).map_err(Answered::from))
    }

    fn start(&self) -> Result<(Guest, Exports), Fault> {
        let (mut guest, instance): (Guest, Instance) =
            Guest::start(&self.runtime, self.who.clone(), &self.compiled, self.limits)?;
        let exports = guest.call(|store| self.indices.load(store, &instance))?;
        Ok((guest, exports))
    }
}

impl ReducerInstance {
    /// [`Accumulators::accumulate`]; the inner error is one that the reducer answered with, after which the instance goes on.
    pub fn try_accumulate(
        &mut self,
        slots: &[u32],
        arguments: &[&Column],
    ) -> Result<Result<(), Answered>, Fault> {
        debug_assert!(arguments.iter().all(|column| column.len() == slots.len()), "one slot a row");
        let arguments: Vec<ColumnParam<'_>> = arguments.iter().map(|column| lower(column)).collect();
        let exports = &self.exports;
        let done =
            self.guest.call(|store| exports.accumulate(store, self.accumulators, slots, &arguments))?;
        Ok(done.map_err(Answered::from))
    }

    /// [`Accumulators::restore`]; the inner error is one that the reducer answered with, after which the instance goes on.
    pub fn try_restore(
        &mut self,
        state_version: u32,
        slots: &[u32],
        states: &Texts,
    ) -> Result<Result<(), Answered>, Fault> {
        debug_assert_eq!(slots.len(), states.len(), "one state a slot");
        let states = BytesListParam { ends: &states.ends, bytes: &states.bytes };
        let exports = &self.exports;
        let done = self
            .guest
            .call(|store| exports.restore(store, self.accumulators, state_version, slots, states))?;
        Ok(done.map_err(Answered::from))
    }

    /// The functions in which a call failed, the innermost first; none where none did.
    pub fn functions(&self) -> &[String] {
        self.guest.functions()
    }

    /// Bytes of all memories and tables of the instance; none where it is lost.
    pub fn memory_bytes(&self) -> Option<usize> {
        self.guest.memory_bytes()
    }
}

impl Accumulators for ReducerInstance {
    fn accumulate(&mut self, slots: &[u32], arguments: &[&Column]) -> Result<(), Fault> {
        let done = self.try_accumulate(slots, arguments)?;
        done.map_err(|answered| self.guest.lose(format!("refused a batch: {answered}")))
    }

    fn merge(&mut self, into: &[u32], source: &[u32]) -> Result<(), Fault> {
        debug_assert_eq!(into.len(), source.len(), "pairs");
        self.guest.call(|store| self.exports.merge(store, self.accumulators, into, source))
    }

    fn evaluate(&mut self, slots: &[u32]) -> Result<Evaluated, Fault> {
        let evaluated = self.guest.call(|store| self.exports.evaluate(store, self.accumulators, slots))?;
        checked(evaluated, self.returns, slots.len()).map_err(|what| self.guest.lose(what))
    }

    fn release(&mut self, slots: &[u32]) -> Result<(), Fault> {
        self.guest.call(|store| self.exports.release(store, self.accumulators, slots))
    }

    fn snapshot(&mut self, slots: &[u32]) -> Result<Texts, Fault> {
        let states = self.guest.call(|store| self.exports.snapshot(store, self.accumulators, slots))?;
        lift_states(states, slots.len()).map_err(|what| self.guest.lose(what))
    }

    fn restore(&mut self, state_version: u32, slots: &[u32], states: &Texts) -> Result<(), Fault> {
        let done = self.try_restore(state_version, slots, states)?;
        done.map_err(|answered| self.guest.lose(format!("refused a state: {answered}")))
    }

    fn state_version(&self) -> u32 {
        self.state_version
    }

    fn restores(&self) -> &[u32] {
        &self.restores
    }
}

/// What a reducer says about itself.
fn describe(guest: &mut Guest, exports: &Exports) -> Result<catalog::Reducer, Fault> {
    guest.ask(|store| exports.describe(store))?.map_err(|what| guest.refuse(what))
}

/// Values as the signature promises them, one a slot; else what is wrong with them.
fn checked(
    (column, failed): (ColumnResult, Vec<FailedRow>),
    returns: DataType,
    rows: usize,
) -> Result<Evaluated, String> {
    let column = lift(column, returns, rows)?;
    if failed.len() > rows {
        return Err(format!("failed {} rows of {rows}", failed.len()));
    }
    let failed = failed.into_iter().map(|FailedRow { row, why }| {
        if row as usize >= rows {
            return Err(format!("failed row {row} of {rows}"));
        }
        Ok((row, words(&why)))
    });
    Ok(Evaluated { column, failed: failed.collect::<Result<_, _>>()? })
}

impl From<Error> for Answered {
    fn from(error: Error) -> Self {
        match error {
            Error::Invalid(text) => Self::Invalid(words(&text)),
            Error::Corrupt(text) => Self::Corrupt(words(&text)),
            Error::UnsupportedVersion(version) => Self::UnsupportedVersion(version),
        }
    }
}

/// In the reducer's own words.
impl fmt::Display for Answered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(text) | Self::Corrupt(text) => f.write_str(text),
            Self::UnsupportedVersion(version) => write!(f, "it cannot read states of version {version}"),
        }
    }
}
