//! The codes of the gateway in front of Live.

use super::code::{Code, code};
use crate::terms::failure::Class;

const WAIT: &str = "It is tried again by itself; if it lasts, open a ticket with the request id.";
const REPORT: &str =
    "Report it with the request id: the gateway does not take the request as it is.";
const ADDRESS_LISTS: &str =
    "Let the address that this cluster calls from through the access control of the account.";
const GRANT: &str = "Grant the identity the use of Live in this region.";

pub(super) const TABLE: &[Code] = &[
    code(
        "APIG.0101",
        Class::Rejected,
        "no such API at this address, or a token that is not scoped to the project; it does not say that a callback is gone",
        "Check region and live_endpoint; scope a token to the project.",
    ),
    code(
        "APIG.0103",
        Class::CloudDown,
        "the gateway lacks the backend of the API",
        WAIT,
    ),
    code(
        "APIG.0104",
        Class::CloudDown,
        "the gateway lacks a plug-in of the API",
        WAIT,
    ),
    code(
        "APIG.0105",
        Class::CloudDown,
        "the gateway lacks the configuration of a backend",
        WAIT,
    ),
    code(
        "APIG.0106",
        Class::Rejected,
        "the gateway can't arrange the request",
        REPORT,
    ),
    Code {
        code: "APIG.0201",
        class: None,
        meaning: "the request is bad or too large (4xx), or the backend failed or was too slow (5xx)",
        advice: "A 5xx is tried again by itself; report a 4xx with the request id.",
    },
    code(
        "APIG.0204",
        Class::Rejected,
        "the version of TLS is not supported",
        "Check what proxy or TLS inspection is between the operator and the cloud.",
    ),
    code(
        "APIG.0301",
        Class::Credential,
        "the signature or the token is wrong, or the access key is locked after too many failures",
        "Check ak and sk, or make a new token; a locked key is free again after 5 minutes.",
    ),
    code(
        "APIG.0302",
        Class::Permission,
        "the user may not call this API",
        GRANT,
    ),
    code(
        "APIG.0303",
        Class::Credential,
        "the signature is wrong, or the request's time is off by more than 15 minutes",
        "Check ak and sk, and the clock of the node.",
    ),
    code(
        "APIG.0304",
        Class::Permission,
        "the application may not call this API",
        GRANT,
    ),
    code(
        "APIG.0305",
        Class::Credential,
        "the authentication is malformed",
        "Check the credential in the Secret.",
    ),
    code(
        "APIG.0306",
        Class::Permission,
        "the access is denied",
        GRANT,
    ),
    code(
        "APIG.0307",
        Class::Credential,
        "the token has to be renewed: expired, of another region, or from before arrears were paid",
        "Put a new token into the Secret; one made from username and password is renewed by itself.",
    ),
    code(
        "APIG.0308",
        Class::Throttled,
        "the quota of requests is used up",
        "The operator slows down by itself; if it lasts, lower --requests-per-minute or look for what else calls the API.",
    ),
    code(
        "APIG.0310",
        Class::Permission,
        "the project is not available",
        "Check that the project is enabled and that its id is right.",
    ),
    code(
        "APIG.0311",
        Class::Credential,
        "the authentication for debugging failed",
        "Check the credential in the Secret.",
    ),
    code(
        "APIG.0401",
        Class::Permission,
        "the caller's address is not allowed",
        ADDRESS_LISTS,
    ),
    code(
        "APIG.0402",
        Class::Permission,
        "the backend's address is not allowed",
        ADDRESS_LISTS,
    ),
    code(
        "APIG.0404",
        Class::Permission,
        "the address is not allowed",
        ADDRESS_LISTS,
    ),
    code(
        "APIG.0501",
        Class::Account,
        "the quota of the application is used up",
        "Raise the quota of the application.",
    ),
    code(
        "APIG.0502",
        Class::Account,
        "the application is frozen",
        "Settle the account in the console of Huawei Cloud.",
    ),
    code(
        "APIG.0601",
        Class::CloudDown,
        "an internal error of the gateway",
        WAIT,
    ),
    code(
        "APIG.0602",
        Class::Rejected,
        "the request is malformed",
        REPORT,
    ),
    code(
        "APIG.0605",
        Class::CloudDown,
        "the name of the backend could not be resolved",
        WAIT,
    ),
    code(
        "APIG.0606",
        Class::CloudDown,
        "the backend could not be found",
        WAIT,
    ),
    code(
        "APIG.0607",
        Class::Rejected,
        "the protocol is not allowed",
        "Write https:// in live_endpoint.",
    ),
    code(
        "APIG.0608",
        Class::CloudDown,
        "a configuration of the gateway is missing",
        WAIT,
    ),
    code(
        "APIG.0609",
        Class::CloudDown,
        "a configuration of the gateway is missing",
        WAIT,
    ),
    code(
        "APIG.0610",
        Class::CloudDown,
        "no backend is available",
        WAIT,
    ),
    code(
        "APIG.0611",
        Class::CloudDown,
        "a configuration of the gateway is missing",
        WAIT,
    ),
    code(
        "APIG.0612",
        Class::CloudDown,
        "a configuration of the gateway is missing",
        WAIT,
    ),
    code(
        "APIG.0613",
        Class::CloudDown,
        "the gateway can't reach IAM",
        WAIT,
    ),
    code(
        "APIG.0705",
        Class::CloudDown,
        "a plug-in of the gateway failed",
        WAIT,
    ),
    code(
        "APIG.0802",
        Class::Permission,
        "the user may not be used in this region",
        "Allow the user in this region at IAM.",
    ),
    code(
        "APIG.1009",
        Class::Credential,
        "the access key or its secret is invalid",
        "Check ak and sk in the Secret.",
    ),
];
