//! Watches: every change since a version, then those that come, until the time that was asked for is over.

use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::unfold;
use http::Response;
use http_body::Frame;
use http_body_util::{BodyExt as _, StreamBody};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until};
use tower::BoxError;

use super::address::parameter;
use super::{ApiAnswer, MemoryApiServer};
use crate::controller::tests::life::Life;

/// How often a watch says how far it is.
const BOOKMARKS: Duration = Duration::from_mins(1);

struct ServedWatch {
    server: MemoryApiServer,
    version: u64,
    /// How often all lists and watches had been too old when it began.
    expiries: u64,
    end: Instant,
    bookmark: Instant,
}

/// The answer to a watch with this query.
pub(super) fn answer(server: &MemoryApiServer, life: &Life, query: &str) -> ApiAnswer {
    let parameter = |name: &str| parameter(query, name)?.parse::<u64>().ok();
    let now = Instant::now();
    let watch = ServedWatch {
        server: server.clone(),
        version: parameter("resourceVersion").unwrap_or_default(),
        expiries: server.lock().expiries,
        end: now + Duration::from_secs(parameter("timeoutSeconds").unwrap_or(300)),
        bookmark: now + BOOKMARKS,
    };
    let life = life.clone();
    let lines = unfold(watch, |mut watch| async move {
        let item = watch.next().await?;
        let frame = Frame::data(Bytes::from(format!("{item}\n")));
        Some((Ok::<_, BoxError>(frame), watch))
    });
    let lines = lines.take_until(async move { life.ended().await });
    Response::new(StreamBody::new(lines).boxed_unsync())
}

impl ServedWatch {
    async fn next(&mut self) -> Option<Value> {
        let mut changed = self.server.changed.subscribe();
        loop {
            changed.mark_unchanged();
            let now = Instant::now();
            if now >= self.end {
                return None;
            }
            if self.is_too_old() {
                self.end = now;
                return Some(json!({"type": "ERROR", "object": {
                    "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": "too old resource version", "reason": "Expired", "code": 410,
                }}));
            }
            if now >= self.bookmark {
                self.bookmark = now + BOOKMARKS;
                return Some(self.bookmark());
            }
            let mut until = self.end.min(self.bookmark);
            if let Some((delivered_at, line, version)) = self.following() {
                if delivered_at <= now {
                    self.version = version;
                    return Some(line);
                }
                until = until.min(delivered_at);
            }
            tokio::select! {
                biased;
                _ = changed.changed() => {}
                () = sleep_until(until) => {}
            }
        }
    }

    fn is_too_old(&self) -> bool {
        let store = self.server.lock();
        store.has_compacted(self.version) || store.expiries > self.expiries
    }

    fn following(&self) -> Option<(Instant, Value, u64)> {
        let store = self.server.lock();
        let change = store.after(self.version)?;
        let line = json!({"type": change.kind, "object": change.object});
        Some((change.delivered_at?, line, change.version))
    }

    fn bookmark(&self) -> Value {
        json!({"type": "BOOKMARK", "object": {
            "apiVersion": "live.huaweicloud.com/v1alpha1",
            "kind": "RecordingCallback",
            "metadata": {"resourceVersion": self.version.to_string()},
            "spec": {"publishDomain": "", "app": ""},
        }})
    }
}
