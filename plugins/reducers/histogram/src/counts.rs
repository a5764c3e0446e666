//! What a histogram keeps.

use streamgauge_sdk::{Error, ExactSum, Reader, Stored, Writer};

use crate::bounds::BOUNDS_MAX;

/// Counts of buckets, and the sum of the values. The sum is exact, since a text that shows it must not depend on the order of merges.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts {
    /// As many as the highest bucket with a value needs.
    buckets: Vec<u64>,
    sum: ExactSum,
}

impl Counts {
    /// Counts a value in its bucket.
    #[inline]
    pub(crate) fn add(&mut self, bucket: usize, value: f64) {
        *self.counter(bucket) += 1;
        self.sum.add(value);
    }

    fn counter(&mut self, bucket: usize) -> &mut u64 {
        if self.buckets.len() <= bucket {
            self.buckets.resize(bucket + 1, 0);
        }
        #[expect(clippy::indexing_slicing, reason = "it was made so long")]
        &mut self.buckets[bucket]
    }

    /// Counts the values of another state.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (bucket, count) in other.buckets.iter().enumerate() {
            let counter = self.counter(bucket);
            // A state that was damaged may hold any count.
            *counter = counter.saturating_add(*count);
        }
        self.sum.merge(&other.sum);
    }

    /// The values in one bucket.
    pub(crate) fn bucket(&self, bucket: usize) -> u64 {
        self.buckets.get(bucket).copied().unwrap_or(0)
    }

    /// All values.
    pub(crate) fn count(&self) -> u64 {
        self.buckets.iter().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Their sum.
    pub(crate) fn sum(&self) -> f64 {
        self.sum.value()
    }
}

impl Stored for Counts {
    const BYTES_MAX: Option<u32> =
        streamgauge_sdk::stored::sum(ExactSum::BYTES_MAX, Some(1 + 8 * (BOUNDS_MAX as u32 + 1)));

    fn write(&self, writer: &mut Writer<'_>) {
        self.buckets.write(writer);
        self.sum.write(writer);
    }

    fn read(reader: &mut Reader<'_>) -> Result<Self, Error> {
        let buckets = Vec::read(reader)?;
        if buckets.len() > BOUNDS_MAX + 1 || buckets.last() == Some(&0) {
            return Err(Error::Corrupt("these are no counts of buckets".into()));
        }
        Ok(Self { buckets, sum: ExactSum::read(reader)? })
    }
}
