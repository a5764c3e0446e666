//! One instance of a reducer, which several trials may use one after the other.

use std::{
    cell::{RefCell, RefMut},
    collections::BTreeSet,
    rc::Rc,
};

use super::{Broken, Tried};
use crate::{Accumulators, Evaluated, Row, Stop};

/// How many trials an instance is used for: what one loses in each must not add up to its limit of memory.
const TRIALS_MAX: u32 = 32;

/// Accumulators whose errors name the call. A clone is the same instance.
#[derive(Clone)]
pub(crate) struct Instance<'a>(Rc<RefCell<State<'a>>>);

struct State<'a> {
    accumulators: Box<dyn Accumulators + 'a>,
    /// Slots that a call named.
    used: BTreeSet<u32>,
    trials: u32,
    /// A call gave no answer: it is not used again.
    stopped: bool,
}

/// Whether an instance can be used once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Again {
    /// Its slots are released.
    Ready,
    /// It was used enough, or is lost.
    WornOut,
    /// Its slots cannot be released.
    NotReleased,
}

impl<'a> Instance<'a> {
    pub(super) fn new(accumulators: Box<dyn Accumulators + 'a>) -> Self {
        Self(Rc::new(RefCell::new(State { accumulators, used: BTreeSet::new(), trials: 1, stopped: false })))
    }

    /// Whether no trial holds it any more.
    pub(super) fn is_idle(&self) -> bool {
        Rc::strong_count(&self.0) == 1
    }

    /// Releases all slots for another trial. What is wrong with `release` is told by the laws that call it.
    pub(super) fn begin_again(&mut self) -> Again {
        let mut state = self.state();
        if state.stopped || state.trials == TRIALS_MAX {
            return Again::WornOut;
        }
        state.trials += 1;
        let used: Vec<u32> = std::mem::take(&mut state.used).into_iter().collect();
        match state.accumulators.release(&used) {
            Ok(()) => Again::Ready,
            Err(_) => Again::NotReleased,
        }
    }

    fn state(&self) -> RefMut<'_, State<'a>> {
        self.0.borrow_mut()
    }

    /// Makes a call that changes these slots, or may.
    fn call<T>(
        &mut self,
        name: &'static str,
        slots: impl IntoIterator<Item = u32>,
        call: impl FnOnce(&mut (dyn Accumulators + 'a)) -> Result<T, Stop>,
    ) -> Result<T, Broken> {
        let mut state = self.state();
        state.used.extend(slots);
        let answer = call(&mut *state.accumulators);
        answer.map_err(|stop| {
            state.stopped |= matches!(stop, Stop::Trapped(_) | Stop::Exhausted(_));
            Broken::Stopped(name, stop)
        })
    }

    pub(crate) fn give(&mut self, rows: &[Row]) -> Tried {
        self.call("accumulate", rows.iter().map(|row| row.slot), |it| it.accumulate(rows))
    }

    pub(crate) fn merge(&mut self, into: &[u32], source: &[u32]) -> Tried {
        let slots = into.iter().chain(source).copied();
        self.call("merge", slots, |it| it.merge(into, source))
    }

    pub(crate) fn evaluate(&mut self, slots: &[u32]) -> Result<Vec<Evaluated>, Broken> {
        self.call("evaluate", slots.iter().copied(), |it| it.evaluate(slots))
    }

    pub(crate) fn snapshot(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Broken> {
        self.call("snapshot", slots.iter().copied(), |it| it.snapshot(slots))
    }

    pub(crate) fn restore(&mut self, version: u32, slots: &[u32], states: &[Vec<u8>]) -> Tried {
        self.call("restore", slots.iter().copied(), |it| it.restore(version, slots, states))
    }

    pub(crate) fn release(&mut self, slots: &[u32]) -> Tried {
        self.call("release", slots.iter().copied(), |it| it.release(slots))
    }

    pub(crate) fn memory_bytes(&self) -> Option<usize> {
        self.state().accumulators.memory_bytes()
    }
}
