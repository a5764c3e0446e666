//! The life of a deployment: a pure state machine over the number of its tasks that work and that are parked.

/// Where in its life a deployment is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Its tasks read.
    Running,
    /// Its tasks are asked to leave their pipelines.
    Pausing,
    /// All tasks that have not ended are parked.
    Paused,
    /// Its tasks are asked to end.
    Leaving,
    /// All tasks have ended; what delivers their rows is stopped.
    Delivering,
}

/// What happens to a deployment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    /// Somebody wants its tasks parked.
    Pause,
    /// Somebody wants its parked tasks to read.
    Resume,
    /// Somebody wants it to end.
    Drop,
    /// All deployments are to end. Tasks that read see that by themselves, parked ones do not.
    Stop,
    /// So many of its tasks have left their pipelines to be parked.
    Parked(usize),
    /// So many of its tasks have ended.
    Ended(usize),
}

/// What is to be done because of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Todo {
    /// Nothing.
    Nothing,
    /// Tasks are told that they are to be parked.
    AskToPark,
    /// Whoever asked for a pause is told that it is done.
    TellPaused,
    /// Parked tasks read again.
    Unpark,
    /// Tasks are told that they are to end; those that are parked end now.
    AskToEnd,
    /// What delivers rows is stopped.
    StopDelivering,
}

/// It cannot happen in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct NotNow;

/// A deployment's state, and its tasks, counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Life {
    /// Where it is.
    pub(super) state: State,
    /// Tasks that read or are about to end.
    pub(super) working: usize,
    /// Tasks that are parked.
    pub(super) parked: usize,
}

impl Life {
    /// It begins with so many tasks.
    pub(super) fn begin(working: usize) -> Self {
        Self { state: State::Running, working, parked: 0 }
    }

    /// Something happens: what is to be done. An error where it cannot happen now; then nothing has changed.
    pub(super) fn on(&mut self, happening: Happening) -> Result<Todo, NotNow> {
        match (self.state, happening) {
            (State::Running, Happening::Pause) => {
                self.state = State::Pausing;
                Ok(Todo::AskToPark)
            }
            (State::Paused, Happening::Resume) => {
                self.state = State::Running;
                self.working += std::mem::take(&mut self.parked);
                Ok(Todo::Unpark)
            }
            (State::Running | State::Pausing | State::Paused, Happening::Drop)
            | (State::Pausing | State::Paused, Happening::Stop) => {
                self.state = State::Leaving;
                self.working += std::mem::take(&mut self.parked);
                Ok(Todo::AskToEnd)
            }
            // It ends already.
            (State::Leaving | State::Delivering, Happening::Drop) => Ok(Todo::Nothing),
            // It was asked to be parked before the deployment was dropped.
            (State::Leaving, Happening::Parked(_)) => Ok(Todo::AskToEnd),
            (State::Running | State::Pausing, Happening::Parked(count)) => {
                debug_assert!(count <= self.working, "only tasks that work are parked");
                self.working -= count;
                self.parked += count;
                Ok(self.count())
            }
            (State::Running | State::Pausing | State::Leaving, Happening::Ended(count)) => {
                debug_assert!(count <= self.working, "only tasks that work end");
                self.working -= count;
                Ok(self.count())
            }
            _ => Err(NotNow),
        }
    }

    fn count(&mut self) -> Todo {
        match (self.working, self.parked, self.state) {
            (0, 0, _) => {
                self.state = State::Delivering;
                Todo::StopDelivering
            }
            (0, _, State::Pausing) => {
                self.state = State::Paused;
                Todo::TellPaused
            }
            _ => Todo::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deployment_is_paused_when_its_last_task_is_parked_and_reads_on() {
        let mut life = Life::begin(3);
        assert_eq!(life.on(Happening::Resume), Err(NotNow));
        assert_eq!(life.on(Happening::Pause), Ok(Todo::AskToPark));
        assert_eq!(life.on(Happening::Pause), Err(NotNow));
        assert_eq!(life.on(Happening::Parked(1)), Ok(Todo::Nothing));
        assert_eq!(life.on(Happening::Ended(1)), Ok(Todo::Nothing), "one failed meanwhile");
        assert_eq!(life.on(Happening::Parked(1)), Ok(Todo::TellPaused));
        assert_eq!(life, Life { state: State::Paused, working: 0, parked: 2 });
        assert_eq!(life.on(Happening::Resume), Ok(Todo::Unpark));
        assert_eq!(life, Life { state: State::Running, working: 2, parked: 0 });
        assert_eq!(life.on(Happening::Ended(2)), Ok(Todo::StopDelivering));
        assert_eq!(life.on(Happening::Drop), Ok(Todo::Nothing), "it ends already");
        assert_eq!(life.state, State::Delivering);
    }

    #[test]
    fn a_deployment_ends_when_its_last_task_has_ended_whatever_its_state() {
        for before in [State::Running, State::Pausing, State::Paused] {
            let mut life = Life::begin(2);
            if before != State::Running {
                life.on(Happening::Pause).unwrap();
                life.on(Happening::Parked(1)).unwrap();
            }
            if before == State::Paused {
                life.on(Happening::Parked(1)).unwrap();
            }
            assert_eq!(life.state, before);
            assert_eq!(life.on(Happening::Drop), Ok(Todo::AskToEnd));
            assert_eq!(life, Life { state: State::Leaving, working: 2, parked: 0 });
            assert_eq!(life.on(Happening::Drop), Ok(Todo::Nothing), "it ends already");
            assert_eq!(life.on(Happening::Ended(1)), Ok(Todo::Nothing));
            assert_eq!(life.on(Happening::Ended(1)), Ok(Todo::StopDelivering), "{before:?}");
            assert_eq!(life.state, State::Delivering);
        }
    }

    #[test]
    fn a_stop_ends_what_is_parked_and_leaves_to_itself_what_reads() {
        let mut life = Life::begin(2);
        assert_eq!(life.on(Happening::Stop), Err(NotNow));
        life.on(Happening::Pause).unwrap();
        life.on(Happening::Parked(1)).unwrap();
        let mut paused = life;
        assert_eq!(life.on(Happening::Stop), Ok(Todo::AskToEnd));
        assert_eq!(life, Life { state: State::Leaving, working: 2, parked: 0 });
        paused.on(Happening::Parked(1)).unwrap();
        assert_eq!(paused.on(Happening::Stop), Ok(Todo::AskToEnd));
        assert_eq!(paused, life);
    }

    #[test]
    fn a_task_that_is_parked_after_the_deployment_was_dropped_is_to_end_as_well() {
        let mut life = Life::begin(1);
        life.on(Happening::Pause).unwrap();
        assert_eq!(life.on(Happening::Drop), Ok(Todo::AskToEnd));
        assert_eq!(life.on(Happening::Parked(1)), Ok(Todo::AskToEnd));
        assert_eq!(life.on(Happening::Ended(1)), Ok(Todo::StopDelivering));
    }
}
