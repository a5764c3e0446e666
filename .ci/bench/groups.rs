//! Events of many groups: `groups EVENTS GROUPS`, JSON Lines on standard output, always the same.

use std::{
    env,
    io::{self, BufWriter, Write},
};

fn main() -> io::Result<()> {
    let numbers: Vec<u64> = env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    let [events, groups] = numbers[..] else { return Err(io::Error::other("usage: groups EVENTS GROUPS")) };
    let mut out = BufWriter::with_capacity(1 << 20, io::stdout().lock());
    let mut random = 88_172_645_463_325_252_u64;
    for event in 0..events {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        let (time, user) = (1_767_225_600_000 + event / 100, (random >> 33) % groups);
        let hundredths = (random >> 20) % 100_000;
        writeln!(
            out,
            "{{\"ts\":{time},\"user\":\"u{user}\",\"latency_ms\":{}.{:02}}}",
            hundredths / 100,
            hundredths % 100
        )?;
    }
    out.flush()
}
