//! The codes of IAM, which gives tokens and knows projects.

use super::code::{Code, code};
use crate::terms::failure::Class;

const WAIT: &str = "It is tried again by itself; if it lasts, open a ticket with the trace id.";
const CHECK_USER: &str = "Check username, password and domain_name in the Secret.";
const CHECK_KEY: &str = "Check ak and sk in the Secret, or make a new access key.";
const CHECK_NAMES: &str = "Check region, project_id and domain_name in the Secret.";
const NEW_TOKEN: &str = "Put a new token into the Secret; for the operator's own credentials, check identity provider, agency and token file.";
const GRANT: &str = "Grant the identity what it is to do at IAM.";
const ENABLE: &str = "Enable the user at IAM.";

pub(super) const TABLE: &[Code] = &[
    code(
        "IAM.0001",
        Class::Credential,
        "an authentication is needed",
        CHECK_USER,
    ),
    code(
        "IAM.0002",
        Class::Permission,
        "the identity may not do this",
        GRANT,
    ),
    code("IAM.0003", Class::Permission, "a policy denies it", GRANT),
    code(
        "IAM.0004",
        Class::Rejected,
        "what was asked for does not exist",
        CHECK_NAMES,
    ),
    code(
        "IAM.0005",
        Class::Rejected,
        "a conflict with something that exists",
        CHECK_NAMES,
    ),
    code(
        "IAM.0006",
        Class::CloudDown,
        "an internal error of IAM",
        WAIT,
    ),
    code(
        "IAM.0007",
        Class::Rejected,
        "a parameter is invalid",
        CHECK_NAMES,
    ),
    code(
        "IAM.0009",
        Class::Credential,
        "the token is invalid",
        NEW_TOKEN,
    ),
    code(
        "IAM.0011",
        Class::Rejected,
        "the body is invalid",
        CHECK_NAMES,
    ),
    code(
        "IAM.0012",
        Class::Throttled,
        "too many requests to IAM",
        "It is tried again by itself.",
    ),
    code(
        "IAM.0020",
        Class::CloudDown,
        "IAM has failed over to another region",
        WAIT,
    ),
    code(
        "IAM.0061",
        Class::Credential,
        "the user is locked after too many failures",
        "Correct the password in the Secret and wait until IAM unlocks the user.",
    ),
    code(
        "IAM.0062",
        Class::Credential,
        "the password is wrong",
        CHECK_USER,
    ),
    code(
        "IAM.0063",
        Class::Credential,
        "the access token is invalid",
        NEW_TOKEN,
    ),
    code(
        "IAM.0064",
        Class::Credential,
        "the access token has expired",
        NEW_TOKEN,
    ),
    code(
        "IAM.0066",
        Class::Credential,
        "the token has expired",
        NEW_TOKEN,
    ),
    code(
        "IAM.0067",
        Class::Credential,
        "the token is invalid",
        NEW_TOKEN,
    ),
    code(
        "IAM.0072",
        Class::Rejected,
        "a property is missing",
        CHECK_NAMES,
    ),
    code(
        "IAM.0073",
        Class::Rejected,
        "a field is invalid",
        CHECK_NAMES,
    ),
    code(
        "IAM.0080",
        Class::Permission,
        "the user of the access key is disabled",
        ENABLE,
    ),
    code(
        "IAM.0081",
        Class::Permission,
        "the user may use the console only",
        "Allow the user programmatic access at IAM.",
    ),
    code(
        "IAM.0082",
        Class::Permission,
        "the user is disabled",
        ENABLE,
    ),
    code(
        "IAM.0083",
        Class::Permission,
        "the region is private",
        "Use a region that is open to the account.",
    ),
    code(
        "IAM.1104",
        Class::Credential,
        "the access key is blacklisted",
        CHECK_KEY,
    ),
    code(
        "IAM.1105",
        Class::Credential,
        "the access key has expired",
        CHECK_KEY,
    ),
    code(
        "IAM.1106",
        Class::Credential,
        "the access key's user does not exist",
        CHECK_KEY,
    ),
    code(
        "IAM.1107",
        Class::Credential,
        "the access key is not active",
        CHECK_KEY,
    ),
    code(
        "IAM.1108",
        Class::Credential,
        "the security token has expired",
        "Put new temporary credentials into the Secret.",
    ),
    code(
        "IAM.1109",
        Class::Rejected,
        "the project does not exist",
        CHECK_NAMES,
    ),
];
