//! What a check found, and how it is told. Pure.

use serde::Serialize;

use crate::cluster::error::{ClusterError, NO_API};
use crate::command::output::{TableRow, printable, table};

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) enum CheckResult {
    /// All is well.
    Ok,
    /// It works, but somebody should look at it.
    Warning,
    /// The operator can't work so.
    Failed,
    /// It could not be checked.
    Unknown,
}

/// One check, and what it found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) subject: String,
    pub(super) result: CheckResult,
    pub(super) detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) remedy: Option<String>,
    /// Whether the API server did not let it be checked: whoever asked has no answer.
    #[serde(skip)]
    is_kept_back: bool,
}

impl Finding {
    pub(super) fn ok(check: &'static str, subject: impl Into<String>, detail: String) -> Self {
        Self::new(CheckResult::Ok, check, subject, detail, None)
    }

    pub(super) fn warning(
        check: &'static str,
        subject: impl Into<String>,
        detail: String,
        remedy: impl Into<String>,
    ) -> Self {
        let remedy = Some(remedy.into());
        Self::new(CheckResult::Warning, check, subject, detail, remedy)
    }

    pub(super) fn failed(
        check: &'static str,
        subject: impl Into<String>,
        detail: String,
        remedy: impl Into<String>,
    ) -> Self {
        let remedy = Some(remedy.into());
        Self::new(CheckResult::Failed, check, subject, detail, remedy)
    }

    pub(super) fn unknown(
        check: &'static str,
        subject: impl Into<String>,
        detail: String,
        remedy: impl Into<String>,
    ) -> Self {
        let remedy = Some(remedy.into());
        Self::new(CheckResult::Unknown, check, subject, detail, remedy)
    }

    /// What could not be checked since the API server did not answer, or with a refusal; `right` is what a refusal asks for.
    pub(super) fn kept_back(
        check: &'static str,
        subject: impl Into<String>,
        error: &ClusterError,
        right: &str,
    ) -> Self {
        let remedy = match error.remedy() {
            Some(remedy) if !error.is_forbidden() => remedy,
            _ => right,
        };
        Self {
            is_kept_back: true,
            ..Self::unknown(check, subject, error.to_string(), remedy)
        }
    }

    /// The same of the one thing without which nothing can be checked.
    pub(super) fn unreached(check: &'static str, subject: &str, error: &ClusterError) -> Self {
        let remedy = match error.remedy() {
            // Every API server has its version.
            Some(_) if error.is_unserved() => NO_API,
            Some(_) if error.is_forbidden() => {
                "allow get on the path /version, as the ClusterRole system:public-info-viewer does for everybody"
            }
            Some(remedy) => remedy,
            None => "see kubectl version, and the API server's log",
        };
        Self {
            is_kept_back: true,
            ..Self::failed(check, subject, error.to_string(), remedy)
        }
    }

    fn new(
        result: CheckResult,
        check: &'static str,
        subject: impl Into<String>,
        detail: String,
        remedy: Option<String>,
    ) -> Self {
        Self {
            check,
            subject: subject.into(),
            result,
            detail,
            remedy,
            is_kept_back: false,
        }
    }

    /// That it could not be checked since the API server did not let it, and what to do.
    pub(super) fn problem(&self) -> Option<String> {
        let (check, subject, detail) = (self.check, &self.subject, &self.detail);
        let remedy = self.remedy.as_deref().unwrap_or_default();
        let text = || format!("{check} {subject}: {detail}; {remedy}");
        self.is_kept_back.then(text)
    }

    /// Whether the operator can't work so, or that it can was not to be seen.
    pub(super) fn is_failure(&self) -> bool {
        self.result == CheckResult::Failed || self.is_kept_back
    }
}

impl TableRow for Finding {
    const HEADS: &'static [&'static str] = &["CHECK", "RESULT", "SUBJECT", "DETAIL"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.check.to_owned(),
            format!("{:?}", self.result),
            self.subject.clone(),
            self.detail.clone(),
        ]
    }
}

/// `1 call`, `2 calls`.
pub(super) fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

/// A table of all findings, and below it what to do.
pub(super) fn render_findings(findings: &[Finding]) -> String {
    let remedies: Vec<String> = findings
        .iter()
        .filter_map(|finding| {
            let remedy = printable(finding.remedy.as_ref()?);
            let subject = printable(&finding.subject);
            Some(format!("  {} {subject}: {remedy}\n", finding.check))
        })
        .collect();
    let mut text = table(findings);
    if !remedies.is_empty() {
        text.push_str("\nTo do:\n");
        text.extend(remedies);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::output::assert_in_docs;

    #[test]
    fn what_to_do_stands_below_the_table_as_in_the_docs() {
        let ours = "recording-callback-system/recording-callback-operator";
        let ok =
            |check, subject: &str, detail: &str| Finding::ok(check, subject, detail.to_owned());
        let findings = [
            ok("API server", "https://10.0.0.1:6443/", "v1.34.4"),
            ok(
                "CRD",
                "recordingcallbacks.live.huaweicloud.com",
                "installed, with all that this version writes",
            ),
            ok(
                "Operator",
                ours,
                "2 of 2 replicas ready, registry.example.com/operator:0.2.0",
            ),
            ok(
                "Lease",
                ours,
                "recording-callback-operator-7d4c_1b2c3d4e holds and renews it",
            ),
            Finding::failed(
                "Rights",
                ours,
                "may not get secrets huaweicloud in media".to_owned(),
                "bind the chart's roles to it: helm upgrade, or apply install.yaml again",
            ),
            ok("Objects", "media", "2 in all, 2 ready"),
            ok(
                "Credentials",
                "media/huaweicloud",
                "AKTE**** in cn-north-4 p1, for 2 objects",
            ),
            ok(
                "Cloud",
                "https://live.cn-north-4.myhuaweicloud.com p1",
                "holds 2 callbacks, called directly, clock 0 s off",
            ),
            ok(
                "Quota",
                "AKTE****",
                "looking takes 1 call every 10m, of 270 a minute",
            ),
        ];
        let text = render_findings(&findings);
        assert_in_docs(&text);
        assert!(!render_findings(&findings[..1]).contains("To do"));
    }
}
