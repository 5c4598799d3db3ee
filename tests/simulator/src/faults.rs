//! Faults by script: which calls they befall, and what they do to them. No I/O.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use serde::Deserialize;
use serde::Serialize;
use serde_json::Value;

use crate::log::LoggedOperation;
use crate::refusal::CloudRefusal;
use crate::sign;
use crate::store::RowPatch;

/// A rule: the calls that it matches, and what befalls them. The first rule that is due wins.
///
/// ```
/// use live_simulator::{LoggedOperation, ScriptedFault};
///
/// // The second create for this domain is carried out, but its caller never hears of it.
/// let fault = ScriptedFault::on(LoggedOperation::Create).publish_domain("push.example.com").nth(2).lose_reply();
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ScriptedFault {
    /// Only this operation; `None`: any of the five on recording callbacks.
    pub operation: Option<LoggedOperation>,
    /// Only calls that name this domain, or a row of it.
    pub publish_domain: Option<String>,
    /// Only calls that name this app, or a row of it.
    pub app: Option<String>,
    /// Only calls that name this row.
    pub id: Option<String>,
    /// How many matching calls pass unharmed first.
    pub skip: u32,
    /// How many matching calls it then befalls; `None` is every one.
    pub times: Option<u32>,
    /// How long the call waits before it is carried out, in milliseconds.
    pub delay_before_ms: u64,
    /// Whether the call is carried out.
    pub commit: bool,
    /// What the row becomes instead of what was sent.
    pub rewrite: Option<RowPatch>,
    /// How long the call waits after it was carried out, in milliseconds.
    pub delay_after_ms: u64,
    /// What the caller gets.
    pub answer: ScriptedAnswer,
}

impl Default for ScriptedFault {
    fn default() -> Self {
        Self {
            operation: None,
            publish_domain: None,
            app: None,
            id: None,
            skip: 0,
            times: Some(1),
            delay_before_ms: 0,
            commit: true,
            rewrite: None,
            delay_after_ms: 0,
            answer: ScriptedAnswer::Normal,
        }
    }
}

/// What the caller of a call under a fault gets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ScriptedAnswer {
    /// The answer that it would get without the fault.
    Normal,
    /// This answer.
    Reply(ScriptedReply),
    /// The connection is closed without one.
    Close,
    /// Nothing, and the connection stays open.
    Hang,
    /// The normal answer, of which only the first bytes of the body arrive.
    Cut(usize),
    /// These bytes in place of an HTTP message.
    Raw(ScriptedPayload),
}

/// A scripted answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptedReply {
    /// HTTP status.
    pub status: u16,
    /// Headers beside `Date`, `X-Request-Id`, `Content-Type` and the length. A header of one of the
    /// first three names replaces it, or with an empty value removes it.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body.
    #[serde(default)]
    pub body: ScriptedPayload,
}

/// Bytes to send.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ScriptedPayload {
    /// A text.
    Text(String),
    /// A JSON value.
    Json(Value),
    /// Bytes, in hexadecimal.
    Hex(String),
    /// So many spaces.
    Fill(usize),
}

impl Default for ScriptedPayload {
    fn default() -> Self {
        Self::Text(String::new())
    }
}

impl ScriptedPayload {
    /// The bytes. Text that is not hexadecimal stands for nothing.
    pub fn bytes(&self) -> Bytes {
        match self {
            Self::Text(text) => Bytes::from(text.clone()),
            Self::Json(value) => Bytes::from(value.to_string()),
            Self::Hex(hex) => Bytes::from(sign::from_hex(hex).unwrap_or_default()),
            Self::Fill(length) => Bytes::from(vec![b' '; *length]),
        }
    }
}

impl ScriptedFault {
    /// A rule for the next call of an operation; it changes nothing yet.
    pub fn on(operation: LoggedOperation) -> Self {
        Self {
            operation: Some(operation),
            ..Self::default()
        }
    }

    /// A rule for the next call of any of the five operations; it changes nothing yet.
    pub fn any() -> Self {
        Self::default()
    }

    /// Only the `n`-th matching call, from 1.
    #[must_use]
    pub fn nth(self, n: u32) -> Self {
        Self {
            skip: n.saturating_sub(1),
            times: Some(1),
            ..self
        }
    }

