//! The five operations on recording callbacks: what each does to the rows and what it returns.
//! Callers are authenticated already; no I/O.

use jiff::SignedDuration;
use jiff::Timestamp;
use serde_json::Value;
use serde_json::json;

use crate::cloud::CloudState;
use crate::cloud::Now;
use crate::log::LoggedCause;
use crate::log::LoggedChange;
use crate::log::LoggedOperation;
use crate::random;
use crate::refusal::CloudRefusal;
use crate::reply::DoneReply;
use crate::settings::AbsentUrl;
use crate::settings::AppFilter;
use crate::settings::Contract;
use crate::settings::Duplicate;
use crate::settings::IdsFrom;
use crate::settings::ListOrder;
use crate::settings::MissingFields;
use crate::settings::Omitted;
use crate::settings::SimulatorSettings;
use crate::settings::UnknownDomainList;
use crate::settings::UpdateMoves;
use crate::sign;
use crate::store::RowPatch;
use crate::store::StoredRow;
use crate::validate::DEFAULT_EVENT;
use crate::validate::DEFAULT_SIGN_TYPE;
use crate::validate::ListQuery;
use crate::validate::WriteBody;

/// A call to the recording-callback API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveCall<'a> {
    /// Its number in the log.
    pub(crate) seq: u64,
    pub(crate) operation: LoggedOperation,
    pub(crate) project_id: &'a str,
    pub(crate) id: Option<&'a str>,
    pub(crate) query: &'a str,
    pub(crate) content_type: Option<&'a str>,
    pub(crate) body: &'a [u8],
    /// What a fault makes of the row that is written.
    pub(crate) rewrite: Option<&'a RowPatch>,
}

impl CloudState {
    /// Carries a call out, as one step.
    pub(crate) fn carry_out(
        &mut self,
        call: &LiveCall<'_>,
        now: Now,
    ) -> Result<DoneReply, CloudRefusal> {
        match (call.operation, call.id) {
            (LoggedOperation::Create, _) => self.create(call, now),
            (LoggedOperation::List, _) => self.list(call, now),
            (LoggedOperation::ListRules, None) => self.list_rules(call),
            (LoggedOperation::Get, Some(id)) => self.get(call.project_id, id),
            (LoggedOperation::Update, Some(id)) => self.update(call, id, now),
            (LoggedOperation::Delete, Some(id)) => self.delete(call, id, now),
            _ => Err(CloudRefusal::method_not_supported()),
        }
    }

    fn create(&mut self, call: &LiveCall<'_>, now: Now) -> Result<DoneReply, CloudRefusal> {
        let body = self.valid_body(call)?;
        self.check_place_is_free(call.project_id, &body.publish_domain, &body.app, None)?;
        let time = whole_seconds(now.rows);
        let row = StoredRow {
            id: self.new_id(call.project_id, &body),
            project_id: call.project_id.to_owned(),
            publish_domain: body.publish_domain,
            app: body.app,
            notify_callback_url: body.url,
            notify_event_subscription: body.events.unwrap_or_else(default_events),
            sign_type: body
                .sign_type
                .unwrap_or_else(|| DEFAULT_SIGN_TYPE.to_owned()),
            key: body.key,
            create_time: time,
            update_time: time,
        };
        Ok(self.commit(call, LoggedChange::Created, row, now))
    }

    /// The id of a new callback. What lies at its place already has the one that comes from that.
    fn new_id(&self, project_id: &str, body: &WriteBody) -> String {
        let place = format!("{project_id}/{}/{}", body.publish_domain, body.app);
        let id = sign::sha256_hex(place.as_bytes())[..32].to_owned();
        match self.settings.ids {
            IdsFrom::Place if self.store.get(&id).is_none() => id,
            IdsFrom::Place | IdsFrom::Chance => random::hex(16),
        }
    }

