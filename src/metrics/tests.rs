//! The exposition, read as Prometheus reads it, against the table that the docs are made of.

use std::collections::BTreeSet;

use tokio::time::advance;

use super::*;

/// A project of which something was listed just now.
fn listed_now(project: &str) -> BTreeMap<(String, String), ProjectInventory> {
    let told = ProjectInventory {
        compared: Instant::now(),
        unmanaged: Some(2),
    };
    [(("cn-north-4".to_owned(), project.to_owned()), told)].into()
}

fn used() -> Metrics {
    let metrics = Metrics::new(
        |code| if code == "LIVE.1" { "LIVE.1" } else { "other" },
        true,
    );
    metrics.api_request(
        Operation::Create,
        Some(201),
        None,
        Duration::from_millis(80),
    );
    metrics.api_outcome_unknown();
    metrics.quota_waited("create", Duration::from_secs(3));
    metrics.set_quota_limit("cn-north-4", "AKIA", 270);
    metrics.reconciled(ReconcileResult::Success, Duration::from_millis(90));
    metrics.drift_repaired();
    metrics.set_inventories(listed_now("0123"));
    metrics.set_accounts([("reached", 2), ("unreachable", 0), ("refused", 1)]);
    metrics.set_clock_offset(-1.5);
    metrics.set_watch_up("media", true);
    metrics.watch_missed(2);
    metrics.set_leader(true);
    metrics
}

