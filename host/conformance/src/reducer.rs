//! A reducer's component as the laws want it.

use streamgauge_common::column::{Column, DataType, Texts};
use streamgauge_component::reducer::{Answered, ReducerComponent, ReducerInstance};
use streamgauge_engine::{Accumulators as _, Fault, FaultKind, StateVersions};
use streamgauge_laws::{Accumulators, Cell, Descriptor, Evaluated, Parameter, Reducer, Row, Signature, Stop};
use streamgauge_sql::{catalog, manifest::Aggregate};

use crate::values::{cell, column, law_type, value};

/// A component.
pub(crate) struct Component<'a> {
    component: &'a ReducerComponent,
    signatures: Vec<catalog::Signature>,
}

/// Its accumulators.
struct Instance {
    instance: ReducerInstance,
    types: Vec<DataType>,
}

impl<'a> Component<'a> {
    /// With the signatures that it describes; none where it does not get so far, which is a law of its own.
    pub(crate) fn new(component: &'a ReducerComponent) -> Self {
        let signatures = component.describe().map_or(Vec::new(), |described| described.signatures);
        Self { component, signatures }
    }
}

impl Reducer for Component<'_> {
    fn describe(&self) -> Result<Vec<Descriptor>, Stop> {
        let one = self.component.describe_calls(2).map_err(stopped)?;
        let other = self.component.describe_calls(2).map_err(stopped)?;
        Ok(one.into_iter().chain(other).map(descriptor).collect())
    }

    fn open(&self, signature: u32, parameters: &[Cell]) -> Result<Box<dyn Accumulators + '_>, Stop> {
        let described = self.signatures.get(signature as usize);
        let types = described.map_or(Vec::new(), |described| {
            let time = described.needs_time.then_some(DataType::Timestamp);
            described.arguments.iter().copied().chain(time).collect()
        });
        let versions = described.map_or_else(
            || StateVersions { written: 0, restores: Vec::new() },
            |it| StateVersions { written: it.state_version, restores: it.restores.clone() },
        );
        let call = Aggregate {
            text: String::new(),
            reducer: String::new(),
            plugin: None,
            signature,
            parameters: parameters.iter().map(value).collect(),
            arguments: Vec::new(),
            needs_time: described.is_some_and(|described| described.needs_time),
            growing: described.is_some_and(|described| described.growing),
            state_bytes_max: None,
            returns: described.map_or(DataType::Boolean, |described| described.returns),
        };
        let opened = self.component.try_open(&call, versions).map_err(stopped)?;
        let instance = opened.map_err(answered)?;
        Ok(Box::new(Instance { instance, types }))
    }
}

impl Accumulators for Instance {
    fn accumulate(&mut self, rows: &[Row]) -> Result<(), Stop> {
        let slots: Vec<u32> = rows.iter().map(|row| row.slot).collect();
        let columns: Vec<Column> =
            self.types.iter().enumerate().map(|(index, of)| column(*of, index, rows)).collect();
        let columns: Vec<&Column> = columns.iter().collect();
        self.instance.try_accumulate(&slots, &columns).map_err(stopped)?.map_err(answered)
    }

    fn merge(&mut self, into: &[u32], source: &[u32]) -> Result<(), Stop> {
        self.instance.merge(into, source).map_err(stopped)
    }

    fn evaluate(&mut self, slots: &[u32]) -> Result<Vec<Evaluated>, Stop> {
        let evaluated = self.instance.evaluate(slots).map_err(stopped)?;
        let result = |row: usize| {
            let failed = evaluated.failed.iter().find(|(failed, _)| *failed as usize == row);
            match failed {
                Some((_, why)) => Evaluated::Failed(why.clone()),
                None => Evaluated::Value(cell(evaluated.column.value(row))),
            }
        };
        Ok((0..slots.len()).map(result).collect())
    }

    fn snapshot(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Stop> {
        let states = self.instance.snapshot(slots).map_err(stopped)?;
        Ok((0..slots.len()).map(|index| states.get(index).to_vec()).collect())
    }

    fn restore(&mut self, state_version: u32, slots: &[u32], states: &[Vec<u8>]) -> Result<(), Stop> {
        let mut texts = Texts::default();
        states.iter().for_each(|state| texts.push(state));
        self.instance.try_restore(state_version, slots, &texts).map_err(stopped)?.map_err(answered)
    }

    fn release(&mut self, slots: &[u32]) -> Result<(), Stop> {
        self.instance.release(slots).map_err(stopped)
    }

    fn memory_bytes(&self) -> Option<usize> {
        self.instance.memory_bytes()
    }
}

/// What a description says, as the laws have it.
pub(crate) fn descriptor(reducer: catalog::Reducer) -> Descriptor {
    let signatures = reducer.signatures.into_iter().map(|signature| Signature {
        arguments: signature.arguments.into_iter().map(law_type).collect(),
        parameters: signature.parameters.into_iter().map(parameter).collect(),
        returns: law_type(signature.returns),
        needs_time: signature.needs_time,
        tolerance: signature.tolerance,
        bytes_max: signature.state_bytes_max,
        state_version: signature.state_version,
        restores: signature.restores,
    });
    let catalog::Reducer { name, version, docs, .. } = reducer;
    Descriptor { name, version, docs, signatures: signatures.collect() }
}

/// A parameter, or an option of a sink, as the laws have it.
pub(crate) fn parameter(parameter: catalog::Parameter) -> Parameter {
    let catalog::Parameter { name, data_type, docs, default } = parameter;
    Parameter { name, data_type: law_type(data_type), docs, default: default.map(cell) }
}

fn stopped(fault: Fault) -> Stop {
    match fault.kind {
        FaultKind::Deterministic => Stop::Trapped(fault.what),
        FaultKind::Transient => Stop::Exhausted(fault.what),
    }
}

fn answered(answered: Answered) -> Stop {
    match answered {
        Answered::Invalid(text) | Answered::Corrupt(text) => Stop::Refused(text),
        Answered::UnsupportedVersion(version) => Stop::UnsupportedVersion(version),
    }
}
