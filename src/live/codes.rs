//! All error codes of the cloud, Live's own and those that every service has (`platform::codes`): what each means here and what a person does
//! about it.
//!
//! Classification, `explain` and the page of errors are made from it. Data, and what is found in it.

mod live;

use crate::platform::codes;
pub use crate::platform::codes::Code;
use crate::terms::failure::{Class, Failure};

/// The families of the table: whose codes they are, and the codes.
pub const FAMILIES: [(&str, &[Code]); 3] = [
    ("Live", live::TABLE),
    codes::FAMILIES[0],
    codes::FAMILIES[1],
];

const SET_THE_CLOCK: &str = "Set the clock of the node: the metric recording_callback_clock_offset_seconds shows how far it is off.";

/// A code's row. `APIGW.` equals `APIG.`.
pub fn find(code: &str) -> Option<&'static Code> {
    codes::find_in(&FAMILIES, code)
}

/// What a person does about a failure. It goes by what the failure became, of which a code may know nothing: where a date was refused
/// twice, it is the clock and not the keys.
pub fn advice(failure: &Failure) -> Option<&'static str> {
    if failure.class == Class::ClockSkew {
        return Some(SET_THE_CLOCK);
    }
    let row = find(failure.code.as_deref()?)?;
    let fits = row.class.is_none_or(|class| class == failure.class);
    let fits = fits
        || match failure.class {
            // The status says whether it may have happened.
            Class::Throttled | Class::Overloaded => row.class.is_some_and(Class::is_throttling),
            // Something is missing, but not what was asked for.
            Class::Rejected => row.class == Some(Class::Gone),
            // Who was asked before has failed.
            Class::NotSent => row.class.is_some_and(Class::may_have_happened),
            Class::Exists
            | Class::Gone
            | Class::Maintenance
            | Class::CloudDown
            | Class::Credential
            | Class::ClockSkew
            | Class::Permission
            | Class::Account
            | Class::Protocol => false,
        };
    fits.then_some(row.advice)
}

/// The code as a label of a metric: one outside the table is `other`, so that the cloud can't make up series.
pub fn label(code: &str) -> &'static str {
    find(code).map_or("other", |row| row.code)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::terms::failure::Operation;

    #[test]
    fn every_code_is_there_once_and_complete() {
        let mut seen = BTreeSet::new();
        for row in FAMILIES.iter().flat_map(|(_, table)| *table) {
            assert!(seen.insert(row.code), "{} twice", row.code);
            assert!(
                !row.meaning.is_empty() && !row.meaning.ends_with('.'),
                "{}",
                row.code
            );
            let is_sentence =
                row.advice.starts_with(|c: char| c.is_uppercase()) && row.advice.ends_with('.');
            assert!(is_sentence, "{}: {}", row.code, row.advice);
        }
        assert!(seen.len() > 90, "{}", seen.len());
    }

    #[test]
    fn the_old_prefix_of_the_gateway_is_an_alias() {
        assert_eq!(find("APIGW.0301").unwrap().code, "APIG.0301");
        assert!(find("APIGW.9999").is_none());
    }

    #[test]
    fn advice_goes_by_what_a_failure_became() {
        let advice_of = |class, code: Option<&str>| {
            advice(&Failure {
                operation: Operation::Create,
                class,
                http_status: Some(400),
                code: code.map(str::to_owned),
                message: String::new(),
                request_id: None,
                retry_after: None,
                had_no_room: false,
                before_sending: false,
            })
        };
        let of = |code| Some(find(code).unwrap().advice);
        for (class, code, expected) in [
            (Class::Credential, "APIG.0303", of("APIG.0303")),
            (Class::ClockSkew, "APIG.0303", Some(SET_THE_CLOCK)),
            (Class::Protocol, "APIG.0303", None),
            (Class::Rejected, "APIG.0201", of("APIG.0201")),
            (Class::Overloaded, "APIG.0308", of("APIG.0308")),
            (Class::Rejected, "LIVE.103011019", of("LIVE.103011019")),
            (Class::Gone, "LIVE.100011001", None),
            (Class::NotSent, "IAM.0006", of("IAM.0006")),
            (Class::Rejected, "LIVE.unknown", None),
        ] {
            assert_eq!(advice_of(class, Some(code)), expected, "{class:?} {code}");
        }
        assert_eq!(advice_of(Class::ClockSkew, None), Some(SET_THE_CLOCK));
        assert_eq!(advice_of(Class::Credential, None), None);
    }

    #[test]
    fn labels_are_those_of_the_table() {
        assert_eq!(label("LIVE.100011001"), "LIVE.100011001");
        assert_eq!(label("APIGW.0308"), "APIG.0308");
        assert_eq!(label("LIVE.000000000"), "other");
    }
}
