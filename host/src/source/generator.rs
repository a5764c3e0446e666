//! Traffic of language models, made up: what `streamgauge demo` measures.
//!
//! A [`Generator`] is a stream of events in the order they are sent, a function of its seed and the times it is given: it
//! reads no clock. Several [models](model) answer with latencies of a long tail; what happens to them, slow spells and the
//! like, is [scripted](episode) around the moment the traffic goes live, so that whoever watches sees it.

mod episode;
mod model;
mod random;
mod record;

use episode::Weather;
use random::Random;
use record::Request;

const SECOND_US: f64 = 1e6;
/// One in so many records is not what the queries expect.
const MALFORMED_ONE_IN: f64 = 2000.0;
/// How long a request takes to be told, as a rule and for the few that dawdle.
const TOLD_WITHIN_US: f64 = 20_000.0;
const LATE_WITHIN_US: f64 = 2_000_000.0;
const LATE_SHARE: f64 = 0.03;

/// One record on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When it is sent, in microseconds since the epoch; its own timestamp is a little earlier, at most two seconds.
    pub sent_us: i64,
    /// The request's id: records spread over partitions by it.
    pub key: String,
    /// JSON, but for a few.
    pub record: Vec<u8>,
}

/// An endless stream of events in the order they are sent.
#[derive(Clone, Debug)]
pub struct Generator {
    random: Random,
    live_us: i64,
    rate: f64,
    next_us: f64,
    sequence: u64,
}

impl Generator {
    /// Traffic from `start_us` on, `rate` events a second on average, scripted around `live_us`.
    pub fn new(seed: u64, start_us: i64, live_us: i64, rate: f64) -> Self {
        debug_assert!(rate > 0.0, "traffic flows");
        Self { random: Random::new(seed), live_us, rate, next_us: start_us as f64, sequence: 0 }
    }

    fn weather(&self, time_us: i64) -> Weather {
        Weather::at((time_us - self.live_us) as f64 / SECOND_US)
    }

    fn request(&mut self, sent_us: i64) -> Request {
        let late = self.random.chance(LATE_SHARE);
        let told_us = self.random.below(if late { LATE_WITHIN_US } else { TOLD_WITHIN_US });
        let time_us = sent_us - told_us as i64;
        let weather = self.weather(time_us);
        let model = model::pick(self.random.unit());
        let answer = model.answer(&weather, &mut self.random);
        self.sequence += 1;
        Request { number: self.sequence, nonce: self.random.next() as u32, time_us, model, answer }
    }
}

impl Iterator for Generator {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        let rate = self.rate * self.weather(self.next_us as i64).traffic;
        self.next_us += self.random.exponential(SECOND_US / rate);
        let sent_us = self.next_us as i64;
        let request = self.request(sent_us);
        let malformed = self.random.chance(1.0 / MALFORMED_ONE_IN);
        let record = if malformed { request.malformed(&mut self.random) } else { request.json() };
        Some(Event { sent_us, key: request.id(), record: record.into_bytes() })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::Value;
    use streamgauge_functions::parse_timestamp;

    use super::*;

    const LIVE: i64 = 1_767_225_600_000_000;
    const TEN_MINUTES: i64 = 600_000_000;

    fn history() -> Vec<Event> {
        Generator::new(7, LIVE - TEN_MINUTES, LIVE, 100.0).take_while(|event| event.sent_us < LIVE).collect()
    }

    fn parsed(events: &[Event]) -> Vec<(f64, Value)> {
        let seconds = |record: &Value| {
            let time = record["timestamp"].as_str().unwrap().as_bytes();
            (parse_timestamp(time).unwrap() - LIVE) as f64 / SECOND_US
        };
        let records = events.iter().filter_map(|event| serde_json::from_slice::<Value>(&event.record).ok());
        records.map(|record| (seconds(&record), record)).collect()
    }

    /// Mean and deviation of a field of one model between two times.
    fn measure(records: &[(f64, Value)], model: &str, field: &str, from: f64, until: f64) -> (f64, f64) {
        let values: Vec<f64> = records
            .iter()
            .filter(|(time, record)| (from..until).contains(time) && record["model_name"] == model)
            .filter_map(|(_, record)| record[field].as_f64())
            .collect();
        assert!(values.len() > 100, "{model} {field} {from}..{until}: {} values", values.len());
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let square = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / values.len() as f64;
        (mean, square.sqrt())
    }

