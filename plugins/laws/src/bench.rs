//! What a law is tried with: instances that say which call stopped.

mod instance;

use std::cell::RefCell;

use crate::{Accumulators, Evaluated, Row, Signature, Stop, magnitude, rows::SLOTS};

use instance::Again;
pub(crate) use instance::Instance;

/// Opens accumulators in an instance of their own.
pub(crate) type Open<'a> = dyn Fn() -> Result<Box<dyn Accumulators + 'a>, Stop> + 'a;

/// A signature with its parameters, ready to be opened.
pub(crate) struct Bench<'a> {
    pub(crate) signature: &'a Signature,
    open: &'a Open<'a>,
    /// The instances of all trials; none where each trial gets new ones.
    instances: RefCell<Option<Vec<Instance<'a>>>>,
}

/// Why a law did not come to its end.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Broken {
    /// It does not hold.
    Law(Difference),
    /// A call gave no result.
    Stopped(&'static str, Stop),
}

/// What was done, what was due, and what came.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Difference {
    pub(crate) what: String,
    pub(crate) expected: String,
    pub(crate) got: String,
}

pub(crate) type Tried = Result<(), Broken>;

/// All slots that rows go to.
pub(crate) fn used_slots() -> Vec<u32> {
    (0..SLOTS).collect()
}

impl<'a> Bench<'a> {
    /// Each trial gets new instances.
    pub(crate) fn new(signature: &'a Signature, open: &'a Open<'a>) -> Self {
        Self { signature, open, instances: RefCell::new(None) }
    }

    /// A trial gets instances of earlier trials where there are some: starting one takes milliseconds where it brings a whole language
    /// along, and a released slot has to be as good as a new one anyway.
    pub(crate) fn reusing(signature: &'a Signature, open: &'a Open<'a>) -> Self {
        Self { signature, open, instances: RefCell::new(Some(Vec::new())) }
    }

    /// An instance whose slots are empty.
    pub(crate) fn open(&self) -> Result<Instance<'a>, Broken> {
        let open = || (self.open)().map(Instance::new).map_err(|stop| Broken::Stopped("open", stop));
        let mut kept = self.instances.borrow_mut();
        let Some(instances) = &mut *kept else { return open() };
        if let Some(place) = instances.iter().position(Instance::is_idle) {
            let mut idle = instances.swap_remove(place);
            match idle.begin_again() {
                Again::Ready => {
                    instances.push(idle.clone());
                    return Ok(idle);
                }
                Again::WornOut => {}
                // Each further try might take as long.
                Again::NotReleased => {
                    *kept = None;
                    return open();
                }
            }
        }
        let new = open()?;
        instances.push(new.clone());
        Ok(new)
    }

    /// An instance whose slots are empty but for the rows, which it was given in one batch.
    pub(crate) fn given(&self, rows: &[Row]) -> Result<Instance<'a>, Broken> {
        let mut instance = self.open()?;
        instance.give(rows)?;
        Ok(instance)
    }

    /// Both have the same values and states in these slots, bit for bit.
    pub(crate) fn same(
        &self,
        due: &mut Instance<'_>,
        came: &mut Instance<'_>,
        slots: &[u32],
        what: &str,
    ) -> Tried {
        equal_values(&due.evaluate(slots)?, &came.evaluate(slots)?, slots, what)?;
        equal_states(&due.snapshot(slots)?, &came.snapshot(slots)?, slots, what)
    }

    /// Two results of one slot's rows agree, to the tolerance of the signature.
    pub(crate) fn near(&self, due: &Evaluated, came: &Evaluated, rows: &[Row], what: &str) -> Tried {
        use crate::Cell::Float64;
        let (apart, allowed) = match (due, came) {
            (Evaluated::Value(Float64(a)), Evaluated::Value(Float64(b)))
                if a.is_finite() && b.is_finite() =>
            {
                let largest = magnitude(rows).max(a.abs()).max(b.abs());
                ((a - b).abs(), self.signature.tolerance * largest)
            }
            (Evaluated::Failed(_), Evaluated::Failed(_)) => return Ok(()),
            _ => (f64::INFINITY, 0.0),
        };
        if due == came || apart <= allowed {
            return Ok(());
        }
        let tolerance = self.signature.tolerance;
        let expected = match (due, tolerance) {
            (Evaluated::Value(Float64(value)), 1e-300..) if value.is_finite() => {
                format!("{due}, to {allowed:e} (tolerance {tolerance:e})")
            }
            _ => due.to_string(),
        };
        Err(Broken::Law(Difference { what: what.to_owned(), expected, got: came.to_string() }))
    }
}

