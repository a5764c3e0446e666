//! The diagnostics of a program, as many as a reader can use.

use crate::error::{Diagnostic, Problem, Severity, SourceText};

/// How many errors are shown, and how many warnings.
const MAX_SHOWN: usize = 50;

/// What was found so far, in order.
#[derive(Default)]
pub(crate) struct Report {
    diagnostics: Vec<Diagnostic>,
    errors: Tally,
    warnings: Tally,
}

/// How many there are of one severity, and the first that is not shown.
#[derive(Default)]
struct Tally {
    found: usize,
    first_left_out: Option<Diagnostic>,
}

impl Report {
    pub(crate) fn push(&mut self, problem: Problem, file: &SourceText, severity: Severity) {
        let tally = match severity {
            Severity::Error => &mut self.errors,
            Severity::Warning => &mut self.warnings,
        };
        tally.found += 1;
        if tally.found <= MAX_SHOWN {
            self.diagnostics.push(problem.locate(file, severity));
        } else if tally.first_left_out.is_none() {
            tally.first_left_out = Some(problem.locate(file, severity));
        }
    }

    /// What is shown, and behind it how many more there are.
    pub(crate) fn finish(self) -> Vec<Diagnostic> {
        let Self { mut diagnostics, errors, warnings } = self;
        for Tally { found, first_left_out } in [warnings, errors] {
            diagnostics.extend(first_left_out.map(|first| Diagnostic {
                message: format!("and {} more from here on", found - MAX_SHOWN),
                help: Some("correct those above first".to_owned()),
                ..first
            }));
        }
        diagnostics
    }
}
