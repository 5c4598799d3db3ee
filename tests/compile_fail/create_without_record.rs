//! error[E0308]: mismatched types
//! A token of the quota is no leave to POST.

use recording_callback_operator::live::client::{Client, Payload};
use recording_callback_operator::platform::account::Account;
use recording_callback_operator::platform::quota::Token;

pub fn post(client: &Client, account: &Account, payload: Payload<'_>, token: Token) {
    drop(client.create(token, account, payload));
}
