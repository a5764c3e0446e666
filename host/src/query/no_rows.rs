//! Why a query has given no rows yet, for people who wait for the first.

use std::fmt;

use streamgauge_common::{
    clock::{self, Stopwatch},
    partition::Partition,
};
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
            (Self::Closed { .. }, Self::Closed { .. }) => true,
            (one, other) => one == other,
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
    pub(super) fn look(&mut self, rows: u64, has_read: bool, query: &RunningQuery) -> Option<Option<NoRows>> {
        if self.is_over {
            return None;
        }
        if rows > 0 {
            self.is_over = true;
            return Some(None);
        }
        if self.last.is_some_and(|last| last.elapsed().as_millis() < LOOK_EVERY_MS) {
            return None;
        }
        self.last = Some(Stopwatch::start());
        Some(Some(self.explain(has_read, query, clock::now_us())))
    }

    fn explain(&mut self, has_read: bool, query: &RunningQuery, now_us: i64) -> NoRows {
        if !has_read {
            return NoRows::Events;
        }
        if query.closed_windows() > 0 {
            return NoRows::Closed { windows: query.closed_windows() };
        }
        let Some(engine) = query.windows().map(|windows| &windows.engine) else { return NoRows::Filtered };
        let Some(end_us) = engine.next_window_end() else { return NoRows::Filtered };
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
}