/// The samples of a metric: what follows its name.
fn samples(text: &str, name: &str) -> Vec<String> {
    let name = format!("recording_callback_{name}");
    let lines = text.lines().filter_map(|line| line.strip_prefix(&name));
    lines
        .filter(|rest| rest.starts_with(['{', ' ']))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn every_metric_has_the_name_type_and_labels_of_the_table() {
    let text = used().encode();
    for row in table::ALL {
        let family = row
            .name
            .trim_end_matches("_total")
            .trim_end_matches("_info");
        let kind = format!("# TYPE recording_callback_{family} {}\n", row.kind);
        assert!(text.contains(&kind), "{kind} is not in\n{text}");
        let sample = if row.kind == "histogram" {
            format!("{}_count", row.name)
        } else {
            row.name.into()
        };
        let samples = samples(&text, &sample);
        assert!(!samples.is_empty(), "{} has no sample in\n{text}", row.name);
        for sample in samples {
            let labels = sample
                .strip_prefix('{')
                .and_then(|rest| rest.split_once('}'));
            let labels = labels.map_or("", |(labels, _)| labels);
            let names: Vec<_> = labels
                .split(',')
                .filter_map(|pair| Some(pair.split_once('=')?.0))
                .collect();
            assert_eq!(names, row.labels, "{}", row.name);
        }
    }
    let families = text
        .lines()
        .filter(|line| line.starts_with("# TYPE recording_callback_"))
        .count();
    assert_eq!(
        families,
        table::ALL.len(),
        "a metric is not in the table:\n{text}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn the_process_is_told_of_by_the_usual_names() {
    let text = Metrics::new(|_| "other", false).encode();
    let value = |name: &str| {
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        value.and_then(|value| value.parse::<f64>().ok())
    };
    for name in process::NAMES {
        let least = match name {
            "process_cpu_seconds_total" => 0.0,
            "process_resident_memory_bytes" | "process_virtual_memory_bytes" => 1_048_576.0,
            "process_start_time_seconds" => 1_700_000_000.0,
            _ => 1.0,
        };
        assert!(
            value(name).is_some_and(|value| value >= least),
            "{name} in\n{text}"
        );
    }
}

#[tokio::test]
async fn an_unknown_error_code_makes_no_label() {
    let metrics = used();
    for code in ["LIVE.1", "XSS.1", "XSS.2"] {
        metrics.api_request(Operation::Create, Some(400), Some(code), Duration::ZERO);
    }
    metrics.api_request(Operation::List, None, None, Duration::ZERO);
    let found: BTreeSet<String> = samples(&metrics.encode(), "api_requests_total")
        .into_iter()
        .collect();
    let expected = [
        r#"{operation="Create",http_status="201",error_code=""} 1"#,
        r#"{operation="Create",http_status="400",error_code="LIVE.1"} 1"#,
        r#"{operation="Create",http_status="400",error_code="other"} 2"#,
        r#"{operation="List",http_status="",error_code=""} 1"#,
    ];
    assert_eq!(found, expected.map(str::to_owned).into());
}

/// The exposition's samples without their values.
fn series(metrics: &Metrics) -> BTreeSet<String> {
    let text = metrics.encode();
    let samples = text.lines().filter(|line| !line.starts_with('#'));
    let series = samples.filter_map(|sample| Some(sample.rsplit_once(' ')?.0.to_owned()));
    series.collect()
}

#[tokio::test]
async fn a_thousand_codes_that_the_cloud_makes_up_are_one_series() {
    let metrics = Metrics::new(crate::live::codes::label, false);
    let refused =
        |code: &str| metrics.api_request(Operation::Create, Some(400), Some(code), Duration::ZERO);
    refused("LIVE.000000000");
    let before = series(&metrics);
    for number in 0..1000 {
        refused(&format!("LIVE.9{number:08}"));
    }
    assert_eq!(series(&metrics), before);
    let all = r#"{operation="Create",http_status="400",error_code="other"} 1001"#;
    assert_eq!(samples(&metrics.encode(), "api_requests_total"), [all]);

    // One that is known is one more.
    refused("LIVE.100011001");
    assert_eq!(series(&metrics).len(), before.len() + 1);
}

#[tokio::test]
async fn a_cloud_that_answers_whatever_there_is_makes_few_series() {
    let metrics = Metrics::new(crate::live::codes::label, false);
    let called = |status, code| metrics.api_request(Operation::List, status, code, Duration::ZERO);
    called(Some(429), Some("APIG.0308"));
    let before = series(&metrics).len();
    let families = crate::live::codes::FAMILIES;
    let codes: Vec<_> = families.iter().flat_map(|(_, table)| *table).collect();
    let operations = [
        Operation::Create,
        Operation::Update,
        Operation::Delete,
        Operation::Get,
        Operation::List,
    ];
    let told = [200, 401, 429, 500].into_iter();
    for status in told.chain((100..=999).step_by(9)) {
        for operation in operations {
            for code in &codes {
                metrics.api_request(operation, Some(status), Some(code.code), Duration::ZERO);
            }
            metrics.api_request(operation, Some(status), None, Duration::ZERO);
        }
    }
    let added = series(&metrics).len() - before;
    assert!(added <= 800, "{added} more");

    // What there is goes on being told, and so does each status that means something.
    called(Some(429), Some("APIG.0308"));
    called(Some(429), Some("LIVE.100011007"));
    // What an alert asks for, too.
    let alerts = include_str!("../../deploy/monitoring/alerts.yaml");
    let asked = alerts.split("error_code=\"").skip(1);
    let asked: Vec<_> = asked.filter_map(|rest| rest.split('"').next()).collect();
    for code in &asked {
        called(Some(500), Some(code));
    }
    let listed = samples(&metrics.encode(), "api_requests_total");
    let has = |labels: &str| {
        let labels = format!("{{operation=\"List\",http_status={labels}}} ");
        listed.iter().any(|sample| sample.starts_with(&labels))
    };
    assert!(has(r#""429",error_code="APIG.0308""#), "{listed:?}");
    assert!(!asked.is_empty());
    for code in asked {
        assert!(has(&format!(r#""500",error_code="{code}""#)), "{code}");
    }
    for status in ["200", "401", "429", "500", "2xx", "4xx", "5xx", "other"] {
        assert!(has(&format!(r#""{status}",error_code="""#)), "{status}");
    }
}

#[tokio::test]
async fn a_reason_that_no_object_has_any_more_goes_to_zero() {
    let metrics = used();
    let conflict = |text: &str| {
        samples(text, "resources")
            .into_iter()
            .find(|s| s.contains("Conflict"))
    };
    metrics.set_resources(&BTreeMap::from([(Reason::Conflict, 3)]));
    assert_eq!(
        conflict(&metrics.encode()).unwrap(),
        r#"{reason="Conflict"} 3"#
    );
    metrics.set_resources(&BTreeMap::from([(Reason::Available, 3)]));
    assert_eq!(
        conflict(&metrics.encode()).unwrap(),
        r#"{reason="Conflict"} 0"#
    );
}

#[tokio::test(start_paused = true)]
async fn the_age_of_the_inventory_grows_by_itself_and_ends_with_the_project() {
    let metrics = used();
    advance(Duration::from_secs(90)).await;
    let age = r#"{region="cn-north-4",project="0123"} 90.0"#;
    assert_eq!(samples(&metrics.encode(), "inventory_age_seconds"), [age]);
    metrics.set_inventories(listed_now("0123"));
    assert!(samples(&metrics.encode(), "inventory_age_seconds")[0].ends_with(" 0.0"));
    metrics.set_inventories(listed_now("4567"));
    let text = metrics.encode();
    for name in ["inventory_age_seconds", "unmanaged_callbacks"] {
        let told = samples(&text, name);
        assert!(told.len() == 1 && told[0].contains("4567"), "{text}");
    }
    metrics.set_inventories(BTreeMap::new());
    let text = metrics.encode();
    assert!(samples(&text, "inventory_age_seconds").is_empty(), "{text}");
    assert!(samples(&text, "unmanaged_callbacks").is_empty(), "{text}");
}
