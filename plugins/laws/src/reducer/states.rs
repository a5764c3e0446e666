//! Laws of states: they mean the same in another instance, and what is no state is refused.

use crate::{
    Row, Stop,
    bench::{Bench, Broken, Difference, Instance, Tried, used_slots},
};

/// States in another instance, which then goes on.
pub(super) fn snapshot_restore(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let (before, after): (Vec<Row>, Vec<Row>) = rows.iter().cloned().partition(|row| row.part == 0);
    let slots = used_slots();
    let mut kept = bench.given(&before)?;
    let states = kept.snapshot(&slots)?;
    // One instance that is new, and one that has other states in the slots.
    for (mut restored, place) in
        [(bench.open()?, "a new instance"), (bench.given(&after)?, "an instance that was given part 1 and 2")]
    {
        let done = format!("part 0 was given, and its states restored in {place}");
        accepted(restored.restore(bench.signature.state_version, &slots, &states), &done)?;
        bench.same(&mut kept, &mut restored, &slots, &done)?;
    }
    let mut restored = bench.open()?;
    restored.restore(bench.signature.state_version, &slots, &states)?;
    kept.give(&after)?;
    restored.give(&after)?;
    let done =
        "part 0 was given, and its states restored in a new instance; then the others were given to both";
    bench.same(&mut kept, &mut restored, &slots, done)
}

/// A state of the reducer's own is taken.
fn accepted(restored: Tried, done: &str) -> Tried {
    match restored {
        Err(Broken::Stopped(_, stop @ (Stop::Refused(_) | Stop::UnsupportedVersion(_)))) => {
            let what = done.to_owned();
            Err(Broken::Law(Difference {
                what,
                expected: "it is restored".to_owned(),
                got: stop.to_string(),
            }))
        }
        other => other,
    }
}

/// States that are too short, too long, have other bits, or another version.
///
/// Starting an instance takes milliseconds where it brings a whole language along, so that few are started: a state is tried in one
/// whose slots are released and given the rows again after each state that was taken, and, where it is refused, in one that must not change.
pub(super) fn damaged(bench: &Bench<'_>, rows: &[Row]) -> Tried {
    let version = bench.signature.state_version;
    let mut due = bench.given(rows)?;
    let state = due.snapshot(&[0])?.pop().unwrap_or_default();
    let (mut used, mut unchanged) = (bench.given(rows)?, bench.given(rows)?);
    for (damaged, how) in damages(&state) {
        let what = format!("the state of slot 0, {how}, was restored into slot 1");
        if goes_on(&mut used, bench, rows, &damaged, &what)? {
            used.release(&[0, 1, 2])?;
            used.give(rows)?;
            continue;
        }
        let refused = unchanged.restore(version, &[0, 1], &[damaged.clone(), damaged.clone()]);
        let what = format!("{what}, and refused");
        match refused {
            Err(Broken::Stopped(_, Stop::Refused(_) | Stop::UnsupportedVersion(_))) => {
                bench.same(&mut due, &mut unchanged, &used_slots(), &what)?;
            }
            Err(stopped) => return Err(lost(stopped, &what)),
            Ok(()) => {
                let (expected, got) =
                    ("the error `corrupt`".to_owned(), "it was taken in another instance".to_owned());
                return Err(Broken::Law(Difference { what, expected, got }));
            }
        }
    }
    let unknown = unchanged.restore(u32::MAX, &[1], &[state]);
    if unknown == Err(Broken::Stopped("restore", Stop::UnsupportedVersion(u32::MAX))) {
        let what = format!("a state of version {} was restored, and refused", u32::MAX);
        return bench.same(&mut due, &mut unchanged, &used_slots(), &what);
    }
    let got = match unknown {
        Err(Broken::Stopped(_, stop)) => stop.to_string(),
        _ => "it was taken".to_owned(),
    };
    let what = format!("a state of version {} was restored; the signature has version {version}", u32::MAX);
    Err(Broken::Law(Difference { what, expected: "the error `unsupported-version`".to_owned(), got }))
}

/// A call that ended an instance, which a damaged state must not do.
fn lost(broken: Broken, what: &str) -> Broken {
    match broken {
        Broken::Stopped(call, Stop::Trapped(trap) | Stop::Exhausted(trap)) => Broken::Law(Difference {
            what: what.to_owned(),
            expected: "the error `corrupt`, or a state that works".to_owned(),
            got: format!("`{call}` {trap}"),
        }),
        other => other,
    }
}

/// Whether a state is taken: then it is one with which the reducer goes on.
fn goes_on(
    instance: &mut Instance<'_>,
    bench: &Bench<'_>,
    rows: &[Row],
    state: &[u8],
    what: &str,
) -> Result<bool, Broken> {
    let lost = |broken| lost(broken, what);
    match instance.restore(bench.signature.state_version, &[0, 1], &[state.to_vec(), state.to_vec()]) {
        Ok(()) => {
            instance.give(rows).map_err(lost)?;
            instance.merge(&[2], &[1]).map_err(lost)?;
            instance.evaluate(&[0, 1, 2]).map_err(lost)?;
            instance.snapshot(&[0, 1, 2]).map_err(lost)?;
            Ok(true)
        }
        Err(Broken::Stopped(_, Stop::Refused(_) | Stop::UnsupportedVersion(_))) => Ok(false),
        Err(stopped) => Err(lost(stopped)),
    }
}

/// A state, damaged in several ways.
fn damages(state: &[u8]) -> Vec<(Vec<u8>, String)> {
    let length = state.len();
    let cut = |to: usize| (state.iter().take(to).copied().collect(), format!("cut to {to} bytes"));
    let mut damages: Vec<(Vec<u8>, String)> = Vec::new();
    let lengths = [length.saturating_sub(1), length / 2, 1, 0];
    damages.extend(lengths.into_iter().filter(|&to| to < length).map(cut));
    damages.push((state.iter().copied().chain([0x5a; 9]).collect(), "with 9 bytes more".to_owned()));
    for (index, mask) in [(0, 0xff), (length / 3, 0x80), (length / 2, 0x01), (length.saturating_sub(1), 0xff)]
    {
        let mut flipped = state.to_vec();
        if let Some(byte) = flipped.get_mut(index) {
            *byte ^= mask;
            damages.push((flipped, format!("with other bits in byte {index}")));
        }
    }
    damages.push((vec![0xff; length.max(8)], format!("with all of its {} bytes 255", length.max(8))));
    damages
}
