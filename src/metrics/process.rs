//! What every Prometheus client tells of its own process, by the names that all of them use: read from `/proc` when it is asked for. On
//! other systems than Linux nothing is told.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric as _};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// The names, for the docs.
#[cfg(test)]
pub(super) const NAMES: [&str; 7] = [
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_virtual_memory_bytes",
    "process_start_time_seconds",
    "process_open_fds",
    "process_max_fds",
    "process_threads",
];

/// This process.
#[derive(Debug)]
pub(super) struct ProcessCollector;

/// What `/proc` says of it.
struct Figures {
    cpu_seconds: f64,
    resident_memory: u64,
    virtual_memory: u64,
    /// Seconds since 1970.
    start: f64,
    open_descriptors: u64,
    /// `None` without a limit.
    most_descriptors: Option<u64>,
    threads: u64,
}

impl Collector for ProcessCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let Some(figures) = figures() else {
            return Ok(());
        };
        // The format adds `_total` by itself.
        let cpu = "process_cpu_seconds";
        let help = "CPU time used, of users and system";
        let cpu = encoder.encode_descriptor(cpu, help, None, MetricType::Counter)?;
        ConstCounter::new(figures.cpu_seconds).encode(cpu)?;
        let mut gauge = |name, help, value| {
            let metric = encoder.encode_descriptor(name, help, None, MetricType::Gauge)?;
            ConstGauge::new(value).encode(metric)
        };
        #[expect(
            clippy::cast_precision_loss,
            reason = "figures of a process are far below 2^52"
        )]
        let float = |value: u64| value as f64;
        gauge(
            "process_resident_memory_bytes",
            "Memory that is in RAM",
            float(figures.resident_memory),
        )?;
        gauge(
            "process_virtual_memory_bytes",
            "Memory that is mapped",
            float(figures.virtual_memory),
        )?;
        gauge(
            "process_start_time_seconds",
            "When the process began, in seconds since 1970",
            figures.start,
        )?;
        gauge(
            "process_open_fds",
            "Descriptors that are open",
            float(figures.open_descriptors),
        )?;
        if let Some(most) = figures.most_descriptors {
            gauge(
                "process_max_fds",
                "Descriptors that may be open",
                float(most),
            )?;
        }
        gauge("process_threads", "Threads", float(figures.threads))
    }
}

#[cfg(target_os = "linux")]
fn figures() -> Option<Figures> {
    use procfs::process::{LimitValue, Process};

    let process = Process::myself().ok()?;
    let stat = process.stat().ok()?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "ticks of a process are far below 2^52"
    )]
    let seconds = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    let boot = u32::try_from(procfs::boot_time_secs().ok()?).ok()?;
    let limit = process.limits().ok()?.max_open_files.soft_limit;
    Some(Figures {
        cpu_seconds: seconds(stat.utime + stat.stime),
        resident_memory: stat.rss * procfs::page_size(),
        virtual_memory: stat.vsize,
        start: f64::from(boot) + seconds(stat.starttime),
        open_descriptors: u64::try_from(process.fd_count().ok()?).ok()?,
        most_descriptors: match limit {
            LimitValue::Value(most) => Some(most),
            LimitValue::Unlimited => None,
        },
        threads: u64::try_from(stat.num_threads).ok()?,
    })
}

#[cfg(not(target_os = "linux"))]
fn figures() -> Option<Figures> {
    None
}
