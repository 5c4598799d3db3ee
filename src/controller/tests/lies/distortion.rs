//! Rows that are not as they are: what a cloud may show in place of what it holds.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::OFFSETS;
use crate::controller::tests::chance::SeededChance;
use crate::platform::transport::Response;

/// What is untrue of the rows of an answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::controller::tests) enum Distortion {
    OtherId,
    UpperCase,
    UpdatedLater(i64),
    CreatedLater(i64),
    WithoutTimes,
    WithoutSignType,
    WithoutUrl,
    OtherUrl,
    ReversedEvents,
    Missing,
    NullList,
    WrongTotal,
    Twice,
}

impl Distortion {
    pub(super) fn any(chance: &mut SeededChance) -> Self {
        let seconds = *chance.pick(OFFSETS);
        *chance.pick(&[
            Self::OtherId,
            Self::UpperCase,
            Self::UpdatedLater(seconds),
            Self::CreatedLater(seconds),
            Self::WithoutTimes,
            Self::WithoutSignType,
            Self::WithoutUrl,
            Self::OtherUrl,
            Self::ReversedEvents,
            Self::Missing,
            Self::NullList,
            Self::WrongTotal,
            Self::Twice,
        ])
    }

    pub(super) fn is_perjury(self) -> bool {
        match self {
            Self::OtherId
            | Self::OtherUrl
            | Self::WithoutUrl
            | Self::Missing
            | Self::NullList
            | Self::Twice => true,
            Self::CreatedLater(seconds) => seconds.abs() > 30,
            Self::UpperCase
            | Self::UpdatedLater(_)
            | Self::WithoutTimes
            | Self::WithoutSignType
            | Self::ReversedEvents
            | Self::WrongTotal => false,
        }
    }

    /// Changes the rows of an answer that are of this domain, or all.
    pub(super) fn apply(self, response: &mut Response, domain: Option<&str>) {
        let Ok(mut body) = serde_json::from_slice::<Value>(&response.body) else {
            return;
        };
        if body["callback_config"].is_array() {
            self.apply_to_list(&mut body, domain);
        } else if body["id"].is_string() {
            self.apply_to_row(&mut body);
        }
        response.body = body.to_string().into();
    }

    fn apply_to_list(self, body: &mut Value, domain: Option<&str>) {
        let total = body["total"].as_u64().unwrap_or_default();
        let is_ours = |row: &Value| {
            let named = row["publish_domain"].as_str().unwrap_or_default();
            domain.is_none_or(|domain| domain == named) && !named.starts_with("foreign")
        };
        let rows = body["callback_config"].as_array_mut().unwrap();
        match self {
            Self::Missing => {
                let before = rows.len();
                rows.retain(|row| !is_ours(row));
                let left = u64::try_from(before - rows.len()).unwrap();
                body["total"] = total.saturating_sub(left).into();
            }
            Self::NullList => {
                body["callback_config"] = Value::Null;
                body["total"] = 0.into();
            }
            Self::WrongTotal => body["total"] = (total + 1).into(),
            Self::Twice => {
                let copies: Vec<Value> = rows.iter().filter(|row| is_ours(row)).cloned().collect();
                let added = u64::try_from(copies.len()).unwrap();
                for mut copy in copies {
                    Self::OtherId.apply_to_row(&mut copy);
                    rows.push(copy);
                }
                body["total"] = (total + added).into();
            }
            Self::OtherId
            | Self::UpperCase
            | Self::UpdatedLater(_)
            | Self::CreatedLater(_)
            | Self::WithoutTimes
            | Self::WithoutSignType
            | Self::WithoutUrl
            | Self::OtherUrl
            | Self::ReversedEvents => rows
                .iter_mut()
                .filter(|row| is_ours(row))
                .for_each(|row| self.apply_to_row(row)),
        }
    }

    fn apply_to_row(self, row: &mut Value) {
        match self {
            Self::OtherId | Self::Twice => {
                let id = row["id"].as_str().unwrap_or_default();
                row["id"] = id.chars().rev().collect::<String>().into();
            }
            Self::UpperCase => {
                let domain = row["publish_domain"].as_str().unwrap_or_default();
                row["publish_domain"] = domain.to_uppercase().into();
            }
            Self::UpdatedLater(seconds) => shift(&mut row["update_time"], seconds),
            Self::CreatedLater(seconds) => shift(&mut row["create_time"], seconds),
            Self::WithoutTimes => {
                let row = row.as_object_mut().unwrap();
                row.remove("create_time");
                row.remove("update_time");
            }
            Self::WithoutSignType => drop(row.as_object_mut().unwrap().remove("sign_type")),
            Self::WithoutUrl => drop(row.as_object_mut().unwrap().remove("notify_callback_url")),
            Self::OtherUrl => row["notify_callback_url"] = "https://other.example.com/".into(),
            Self::ReversedEvents => {
                if let Some(events) = row["notify_event_subscription"].as_array_mut() {
                    events.reverse();
                }
            }
            Self::Missing | Self::NullList | Self::WrongTotal => {}
        }
    }
}

fn shift(time: &mut Value, seconds: i64) {
    let parsed = time
        .as_str()
        .and_then(|text| text.parse::<Timestamp>().ok());
    if let Some(moment) = parsed {
        *time = (moment + SignedDuration::from_secs(seconds))
            .to_string()
            .into();
    }
}
