//! Components that break one law, and are told by its name.

use crate::{
    checked,
    counter::{ADD, Counter, counter},
    guests::{DESCRIBED, DESCRIBED_WITH_URL, ENCODED, Sink, sink},
};

#[test]
fn a_right_component_keeps_all_laws() {
    let right = checked(&counter(&Counter::default()));
    assert!(right.holds(), "{right}");
    assert_eq!(
        (right.kind, right.name.as_str(), right.version.as_str()),
        (Some("reducer"), "probe_rows", "1.0")
    );
}

#[test]
fn a_wrong_reducer_is_told_by_the_law_that_it_breaks() {
    let twice = ADD.repeat(2);
    let only_first = format!("(if (i32.eqz (local.get $index)) (then {ADD}))");
    let wrong = [
        ("describe", Counter { name: "Probe_rows", ..Counter::default() }),
        ("no-traps", Counter { release: "unreachable", ..Counter::default() }),
        ("no-traps", Counter { add: "(loop $for_ever (br $for_ever))", ..Counter::default() }),
        ("repeated-slots", Counter { add: &only_first, ..Counter::default() }),
        ("release", Counter { release: "", ..Counter::default() }),
    ];
    for (law, counter_) in wrong {
        let checked = checked(&counter(&counter_));
        assert_eq!(checked.broken(), [law], "{checked}");
    }
    // Not wrong, only another function.
    let other = checked(&counter(&Counter { add: &twice, ..Counter::default() }));
    assert!(other.holds(), "{other}");
}

#[test]
fn a_merge_that_does_nothing_is_shown_with_few_rows() {
    let checked = checked(&counter(&Counter { merge: "", ..Counter::default() }));
    assert!(checked.broken().contains(&"merge-commutative"), "{checked}");
    let json = checked.to_json("counter.wasm");
    let laws = json["laws"].as_array().unwrap();
    let law = laws.iter().find(|law| law["law"] == "merge-commutative").unwrap();
    assert_eq!(law["ok"], false);
    assert_eq!(law["rows"]["count"], 3, "one row more on one side: {law}");
    assert_eq!(
        (&json["kind"], &json["ok"], &laws[0]["ok"]),
        (&"reducer".into(), &false.into(), &true.into())
    );
    let untried = laws.iter().find(|law| law["law"] == "merge-parts").unwrap();
    assert!(untried["not_tried"].as_str().unwrap().contains("merge-commutative"), "{untried}");
}

#[test]
fn a_wrong_sink_is_told_by_the_law_that_it_breaks() {
    // Delivered, with room for more outcomes than the default has.
    let judge = "
        (i32.store (i32.const 96) (i32.const 20000))
        (i32.store (i32.const 100) (i32.load offset=48 (local.get $arguments)))
        (i32.const 96)";
    let probe = || Sink { describe: DESCRIBED_WITH_URL, judge, ..Sink::default() };
    // No request where there is no delivery.
    let some = |then: &str| {
        format!(
            "(if (i32.eqz (i32.load offset=8 (local.get $arguments)))
                (then (i32.store (i32.const 68) (i32.const 0)) (i32.store (i32.const 72) (i32.const 0)) (return (i32.const 64))))
            {then} {ENCODED}"
        )
    };
    let right = some("");
    let right = checked(&sink(&Sink { encode: &right, ..probe() }));
    assert!(right.holds(), "{right}");
    // The method's first letter is another one in each call.
    let counts = some("(i32.store8 (i32.const 5000) (i32.add (i32.load8_u (i32.const 5000)) (i32.const 1)))");
    let right = some("");
    let wrong = [
        ("describe", Sink { encode: &right, judge, ..Sink::default() }),
        ("describe", Sink { describe: DESCRIBED, encode: &right, ..probe() }),
        ("encode", probe()),
        ("encode", Sink { encode: "unreachable", ..probe() }),
        ("keeps-nothing", Sink { encode: &counts, ..probe() }),
        ("judge", Sink { encode: &right, judge: "(i32.const 16)", ..probe() }),
        ("encode", Sink { encode: &right, url: "", ..probe() }),
    ];
    for (law, guest) in wrong {
        let checked = checked(&sink(&guest));
        assert_eq!(checked.broken(), [law], "{checked}");
    }
}

#[test]
fn rows_for_a_sink_are_shown_under_the_names_of_their_columns() {
    let trapping = "(if (i32.gt_u (i32.load offset=8 (local.get $arguments)) (i32.const 1)) (then unreachable))
        (i32.store (i32.const 68) (i32.const 0)) (i32.store (i32.const 72) (i32.load offset=8 (local.get $arguments)))
        (if (i32.load (i32.const 72)) (then (i32.store (i32.const 68) (i32.const 1024))
            (i32.store (i32.const 1068) (i32.const 1))))
        (i32.const 64)";
    let text = checked(&sink(&Sink { encode: trapping, describe: DESCRIBED_WITH_URL, ..Sink::default() }))
        .to_string();
    let rows = "\
  rows      slot  window_end  model  avg_latency  requests   slow
               0           0     ''          0.0         0  false
               0           0     ''          0.0         0  false
  done      `encode` of the rows";
    assert!(text.contains(rows), "{text}");
}
