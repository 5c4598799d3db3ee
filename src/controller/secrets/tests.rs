//! The cache in virtual time, before an API server in memory.

use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;
use tokio::time::sleep;

use super::*;

const YOUNG: Duration = Duration::from_mins(1);
/// How long a read may take.
const LIMIT: Duration = Duration::from_secs(10);

/// An API server whose Secrets have one value at every key: how many reads began before.
#[derive(Default)]
struct SecretServer {
    reads: AtomicUsize,
    /// How long the answer to each takes, the last for all that follow.
    answers: Vec<Duration>,
    under_way: AtomicUsize,
    most: AtomicUsize,
    /// How long each value is, if not one byte.
    length: usize,
}

impl SecretReader for SecretServer {
    fn read<'a>(
        &'a self,
        _: &'a SecretName,
        keys: &'a Keys,
    ) -> BoxFuture<'a, Result<Option<Values>, ClusterError>> {
        let number = self.reads.fetch_add(1, Ordering::Relaxed);
        let takes = self.answers.get(number).or(self.answers.last()).copied();
        let takes = takes.unwrap_or_default();
        let now = self.under_way.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(now, Ordering::Relaxed);
        async move {
            sleep(takes.min(LIMIT)).await;
            self.under_way.fetch_sub(1, Ordering::Relaxed);
            if takes > LIMIT {
                return Err(ClusterError::timeout("read the Secret", LIMIT));
            }
            let data = keys.iter().map(|key| {
                (
                    key.clone(),
                    vec![u8::try_from(number % 256).unwrap(); self.length.max(1)],
                )
            });
            Ok(Some(Values::of(data, keys)))
        }
        .boxed()
    }
}

fn server(answers: &[u64]) -> (Arc<SecretServer>, Arc<SecretCache>) {
    let answers = answers.iter().map(|secs| Duration::from_secs(*secs));
    let server = Arc::new(SecretServer {
        answers: answers.collect(),
        ..SecretServer::default()
    });
    let reader = Arc::clone(&server);
    (server, Arc::new(SecretCache::new(reader, YOUNG)))
}

fn name() -> SecretName {
    ("media".to_owned(), "hooks".to_owned())
}

fn keys(keys: &[&str]) -> Keys {
    keys.iter().map(|key| (*key).to_owned()).collect()
}

/// Which read a value is of.
fn number(found: &Result<SecretFound, ClusterError>, key: &str) -> Option<u8> {
    match found {
        Ok(SecretFound::Values(values)) => values.get(key)?.first().copied(),
        Ok(SecretFound::Absent | SecretFound::Forbidden) | Err(_) => None,
    }
}

