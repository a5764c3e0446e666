//! A call of a reducer that failed, with all that it takes to make it again without a query: the component, what it was opened with,
//! the states of the slots before the call, and the call.
//!
//! `format` makes a file of it, `replay` makes the call again.

mod call;
mod format;
mod cursor;
mod replay;

use std::{sync::Arc, time::Duration};

use streamgauge_sql::{
    manifest::Aggregate,
    types::{DataType, Value},
};

use super::{
    guest::{RAN_LONGER, TOOK_MORE_TIME, TRAPPED, WANTED_MORE_MEMORY},
    limits::{GuestLimits, Limits, NO_MORE},
};

pub use self::{
    call::ReducerCall,
    format::{BUNDLE_BYTES_MAX, NotABundle},
    replay::{Failed, Replayed, Results},
};

/// A call that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct CrashBundle {
    /// The version of Streamgauge that wrote it.
    pub streamgauge: String,
    /// The interface of the contract that the component exports.
    pub contract: String,
    /// The query whose call it was.
    pub query: String,
    /// What the plugin was opened with.
    pub opened: Opened,
    /// What it may use.
    pub limits: CrashLimits,
    /// The calls that bring the slots to where they were, in order: as a rule one that restores their states.
    pub before: Vec<ReducerCall>,
    /// The call that failed.
    pub call: ReducerCall,
    /// What happened, as [`Fault::what`](streamgauge_engine::Fault::what) says it.
    pub what: String,
    /// The SHA-256 of the component.
    pub sha256: String,
    /// The component.
    pub component: Arc<[u8]>,
}

/// What a reducer is opened with, and what its columns are.
#[derive(Clone, Debug, PartialEq)]
pub struct Opened {
    /// The aggregate call as it was written.
    pub text: String,
    /// The plugin's name in the program.
    pub name: String,
    /// Which of its signatures.
    pub signature: u32,
    /// Its parameters.
    pub parameters: Vec<Value>,
    /// The types of its columns; the event time is the last where it gets that.
    pub arguments: Vec<DataType>,
    /// The type of its result.
    pub returns: DataType,
    /// The version of the states that it gives.
    pub state_version: u32,
}

/// What a plugin may use: the limits of the run, and the lower ones of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CrashLimits {
    /// Those of the run.
    pub run: Limits,
    /// Those of the program.
    pub guest: GuestLimits,
}

/// What a query saw of a call that failed.
#[derive(Clone, Debug, PartialEq)]
pub struct CrashedCall {
    /// See [`CrashBundle::before`].
    pub before: Vec<ReducerCall>,
    /// The call that failed.
    pub call: ReducerCall,
    /// What happened.
    pub what: String,
}

/// What kind of fault something is. A bundle is kept for the first of each kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultClass {
    /// It trapped.
    Trap,
    /// It ran for too long.
    TimeOut,
    /// It wanted more memory than it may have.
    Memory,
    /// It answered what it may not, or refused what it was given.
    Answer,
}

impl FaultClass {
    /// The kind of a fault with this text.
    pub fn of(what: &str) -> Self {
        let begins = |words: &[&str]| words.iter().any(|words| what.starts_with(words));
        match () {
            () if begins(&[TRAPPED]) => Self::Trap,
            () if begins(&[RAN_LONGER, TOOK_MORE_TIME]) => Self::TimeOut,
            () if begins(&[WANTED_MORE_MEMORY, NO_MORE]) => Self::Memory,
            () => Self::Answer,
        }
    }
}

impl CrashBundle {
    /// Whether another bundle is of the same query, component, call and kind of fault.
    pub fn is_like(&self, other: &Self) -> bool {
        let which = |bundle: &Self| (bundle.call.name(), FaultClass::of(&bundle.what));
        (&self.query, &self.sha256, which(self)) == (&other.query, &other.sha256, which(other))
    }

    /// What a component is called with: a plan's aggregate call without a plan.
    fn aggregate(&self, signature: u32, returns: DataType) -> Aggregate {
        Aggregate {
            text: self.opened.text.clone(),
            reducer: self.opened.name.clone(),
            plugin: None,
            signature,
            parameters: self.opened.parameters.clone(),
            arguments: Vec::new(),
            needs_time: false,
            growing: false,
            state_bytes_max: None,
            returns,
        }
    }
}

impl CrashLimits {
    /// Less than these, and more, no limit can be: a bundle that says otherwise was not written by a run.
    fn are_plausible(&self) -> bool {
        const KIB: usize = 1 << 10;
        const GIB: usize = 1 << 30;
        let (ms, hour) = (Duration::from_millis(10), Duration::from_secs(3600));
        let Self { run, guest } = self;
        (64 * KIB..=4 * GIB).contains(&run.plugin_memory)
            && (ms..=hour).contains(&run.plugin_call_timeout)
            && (KIB * KIB..=2 * GIB).contains(&run.call_result_bytes_max)
            && (KIB * KIB..=GIB).contains(&run.component_bytes_max)
            && (64 * KIB * KIB..=64 * GIB).contains(&run.compile_memory)
            && (Duration::from_secs(1)..=hour).contains(&run.compile_time)
            && guest.memory.is_none_or(|memory| memory <= run.plugin_memory)
            && guest.call_timeout.is_none_or(|timeout| timeout <= run.plugin_call_timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_of_a_fault_is_in_its_first_words() {
        for (what, class) in [
            ("trapped in `add`: wasm `unreachable` instruction executed", FaultClass::Trap),
            ("trapped: integer divide by zero", FaultClass::Trap),
            ("ran longer than 250 ms (its option call_timeout)", FaultClass::TimeOut),
            ("wanted more than 64 MiB of memory (--limit plugin_memory)", FaultClass::Memory),
            ("refused a batch: trapped", FaultClass::Answer),
            ("gave 3 values for 2 rows", FaultClass::Answer),
        ] {
            assert_eq!(FaultClass::of(what), class, "{what}");
        }
    }
}
