//! What an operator takes of the cloud's quota, by its own metrics; that others take of it, too, shows in what was answered 429. Only reads.

use jiff::Timestamp;
use kube::Client;

use super::finding::Finding;
use super::operators::{InstalledOperator, LOOK_INSIDE};
use crate::cluster::pods;
use crate::config::elsewhere::{LISTEN, REQUESTS_PER_MINUTE};

const CHECK: &str = "Quota";

const CALLS: &str = "recording_callback_api_requests_total{";
const STARTED: &str = "process_start_time_seconds ";
const THROTTLED: &str = "http_status=\"429\"";

/// What the pods of an operator count together.
#[derive(Debug, Default, PartialEq)]
struct Usage {
    calls: f64,
    throttled: f64,
    /// For how long they have counted, at most.
    minutes: f64,
}

/// A finding for each operator whose pods run.
pub(super) async fn examine(
    client: &Client,
    operators: &[InstalledOperator],
    now: Timestamp,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    for operator in operators {
        let Some(selector) = &operator.pods else {
            continue;
        };
        let listen = operator.setting(&LISTEN);
        let settings =
            listen.and_then(|it| Ok((it.port(), *operator.setting(&REQUESTS_PER_MINUTE)?)));
        let (port, limit) = match settings {
            Ok(settings) => settings,
            Err(why) => {
                let detail = format!("what it takes of the quota is not known: {why}");
                let finding = Finding::unknown(CHECK, operator.subject(), detail, LOOK_INSIDE);
                findings.push(finding);
                continue;
            }
        };
        match pods::metrics(client, &operator.namespace, selector, port).await {
            Ok(pages) if pages.is_empty() => {}
            Ok(pages) => {
                let usage = Usage::of(&pages, now);
                findings.push(usage_finding(operator.subject(), &usage, limit));
            }
            Err(error) => {
                let detail = format!("what it takes of the quota is not known: {error}");
                let remedy = "allow list on pods and get on pods/proxy there, or see the metric recording_callback_api_requests_total";
                findings.push(Finding::unknown(CHECK, operator.subject(), detail, remedy));
            }
        }
    }
    findings
}

impl Usage {
    fn of(pages: &[String], now: Timestamp) -> Self {
        let mut usage = Self::default();
        for line in pages.iter().flat_map(|page| page.lines()) {
            let value = || {
                line.rsplit(' ')
                    .next()
                    .and_then(|value| value.parse::<f64>().ok())
            };
            if line.starts_with(CALLS) {
                let calls = value().unwrap_or(0.0);
                usage.calls += calls;
                if line.contains(THROTTLED) {
                    usage.throttled += calls;
                }
            } else if line.starts_with(STARTED)
                && let Some(started) = value()
            {
                let since_1970 = now.duration_since(Timestamp::UNIX_EPOCH).as_secs_f64();
                usage.minutes = usage.minutes.max((since_1970 - started) / 60.0);
            }
        }
        usage
    }
}

fn usage_finding(subject: String, usage: &Usage, limit: u32) -> Finding {
    let Usage {
        calls,
        throttled,
        minutes,
    } = usage;
    let rate = calls / minutes.max(1.0);
    let made = format!(
        "its pods made {calls} calls to the cloud in {minutes:.0} minutes, {rate:.1} a minute of {limit} for each identity"
    );
    if *throttled == 0.0 {
        return Finding::ok(CHECK, subject, format!("{made}; none was answered 429"));
    }
    let detail = format!("{made}; {throttled} were answered 429");
    let remedy = "others use the same user's quota, or it is less than --requests-per-minute: give the operator a user of its own, or lower it";
    Finding::warning(CHECK, subject, detail, remedy)
}

#[cfg(test)]
mod tests {
    use super::super::finding::CheckResult;
    use super::*;

    #[test]
    fn what_all_pods_count_is_told_together() {
        let page = |calls: &str, started: &str| {
            format!("# TYPE x counter\nprocess_start_time_seconds {started}\n{calls}")
        };
        let at = |second| Timestamp::from_second(second).unwrap();
        let well = "recording_callback_api_requests_total{operation=\"List\",http_status=\"200\",error_code=\"\"} 90\n";
        let refused = "recording_callback_api_requests_total{operation=\"List\",http_status=\"429\",error_code=\"APIG.0308\"} 30\n";
        let usage = Usage::of(&[page(well, "6000"), page("", "6600.5")], at(9600));
        assert_eq!(
            usage,
            Usage {
                calls: 90.0,
                throttled: 0.0,
                minutes: 60.0
            }
        );
        let finding = usage_finding("ns/name".to_owned(), &usage, 270);
        assert!(
            finding.result == CheckResult::Ok && finding.detail.contains("1.5 a minute of 270"),
            "{finding:?}"
        );
        let both = format!("{well}{refused}");
        let usage = Usage::of(&[page(&both, "6000")], at(9600));
        let finding = usage_finding("ns/name".to_owned(), &usage, 270);
        assert!(
            finding.result == CheckResult::Warning
                && finding.detail.contains("30 were answered 429"),
            "{finding:?}"
        );
        assert_eq!(Usage::of(&["<html>".to_owned()], at(0)), Usage::default());
    }
}
