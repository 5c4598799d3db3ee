//! What an answer says of an error, read without holding the rest of it: a large one of small parts takes a hundred times its length as
//! a tree. Pure.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;

/// The names that are looked for in each object. The first are those that the families of the cloud give to code and message, in the
/// order in which they are tried.
const NAMES: [&str; 8] = [
    "error_code",
    "error_msg",
    "errorCode",
    "errorMsg",
    "code",
    "message",
    "error_detail",
    "request_id",
];
/// Which of them are codes, each followed by its message. The last is a common word: it is a code only beside a message.
const CODES: [usize; 3] = [0, 2, 4];
const COMMON: usize = 4;

/// What the body of an unsuccessful answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ErrorBody {
    pub(super) code: Option<String>,
    pub(super) message: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) request_id: Option<String>,
}

/// What objects within one another say, the outer ones first, and those beside one another by their names.
#[derive(Debug, Default)]
pub(super) struct FoundErrors {
    /// Whether one of them has the code of an error.
    pub(super) names_error: bool,
    /// The first that has a code.
    first: Option<Box<ErrorBody>>,
    /// The first that has a code and a message.
    complete: Option<Box<ErrorBody>>,
}

impl FoundErrors {
    /// What JSON says, whatever it is. `serde_json` bounds the depth.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let mut json = serde_json::Deserializer::from_slice(body);
        let value = ErrorReader { keeps_text: false }.deserialize(&mut json);
        let value = value.ok()?;
        json.end().ok()?;
        Some(value.found)
    }

    /// The one that has a code and a message, else the first that has a code.
    pub(super) fn into_body(self) -> Option<ErrorBody> {
        self.complete.or(self.first).map(|body| *body)
    }

    /// What objects say of which one has these texts, by [`NAMES`], and the others are within it.
    fn around(within: Self, mut texts: [Option<String>; NAMES.len()]) -> Self {
        let code = CODES.into_iter().find(|code| has(&texts, *code));
        let is_code = |code: usize| has(&texts, code) && (code != COMMON || has(&texts, code + 1));
        let names_error = within.names_error || CODES.into_iter().any(is_code);
        let Some(code) = code else {
            return Self {
                names_error,
                ..within
            };
        };
        let mut take = |at: usize| texts.get_mut(at).and_then(Option::take);
        let body = Box::new(ErrorBody {
            code: take(code),
            message: take(code + 1),
            detail: take(NAMES.len() - 2),
            request_id: take(NAMES.len() - 1),
        });
        let complete = body.message.is_some().then(|| body.clone());
        Self {
            names_error,
            first: Some(body),
            complete: complete.or(within.complete),
        }
    }
}

fn has(texts: &[Option<String>], at: usize) -> bool {
    texts.get(at).is_some_and(Option::is_some)
}

/// One value: its text, where it has one and that is wanted, and what the objects in it say.
#[derive(Default)]
struct ReadValue {
    text: Option<String>,
    found: FoundErrors,
}

/// Reads one value.
#[derive(Clone, Copy)]
struct ErrorReader {
    keeps_text: bool,
}

impl ErrorReader {
    fn text(self, text: impl Into<String>) -> ReadValue {
        ReadValue {
            text: self.keeps_text.then(|| text.into()),
            found: FoundErrors::default(),
        }
    }
}

