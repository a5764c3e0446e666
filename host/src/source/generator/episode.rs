//! What happens to the traffic, and when: a script that repeats, so that it is seen in the history and again live.

use super::model::{CLAUDE_SONNET, GPT_4O, LLAMA, MISTRAL, Model};

/// What an episode does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum EpisodeKind {
    /// The model answers at a fifth of its speed.
    Slow(&'static Model),
    /// The model answers well or badly, nobody knows.
    Unstable(&'static Model),
    /// The model often does not answer.
    Failing(&'static Model),
    /// Everybody asks more.
    Busy,
}

/// Something that happens `from_s` seconds after the traffic went live for `length_s`, and every `every_s` before and after.
struct Episode {
    kind: EpisodeKind,
    from_s: f64,
    length_s: f64,
    every_s: f64,
}

const SCRIPT: [Episode; 5] = [
    Episode { kind: EpisodeKind::Slow(&GPT_4O), from_s: 15.0, length_s: 120.0, every_s: 480.0 },
    Episode { kind: EpisodeKind::Unstable(&MISTRAL), from_s: 240.0, length_s: 90.0, every_s: 480.0 },
    Episode { kind: EpisodeKind::Failing(&LLAMA), from_s: 180.0, length_s: 60.0, every_s: 300.0 },
    Episode { kind: EpisodeKind::Failing(&CLAUDE_SONNET), from_s: 400.0, length_s: 30.0, every_s: 900.0 },
    Episode { kind: EpisodeKind::Busy, from_s: 75.0, length_s: 25.0, every_s: 210.0 },
];

const SLOW_FACTOR: f64 = 5.0;
const BUSY_FACTOR: f64 = 2.5;
/// Demand swells and sinks by this share, in waves of so many seconds.
const WAVE: (f64, f64) = (0.15, 97.0);

/// What goes on at one moment.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Weather {
    /// How much traffic there is; 1 as a rule.
    pub(super) traffic: f64,
    events: Vec<EpisodeKind>,
}

impl Weather {
    /// So many seconds after the traffic went live; negative before.
    pub(super) fn at(seconds: f64) -> Self {
        let active =
            |episode: &&Episode| (seconds - episode.from_s).rem_euclid(episode.every_s) < episode.length_s;
        let events: Vec<EpisodeKind> = SCRIPT.iter().filter(active).map(|episode| episode.kind).collect();
        let wave = 1.0 + WAVE.0 * (seconds / WAVE.1 * std::f64::consts::TAU).sin();
        let busy = if events.contains(&EpisodeKind::Busy) { BUSY_FACTOR } else { 1.0 };
        Self { traffic: wave * busy, events }
    }

    /// How many times slower than usual the model is.
    pub(super) fn slowness(&self, model: &'static Model) -> f64 {
        if self.events.contains(&EpisodeKind::Slow(model)) { SLOW_FACTOR } else { 1.0 }
    }

    /// Whether the quality of the model's answers varies widely.
    pub(super) fn is_unstable(&self, model: &'static Model) -> bool {
        self.events.contains(&EpisodeKind::Unstable(model))
    }

    /// Whether the model fails often.
    pub(super) fn is_failing(&self, model: &'static Model) -> bool {
        self.events.contains(&EpisodeKind::Failing(model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_episode_is_in_the_history_and_again_within_minutes() {
        for (index, episode) in SCRIPT.iter().enumerate() {
            let seen = |from: i32, until: i32| {
                (from..until)
                    .filter(|&second| Weather::at(f64::from(second)).events.contains(&episode.kind))
                    .count()
            };
            assert!(seen(-600, 0) >= episode.length_s as usize, "episode {index} in the history");
            assert!(seen(0, 450) > 0, "episode {index} live");
        }
        assert_eq!(Weather::at(15.0).slowness(&GPT_4O), SLOW_FACTOR);
        assert_eq!(Weather::at(14.0).slowness(&GPT_4O), 1.0);
        assert_eq!(Weather::at(15.0 - 480.0).slowness(&GPT_4O), SLOW_FACTOR);
        assert_eq!(Weather::at(15.0).slowness(&LLAMA), 1.0);
    }
}
