//! error[E0382]: use of moved value: `permit`
//! One record is worth one POST.

use recording_callback_operator::live::client::{Client, CreatePermit, Payload};
use recording_callback_operator::platform::account::Account;

pub fn post(client: &Client, account: &Account, payload: Payload<'_>, again: Payload<'_>, permit: CreatePermit) {
    drop(client.create(permit, account, payload));
    drop(client.create(permit, account, again));
}
