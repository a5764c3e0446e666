//! All laws, one after the other.

use crate::{
    Accumulators, Descriptor, Example, Law, Outcome, Reducer, Report, Row, Signature, Stop, Table, Verdict,
    bench::{Bench, Benches, Broken, Difference, Open},
    cases, describe, parameters, reducer, shrink,
    shrink::shrink_within,
    size,
};

/// Sets of generated rows for a signature with its defaults.
const CASES: usize = 150;
/// The same with other parameters.
const CASES_OF_OTHERS: usize = 12;
/// How often rows are made fewer where a call stops, and where it stops only after its time is over.
const STOPPED_TRIALS: usize = 600;
const EXHAUSTED_TRIALS: usize = 8;

/// Checks all laws of a reducer, with all signatures that it describes.
pub fn check(reducer: &dyn Reducer) -> Report {
    let described = reducer.describe();
    let fault = match &described {
        Ok(described) => describe::fault(described),
        Err(stop) => Some(("a description".to_owned(), stop.to_string())),
    };
    let mut report = Report { verdicts: Vec::new(), notes: Vec::new() };
    let outcome = fault.map_or(Outcome::Holds, |(expected, got)| {
        let (signature, parameters, rows) = (None, String::new(), None);
        let what = "`describe`".to_owned();
        Outcome::Broken(Box::new(Example { signature, parameters, rows, what, expected, got }))
    });
    report.verdicts.push(Verdict { law: Law::Describe, outcome });
    let signatures = described.ok().and_then(|all| all.into_iter().next());
    for (number, signature) in (0..).zip(signatures.map_or(Vec::new(), |it: Descriptor| it.signatures)) {
        report.absorb(check_calls(reducer, number, &signature));
    }
    for law in Law::ALL {
        if report.verdicts.iter().all(|verdict| verdict.law != law) {
            let outcome = Outcome::Untried("there is no signature to call".to_owned());
            report.verdicts.push(Verdict { law, outcome });
        }
    }
    report.verdicts.sort_by_key(|verdict| verdict.law);
    report
}

/// One signature, with its defaults and then with other parameters that it takes.
fn check_calls(reducer: &dyn Reducer, number: u32, signature: &Signature) -> Report {
    let tried = parameters::tried(reducer, number, signature);
    let outcome = tried.wrong.map_or(Outcome::Holds, |(values, what, stop)| {
        let expected = "it is opened, or refused with the error `invalid`".to_owned();
        let shown = parameters::shown(signature, &values);
        let difference = Difference { what, expected, got: stop.to_string() };
        Outcome::Broken(Box::new(example(signature, &shown, None, difference)))
    });
    let mut report = Report { verdicts: vec![Verdict { law: Law::Parameters, outcome }], notes: Vec::new() };
    if tried.taken.is_empty() {
        let why = "`open` does not take the defaults: see the law parameters".to_owned();
        let untried = |law| Verdict { law, outcome: Outcome::Untried(why.clone()) };
        report.verdicts.extend(Law::ALL.into_iter().filter(|law| law.needs_rows()).map(untried));
        return report;
    }
    for (index, values) in tried.taken.iter().enumerate() {
        let count = if index == 0 { CASES } else { CASES_OF_OTHERS };
        let open = || reducer.open(number, values);
        let shown = parameters::shown(signature, values);
        let checked = check_opened(signature, &open, &shown, count);
        let goes_on = checked.holds();
        report.absorb(checked);
        if !goes_on {
            break;
        }
    }
    report
}

/// Checks the laws of one signature, by whatever opens its accumulators: all laws but those of describing and opening.
pub fn check_signature<'a>(
    signature: &'a Signature,
    open: &'a (dyn Fn() -> Result<Box<dyn Accumulators + 'a>, Stop> + 'a),
) -> Report {
    check_opened(signature, open, "", CASES)
}

/// The laws of an opened signature.
fn check_opened<'a>(
    signature: &'a Signature,
    open: &'a Open<'a>,
    parameters: &'a str,
    count: usize,
) -> Report {
    let mut trials = Trials {
        benches: Benches::new(signature, open),
        parameters,
        cases: cases(signature, count),
        report: Report { verdicts: Vec::new(), notes: Vec::new() },
        exhausted: None,
    };
    trials.batches();
    for law in Law::ALL.into_iter().filter(|law| law.needs_rows() && *law != Law::Batches) {
        trials.law(law);
    }
    trials.leak();
    trials.report.verdicts.sort_by_key(|verdict| verdict.law);
    trials.report
}

