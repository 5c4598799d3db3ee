//! What can go wrong between the operator and its two servers, each by itself. Every trouble ends; that of a kind of calls when
//! so many have come to harm.

use std::time::Duration;

use live_simulator::{LoggedOperation, ScriptedFault, ScriptedPayload, settings::Connections};

use super::fixture::CrashFixture;
use crate::support::proxy::{Harm, HarmedAnswer, HarmedCalls, StreamOrder, status};

/// Something that goes wrong.
#[derive(Clone, Copy)]
pub(super) struct CrashTrouble {
    pub(super) name: &'static str,
    /// Makes it begin.
    pub(super) begin: fn(&CrashFixture),
    /// How long it lasts where it does not end by itself.
    pub(super) lasts: Duration,
    /// Whether the record tells of every POST: one that the cloud answered with a refusal made nothing, and the next attempt gets a
    /// record of its own.
    pub(super) recorded: bool,
}

/// One that is over when the calls that it befalls are.
const fn of_calls(name: &'static str, begin: fn(&CrashFixture)) -> CrashTrouble {
    CrashTrouble {
        name,
        begin,
        lasts: Duration::ZERO,
        recorded: true,
    }
}

/// One that lasts.
const fn lasting(name: &'static str, seconds: u64, begin: fn(&CrashFixture)) -> CrashTrouble {
    CrashTrouble {
        lasts: Duration::from_secs(seconds),
        ..of_calls(name, begin)
    }
}

/// So many calls are answered with a page that says 404.
fn knows_nothing(fixture: &CrashFixture, times: usize) {
    let harm = Harm::to(HarmedCalls::Any).times(times);
    fixture.proxy.harm(harm.before(HarmedAnswer::page(404)));
}