#[tokio::test(start_paused = true)]
async fn one_read_answers_all_who_wait_and_a_failure_is_waited_for_once() {
    let (server, cache) = server(&[99, 1]);
    let (name, keys) = (name(), keys(&["sign"]));
    let began = Instant::now();
    let found = join_all((0..1000).map(|_| cache.get(&name, &keys))).await;
    assert!(found.iter().all(Result::is_err));
    assert_eq!(began.elapsed(), Duration::from_secs(10));
    let found = join_all((0..1000).map(|_| cache.get(&name, &keys))).await;
    assert!(found.iter().all(|found| number(found, "sign") == Some(1)));
    assert_eq!(server.reads.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn who_wants_it_as_it_is_now_is_not_answered_by_a_read_that_began_before() {
    let (_, cache) = server(&[5, 1]);
    let (name, keys) = (name(), keys(&["sign"]));
    let before = async {
        let found = cache.get(&name, &keys).await;
        assert_eq!(number(&found, "sign"), Some(0));
    };
    let now = async {
        sleep(Duration::from_secs(1)).await;
        let found = cache.refresh(&name, &keys).await;
        assert_eq!(number(&found, "sign"), Some(1));
    };
    tokio::join!(before, now);
    let kept = cache.get(&name, &keys).await;
    assert_eq!(number(&kept, "sign"), Some(1));
    sleep(YOUNG).await;
    let anew = cache.get(&name, &keys).await;
    assert_eq!(number(&anew, "sign"), Some(2));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_nobody_waits_for_any_more_is_none() {
    let (server, cache) = server(&[5, 1]);
    let (name, keys) = (name(), keys(&["sign"]));
    let given_up = tokio::time::timeout(Duration::from_secs(1), cache.get(&name, &keys)).await;
    assert!(given_up.is_err());
    let found = cache.get(&name, &keys).await;
    assert_eq!(number(&found, "sign"), Some(1));
    assert_eq!(server.reads.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_kept_is_read_and_one_that_is_out_of_use_is_forgotten() {
    let (_, cache) = server(&[]);
    let (name, one, other) = (name(), keys(&["one"]), keys(&["other"]));
    assert!(cache.known(&name, &one).is_none());
    let found = cache.get(&name, &one).await;
    assert_eq!(number(&found, "one"), Some(0));
    assert!(cache.known(&name, &other).is_none());
    let found = cache.get(&name, &other).await;
    assert_eq!(number(&found, "other"), Some(1));
    assert!(cache.known(&name, &one).is_some());

    cache.retain(&BTreeMap::from([(&name, &other)]));
    assert!(cache.known(&name, &one).is_none());
    let kept = cache.known(&name, &other).unwrap();
    assert_eq!(number(&Ok(kept), "other"), Some(1));
    cache.retain(&BTreeMap::new());
    assert!(cache.known(&name, &other).is_none());
}

#[tokio::test(start_paused = true)]
async fn few_are_read_at_once_and_a_namespace_that_hangs_leaves_room() {
    let (server, cache) = server(&[99, 99, 1]);
    let keys = keys(&["sign"]);
    let get = |namespace: &str, number: usize| {
        let name = (namespace.to_owned(), format!("secret-{number}"));
        let (cache, keys) = (Arc::clone(&cache), keys.clone());
        async move { cache.get(&name, &keys).await.is_ok() }
    };
    let theirs = join_all((0..OF_ONE_NAMESPACE).map(|number| get("theirs", number)));
    let ours = async {
        let began = Instant::now();
        assert!(get("ours", 0).await);
        began.elapsed()
    };
    let (hung, waited) = tokio::join!(theirs, ours);
    assert!(!hung.contains(&true) && waited < LIMIT, "{waited:?}");

    let many = (0..1000).map(|number| get(&format!("namespace-{}", number % 100), number));
    assert!(!join_all(many).await.contains(&false));
    assert_eq!(server.most.load(Ordering::Relaxed), AT_ONCE);
}

#[tokio::test(start_paused = true)]
async fn what_a_namespace_has_of_long_values_is_bounded() {
    let server = SecretServer {
        length: 64 * 1024,
        ..SecretServer::default()
    };
    let cache = SecretCache::new(Arc::new(server), YOUNG);
    let (token, mut kept, mut refused) = (keys(&["token"]), 0, 0);
    for number in 0..1000 {
        let name = ("media".to_owned(), format!("secret-{number}"));
        let Ok(SecretFound::Values(values)) = cache.get(&name, &token).await else {
            panic!("it is read");
        };
        kept += values.size();
        refused += usize::from(values.is_too_long("token"));
    }
    assert_eq!(kept, KEPT_OF_ONE_NAMESPACE);
    assert_eq!(refused, 1000 - kept / (64 * 1024));
    let other = ("other".to_owned(), "secret".to_owned());
    let found = cache.get(&other, &token).await;
    assert!(
        number(&found, "token").is_some(),
        "another namespace has room of its own"
    );
    // One that is used no more makes room.
    let names = [
        ("media".to_owned(), "secret-0".to_owned()),
        ("media".to_owned(), "secret-999".to_owned()),
    ];
    cache.retain(&names.iter().map(|name| (name, &token)).collect());
    sleep(Duration::from_secs(1)).await;
    let found = cache.refresh(&names[1], &token).await;
    assert!(number(&found, "token").is_some());
}
