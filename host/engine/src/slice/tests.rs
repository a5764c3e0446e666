//! The arithmetic against its definition.

use proptest::prelude::*;

use super::*;

fn slicing(slide: i64, size: i64) -> Slicing {
    Slicing::new(&window(slide, size)).unwrap()
}

fn of(kind: WindowKind) -> Slicing {
    Slicing::new(&Window { kind, ..window(1, 1) }).unwrap()
}

/// The bounds of all windows that start in a range of time around zero, earliest end first.
fn defined(kind: WindowKind) -> Vec<(i64, i64)> {
    let (slide, size, offset) = (kind.slide_us(), kind.size_us(), kind.offset_us());
    match kind {
        WindowKind::Cumulate { .. } => (-1_300..1_300)
            .flat_map(|k| (1..=size / slide).map(move |j| (k * size + offset, k * size + offset + j * slide)))
            .collect(),
        _ => (-1_300..1_300).map(|k| (k * slide + offset, k * slide + offset + size)).collect(),
    }
}

fn kinds() -> impl Strategy<Value = WindowKind> {
    let offset = |length: i64, seed: i64| seed.rem_euclid(length);
    prop_oneof![
        (1i64..50, 0i64..200, any::<i64>()).prop_map(move |(slide_us, more, seed)| WindowKind::Hop {
            slide_us,
            size_us: slide_us + more,
            offset_us: offset(slide_us, seed),
        }),
        (1i64..20, 1i64..12, any::<i64>()).prop_map(move |(step_us, steps, seed)| WindowKind::Cumulate {
            step_us,
            size_us: step_us * steps,
            offset_us: offset(step_us * steps, seed),
        }),
        (1i64..50, any::<i64>()).prop_map(move |(size_us, seed)| WindowKind::Tumble {
            size_us,
            offset_us: offset(size_us, seed)
        }),
    ]
}

#[test]
fn a_slide_that_divides_has_one_slice() {
    let hop = slicing(60, 300);
    assert_eq!(
        (hop.per_window, hop.slice_of(-1), hop.bounds(SliceNumber(-1))),
        (5, SliceNumber(-1), (-60, 0))
    );
    assert_eq!(
        (hop.first_window(SliceNumber(0)), hop.last_window(SliceNumber(0))),
        (WindowNumber(-4), WindowNumber(0))
    );
}

#[test]
fn a_slide_that_does_not_divide_has_two() {
    let hop = slicing(4, 10); // windows [0, 10), [4, 14), ...: cuts at 0, 2, 4, 6, 8, ...
    assert_eq!(
        (hop.per_window, hop.bounds(SliceNumber(0)), hop.bounds(SliceNumber(1)), hop.bounds(SliceNumber(-1))),
        (5, (0, 2), (2, 4), (-2, 0))
    );
}

#[test]
fn impossible_windows_are_refused() {
    for (slide, size) in [(0, 1), (-1, 1), (2, 1), (1, i64::MAX)] {
        assert_eq!(
            Slicing::new(&window(slide, size)).unwrap_err(),
            BadWindow { slide_us: slide, size_us: size, offset_us: 0 }
        );
    }
}

#[test]
fn extremes_do_not_overflow() {
    let hop = |slide_us, size_us, offset_us| of(WindowKind::Hop { slide_us, size_us, offset_us });
    let cumulate = |step_us, size_us, offset_us| of(WindowKind::Cumulate { step_us, size_us, offset_us });
    for slicing in [
        hop(1, 1, 0),
        hop(1, SIZE_MAX_US, 0),
        hop(SIZE_MAX_US, SIZE_MAX_US, 0),
        hop(SIZE_MAX_US - 1, SIZE_MAX_US, 0),
        hop(SIZE_MAX_US, SIZE_MAX_US, SIZE_MAX_US - 1),
        cumulate(1, 1, 0),
        cumulate(1, SIZE_MAX_US, SIZE_MAX_US - 1),
        cumulate(SIZE_MAX_US, SIZE_MAX_US, 7),
    ] {
        for time in [TIME_MIN_US, TIME_MAX_US, 0, -1] {
            let slice = slicing.slice_of(time);
            let (start, end) = slicing.bounds(slice);
            assert!(start <= time && time < end);
            let (first, last) = (slicing.first_window(slice), slicing.last_window(slice));
            assert!(slicing.end(first) >= end && slicing.start(last) <= start);
            assert!(slicing.next_block(slicing.first_slice(first)) > slicing.first_slice(first));
            assert!(slicing.next_block(slicing.first_slice(last)) > slice);
        }
        for time in [i64::MIN, i64::MAX] {
            let _ = (slicing.last_ended(time), slicing.first_starting(time));
            let _ = slicing.end(slicing.last_ended(time).next());
        }
    }
}

proptest! {
    /// Against the definition, window by window.
    #[test]
    fn slices_and_windows_cover_what_they_say(kind in kinds(), time in -1_000i64..1_000) {
        let slicing = of(kind);
        let slice = slicing.slice_of(time);
        let (start, end) = slicing.bounds(slice);
        prop_assert!(start <= time && time < end);
        prop_assert_eq!(slicing.slice_of(start), slice);
        prop_assert_eq!(slicing.slice_of(end), slice.plus(1));
        prop_assert_eq!(slicing.bounds(slice.plus(1)).0, end);
        let numbered = |&(from, to): &(i64, i64)| {
            let window = slicing.last_ended(to);
            (slicing.start(window), slicing.end(window)) == (from, to)
        };
        let windows = defined(kind);
        prop_assert!(windows.iter().all(numbered), "each window has a number, found by its end");
        for (from, to) in windows {
            let window = slicing.last_ended(to);
            let covers = from <= time && time < to;
            prop_assert_eq!(covers, from <= start && end <= to, "a window covers all of a slice or nothing");
            prop_assert_eq!(covers, (slicing.first_window(slice)..=slicing.last_window(slice)).contains(&window));
            let first = slicing.first_slice(window);
            prop_assert_eq!(covers, (first..slicing.end_slice(window)).contains(&slice));
            prop_assert_eq!(to <= time, window <= slicing.last_ended(time));
            prop_assert_eq!(from >= time, window >= slicing.first_starting(time));
            let next = slicing.end(window.next());
            prop_assert!(next > to && slicing.last_ended(next - 1) == window, "numbers follow ends");
        }
    }
}
