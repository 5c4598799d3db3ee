//! What was asked of the operator for an object, and is not answered. If it lasts, no operator is at work that serves it. Pure.

use crate::api::{RECONCILE_REQUESTED_AT, RecordingCallback};

/// Something that the operator has not come to yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// The object: no operator has seen it.
    Object,
    /// The newest spec.
    Spec {
        /// Its generation.
        generation: i64,
        /// That of the spec that the status tells of.
        told: i64,
    },
    /// A look that somebody asked for.
    Look,
}

/// All that the operator has not come to yet.
pub(super) fn unanswered(object: &RecordingCallback) -> Vec<Unanswered> {
    let status = object.status.as_ref();
    let generation = object.metadata.generation;
    let mut unanswered = Vec::new();
    match status.and_then(|status| status.observed_generation) {
        Some(told) if told < 0 => unanswered.push(Unanswered::Object),
        Some(told) if Some(told) != generation => unanswered.push(Unanswered::Spec {
            generation: generation.unwrap_or_default(),
            told,
        }),
        Some(_) => {}
        None => unanswered.push(Unanswered::Object),
    }
    let annotations = object.metadata.annotations.as_ref();
    let asked = annotations.and_then(|annotations| annotations.get(RECONCILE_REQUESTED_AT));
    let answered = status.and_then(|status| status.last_handled_reconcile_at.as_ref());
    if asked.is_some() && asked != answered {
        unanswered.push(Unanswered::Look);
    }
    unanswered
}
