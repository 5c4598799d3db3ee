//! What tools that read conditions by the rules of kstatus may rely on, in every status that anybody can see.

use recording_callback_operator::api::status::Status;

use super::world::condition;

/// Panics unless the conditions are a combination that the documentation names.
pub(crate) fn check(name: &str, status: &Status) {
    if status.conditions.is_empty() {
        return; // nobody has worked on the object yet
    }
    let ready =
        condition(status, "Ready").unwrap_or_else(|| panic!("{name}: no Ready: {status:#?}"));
    let others: Vec<&str> = status
        .conditions
        .iter()
        .filter(|condition| condition.type_ != "Ready")
        .map(|condition| {
            assert_eq!(
                condition.status, "True",
                "{name}: present only while True: {condition:?}"
            );
            condition.type_.as_str()
        })
        .collect();
    let passive = ["ObserveOnly", "Suspended"].contains(&ready.reason.as_str());
    let fits = match (ready.status.as_str(), passive) {
        ("True", _) | ("False" | "Unknown", true) => others.is_empty(),
        ("False", false) => others == ["Reconciling"] || others == ["Stalled"],
        ("Unknown", false) => others == ["Reconciling"],
        _ => false,
    };
    assert!(
        fits,
        "{name}: {} with {others:?}: {status:#?}",
        ready.status
    );
    for condition in &status.conditions {
        assert_eq!(
            condition.observed_generation, status.observed_generation,
            "{name}: {condition:?}"
        );
        assert!(!condition.message.is_empty(), "{name}: {condition:?}");
        assert!(
            condition.last_transition_time.is_some(),
            "{name}: {condition:?}"
        );
    }
}