/// The troubles with the API server.
pub(super) const API_SERVER: [CrashTrouble; 31] = [
    of_calls("the record meets a conflict", |fixture| {
        let conflict = HarmedAnswer::error(409, "Conflict");
        fixture
            .proxy
            .harm(Harm::to(HarmedCalls::Metadata).times(2).before(conflict));
    }),
    of_calls("the record is written, and a conflict is told", |fixture| {
        let conflict = HarmedAnswer::error(409, "Conflict");
        fixture
            .proxy
            .harm(Harm::to(HarmedCalls::Metadata).after(conflict));
    }),
    of_calls("the status meets a conflict", |fixture| {
        let conflict = HarmedAnswer::error(409, "Conflict");
        fixture
            .proxy
            .harm(Harm::to(HarmedCalls::Status).times(3).before(conflict));
    }),
    lasting(
        "the status meets a conflict again and again",
        3,
        |fixture| {
            let conflict = HarmedAnswer::error(409, "Conflict");
            let harm = Harm::to(HarmedCalls::Status).times(usize::MAX);
            fixture.proxy.harm(harm.before(conflict));
        },
    ),
    of_calls("the status is written, and a conflict is told", |fixture| {
        let conflict = HarmedAnswer::error(409, "Conflict");
        fixture
            .proxy
            .harm(Harm::to(HarmedCalls::Status).after(conflict));
    }),
    of_calls("every call is one too many", |fixture| {
        let throttled = HarmedAnswer::error(429, "TooManyRequests");
        fixture
            .proxy
            .harm(Harm::to(HarmedCalls::Any).times(5).before(throttled));
    }),
    of_calls("the record is not written: 500", |fixture| {
        let error = HarmedAnswer::error(500, "InternalError");
        fixture
            .proxy
            .harm(Harm::to(HarmedCalls::Metadata).times(2).before(error));
    }),
    of_calls("the record is written: 500", |fixture| {
        let error = HarmedAnswer::error(500, "InternalError");
        fixture
            .proxy
            .harm(Harm::to(HarmedCalls::Metadata).after(error));
    }),
    of_calls("the status is not written: 500", |fixture| {
        let error = HarmedAnswer::error(500, "InternalError");
        fixture
            .proxy
            .harm(Harm::to(HarmedCalls::Status).times(3).before(error));
    }),
    of_calls("the status is written: 500", |fixture| {
        let error = HarmedAnswer::error(500, "InternalError");
        fixture
            .proxy
            .harm(Harm::to(HarmedCalls::Status).after(error));
    }),
    of_calls("the record is lost", |fixture| {
        fixture.proxy.harm(
            Harm::to(HarmedCalls::Metadata)
                .times(2)
                .before(HarmedAnswer::Close),
        );
    }),
    of_calls("the answer to the record is lost", |fixture| {
        fixture
            .proxy
            .harm(Harm::to(HarmedCalls::Metadata).after(HarmedAnswer::Close));
    }),
    of_calls("the status is lost", |fixture| {
        fixture.proxy.harm(
            Harm::to(HarmedCalls::Status)
                .times(3)
                .before(HarmedAnswer::Close),
        );
    }),
    of_calls("the answer to the status is lost", |fixture| {
        fixture
            .proxy
            .harm(Harm::to(HarmedCalls::Status).after(HarmedAnswer::Close));
    }),
    of_calls("the record is written, and no answer comes", |fixture| {
        fixture
            .proxy
            .harm(Harm::to(HarmedCalls::Metadata).after(HarmedAnswer::Hang));
    }),
    of_calls(
        "the status is not written, and no answer comes",
        |fixture| {
            fixture
                .proxy
                .harm(Harm::to(HarmedCalls::Status).before(HarmedAnswer::Hang));
        },
    ),
    of_calls("every call is slow", |fixture| {
        let late = Harm::to(HarmedCalls::Any).delay(Duration::from_secs(1));
        fixture.proxy.harm(late.times(6));
    }),
    of_calls("no object can be read", |fixture| {
        let error = HarmedAnswer::error(503, "ServiceUnavailable");
        fixture
            .proxy
            .harm(Harm::to(HarmedCalls::Read).times(2).before(error));
    }),
    of_calls("Secrets and the CRD can't be read", |fixture| {
        let error = HarmedAnswer::error(500, "InternalError");
        for calls in [HarmedCalls::Secret, HarmedCalls::Definition] {
            fixture
                .proxy
                .harm(Harm::to(calls).times(2).before(error.clone()));
        }
    }),
    of_calls("what stands before the API server answers", |fixture| {
        fixture.proxy.harm(
            Harm::to(HarmedCalls::Any)
                .times(4)
                .before(HarmedAnswer::page(502)),
        );
    }),
    of_calls(
        "what stands before the API server knows nothing once",
        |fixture| knows_nothing(fixture, 1),
    ),
    of_calls(
        "what stands before the API server knows nothing twice",
        |fixture| knows_nothing(fixture, 2),
    ),
    of_calls(
        "what stands before the API server knows nothing",
        |fixture| knows_nothing(fixture, 3),
    ),
    lasting("no right is left", 4, |fixture| {
        let forbidden = HarmedAnswer::error(403, "Forbidden");
        for calls in [HarmedCalls::Any, HarmedCalls::Watch, HarmedCalls::Event] {
            let harm = Harm::to(calls).times(usize::MAX);
            fixture.proxy.harm(harm.before(forbidden.clone()));
        }
        fixture.proxy.watches(StreamOrder::End);
    }),
    lasting("the API server is away", 4, |fixture| fixture.proxy.down()),
    of_calls("the watch is cut", |fixture| {
        fixture.proxy.watches(StreamOrder::End);
    }),
    of_calls("the watch breaks", |fixture| {
        fixture.proxy.watches(StreamOrder::Break);
    }),
    of_calls("the watch is stale", |fixture| {
        fixture
            .proxy
            .watches(StreamOrder::Lag(Duration::from_secs(3)));
    }),
    lasting("the watch is silent, and then breaks", 4, |fixture| {
        fixture.proxy.watches(StreamOrder::Freeze);
    }),
    of_calls("the watch's version is too old", |fixture| {
        let expired = status(410, "Expired");
        let line = format!(r#"{{"type":"ERROR","object":{expired}}}"#);
        fixture.proxy.watches(StreamOrder::Say(line));
    }),
    of_calls(
        "a watch is answered with pages, and so is the list",
        |fixture| {
            fixture
                .proxy
                .harm(Harm::to(HarmedCalls::Watch).before(HarmedAnswer::error(410, "Gone")));
            for calls in [HarmedCalls::Watch, HarmedCalls::List] {
                fixture
                    .proxy
                    .harm(Harm::to(calls).times(2).before(HarmedAnswer::page(500)));
            }
            fixture.proxy.watches(StreamOrder::End);
        },
    ),
];

/// The troubles with the cloud.
pub(super) const CLOUD: [CrashTrouble; 13] = [
    of_calls("calls are lost", |fixture| {
        fixture
            .world
            .cloud
            .fault(ScriptedFault::any().times(2).lose_call());
    }),
    of_calls("answers are lost", |fixture| {
        fixture
            .world
            .cloud
            .fault(ScriptedFault::any().times(2).lose_reply());
    }),
    of_calls("calls are not carried out: 500", |fixture| {
        fixture.world.cloud.fault(
            ScriptedFault::any()
                .times(2)
                .reply(500, ScriptedPayload::default()),
        );
    }),
    of_calls("calls are carried out: 500", |fixture| {
        let fault = ScriptedFault::any()
            .times(2)
            .reply(500, ScriptedPayload::default());
        fixture.world.cloud.fault(fault.after_commit());
    }),
    of_calls("no answer comes", |fixture| {
        fixture
            .world
            .cloud
            .fault(ScriptedFault::any().times(2).hang());
    }),
    of_calls("answers come too late", |fixture| {
        let late = Duration::from_millis(1500);
        fixture
            .world
            .cloud
            .fault(ScriptedFault::any().times(2).delay_after(late));
    }),
    of_calls("answers are cut", |fixture| {
        fixture
            .world
            .cloud
            .fault(ScriptedFault::any().times(2).cut(20));
    }),
    of_calls("answers are not HTTP", |fixture| {
        let garbage =
            live_simulator::ScriptedAnswer::Raw(ScriptedPayload::Hex("00ff0a0d00".to_owned()));
        fixture
            .world
            .cloud
            .fault(ScriptedFault::any().times(2).answer(garbage).after_commit());
    }),
    of_calls("answers are pages", |fixture| {
        let page = ScriptedPayload::Text("<html>\r\n<p>all is well</p>\r\n</html>".to_owned());
        fixture.world.cloud.fault(
            ScriptedFault::any()
                .times(2)
                .reply(200, page)
                .after_commit(),
        );
    }),
    CrashTrouble {
        recorded: false,
        ..of_calls("answers lead elsewhere", |fixture| {
            let elsewhere = live_simulator::ScriptedAnswer::Reply(live_simulator::ScriptedReply {
                status: 302,
                headers: [("Location".to_owned(), "https://example.com/".to_owned())].into(),
                body: ScriptedPayload::default(),
            });
            fixture
                .world
                .cloud
                .fault(ScriptedFault::any().times(2).answer(elsewhere));
        })
    },
    CrashTrouble {
        recorded: false,
        ..of_calls("changes are throttled", |fixture| {
            for operation in [
                LoggedOperation::Create,
                LoggedOperation::Update,
                LoggedOperation::Delete,
            ] {
                let throttled = ScriptedFault::on(operation).reply(429, ScriptedPayload::default());
                fixture
                    .world
                    .cloud
                    .fault(throttled.header("Retry-After", "2"));
            }
        })
    },
    lasting("lists lag behind", 5, |fixture| {
        let cloud = &fixture.world.cloud;
        cloud.settings(|settings| settings.list_lag_ms = 2000);
        // What lists show decides only where the answer does not.
        fixture
            .world
            .cloud
            .fault(ScriptedFault::any().nth(2).lose_reply());
    }),
    lasting("no connection is taken", 3, |fixture| {
        let cloud = &fixture.world.cloud;
        cloud.settings(|settings| settings.connections = Connections::Close);
        // One that is kept open ends with the next call.
        fixture.world.cloud.fault(ScriptedFault::any().lose_call());
    }),
];

/// No trouble is left, and none begins by itself.
pub(super) fn end(fixture: &CrashFixture) {
    fixture.proxy.calm();
    let cloud = &fixture.world.cloud;
    cloud.clear_faults();
    cloud.settings(|settings| {
        settings.connections = Connections::Serve;
        settings.list_lag_ms = 0;
    });
    fixture.proxy.watches(StreamOrder::Break);
}
