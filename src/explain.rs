//! What an error code or a reason means, how the operator reacts, and what a person does about it. Text only.

use std::fmt::Write as _;

use crate::live::codes::{self, Code};
use crate::plan::facts::reason::Reason;
use crate::similar::did_you_mean;
use crate::terms::failure::Class;

#[cfg(test)]
mod page;
mod reasons;

/// The explanation of a word, an error code or a reason in any case.
pub fn explain(word: &str) -> Result<String, String> {
    let word = word.trim();
    let reason = Reason::ALL
        .into_iter()
        .find(|reason| reason.as_str().eq_ignore_ascii_case(word));
    let code = codes::find(&word.to_ascii_uppercase());
    reason
        .map(of_reason)
        .or_else(|| code.map(of_code))
        .ok_or_else(|| {
            let similar = did_you_mean(word, words());
            format!(
                "{word:?} is neither an error code nor a reason that is known here: \
             they look like LIVE.100011001 and Conflict{similar}"
            )
        })
}

/// All that can be explained.
pub fn words() -> impl Iterator<Item = &'static str> {
    let reasons = Reason::ALL.into_iter().map(Reason::as_str);
    let codes = codes::FAMILIES.iter().flat_map(|(_, codes)| *codes);
    reasons.chain(codes.map(|code| code.code))
}

/// What a person does about a reason or an error code, if it is one that is known.
pub fn remedy(word: &str) -> Option<&'static str> {
    let reason = Reason::parse(word).map(|reason| reasons::text(reason).remedy);
    reason.or_else(|| codes::find(word).map(|code| code.advice))
}

fn of_reason(reason: Reason) -> String {
    let text = reasons::text(reason);
    sections(&[
        ("Reason", reason.as_str()),
        ("Meaning", text.meaning),
        ("Reaction", text.reaction),
        ("Remedy", text.remedy),
    ])
}

fn of_code(code: &Code) -> String {
    let (class, reaction) = code.class.map_or(
        ("by the HTTP status", "as the class of the HTTP status says"),
        |class| (name(class), reaction(class)),
    );
    sections(&[
        ("Code", code.code),
        ("Class", class),
        ("Meaning", code.meaning),
        ("Reaction", reaction),
        ("Remedy", code.advice),
    ])
}

fn sections(rows: &[(&str, &str)]) -> String {
    let mut text = String::new();
    for (head, body) in rows {
        // Writing to a string can't fail.
        let _ = writeln!(text, "{:<10}{body}", format!("{head}:"));
    }
    text
}

/// The name of a class, as the docs write it.
pub fn name(class: Class) -> &'static str {
    match class {
        Class::Rejected => "rejected",
        Class::Exists => "exists",
        Class::Gone => "gone",
        Class::Maintenance => "maintenance",
        Class::CloudDown => "cloud down",
        Class::NotSent => "not sent",
        Class::Throttled => "throttled",
        Class::Overloaded => "overloaded",
        Class::Credential => "credential",
        Class::ClockSkew => "clock skew",
        Class::Permission => "permission",
        Class::Account => "account",
        Class::Protocol => "protocol",
    }
}

/// What the operator does about a failure of this class.
pub fn reaction(class: Class) -> &'static str {
    match class {
        Class::Rejected => {
            "RequestRejected; tried again after 5 s, doubling to 10 min, and at once when spec, Secret or annotation change"
        }
        Class::Exists => "looks what lies there, then claims it, adopts it or ends in Conflict",
        Class::Gone => "a delete is done; a look counts it as absent",
        Class::Maintenance => {
            "CloudUnavailable; tried again after 2 s, doubling to 2 min; never stalled"
        }
        Class::CloudDown => {
            "CloudUnavailable, and OutcomeUnknown for a create, which is looked for before it is repeated; \
             tried again after 2 s, doubling to 2 min"
        }
        Class::NotSent => {
            "CloudUnavailable; nothing was sent; tried again after 2 s, doubling to 2 min"
        }
        Class::Throttled => {
            "RateLimited; all calls of this account slow down, then grow back; tried again after 2 s or as the cloud asks"
        }
        Class::Overloaded => {
            "RateLimited, as throttled; a create may have happened and is looked for before it is repeated"
        }
        Class::Credential => {
            "CredentialsRejected; a token is refreshed once; calls with this credential stop after 2 failures until the Secret \
             changes or 5 min pass"
        }
        Class::ClockSkew => "ClockSkew; dated by the cloud's clock and tried again every 30 s",
        Class::Permission => {
            "PermissionDenied; tried again after 10 min, and at once when the Secret changes"
        }
        Class::Account => {
            "AccountProblem; tried again after 10 min, and at once when the Secret changes"
        }
        Class::Protocol => {
            "CloudUnavailable: the answer is none of this API's; a change may have happened and is looked for"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_reasons_are_found_in_any_case() {
        let text = explain(" live.100011001 ").unwrap();
        for part in [
            "Code:     LIVE.100011001\n",
            "Class:    rejected\n",
            "Reaction: RequestRejected; ",
        ] {
            assert!(text.contains(part), "{text}");
        }
        assert!(
            explain("conflict")
                .unwrap()
                .starts_with("Reason:   Conflict\n")
        );
        assert!(
            explain("APIGW.0301")
                .unwrap()
                .starts_with("Code:     APIG.0301\n")
        );
        for unknown in ["LIVE.2", "", "Reason"] {
            assert!(explain(unknown).unwrap_err().contains("LIVE.100011001"));
        }
    }

    #[test]
    fn every_reason_says_all_it_should() {
        for reason in Reason::ALL {
            let text = explain(reason.as_str()).unwrap();
            assert_eq!(text.lines().count(), 4, "{text}");
            assert!(
                text.lines()
                    .all(|line| line.len() > 20 || line.starts_with("Reason:")),
                "{text}"
            );
        }
    }
}