impl<'de> DeserializeSeed<'de> for ErrorReader {
    type Value = ReadValue;

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<ReadValue, D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ErrorReader {
    type Value = ReadValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<ReadValue, E> {
        Ok(ReadValue::default())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<ReadValue, E> {
        Ok(ReadValue::default())
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<ReadValue, E> {
        Ok(self.text(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<ReadValue, E> {
        Ok(self.text(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<ReadValue, E> {
        let number = Number::from_f64(number);
        Ok(number.map_or_else(ReadValue::default, |number| self.text(number.to_string())))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ReadValue, E> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(ReadValue::default());
        }
        Ok(self.text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ReadValue, A::Error> {
        let mut found = FoundErrors::default();
        while let Some(item) = items.next_element_seed(Self { keeps_text: false })? {
            let FoundErrors {
                names_error,
                first,
                complete,
            } = item.found;
            found.names_error |= names_error;
            found.first = found.first.or(first);
            found.complete = found.complete.or(complete);
        }
        Ok(ReadValue { text: None, found })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<ReadValue, A::Error> {
        let mut texts = [const { None }; NAMES.len()];
        let (mut first, mut complete) = (FirstByName::default(), FirstByName::default());
        let mut names_error = false;
        while let Some(name) = fields.next_key::<String>()? {
            let wanted = NAMES.iter().position(|wanted| *wanted == name);
            let keeps_text = wanted.is_some();
            let value = fields.next_value_seed(Self { keeps_text })?;
            if let Some(text) = wanted.and_then(|wanted| texts.get_mut(wanted)) {
                *text = value.text;
            }
            names_error |= value.found.names_error;
            first.offer(&name, value.found.first);
            complete.offer(&name, value.found.complete);
        }
        let within = FoundErrors {
            names_error,
            first: first.0.map(|(_, body)| body),
            complete: complete.0.map(|(_, body)| body),
        };
        Ok(ReadValue {
            text: None,
            found: FoundErrors::around(within, texts),
        })
    }
}

/// The first of several by name.
#[derive(Default)]
struct FirstByName(Option<(String, Box<ErrorBody>)>);

impl FirstByName {
    fn offer(&mut self, name: &str, body: Option<Box<ErrorBody>>) {
        let is_first = self
            .0
            .as_ref()
            .is_none_or(|(first, _)| name <= first.as_str());
        if let Some(body) = body.filter(|_| is_first) {
            self.0 = Some((name.to_owned(), body));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Map, Value};

    use super::*;

    /// The objects of a tree, the outer ones first.
    fn objects(value: &Value) -> Vec<&Map<String, Value>> {
        match value {
            Value::Object(object) => std::iter::once(object)
                .chain(object.values().flat_map(objects))
                .collect(),
            Value::Array(items) => items.iter().flat_map(objects).collect(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Vec::new(),
        }
    }

    fn text(object: &Map<String, Value>, name: &str) -> Option<String> {
        match object.get(name)? {
            Value::String(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            Value::Number(number) => Some(number.to_string()),
            Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The same from the whole tree.
    fn expected(value: &Value) -> (bool, Option<ErrorBody>) {
        let pairs = CODES.map(|at| (NAMES[at], NAMES[at + 1]));
        let objects = objects(value);
        let bodies = objects.iter().filter_map(|object| {
            let (code, message) = pairs
                .iter()
                .find(|(code, _)| text(object, code).is_some())?;
            Some(ErrorBody {
                code: text(object, code),
                message: text(object, message),
                detail: text(object, "error_detail"),
                request_id: text(object, "request_id"),
            })
        });
        let bodies: Vec<_> = bodies.collect();
        let complete = bodies.iter().position(|body| body.message.is_some());
        let names = objects.iter().any(|object| {
            pairs.iter().any(|(code, message)| {
                text(object, code).is_some() && (*code != "code" || text(object, message).is_some())
            })
        });
        (names, bodies.into_iter().nth(complete.unwrap_or_default()))
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            " ?[a-c]{0,2} ?".prop_map(Value::from),
        ];
        let name = prop_oneof![
            proptest::sample::select(NAMES.to_vec()).prop_map(str::to_owned),
            "[a-z]",
        ];
        leaf.prop_recursive(4, 32, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map(name.clone(), inner, 0..5)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_parts_say_what_the_whole_does(value in any_json()) {
            let json = value.to_string();
            let found = FoundErrors::read(json.as_bytes()).unwrap();
            // A number as it is read may be another than was written.
            let value = serde_json::from_str(&json).unwrap();
            prop_assert_eq!((found.names_error, found.into_body()), expected(&value));
        }
    }

    #[test]
    fn what_is_no_json_says_nothing() {
        let deep = |depth| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert!(FoundErrors::read(&deep(100)).is_some());
        for body in [
            b"{} x".as_slice(),
            b"{\"a\":\"\xff\"}",
            b"1e999",
            &deep(200),
        ] {
            assert!(FoundErrors::read(body).is_none());
        }
    }
}
