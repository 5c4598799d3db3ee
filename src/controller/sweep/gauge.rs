//! How many accounts are in use, by how they are reached: what an alert asks that is to wake somebody. How many calls or objects one
//! account has in trouble must not matter to it, nor what somebody writes into Secrets.

use std::collections::HashMap;

use tokio::task::coop::consume_budget;

use super::accounts::{Caller, Group, ServedObjects};
use crate::controller::context::Context;
use crate::controller::reach::{AccountReach, CallerMark, SweepReach};
use crate::platform::account::Customer;
use crate::terms::failure::Failure;

/// An account that the cloud has answered: one that was made up never is. Whatever calls for its objects now, they are one.
#[derive(PartialEq, Eq, Hash)]
enum AnsweredAccount {
    /// Who saw them last: as whatever they call now.
    SeenBy(Customer),
    /// Nobody has seen them since the start: those of one namespace, since where they are only their statuses say.
    Of(String),
}

/// How a sweep of an account's objects went. What it told itself goes before what others did that call for them now.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct HeardOfAccount {
    is_of_others: bool,
    reach: AccountReach,
}

/// Remembers how a sweep of these objects went. One that had no room here leaves it as it was.
pub(super) fn set(
    context: &Context,
    served: &ServedObjects,
    caller: &Caller,
    failure: Option<&Failure>,
) {
    if failure.is_some_and(|failure| failure.had_no_room) {
        return;
    }
    let reach = Some(SweepReach {
        caller: CallerMark::of(caller),
        reach: failure.map_or(AccountReach::Reached, AccountReach::of),
    });
    super::remember(context, served, |memory| memory.reach = reach);
}

/// Sets the gauge. An account is in use when a callback of its own is compared.
pub(super) async fn count<T>(context: &Context, groups: &HashMap<Caller, (T, Group)>) {
    let accounts = answered_accounts(context, groups).await;
    let count = |reach| {
        let all = accounts.values();
        all.filter(|heard| heard.reach == reach).count()
    };
    context.metrics.set_accounts([
        ("reached", count(AccountReach::Reached)),
        ("unreachable", count(AccountReach::Unreachable)),
        ("refused", count(AccountReach::Refused)),
    ]);
}

/// Of each account in use the best that is told.
async fn answered_accounts<T>(
    context: &Context,
    groups: &HashMap<Caller, (T, Group)>,
) -> HashMap<AnsweredAccount, HeardOfAccount> {
    let mut accounts = HashMap::new();
    for (caller, (_, group)) in groups {
        let mark = CallerMark::of(caller);
        for object in group.served.iter().filter(|object| object.has_id) {
            consume_budget().await;
            let (seen_by, told) = context
                .memories
                .with(&object.uid, |memory| (memory.seen_by.clone(), memory.reach));
            // What another one told that called for it before is over.
            let Some(told) = told.filter(|told| told.caller == mark) else {
                continue;
            };
            let is_of_others = !seen_by.as_ref().is_some_and(|account| caller.is(account));
            let account = match seen_by {
                Some(account) => AnsweredAccount::SeenBy(account.customer()),
                None => AnsweredAccount::Of(object.namespace().to_owned()),
            };
            let heard = HeardOfAccount {
                is_of_others,
                reach: told.reach,
            };
            let best = accounts.entry(account).or_insert(heard);
            *best = heard.min(*best);
        }
    }
    accounts
}
