//! The Live API of Huawei Cloud: its calls, codes, answers, shared looks and notifications, on top of `platform`. Knows nothing of
//! Kubernetes.

pub mod answer;
pub mod classify;
pub mod client;
pub mod codes;
pub mod looks;
pub mod notification;
pub mod rules;
pub mod sign_key;
pub mod wire;
