//! How long to wait before another try.

use std::time::{Duration, UNIX_EPOCH};

/// Exponential, with full jitter: many who failed together do not come back together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// The longest wait before the second try; it doubles with each.
    pub base: Duration,
    /// Up to here.
    pub cap: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base: Duration::from_millis(200), cap: Duration::from_secs(30) }
    }
}

impl Backoff {
    /// The wait behind so many failures, at least one; `random` is in `0.0..1.0`.
    pub fn wait(&self, failures: u32, random: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let longest = self.base.saturating_mul(1 << doublings).min(self.cap);
        longest.mul_f64(random.clamp(0.0, 1.0))
    }
}

/// What a `Retry-After` header asks for, at most `longest`: seconds, or a date; `now_us` is in microseconds since the epoch. None if it
/// is neither.
pub fn retry_after(value: &str, now_us: i64, longest: Duration) -> Option<Duration> {
    let value = value.trim();
    let asked = if !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit()) {
        // More digits than a number has are a long time.
        Duration::from_secs(value.parse().unwrap_or(u64::MAX))
    } else {
        let date = httpdate::parse_http_date(value).ok()?;
        let now = Duration::from_micros(u64::try_from(now_us).unwrap_or(0));
        date.duration_since(UNIX_EPOCH).ok()?.saturating_sub(now)
    };
    Some(asked.min(longest))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    #[test]
    fn waits_double_up_to_the_cap_and_are_drawn_from_all_of_it() {
        let backoff = Backoff::default();
        let longest: Vec<_> = (1..=10).map(|failures| backoff.wait(failures, 1.0).as_millis()).collect();
        assert_eq!(longest, [200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000]);
        assert_eq!(backoff.wait(u32::MAX, 1.0), backoff.cap);
        assert_eq!(backoff.wait(3, 0.5), Duration::from_millis(400));
        assert_eq!(backoff.wait(3, 0.0), Duration::ZERO);
        assert_eq!(backoff.wait(0, 1.0), backoff.base);
    }

    #[test]
    fn a_receiver_asks_in_seconds_or_by_a_date() {
        // 1994-11-06 08:49:37
        let now_us = 784_111_777_000_000;
        let seconds = |value| retry_after(value, now_us, HOUR).map(|wait| wait.as_secs());
        assert_eq!(seconds("0"), Some(0));
        assert_eq!(seconds(" 17 "), Some(17));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:50:37 GMT"), Some(60));
        assert_eq!(seconds("Sunday, 06-Nov-94 08:50:37 GMT"), Some(60));
        assert_eq!(seconds("Sun Nov  6 08:50:37 1994"), Some(60));
        assert_eq!(seconds("Sun, 06 Nov 1994 08:49:00 GMT"), Some(0));
        assert_eq!(
            retry_after("Sun, 06 Nov 1994 08:49:38 GMT", now_us + 250_000, HOUR),
            Some(Duration::from_millis(750))
        );
    }

    #[test]
    fn what_it_asks_for_has_a_bound_and_nonsense_asks_for_nothing() {
        for long in ["3601", "99999999999999999999999", "Sat, 06 Nov 2094 08:49:37 GMT"] {
            assert_eq!(retry_after(long, 784_111_777_000_000, HOUR), Some(HOUR), "{long}");
        }
        for nonsense in ["", "soon", "-1", "1.5", "0x10", "+3", "Sun, 31 Feb 1994 08:49:37"] {
            assert_eq!(retry_after(nonsense, 0, HOUR), None, "{nonsense}");
        }
    }
}
