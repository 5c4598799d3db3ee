//! What the simulated cloud does where the real one is undocumented, slow or limited. Every value may change while the
//! simulator runs; the defaults are the documented behaviour, or the best guess where nothing is documented.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

/// The switches of one simulated cloud.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each one is an independent switch, set by name"
)]
pub struct SimulatorSettings {
    /// Whether one project holds at most one callback for each domain and app.
    pub uniqueness: bool,
    /// How a create that violates uniqueness is answered.
    pub duplicate: Duplicate,
    /// What a successful create or update returns.
    pub contract: Contract,
    /// Where the id of a new callback comes from.
    pub ids: IdsFrom,
    /// Whether the bodies of create and update carry `create_time` and `update_time`.
    pub write_times: bool,
    /// How a read of an id that does not exist is answered.
    pub missing_get: MissingFields,
    /// How an update of an id that does not exist is answered.
    pub missing_update: MissingFields,
    /// How a delete of an id that does not exist is answered.
    pub missing_delete: MissingFields,
    /// What an update does whose body names another domain or app.
    pub update_moves: UpdateMoves,
    /// What an update does with the optional fields that it leaves out, the key aside.
    pub update_omitted: Omitted,
    /// What an update without a key does with the key.
    pub update_omitted_key: Omitted,
    /// The ingest domains of the account; `None` accepts any.
    pub known_domains: Option<BTreeSet<String>>,
    /// How a list for a domain is answered that is unknown, or has no callbacks where any domain is known.
    pub unknown_domain_list: UnknownDomainList,
    /// What the list's `app` filter lets through.
    pub app_filter: AppFilter,
    /// The order of a list.
    pub list_order: ListOrder,
    /// Whether events are returned in the reverse of the order in which they were sent.
    pub reverse_events: bool,
    /// How a callback without a URL is returned.
    pub absent_url: AbsentUrl,
    /// How far lists lag behind, in milliseconds: what was created is not there yet, what was deleted still is.
    pub list_lag_ms: u64,
    /// How long every answer takes, in milliseconds.
    pub latency_ms: u64,
    /// How far the cloud's clock is ahead of this machine's, in seconds: in `Date` headers, times and signature checks.
    pub clock_offset_s: i64,
    /// How far the clock that rows are dated by is ahead of the cloud's other clocks, in seconds.
    pub rows_clock_offset_s: i64,
    /// The largest difference between a signature's date and the cloud's clock, in seconds.
    pub clock_skew_s: i64,
    /// Whether requests over plain HTTP are served, or refused as the real cloud does.
    pub plain_http: PlainHttp,
    /// Calls per sliding minute that one user may make, over all five operations; `None` is unlimited.
    pub calls_per_minute: Option<u32>,
    /// Calls per sliding minute that one user may make of one operation; `None` is unlimited.
    pub calls_per_minute_per_operation: Option<u32>,
    /// Calls that may be in progress at once; `None` is unlimited.
    pub concurrent_calls: Option<u32>,
    /// Token requests per sliding minute at IAM; `None` is unlimited.
    pub token_requests_per_minute: Option<u32>,
    /// Whether more than 5 consecutive signature failures lock an access key for 5 minutes.
    pub lock_out: bool,
    /// How long an IAM token is valid, in seconds.
    pub token_lifetime_s: i64,
    /// How long a temporary key is valid, in seconds, whatever was asked for; `None` is as asked.
    pub key_lifetime_s: Option<i64>,
    /// What happens to new connections.
    pub connections: Connections,
}

