//! The error codes of the gateway and of IAM, which every service of the cloud shares: what each means here and what a person does
//! about it. Data, and what is found in it.

mod apig;
mod code;
mod iam;

pub use self::code::Code;
pub(crate) use self::code::code;

/// The families: whose codes they are, and the codes.
pub const FAMILIES: [(&str, &[Code]); 2] = [("API gateway", apig::TABLE), ("IAM", iam::TABLE)];

/// The prefix that the gateway used in the past. The numbers are the same.
const OLD_GATEWAY_PREFIX: &str = "APIGW.";

/// A code's row in tables. `APIGW.` equals `APIG.`.
pub fn find_in(families: &[(&str, &'static [Code])], code: &str) -> Option<&'static Code> {
    let renamed;
    let code = match code.strip_prefix(OLD_GATEWAY_PREFIX) {
        Some(number) => {
            renamed = format!("APIG.{number}");
            renamed.as_str()
        }
        None => code,
    };
    let mut rows = families.iter().flat_map(|(_, table)| *table);
    rows.find(|row| row.code == code)
}

/// A code's row, if it is one of these families.
pub fn find(code: &str) -> Option<&'static Code> {
    find_in(&FAMILIES, code)
}
