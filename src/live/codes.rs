//! The one table of the cloud's error codes: what each means here and what a person does about it.
//!
//! Classification, `explain` and the page of errors are made from it. Data only; nothing decides here.

mod apig;
mod code;
mod iam;
mod live;

pub use self::code::Code;

/// The families of the table: whose codes they are, and the codes.
pub const FAMILIES: [(&str, &[Code]); 3] = [
    ("Live", live::TABLE),
    ("API gateway", apig::TABLE),
    ("IAM", iam::TABLE),
];

/// The prefix that the gateway used in the past. The numbers are the same.
const OLD_GATEWAY_PREFIX: &str = "APIGW.";

/// A code's row. `APIGW.` equals `APIG.`.
pub fn find(code: &str) -> Option<&'static Code> {
    let renamed;
    let code = match code.strip_prefix(OLD_GATEWAY_PREFIX) {
        Some(number) => {
            renamed = format!("APIG.{number}");
            renamed.as_str()
        }
        None => code,
    };
    FAMILIES
        .iter()
        .flat_map(|(_, table)| *table)
        .find(|row| row.code == code)
}

/// The code as a label of a metric: one outside the table is `other`, so that the cloud can't make up series.
pub fn label(code: &str) -> &'static str {
    find(code).map_or("other", |row| row.code)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

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
    fn labels_are_those_of_the_table() {
        assert_eq!(label("LIVE.100011001"), "LIVE.100011001");
        assert_eq!(label("APIGW.0308"), "APIG.0308");
        assert_eq!(label("LIVE.000000000"), "other");
    }
}
