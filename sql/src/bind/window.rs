//! TUMBLE, HOP, CUMULATE and SESSION: which windows a query makes over its source.

use sqlparser::tokenizer::Span;

use super::relation::{Relation, RelationKind, TimeRole};
use super::window_function::{Function, Parameter, named};
use crate::error::{Checked, Problem};
use crate::errors::both;
use crate::manifest::WindowKind;
use crate::parse::duration;
use crate::parse::from::{Argument, ArgumentValue, WindowCall};
use crate::parse::name::{Name, nearest};

/// The windows of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Windows {
    pub(crate) kind: WindowKind,
    /// The column of the relation with the event time.
    pub(crate) time: usize,
}

impl Windows {
    /// One window over all rows of a relation, for a query that aggregates without windows.
    pub(super) fn whole(relation: &Relation, span: Span) -> Checked<Self> {
        match relation.time_of_all() {
            Some(time) => Ok(Self { kind: WindowKind::Whole, time }),
            None => {
                let message = format!("{} has no WATERMARK, so it has no aggregates", relation.describe());
                Err(Problem::new(span, message)
                    .help("add WATERMARK FOR ts AS ts - INTERVAL '5' SECOND to CREATE SOURCE, where ts is its column with the event time"))
            }
        }
    }

    /// For a query whose windows are wrong, so that the rest of it can be looked at.
    pub(super) const UNKNOWN: Self = Self { kind: WindowKind::Tumble { size_us: 1, offset_us: 0 }, time: 0 };
}

const MILLISECOND: i64 = 1_000;
/// The longest window, ten years.
const MAX_SIZE_US: i64 = 3_650 * 24 * 3_600 * 1_000_000;
/// Sessions are cut so often where the query does not say it: a day.
const MAX_LENGTH_US: i64 = 24 * 3_600 * 1_000_000;
/// How many windows may cover an event.
const MAX_OVERLAP: i64 = 1_000_000;

/// The arguments in the order of the parameters.
pub(super) struct Arguments<'a> {
    function: Function,
    call: &'a WindowCall,
    found: Vec<(Parameter, &'a Argument)>,
}

/// Gives each argument of a window function to its parameter.
pub(super) fn arguments(call: &WindowCall) -> Checked<Arguments<'_>> {
    let function = Function::of(call)?;
    let spelling = function.spelling();
    let mut found: Vec<(Parameter, &Argument)> = Vec::new();
    for (position, argument) in call.arguments.iter().enumerate() {
        let parameter = match &argument.name {
            Some(name) => named(name, function)?,
            None if found.len() == position
                && call.arguments.iter().take(position).all(|a| a.name.is_none()) =>
            {
                let parameter = function.parameters().get(position).copied();
                parameter.ok_or_else(|| {
                    Problem::new(argument.span, format!("{} takes no more arguments", function.name())).help(
                        match function {
                            Function::Session => {
                                format!("{spelling}; max_length => INTERVAL '24' HOUR may follow")
                            }
                            _ => format!("{spelling}; offset => INTERVAL '2' HOUR may follow"),
                        },
                    )
                })?
            }
            None => {
                return Err(Problem::new(
                    argument.span,
                    "an argument without name stands before those with names",
                )
                .help(spelling));
            }
        };
        if found.iter().any(|(before, _)| *before == parameter) {
            return Err(
                Problem::new(argument.span, format!("`{}` is given twice", parameter.name())).help(spelling)
            );
        }
        found.push((parameter, argument));
    }
    let is_missing = |parameter: &&Parameter| {
        !parameter.is_optional() && !found.iter().any(|(found, _)| found == *parameter)
    };
    if let Some(missing) = function.parameters().iter().find(is_missing) {
        let message = format!("{} lacks its argument `{}`", function.name(), missing.name());
        return Err(Problem::new(call.span, message).help(spelling));
    }
    Ok(Arguments { function, call, found })
}

