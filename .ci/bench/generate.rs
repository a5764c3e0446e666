//! Writes the benchmark's events to stdout: JSON Lines, 255 bytes a record on average, ten fields, 12 models with skew,
//! 10,000 events a second of event time. The same number gives the same bytes.
//!
//!     rustc -O generate.rs && ./generate 3000000 > events.jsonl

use std::env;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

const EVENTS_A_SECOND: u64 = 10_000;
/// 2026-01-01T00:00:00Z.
const START_DAY: &str = "2026-01-01";
const SECONDS_A_DAY: u64 = 86_400;

/// Name and share of a hundred: a few models have most of the traffic.
const MODELS: [(&str, u64); 12] = [
    ("atlas-70b-instruct", 31),
    ("corvid-8x7b", 19),
    ("piccolo-3b", 13),
    ("meridian-large", 9),
    ("quill-13b-chat", 7),
    ("harbor-34b", 5),
    ("lantern-mini", 4),
    ("summit-405b", 3),
    ("cobalt-code-15b", 3),
    ("willow-vision", 2),
    ("ember-7b", 2),
    ("tundra-embed", 2),
];

/// SplitMix64 (Steele, Lea, Flood 2014).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn model(&mut self) -> (usize, &'static str) {
        let mut share = self.below(100);
        for (number, (name, size)) in MODELS.iter().enumerate() {
            if share < *size {
                return (number, name);
            }
            share -= size;
        }
        (0, MODELS[0].0)
    }
}

/// One record; `number` alone decides its time, so the file is in order.
fn event(out: &mut impl Write, number: u64, dice: &mut Dice) -> io::Result<()> {
    let second = number / EVENTS_A_SECOND % SECONDS_A_DAY;
    let micros = number % EVENTS_A_SECOND * (1_000_000 / EVENTS_A_SECOND);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let (model, name) = dice.model();
    let (prompt, completion) = (20 + dice.below(3000), 1 + dice.below(800));
    let ttft = 40.0 + 400.0 * dice.unit();
    // An exponential tail, as latencies have one; about 2,000 ms on average, so that HAVING lets some groups through.
    let latency = ttft + (1200.0 + 100.0 * model as f64) * -(1.0 - dice.unit()).ln();
    let (id, cost, quality) = (dice.next(), 0.02 * dice.unit(), 0.5 + 0.5 * dice.unit());
    let status = if dice.below(100) == 0 { 500 } else { 200 };
    writeln!(
        out,
        "{{\"request_id\":\"request-{id:016x}\",\"timestamp\":\"{START_DAY}T{hour:02}:{minute:02}:{second:02}.{micros:06}Z\",\
         \"model_name\":\"{name}\",\"latency_ms\":{latency:.3},\"ttft_ms\":{ttft:.3},\"prompt_tokens\":{prompt},\
         \"completion_tokens\":{completion},\"cost_usd\":{cost:.7},\"quality_score\":{quality:.5},\"status\":{status}}}"
    )
}

fn main() -> ExitCode {
    let Some(count) = env::args().nth(1).and_then(|count| count.parse().ok()) else {
        eprintln!("usage: generate EVENTS");
        return ExitCode::from(2);
    };
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let mut dice = Dice(2026);
    let written =
        (0..count).try_for_each(|number| event(&mut out, number, &mut dice)).and_then(|()| out.flush());
    if let Err(error) = written {
        eprintln!("generate: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}
