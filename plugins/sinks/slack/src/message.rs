//! One message: a header, the rows of a window, and a line for notifications.

use streamgauge_sdk::sink::Window;

use crate::{
    block::RowBlocks,
    field::instant,
    text::{escaped, escaped_line, line, push_json},
};

/// Slack's limit.
const BLOCKS_MAX: usize = 50;
/// Beyond about 13,000 characters Slack answers `msg_blocks_too_long`.
const BLOCKS_BYTES_MAX: usize = 12_000;
/// Slack's limit for a header.
const HEADER_MAX: usize = 150;
/// The longest name of a query that is shown.
const QUERY_MAX: usize = 80;
/// Phones show no more of a notification.
const SUMMARY_MAX: usize = 300;
/// What stands between rows.
const DIVIDER: &str = r#"{"type":"divider"}"#;
/// Blocks that are not rows: the header and the window.
const HEAD_BLOCKS: usize = 2;
/// More than the blocks that are not rows take.
const HEAD_BYTES: usize = 1500;

/// A message that grows.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    pub(crate) window: Option<Window>,
    /// From 1: a window's rows may need several messages.
    pub(crate) part: usize,
    pub(crate) rows: Vec<RowBlocks>,
    blocks: usize,
    bytes: usize,
}

impl Draft {
    pub(crate) fn new(window: Option<Window>, part: usize, row: RowBlocks) -> Self {
        let mut draft = Self { window, part, rows: Vec::new(), blocks: HEAD_BLOCKS, bytes: HEAD_BYTES };
        draft.add(row);
        draft
    }

    /// Whether a row of this window still goes into the message.
    pub(crate) fn takes(&self, window: Option<Window>, row: &RowBlocks) -> bool {
        window == self.window
            && self.blocks + 1 + row.blocks <= BLOCKS_MAX
            && self.bytes + DIVIDER.len() + 2 + row.json.len() <= BLOCKS_BYTES_MAX
    }

    pub(crate) fn add(&mut self, row: RowBlocks) {
        self.blocks += 1 + row.blocks;
        self.bytes += DIVIDER.len() + 2 + row.json.len();
        self.rows.push(row);
    }

    /// The body of the request.
    pub(crate) fn json(&self, query: &str) -> Vec<u8> {
        let query = line(query, QUERY_MAX);
        let mut out = String::from(r#"{"text":"#);
        push_json(&mut out, &self.summary(&query));
        out.push_str(r#","blocks":[{"type":"header","text":{"type":"plain_text","emoji":false,"text":"#);
        push_json(&mut out, &escaped_line(&self.title(&query), HEADER_MAX));
        out.push_str(r#"}},{"type":"context","elements":[{"type":"plain_text","emoji":false,"text":"#);
        push_json(&mut out, &self.context());
        out.push_str("}]}");
        for (number, row) in self.rows.iter().enumerate() {
            if number > 0 {
                out.push(',');
                out.push_str(DIVIDER);
            }
            out.push(',');
            out.push_str(&row.json);
        }
        out.push_str("]}");
        debug_assert!(out.len() < 4 * BLOCKS_BYTES_MAX, "the parts are bounded");
        out.into_bytes()
    }

    /// `latency (2)`
    fn title(&self, query: &str) -> String {
        match self.part {
            1 => query.to_owned(),
            part => format!("{query} ({part})"),
        }
    }

    /// `2026-01-01 00:00:00 – 00:05:00 UTC · 3 rows`
    fn context(&self) -> String {
        let rows = match self.rows.len() {
            1 => "1 row".to_owned(),
            rows => format!("{rows} rows"),
        };
        let Some(window) = self.window else { return rows };
        let forced = if window.forced { " · closed early" } else { "" };
        format!("{} · {rows}{forced}", period(window))
    }

    /// The whole in one line, escaped.
    fn summary(&self, query: &str) -> String {
        let first = self.rows.first().map_or("", |row| row.summary.as_str());
        let first = escaped(&line(first, SUMMARY_MAX));
        let more = match self.rows.len() {
            0 | 1 => String::new(),
            rows => format!(" (and {} more)", rows - 1),
        };
        format!("{}: {first}{more}", escaped(query))
    }
}

/// `2026-01-01 00:00:00 – 00:05:00 UTC`; both dates where they differ.
fn period(window: Window) -> String {
    let (start, end) = (instant(window.start), instant(window.end));
    let short = match (start.split_once(' '), end.split_once(' ')) {
        (Some((first, _)), Some((last, time))) if first == last => time,
        _ => &end,
    };
    format!("{start} – {short} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_short() {
        const MINUTE: i64 = 60_000_000;
        let start = 1_767_225_600_000_000;
        let window = |start, end| Window { start, end, forced: false };
        assert_eq!(period(window(start, start + 5 * MINUTE)), "2026-01-01 00:00:00 – 00:05:00 UTC");
        assert_eq!(
            period(window(start - MINUTE, start + MINUTE)),
            "2025-12-31 23:59:00 – 2026-01-01 00:01:00 UTC"
        );
    }
}
