//! Record rules: which streams are recorded at all, and so which callbacks can ever fire. Read only, as far as this API goes here.

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;
use serde_json::json;

use crate::api::LiveCall;
use crate::cloud::Cloud;
use crate::cloud::CloudState;
use crate::random;
use crate::refusal::CloudRefusal;
use crate::reply::DoneReply;
use crate::validate::ListQuery;

/// A rule as the cloud holds it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordRule {
    /// The project that it belongs to.
    pub project_id: String,
    /// The ingest domain.
    pub publish_domain: String,
    /// The application, or `*`.
    pub app: String,
    /// The stream, or `*`.
    pub stream: String,
    /// `CONTINUOUS_RECORD` or `COMMAND_RECORD`.
    pub record_type: String,
}

impl RecordRule {
    /// One that records every stream of an app all the time.
    pub fn of(project_id: &str, publish_domain: &str, app: &str) -> Self {
        Self {
            project_id: project_id.to_owned(),
            publish_domain: publish_domain.to_owned(),
            app: app.to_owned(),
            stream: "*".to_owned(),
            record_type: "CONTINUOUS_RECORD".to_owned(),
        }
    }
}

impl Cloud {
    /// Adds a rule as somebody would who sets recording up.
    pub fn add_rule(&self, rule: RecordRule) {
        self.write(|state, _| state.rules.push(rule));
    }
}

impl CloudState {
    /// `GET /v1/{project}/record/rules`
    pub(crate) fn list_rules(&self, call: &LiveCall<'_>) -> Result<DoneReply, CloudRefusal> {
        let query = ListQuery::parse_rules(call.query).map_err(CloudRefusal::bad_parameter)?;
        let is_asked =
            |asked: &Option<String>, is: &str| asked.as_deref().is_none_or(|it| it == is);
        let rules: Vec<&RecordRule> = self
            .rules
            .iter()
            .filter(|rule| rule.project_id == call.project_id)
            .filter(|rule| is_asked(&query.publish_domain, &rule.publish_domain))
            .filter(|rule| is_asked(&query.app, &rule.app))
            .filter(|rule| is_asked(&query.stream, &rule.stream))
            .filter(|rule| is_asked(&query.record_type, &rule.record_type))
            .collect();
        let page: Vec<Value> = rules
            .iter()
            .skip(query.offset)
            .take(query.limit)
            .map(|rule| {
                json!({
                    "id": random::hex(16),
                    "publish_domain": rule.publish_domain,
                    "app": rule.app,
                    "stream": rule.stream,
                    "record_type": rule.record_type,
                    "default_record_config": {"record_format": ["HLS"]},
                    "create_time": "2026-01-01T00:00:00Z",
                    "update_time": "2026-01-01T00:00:00Z",
                })
            })
            .collect();
        let body = json!({"total": rules.len(), "record_config": page});
        Ok(DoneReply::new(200, Some(body)))
    }
}
