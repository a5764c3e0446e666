//! What people are told of a query that goes on from a checkpoint.

use streamgauge_common::{clock, partition::Partition};
use streamgauge_state::manifest::{PartitionProgress, TaskManifest};

/// How many partitions' offsets are told.
const OFFSETS_SHOWN_MAX: usize = 8;

/// Where a query goes on, and how old its checkpoint is, which was written at `checkpoint_us`.
pub(super) fn resumed(query: &str, saved: &TaskManifest, checkpoint_us: Option<i64>) -> String {
    let offset = |(partition, progress): (&Partition, &PartitionProgress)| {
        format!("{} of partition {}", progress.next, partition.number)
    };
    let shown: Vec<String> = saved.offsets.iter().take(OFFSETS_SHOWN_MAX).map(offset).collect();
    let place = match saved.offsets.len().saturating_sub(shown.len()) {
        _ if shown.is_empty() => "from its start".to_owned(),
        0 => format!("at offset {}", shown.join(", ")),
        more => format!("at offset {} and {more} more partitions", shown.join(", ")),
    };
    let age = checkpoint_us.map(|us| clock::now_us().saturating_sub(us).max(0) / 1_000_000);
    let age = age.map_or_else(String::new, |age| format!(", its checkpoint is {age} s old"));
    format!("query '{query}' resumes {place}{age}")
}

#[cfg(test)]
mod tests {
    use streamgauge_common::{offset::Offset, partition::SourceIndex};
    use streamgauge_state::manifest::Offsets;

    use super::*;

    fn saved(partitions: u32) -> TaskManifest {
        let place = |number| {
            let next = Offset(i64::from(number) * 10);
            (SourceIndex::FIRST.partition(number), PartitionProgress { next, done: false })
        };
        TaskManifest { offsets: (0..partitions).map(place).collect::<Offsets>(), ..TaskManifest::default() }
    }

    #[test]
    fn the_offsets_and_the_age_of_the_checkpoint_are_told() {
        let told = resumed("q", &saved(2), Some(clock::now_us() - 12_400_000));
        assert_eq!(
            told,
            "query 'q' resumes at offset 0 of partition 0, 10 of partition 1, its checkpoint is 12 s old"
        );
        assert_eq!(resumed("q", &saved(0), None), "query 'q' resumes from its start");
        let many = resumed("q", &saved(100), None);
        assert!(many.ends_with("70 of partition 7 and 92 more partitions"), "{many}");
    }
}
