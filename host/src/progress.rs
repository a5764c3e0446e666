//! The line that shows, on a terminal, how far a run is.

use std::{
    io::{Write, stderr},
    sync::Arc,
};

use streamgauge_common::clock::{self, Stopwatch};
use streamgauge_functions::format_timestamp;

use crate::{
    query::Subscription,
    terminal::{self, CLEAR_LINE},
};

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
    /// Writes the line anew: events, events a second since the last time, rows, the least watermark and how far it is
    /// behind the time of day.
    pub fn show(&mut self, subscriptions: &[Arc<Subscription>]) {
        let progress = || subscriptions.iter().map(|subscription| &subscription.progress);
        let events: u64 = progress().map(|progress| progress.events()).sum();
        let rows: u64 = progress().map(|progress| progress.rows()).sum();
        let watermark = progress().map(|progress| progress.watermark_us()).min();
        let seconds = self.since.elapsed().as_secs_f64();
        let rate = if seconds > 0.0 { (events.saturating_sub(self.events)) as f64 / seconds } else { 0.0 };
        (self.since, self.events) = (Stopwatch::start(), events);
        let line = format!("{events} events  {rate:.0} events/s  {rows} rows  {}", at(watermark));
        // A line that wraps could not be taken away.
        let line: String = line.chars().take(terminal::width(stderr()).saturating_sub(1)).collect();
        // What a terminal does not take is not worth failing for.
        drop(write!(stderr(), "{CLEAR_LINE}{line}").and_then(|()| stderr().flush()));
    }

    /// Takes the line away, so that something else can be written.
    pub fn clear(&self) {
        drop(write!(stderr(), "{CLEAR_LINE}").and_then(|()| stderr().flush()));
    }
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
