//! What a cloud may answer beside the truth.

mod distortion;

use std::sync::Arc;
use std::time::Duration;

use http::{Method, header};
use jiff::SignedDuration;

use self::distortion::Distortion;
use super::chance::SeededChance;
use super::trouble::{CloudCall, CloudCallFate, TroubledAnswer, reply};
use crate::platform::transport::Response;

/// One untrue or unhelpful answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Lie {
    /// An error, whether the call is carried out or not.
    Refusal {
        status: u16,
        code: &'static str,
        retry_after: &'static str,
        carried_out: bool,
    },
    /// Some body with some status.
    Body {
        status: u16,
        body: &'static str,
        carried_out: bool,
    },
    NoConnection,
    Broken {
        carried_out: bool,
    },
    Silent {
        carried_out: bool,
    },
    Slow {
        before: Duration,
        after: Duration,
    },
    /// The true answer with another row.
    Row(Distortion),
    /// The true answer with a `Date` so many seconds off.
    Dated(i64),
}

const REFUSALS: &[(u16, &str)] = &[
    (400, "LIVE.100011001"),
    (400, "LIVE.103011016"),
    (400, "LIVE.103011018"),
    (400, "LIVE.103011019"),
    (400, "LIVE.100011006"),
    (400, "LIVE.100011008"),
    (400, "LIVE.103011021"),
    (400, "LIVE.999999999"),
    (400, ""),
    (401, "APIG.0301"),
    (401, "LIVE.100011002"),
    (401, "LIVE.100011003"),
    (401, "LIVE.100011015"),
    (403, "LIVE.100011013"),
    (403, "LIVE.100011014"),
    (403, ""),
    (404, "APIG.0101"),
    (404, "LIVE.100011001"),
    (404, "LIVE.103011019"),
    (404, ""),
    (405, ""),
    (408, ""),
    (409, "LIVE.103011018"),
    (429, "APIG.0308"),
    (301, ""),
    (418, ""),
    (500, "LIVE.100011007"),
    (500, "LIVE.100011001"),
    (500, "APIG.0301"),
    (502, "LIVE.100011002"),
    (503, "APIG.0307"),
    (500, ""),
    (502, ""),
    (503, ""),
    (504, "APIG.0201"),
];
const BODIES: &[&str] = &[
    "",
    "<html><body>welcome</body></html>",
    "{}",
    "null",
    "[]",
    "{\"callback_config\":[{\"id\":\"",
    "{\"error_code\":\"LIVE.100011001\",\"error_msg\":\"Request Illegal\"}",
    "\u{0}\u{1}",
];
const STATUSES: &[u16] = &[200, 201, 202, 204, 400, 403, 404, 500, 502, 503];
const RETRY_AFTER: &[&str] = &[
    "",
    "",
    "1",
    "30",
    "86400",
    "Wed, 25 Nov 2099 12:00:00 GMT",
    "soon",
];
const OFFSETS: &[i64] = &[-86_400, -3_600, -420, -90, -20, 20, 90, 420, 3_600, 86_400];

impl Lie {
    /// Any of them.
    pub(super) fn any(chance: &mut SeededChance) -> Self {
        let carried_out = chance.one_in(2);
        match chance.below(12) {
            0..=3 => {
                let (status, code) = *chance.pick(REFUSALS);
                Self::Refusal {
                    status,
                    code,
                    retry_after: chance.pick::<&str>(RETRY_AFTER),
                    carried_out,
                }
            }
            4 => Self::Body {
                status: *chance.pick(STATUSES),
                body: chance.pick::<&str>(BODIES),
                carried_out,
            },
            5 => Self::NoConnection,
            6 => Self::Broken { carried_out },
            7 => Self::Silent { carried_out },
            8 => Self::Slow {
                before: Duration::from_secs(chance.below(12)),
                after: Duration::from_secs(chance.below(20)),
            },
            9 => Self::Dated(*chance.pick(OFFSETS)),
            _ => Self::Row(Distortion::any(chance)),
        }
    }

    /// Whether an answer of this kind to such a call contradicts what happened, so that nobody who believes it can be right.
    pub(super) fn is_perjury(&self, method: &Method) -> bool {
        let is_change = *method != Method::GET;
        match self {
            Self::Refusal {
                status,
                code,
                carried_out,
                ..
            } => {
                let is_open = match *code {
                    _ if *status >= 500 => true,
                    "" => *status == 408,
                    "LIVE.103011021" | "LIVE.100011007" | "APIG.0201" => true,
                    _ => false,
                };
                let says_gone =
                    code.starts_with("LIVE.") && *status == 404 || *code == "LIVE.103011019";
                (is_change && *carried_out && !is_open) || says_gone
            }
            Self::Body {
                status,
                body,
                carried_out,
            } => {
                let is_html = body.starts_with('<');
                let succeeds = (200..300).contains(status) && !body.contains("error_code");
                !is_html
                    && (if *carried_out {
                        is_change && !succeeds && *status < 500
                    } else {
                        succeeds
                    })
            }
            Self::NoConnection | Self::Broken { .. } | Self::Silent { .. } | Self::Slow { .. } => {
                false
            }
            Self::Row(distortion) => distortion.is_perjury(),
            Self::Dated(seconds) => seconds.abs() > 60,
        }
    }

    /// What becomes of a call.
    pub(super) fn fate(&self, call: &CloudCall) -> CloudCallFate {
        let truth = CloudCallFate::default();
        match self.clone() {
            Self::Refusal {
                status,
                code,
                retry_after,
                carried_out,
            } => {
                let body = serde_json::json!({"error_code": code, "error_msg": "a lie"});
                let body = if code.is_empty() {
                    String::new()
                } else {
                    body.to_string()
                };
                let mut response = reply(status, body);
                if !retry_after.is_empty() {
                    let value = retry_after.parse().unwrap();
                    response.headers.insert(header::RETRY_AFTER, value);
                }
                let answer = TroubledAnswer::Reply(response);
                CloudCallFate {
                    carried_out,
                    answer,
                    ..truth
                }
            }
            Self::Body {
                status,
                body,
                carried_out,
            } => {
                let answer = TroubledAnswer::Reply(reply(status, body));
                CloudCallFate {
                    carried_out,
                    answer,
                    ..truth
                }
            }
            Self::NoConnection => CloudCallFate {
                carried_out: false,
                answer: TroubledAnswer::NotSent,
                ..truth
            },
            Self::Broken { carried_out } => CloudCallFate {
                carried_out,
                answer: TroubledAnswer::Broken,
                ..truth
            },
            Self::Silent { carried_out } => CloudCallFate {
                carried_out,
                answer: TroubledAnswer::Silent,
                ..truth
            },
            Self::Slow { before, after } => CloudCallFate {
                before,
                after,
                ..truth
            },
            Self::Row(distortion) => {
                let domain = call.domain.clone();
                edited(move |response| distortion.apply(response, domain.as_deref()))
            }
            Self::Dated(seconds) => edited(move |response| dated(response, seconds)),
        }
    }
}

fn edited(edit: impl Fn(&mut Response) + Send + Sync + 'static) -> CloudCallFate {
    CloudCallFate {
        answer: TroubledAnswer::Edited(Arc::new(edit)),
        ..CloudCallFate::default()
    }
}

/// Has an answer say that it is so many seconds later at the cloud.
pub(super) fn dated(response: &mut Response, seconds: i64) {
    let Some(date) = crate::platform::clock::date(&response.headers) else {
        return;
    };
    let moved = date + SignedDuration::from_secs(seconds);
    let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&moved);
    response
        .headers
        .insert(header::DATE, text.unwrap().parse().unwrap());
}
