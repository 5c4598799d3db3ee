//! Accounts of one project: the trouble of one is not the others'.

use std::{sync::Arc, time::Duration};

use tokio::time::{Instant, sleep, timeout};

use super::{LooksAccount, acquire_create, ask, cloud::LooksCloud, place};
use crate::live::looks::Looks;
use crate::platform::quota::Quota;

/// Whoever names a project may have no right to it, nor a login that ever ends.
#[tokio::test(start_paused = true)]
async fn a_sweep_that_is_not_answered_holds_up_no_create_of_another_account() {
    for (silent_from, patience) in [(0, 3), (100, 25)] {
        let account = LooksAccount::new(LooksCloud::with((0..150).map(place)));
        // The same project, as this account sees it.
        let cloud = LooksCloud::with((0..150).map(place));
        cloud.falls_silent(silent_from);
        let (bucket, barrier) = (
            Quota::new(270).bucket("OTHER"),
            Arc::clone(&account.barrier),
        );
        let other = Looks::new(cloud, bucket, barrier, Default::default);
        let asks = (1000..1010).map(|number| {
            let (other, ask) = (Arc::clone(&other), ask(&place(number)));
            tokio::spawn(async move { other.look(ask).await })
        });
        let asks: Vec<_> = asks.collect();
        sleep(Duration::from_millis(500)).await;
        let began = Instant::now();
        let limit = Duration::from_secs(patience);
        let create = acquire_create(&account.looks, "media");
        assert!(timeout(limit, create).await.is_ok(), "{silent_from}");
        // It was held up, though: else nothing is shown here.
        assert!(began.elapsed() > Duration::from_secs(1), "{silent_from}");
        for ask in asks {
            ask.abort();
        }
    }
}
