//! The line that shows, on a terminal, how far a run is.

use std::{
    io::{Write, stderr},
    sync::Arc,
};

use streamgauge_common::clock::{self, Stopwatch};
use streamgauge_functions::format_timestamp;

use crate::{
    query::Subscription,
    summary::Summary,
    terminal::{self, CLEAR_LINE},
};

/// From which share of the events on dead letters are in the line.
const DEAD_SHARE_SHOWN: f64 = 0.01;

/// A line on standard error that is written over.
#[derive(Debug)]
pub struct ProgressLine {
    since: Stopwatch,
    events: u64,
}

impl Default for ProgressLine {
    fn default() -> Self {
        Self { since: Stopwatch::start(), events: 0 }
    }
}

impl ProgressLine {
    /// Writes the line anew.
    pub fn show(&mut self, subscriptions: &[Arc<Subscription>]) {
        let line = self.text(subscriptions);
        // A line that wraps could not be taken away.
        let line: String = line.chars().take(terminal::width(stderr()).saturating_sub(1)).collect();
        // What a terminal does not take is not worth failing for.
        drop(write!(stderr(), "{CLEAR_LINE}{line}").and_then(|()| stderr().flush()));
    }

    /// Events, events a second since the last time, and dead letters where they are many; then rows, the least watermark and how far it
    /// is behind the time of day, or why there are no rows yet.
    fn text(&mut self, subscriptions: &[Arc<Subscription>]) -> String {
        let Summary { counts, dead_share, .. } = Summary::of(subscriptions);
        let events = counts.events;
        let seconds = self.since.elapsed().as_secs_f64();
        let rate = if seconds > 0.0 { (events.saturating_sub(self.events)) as f64 / seconds } else { 0.0 };
        (self.since, self.events) = (Stopwatch::start(), events);
        let dead = dead_share.filter(|(share, _)| *share > DEAD_SHARE_SHOWN);
        let dead = dead.map_or_else(String::new, |(share, query)| {
            format!("  {:.1} % dead letters in '{query}'", 100.0 * share)
        });
        let watermark = subscriptions.iter().map(|subscription| subscription.progress.watermark_us()).min();
        let rest = match no_rows(subscriptions).filter(|_| counts.rows == 0) {
            Some(why) => format!("no rows yet: {why}"),
            None => format!("{} rows  {}", counts.rows, at(watermark)),
        };
        format!("{events} events  {rate:.0} events/s{dead}  {rest}")
    }

    /// Takes the line away, so that something else can be written.
    pub fn clear(&self) {
        drop(write!(stderr(), "{CLEAR_LINE}").and_then(|()| stderr().flush()));
    }
}

/// Why the first query that says so has no rows yet.
fn no_rows(subscriptions: &[Arc<Subscription>]) -> Option<String> {
    let queries = subscriptions.iter().flat_map(|subscription| subscription.queries());
    queries.filter_map(|query| Some(query.no_rows()?.to_string())).next()
}

fn at(watermark: Option<i64>) -> String {
    match watermark {
        None | Some(i64::MIN) => "no watermark yet".to_owned(),
        Some(i64::MAX) => "at the end".to_owned(),
        Some(watermark) => {
            let mut text = Vec::new();
            format_timestamp(watermark, &mut text);
            let behind = clock::now_us().saturating_sub(watermark) as f64 / 1e6;
            let lag = if (0.0..86_400.0).contains(&behind) {
                format!(", {behind:.1} s behind")
            } else {
                String::new()
            };
            format!("watermark {}{lag}", String::from_utf8_lossy(&text))
        }
    }
}

#[cfg(test)]
mod tests {
    use streamgauge_common::{chunk::Chunk, offset::Offset, partition::SourceIndex};

    use super::*;
    use crate::{
        decode::{Batch, RowMap, layout::Columns},
        query::{Counts, NoRows},
    };

    /// A use of a source of which so many events were read.
    fn subscription(events: usize) -> Arc<Subscription> {
        let subscription = Subscription::silent("s");
        let offsets: Vec<Offset> = (0..events as i64).map(Offset).collect();
        let chunk = Chunk { spans: vec![(0, 0); events], offsets, ..Chunk::default() };
        let columns = Columns::new(Arc::default(), []);
        let batch = Batch { chunk, rows: RowMap::one_to_one(events), columns, rejects: Vec::new() };
        subscription.progress.count_events(SourceIndex::FIRST.partition(0), Offset(0), &batch);
        subscription
    }

    #[test]
    fn the_line_says_why_there_are_no_rows_until_there_are_some() {
        let subscription = subscription(3);
        let query = subscription.query("q");
        let mut line = ProgressLine::default();
        let mut shown =
            || line.text(std::slice::from_ref(&subscription)).split("events/s").nth(1).unwrap().to_owned();
        assert_eq!(shown(), "  0 rows  no watermark yet");
        query.set_no_rows(Some(NoRows::Window { end_us: 60_000_000, watermark_us: i64::MIN }));
        assert_eq!(
            shown(),
            "  no rows yet: the first window ends at 1970-01-01T00:01:00.000Z, and there is no watermark yet"
        );
        query.count(&Counts { rows: 1, ..Counts::default() });
        assert_eq!(shown(), "  1 rows  no watermark yet");
    }

    #[test]
    fn dead_letters_are_in_the_line_where_they_are_more_than_one_in_a_hundred() {
        let subscription = subscription(1000);
        let query = subscription.query("q");
        let mut line = ProgressLine::default();
        let mut shown = || line.text(std::slice::from_ref(&subscription));
        query.count(&Counts { dead_letters: 10, ..Counts::default() });
        assert!(!shown().contains("dead letters"), "one in a hundred");
        query.count(&Counts { dead_letters: 13, ..Counts::default() });
        assert!(shown().contains("events/s  2.3 % dead letters in 'q'  0 rows"), "{}", shown());
    }
}