impl Default for SimulatorSettings {
    fn default() -> Self {
        Self {
            uniqueness: true,
            duplicate: Duplicate::BadRequest,
            contract: Contract::Modern,
            ids: IdsFrom::Chance,
            write_times: false,
            missing_get: MissingFields::new(404, "LIVE.100011001"),
            missing_update: MissingFields::new(404, "LIVE.103011019"),
            missing_delete: MissingFields::new(404, "LIVE.103011019"),
            update_moves: UpdateMoves::Reject,
            update_omitted: Omitted::Reset,
            update_omitted_key: Omitted::Keep,
            known_domains: None,
            unknown_domain_list: UnknownDomainList::Empty,
            app_filter: AppFilter::Leaky,
            list_order: ListOrder::Oldest,
            reverse_events: false,
            absent_url: AbsentUrl::Omitted,
            list_lag_ms: 0,
            latency_ms: 0,
            clock_offset_s: 0,
            rows_clock_offset_s: 0,
            clock_skew_s: 15 * 60,
            plain_http: PlainHttp::Serve,
            calls_per_minute: Some(300),
            calls_per_minute_per_operation: Some(300),
            concurrent_calls: None,
            token_requests_per_minute: None,
            lock_out: true,
            token_lifetime_s: 24 * 60 * 60,
            key_lifetime_s: None,
            connections: Connections::Serve,
        }
    }
}

impl SimulatorSettings {
    /// These settings with the members of a JSON object in place of theirs. The message of an error names the member.
    pub fn merged(&self, changes: &Value) -> Result<Self, String> {
        let mut whole = serde_json::to_value(self).map_err(|error| error.to_string())?;
        let (Some(target), Some(changes)) = (whole.as_object_mut(), changes.as_object()) else {
            return Err("settings must be a JSON object".to_owned());
        };
        for (name, value) in changes {
            target.insert(name.clone(), value.clone());
        }
        serde_json::from_value(whole).map_err(|error| error.to_string())
    }
}

/// The reply to a create for a domain and app that are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Duplicate {
    /// 400 with `LIVE.103011018`.
    BadRequest,
    /// 409 with `LIVE.103011018`.
    Conflict,
}

/// The generation of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Contract {
    /// Create and update return the whole callback.
    Modern,
    /// Create and update return a header and no body.
    Original,
}

/// Where the id of a new callback comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdsFrom {
    /// None is like another.
    Chance,
    /// From project, domain and app: a callback that is made where another was deleted has the id of that.
    Place,
}

/// The reply to a call that names an id that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MissingFields {
    /// HTTP status.
    pub status: u16,
    /// Error code.
    pub code: String,
}

impl MissingFields {
    /// A reply of this status and code.
    pub fn new(status: u16, code: &str) -> Self {
        Self {
            status,
            code: code.to_owned(),
        }
    }
}

/// What becomes of an update that names another domain or app.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpdateMoves {
    /// It is refused with `LIVE.100011001`.
    Reject,
    /// The callback keeps its domain and app; the other fields are updated.
    Ignore,
    /// The callback moves to the domain and app of the body.
    Move,
}

/// What an update does with a field that it leaves out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Omitted {
    /// The field gets its default.
    Reset,
    /// The field keeps its value.
    Keep,
}

/// The reply to a list for an unknown domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UnknownDomainList {
    /// An empty list.
    Empty,
    /// 400 with `LIVE.100011001`.
    Reject,
}

/// What the list's `app` filter lets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppFilter {
    /// The callbacks of that app and those of `*`.
    Leaky,
    /// The callbacks of that app.
    Exact,
    /// Every callback.
    Ignored,
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ListOrder {
    /// Oldest first.
    Oldest,
    /// Newest first.
    Newest,
    /// By id.
    Id,
    /// Another order in every call, so that pages overlap and leave gaps.
    Unstable,
}

/// How a callback without a URL is returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum AbsentUrl {
    /// Without the member.
    Omitted,
    /// As `null`.
    Null,
    /// As an empty string.
    Empty,
}

/// What becomes of requests over plain HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlainHttp {
    /// Served where the listener itself has no TLS.
    Serve,
    /// 400 with `LIVE.100011004`.
    Refuse,
}

/// What becomes of new connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connections {
    /// Served.
    Serve,
    /// Closed at once, with TLS before the handshake.
    Close,
    /// Accepted and left without an answer, with TLS before the handshake.
    Hang,
}
