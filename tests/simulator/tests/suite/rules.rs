//! Record rules: listed by their filters, with a permission of their own.

use live_simulator::KnownCredential;
use live_simulator::LoggedOperation;
use live_simulator::RecordRule;
use live_simulator::SimulatorSettings;

use crate::client::ACCESS_KEY;
use crate::client::PROJECT;
use crate::client::SECRET_KEY;
use crate::client::start;

const RULES: &str = "/v1/0123456789abcdef0123456789abcdef/record/rules";

#[tokio::test]
async fn rules_are_listed_by_their_filters() {
    let (simulator, client) = start(SimulatorSettings::default());
    let rule = RecordRule::of(PROJECT, "push.example.com", "live");
    simulator.add_rule(rule.clone());
    let of_a_stream = RecordRule {
        stream: "one".to_owned(),
        record_type: "COMMAND_RECORD".to_owned(),
        ..rule
    };
    simulator.add_rule(of_a_stream);
    simulator.add_rule(RecordRule::of("another", "push.example.com", "live"));
    for (query, total, listed) in [
        ("", 2, 2),
        ("limit=1", 2, 1),
        ("offset=2", 2, 0),
        ("publish_domain=push.example.com&app=live&stream=one", 1, 1),
        ("record_type=COMMAND_RECORD", 1, 1),
        ("publish_domain=other.example.com", 0, 0),
    ] {
        let answer = client
            .send("GET", &format!("{RULES}?{query}"), None)
            .await
            .unwrap();
        let answer_json = answer.json();
        let rules = answer_json["record_config"].as_array().unwrap();
        assert_eq!(
            (&answer_json["total"], rules.len()),
            (&total.into(), listed),
            "{query}"
        );
    }
    for query in [
        "limit=0",
        "offset=4097",
        "record_type=ALWAYS",
        "marker=1",
        "app=a&app=b",
    ] {
        let answer = client
            .send("GET", &format!("{RULES}?{query}"), None)
            .await
            .unwrap();
        assert_eq!(
            (answer.status, &*answer.code()),
            (400, "LIVE.100011001"),
            "{query}"
        );
    }
}

#[tokio::test]
async fn rules_take_a_permission_of_their_own() {
    let (simulator, client) = start(SimulatorSettings::default());
    let key =
        KnownCredential::new(ACCESS_KEY, SECRET_KEY, PROJECT).deny(LoggedOperation::ListRules);
    simulator.add_credential(key);
    let answer = client.send("GET", RULES, None).await.unwrap();
    assert_eq!((answer.status, &*answer.code()), (401, "LIVE.100011003"));
    assert!(answer.json().to_string().contains("live:record:listRules"));
    assert_eq!(client.list("").await.status, 200);
}