impl<'a> Arguments<'a> {
    fn get(&self, parameter: Parameter) -> Option<&'a Argument> {
        self.found.iter().find(|(found, _)| *found == parameter).map(|(_, argument)| *argument)
    }

    /// The name of the source.
    pub(super) fn source(&self) -> Checked<&'a Name> {
        match self.get(Parameter::Source) {
            Some(Argument { value: ArgumentValue::Name(name), .. }) => Ok(name),
            other => Err(Problem::new(self.span(other), "expected the name of a source")
                .help(self.function.spelling())),
        }
    }

    fn span(&self, argument: Option<&Argument>) -> Span {
        argument.map_or(self.call.span, |argument| argument.span)
    }

    /// The windows, checked against what they stand on.
    pub(super) fn windows(&self, relation: &Relation) -> Checked<Windows> {
        let (time, kind) = both(self.time(relation), self.kind())?;
        Ok(Windows { kind, time })
    }

    fn kind(&self) -> Checked<WindowKind> {
        if self.function == Function::Session {
            return self.session();
        }
        let ((size_us, size_span), offset_us) = both(self.duration(Parameter::Size), self.offset())?;
        if size_us > MAX_SIZE_US {
            return Err(Problem::new(size_span, "a window can be at most 3650 days long")
                .help("write a size of at most INTERVAL '3650' DAY"));
        }
        Ok(match self.function {
            Function::Tumble | Function::Session => tumble(size_us, offset_us),
            Function::Hop => {
                let slide_us = self.slide(size_us)?;
                match slide_us == size_us {
                    true => tumble(size_us, offset_us),
                    false => WindowKind::Hop { slide_us, size_us, offset_us: offset_us.rem_euclid(slide_us) },
                }
            }
            Function::Cumulate => {
                let step_us = self.step(size_us)?;
                match step_us == size_us {
                    true => tumble(size_us, offset_us),
                    false => {
                        WindowKind::Cumulate { step_us, size_us, offset_us: offset_us.rem_euclid(size_us) }
                    }
                }
            }
        })
    }

    fn session(&self) -> Checked<WindowKind> {
        let max_length = match self.get(Parameter::MaxLength) {
            Some(_) => self.duration(Parameter::MaxLength).map(Some),
            None => Ok(None),
        };
        let ((gap_us, gap_span), max_length) = both(self.duration(Parameter::Gap), max_length)?;
        let (max_length_us, span) = max_length.unwrap_or((MAX_LENGTH_US.max(gap_us), gap_span));
        if max_length_us.max(gap_us) > MAX_SIZE_US {
            return Err(Problem::new(span, "a session can be at most 3650 days long")
                .help("write at most INTERVAL '3650' DAY"));
        }
        if max_length_us < gap_us {
            let message = "the gap of SESSION is longer than its max_length";
            return Err(Problem::new(span, message)
                .help("did you swap them? a session ends when no event comes for the gap, and is cut every max_length"));
        }
        Ok(WindowKind::Session { gap_us, max_length_us })
    }

    fn slide(&self, size_us: i64) -> Checked<i64> {
        let (slide_us, span) = self.duration(Parameter::Slide)?;
        if slide_us > size_us {
            let message = "the slide is longer than the window: events between two windows would be lost";
            return Err(Problem::new(span, message)
                .help("did you swap them? HOP takes the slide first, then the size"));
        }
        self.check_overlap(size_us, slide_us, span)
    }

    fn step(&self, size_us: i64) -> Checked<i64> {
        let (step_us, span) = self.duration(Parameter::Step)?;
        if step_us > size_us {
            return Err(Problem::new(span, "the step is longer than the window")
                .help("did you swap them? CUMULATE takes the step first, then the size"));
        }
        if size_us % step_us != 0 {
            let (size, step) = (duration::describe(size_us), duration::describe(step_us));
            let message =
                format!("the size of CUMULATE must be a multiple of its step: {size} is none of {step}");
            return Err(Problem::new(span, message).help(format!(
                "write a size such as INTERVAL '{}', or another step",
                duration::describe((size_us / step_us + 1).saturating_mul(step_us))
            )));
        }
        self.check_overlap(size_us, step_us, span)
    }

    fn check_overlap(&self, size_us: i64, between_us: i64, span: Span) -> Checked<i64> {
        if size_us / between_us <= MAX_OVERLAP {
            return Ok(between_us);
        }
        let (message, what) = (
            format!("more than {MAX_OVERLAP} windows would cover an event"),
            if self.function == Function::Hop { "slide" } else { "step" },
        );
        Err(Problem::new(span, message).help(format!("write a longer {what} or a shorter size")))
    }

    /// Where windows start, in microseconds from the epoch; 0 where nothing says it.
    fn offset(&self) -> Checked<i64> {
        let Some(argument) = self.get(Parameter::Offset) else { return Ok(0) };
        let ArgumentValue::Interval(micros) = argument.value else {
            return Err(Problem::new(argument.span, "the offset of a window must be an INTERVAL")
                .help("write it like INTERVAL '2' HOUR, or INTERVAL '-2' HOUR"));
        };
        whole_milliseconds("offset", micros, argument.span)
    }

    /// What is legal, but hardly meant: an offset that moves no window.
    pub(super) fn doubtful(&self, windows: Windows) -> Option<Box<Problem>> {
        let argument = self.get(Parameter::Offset)?;
        let ArgumentValue::Interval(micros) = argument.value else { return None };
        if micros == 0 || windows.kind.offset_us() != 0 {
            return None;
        }
        let between = match windows.kind {
            WindowKind::Hop { slide_us, .. } => format!("the slide, {}", duration::describe(slide_us)),
            kind => format!("the size, {}", duration::describe(kind.size_us())),
        };
        let message = format!(
            "an offset of {} moves no window: it is a multiple of {between}",
            duration::describe(micros)
        );
        Some(Problem::new(argument.span, message).help(match self.function {
            Function::Tumble => "windows that overlap are HOP(source, ts, slide, size)",
            _ => "leave it out",
        }))
    }

    fn time(&self, relation: &Relation) -> Checked<usize> {
        let argument = self.get(Parameter::Time);
        let span = self.span(argument);
        let Some(Argument { value: ArgumentValue::Name(name), .. }) = argument else {
            return Err(
                Problem::new(span, "expected the column with the event time").help(self.function.spelling())
            );
        };
        let time = match relation.kind {
            RelationKind::Source { time } => time,
            RelationKind::WindowView { has_bounds: false } => {
                let message = format!("the rows of {} are of no window", relation.describe());
                return Err(Problem::new(span, message).help(format!(
                    "make windows in {0}, or aggregate all of its rows: FROM {1} GROUP BY ... without a window",
                    relation.describe(),
                    relation.name
                )));
            }
            RelationKind::WindowView { .. } | RelationKind::RowView(_) => {
                return time_of_view(name, relation, span);
            }
        };
        let names = relation.columns.iter().map(|column| column.name.text.as_str());
        let Some(column) = name.position_in(names.clone()) else {
            let problem =
                Problem::new(span, format!("{} has no column `{}`", relation.describe(), name.text));
            return Err(
                match (nearest(&name.text, names), time.and_then(|time| relation.columns.get(time))) {
                    (Some(near), _) => problem.suggest(Some(near)),
                    (None, Some(time)) => {
                        problem.help(format!("write `{}`, which has the WATERMARK", time.name.text))
                    }
                    (None, None) => problem.help("name the column with the event time"),
                },
            );
        };
        let Some(time) = time else {
            return Err(Problem::new(
                span,
                format!("{} has no WATERMARK, so no windows can close", relation.describe()),
            )
            .help(format!(
                "add WATERMARK FOR {0} AS {0} - INTERVAL '5' SECOND to CREATE SOURCE",
                name.text
            )));
        };
        if column != time {
            let declared = relation.columns.get(time).map_or("", |column| column.name.text.as_str());
            return Err(Problem::new(
                span,
                format!("the WATERMARK of {} is for `{declared}`", relation.describe()),
            )
            .help(format!("write `{declared}` here: windows close by the watermark")));
        }
        Ok(time)
    }

    fn duration(&self, parameter: Parameter) -> Checked<(i64, Span)> {
        let argument = self.get(parameter);
        let span = self.span(argument);
        let what = parameter.name();
        let Some(Argument { value: ArgumentValue::Interval(micros), .. }) = argument else {
            return Err(Problem::new(span, format!("the {what} of a window must be an INTERVAL"))
                .help("write it like INTERVAL '5' MINUTE"));
        };
        if *micros <= 0 {
            return Err(Problem::new(span, format!("the {what} of a window must be above 0"))
                .help("write it like INTERVAL '5' MINUTE"));
        }
        whole_milliseconds(what, *micros, span).map(|micros| (micros, span))
    }
}

