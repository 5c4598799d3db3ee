//! error[E0451]: fields `token` and `deadline` of struct `CreatePermit` are private
//! Leave to POST is not put together from its parts.

use recording_callback_operator::live::client::CreatePermit;
use recording_callback_operator::platform::quota::Token;
use recording_callback_operator::platform::transport::Deadline;

pub fn permit(token: Token, deadline: Deadline) -> CreatePermit {
    CreatePermit { token, deadline }
}
