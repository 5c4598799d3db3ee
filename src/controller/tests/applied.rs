//! What others wrote into an object's metadata, which kubectl and deployment tools go by when they apply the next time.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::object::{ready, spec};
use super::trouble::{Peace, Troubled};
use super::world::ControllerWorld;

#[tokio::test(start_paused = true)]
async fn the_record_is_written_beside_what_kubectl_remembers_and_not_over_it() {
    let peace: Arc<dyn Troubled> = Arc::new(Peace);
    let mut world = ControllerWorld::new(&peace);
    world.apply("push", &spec("push"));
    let key = "kubectl.kubernetes.io/last-applied-configuration";
    let applied = json!({ "metadata": { "annotations": { key: "{}" } } });
    world.merge("push", &applied);
    world.start();
    let is_ready = |world: &ControllerWorld| {
        let object = world.object("push").unwrap_or_default();
        ready(&object)["status"] == "True"
    };
    assert!(world.until(Duration::from_mins(3), is_ready).await);
    let object = world.object("push").unwrap();
    let annotations = object["metadata"]["annotations"].as_object().unwrap();
    assert_eq!((annotations.len(), &annotations[key]), (2, &json!("{}")));
}
