//! The order that there is: a record on its object, then one POST. It compiles, so the other files fail for the reason that they give.

use recording_callback_operator::live::client::{Client, CreatePermit, Payload};
use recording_callback_operator::plan::facts::record::Record;
use recording_callback_operator::platform::account::Account;
use recording_callback_operator::platform::quota::Token;
use recording_callback_operator::platform::transport::Deadline;

pub fn post(client: &Client, account: &Account, payload: Payload<'_>, token: Token, deadline: Deadline, record: &Record, stored: &str) {
    if let Some(written) = record.written_in(stored) {
        drop(client.create(CreatePermit::new(written, token, deadline), account, payload));
    }
}