    fn update(
        &mut self,
        call: &LiveCall<'_>,
        id: &str,
        now: Now,
    ) -> Result<DoneReply, CloudRefusal> {
        let body = self.valid_body(call)?;
        let mut row = self
            .find(call.project_id, id, &self.settings.missing_update)?
            .clone();
        let place = (body.publish_domain, body.app);
        if place != (row.publish_domain.clone(), row.app.clone()) {
            match self.settings.update_moves {
                UpdateMoves::Reject => {
                    let detail = "publish_domain and app of a callback cannot be changed";
                    return Err(CloudRefusal::bad_parameter(detail));
                }
                UpdateMoves::Ignore => {}
                UpdateMoves::Move => {
                    self.check_place_is_free(call.project_id, &place.0, &place.1, Some(id))?;
                    (row.publish_domain, row.app) = place;
                }
            }
        }
        match self.settings.update_omitted {
            Omitted::Reset => {
                row.notify_callback_url = body.url;
                row.notify_event_subscription = body.events.unwrap_or_else(default_events);
                row.sign_type = body
                    .sign_type
                    .unwrap_or_else(|| DEFAULT_SIGN_TYPE.to_owned());
            }
            Omitted::Keep => {
                row.notify_callback_url = body.url.or(row.notify_callback_url);
                row.notify_event_subscription =
                    body.events.unwrap_or(row.notify_event_subscription);
                row.sign_type = body.sign_type.unwrap_or(row.sign_type);
            }
        }
        row.key = match self.settings.update_omitted_key {
            Omitted::Reset => body.key,
            Omitted::Keep => body.key.or(row.key),
        };
        row.update_time = whole_seconds(now.rows);
        Ok(self.commit(call, LoggedChange::Updated, row, now))
    }

    fn commit(
        &mut self,
        call: &LiveCall<'_>,
        change: LoggedChange,
        mut row: StoredRow,
        now: Now,
    ) -> DoneReply {
        if let Some(patch) = call.rewrite {
            patch.apply(&mut row);
        }
        self.put(change, LoggedCause::Call(call.seq), row.clone(), now);
        let status = if change == LoggedChange::Created {
            201
        } else {
            200
        };
        let body = match self.settings.contract {
            Contract::Modern => Some(present(&row, &self.settings, Times::OfWrites)),
            Contract::Original => None,
        };
        DoneReply::new(status, body).row(row.id).committed()
    }

    fn delete(
        &mut self,
        call: &LiveCall<'_>,
        id: &str,
        now: Now,
    ) -> Result<DoneReply, CloudRefusal> {
        self.find(call.project_id, id, &self.settings.missing_delete)?;
        self.remove(id, LoggedCause::Call(call.seq), now);
        Ok(DoneReply::new(204, None).row(id.to_owned()).committed())
    }

    fn get(&self, project_id: &str, id: &str) -> Result<DoneReply, CloudRefusal> {
        let row = self.find(project_id, id, &self.settings.missing_get)?;
        let body = present(row, &self.settings, Times::OfReads);
        Ok(DoneReply::new(200, Some(body)).row(id.to_owned()))
    }

    fn list(&self, call: &LiveCall<'_>, now: Now) -> Result<DoneReply, CloudRefusal> {
        let query = ListQuery::parse(call.query).map_err(CloudRefusal::bad_parameter)?;
        let lag = i64::try_from(self.settings.list_lag_ms).unwrap_or(i64::MAX);
        let moment = now
            .machine
            .checked_sub(SignedDuration::from_millis(lag))
            .unwrap_or(Timestamp::MIN);
        let mut rows: Vec<&StoredRow> = self
            .store
            .rows_at(call.project_id, moment)
            .filter(|row| {
                query
                    .publish_domain
                    .as_ref()
                    .is_none_or(|d| *d == row.publish_domain)
            })
            .collect();
        self.check_listed_domain(query.publish_domain.as_deref(), rows.is_empty())?;
        if let Some(app) = &query.app {
            rows.retain(|row| match self.settings.app_filter {
                AppFilter::Leaky => row.app == *app || row.app == "*",
                AppFilter::Exact => row.app == *app,
                AppFilter::Ignored => true,
            });
        }
        match self.settings.list_order {
            ListOrder::Oldest => {}
            ListOrder::Newest => rows.reverse(),
            ListOrder::Id => rows.sort_by(|one, other| one.id.cmp(&other.id)),
            ListOrder::Unstable => rows.sort_by_cached_key(|row| {
                sign::sha256_hex(format!("{}{}", call.seq, row.id).as_bytes())
            }),
        }
        let page: Vec<Value> = rows
            .iter()
            .skip(query.offset)
            .take(query.limit)
            .map(|row| present(row, &self.settings, Times::OfReads))
            .collect();
        let body = json!({"total": rows.len(), "callback_config": page});
        Ok(DoneReply::new(200, Some(body)))
    }

