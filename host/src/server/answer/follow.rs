//! Streams of server-sent events.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use bytes::Bytes;
use futures_util::stream;
use tokio::{select, time::sleep};

use super::Api;
use crate::{
    recent::Read,
    server::{logs::is_about, routes::Following},
};

/// How often a stream without events says that it is there, and looks whether its query is another one.
const ALIVE_EVERY: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How many bytes of events are sent at once, about: whoever reads slowly keeps them in memory.
const BYTES_AT_ONCE: usize = 64 << 10;

impl Api {
    /// A stream of events that ends when whoever follows goes away, or the query is gone.
    pub(super) fn follow(self: &Arc<Self>, following: Following) -> Response {
        let state = Some((self.clone(), following));
        let events = stream::unfold(state, |state| async move {
            let (api, mut following) = state?;
            let mut silent = Duration::ZERO;
            loop {
                let read = following.recent.since(following.from);
                let text = events(&mut following, read);
                if !text.is_empty() {
                    return Some((Ok::<_, Infallible>(Bytes::from(text)), Some((api, following))));
                }
                following.watch.borrow_and_update();
                if following.recent.since(following.from).next > following.from {
                    continue;
                }
                select! {
                    changed = following.watch.changed() => {
                        if changed.is_err() {
                            return None;
                        }
                    }
                    () = sleep(LOOK_EVERY) => {
                        silent += LOOK_EVERY;
                        api.renew(&mut following)?;
                        if silent >= ALIVE_EVERY {
                            return Some((Ok(Bytes::from_static(b": alive\n\n")), Some((api, following))));
                        }
                    }
                }
            }
        });
        let mut answer = Response::new(Body::from_stream(events));
        let headers = answer.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        answer
    }

    /// Follows the query of a later version of its deployment; none where there is no such query any more.
    fn renew(&self, following: &mut Following) -> Option<()> {
        let Some(name) = &following.query else { return Some(()) };
        let (_, progress) = self.deployments.progress(name).ok()?;
        let rows = progress.recent()?;
        if !rows.is_in(&following.recent) {
            (following.recent, following.watch) = rows.follow();
            following.from = 0;
        }
        Some(())
    }
}

/// Some events, and where the stream goes on behind them.
fn events(following: &mut Following, read: Read) -> String {
    let mut text = String::new();
    if read.dropped > 0 && following.only.is_none() {
        text = format!("event: dropped\ndata: {{\"dropped\":{}}}\n\n", read.dropped);
    }
    following.from = read.next;
    for item in read.items {
        if text.len() >= BYTES_AT_ONCE {
            following.from = item.number;
            break;
        }
        if following.only.as_ref().is_none_or(|only| is_about(&item.key, only)) {
            text.push_str(&format!("id: {}\ndata: {}\n\n", item.key, item.json));
        }
    }
    text
}
