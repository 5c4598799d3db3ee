//! error[E0308]: mismatched types
//! A record that was made and not written is no leave to POST.

use recording_callback_operator::live::client::CreatePermit;
use recording_callback_operator::plan::facts::record::Record;
use recording_callback_operator::platform::quota::Token;
use recording_callback_operator::platform::transport::Deadline;

pub fn permit(record: Record, token: Token, deadline: Deadline) -> CreatePermit {
    CreatePermit::new(record, token, deadline)
}
