//! What a process takes of the machine, as Linux tells it.

use std::fs;

use crate::support::operator::OperatorProcess;

/// The ticks of a second in /proc; the same on every Linux.
const TICKS: f64 = 100.0;

/// Seconds of CPU since its start.
pub(super) fn cpu(operator: &OperatorProcess) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", operator.process())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |field: usize| fields[field].parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / TICKS
}

/// MiB that are resident now.
pub(super) fn memory(operator: &OperatorProcess) -> f64 {
    of_status(operator, "VmRSS:")
}

/// The most MiB that were ever resident.
pub(super) fn peak(operator: &OperatorProcess) -> f64 {
    of_status(operator, "VmHWM:")
}

fn of_status(operator: &OperatorProcess, name: &str) -> f64 {
    let status = fs::read_to_string(format!("/proc/{}/status", operator.process())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.unwrap().parse::<f64>().unwrap() / 1024.0
}

/// The value of a counter or gauge without labels, or the sum over its labels.
pub(super) async fn metric(operator: &OperatorProcess, name: &str) -> f64 {
    let (_, page) = operator.get("/metrics").await.unwrap();
    let samples = page.lines().filter_map(|line| line.strip_prefix(name));
    let samples = samples.filter(|rest| rest.starts_with(['{', ' ']));
    samples
        .filter_map(|rest| rest.rsplit(' ').next()?.parse::<f64>().ok())
        .sum()
}
