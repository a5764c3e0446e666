//! Each law against a reducer that breaks it, and no other.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic, as tests do")]

mod double;

use streamgauge_laws::{Law, Outcome, Report, check};

use double::{Fault, Sum};

fn report(fault: Fault) -> Report {
    check(&Sum::with(fault))
}

#[test]
fn a_right_reducer_keeps_all_laws() {
    let report = report(Fault::None);
    assert!(report.holds(), "{report}");
    assert_eq!(report.verdicts.iter().map(|verdict| verdict.law).collect::<Vec<_>>(), Law::ALL);
    assert_eq!(report.notes, Vec::<String>::new());
}

#[test]
fn each_fault_is_told_as_the_law_that_it_breaks_and_as_no_other() {
    let faults = [
        (Fault::VersionChanges, Law::Describe),
        (Fault::Name, Law::Describe),
        (Fault::RefusesDefault, Law::Parameters),
        (Fault::ParameterTraps, Law::Parameters),
        (Fault::RefusesRows, Law::Batches),
        (Fault::Traps, Law::NoTraps),
        (Fault::MergeTraps, Law::NoTraps),
        (Fault::Instances, Law::TwoInstances),
        (Fault::ZeroWhenEmpty, Law::EmptySlots),
        (Fault::ReadsNulls, Law::NullRows),
        (Fault::LastOfBatch, Law::RepeatedSlots),
        (Fault::LongBatches, Law::SplitBatches),
        (Fault::EvaluateCounts, Law::Reads),
        (Fault::MergeMoves, Law::OtherSlots),
        (Fault::KeepsSum, Law::Release),
        (Fault::ThirdRelease, Law::Release),
        (Fault::CutsSum, Law::SnapshotRestore),
        (Fault::RestoresHalf, Law::DamagedStates),
        (Fault::RestoreTraps, Law::DamagedStates),
        (Fault::AnyVersion, Law::DamagedStates),
        (Fault::CountsEmpty, Law::MergeEmpty),
        (Fault::NotCommutative, Law::MergeCommutative),
        (Fault::NotAssociative, Law::MergeAssociative),
        (Fault::NotTheSum, Law::MergeParts),
        (Fault::Grows, Law::StateSize),
        (Fault::Large, Law::StateSize),
    ];
    for (fault, law) in faults {
        let report = report(fault);
        assert_eq!(report.broken(), [law], "{fault:?}: {report}");
        assert_eq!(report.verdicts.len(), Law::ALL.len(), "{fault:?}: {report}");
    }
    let told = faults.map(|(_, law)| law);
    assert!(Law::ALL.iter().all(|law| told.contains(law)), "each law has a fault");
}

#[test]
fn a_law_that_needs_a_broken_one_says_so() {
    let report = report(Fault::LastOfBatch);
    let split = report.verdicts.iter().find(|verdict| verdict.law == Law::SplitBatches).unwrap();
    let why = "it needs the law repeated-slots, which does not hold";
    assert_eq!(split.outcome, Outcome::Untried(why.to_owned()));
    assert!(!report.holds());
}

#[test]
fn an_example_is_small_and_says_what_to_change() {
    let text = report(Fault::LastOfBatch).to_string();
    assert!(
        text.contains(
            "\
FAILED     repeated-slots     a list may name one slot several times
  call      (BIGINT, plus BIGINT = 0) -> BIGINT
  with      plus = 0
  rows      slot  argument 1
               0           0
               0           0
  done      up to two rows a slot were given in one batch, not in two; then `snapshot` of slot 0
  expected  16 bytes: 02 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
  got       16 bytes: 01 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
  change    take the rows one by one"
        ),
        "{text}"
    );
}
