//! When the process is ready, alive and able to act.

use tokio::time::advance;

use super::*;

/// All is well, of these namespaces.
fn well(namespaces: &[&str]) -> Health {
    let names: Vec<String> = namespaces.iter().map(ToString::to_string).collect();
    let health = Health::new(&names);
    for check in [Check::Lease, Check::Crd] {
        health.set(check, Ok(()));
    }
    health.watches_begin();
    for watch in health.watches() {
        health.listed(&watch.namespace);
    }
    health
}

fn refusal() -> WatchTrouble {
    WatchTrouble {
        text: "forbidden".to_owned(),
        is_refusal: true,
        was_brought: false,
    }
}

#[tokio::test]
async fn nothing_is_ready_before_it_was_looked_at() {
    let (is_ready, text) = Health::new(&[]).readiness();
    assert!(!is_ready);
    let unknown = "lease: not read yet\ncrd: not read yet\nwatch: not begun yet\n";
    assert_eq!(text, unknown);
    let all_well = "lease: ok\ncrd: ok\nwatch: ok\n".to_owned();
    assert_eq!(well(&[]).readiness(), (true, all_well));
}

#[tokio::test]
async fn each_check_alone_makes_unready_and_says_why() {
    for check in [Check::Lease, Check::Crd] {
        let health = well(&[]);
        health.set(check, Err("broken, mend it".to_owned()));
        let (is_ready, text) = health.readiness();
        assert!(!is_ready, "{check:?}");
        assert!(
            text.contains(&format!("{}: broken, mend it\n", check.name())),
            "{text}"
        );
    }
}

#[tokio::test]
async fn who_sees_one_namespace_is_not_stuck_and_everybody_is_without_the_crd() {
    let health = well(&["live", "media"]);
    assert!(!health.is_stuck());
    health.watch_fails("live", refusal());
    assert!(!health.is_stuck(), "the other one is served");
    health.watch_fails("media", refusal());
    assert!(health.is_stuck());
    health.watch_seen("live");
    assert!(!health.is_stuck());
    health.set(Check::Crd, Err("an older one".to_owned()));
    assert!(health.is_stuck());
    health.set(Check::Crd, Ok(()));
    health.set(Check::Lease, Err("not renewed".to_owned()));
    assert!(!health.is_stuck(), "that is told by who leads");
    assert!(Health::new(&[]).is_stuck(), "nothing was seen yet");
}

#[tokio::test]
async fn a_standby_needs_lease_and_crd_only() {
    let health = Health::new(&[]);
    health.standby(true);
    health.set(Check::Lease, Ok(()));
    assert!(!health.readiness().0);
    health.set(Check::Crd, Ok(()));
    let (is_ready, text) = health.readiness();
    assert!(is_ready && text.contains("watch: ok (standby)"), "{text}");
    health.standby(false);
    assert!(!health.readiness().0, "a new leader has not listed yet");
}

#[tokio::test(start_paused = true)]
async fn one_namespace_that_is_silent_or_refused_makes_unready_and_is_named() {
    let health = well(&["live", "media"]);
    advance(WATCH_LIMIT).await;
    health.watch_seen("live");
    assert!(health.readiness().0);
    advance(Duration::from_secs(1)).await;
    let (is_ready, text) = health.readiness();
    assert!(!is_ready && text.contains("watch of live: ok\n"), "{text}");
    assert!(text.contains("watch of media: silent for 301 s"), "{text}");
    health.watch_seen("media");
    assert!(health.readiness().0);

    health.watch_fails("live", refusal());
    let (is_ready, text) = health.readiness();
    assert!(
        !is_ready && text.contains("watch of live: forbidden\n"),
        "{text}"
    );
    let up: Vec<bool> = health.watches().iter().map(|watch| watch.is_up).collect();
    assert_eq!(up, [false, true]);
    health.watch_seen("live");
    assert!(health.readiness().0);
    health.watch_seen("a namespace that nobody serves");

    health.namespace_exists("live", false);
    health.watch_seen("live");
    let (is_ready, text) = health.readiness();
    let missing = "watch of live: there is no such namespace\n";
    assert!(!is_ready && text.contains(missing), "{text}");
    assert!(health.watches()[0].trouble.is_some());
    health.namespace_exists("live", true);
    assert!(health.readiness().0);
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_is_granted_again_and_again_and_brings_nothing_is_named() {
    let health = well(&["live"]);
    for _ in 0..3 {
        advance(WATCH_LIMIT / 2).await;
        let lost = WatchTrouble {
            text: "lost".to_owned(),
            is_refusal: false,
            was_brought: false,
        };
        health.watch_fails("live", lost);
        health.watch_granted("live");
    }
    let (is_ready, text) = health.readiness();
    assert!(
        !is_ready && text.contains("watch of live: silent for 450 s"),
        "{text}"
    );
    health.watch_seen("live");
    assert!(health.readiness().0);

    advance(WATCH_LIMIT * 2).await;
    health.watch_fails("live", refusal());
    health.watch_granted("live");
    assert!(health.readiness().0, "who refuses is alive");
}

#[tokio::test(start_paused = true)]
async fn what_is_brought_and_turns_out_to_be_a_failure_is_no_sign_of_life() {
    let health = well(&["live"]);
    let brings_a_failure = || {
        health.watch_granted("live");
        health.watch_seen("live");
        let trouble = WatchTrouble {
            text: "etcdserver: request timed out".to_owned(),
            is_refusal: false,
            was_brought: true,
        };
        health.watch_fails("live", trouble);
        health.watch_seen("live"); // the end of it
    };
    for _ in 0..6 {
        assert!(health.readiness().0);
        advance(Duration::from_mins(1)).await;
        brings_a_failure();
    }
    let (is_ready, text) = health.readiness();
    let silent = "watch of live: silent for 360 s: etcdserver: request timed out\n";
    assert!(!is_ready && text.contains(silent), "{text}");
    health.watch_granted("live");
    health.watch_seen("live");
    assert!(health.readiness().0, "an honest one");

    // One that was alive for long was so until just before.
    for _ in 0..30 {
        advance(Duration::from_mins(1)).await;
        health.watch_seen("live");
    }
    brings_a_failure();
    assert!(health.readiness().0);
    for _ in 0..600 {
        advance(Duration::from_secs(1)).await;
        health.watch_seen("live");
        health.watch_brings("live");
    }
    brings_a_failure();
    assert!(health.readiness().0);
}

#[tokio::test(start_paused = true)]
async fn a_loop_that_stands_still_is_not_alive() {
    let health = well(&[]);
    advance(BEAT_LIMIT).await;
    assert_eq!(health.liveness(), Ok(()));
    advance(Duration::from_secs(1)).await;
    assert!(health.liveness().is_err());
    health.beat();
    assert_eq!(health.liveness(), Ok(()));
}
