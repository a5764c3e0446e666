//! `z_score(x)`: how many deviations the last value is above the mean.

use streamgauge_sdk::{
    Accumulators, DataType, Descriptor, Error, Fold, Literal, Reader, Reducer, Signature, Slots, Timestamp,
    Writer, extreme::Ordered, moments::Moments, unknown_signature,
};

/// The reducer.
#[derive(Clone, Copy, Debug)]
pub struct ZScore;

impl Reducer for ZScore {
    fn describe() -> Descriptor {
        let signature = Signature::new(&[DataType::Float64], DataType::Float64, size_of::<State>() as u32);
        Descriptor {
            name: "z_score".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            docs: "(last value by event time - mean) / deviation of the population; NULL below two values"
                .into(),
            signatures: vec![signature.needs_time().tolerance(1e-9)],
        }
    }

    fn open(signature: u32, _: &[Literal]) -> Result<Box<dyn Accumulators>, Error> {
        match signature {
            0 => Ok(Slots::boxed(Score)),
            _ => Err(unknown_signature(signature)),
        }
    }
}

struct Score;

#[derive(Clone, Copy, Debug, Default)]
struct State {
    moments: Moments,
    /// The last value by event time, the greatest of those at one time; unspecified while there is none.
    last: f64,
    time: Timestamp,
}

impl State {
    #[inline]
    fn see(&mut self, value: f64, time: Timestamp) {
        let later = time > self.time || time == self.time && f64::compare(&value, &self.last).is_gt();
        if later || self.moments.count() == 0 {
            self.last = f64::keep(value);
            self.time = time;
        }
    }
}

impl Fold for Score {
    type Arguments = (f64, Timestamp);
    type State = State;
    type Result = f64;

    #[inline]
    fn add(&self, state: &mut State, (value, time): (f64, Timestamp)) {
        state.see(value, time);
        state.moments.add(value);
    }

    fn merge(&self, state: &mut State, other: &State) {
        if other.moments.count() > 0 {
            state.see(other.last, other.time);
            state.moments.merge(&other.moments);
        }
    }

    fn evaluate(&self, state: &State) -> Result<Option<f64>, String> {
        Ok(state.moments.score(state.last))
    }

    fn write(&self, state: &State, writer: &mut Writer<'_>) {
        state.moments.write(writer);
        writer.f64(state.last);
        writer.i64(state.time.0);
    }

    fn read(&self, reader: &mut Reader<'_>) -> Result<State, Error> {
        let moments = Moments::read(reader)?;
        let last = reader.f64().map(f64::keep)?;
        Ok(State { moments, last, time: Timestamp(reader.i64()?) })
    }
}

streamgauge_sdk::export_reducer!(ZScore);

#[cfg(test)]
mod tests {
    use streamgauge_sdk::laws::check;

    use super::*;

    fn score(rows: &[(f64, i64)]) -> Option<f64> {
        let mut state = State::default();
        rows.iter().for_each(|&(value, time)| Score.add(&mut state, (value, Timestamp(time))));
        Score.evaluate(&state).unwrap()
    }

    #[test]
    fn the_laws_hold() {
        check::<ZScore>(&[]);
    }

    #[test]
    fn the_last_value_by_event_time_is_scored() {
        let by_time = [(9.0, 8), (2.0, 1), (4.0, 2), (4.0, 3), (4.0, 4), (5.0, 5), (5.0, 6), (7.0, 7)];
        assert_eq!(score(&by_time), Some(2.0));
        assert_eq!(score(&[(5.0, i64::MIN), (-1.0, i64::MIN)]), Some(1.0), "of two at one time the greatest");
    }

    #[test]
    fn below_two_values_or_without_deviation_there_is_no_score() {
        assert_eq!(score(&[]), None);
        assert_eq!(score(&[(1.0, 1)]), None);
        assert_eq!(score(&[(0.1, 1), (0.1, 2), (0.1, 3)]), None);
    }
}