fn tumble(size_us: i64, offset_us: i64) -> WindowKind {
    WindowKind::Tumble { size_us, offset_us: offset_us.rem_euclid(size_us) }
}

fn whole_milliseconds(what: &str, micros: i64, span: Span) -> Checked<i64> {
    match micros % MILLISECOND {
        0 => Ok(micros),
        _ => Err(Problem::new(
            span,
            format!(
                "the {what} of a window must be whole milliseconds, found {}",
                duration::describe(micros)
            ),
        )
        .help("write it like INTERVAL '250' MILLISECOND")),
    }
}

/// The column of a view by which windows are made: the end of the windows that its rows are of, or the event time of the source whose
/// rows it selects.
fn time_of_view(name: &Name, view: &Relation, span: Span) -> Checked<usize> {
    let (wanted, what) = match view.has_window_rows() {
        false => (TimeRole::EventTime, "the column of the source's WATERMARK, unchanged"),
        true => (TimeRole::WindowEnd, "the end of its own windows"),
    };
    let names = view.columns.iter().map(|column| column.name.text.as_str());
    let at = name.position_in(names.clone());
    if let Some(at) = at
        && view.columns.get(at).is_some_and(|column| column.role == wanted)
    {
        return Ok(at);
    }
    let problem = match at {
        Some(_) => {
            format!("windows over {} are made by {what}, and `{}` is not that", view.describe(), name.text)
        }
        None => {
            format!("{} has no column `{}`; windows over it are made by {what}", view.describe(), name.text)
        }
    };
    let known = view.columns.iter().find(|column| column.role == wanted);
    Err(Problem::new(span, problem).help(match (known, wanted) {
        (Some(column), _) => format!("write `{}`", column.name.text),
        (None, TimeRole::EventTime) => format!("select that column in {}", view.describe()),
        (None, _) => format!("select window_end in {}", view.describe()),
    }))
}
