//! A cloud that says anything, by a seed: whatever it says, a look ends after a bounded number of pages, and nothing is made of
//! what does not add up.

use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use futures::future::BoxFuture;
use jiff::Timestamp;
use proptest::prelude::*;

use super::*;
use crate::fuzz::config;
use crate::live::answer::{Answer, Page};
use crate::live::looks::Lister;
use crate::plan::facts::content::ReportedContent;
use crate::plan::facts::row::Row;
use crate::platform::quota::Token;
use crate::terms::failure::{Class, Operation};

/// Three readings of 40 pages: of the project, and of each of the two domains that are known and the one that is asked for.
const MOST: usize = 3 * 40 * 4 + 3;

#[derive(Debug, Clone)]
enum LiarReply {
    Page {
        total: u64,
        /// The first of so many ids in a row.
        first: usize,
        rows: usize,
        domain: bool,
    },
    Refusal(Class),
}

/// Says one thing after the other, again and again.
struct Liar {
    says: Vec<LiarReply>,
    calls: AtomicUsize,
}

fn said() -> impl Strategy<Value = LiarReply> {
    let total = prop_oneof![
        4 => 0..400_u64,
        2 => Just(150_u64),
        1 => 3_900..4_100_u64,
        1 => any::<u64>(),
    ];
    let page = (total, 0..300_usize, 0..130_usize, any::<bool>());
    prop_oneof![
        6 => page.prop_map(|(total, first, rows, domain)| LiarReply::Page { total, first, rows, domain }),
        2 => Just(LiarReply::Page { total: 150, first: 0, rows: 100, domain: true }),
        2 => Just(LiarReply::Page { total: 150, first: 100, rows: 50, domain: true }),
        1 => Just(LiarReply::Refusal(Class::Rejected)),
        1 => Just(LiarReply::Refusal(Class::CloudDown)),
    ]
}

fn failure(class: Class) -> Failure {
    Failure {
        operation: Operation::List,
        class,
        http_status: Some(400),
        code: None,
        message: "not so".to_owned(),
        request_id: None,
        retry_after: None,
        had_no_room: false,
        before_sending: false,
    }
}

impl Lister for Liar {
    fn page<'a>(
        &'a self,
        token: Token,
        _: Option<&'a str>,
        _: u32,
        _: u32,
    ) -> BoxFuture<'a, Result<Answer<Page>, Failure>> {
        token.spend().accepted();
        let call = self.calls.fetch_add(1, SeqCst);
        assert!(call <= MOST * 2, "it does not end");
        let value = match &self.says[call % self.says.len()] {
            LiarReply::Refusal(class) => Err(failure(*class)),
            LiarReply::Page {
                total,
                first,
                rows,
                domain,
            } => Ok(Page {
                total: *total,
                rows: (*first..*first + *rows)
                    .map(|id| row(id, *domain))
                    .collect(),
            }),
        };
        Box::pin(async move {
            sleep(Duration::from_millis(1)).await;
            value.map(|value| Answer {
                value,
                http_status: 200,
                request_id: None,
                at: Timestamp::UNIX_EPOCH,
                date: None,
            })
        })
    }
}

fn row(id: usize, domain: bool) -> Row {
    Row {
        id: format!("{id:032x}"),
        place: place(if domain { 1 } else { id }),
        content: ReportedContent::default(),
        create_time: None,
        update_time: None,
    }
}

proptest! {
    #![proptest_config(config(300))]

    #[test]
    fn whatever_is_said_a_look_ends_and_only_what_adds_up_is_believed(
        says in prop::collection::vec(said(), 1..12), free in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let liar = Arc::new(Liar { says, calls: AtomicUsize::default() });
            let known = || BTreeSet::from(["push2.example.com".to_owned(), "push3.example.com".to_owned()]);
            let bucket = Quota::new(600_000).bucket("AK");
            let (barrier, room) = (CreateBarrier::new(), ListRoom::new(|| 0));
            let looks = Looks::new(Arc::<Liar>::clone(&liar), bucket, barrier, room, known);
            let proof = if free { Proof::Absence } else { Proof::Presence };
            let seen = looks.look(LookRequest { proof, ..ask(&place(1)) }).await;
            if let Ok(seen) = seen {
                assert!(seen.rows.iter().all(|row| row.place == place(1)));
                assert!(seen.proves_absence || !free);
            }
            liar.calls.store(0, SeqCst);
            if let Ok(sweep) = looks.sweep(Instant::now(), (Lane::Urgent, "")).await {
                let ids: BTreeSet<_> = sweep.rows.iter().map(|row| &row.id).collect();
                assert_eq!(ids.len(), sweep.rows.len());
                let all = u64::try_from(ids.len()).unwrap();
                assert!(!sweep.complete || sweep.total == all);
            }
        });
    }
}
