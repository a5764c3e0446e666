//! What is told to people, as lines: `tracing` events of this project, in words or as JSON.
//!
//! There is no global subscriber: `run` and `demo` have one for their own thread, a [`Runtime`](crate::deploy::Runtime) keeps that of the
//! thread that starts it, and each thread takes over that of the one that started it ([`as_here`](streamgauge_common::telling::as_here)).

use std::fmt::{Debug, Write as _};

use serde_json::Value;
use streamgauge_common::clock;
use streamgauge_functions::format_timestamp;
use tracing::{
    Dispatch, Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span,
};

/// What a line looks like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// The message, and below it what can be done.
    #[default]
    Text,
    /// One JSON object: timestamp, level, message, fields.
    Json,
}

/// Events up to a level, each handed over as a line without its end.
pub fn dispatch(level: Level, format: LogFormat, write: impl Fn(String) + Send + Sync + 'static) -> Dispatch {
    Dispatch::new(Lines { level, format, write })
}

struct Lines<W> {
    level: Level,
    format: LogFormat,
    write: W,
}

impl<W: Fn(String) + Send + Sync + 'static> Subscriber for Lines<W> {
    /// What libraries have to say is about their own workings.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level && metadata.target().starts_with("streamgauge")
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level.into())
    }

    fn event(&self, event: &Event<'_>) {
        let mut told = Told::default();
        event.record(&mut told);
        (self.write)(match self.format {
            LogFormat::Text => told.text(),
            LogFormat::Json => told.json(*event.metadata().level()),
        });
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// The message of an event, and its fields in their order.
#[derive(Default)]
struct Told {
    message: String,
    fields: Vec<(&'static str, Value)>,
}

impl Told {
    fn text(self) -> String {
        let help = self.fields.iter().find(|(name, _)| *name == "help");
        match help.and_then(|(_, help)| help.as_str()) {
            Some(help) => format!("{}\nhelp: {help}", self.message),
            None => self.message,
        }
    }

    fn json(self, level: Level) -> String {
        let mut timestamp = Vec::new();
        format_timestamp(clock::now_us(), &mut timestamp);
        let timestamp = String::from_utf8_lossy(&timestamp).into_owned();
        // The level says it.
        let message = self.message.strip_prefix("error: ").unwrap_or(&self.message);
        let own = [
            ("timestamp", Value::from(timestamp)),
            ("level", Value::from(level.as_str().to_ascii_lowercase())),
            ("message", Value::from(message)),
        ];
        let mut line = String::new();
        for (name, value) in own.into_iter().chain(self.fields) {
            let before = if line.is_empty() { '{' } else { ',' };
            // Writing to a text does not fail.
            let _ = write!(line, "{before}{}:{value}", Value::from(name));
        }
        line.push('}');
        line
    }

    fn add(&mut self, field: &Field, value: Value) {
        self.fields.push((field.name(), value));
    }
}

impl Visit for Told {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" { self.message = text } else { self.add(field, text.into()) }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message = value.to_owned()
        } else {
            self.add(field, value.into())
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use streamgauge_common::telling::as_here;
    use tracing::{debug, dispatcher::with_default, error, info, warn};

    use super::*;

    fn lines(level: Level, format: LogFormat, tell: impl FnOnce()) -> Vec<String> {
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        with_default(&dispatch(level, format, move |line| kept.lock().unwrap().push(line)), tell);
        let lines = lines.lock().unwrap();
        lines.clone()
    }

    fn tell() {
        error!(query = "q", help = "do it again", "error: query 'q' failed: {}", 7);
        warn!(partition = 3_u32, offset = -1_i64, "a dead letter");
        info!(sink = "s", "it goes on");
        debug!("a detail");
        info!(target: "hyper", "not ours");
    }

    #[test]
    fn a_line_of_text_is_the_message_alone() {
        let failed = "error: query 'q' failed: 7\nhelp: do it again";
        assert_eq!(lines(Level::WARN, LogFormat::Text, tell), [failed, "a dead letter"]);
        assert_eq!(lines(Level::INFO, LogFormat::Text, tell), [failed, "a dead letter", "it goes on"]);
        assert_eq!(lines(Level::DEBUG, LogFormat::Text, tell).len(), 4);
    }

    #[test]
    fn a_line_of_json_has_the_fields() {
        let lines = lines(Level::INFO, LogFormat::Json, || std::thread::spawn(as_here(tell)).join().unwrap());
        let objects: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(objects.len(), 3, "of the other thread, too");
        assert_eq!(objects[0]["level"], "error");
        assert_eq!(objects[0]["message"], "query 'q' failed: 7");
        assert_eq!((&objects[0]["query"], &objects[0]["help"]), (&"q".into(), &"do it again".into()));
        assert_eq!((&objects[1]["partition"], &objects[1]["offset"]), (&3.into(), &(-1).into()));
        assert!(
            lines[2].starts_with("{\"timestamp\":\"20") && lines[2].contains("Z\",\"level\":\"info\""),
            "{}",
            lines[2]
        );
    }
}
