//! Rows for people at a terminal: the format of `streamgauge demo`.
//!
//! What a SELECT prints is a [table]: one line a row under a heading, one heading a window. What goes to a sink of
//! its own is a [message] under the sink's name: `SLOW  gpt-4o  avg 2,310 ms over 5 min (p95 5,120 ms)`. Units come
//! from the columns' names: see [`field`].

mod field;
mod line;
mod message;
mod number;
mod table;

use std::sync::{Mutex, PoisonError};

use line::Line;
use streamgauge_common::row::Rows;
use streamgauge_sql::manifest;
use table::Tables;

use crate::deliver::output::Format;

/// Where rows are shown.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Whether it is in colour.
    pub colour: bool,
    /// How many characters fit in a line; asked before every write, for windows change.
    pub width: fn() -> usize,
}

/// Aligned, in colour where that is wanted, no line longer than the screen is wide.
#[derive(Debug)]
pub struct Pretty {
    screen: Screen,
    tables: Mutex<Tables>,
}

impl Pretty {
    /// Nothing is shown yet.
    pub fn new(screen: Screen) -> Self {
        Self { screen, tables: Mutex::default() }
    }
}

impl Format for Pretty {
    fn write(&self, out: &mut Vec<u8>, query: &str, fields: &[manifest::Output], rows: &Rows) {
        let fields = field::fields(fields, &rows.columns);
        let width = (self.screen.width)();
        // A writer that panicked left tables that are at worst uneven.
        let mut tables = self.tables.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<Line> = match message::label(query) {
            Some(label) => {
                tables.interrupt();
                (0..rows.len).map(|row| message::line(&label, &fields, row, width)).collect()
            }
            None => tables.lines(query, &fields, rows.len, width),
        };
        lines.iter().for_each(|line| line.write(out, self.screen.colour, width));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use streamgauge_common::{
        column::{Column, DataType, Value},
        partition::SourceIndex,
        row::Identity,
    };

    const FIVE_PAST: i64 = 1_767_225_900_000_000;

    fn plain(width: fn() -> usize) -> Pretty {
        Pretty::new(Screen { colour: false, width })
    }

    fn coloured(width: fn() -> usize) -> Pretty {
        Pretty::new(Screen { colour: true, width })
    }

    fn columns(fields: &[(&str, DataType)]) -> Vec<manifest::Output> {
        let output = |(index, &(name, data_type)): (usize, &(&str, DataType))| manifest::Output {
            name: name.to_owned(),
            data_type,
            column: manifest::Column::Input(index),
        };
        fields.iter().enumerate().map(output).collect()
    }

    fn written(pretty: &Pretty, query: &str, fields: &[manifest::Output], values: &[&[Value]]) -> String {
        let identity =
            Identity::Records { partition: SourceIndex::FIRST.partition(0), offsets: vec![], indexes: None };
        let mut rows = Rows {
            identity,
            columns: fields.iter().map(|field| Column::empty(field.data_type)).collect(),
            len: values.len(),
        };
        for row in values {
            rows.columns.iter_mut().zip(*row).for_each(|(column, value)| column.push(value));
        }
        let mut out = Vec::new();
        pretty.write(&mut out, query, fields, &rows);
        String::from_utf8(out).unwrap()
    }

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn latency() -> Vec<manifest::Output> {
        use DataType::{Float64, Int64, Text, Timestamp};
        columns(&[
            ("window_end", Timestamp),
            ("model", Text),
            ("requests", Int64),
            ("avg_ms", Float64),
            ("quality", Float64),
            ("errors_pct", Float64),
            ("cost_usd", Float64),
        ])
    }

    fn row(minute: i64, model: &str, requests: i64, figures: [f64; 4]) -> Vec<Value> {
        let end = Value::Timestamp(FIVE_PAST + minute * 60_000_000);
        let figures = figures.map(Value::Float64);
        [end, text(model), Value::Int64(requests)].into_iter().chain(figures).collect()
    }

    #[test]
    fn a_table_has_a_heading_a_window_and_columns_that_do_not_move() {
        let pretty = plain(|| 100);
        let rows = [
            row(0, "claude-sonnet", 1402, [1137.2, 0.9133, 0.84, 3.178]),
            row(0, "gpt-4o", 98, [2310.0, 0.88, 12.0, 0.0042]),
            row(1, "gpt-4o", 12_345, [9.44, 0.5, 0.0, 12.0]),
        ];
        let rows: Vec<&[Value]> = rows.iter().map(Vec::as_slice).collect();
        assert_eq!(
            written(&pretty, "select_1", &latency(), &rows),
            "
00:05:00  model          requests  avg ms  quality  errors %  cost $   avg ms trend
          claude-sonnet     1,402   1,137     0.91       0.8    3.18   ▄
          gpt-4o               98   2,310     0.88      12.0  0.0042   ▄

00:06:00  model          requests  avg ms  quality  errors %  cost $   avg ms trend
          gpt-4o           12,345     9.4     0.50       0.0   12.00   █▁
"
        );
        let mut none = row(2, "gpt-4o", 1, [0.0; 4]);
        none[1..].fill(Value::Null);
        assert_eq!(
            written(&pretty, "select_1", &latency(), &[&none]),
            "
00:07:00  model          requests  avg ms  quality  errors %  cost $   avg ms trend
          –                     –       –        –         –       –
"
        );
    }

    #[test]
    fn what_a_narrow_terminal_has_no_room_for_is_left_out() {
        let rows = [row(0, "claude-sonnet", 1402, [1137.2, 0.9133, 0.84, 3.178])];
        let narrow = written(&plain(|| 50), "select_1", &latency(), &[&rows[0]]);
        assert_eq!(
            narrow,
            "
00:05:00  model          requests  avg ms  quality
          claude-sonnet     1,402   1,137     0.91
"
        );
        let widths: [fn() -> usize; 3] = [|| 1, || 25, || 79];
        for width in widths {
            for query in ["select_1", "insert_slow_1"] {
                let lines = written(&plain(width), query, &latency(), &[&rows[0]]);
                assert!(lines.lines().all(|line| line.chars().count() <= width()), "{lines}");
            }
        }
    }

    fn slow() -> (Vec<manifest::Output>, Vec<Value>) {
        use DataType::{Float64, Int64, Text, Timestamp};
        let fields = columns(&[
            ("window_start", Timestamp),
            ("window_end", Timestamp),
            ("model", Text),
            ("avg_ms", Float64),
            ("p95_ms", Float64),
            ("requests", Int64),
        ]);
        let times = [FIVE_PAST - 300_000_000, FIVE_PAST].map(Value::Timestamp);
        let rest = [text("gpt-4o"), Value::Float64(2310.4), Value::Float64(5120.0), Value::Int64(431)];
        (fields, times.into_iter().chain(rest).collect())
    }

    #[test]
    fn a_message_says_what_who_how_much_and_over_which_time() {
        let (fields, row) = slow();
        let wide = plain(|| usize::MAX);
        assert_eq!(
            written(&wide, "insert_slow_1", &fields, &[&row]),
            "00:05:00  ▲ SLOW      gpt-4o  avg 2,310 ms over 5 min (p95 5,120 ms, 431 requests)\n"
        );
        assert_eq!(
            written(&plain(|| 70), "insert_slow_1", &fields, &[&row]),
            "00:05:00  ▲ SLOW      gpt-4o  avg 2,310 ms over 5 min (p95 5,120 ms)\n"
        );
        assert_eq!(
            written(&plain(|| 40), "insert_slow_1", &fields, &[&row]),
            "00:05:00  ▲ SLOW      gpt-4o  avg 2,310…\n"
        );
        let quality = columns(&[("deviation", DataType::Float64), ("avg_quality", DataType::Float64)]);
        assert_eq!(
            written(&wide, "insert_too_unstable_12", &quality, &[&[Value::Float64(0.1834), Value::Null]]),
            "▲ TOO UNSTABLE  deviation 0.18 (avg quality –)\n"
        );
    }

    #[test]
    fn colour_is_only_around_the_text() {
        let (fields, row) = slow();
        let line = written(&coloured(|| 200), "insert_slow_1", &fields, &[&row]);
        assert_eq!(
            line,
            "\u{1b}[2m00:05:00\u{1b}[0m  \u{1b}[1;31m▲ SLOW    \u{1b}[0m  \u{1b}[1mgpt-4o\u{1b}[0m  \
             \u{1b}[1mavg 2,310 ms\u{1b}[0m over 5 min (p95 5,120 ms, 431 requests)\n"
        );
    }

    #[test]
    fn text_of_others_cannot_steer_the_terminal() {
        let fields = columns(&[("model", DataType::Text)]);
        let line = written(&coloured(|| 80), "select_1", &fields, &[&[text("a\u{1b}[31m\n\u{9b}b")]]);
        assert!(line.ends_with("a�[31m��b\n"), "{line:?}");
    }

    #[test]
    fn rows_without_a_window_have_one_heading_until_something_else_is_written() {
        let pretty = plain(|| 80);
        let fields = columns(&[("model", DataType::Text), ("latency_ms", DataType::Float64)]);
        let row = [text("gpt-4o"), Value::Float64(20_000.0)];
        let first = written(&pretty, "select_1", &fields, &[&row]);
        assert_eq!(first, "\nmodel   latency ms\ngpt-4o      20,000\n");
        assert_eq!(written(&pretty, "select_1", &fields, &[&row]), "gpt-4o      20,000\n");
        written(&pretty, "insert_slow_1", &fields, &[&row]);
        assert_eq!(written(&pretty, "select_1", &fields, &[&row]), first);
    }
}
