//! The mistakes of one statement, told in one go. A part with a mistake has no value, so nothing that follows from it is told.

use crate::error::{Checked, Problem};

/// What is wrong so far.
#[derive(Default)]
pub(crate) struct Errors(Option<Box<Problem>>);

impl Errors {
    /// The value of a step; none where it failed, which is kept.
    pub(crate) fn keep<T>(&mut self, step: Checked<T>) -> Option<T> {
        match step {
            Ok(value) => Some(value),
            Err(problem) => {
                self.push(problem);
                None
            }
        }
    }

    pub(crate) fn push(&mut self, problem: Box<Problem>) {
        self.0 = Some(match self.0.take() {
            Some(first) => first.and(*problem),
            None => problem,
        });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// All of them; `problem` where there are none, from which it then follows.
    pub(crate) fn or(self, problem: Box<Problem>) -> Box<Problem> {
        self.0.unwrap_or(problem)
    }

    /// Fails with all of them.
    pub(crate) fn end(self) -> Checked<()> {
        self.0.map_or(Ok(()), Err)
    }
}

/// Two values, or what is wrong with either.
pub(crate) fn both<A, B>(a: Checked<A>, b: Checked<B>) -> Checked<(A, B)> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (Err(a), Err(b)) => Err(a.and(*b)),
        (Err(problem), Ok(_)) | (Ok(_), Err(problem)) => Err(problem),
    }
}

/// All values, or what is wrong with any of them.
pub(crate) fn all<T>(steps: impl IntoIterator<Item = Checked<T>>) -> Checked<Vec<T>> {
    let mut errors = Errors::default();
    let values = steps.into_iter().filter_map(|step| errors.keep(step)).collect();
    errors.end().map(|()| values)
}
