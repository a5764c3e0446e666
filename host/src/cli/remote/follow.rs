//! A stream of server-sent events, taken up again where it was when the connection is lost.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use tokio::time::sleep;

use super::{Remote, Request};
use crate::cli::Failure;

/// Between two tries to take the stream up again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
/// How often it is tried, one time after the other.
const TRIES_MAX: u32 = 30;

/// What came.
pub(super) enum Event {
    /// One of what is followed.
    Data(String),
    /// So many were too old.
    Dropped(u64),
}

impl Remote {
    /// Follows until `take` says that it is enough, or the host has nothing more.
    pub(super) fn follow(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        mut take: impl FnMut(Event) -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        self.waiting.block_on(async {
            let mut last = None;
            let mut tries = 0;
            let mut query = query.to_vec();
            query.push(("follow", "true".to_owned()));
            loop {
                match self.follow_once(path, &query, &mut last, &mut take, &mut tries).await {
                    Ok(true) => return Ok(()),
                    // The connection was closed, as it is after a while: on from the last event.
                    Ok(false) => {}
                    Err(failure @ Failure::Runtime(_)) if tries < TRIES_MAX && last.is_some() => {
                        drop(failure)
                    }
                    Err(failure) => return Err(failure),
                }
                tries += 1;
                sleep(AGAIN_AFTER).await;
            }
        })
    }

    /// Whether it was enough.
    async fn follow_once(
        &self,
        path: &[&str],
        query: &[(&str, String)],
        last: &mut Option<String>,
        take: &mut impl FnMut(Event) -> Result<bool, Failure>,
        tries: &mut u32,
    ) -> Result<bool, Failure> {
        let request = Request { query, ..Request::get(path) };
        let mut response = self.send_following(request, last.as_deref()).await?;
        let (mut text, mut id, mut event) = (Vec::new(), None, String::new());
        while let Some(part) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            *tries = 0;
            text.extend_from_slice(&part);
            while let Some(end) = memchr::memchr(b'\n', &text) {
                let line: Vec<u8> = text.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                let line = line.trim_end();
                if let Some(given) = line.strip_prefix("id: ") {
                    id = Some(given.to_owned());
                } else if let Some(given) = line.strip_prefix("event: ") {
                    event = given.to_owned();
                } else if let Some(data) = line.strip_prefix("data: ") {
                    let came = match event.as_str() {
                        "dropped" => Event::Dropped(dropped(data)),
                        _ => Event::Data(data.to_owned()),
                    };
                    event.clear();
                    *last = id.take().or_else(|| last.take());
                    if take(came)? {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }

    async fn send_following(
        &self,
        request: Request<'_>,
        last: Option<&str>,
    ) -> Result<reqwest::Response, Failure> {
        let response = self.send_after(request, last).await?;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(response);
        }
        let bytes = response.bytes().await.map_err(|error| self.unreachable(&error))?;
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Err(self.failure(&super::Answer { status, json, text: String::new() }, &[]))
    }
}

/// Those that the host has in memory, as `rows` of an answer.
pub(super) fn kept(answer: &str) -> Vec<Box<RawValue>> {
    #[derive(Default, Deserialize)]
    struct Kept {
        rows: Vec<Box<RawValue>>,
    }
    serde_json::from_str::<Kept>(answer).unwrap_or_default().rows
}

fn dropped(data: &str) -> u64 {
    let json: Value = serde_json::from_str(data).unwrap_or(Value::Null);
    json.get("dropped").and_then(Value::as_u64).unwrap_or_default()
}
