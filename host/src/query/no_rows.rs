//! Why a query has given no rows yet, for people who wait for the first.

use std::fmt;

use streamgauge_common::{
    clock::{self, Stopwatch},
    partition::Partition,
};
use streamgauge_engine::WindowQuery;
use streamgauge_functions::format_timestamp;

use super::RunningQuery;

/// How often it is looked why there are no rows.
const LOOK_EVERY_MS: u128 = 200;

/// What the first row of a query waits for. Times are microseconds since the epoch; `i64::MIN` = there is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoRows {
    /// No event has come.
    Events,
    /// Events have come, and none of them is in a window that will be emitted.
    Filtered,
    /// Events have come, all of them only in windows that start before the first one that is emitted.
    Older {
        /// The name of their source.
        source: String,
        /// The greatest event time.
        newest_us: i64,
        /// Where the first window that is emitted starts.
        first_us: i64,
    },
    /// Events have come, all of them late for all their windows.
    Late {
        /// How many.
        events: u64,
    },
    /// The end of the first window, which the source's watermark has not reached.
    Window {
        /// Where it ends.
        end_us: i64,
        /// How far the watermark has come.
        watermark_us: i64,
    },
    /// The same, and one partition alone keeps the watermark back.
    Partition {
        /// Where the window ends.
        end_us: i64,
        /// The partition's number.
        partition: u32,
        /// How far the partition has come.
        watermark_us: i64,
        /// Since when, by the time of day.
        since_us: i64,
    },
    /// The query aggregates without windows, and its input has not ended.
    End,
    /// Windows have closed, and none of their rows went to a sink.
    Closed {
        /// How many.
        windows: u64,
    },
}

impl NoRows {
    /// Whether both say the same but for how far a watermark has come.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Window { end_us, .. }, Self::Window { end_us: other, .. }) => end_us == other,
            (Self::Closed { .. }, Self::Closed { .. }) | (Self::Late { .. }, Self::Late { .. }) => true,
            (Self::Older { first_us, .. }, Self::Older { first_us: other, .. }) => first_us == other,
            (one, other) => one == other,
        }
    }
}

impl NoRows {
    /// What would give rows, where no event that came can.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Older { source, .. } => Some(format!(
                "start = 'earliest' in the WITH of source '{source}' reads all that the topic has and emits windows of every time; start = \
                 '7 days ago' or start = '2026-01-01T00:00:00Z' those from then on"
            )),
            Self::Late { .. } => Some(
                "events that are older than what was read before them need a longer delay in WATERMARK FOR, or, where a state goes on \
                 with other input, a new state"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

impl fmt::Display for NoRows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Events => f.write_str("no event has come"),
            Self::Filtered => f.write_str(
                "events have come, but WHERE keeps none of them for a window that is still to close",
            ),
            Self::Older { newest_us, first_us, .. } => write!(
                f,
                "the first window that is emitted starts at {}, and all events are before it, the newest at {}",
                time(first_us),
                time(newest_us)
            ),
            Self::Late { events } => {
                write!(f, "all events that WHERE keeps ({events}) are late: their windows were closed before")
            }
            Self::End => f.write_str("it aggregates without windows, so its rows come when the input ends"),
            Self::Window { end_us, watermark_us: i64::MIN } => {
                write!(f, "the first window ends at {}, and there is no watermark yet", time(end_us))
            }
            Self::Window { end_us, watermark_us } => {
                write!(
                    f,
                    "the first window ends at {}, the watermark is at {}",
                    time(end_us),
                    time(watermark_us)
                )
            }
            Self::Partition { end_us, partition, watermark_us: i64::MIN, since_us } => write!(
                f,
                "the first window ends at {} and waits for partition {partition}, of which no event has come since {}",
                time(end_us),
                time(since_us)
            ),
            Self::Partition { end_us, partition, watermark_us, since_us } => write!(
                f,
                "the first window ends at {} and waits for partition {partition}, whose watermark is at {} since {}",
                time(end_us),
                time(watermark_us),
                time(since_us)
            ),
            Self::Closed { windows } => {
                write!(f, "windows have closed ({windows}), but HAVING or WHERE keeps no row of them")
            }
        }
    }
}

