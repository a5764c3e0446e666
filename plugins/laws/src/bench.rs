//! What a law is tried with: instances that say which call stopped.

use crate::{Accumulators, Evaluated, Row, Signature, Stop, magnitude, rows::SLOTS};

/// Opens accumulators in an instance of their own.
pub(crate) type Open<'a> = dyn Fn() -> Result<Box<dyn Accumulators + 'a>, Stop> + 'a;

/// A signature with its parameters, ready to be opened.
pub(crate) struct Bench<'a> {
    pub(crate) signature: &'a Signature,
    pub(crate) open: &'a Open<'a>,
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

/// Accumulators whose errors name the call.
pub(crate) struct Instance<'a>(Box<dyn Accumulators + 'a>);

/// All slots that rows go to.
pub(crate) fn used_slots() -> Vec<u32> {
    (0..SLOTS).collect()
}

impl<'a> Bench<'a> {
    /// A new instance.
    pub(crate) fn open(&self) -> Result<Instance<'a>, Broken> {
        (self.open)().map(Instance).map_err(|stop| Broken::Stopped("open", stop))
    }

    /// A new instance that was given the rows in one batch.
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

impl Instance<'_> {
    pub(crate) fn give(&mut self, rows: &[Row]) -> Tried {
        self.0.accumulate(rows).map_err(|stop| Broken::Stopped("accumulate", stop))
    }

    pub(crate) fn merge(&mut self, into: &[u32], source: &[u32]) -> Tried {
        self.0.merge(into, source).map_err(|stop| Broken::Stopped("merge", stop))
    }

    pub(crate) fn evaluate(&mut self, slots: &[u32]) -> Result<Vec<Evaluated>, Broken> {
        self.0.evaluate(slots).map_err(|stop| Broken::Stopped("evaluate", stop))
    }

    pub(crate) fn snapshot(&mut self, slots: &[u32]) -> Result<Vec<Vec<u8>>, Broken> {
        self.0.snapshot(slots).map_err(|stop| Broken::Stopped("snapshot", stop))
    }

    pub(crate) fn restore(&mut self, version: u32, slots: &[u32], states: &[Vec<u8>]) -> Tried {
        self.0.restore(version, slots, states).map_err(|stop| Broken::Stopped("restore", stop))
    }

    pub(crate) fn release(&mut self, slots: &[u32]) -> Tried {
        self.0.release(slots).map_err(|stop| Broken::Stopped("release", stop))
    }

    pub(crate) fn memory_bytes(&self) -> Option<usize> {
        self.0.memory_bytes()
    }
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
