//! What a session is, on times alone: where one begins, and where it is cut.
//!
//! Events of a group that are less than the gap apart are in one *chain*. A chain is cut every `max_length` from its first event; each
//! piece is a session. A *cell* is what lies in one slice: slices are as long as the gap, so the events of a cell are in one chain.

/// The lengths of sessions, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    /// Events that are so far apart, or farther, are in two chains.
    pub(super) gap: i64,
    /// How far apart the cuts of a chain are; at least the gap.
    pub(super) max_length: i64,
}

/// A chain of events as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Chain {
    /// Its first event, or its last cut.
    pub(super) anchor: i64,
    /// Its last event.
    pub(super) last: i64,
}

/// Where a cell belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Whether the chain goes on with it; else it begins another one.
    pub(super) joins: bool,
    /// Whether its first event is in the same session as the end of the chain.
    pub(super) extends: bool,
    /// Where the session of its first event is counted from.
    pub(super) anchor: i64,
    /// The cut that lies in the cell: events before it are in one session, the others in the next.
    pub(super) cut: Option<i64>,
}

impl Rules {
    /// Whether an event follows the last one of a chain in it.
    pub(super) fn joins(&self, last: i64, event: i64) -> bool {
        event - last < self.gap
    }

    /// Where the last session of a chain ends, as far as the chain is known.
    pub(super) fn end(&self, last: i64) -> i64 {
        last.saturating_add(self.gap)
    }

    /// Where a cell with these first and last events belongs, behind a chain.
    pub(super) fn place(&self, chain: Option<Chain>, first: i64, last: i64) -> Place {
        let chain = chain.filter(|chain| self.joins(chain.last, first));
        let before = chain.map_or(first, |chain| chain.anchor);
        let anchor = self.cut_before(before, first);
        // The cuts are at least a gap apart, and a cell is shorter than that.
        let cut = anchor.saturating_add(self.max_length);
        Place {
            joins: chain.is_some(),
            extends: chain.is_some() && anchor == before,
            anchor,
            cut: (cut <= last).then_some(cut),
        }
    }

    /// The last cut at or before an event, counted from an earlier event or cut.
    pub(super) fn cut_before(&self, anchor: i64, event: i64) -> i64 {
        anchor + (event - anchor).div_euclid(self.max_length) * self.max_length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules { gap: 10, max_length: 25 };

    #[test]
    fn a_cell_joins_a_chain_that_ends_less_than_a_gap_before_it() {
        let chain = Some(Chain { anchor: 0, last: 9 });
        let place = |first, last| RULES.place(chain, first, last);
        assert_eq!(place(18, 19), Place { joins: true, extends: true, anchor: 0, cut: None });
        assert_eq!(place(19, 20), Place { joins: false, extends: false, anchor: 19, cut: None });
        assert_eq!(RULES.place(None, 5, 9), Place { joins: false, extends: false, anchor: 5, cut: None });
    }

    #[test]
    fn a_chain_is_cut_every_so_often_from_its_first_event() {
        let chain = Some(Chain { anchor: 3, last: 20 });
        let place = |first, last| RULES.place(chain, first, last);
        assert_eq!(place(20, 27).cut, None);
        assert_eq!(place(20, 28), Place { joins: true, extends: true, anchor: 3, cut: Some(28) });
        assert_eq!(place(28, 29), Place { joins: true, extends: false, anchor: 28, cut: None });
        let later = Some(Chain { anchor: 28, last: 52 });
        assert_eq!(
            RULES.place(later, 52, 53).cut,
            Some(53),
            "the cuts of a chain are not moved by its events"
        );
    }
}
