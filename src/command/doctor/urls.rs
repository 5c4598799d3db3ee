//! Whether the URLs that callbacks go to can be reached from where this runs. The cloud calls them from elsewhere, so what is found here is a
//! hint and no proof.

use std::collections::BTreeMap;

use futures::{StreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use url::Url;

use super::finding::{Finding, counted};
use crate::api::RecordingCallback;
use crate::platform::transport::{HttpTransportError, Prober, Reached};

const CHECK: &str = "URL";

/// How many hosts are tried at once.
const AT_ONCE: usize = 8;

/// A certificate that ends sooner is told.
const SOON: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Tries each host once, however many objects name it.
pub(super) async fn examine(
    objects: &[RecordingCallback],
    machine: &str,
    now: Timestamp,
) -> Result<Vec<Finding>, HttpTransportError> {
    let prober = Prober::new()?;
    let mut hosts: BTreeMap<String, (Url, u64)> = BTreeMap::new();
    for url in objects
        .iter()
        .filter_map(|object| object.spec.notify_callback_url.as_ref())
    {
        if let Ok(url) = Url::parse(url) {
            let origin = url.origin().ascii_serialization();
            hosts.entry(origin).or_insert((url, 0)).1 += 1;
        }
    }
    let found = stream::iter(hosts)
        .map(async |(origin, (url, count))| {
            let count = counted(count, "object");
            match prober.probe(&url).await {
                Ok(reached) => certificate_finding(origin, &reached, &count, machine, now),
                Err(error) => Finding::warning(
                    CHECK,
                    origin,
                    format!("seen from {machine}: {error}; {count} notify there"),
                    "see that the cloud can reach it: from here it can't be; a name or a firewall may differ there",
                ),
            }
        })
        .buffered(AT_ONCE);
    Ok(found.collect().await)
}

fn certificate_finding(
    origin: String,
    reached: &Reached,
    count: &str,
    machine: &str,
    now: Timestamp,
) -> Finding {
    let address = reached.address;
    let Some(end) = reached.valid_until else {
        let detail =
            format!("{address} connects, seen from {machine}; {count} notify there without TLS");
        return Finding::ok(CHECK, origin, detail);
    };
    let detail = format!(
        "{address} connects, certificate accepted and valid until {}, seen from {machine}; {count} notify there",
        end.strftime("%Y-%m-%d")
    );
    if end.duration_since(now) < SOON {
        let remedy = "renew the certificate: the cloud notifies of nothing once it has ended";
        return Finding::warning(CHECK, origin, detail, remedy);
    }
    Finding::ok(CHECK, origin, detail)
}

#[cfg(test)]
mod tests {
    use super::super::finding::CheckResult;
    use super::*;

    #[test]
    fn a_certificate_that_ends_soon_is_told() {
        let now: Timestamp = "2026-11-29T12:00:00Z".parse().unwrap();
        for (until, result) in [
            (Some("2026-12-05T00:00:00Z"), CheckResult::Warning),
            (Some("2027-12-05T00:00:00Z"), CheckResult::Ok),
            (None, CheckResult::Ok),
        ] {
            let reached = Reached {
                address: "192.0.2.1:443".parse().unwrap(),
                valid_until: until.map(|until| until.parse().unwrap()),
            };
            let finding =
                certificate_finding("https://a".to_owned(), &reached, "1 object", "here", now);
            assert_eq!(finding.result, result, "{finding:?}");
            let day = until.map_or("without TLS", |until| &until[..10]);
            assert!(finding.detail.contains(day) && finding.detail.contains("from here"));
        }
    }
}