impl Law {
    /// Whether it is about what an opened signature does.
    fn needs_rows(self) -> bool {
        !matches!(self, Self::Describe | Self::Parameters)
    }
}

struct Trials<'a> {
    benches: Benches<'a>,
    parameters: &'a str,
    cases: Vec<Vec<Row>>,
    report: Report,
    /// The call that took too long or too much memory: nothing else is tried after it.
    exhausted: Option<&'static str>,
}

impl Trials<'_> {
    /// A released slot that is not as good as a new one breaks the law of releasing, if that did not come upon it itself.
    fn leak(&mut self) {
        let Some((rows, broken)) = self.benches.leak.take() else { return };
        let used =
            "in an instance that was used before, all of whose slots were released: a new one does it right";
        let difference = match broken {
            Broken::Law(difference) => {
                Difference { what: format!("{}; {used}", difference.what), ..difference }
            }
            Broken::Stopped(call, stop) => Difference {
                what: format!("the rows were given, and other calls made; `{call}` stopped; {used}"),
                expected: "an answer".to_owned(),
                got: stop.to_string(),
            },
        };
        let broken = self.broken(Some(&rows), difference);
        let release = self.report.verdicts.iter_mut().filter(|verdict| verdict.law == Law::Release);
        release
            .filter(|verdict| verdict.outcome == Outcome::Holds)
            .for_each(|verdict| verdict.outcome = broken.clone());
    }

    /// Batches are taken. Rows that the reducer refuses one by one are left out of all other laws.
    fn batches(&mut self) {
        let whole = |rows: &[Row]| rows.iter().filter(|row| !row.has_null()).count();
        let mut refused: Option<String> = None;
        let mut taken = 0;
        let mut wrong = None;
        let given = |bench: &Bench<'_>, rows: &[Row]| bench.given(rows).map(drop);
        for rows in &mut self.cases {
            let why = match self.benches.tried(rows, given) {
                Err(Broken::Stopped(
                    "accumulate",
                    stop @ (Stop::Refused(_) | Stop::UnsupportedVersion(_)),
                )) => stop,
                // Another law tells of it.
                Err(Broken::Stopped(_, Stop::Exhausted(_))) => return self.batches_hold(),
                _ => {
                    taken += whole(rows);
                    continue;
                }
            };
            let is_taken = |row: &Row| self.benches.new.given(std::slice::from_ref(row)).is_ok();
            let before = rows.len();
            rows.retain(is_taken);
            taken += whole(rows);
            refused.get_or_insert(why.to_string());
            if rows.len() == before || self.benches.new.given(rows).is_err() {
                wrong.get_or_insert((rows.clone(), why));
                rows.clear();
            }
        }
        if taken == 0
            && let Some(why) = &refused
        {
            let row = cases(self.benches.new.signature, 1).into_iter().flatten().find(|row| !row.has_null());
            wrong.get_or_insert((row.into_iter().collect(), Stop::Refused(why.clone())));
        }
        let outcome = wrong.map_or(Outcome::Holds, |(rows, why)| {
            let fails = |rows: &[Row]| self.benches.new.given(rows).is_err().then_some(());
            let (rows, ()) = shrink(rows, (), fails);
            let what = "the rows were given in one batch".to_owned();
            let expected = "they are taken".to_owned();
            self.broken(Some(&rows), Difference { what, expected, got: why.to_string() })
        });
        if let (Outcome::Holds, Some(why)) = (&outcome, refused) {
            let signature = self.benches.new.signature;
            self.report
                .notes
                .push(format!("{signature} does not take some values, which were left out: {why}"));
        }
        self.report.verdicts.push(Verdict { law: Law::Batches, outcome });
    }

    fn batches_hold(&mut self) {
        self.report.verdicts.push(Verdict { law: Law::Batches, outcome: Outcome::Holds });
    }

    /// Tries a law, if those that it needs hold.
    fn law(&mut self, law: Law) {
        let outcome = match self.obstacle(law) {
            _ if self.exhausted.is_some() => {
                let call = self.exhausted.unwrap_or_default();
                Outcome::Untried(format!("`{call}` takes too long, or too much memory: see the law no-traps"))
            }
            Some(obstacle) => {
                Outcome::Untried(format!("it needs the law {}, which does not hold", obstacle.name()))
            }
            None if law == Law::StateSize => self.state_size(),
            None => self.on_rows(law),
        };
        if let Some(verdict) = self.report.verdicts.iter_mut().find(|verdict| verdict.law == law) {
            // A trap that another law came upon.
            verdict.outcome = outcome;
        } else {
            self.report.verdicts.push(Verdict { law, outcome });
        }
    }

    fn obstacle(&self, law: Law) -> Option<Law> {
        let holds = |needed: &Law| {
            self.report.verdicts.iter().all(|it| it.law != *needed || it.outcome == Outcome::Holds)
        };
        law.needs().iter().copied().find(|needed| !holds(needed))
    }

    fn on_rows(&mut self, law: Law) -> Outcome {
        let Some(trial) = reducer::trial(law) else { return Outcome::Holds };
        let (mut tried, mut stopped) = (0, None);
        for rows in &self.cases {
            match self.benches.tried(rows, trial) {
                Ok(()) => tried += 1,
                Err(Broken::Law(difference)) => {
                    let fails = |rows: &[Row]| match trial(&self.benches.new, rows) {
                        Err(Broken::Law(difference)) => Some(difference),
                        _ => None,
                    };
                    let (rows, difference) = shrink(rows.clone(), difference, fails);
                    return self.broken(Some(&rows), difference);
                }
                Err(Broken::Stopped(call, stop)) => {
                    let exhausted = matches!(stop, Stop::Exhausted(_));
                    stopped.get_or_insert((rows.clone(), call, stop));
                    // Each further case would take as long.
                    if exhausted {
                        break;
                    }
                }
            }
        }
        match (stopped, tried) {
            (None, _) => Outcome::Holds,
            (Some((rows, call, stop)), _) if law == Law::NoTraps => self.stopped(law, rows, call, stop),
            (Some((rows, call, stop)), _) => {
                self.note_stop(law, rows, call, stop);
                match tried {
                    0 => Outcome::Untried(format!("`{call}` stops for every input: see the law no-traps")),
                    _ => Outcome::Holds,
                }
            }
        }
    }

    /// What is told of a call that gave no answer while a law was tried on these rows.
    fn stopped(&mut self, law: Law, rows: Vec<Row>, call: &'static str, stop: Stop) -> Outcome {
        let fails = |rows: &[Row]| match reducer::trial(law)?(&self.benches.new, rows) {
            Err(Broken::Stopped(call, stop)) => Some((call, stop)),
            _ => None,
        };
        let exhausted = matches!(stop, Stop::Exhausted(_));
        let trials_max = if exhausted { EXHAUSTED_TRIALS } else { STOPPED_TRIALS };
        let (rows, (call, stop)) = shrink_within(trials_max, rows, (call, stop), fails);
        let what = match law {
            Law::NoTraps => format!("the rows were given, and then other calls made; `{call}` stopped"),
            law => format!("`{call}` stopped, while the law {} was tried", law.name()),
        };
        let expected = "an answer".to_owned();
        let broken = self.broken(Some(&rows), Difference { what, expected, got: stop.to_string() });
        self.exhausted = exhausted.then_some(call);
        broken
    }

    /// A call gave no answer while another law was tried than that of traps, which is then broken.
    fn note_stop(&mut self, law: Law, rows: Vec<Row>, call: &'static str, stop: Stop) {
        let of_traps = |verdict: &Verdict| verdict.law == Law::NoTraps && verdict.outcome == Outcome::Holds;
        if self.report.verdicts.iter().any(of_traps) {
            let broken = self.stopped(law, rows, call, stop);
            let verdicts = self.report.verdicts.iter_mut().filter(|verdict| of_traps(verdict));
            verdicts.for_each(|verdict| verdict.outcome = broken.clone());
        }
    }

    fn state_size(&mut self) -> Outcome {
        match size::tried(&self.benches.new, &self.cases) {
            Ok(()) => Outcome::Holds,
            Err(Broken::Law(difference)) => self.broken(None, difference),
            Err(Broken::Stopped(call, stop)) => {
                let rows = self.cases.last().cloned().unwrap_or_default();
                self.note_stop(Law::StateSize, rows, call, stop);
                Outcome::Untried(format!("`{call}` stops for 20000 rows or 2048 slots: see the law no-traps"))
            }
        }
    }

    fn broken(&self, rows: Option<&[Row]>, difference: Difference) -> Outcome {
        Outcome::Broken(Box::new(example(self.benches.new.signature, self.parameters, rows, difference)))
    }
}

fn example(
    signature: &Signature,
    parameters: &str,
    rows: Option<&[Row]>,
    Difference { what, expected, got }: Difference,
) -> Example {
    Example {
        signature: Some(signature.to_string()),
        parameters: parameters.to_owned(),
        rows: rows.map(|rows| Table::new(rows, signature.needs_time)),
        what,
        expected,
        got,
    }
}
