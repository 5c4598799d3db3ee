//! Events against an API server that is slow, or silent.

use http::{Request, Response};
use kube::client::Body;
use serde_json::{Value, json};
use tower::BoxError;

use super::*;

fn object(namespace: &str) -> RecordingCallback {
    serde_json::from_value(json!({
        "apiVersion": "live.huaweicloud.com/v1alpha1", "kind": "RecordingCallback",
        "metadata": {"name": "push", "namespace": namespace, "uid": "uid"},
        "spec": {"publishDomain": "push.example.com", "app": "live"},
    }))
    .unwrap()
}

/// An API server that takes so long for each event, for those of one namespace without end, and what it has been told.
fn publisher(each: Duration) -> (EventPublisher, Arc<Mutex<Vec<String>>>) {
    let notes: Arc<Mutex<Vec<String>>> = Arc::default();
    let taken = Arc::clone(&notes);
    let service = tower::service_fn(move |request: Request<Body>| {
        let taken = Arc::clone(&taken);
        async move {
            if request.uri().path().contains("/namespaces/silent/") {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(each).await;
            let body = request.into_body().collect_bytes().await?;
            let event: Value = serde_json::from_slice(&body)?;
            let count = match event["series"]["count"].as_i64() {
                Some(count) => format!("{count} times"),
                None => event["note"].as_str().unwrap_or_default().to_owned(),
            };
            lock(&taken).push(count);
            let answer = json!({"metadata": {"name": "event"}}).to_string();
            Ok::<_, BoxError>(Response::new(Body::from(answer.into_bytes())))
        }
    });
    let client = Client::new(service, "default");
    (EventPublisher::new(client, "pod".to_owned()), notes)
}

fn publish(events: &EventPublisher, reason: Reason, note: &str) {
    events.publish(&object("media"), EventType::Normal, reason, note);
}

#[tokio::test(start_paused = true)]
async fn events_are_published_in_their_order_and_before_the_end() {
    let (events, notes) = publisher(Duration::from_millis(10));
    publish(&events, Reason::Creating, "one");
    publish(&events, Reason::Available, "two");
    publish(&events, Reason::Suspended, "three");
    assert!(lock(&notes).is_empty(), "nobody has waited");
    events.flush().await;
    assert_eq!(*lock(&notes), ["one", "two", "three"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_told_again_soon_is_counted() {
    let (events, notes) = publisher(Duration::ZERO);
    for _ in 0..3 {
        publish(&events, Reason::Available, "again");
        publish(&events, Reason::Suspended, "and again");
    }
    events.flush().await;
    tokio::time::advance(SERIES).await;
    publish(&events, Reason::Available, "anew");
    events.flush().await;
    let counted = ["2 times", "2 times", "3 times", "3 times", "anew"];
    assert_eq!(lock(&notes)[..2], ["again", "and again"]);
    assert_eq!(lock(&notes)[2..], counted);
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_is_silent_holds_up_neither_the_work_nor_the_end() {
    let (events, notes) = publisher(Duration::from_hours(1));
    for _ in 0..2 * OF_ONE_NAMESPACE {
        publish(&events, Reason::Available, "one of many");
    }
    for number in 0..2 * WAITING {
        let object = object(&format!("namespace-{}", number % 100));
        events.publish(&object, EventType::Normal, Reason::Available, "one of many");
    }
    let lined_up = {
        let state = lock(&events.0.state);
        (state.served["media"].len(), state.count)
    };
    assert_eq!(lined_up, (OF_ONE_NAMESPACE, WAITING));
    let begun = Instant::now();
    events.flush().await;
    assert_eq!(begun.elapsed(), FLUSH_LIMIT);
    assert!(lock(&notes).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_namespace_where_nothing_is_answered_delays_no_other_and_is_left_alone_for_a_minute() {
    let (events, notes) = publisher(Duration::from_millis(10));
    let silent = || {
        events.publish(
            &object("silent"),
            EventType::Normal,
            Reason::Available,
            "lost",
        );
        lock(&events.0.state).count
    };
    for _ in 0..100 {
        silent();
    }
    publish(&events, Reason::Creating, "one");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(*lock(&notes), ["one"]);
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(silent(), 0, "those that waited are dropped, as is this one");
    assert!(lock(&events.0.state).served.is_empty());
    tokio::time::sleep(REST).await;
    assert_eq!(silent(), 1, "it is tried again");
}

#[test]
fn a_note_is_not_cut_inside_a_character() {
    assert_eq!(shortened("short"), "short");
    assert_eq!(shortened(&"ä".repeat(600)).len(), 1000);
    assert_eq!(shortened(&format!("a{}", "ä".repeat(600))).len(), 999);
}

#[test]
fn the_event_of_an_object_with_the_longest_name_has_a_name_that_the_api_server_takes() {
    let named = |name: &str| {
        let mut about = object("media");
        about.metadata.name = Some(name.to_owned());
        let transition = Transition {
            about: about.object_ref(&()),
            at: stamp(),
            event_type: EventType::Normal,
            reason: Reason::Available,
            note: String::new(),
        };
        transition.event_name(&stamp())
    };
    assert!(named("push").starts_with("push."));
    let dotted = format!("{}.{}", "a".repeat(235), "b".repeat(17));
    for long in ["a".repeat(253), dotted] {
        let name = named(&long);
        assert!(name.len() <= 253, "{name}");
        let mut parts = name.split('.');
        assert!(parts.all(|part| !part.is_empty()), "{name}");
    }
}
