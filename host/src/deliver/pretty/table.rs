//! Rows under a heading.
//!
//! The eye compares one window with the one before it, so columns stay where they are: they only ever grow wider.

use std::collections::{HashMap, VecDeque};

use super::{
    field::{Field, Role, Unit},
    line::{Line, Style},
    number,
};

const GAP: &str = "  ";
const TRAIL_GAP: &str = "   ";
/// As wide as a time of day.
const MARGIN: usize = 8;
/// How many windows are drawn, and how few are not worth it.
const TRAIL_WINDOWS: usize = 24;
const TRAIL_WINDOWS_MIN: usize = 12;
const MAX_TRAILS: usize = 1000;
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The tables of all queries.
#[derive(Debug, Default)]
pub(super) struct Tables {
    by_query: HashMap<String, Table>,
    /// The query whose rows without a window were written last.
    open: Option<String>,
}

/// What a query's table looked like.
#[derive(Debug, Default)]
struct Table {
    widths: Vec<usize>,
    /// The first figure in milliseconds of the windows before, by subject.
    trails: HashMap<String, VecDeque<f64>>,
}

impl Tables {
    /// Something else is written.
    pub(super) fn interrupt(&mut self) {
        self.open = None;
    }

    /// The lines of `len` rows of a query.
    pub(super) fn lines(&mut self, query: &str, fields: &[Field<'_>], len: usize, width: usize) -> Vec<Line> {
        let end = fields.iter().find(|field| field.role == Role::WindowEnd);
        let mut headed = end.is_none() && self.open.as_deref() == Some(query);
        self.open = end.is_none().then(|| query.to_owned());
        let table = self.by_query.entry(query.to_owned()).or_default();
        let shown: Vec<&Field<'_>> = fields
            .iter()
            .filter(|field| !matches!(field.role, Role::WindowStart | Role::WindowEnd))
            .collect();
        table.widen(&shown, len);
        let layout = table.layout(&shown, end.is_some(), width);

        let mut lines = Vec::new();
        let mut window = None;
        for row in 0..len {
            let ends = end.and_then(|end| end.time(row));
            if window != ends || !headed {
                lines.push(Line::default());
                lines.push(layout.heading(ends));
                (window, headed) = (ends, true);
            }
            let trail = table.trail(&shown, row);
            lines.push(layout.row(row, &trail));
        }
        lines
    }
}

impl Table {
    fn widen(&mut self, fields: &[&Field<'_>], len: usize) {
        self.widths.resize(fields.len(), 0);
        for (width, field) in self.widths.iter_mut().zip(fields) {
            let cells = (0..len).map(|row| field.cell(row));
            let widest = cells.chain([field.heading()]).map(|text| text.chars().count()).max();
            *width = (*width).max(widest.unwrap_or(0));
        }
    }

    /// Which columns there is room for.
    fn layout<'a>(&self, fields: &[&'a Field<'a>], has_window: bool, width: usize) -> Layout<'a> {
        let mut used = if has_window { MARGIN } else { 0 };
        let mut columns = Vec::new();
        for (&field, &wide) in fields.iter().zip(&self.widths) {
            let gap = if used > 0 { GAP.len() } else { 0 };
            if used + gap + wide > width && !columns.is_empty() {
                break;
            }
            used += gap + wide;
            columns.push((field, wide));
        }
        let room = width.saturating_sub(used + TRAIL_GAP.len()).min(TRAIL_WINDOWS);
        let drawn = measured(fields)
            .filter(|_| has_window && columns.len() == fields.len() && room >= TRAIL_WINDOWS_MIN)
            .map(|field| (field, room));
        Layout { columns, has_window, drawn }
    }

    /// What the drawn figure of a row's subject was, this window's last.
    fn trail(&mut self, fields: &[&Field<'_>], row: usize) -> Vec<f64> {
        let Some(value) = measured(fields).and_then(|field| field.number(row)) else { return Vec::new() };
        let subjects = fields.iter().filter(|field| field.role == Role::Subject);
        let subject = subjects.map(|field| field.cell(row)).collect::<Vec<_>>().join("\0");
        if self.trails.len() >= MAX_TRAILS && !self.trails.contains_key(&subject) {
            return vec![value];
        }
        let trail = self.trails.entry(subject).or_default();
        if trail.len() >= TRAIL_WINDOWS {
            trail.pop_front();
        }
        trail.push_back(value);
        trail.iter().copied().collect()
    }
}

/// The figure whose way is drawn.
fn measured<'a>(fields: &[&'a Field<'a>]) -> Option<&'a Field<'a>> {
    fields.iter().find(|field| field.unit == Unit::Milliseconds).copied()
}

/// The columns that are shown, and how wide.
struct Layout<'a> {
    columns: Vec<(&'a Field<'a>, usize)>,
    has_window: bool,
    /// The figure whose way is drawn, over how many windows.
    drawn: Option<(&'a Field<'a>, usize)>,
}

impl<'a> Layout<'a> {
    fn heading(&self, window_end: Option<i64>) -> Line {
        let mut line = Line::default();
        if self.has_window {
            let time = window_end.map_or_else(|| "–".to_owned(), number::time_of_day);
            line.push(Style::Bold, format!("{time:MARGIN$}{GAP}"));
        }
        line.push(Style::Dim, self.cells(Field::heading));
        if let Some((field, _)) = self.drawn {
            line.push(Style::Dim, format!("{TRAIL_GAP}{} trend", field.heading()));
        }
        line
    }

    fn row(&self, row: usize, trail: &[f64]) -> Line {
        let mut line = Line::default();
        if self.has_window {
            line.push(Style::Plain, format!("{:MARGIN$}{GAP}", ""));
        }
        line.push(Style::Plain, self.cells(|field| field.cell(row)));
        if let Some((_, room)) = self.drawn {
            let (_, last) = trail.split_at(trail.len().saturating_sub(room));
            line.push(Style::Plain, TRAIL_GAP);
            line.push(Style::Drawn, sparkline(last));
        }
        line
    }

    fn cells(&self, text: impl Fn(&Field<'a>) -> String) -> String {
        let cell = |(field, width): &(&Field<'a>, usize)| match field.role {
            Role::Subject => format!("{:<width$}", text(field)),
            _ => format!("{:>width$}", text(field)),
        };
        self.columns.iter().map(cell).collect::<Vec<_>>().join(GAP)
    }
}

/// One block a value, from nothing to the greatest; what is steady stays level below half.
fn sparkline(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let top = values.iter().copied().fold(2.2 * least, f64::max);
    let block = |value: &f64| {
        let place = (value / top * BLOCKS.len() as f64).ceil() as usize;
        BLOCKS.get(place.clamp(1, BLOCKS.len()) - 1).copied().unwrap_or(' ')
    };
    values.iter().map(block).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sparkline_starts_at_nothing() {
        assert_eq!(sparkline(&[1.0, 2.0, 4.0, 8.0, 0.0, -1.0]), "▁▂▄█▁▁");
        assert_eq!(sparkline(&[900.0, 899.0, 980.0]), "▄▄▄");
        assert_eq!(sparkline(&[900.0, 899.0, 4500.0]), "▂▂█");
        assert_eq!(sparkline(&[0.0]), "▁");
        assert_eq!(sparkline(&[]), "");
    }
}
