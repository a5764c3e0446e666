//! All values of a state, for results that no summary of them gives: exact percentiles, for example.

use crate::{Error, Reader, Stored, Writer};

/// A multiset. Values are kept as they come and sorted where they are read, in a copy.
#[derive(Clone, Debug)]
pub struct Collected<T>(Vec<T>);

impl<T> Default for Collected<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Ord + Clone> Collected<T> {
    /// Adds a value.
    #[inline]
    pub fn add(&mut self, value: T) {
        self.0.push(value);
    }

    /// Adds the values of another state.
    pub fn merge(&mut self, other: &Self) {
        self.0.extend_from_slice(&other.0);
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The values, as they came.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.0.iter()
    }

    /// What a function makes of each value.
    #[must_use]
    pub fn map(&self, function: impl Fn(&T) -> T) -> Self {
        Self(self.0.iter().map(function).collect())
    }

    /// The values in ascending order.
    pub fn sorted(&self) -> Vec<T> {
        let mut values = self.0.clone();
        values.sort_unstable();
        values
    }

    /// The value at this index of the ascending order and the next one, which is the same at the last index. None where the
    /// index is beyond the last.
    pub fn neighbours(&self, index: usize) -> Option<(T, T)> {
        if index >= self.len() {
            return None;
        }
        let mut values = self.0.clone();
        let (_, value, above) = values.select_nth_unstable(index);
        let next = above.iter().min().unwrap_or(value).clone();
        Some((value.clone(), next))
    }
}

impl<T: Stored> Stored for Collected<T> {
    const BYTES_MAX: Option<u32> = None;

    fn write(&self, writer: &mut Writer<'_>) {
        self.0.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        Vec::read(reader).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_those_of_the_sorted_values() {
        let mut values = Collected::default();
        (0..200_i64).for_each(|index| values.add(index * 7919 % 101));
        let sorted = values.sorted();
        assert!(sorted.is_sorted());
        for index in 0..200 {
            let next = sorted[(index + 1).min(199)];
            assert_eq!(values.neighbours(index), Some((sorted[index], next)));
        }
        assert_eq!(values.neighbours(200), None);
        assert_eq!(Collected::<i64>::default().neighbours(0), None);
    }
}