fn time(time_us: i64) -> String {
    let mut text = Vec::new();
    format_timestamp(time_us, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// What a query task has seen and made so far.
pub(super) struct Seen<'a> {
    /// Its source.
    pub(super) source: &'a str,
    /// Rows that went to a sink.
    pub(super) rows: u64,
    /// Events that were late for all their windows.
    pub(super) late: u64,
    /// Whether anything was read.
    pub(super) has_read: bool,
    /// Whether nothing more comes: then it is looked at once more.
    pub(super) is_last: bool,
}

/// Finds out why a query task has no rows, until it has some.
#[derive(Debug, Default)]
pub(super) struct NoRowsWatch {
    last: Option<Stopwatch>,
    /// The partition that keeps the watermark back, how far it has come, and since when.
    held: Option<(Partition, i64, i64)>,
    is_over: bool,
}

impl NoRowsWatch {
    /// Looks again, if it is time: none where there is nothing new, some none where there are rows now.
    pub(super) fn look(&mut self, seen: &Seen<'_>, query: &RunningQuery) -> Option<Option<NoRows>> {
        if self.is_over {
            return None;
        }
        if seen.rows > 0 {
            self.is_over = true;
            return Some(None);
        }
        if !seen.is_last && self.last.is_some_and(|last| last.elapsed().as_millis() < LOOK_EVERY_MS) {
            return None;
        }
        self.last = Some(Stopwatch::start());
        Some(Some(self.explain(seen, query, clock::now_us())))
    }

    fn explain(&mut self, seen: &Seen<'_>, query: &RunningQuery, now_us: i64) -> NoRows {
        if !seen.has_read {
            return NoRows::Events;
        }
        if query.closed_windows() > 0 {
            return NoRows::Closed { windows: query.closed_windows() };
        }
        let Some(engine) = query.windows().map(|windows| &windows.engine) else { return NoRows::Filtered };
        let Some(end_us) = engine.next_window_end() else { return without_window(seen, query, engine) };
        if query.window().is_some_and(|window| !window.kind.has_bounds()) {
            return NoRows::End;
        }
        let Some((partition, watermark_us)) = engine.held_by(end_us) else {
            self.held = None;
            return NoRows::Window { end_us, watermark_us: engine.watermark() };
        };
        let is_same = |held: &(Partition, i64, i64)| (held.0, held.1) == (partition, watermark_us);
        let since_us = self.held.filter(is_same).map_or(now_us, |held| held.2);
        self.held = Some((partition, watermark_us, since_us));
        NoRows::Partition { end_us, partition: partition.number, watermark_us, since_us }
    }
}

/// Why no event is of a window that is still to close.
fn without_window(seen: &Seen<'_>, query: &RunningQuery, engine: &WindowQuery) -> NoRows {
    let source = seen.source.to_owned();
    match (engine.emits_from(), engine.newest_event()) {
        (Some(first_us), Some(newest_us)) if query.unwanted_events() > 0 && newest_us < first_us => {
            NoRows::Older { source, newest_us, first_us }
        }
        _ if seen.late > 0 => NoRows::Late { events: seen.late },
        _ => NoRows::Filtered,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_is_a_sentence_that_names_what_is_waited_for() {
        let minute = 60_000_000;
        let window = NoRows::Window { end_us: minute, watermark_us: i64::MIN };
        let (end, second) = ("1970-01-01T00:01:00.000Z", "1970-01-01T00:00:01.000Z");
        assert_eq!(
            window.to_string(),
            format!("the first window ends at {end}, and there is no watermark yet")
        );
        let window = NoRows::Window { end_us: minute, watermark_us: 1_000_000 };
        assert_eq!(
            window.to_string(),
            format!("the first window ends at {end}, the watermark is at {second}")
        );
        let held =
            NoRows::Partition { end_us: minute, partition: 3, watermark_us: i64::MIN, since_us: 1_000_000 };
        let expected = format!(
            "the first window ends at {end} and waits for partition 3, of which no event has come since {second}"
        );
        assert_eq!(held.to_string(), expected);
        let held = NoRows::Partition { end_us: minute, partition: 3, watermark_us: 0, since_us: 1_000_000 };
        let expected =
            format!("waits for partition 3, whose watermark is at 1970-01-01T00:00:00.000Z since {second}");
        assert!(held.to_string().ends_with(&expected), "{held}");
    }

    #[test]
    fn a_watermark_that_moves_is_no_news() {
        let window = |end_us, watermark_us| NoRows::Window { end_us, watermark_us };
        assert!(window(9, 1).is_like(&window(9, 2)) && !window(9, 1).is_like(&window(8, 1)));
        assert!(NoRows::Closed { windows: 1 }.is_like(&NoRows::Closed { windows: 2 }));
        assert!(!NoRows::Events.is_like(&NoRows::Filtered));
    }

    #[test]
    fn events_that_cannot_give_rows_are_told_with_what_would() {
        let older = |newest_us| NoRows::Older { source: "s".to_owned(), newest_us, first_us: 60_000_000 };
        assert_eq!(
            older(1_000_000).to_string(),
            "the first window that is emitted starts at 1970-01-01T00:01:00.000Z, and all events are before it, the newest at \
             1970-01-01T00:00:01.000Z"
        );
        assert!(older(1).help().unwrap().starts_with("start = 'earliest' in the WITH of source 's'"));
        assert!(older(1).is_like(&older(2)), "a newer event that is as useless is no news");
        assert!(
            NoRows::Late { events: 3 }.to_string().starts_with("all events that WHERE keeps (3) are late")
        );
        assert_eq!(NoRows::Filtered.help(), None);
    }
}
