//! Values by small number: a vector without an end.

/// "No number" where numbers are stored.
pub(super) const NONE: u32 = u32::MAX;

/// A vector that reads as `empty` where nothing was written, and grows where something is.
#[derive(Clone, Debug)]
pub(super) struct Dense<T> {
    values: Vec<T>,
    empty: T,
}

impl<T: Copy> Dense<T> {
    /// Empty everywhere.
    pub(super) fn new(empty: T) -> Self {
        Self { values: Vec::new(), empty }
    }

    /// The value of a number.
    #[inline]
    pub(super) fn get(&self, number: u32) -> T {
        self.values.get(number as usize).copied().unwrap_or(self.empty)
    }

    /// The place of a number.
    #[inline]
    pub(super) fn at(&mut self, number: u32) -> &mut T {
        let index = number as usize;
        if index >= self.values.len() {
            self.values.resize(index + 1, self.empty);
        }
        match self.values.get_mut(index) {
            Some(value) => value,
            None => unreachable!("grown above"),
        }
    }
}
