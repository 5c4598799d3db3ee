//! The reasons, each with its meaning, the operator's reaction and the remedy. Text only.

use crate::plan::facts::reason::Reason;

/// What there is to say of a reason.
pub(super) struct Text {
    pub(super) meaning: &'static str,
    pub(super) reaction: &'static str,
    pub(super) remedy: &'static str,
}

const NOTHING: &str = "nothing to do";
const LASTS: &str = "nothing, unless it lasts; then see `status.lastOperation` for the cloud's words and request id";

#[expect(
    clippy::too_many_lines,
    reason = "a table, and a match so that no reason can be left out"
)]
pub(super) fn text(reason: Reason) -> Text {
    let (meaning, reaction, remedy) = match reason {
        Reason::Available => (
            "the cloud was seen to hold what the spec says",
            "compares at every --resync-interval",
            NOTHING,
        ),
        Reason::Creating => (
            "the callback is being created",
            "waits for its turn and for the answer",
            LASTS,
        ),
        Reason::Updating => (
            "the callback is being changed",
            "waits for its turn and for the answer",
            LASTS,
        ),
        Reason::Deleting => (
            "the callback is being deleted",
            "lets the object go when it is gone",
            LASTS,
        ),
        Reason::RequestRejected => (
            "the cloud refused the request as it is (a 400)",
            "tries again after 5 s, doubling to 10 min, and at once when spec, Secret or annotation change; \
             stalled after 5 times and --stall-after",
            "explain the code in the message; a new ingest domain may need some minutes and then heals by itself",
        ),
        Reason::RateLimited => (
            "the quota is used up, here or at the cloud",
            "waits for its turn; slows down when the cloud throttles",
            "nothing; if it lasts, see who else uses the credential, or lower the number of changes at once",
        ),
        Reason::CloudUnavailable => (
            "the cloud, or the way to it, is down or in maintenance",
            "tries again after 2 s, doubling to 2 min",
            "check network policy, DNS, proxy and certificates between the pod and the endpoint; else wait",
        ),
        Reason::OutcomeUnknown => (
            "a change was sent and no answer tells whether it happened",
            "looks until it is found, or until --settle-time has shown that it did not happen; then repeats it",
            NOTHING,
        ),
        Reason::CredentialsMissing => (
            "the Secret, or a value in it, is missing, the project can't be told from it, or the operator has no credentials of its own",
            "reads the Secret again at every --secret-poll-interval",
            "create the Secret with ak and sk, or token, or username, password and domain_name, and project_id and region",
        ),
        Reason::CredentialsRejected => (
            "the cloud does not accept the credential",
            "stops after 2 failures, so that the key is not locked for everybody, until the Secret changes or 5 min pass",
            "correct the values in the Secret; the change is noticed within --secret-poll-interval",
        ),
        Reason::PermissionDenied => (
            "the credential is valid and may not do this",
            "tries again every 10 min, and at once when the Secret changes",
            "grant the identity the record-callback actions of Live, or the policy Live FullAccess",
        ),
        Reason::AccountProblem => (
            "the account is frozen, in arrears or not verified",
            "tries again every 10 min, and at once when the Secret changes",
            "settle it in the console of Huawei Cloud",
        ),
        Reason::ClockSkew => (
            "the cloud refuses the date of the requests",
            "dates by the cloud's clock and tries again every 30 s",
            "set the clock of the node; see the metric recording_callback_clock_offset_seconds",
        ),
        Reason::TargetChanged => (
            "spec or credentials name another region or project than the callback was made in, or another endpoint through which it is not found",
            "calls nothing in another region or project; through another endpoint it changes nothing and looks again, slowly",
            "put region, project and endpoint back, or delete the object and create it anew; where the former endpoint is gone for good, delete it with deletionPolicy Retain",
        ),
        Reason::EndpointNotAllowed => (
            "the endpoint of the Secret, or of the region, is not among --allowed-endpoints",
            "calls nothing",
            "correct live_endpoint or region, or allow the endpoint",
        ),
        Reason::InvalidSpec => (
            "the spec can't be served",
            "calls nothing; a delete goes on",
            "correct the field in the message",
        ),
        Reason::SignKeyMissing => (
            "the Secret of signKeySecretRef, or the key in it, is missing",
            "reads the Secret again at every --secret-poll-interval",
            "create the Secret, or remove signKeySecretRef",
        ),
        Reason::SignKeyInvalid => (
            "the sign key is not letters and digits, at least 32",
            "reads the Secret again at every --secret-poll-interval",
            "write a key of at least 32 letters and digits",
        ),
        Reason::Conflict => (
            "a callback that is not ours lies at this domain and app",
            "changes nothing and looks again, slowly",
            "delete that callback, or set adoptionPolicy to Always to take it over",
        ),
        Reason::Duplicate => (
            "another RecordingCallback owns this domain and app",
            "takes over when that one goes",
            "delete one of the two",
        ),
        Reason::Contended => (
            "something else keeps rewriting the callback, or the cloud answers updates with success and keeps what was",
            "repairs at most once in 10 min; an edit or a requested look is done at once",
            "find what else writes it, such as a script or another operator, and stop one of the two; where nothing does, ask the cloud about the update's request id",
        ),
        Reason::Normalized => (
            "the cloud answered our own write with other values",
            "holds them for right, and tells the fields once",
            "write those values into the spec, or leave it",
        ),
        Reason::ObserveOnly => (
            "the object, or the whole operator, only looks",
            "writes into status.plan what it would do",
            "set managementPolicy to Manage, or end --read-only",
        ),
        Reason::Suspended => (
            "spec.suspend is true",
            "calls nothing",
            "set spec.suspend to false",
        ),
        Reason::Adopted => (
            "a callback that was there was taken over",
            "manages it from now on",
            NOTHING,
        ),
        Reason::Drifted => (
            "the callback was changed or removed by somebody else",
            "put it right",
            "find who does it, if it comes again",
        ),
        Reason::Retained => (
            "the object went and its callback stays at the cloud",
            "knows nothing of it any more",
            "nothing, or delete the callback of the id in the event by hand",
        ),
    };
    Text {
        meaning,
        reaction,
        remedy,
    }
}