    #[test]
    fn equal_seeds_give_equal_events_and_others_do_not() {
        let events = |seed| Generator::new(seed, 0, LIVE, 100.0).take(500).collect::<Vec<_>>();
        assert_eq!(events(1), events(1));
        assert_ne!(events(1), events(2));
    }

    #[test]
    fn events_are_sent_in_order_told_within_two_seconds_and_few_are_malformed() {
        let events = history();
        assert!((60_000..100_000).contains(&events.len()), "{} events", events.len());
        assert!(events.is_sorted_by_key(|event| event.sent_us));
        let good: Vec<(&Event, Value)> = events
            .iter()
            .filter_map(|event| Some((event, serde_json::from_slice(&event.record).ok()?)))
            .collect();
        let malformed = events.len() - good.len();
        assert!((1..100).contains(&malformed), "{malformed} malformed");
        for (event, record) in &good {
            let time = parse_timestamp(record["timestamp"].as_str().unwrap().as_bytes()).unwrap();
            assert!((0..=2_001_000).contains(&(event.sent_us - time)), "{record}");
            assert_eq!(record["request_id"], event.key.as_str());
            assert_eq!(record.as_object().unwrap().len(), 10);
        }
        let mut times: Vec<i64> = good
            .iter()
            .map(|(_, record)| parse_timestamp(record["timestamp"].as_str().unwrap().as_bytes()).unwrap())
            .collect();
        assert!(!times.is_sorted(), "slightly disordered");
        times.dedup();
        assert!(times.len() > good.len() / 2);
        let bytes: usize = events.iter().map(|event| event.record.len()).sum();
        assert!((200..350).contains(&(bytes / events.len())), "{} bytes a record", bytes / events.len());
    }

    #[test]
    fn every_model_has_its_share() {
        let mut counts = BTreeMap::<String, usize>::new();
        let records = parsed(&history());
        for (_, record) in &records {
            *counts.entry(record["model_name"].as_str().unwrap().to_owned()).or_default() += 1;
        }
        assert_eq!(counts.len(), 5, "{counts:?}");
        assert!(counts.values().all(|&count| count > records.len() / 20), "{counts:?}");
    }

    #[test]
    fn the_slow_spell_crosses_its_threshold_in_the_history_and_soon_after_it_went_live() {
        let live = Generator::new(7, LIVE - TEN_MINUTES, LIVE, 100.0);
        let records =
            parsed(&live.take_while(|event| event.sent_us < LIVE + TEN_MINUTES / 2).collect::<Vec<_>>());
        let average = |from, until| measure(&records, "gpt-4o", "latency_ms", from, until).0;
        assert!((700.0..1200.0).contains(&average(-600.0, -470.0)), "{}", average(-600.0, -470.0));
        assert!(average(-500.0, -200.0) > 2100.0, "{}", average(-500.0, -200.0));
        assert!(average(-330.0, -30.0) < 1300.0, "{}", average(-330.0, -30.0));
        assert!(average(-120.0, 180.0) > 2100.0, "{}", average(-120.0, 180.0));
        let other = measure(&records, "claude-sonnet", "latency_ms", -500.0, -200.0).0;
        assert!(other < 1600.0, "{other}");
    }

    #[test]
    fn quality_becomes_unstable_and_errors_rise_for_a_while() {
        let records = parsed(&history());
        let deviation = |from, until| measure(&records, "mistral-small", "quality_score", from, until).1;
        assert!(deviation(-600.0, -300.0) < 0.06, "{}", deviation(-600.0, -300.0));
        assert!(deviation(-240.0, -160.0) > 0.13, "{}", deviation(-240.0, -160.0));
        let failing = |from: f64, until: f64| {
            let all: Vec<_> = records
                .iter()
                .filter(|(time, record)| {
                    (from..until).contains(time) && record["model_name"] == "llama-3-70b"
                })
                .collect();
            let failed = all.iter().filter(|(_, record)| record["status"].as_i64().unwrap() >= 500).count();
            failed as f64 / all.len() as f64
        };
        assert!(failing(-355.0, -125.0) < 0.03, "{}", failing(-355.0, -125.0));
        assert!(failing(-120.0, -60.0) > 0.15, "{}", failing(-120.0, -60.0));
    }
}