/// A signature, to be tried with new instances and with those of earlier trials.
pub(crate) struct Benches<'a> {
    /// What does not hold is told of these.
    pub(crate) new: Bench<'a>,
    /// None from when a used instance did not do what a new one does.
    used: Option<Bench<'a>>,
    /// What that was, and with which rows.
    pub(crate) leak: Option<(Vec<Row>, Broken)>,
}

impl<'a> Benches<'a> {
    pub(crate) fn new(signature: &'a Signature, open: &'a Open<'a>) -> Self {
        let used = Some(Bench::reusing(signature, open));
        Self { new: Bench::new(signature, open), used, leak: None }
    }

    /// Tries something on rows with used instances and, where it fails, again with new ones.
    pub(crate) fn tried(&mut self, rows: &[Row], trial: impl Fn(&Bench<'_>, &[Row]) -> Tried) -> Tried {
        let broken = match self.used.as_ref().map(|used| trial(used, rows)) {
            Some(Ok(())) => return Ok(()),
            Some(Err(broken)) => Some(broken),
            None => None,
        };
        let tried = trial(&self.new, rows);
        if let (Ok(()), Some(broken)) = (&tried, broken) {
            self.leak = Some((rows.to_vec(), broken));
            self.used = None;
        }
        tried
    }
}

/// Equal values, slot by slot.
pub(crate) fn equal_values(due: &[Evaluated], came: &[Evaluated], slots: &[u32], what: &str) -> Tried {
    let mut pairs = due.iter().zip(came).zip(slots);
    match pairs.find(|((due, came), _)| due != came) {
        None => Ok(()),
        Some(((due, came), slot)) => Err(Broken::Law(Difference {
            what: format!("{what}; then `evaluate` of slot {slot}"),
            expected: due.to_string(),
            got: came.to_string(),
        })),
    }
}

/// Equal states, slot by slot.
pub(crate) fn equal_states(due: &[Vec<u8>], came: &[Vec<u8>], slots: &[u32], what: &str) -> Tried {
    let mut pairs = due.iter().zip(came).zip(slots);
    match pairs.find(|((due, came), _)| due != came) {
        None => Ok(()),
        Some(((due, came), slot)) => Err(Broken::Law(Difference {
            what: format!("{what}; then `snapshot` of slot {slot}"),
            expected: bytes(due, came),
            got: bytes(came, due) + order(due, came),
        })),
    }
}

/// What is told of two states that hold the same in another order: then every law of states is broken for one reason.
fn order(due: &[u8], came: &[u8]) -> &'static str {
    let sorted = |state: &[u8]| {
        let mut bytes = state.to_vec();
        bytes.sort_unstable();
        bytes
    };
    match sorted(due) == sorted(came) {
        true => {
            " (the same bytes in another order: sort what comes out of a hash table before it is written)"
        }
        false => "",
    }
}

/// Bytes of a state around the first that differs from another one.
fn bytes(state: &[u8], other: &[u8]) -> String {
    const SHOWN: usize = 16;
    let equal = state.iter().zip(other).take_while(|(a, b)| a == b).count();
    let from = if state.len() <= SHOWN { 0 } else { equal / 8 * 8 };
    let shown: String = state.iter().skip(from).take(SHOWN).map(|byte| format!("{byte:02x} ")).collect();
    let place = if from == 0 { String::new() } else { format!(" from byte {from}") };
    format!("{} bytes{place}: {}", state.len(), shown.trim_end()).trim_end_matches([':', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_shown_where_they_differ_and_an_order_is_named() {
        let got = |due: &[u8], came: &[u8]| match equal_states(&[due.to_vec()], &[came.to_vec()], &[4], "x") {
            Err(Broken::Law(difference)) => (difference.what, difference.expected, difference.got),
            other => panic!("{other:?}"),
        };
        let (what, expected, order) = got(&[1, 2, 3], &[1, 3, 2]);
        assert_eq!((what.as_str(), expected.as_str()), ("x; then `snapshot` of slot 4", "3 bytes: 01 02 03"));
        assert!(order.starts_with("3 bytes: 01 03 02 (the same bytes in another order: sort"), "{order}");
        assert_eq!(got(&[], &[7]), (what, "0 bytes".to_owned(), "1 bytes: 07".to_owned()));
        let (long, mut other) = ([5; 40], [5; 40]);
        other[33] = 6;
        let (_, _, differs) = got(&long, &other);
        assert_eq!(differs, "40 bytes from byte 32: 05 06 05 05 05 05 05 05");
    }
}
