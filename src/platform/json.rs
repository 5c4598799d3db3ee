//! Objects in answers. A struct that is read by serde may as well be a list of its fields, and an empty list where it needs none: an answer
//! that is no object tells nothing.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};

/// What stands in an object, and in nothing else.
#[derive(Debug, Default)]
pub struct Object<T>(pub T);

/// The object that a body is. The error is a sentence that tells nothing of what the body says but where it can't be read.
pub fn read_object<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, String> {
    serde_json::from_slice(body)
        .map(|Object(value)| value)
        .map_err(|error| format!("the answer can't be read: {error}"))
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct SmallPage {
        total: u64,
        name: Option<String>,
    }

    #[test]
    fn only_an_object_is_read() {
        let read = |body: &str| read_object::<SmallPage>(body.as_bytes());
        let name = Some("one".to_owned());
        assert_eq!(
            read(r#" {"name": "one", "other": [], "total": 1}"#),
            Ok(SmallPage { total: 1, name })
        );
        assert!(
            serde_json::from_str::<SmallPage>("[0, null]").is_ok(),
            "serde"
        );
        for body in ["[0, null]", "[]", "null", "0", "", r#"{"total": 1} {}"#] {
            let problem = read(body).unwrap_err();
            assert!(
                problem.starts_with("the answer can't be read: "),
                "{problem}"
            );
        }
    }
}