    /// The next `times` matching calls.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self {
            times: Some(times),
            ..self
        }
    }

    /// Every matching call, until the faults are cleared.
    #[must_use]
    pub fn always(self) -> Self {
        Self {
            times: None,
            ..self
        }
    }

    /// Only calls that name this domain, or a row of it.
    #[must_use]
    pub fn publish_domain(self, domain: &str) -> Self {
        Self {
            publish_domain: Some(domain.to_owned()),
            ..self
        }
    }

    /// Only calls that name this app, or a row of it.
    #[must_use]
    pub fn app(self, app: &str) -> Self {
        Self {
            app: Some(app.to_owned()),
            ..self
        }
    }

    /// Only calls that name this row.
    #[must_use]
    pub fn id(self, id: &str) -> Self {
        Self {
            id: Some(id.to_owned()),
            ..self
        }
    }

    /// The call waits before it is carried out, which happens even if its caller has gone.
    #[must_use]
    pub fn delay_before(self, delay: Duration) -> Self {
        Self {
            delay_before_ms: milliseconds(delay),
            ..self
        }
    }

    /// The answer waits after the call was carried out.
    #[must_use]
    pub fn delay_after(self, delay: Duration) -> Self {
        Self {
            delay_after_ms: milliseconds(delay),
            ..self
        }
    }

    /// The row becomes this instead of what was sent.
    #[must_use]
    pub fn rewrite(self, patch: RowPatch) -> Self {
        Self {
            rewrite: Some(patch),
            ..self
        }
    }

    /// The call is carried out all the same.
    #[must_use]
    pub fn after_commit(self) -> Self {
        Self {
            commit: true,
            ..self
        }
    }

    /// The call is not carried out and gets this answer.
    #[must_use]
    pub fn answer(self, answer: ScriptedAnswer) -> Self {
        Self {
            commit: false,
            answer,
            ..self
        }
    }

    /// The call is not carried out and gets this status and body.
    #[must_use]
    pub fn reply(self, status: u16, body: ScriptedPayload) -> Self {
        self.answer(ScriptedAnswer::Reply(ScriptedReply {
            status,
            headers: BTreeMap::new(),
            body,
        }))
    }

    /// One more header of the scripted answer.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let ScriptedAnswer::Reply(reply) = &mut self.answer {
            reply.headers.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// The call is not carried out and gets this error.
    #[must_use]
    pub fn refuse(self, refusal: &CloudRefusal) -> Self {
        self.reply(refusal.status, ScriptedPayload::Json(refusal.body("")))
    }

    /// The connection is closed before the call is carried out.
    #[must_use]
    pub fn lose_call(self) -> Self {
        self.answer(ScriptedAnswer::Close)
    }

    /// The call is carried out; the connection is closed before the answer.
    #[must_use]
    pub fn lose_reply(self) -> Self {
        self.answer(ScriptedAnswer::Close).after_commit()
    }

    /// The call is neither carried out nor answered.
    #[must_use]
    pub fn hang(self) -> Self {
        self.answer(ScriptedAnswer::Hang)
    }

    /// The call is carried out; its answer ends after so many bytes of the body.
    #[must_use]
    pub fn cut(self, after: usize) -> Self {
        self.answer(ScriptedAnswer::Cut(after)).after_commit()
    }

    fn concerns(&self, facts: &CallFacts<'_>) -> bool {
        let operation = match self.operation {
            Some(operation) => operation == facts.operation,
            None => facts.operation.is_live(),
        };
        let same = |wanted: &Option<String>, found: Option<&str>| {
            wanted.as_deref().is_none_or(|wanted| found == Some(wanted))
        };
        operation
            && same(&self.publish_domain, facts.publish_domain)
            && same(&self.app, facts.app)
            && same(&self.id, facts.id)
    }

    /// How the log names it.
    pub(crate) fn label(&self) -> String {
        let answer = match &self.answer {
            ScriptedAnswer::Normal => "normal answer".to_owned(),
            ScriptedAnswer::Reply(reply) => format!("answer {}", reply.status),
            ScriptedAnswer::Close => "connection closed".to_owned(),
            ScriptedAnswer::Hang => "no answer".to_owned(),
            ScriptedAnswer::Cut(after) => format!("answer cut after {after} bytes"),
            ScriptedAnswer::Raw(_) => "bytes that are not HTTP".to_owned(),
        };
        let commit = if self.commit {
            "carried out"
        } else {
            "not carried out"
        };
        let Self {
            delay_before_ms: before,
            delay_after_ms: after,
            ..
        } = self;
        format!("{commit}, {answer}, delayed {before} ms before and {after} ms after")
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What is known of a call when faults are chosen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallFacts<'a> {
    pub(crate) operation: LoggedOperation,
    pub(crate) publish_domain: Option<&'a str>,
    pub(crate) app: Option<&'a str>,
    pub(crate) id: Option<&'a str>,
}

/// The rules that still have calls to befall.
#[derive(Debug, Default)]
pub(crate) struct FaultScript {
    faults: Vec<ScriptedFault>,
}

impl FaultScript {
    pub(crate) fn add(&mut self, fault: ScriptedFault) {
        self.faults.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn faults(&self) -> &[ScriptedFault] {
        &self.faults
    }

    /// The fault that befalls this call.
    pub(crate) fn next(&mut self, facts: &CallFacts<'_>) -> Option<ScriptedFault> {
        let mut due = None;
        for fault in self.faults.iter_mut().filter(|fault| fault.concerns(facts)) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else {
                if let Some(times) = &mut fault.times {
                    *times = times.saturating_sub(1);
                }
                due = Some(fault.clone());
                break;
            }
        }
        self.faults.retain(|fault| fault.times != Some(0));
        due
    }
}
