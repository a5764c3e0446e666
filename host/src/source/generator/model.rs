//! The models: how often each is asked and how it answers.

use super::{episode::Weather, random::Random};

/// A model at its ordinary.
#[derive(Debug, PartialEq)]
pub(super) struct Model {
    pub(super) name: &'static str,
    /// Its part of the traffic; all parts are 1 together.
    share: f64,
    /// The median time to the first token.
    ttft_ms: f64,
    /// The median time a further token takes.
    token_ms: f64,
    prompt_tokens: f64,
    completion_tokens: f64,
    /// Of a million tokens, asked and answered.
    price_usd: (f64, f64),
    quality: f64,
}

impl Eq for Model {}

pub(super) const GPT_4O: Model = Model {
    name: "gpt-4o",
    share: 0.32,
    ttft_ms: 260.0,
    token_ms: 12.0,
    prompt_tokens: 420.0,
    completion_tokens: 46.0,
    price_usd: (2.5, 10.0),
    quality: 0.88,
};
pub(super) const CLAUDE_SONNET: Model = Model {
    name: "claude-sonnet",
    share: 0.24,
    ttft_ms: 340.0,
    token_ms: 14.0,
    prompt_tokens: 560.0,
    completion_tokens: 52.0,
    price_usd: (3.0, 15.0),
    quality: 0.91,
};
pub(super) const GEMINI_FLASH: Model = Model {
    name: "gemini-flash",
    share: 0.20,
    ttft_ms: 140.0,
    token_ms: 5.0,
    prompt_tokens: 380.0,
    completion_tokens: 44.0,
    price_usd: (0.1, 0.4),
    quality: 0.83,
};
pub(super) const LLAMA: Model = Model {
    name: "llama-3-70b",
    share: 0.14,
    ttft_ms: 190.0,
    token_ms: 9.0,
    prompt_tokens: 310.0,
    completion_tokens: 58.0,
    price_usd: (0.6, 0.8),
    quality: 0.82,
};
pub(super) const MISTRAL: Model = Model {
    name: "mistral-small",
    share: 0.10,
    ttft_ms: 120.0,
    token_ms: 6.0,
    prompt_tokens: 240.0,
    completion_tokens: 40.0,
    price_usd: (0.1, 0.3),
    quality: 0.79,
};

const MODELS: [&Model; 5] = [&GPT_4O, &CLAUDE_SONNET, &GEMINI_FLASH, &LLAMA, &MISTRAL];

/// How a request went.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) latency_ms: f64,
    pub(super) prompt_tokens: i64,
    /// None where nothing was answered.
    pub(super) completion: Option<Completion>,
    pub(super) cost_usd: f64,
    /// An HTTP status.
    pub(super) status: u16,
}

/// What was answered.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Completion {
    pub(super) ttft_ms: f64,
    pub(super) tokens: i64,
    /// None where nobody judged it.
    pub(super) quality: Option<f64>,
}

/// The model at a place in `[0, 1)` when all stand beside each other by their shares.
pub(super) fn pick(place: f64) -> &'static Model {
    let mut end = 0.0;
    let reaches = |model: &&&Model| {
        end += model.share;
        place < end
    };
    MODELS.iter().find(reaches).copied().unwrap_or(&GPT_4O)
}

impl Model {
    /// How the model answers a request.
    pub(super) fn answer(&'static self, weather: &Weather, random: &mut Random) -> Answer {
        let prompt_tokens = random.log_normal(self.prompt_tokens, 0.6).ceil();
        let asked_usd = prompt_tokens * self.price_usd.0 / 1e6;
        if random.chance(if weather.is_failing(self) { 0.25 } else { 0.008 }) {
            let (latency_ms, status) = match random.unit() {
                ..0.2 => (random.log_normal(20.0, 0.3), 429),
                ..0.6 => (random.log_normal(self.ttft_ms, 0.4), 500),
                _ => (random.log_normal(60.0, 0.4), 503),
            };
            return Answer {
                latency_ms,
                prompt_tokens: prompt_tokens as i64,
                completion: None,
                cost_usd: 0.0,
                status,
            };
        }
        let slowness = weather.slowness(self);
        let tokens = random.log_normal(self.completion_tokens, 0.45).ceil();
        let ttft_ms = random.log_normal(self.ttft_ms, 0.35) * slowness;
        let latency_ms = ttft_ms + tokens * random.log_normal(self.token_ms, 0.15) * slowness;
        let quality = (!random.chance(0.04)).then(|| self.quality(weather, random));
        Answer {
            latency_ms,
            prompt_tokens: prompt_tokens as i64,
            completion: Some(Completion { ttft_ms, tokens: tokens as i64, quality }),
            cost_usd: asked_usd + tokens * self.price_usd.1 / 1e6,
            status: 200,
        }
    }

    fn quality(&'static self, weather: &Weather, random: &mut Random) -> f64 {
        let bad = weather.is_unstable(self) && random.chance(0.4);
        let quality = if bad { random.normal(0.42, 0.1) } else { random.normal(self.quality, 0.04) };
        quality.clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shares_are_everything() {
        let sum: f64 = MODELS.iter().map(|model| model.share).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        assert_eq!(
            [pick(0.0).name, pick(0.33).name, pick(0.999).name],
            ["gpt-4o", "claude-sonnet", "mistral-small"]
        );
    }
}
