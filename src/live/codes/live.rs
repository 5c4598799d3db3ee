//! The codes of Live itself.

use crate::platform::codes::{Code, code};
use crate::terms::failure::Class;

const FIX_ACCOUNT: &str = "Settle the account in the console of Huawei Cloud.";
const REPORT: &str =
    "Report it with the request id: the operator sent what this API does not take.";
const WAIT: &str = "It is tried again by itself; if it lasts, open a ticket with the request id.";

pub(super) const TABLE: &[Code] = &[
    code(
        "LIVE.100011000",
        Class::CloudDown,
        "an internal communication failed",
        WAIT,
    ),
    code(
        "LIVE.100011001",
        Class::Rejected,
        "the request has an invalid parameter, or the ingest domain does not exist or is not ready yet",
        "Check that the ingest domain exists in Live, is enabled and belongs to this project and region; then the URL, the events and the app.",
    ),
    code(
        "LIVE.100011002",
        Class::Credential,
        "the identity could not be verified, mostly a wrong signature",
        "Check ak and sk (or the token) in the Secret: both of one access key, without line breaks inside.",
    ),
    code(
        "LIVE.100011003",
        Class::Permission,
        "the identity may not call this API",
        "Grant live:record:createCallback, listCallbacks, getCallback, updateCallback and deleteCallback, or the policy Live FullAccess.",
    ),
    code(
        "LIVE.100011004",
        Class::Rejected,
        "only HTTPS is served",
        "Write https:// in live_endpoint.",
    ),
    code(
        "LIVE.100011005",
        Class::CloudDown,
        "an internal server error",
        WAIT,
    ),
    code(
        "LIVE.100011006",
        Class::Maintenance,
        "the API is not served in this version, or is in maintenance",
        WAIT,
    ),
    code(
        "LIVE.100011007",
        Class::Overloaded,
        "too many concurrent requests",
        "The operator slows down by itself; if it lasts, look for what else calls the API with this account.",
    ),
    code(
        "LIVE.100011008",
        Class::Maintenance,
        "the API is in maintenance",
        WAIT,
    ),
    code(
        "LIVE.100011009",
        Class::Credential,
        "the user of the request does not exist",
        "Make a new access key for an existing user and put it into the Secret.",
    ),
    code(
        "LIVE.100011011",
        Class::Rejected,
        "the method is not supported",
        REPORT,
    ),
    code(
        "LIVE.100011012",
        Class::Rejected,
        "the media type is not supported",
        REPORT,
    ),
    code(
        "LIVE.100011013",
        Class::Account,
        "the account has no real-name authentication",
        FIX_ACCOUNT,
    ),
    code(
        "LIVE.100011014",
        Class::Account,
        "the account is frozen, deleted or in arrears",
        FIX_ACCOUNT,
    ),
    code(
        "LIVE.100011015",
        Class::Permission,
        "the project id does not belong to the credential",
        "Write the project id of this account and region into project_id, or leave it out to have it looked up.",
    ),
    code(
        "LIVE.100011022",
        Class::Rejected,
        "the record task exists already",
        "It is tried again by itself.",
    ),
    code(
        "LIVE.103011016",
        Class::Rejected,
        "the content of the request is invalid",
        "Compare the spec with the description of its fields (kubectl explain rcb.spec).",
    ),
    code(
        "LIVE.103011017",
        Class::CloudDown,
        "the configuration could not be handed to the CDN",
        "It is tried again by itself; if it lasts, check that the ingest domain has its ICP licence.",
    ),
    code(
        "LIVE.103011018",
        Class::Exists,
        "a callback exists for this ingest domain and app",
        "Set adoptionPolicy to IfIdentical or Always to take it over, or delete it in the console.",
    ),
    code(
        "LIVE.103011019",
        Class::Gone,
        "the resource does not exist",
        "If a callback was removed it is made anew by itself; for a create, add the ingest domain to Live first.",
    ),
    code(
        "LIVE.103011020",
        Class::Rejected,
        "the quota of domains is used up",
        "Delete domains that are not needed, or ask for a higher quota.",
    ),
    code(
        "LIVE.103011021",
        Class::CloudDown,
        "the cloud's database failed",
        WAIT,
    ),
    code(
        "LIVE.103011022",
        Class::Rejected,
        "the ingest domain's present state does not allow it",
        "Wait until the domain is configured, or enable it in the console.",
    ),
    code(
        "LIVE.103011023",
        Class::CloudDown,
        "the configuration could not be handed to the load balancing",
        WAIT,
    ),
    code(
        "LIVE.103011024",
        Class::Rejected,
        "the domain has no ICP number",
        "Have the domain licensed.",
    ),
    code(
        "LIVE.103011025",
        Class::Rejected,
        "the domain's ICP number can't be changed",
        "Check the domain in the console.",
    ),
    code(
        "LIVE.103011026",
        Class::Rejected,
        "the domain is blacklisted",
        "Open a ticket, or use another domain.",
    ),
    code(
        "LIVE.103011027",
        Class::Rejected,
        "the domain is blacklisted",
        "Open a ticket, or use another domain.",
    ),
    code(
        "LIVE.103011028",
        Class::CloudDown,
        "the configuration could not be handed to the DNS",
        WAIT,
    ),
];
