//! error[E0382]: use of moved value: `token`
//! One token of the quota is one call.

use recording_callback_operator::live::client::Client;
use recording_callback_operator::platform::account::Account;
use recording_callback_operator::platform::quota::Token;

pub fn read(client: &Client, account: &Account, token: Token) {
    drop(client.get(token, account, "id"));
    drop(client.get(token, account, "id"));
}
