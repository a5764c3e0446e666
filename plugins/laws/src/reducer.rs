//! The laws that are tried on rows, each as a function of them: so the rows can be made fewer.

mod slots;
mod batches;
mod states;
mod merges;

use crate::{
    Law, Row,
    bench::{Bench, Tried, used_slots},
};

/// Tries a law on some rows.
pub(crate) type Trial = fn(&Bench<'_>, &[Row]) -> Tried;

/// How a law is tried on rows; none where it is tried otherwise.
pub(crate) fn trial(law: Law) -> Option<Trial> {
    Some(match law {
        Law::NoTraps => no_traps,
        Law::TwoInstances => two_instances,
        Law::Reads => slots::reads,
        Law::EmptySlots => slots::empty,
        Law::OtherSlots => slots::others,
        Law::Release => slots::release,
        Law::NullRows => batches::null_rows,
        Law::RepeatedSlots => batches::repeated_slots,
        Law::SplitBatches => batches::split,
        Law::SnapshotRestore => states::snapshot_restore,
        Law::DamagedStates => states::damaged,
        Law::MergeEmpty => merges::empty,
        Law::MergeCommutative => merges::commutative,
        Law::MergeAssociative => merges::associative,
        Law::MergeParts => merges::parts,
        Law::Describe | Law::Parameters | Law::Batches | Law::StateSize => return None,
    })
}

/// A slot that no row goes to.
const UNUSED: u32 = 40;

/// Every call, with and without rows and slots.
fn no_traps(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let version = bench.signature.state_version;
    let all: Vec<u32> = used_slots().into_iter().chain([UNUSED]).collect();
    let mut instance = bench.open()?;
    instance.give(&[])?;
    instance.merge(&[], &[])?;
    instance.evaluate(&[])?;
    instance.snapshot(&[])?;
    instance.restore(version, &[], &[])?;
    instance.release(&[])?;
    instance.give(rows)?;
    instance.evaluate(&all)?;
    let states = instance.snapshot(&all)?;
    instance.merge(&[20, 20, 20, 0], &[0, 1, 2, UNUSED])?;
    instance.evaluate(&[20, 0])?;
    instance.restore(version, &[21, 22, 23, 24], &states)?;
    instance.give(rows)?;
    instance.evaluate(&[21, 22, 23, 24, 0])?;
    instance.release(&all)?;
    instance.evaluate(&all)?;
    Ok(())
}

/// The same calls in two instances.
fn two_instances(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let (mut one, mut other) = (bench.open()?, bench.open()?);
    for instance in [&mut one, &mut other] {
        for piece in rows.chunk_by(|a, b| a.part == b.part) {
            instance.give(piece)?;
        }
        instance.merge(&[9, 9], &[0, 1])?;
    }
    bench.same(&mut one, &mut other, &[0, 1, 2, 9], "two instances were given the same calls")
}
