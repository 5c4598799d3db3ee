//! A row of the table of error codes.

use crate::terms::failure::Class;

/// An error code of the cloud.
#[derive(Debug)]
pub struct Code {
    /// As the cloud writes it.
    pub code: &'static str,
    /// `None` where the HTTP status decides.
    pub class: Option<Class>,
    /// What the cloud says with it, as a part of a sentence.
    pub meaning: &'static str,
    /// What a person does, as a sentence.
    pub advice: &'static str,
}

pub(crate) const fn code(
    code: &'static str,
    class: Class,
    meaning: &'static str,
    advice: &'static str,
) -> Code {
    Code {
        code,
        class: Some(class),
        meaning,
        advice,
    }
}
