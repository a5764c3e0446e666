//! A case of a reducer, tried: its rows in one slot, and divided into slots that are merged, as windows are divided into slices.

use streamgauge_laws::{Accumulators, Cell, Evaluated, Example, Law, Reducer, Row, Stop};

use super::{
    BrokenLaw, Failed,
    reducer_case::{Due, ReducerCase},
    value::{allowed, is_near, shown, shown_evaluated},
};

/// Places at which rows are divided into two slices.
const PLACES_MAX: usize = 8;
/// Slices of a division.
const SLICES_MAX: usize = 64;

/// What a call gave, or its name and why it gave nothing.
type Call<T> = Result<T, (&'static str, Stop)>;

/// What became of the rows.
type Came = Call<Evaluated>;

/// What became of a case.
pub(super) struct Tried {
    pub(super) failed: Option<Failed>,
    /// In how many ways the rows were divided.
    pub(super) divisions: usize,
}

/// Tries a case.
pub(super) fn tried(reducer: &dyn Reducer, name: &str, case: &ReducerCase) -> Tried {
    let trial = Trial { reducer, name, case };
    let mut divisions = 0;
    let mut all = || {
        let whole = trial.whole();
        trial.check(&whole, "all rows were given to one slot, then `evaluate`", None)?;
        // Where a call before is refused there is no state to go on with.
        if whole.is_err() {
            return Ok(());
        }
        let restored = trial.restored();
        let done =
            "all rows were given to one slot; `snapshot`, `restore` in another instance, `evaluate` there";
        trial.check(&restored, done, Some(Law::SnapshotRestore))?;
        for counts in trial.divisions() {
            divisions += 1;
            trial.divided(&counts)?;
        }
        Ok(())
    };
    let failed = all().err().map(|failed: Box<Failed>| *failed);
    Tried { failed, divisions }
}

#[derive(Clone, Copy)]
struct Trial<'a> {
    reducer: &'a dyn Reducer,
    name: &'a str,
    case: &'a ReducerCase,
}

/// Accumulators whose errors name the call.
struct Instance<'a>(Box<dyn Accumulators + 'a>);

impl<'a> Trial<'a> {
    fn open(self) -> Call<Instance<'a>> {
        let opened = self.reducer.open(self.case.number, &self.case.parameters);
        opened.map(Instance).map_err(|stop| ("open", stop))
    }

    fn whole(self) -> Call<Evaluated> {
        let mut instance = self.open()?;
        instance.give(&self.case.rows)?;
        instance.evaluate(0)
    }

    fn restored(self) -> Call<Evaluated> {
        let mut instance = self.open()?;
        instance.give(&self.case.rows)?;
        let states = instance.snapshot(&[0])?;
        let mut other = self.open()?;
        other.restore(self.case.signature.state_version, &[0], &states)?;
        other.evaluate(0)
    }

    /// The rows in slots of so many each, merged into the first slot in order; also the states before they were merged.
    fn merged(self, counts: &[usize]) -> Call<(Evaluated, Vec<Vec<u8>>)> {
        let mut instance = self.open()?;
        instance.give(&in_slots(&self.case.rows, counts))?;
        let slots = slots(counts);
        let states = instance.snapshot(&slots)?;
        instance.merge_in_order(&slots)?;
        Ok((instance.evaluate(0)?, states))
    }

    /// The same slots out of their states, in an instance that did not see the rows.
    fn merged_elsewhere(self, counts: &[usize], states: &[Vec<u8>], backwards: bool) -> Call<Evaluated> {
        let mut instance = self.open()?;
        let slots = slots(counts);
        instance.restore(self.case.signature.state_version, &slots, states)?;
        match backwards {
            false => instance.merge_in_order(&slots)?,
            true => instance.merge(slots.get(1..).unwrap_or_default(), &slots)?,
        }
        instance.evaluate(if backwards { slots.last().copied().unwrap_or(0) } else { 0 })
    }

    /// The rows divided into slices of so many each.
    fn divided(self, counts: &[usize]) -> Result<(), Box<Failed>> {
        let given =
            format!("slices of {} rows were given to slots {}", listed(counts), listed(&slots(counts)));
        let in_order = match counts.len() {
            1 => String::new(),
            2 => "; slot 1 was merged into slot 0".to_owned(),
            _ => "; each was merged into slot 0, in order".to_owned(),
        };
        let has_empty = counts.contains(&0);
        let law = if has_empty { Law::MergeEmpty } else { Law::MergeParts };
        let merged = self.merged(counts);
        let states = merged.as_ref().map(|(_, states)| states.clone()).unwrap_or_default();
        let came = merged.map(|(evaluated, _)| evaluated);
        self.check(&came, &format!("{given}{in_order}, then `evaluate`"), Some(law))?;
        if came.is_err() {
            return Ok(());
        }
        let elsewhere = |backwards| self.merged_elsewhere(counts, &states, backwards);
        let backwards = elsewhere(true);
        if self.fits(&backwards) {
            return Ok(());
        }
        // Restored states in the same order as before: if that fails, too, it is not the order.
        let restored = "; `snapshot`, `restore` in another instance";
        let done = format!("{given}{restored}{in_order}, then `evaluate`");
        self.check(&elsewhere(false), &done, Some(Law::SnapshotRestore))?;
        let law = if has_empty { Law::MergeEmpty } else { Law::MergeCommutative };
        let done =
            format!("{given}{restored}; each slot was merged into the next one, then `evaluate` of the last");
        self.check(&backwards, &done, Some(law))
    }

    /// How many rows each slot gets, of several divisions.
    fn divisions(self) -> Vec<Vec<usize>> {
        let rows = self.case.rows.len();
        if let Some(slices) = &self.case.slices {
            return vec![slices.clone()];
        }
        let places = rows.min(PLACES_MAX - 1);
        // With 0 and all rows, so that there is an empty slot on either side.
        let place = |number: usize| (number * rows).checked_div(places).unwrap_or(0);
        let mut divisions: Vec<Vec<usize>> =
            (0..=places).map(place).map(|place| vec![place, rows - place]).collect();
        if rows > 2 {
            let slices = rows.min(SLICES_MAX);
            let end = |number: usize| number * rows / slices;
            divisions.push((0..slices).map(|number| end(number + 1) - end(number)).collect());
        }
        // What is wrong with rows on both sides is told first.
        divisions.sort_by_key(|counts| counts.contains(&0));
        divisions
    }

    fn fits(self, came: &Came) -> bool {
        let ReducerCase { due, rows, tolerance, .. } = self.case;
        match (due, came) {
            (Due::Result(due), Ok(Evaluated::Value(got))) => is_near(due, got, rows, *tolerance),
            (Due::Error(text), Ok(Evaluated::Failed(why)) | Err((_, Stop::Refused(why)))) => {
                why.contains(text)
            }
            _ => false,
        }
    }

    fn check(self, came: &Came, done: &str, law: Option<Law>) -> Result<(), Box<Failed>> {
        if self.fits(came) {
            return Ok(());
        }
        let ReducerCase { signature, due, rows, tolerance, .. } = self.case;
        let expected = match (due, came) {
            (Due::Error(text), _) => format!("an error that contains '{text}'"),
            (Due::Result(due @ Cell::Float64(value)), Ok(Evaluated::Value(got @ Cell::Float64(_))))
                if value.is_finite() && *tolerance > 0.0 =>
            {
                format!(
                    "{}, to {:.0e} (tolerance {tolerance:e})",
                    shown(due),
                    allowed(due, got, rows, *tolerance)
                )
            }
            (Due::Result(due), _) => shown(due),
        };
        let got = match came {
            Ok(evaluated) => shown_evaluated(evaluated),
            Err((call, stop)) => format!("no value: `{call}` {stop}"),
        };
        let example = Example {
            signature: Some(format!("{}{signature}", self.name)),
            parameters: self.case.with(),
            rows: Some(self.case.table()),
            what: done.to_owned(),
            expected,
            got,
        };
        let law = law.map(|law| BrokenLaw { name: law.name(), says: law.says(), advice: law.advice() });
        Err(Box::new(Failed { example, law }))
    }
}

