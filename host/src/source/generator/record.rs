//! A request as its record.

use streamgauge_functions::format_timestamp;

use super::{
    model::{Answer, Completion, Model},
    random::Random,
};

/// A request that is over.
pub(super) struct Request {
    pub(super) number: u64,
    /// Makes the id unlike those of other runs.
    pub(super) nonce: u32,
    pub(super) time_us: i64,
    pub(super) model: &'static Model,
    pub(super) answer: Answer,
}

impl Request {
    /// The request's id.
    pub(super) fn id(&self) -> String {
        format!("req-{:08x}-{}", self.nonce, self.number)
    }

    /// The record as it should be.
    pub(super) fn json(&self) -> String {
        let Answer { latency_ms, prompt_tokens, completion, cost_usd, status } = &self.answer;
        let or_null = |value: Option<String>| value.unwrap_or_else(|| "null".to_owned());
        let ttft_ms = or_null(completion.as_ref().map(|Completion { ttft_ms, .. }| format!("{ttft_ms:.1}")));
        let tokens = completion.as_ref().map_or(0, |Completion { tokens, .. }| *tokens);
        let quality = completion.as_ref().and_then(|Completion { quality, .. }| *quality);
        let quality = or_null(quality.map(|quality| format!("{quality:.3}")));
        format!(
            r#"{{"request_id":"{}","timestamp":"{}","model_name":"{}","latency_ms":{latency_ms:.1},"ttft_ms":{ttft_ms},"prompt_tokens":{prompt_tokens},"completion_tokens":{tokens},"cost_usd":{cost_usd:.6},"quality_score":{quality},"status":{status}}}"#,
            self.id(),
            self.time(),
            self.model.name,
        )
    }

    /// The record as a client with a slip writes it.
    pub(super) fn malformed(&self, random: &mut Random) -> String {
        let json = self.json();
        match random.unit() {
            ..0.4 => json.chars().take(json.len() * 2 / 3).collect(),
            ..0.7 => format!("{} ERROR upstream closed the connection ({})", self.time(), self.model.name),
            _ => format!("{json}{json}"),
        }
    }

    fn time(&self) -> String {
        let mut time = Vec::with_capacity(24);
        format_timestamp(self.time_us, &mut time);
        String::from_utf8_lossy(&time).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::generator::model::GPT_4O;

    #[test]
    fn a_record_has_every_field_and_nulls_where_nothing_was_answered() {
        let answer = |completion| Answer {
            latency_ms: 812.34,
            prompt_tokens: 420,
            completion,
            cost_usd: 0.0015,
            status: 200,
        };
        let completion = Completion { ttft_ms: 260.06, tokens: 46, quality: Some(0.8765) };
        let request = |completion| Request {
            number: 7,
            nonce: 0xab,
            time_us: 1_767_225_600_123_456,
            model: &GPT_4O,
            answer: answer(completion),
        };
        assert_eq!(
            request(Some(completion)).json(),
            r#"{"request_id":"req-000000ab-7","timestamp":"2026-01-01T00:00:00.123Z","model_name":"gpt-4o","latency_ms":812.3,"ttft_ms":260.1,"prompt_tokens":420,"completion_tokens":46,"cost_usd":0.001500,"quality_score":0.876,"status":200}"#
        );
        assert!(request(None).json().contains(r#""ttft_ms":null,"#));
        assert!(request(None).json().contains(r#""quality_score":null,"#));
        let mut random = Random::new(3);
        for _ in 0..20 {
            let record = request(None).malformed(&mut random);
            assert!(serde_json::from_str::<serde_json::Value>(&record).is_err(), "{record}");
        }
    }
}
