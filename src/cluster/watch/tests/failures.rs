//! What kind of failure an error of a watch is.

use kube::core::Status;
use kube::runtime::watcher;
use serde_json::Value;

use crate::cluster::watch::was_brought;

#[test]
fn a_failure_that_a_watch_brought_is_told_from_one_that_ended_it() {
    let status = Box::new(Status::failure("etcdserver: request timed out", ""));
    assert!(was_brought(&watcher::Error::WatchError(status.clone())));
    let nothing = serde_json::from_str::<Value>("<p>").unwrap_err();
    let nothing = kube::Error::SerdeError(nothing);
    assert!(was_brought(&watcher::Error::WatchFailed(nothing)));
    let cut = kube::Error::ReadEvents(std::io::Error::other("cut off"));
    assert!(!was_brought(&watcher::Error::WatchFailed(cut)));
    let refused = kube::Error::Api(status);
    assert!(!was_brought(&watcher::Error::WatchStartFailed(refused)));
}
