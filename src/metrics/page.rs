//! `docs/metrics.md`, made from the table of metrics. Compiled for tests only: one of them compares the page with this.

use std::fmt::Write as _;

use super::{process, table};
use crate::api::generated;

/// The reference of the metrics, in Markdown.
fn markdown() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         Served at `/metrics` of `--listen` in the OpenMetrics text format. No label is per object; per-object state for dashboards \
         comes from kube-state-metrics.\n\n\
         | Metric | Type | Labels | Meaning |\n|---|---|---|---|\n",
    );
    for row in table::ALL {
        let labels: Vec<String> = row
            .labels
            .iter()
            .map(|label| format!("`{label}`"))
            .collect();
        // Writing to a string can't fail.
        let _ = writeln!(
            text,
            "| `{}_{}` | {} | {} | {} |",
            table::PREFIX,
            row.name,
            row.kind,
            labels.join(", "),
            row.help
        );
    }
    let _ = writeln!(
        text,
        "\nOn Linux also what every Prometheus client tells of its process: `{}`.",
        process::NAMES.join("`, `")
    );
    text
}

#[test]
fn the_reference_is_current() {
    generated::assert_current("docs/metrics.md", &markdown());
}
