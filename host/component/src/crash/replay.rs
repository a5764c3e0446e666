//! Makes the call of a crash bundle again.

use streamgauge_common::column::Texts;
use streamgauge_engine::{Accumulators, Evaluated, Fault, StateVersions};
use streamgauge_sql::{catalog, types::DataType};

use super::{CrashBundle, ReducerCall, call::Given};
use crate::{
    check::{Refusal, Refused},
    reducer::{ReducerComponent, ReducerInstance},
    runtime::Runtime,
};

/// What became of the call.
#[derive(Debug)]
pub struct Replayed {
    /// What the component says about itself.
    pub described: catalog::Reducer,
    /// What it gave, or how it failed.
    pub done: Result<Results, Failed>,
}

/// What a call gave that did not fail.
#[derive(Debug)]
pub enum Results {
    /// The values of slots: of those that the call names, where it gives none itself.
    Values(Vec<u32>, Evaluated),
    /// The states of slots.
    States(Vec<u32>, Texts),
    /// Nothing: the slots are empty now.
    Released,
}

/// How a call failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Which call: one of those before; none = the one of the bundle.
    pub before: Option<usize>,
    /// Where the call itself went well, and the values that it leaves could not be had.
    pub is_behind: bool,
    /// What happened.
    pub what: String,
    /// The functions in which it happened, the innermost first.
    pub functions: Vec<String>,
}

impl CrashBundle {
    /// Makes the call again, in the component of the bundle or another one. The runtime must have the limits of the bundle.
    ///
    /// # Errors
    /// The component cannot be loaded, or has no signature of these columns.
    pub fn replay(&self, runtime: &Runtime, component: &[u8]) -> Result<Replayed, Refused> {
        let Self { opened, limits, before, call, .. } = self;
        let component = ReducerComponent::within(runtime, &opened.name, component, limits.guest)?;
        let described = component.describe()?;
        let signature = self.signature(&described).ok_or_else(|| {
            let types: Vec<String> = opened.arguments.iter().map(ToString::to_string).collect();
            let why = format!("has no signature of the columns ({})", types.join(", "));
            Refused { who: format!("reducer `{}`", opened.name), why: Refusal::Start(why) }
        })?;
        let (number, signature) = signature;
        let versions =
            StateVersions { written: signature.state_version, restores: signature.restores.clone() };
        let aggregate = self.aggregate(number, signature.returns);
        let done = match component.open(&aggregate, versions) {
            Ok(instance) => again(instance, before, call),
            Err(fault) => {
                Err(Failed { before: None, is_behind: false, what: fault.what, functions: Vec::new() })
            }
        };
        Ok(Replayed { described, done })
    }

    /// Whether a failure is the one that the bundle was written for.
    pub fn is_reproduced(&self, failed: &Failed) -> bool {
        failed.before.is_none() && !failed.is_behind && failed.what == self.what
    }

    /// The signature of a component that takes the columns of the bundle: the one of its number, or the first.
    fn signature<'a>(&self, described: &'a catalog::Reducer) -> Option<(u32, &'a catalog::Signature)> {
        let columns = |signature: &catalog::Signature| {
            let time = signature.needs_time.then_some(DataType::Timestamp);
            signature.arguments.iter().copied().chain(time).eq(self.opened.arguments.iter().copied())
        };
        let mut fitting = (0..).zip(&described.signatures).filter(|(_, signature)| columns(signature));
        let same = fitting.clone().find(|(number, _)| *number == self.opened.signature);
        same.or_else(|| fitting.next())
    }
}

fn again(
    mut instance: ReducerInstance,
    before: &[ReducerCall],
    call: &ReducerCall,
) -> Result<Results, Failed> {
    let failed = |instance: &ReducerInstance, fault: Fault, before, is_behind| Failed {
        before,
        is_behind,
        what: fault.what,
        functions: instance.functions().to_vec(),
    };
    for (index, earlier) in before.iter().enumerate() {
        if let Err(fault) = earlier.make(&mut instance) {
            return Err(failed(&instance, fault, Some(index), false));
        }
    }
    let slots = call.slots();
    let given = match call.make(&mut instance) {
        Ok(given) => given,
        Err(fault) => return Err(failed(&instance, fault, None, false)),
    };
    match (given, call) {
        (Given::Values(values), ReducerCall::Evaluate { slots }) => {
            Ok(Results::Values(slots.clone(), values))
        }
        (Given::States(states), ReducerCall::Snapshot { slots }) => {
            Ok(Results::States(slots.clone(), states))
        }
        (_, ReducerCall::Release { .. }) => Ok(Results::Released),
        _ => match instance.evaluate(&slots) {
            Ok(values) => Ok(Results::Values(slots, values)),
            Err(fault) => Err(failed(&instance, fault, None, true)),
        },
    }
}
