//! The life of an outbox: a pure state machine.
//!
//! ```text
//!           as much is not acknowledged as may be
//!   Open ─────────────────────────────────────────> AtBound
//!    │ ^ ──── messages are acknowledged ───────────── │
//!    │ └──────────────────────────────────────────────┘
//!    │ close                                          │ close
//!    │            all is acknowledged                 │
//!    ├──> Closed ───────────────────────> Drained     │
//!    │      ^ ^  <─────────────────────────           │
//!    │      │ │   a decision has become durable        │
//!    │      │ └───────────────────────────────────────┘
//!    │
//!    └─ from each of these:  nobody reads what is sent ──> Unread
//!                            the worker cannot go on ────> Failed     (also from Unread)
//! ```

/// Where in its life an outbox is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Life {
    /// More may be decided for it.
    #[default]
    Open,
    /// Nothing more may be decided before messages are acknowledged.
    AtBound,
    /// Nothing more will be decided for it; some messages are not acknowledged yet.
    Closed,
    /// Closed, and all is acknowledged.
    Drained,
    /// Nobody reads what is sent any more, which is no failure. What is decided is not waited for.
    Unread,
    /// The worker cannot go on, ever; why, for people.
    Failed(String),
}

/// How much is in an outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// Everything is acknowledged.
    Nothing,
    /// Some messages are not, fewer than may be.
    Some,
    /// As many as may be.
    Full,
}

impl Life {
    /// Messages were pushed or acknowledged: so much is in it now.
    pub(super) fn carry(&mut self, load: Load) {
        match (&self, load) {
            (Self::Open | Self::AtBound, Load::Full) => *self = Self::AtBound,
            (Self::Open | Self::AtBound, Load::Nothing | Load::Some) => *self = Self::Open,
            // Decisions that were made before it was closed come when they are durable.
            (Self::Closed | Self::Drained, Load::Nothing) => *self = Self::Drained,
            (Self::Closed | Self::Drained, Load::Some | Load::Full) => *self = Self::Closed,
            (Self::Unread | Self::Failed(_), _) => {}
        }
    }

    /// Nothing more will be decided for it.
    pub(super) fn close(&mut self, load: Load) {
        if matches!(self, Self::Open | Self::AtBound) {
            *self = Self::Closed;
            self.carry(load);
        }
    }

    /// Nobody reads what is sent any more.
    pub(super) fn abandon(&mut self) {
        if !matches!(self, Self::Failed(_)) {
            *self = Self::Unread;
        }
    }

    /// The worker cannot go on; the first reason counts.
    pub(super) fn fail(&mut self, why: String) {
        if !matches!(self, Self::Failed(_)) {
            *self = Self::Failed(why);
        }
    }

    /// Whether more may be decided: what goes nowhere because nobody reads it holds nothing up.
    pub(super) fn has_room(&self) -> bool {
        matches!(self, Self::Open | Self::Unread)
    }

    /// Whether nothing is left to do.
    pub(super) fn is_drained(&self) -> bool {
        *self == Self::Drained
    }

    /// Whether nobody reads what is sent any more.
    pub(super) fn is_unread(&self) -> bool {
        *self == Self::Unread
    }

    /// Why the worker cannot go on.
    pub(super) fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed(why) => Some(why),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Life::*, *};

    const LOADS: [Load; 3] = [Load::Nothing, Load::Some, Load::Full];

    fn failed() -> Life {
        Failed("its disk is gone".to_owned())
    }

    fn all() -> [Life; 6] {
        [Open, AtBound, Closed, Drained, Unread, failed()]
    }

    fn after(change: impl Fn(&mut Life)) -> [Life; 6] {
        all().map(|mut life| {
            change(&mut life);
            life
        })
    }

    #[test]
    fn what_is_in_it_decides_between_open_and_at_bound_and_between_closed_and_drained() {
        let [nothing, some, full] = LOADS.map(|load| after(|life| life.carry(load)));
        assert_eq!(nothing, [Open, Open, Drained, Drained, Unread, failed()]);
        assert_eq!(some, [Open, Open, Closed, Closed, Unread, failed()]);
        assert_eq!(full, [AtBound, AtBound, Closed, Closed, Unread, failed()]);
    }

    #[test]
    fn it_is_closed_once_and_drained_at_once_where_nothing_is_in_it() {
        let [nothing, some, full] = LOADS.map(|load| after(|life| life.close(load)));
        assert_eq!(nothing, [Drained, Drained, Closed, Drained, Unread, failed()]);
        assert_eq!(some, [Closed, Closed, Closed, Drained, Unread, failed()]);
        assert_eq!(full, some);
    }

    #[test]
    fn a_failure_is_final_and_counts_more_than_that_nobody_reads() {
        assert_eq!(after(Life::abandon), [Unread, Unread, Unread, Unread, Unread, failed()]);
        let again = |life: &mut Life| life.fail("again".to_owned());
        let other = || Failed("again".to_owned());
        assert_eq!(after(again), [other(), other(), other(), other(), other(), failed()]);
    }

    #[test]
    fn what_others_may_do_follows_from_its_state() {
        assert_eq!(all().map(|life| life.has_room()), [true, false, false, false, true, false]);
        assert_eq!(all().map(|life| life.is_drained()), [false, false, false, true, false, false]);
        assert_eq!(all().map(|life| life.is_unread()), [false, false, false, false, true, false]);
        let failures = all().map(|life| life.failure().map(str::to_owned));
        assert_eq!(failures, [None, None, None, None, None, Some("its disk is gone".to_owned())]);
    }
}
