//! The states of an actor, and every transition between them. [`super`] draws them.

use std::mem;

/// Where an actor is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Phase<A> {
    /// Nothing waits for it.
    Idle(A),
    /// It is in the ready queue, once.
    Scheduled(A),
    /// A thread has it.
    Running,
    /// It handles nothing any more.
    Ended,
}

/// What waits for an actor when its thread is about to give it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Left {
    /// Messages.
    Messages,
    /// Nothing, but messages may come.
    Nothing,
    /// Nothing, and nobody is left who could send a message.
    NoHandles,
}

impl<A> Phase<A> {
    /// There is something to do: a message waits, or the last handle was dropped. True where the actor is to be put into the
    /// ready queue; in other phases it is there already, or its thread looks once more before it gives the actor back.
    pub(super) fn schedule(&mut self) -> bool {
        match mem::replace(self, Self::Ended) {
            Self::Idle(actor) => {
                *self = Self::Scheduled(actor);
                true
            }
            other => {
                *self = other;
                false
            }
        }
    }

    /// A thread takes the actor; none where it was not scheduled.
    pub(super) fn take(&mut self) -> Option<A> {
        match mem::replace(self, Self::Running) {
            Self::Scheduled(actor) => Some(actor),
            other => {
                *self = other;
                None
            }
        }
    }

    /// The thread gives the actor back. True where it is to be put into the ready queue again. An actor that ends is returned,
    /// so that it is dropped where no lock is held.
    pub(super) fn give_back(&mut self, actor: A, left: Left) -> (bool, Option<A>) {
        debug_assert!(matches!(self, Self::Running), "a thread gives back what it took");
        match left {
            Left::Messages => {
                *self = Self::Scheduled(actor);
                (true, None)
            }
            Left::Nothing => {
                *self = Self::Idle(actor);
                (false, None)
            }
            Left::NoHandles => {
                *self = Self::Ended;
                (false, Some(actor))
            }
        }
    }

    /// The actor failed while a thread had it.
    pub(super) fn fail(&mut self) {
        debug_assert!(matches!(self, Self::Running), "only what runs can fail");
        *self = Self::Ended;
    }

    /// Whether it handles nothing any more.
    pub(super) fn is_ended(&self) -> bool {
        matches!(self, Self::Ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_idle_actor_is_put_into_the_ready_queue_by_what_comes() {
        let mut phase = Phase::Idle('a');
        assert!(phase.schedule());
        assert_eq!(phase, Phase::Scheduled('a'));
        assert!(!phase.schedule(), "it is there already");
        assert_eq!(phase.take(), Some('a'));
        assert!(!phase.schedule(), "its thread looks again");
        assert_eq!(phase, Phase::Running);
        let mut phase = Phase::<char>::Ended;
        assert!(!phase.schedule());
        assert!(phase.is_ended());
    }

    #[test]
    fn only_a_scheduled_actor_is_taken() {
        for mut phase in [Phase::Idle('a'), Phase::Running, Phase::Ended] {
            let before = format!("{phase:?}");
            assert_eq!(phase.take(), None);
            assert_eq!(format!("{phase:?}"), before);
        }
    }

    #[test]
    fn what_is_left_decides_what_follows_a_turn() {
        let cases = [
            (Left::Messages, Phase::Scheduled('a'), (true, None)),
            (Left::Nothing, Phase::Idle('a'), (false, None)),
            (Left::NoHandles, Phase::Ended, (false, Some('a'))),
        ];
        for (left, after, returned) in cases {
            let mut phase = Phase::Running;
            assert_eq!(phase.give_back('a', left), returned, "{left:?}");
            assert_eq!(phase, after, "{left:?}");
        }
        let mut phase = Phase::<char>::Running;
        phase.fail();
        assert!(phase.is_ended());
    }
}
