//! A query task at rest: while nothing comes for long, it gives back the memory of the instances of its components. They are started again
//! by the next batch, which takes that much longer: well under a millisecond for each aggregate call and statement.
//!
//! The component of a statement has no state. A reducer has, so it goes only while no accumulator is in use: when all windows that have
//! rows are closed.

use streamgauge_common::column::{Column, Texts};
use streamgauge_component::query::QueryComponent;
use streamgauge_engine::{Accumulators, Evaluated, Fault};

use super::RunningQuery;

impl RunningQuery {
    /// Gives back what instances take, of this query and its readers.
    pub(super) fn rest(&mut self) {
        self.component.iter_mut().for_each(QueryComponent::rest);
        // Windows over a view are not opened again before their rows come.
        let rests = !self.rests && self.failed.is_none() && self.over_view.is_none();
        if let Some(windows) = self.windows.as_mut().filter(|_| rests)
            && windows.engine.usage().slots == 0
        {
            let absent = |calls: &dyn Accumulators| -> Box<dyn Accumulators> {
                Box::new(Absent { state_version: calls.state_version(), restores: calls.restores().to_vec() })
            };
            windows.accumulators = windows.accumulators.iter().map(|calls| absent(&**calls)).collect();
            self.rests = true;
        }
        self.downstream.iter_mut().for_each(Self::rest);
    }

    /// Whether its reducers are to be opened again before rows are folded.
    pub(super) fn rests(&self) -> bool {
        self.rests
    }

    /// Its reducers are there again.
    pub(super) fn wake(&mut self, accumulators: Vec<Box<dyn Accumulators>>) {
        if let Some(windows) = &mut self.windows {
            windows.accumulators = accumulators;
        }
        self.rests = false;
    }
}

/// An aggregate call whose reducer is not there: none of its accumulators is in use.
struct Absent {
    state_version: u32,
    restores: Vec<u32>,
}

impl Absent {
    fn nothing<T: Default>(slots: &[u32]) -> Result<T, Fault> {
        match slots {
            [] => Ok(T::default()),
            _ => Err(Fault::deterministic("a reducer", "was called while its query rests, which is a bug")),
        }
    }
}

impl Accumulators for Absent {
    fn accumulate(&mut self, slots: &[u32], _: &[&Column]) -> Result<(), Fault> {
        Self::nothing(slots)
    }

    fn merge(&mut self, into: &[u32], _: &[u32]) -> Result<(), Fault> {
        Self::nothing(into)
    }

    fn evaluate(&mut self, slots: &[u32]) -> Result<Evaluated, Fault> {
        // Not even for nothing: its type is not known here, and a window without rows is not evaluated.
        Self::nothing(slots)
            .and_then(|()| Err(Fault::deterministic("a reducer", "has no values while its query rests")))
    }

    fn release(&mut self, slots: &[u32]) -> Result<(), Fault> {
        Self::nothing(slots)
    }

    fn snapshot(&mut self, slots: &[u32]) -> Result<Texts, Fault> {
        Self::nothing(slots)
    }

    fn restore(&mut self, _: u32, slots: &[u32], _: &Texts) -> Result<(), Fault> {
        Self::nothing(slots)
    }

    fn state_version(&self) -> u32 {
        self.state_version
    }

    fn restores(&self) -> &[u32] {
        &self.restores
    }
}
