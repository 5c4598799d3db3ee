//! Parts of a request's path. The client puts names into a path as they are, and a name may be anybody's text. Pure.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What names consist of goes as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// A text as one part of a path, whatever is in it.
pub(super) fn segment(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| byte == b'.') {
        // Two would be the part before.
        return text.replace('.', "%2E").into();
    }
    utf8_percent_encode(text, ENCODED).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_and_all_else_is_one_part_of_the_path() {
        for name in ["push", "recordings.v2", "my_system-1"] {
            assert_eq!(segment(name), name);
        }
        assert_eq!(
            segment("../../secrets/x?a=b#"),
            "..%2F..%2Fsecrets%2Fx%3Fa%3Db%23"
        );
        assert_eq!(segment(".."), "%2E%2E");
        assert_eq!(segment("中 %2F"), "%E4%B8%AD%20%252F");
    }
}