    fn valid_body(&self, call: &LiveCall<'_>) -> Result<WriteBody, CloudRefusal> {
        let media_type = call.content_type.and_then(|value| value.split(';').next());
        if !media_type.is_some_and(|it| it.trim().eq_ignore_ascii_case("application/json")) {
            return Err(CloudRefusal::unsupported_media_type());
        }
        let body = WriteBody::parse(call.body).map_err(CloudRefusal::bad_parameter)?;
        match &self.settings.known_domains {
            Some(domains) if !domains.contains(&body.publish_domain) => Err(
                CloudRefusal::bad_parameter("publish_domain: the domain does not exist"),
            ),
            Some(_) | None => Ok(body),
        }
    }

    fn check_listed_domain(&self, domain: Option<&str>, empty: bool) -> Result<(), CloudRefusal> {
        let known = match (domain, &self.settings.known_domains) {
            (None, _) => true,
            (Some(domain), Some(domains)) => domains.contains(domain),
            (Some(_), None) => !empty,
        };
        match self.settings.unknown_domain_list {
            UnknownDomainList::Reject if !known => Err(CloudRefusal::bad_parameter(
                "publish_domain: the domain does not exist",
            )),
            UnknownDomainList::Reject | UnknownDomainList::Empty => Ok(()),
        }
    }

    fn check_place_is_free(
        &self,
        project_id: &str,
        domain: &str,
        app: &str,
        by: Option<&str>,
    ) -> Result<(), CloudRefusal> {
        let taken = self.store.rows_of(project_id).any(|row| {
            row.publish_domain.eq_ignore_ascii_case(domain)
                && row.app == app
                && Some(row.id.as_str()) != by
        });
        match (taken && self.settings.uniqueness, self.settings.duplicate) {
            (false, _) => Ok(()),
            (true, Duplicate::BadRequest) => Err(CloudRefusal::already_exists(400)),
            (true, Duplicate::Conflict) => Err(CloudRefusal::already_exists(409)),
        }
    }

    fn find(
        &self,
        project_id: &str,
        id: &str,
        missing: &MissingFields,
    ) -> Result<&StoredRow, CloudRefusal> {
        self.store
            .get(id)
            .filter(|row| row.project_id == project_id)
            .ok_or_else(|| CloudRefusal::missing(missing.status, &missing.code))
    }
}

fn default_events() -> Vec<String> {
    vec![DEFAULT_EVENT.to_owned()]
}

/// The resolution of the cloud's times.
pub(crate) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

/// Whose answer a row is shown in.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Times {
    OfReads,
    OfWrites,
}

fn present(row: &StoredRow, settings: &SimulatorSettings, times: Times) -> Value {
    let mut events = row.notify_event_subscription.clone();
    if settings.reverse_events {
        events.reverse();
    }
    let mut shown = json!({
        "id": row.id,
        "publish_domain": row.publish_domain,
        "app": row.app,
        "notify_event_subscription": events,
        "sign_type": row.sign_type,
    });
    let mut add = |name: &str, value: Value| {
        if let Some(members) = shown.as_object_mut() {
            members.insert(name.to_owned(), value);
        }
    };
    match (&row.notify_callback_url, settings.absent_url) {
        (Some(url), _) => add("notify_callback_url", Value::from(url.as_str())),
        (None, AbsentUrl::Omitted) => {}
        (None, AbsentUrl::Null) => add("notify_callback_url", Value::Null),
        (None, AbsentUrl::Empty) => add("notify_callback_url", Value::from("")),
    }
    if times == Times::OfReads || settings.write_times {
        add("create_time", Value::from(row.create_time.to_string()));
        add("update_time", Value::from(row.update_time.to_string()));
    }
    shown
}
