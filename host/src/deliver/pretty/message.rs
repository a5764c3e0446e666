//! A row that somebody asked to be told about, in one line.

use super::{
    field::{Field, Role},
    line::{Line, Style},
    number,
};

const LABEL_WIDTH: usize = 8;
const BRACKETS: &str = " ()";

/// What is said: the sink's name; none for a query that goes to no sink of its own.
pub(super) fn label(query: &str) -> Option<String> {
    let (sink, _) = query.strip_prefix("insert_")?.rsplit_once('_')?;
    Some(sink.replace('_', " ").to_uppercase())
}

/// `12:05:00  ▲ SLOW  gpt-4o  avg 2,310 ms over 5 min (p95 5,120 ms, 431 requests)`: the first figure says why.
///
/// Of the figures in brackets those are left out, from the last, that there is no room for.
pub(super) fn line(label: &str, fields: &[Field<'_>], row: usize, width: usize) -> Line {
    let time = |role| fields.iter().find(|field| field.role == role).and_then(|field| field.time(row));
    let phrases = |role| fields.iter().filter(move |field| field.role == role).map(|field| field.phrase(row));
    let (start, end) = (time(Role::WindowStart), time(Role::WindowEnd));
    let mut line = Line::default();
    if let Some(end) = end {
        line.push(Style::Dim, number::time_of_day(end));
        line.push(Style::Plain, "  ");
    }
    line.push(Style::Alarm, format!("▲ {label:LABEL_WIDTH$}"));
    for subject in phrases(Role::Subject) {
        line.push(Style::Plain, "  ");
        line.push(Style::Bold, subject);
    }
    let mut figures = phrases(Role::Figure);
    if let Some(why) = figures.next() {
        line.push(Style::Plain, "  ");
        line.push(Style::Bold, why);
    }
    if let (Some(start), Some(end)) = (start, end) {
        line.push(Style::Plain, format!(" over {}", number::duration(end.saturating_sub(start))));
    }
    let mut rest = String::new();
    for figure in figures {
        let more = if rest.is_empty() { figure } else { format!("{rest}, {figure}") };
        if line.len() + more.chars().count() + BRACKETS.len() > width {
            break;
        }
        rest = more;
    }
    if !rest.is_empty() {
        line.push(Style::Plain, format!(" ({rest})"));
    }
    line
}
