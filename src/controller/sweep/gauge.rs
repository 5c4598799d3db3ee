//! How many accounts are in use, by how they are reached: what an alert asks that is to wake somebody. How many calls or objects one
//! account has in trouble must not matter to it.

use std::collections::HashMap;

use super::accounts::{Caller, Group, ServedObjects};
use crate::controller::context::Context;
use crate::controller::reach::AccountReach;
use crate::terms::failure::Failure;

/// Remembers how a sweep of these objects went.
pub(super) fn set(context: &Context, served: &ServedObjects, failure: Option<&Failure>) {
    let reach = Some(failure.map_or(AccountReach::Reached, AccountReach::of));
    super::remember(context, served, |memory| memory.reach = reach);
}

/// Sets the gauge. An account is in use when a callback of its own is compared: one that was made up never is.
pub(super) fn count<T>(context: &Context, groups: &HashMap<Caller, (T, Group)>) {
    let of = |group: &Group| {
        let settled = group.served.iter().filter(|object| object.has_id);
        let mut reaches =
            settled.filter_map(|object| context.memories.with(&object.uid, |memory| memory.reach));
        reaches.next()
    };
    let reaches: Vec<AccountReach> = groups.values().filter_map(|(_, group)| of(group)).collect();
    let count = |reach| reaches.iter().filter(|found| **found == reach).count();
    context.metrics.set_accounts([
        ("reached", count(AccountReach::Reached)),
        ("unreachable", count(AccountReach::Unreachable)),
        ("refused", count(AccountReach::Refused)),
    ]);
}