impl Instance<'_> {
    fn give(&mut self, rows: &[Row]) -> Call<()> {
        self.0.accumulate(rows).map_err(|stop| ("accumulate", stop))
    }

    fn merge(&mut self, into: &[u32], source: &[u32]) -> Call<()> {
        // Pair by pair in calls of their own: no slot may be on both sides of one.
        let mut pairs = into.iter().zip(source);
        pairs
            .try_for_each(|(into, source)| self.0.merge(&[*into], &[*source]))
            .map_err(|stop| ("merge", stop))
    }

    fn merge_in_order(&mut self, slots: &[u32]) -> Call<()> {
        let others = slots.get(1..).unwrap_or_default();
        self.merge(&vec![0; others.len()], others)
    }

    fn evaluate(&mut self, slot: u32) -> Call<Evaluated> {
        let values = self.0.evaluate(&[slot]).map_err(|stop| ("evaluate", stop))?;
        Ok(values.into_iter().next().unwrap_or(Evaluated::Value(Cell::Null)))
    }

    fn snapshot(&mut self, slots: &[u32]) -> Call<Vec<Vec<u8>>> {
        self.0.snapshot(slots).map_err(|stop| ("snapshot", stop))
    }

    fn restore(&mut self, version: u32, slots: &[u32], states: &[Vec<u8>]) -> Call<()> {
        self.0.restore(version, slots, states).map_err(|stop| ("restore", stop))
    }
}

fn slots(counts: &[usize]) -> Vec<u32> {
    (0..).zip(counts).map(|(slot, _)| slot).collect()
}

/// The rows, so many in each slot.
fn in_slots(rows: &[Row], counts: &[usize]) -> Vec<Row> {
    let slots = (0..).zip(counts).flat_map(|(slot, count)| std::iter::repeat_n(slot, *count));
    rows.iter().zip(slots).map(|(row, slot)| row.to_slot(slot)).collect()
}

/// `1, 2`; of many the first and the number.
fn listed<T: ToString>(items: &[T]) -> String {
    let first: Vec<String> = items.iter().take(6).map(T::to_string).collect();
    match items.len() {
        0..=6 => first.join(", "),
        all => format!("{}, ... ({all} in all)", first.join(", ")),
    }
}
