//! Parts of answers that hold no more than is wanted of them, whatever the answer holds: a small one of many empty parts takes a hundred
//! times its length as values.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// More rows are in no page: an answer that has more is none.
const MOST_ROWS: usize = 1_000;

/// A text, or nothing where anything else stands.
#[derive(Default)]
pub(super) struct ToldText(pub(super) Option<String>);

/// The rows of a page.
pub(super) struct Several<T>(pub(super) Vec<T>);

impl<'de> Deserialize<'de> for ToldText {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_any(ToldTextVisitor)
    }
}

struct ToldTextVisitor;

impl<'de> Visitor<'de> for ToldTextVisitor {
    type Value = ToldText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<ToldText, E> {
        Ok(ToldText(Some(text.to_owned())))
    }

    fn visit_unit<E: Error>(self) -> Result<ToldText, E> {
        Ok(ToldText::default())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<ToldText, E> {
        Ok(ToldText::default())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<ToldText, E> {
        Ok(ToldText::default())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<ToldText, E> {
        Ok(ToldText::default())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<ToldText, E> {
        Ok(ToldText::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<ToldText, A::Error> {
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(ToldText::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<ToldText, A::Error> {
        while fields.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(ToldText::default())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Several<T> {
    fn deserialize<D: Deserializer<'de>>(json: D) -> Result<Self, D::Error> {
        json.deserialize_seq(SeveralVisitor(PhantomData))
    }
}

struct SeveralVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SeveralVisitor<T> {
    type Value = Several<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Several<T>, A::Error> {
        let mut several = Vec::new();
        while let Some(item) = items.next_element()? {
            if several.len() == MOST_ROWS {
                let problem = format!("it has more than {MOST_ROWS} callbacks");
                return Err(A::Error::custom(problem));
            }
            several.push(item);
        }
        Ok(Several(several))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_text_is_none() {
        for (json, expected) in [
            (r#""a""#, Some("a")),
            ("null", None),
            ("true", None),
            ("7", None),
            ("-7", None),
            ("7.5", None),
            (r#"[{"a":[1]},2]"#, None),
            (r#"{"a":{"b":"c"}}"#, None),
        ] {
            let text: ToldText = serde_json::from_str(json).unwrap();
            assert_eq!(text.0.as_deref(), expected, "{json}");
        }
    }

    #[test]
    fn so_many_rows_are_taken_and_no_more() {
        let read = |rows: usize| {
            let json = serde_json::to_string(&vec![(); rows]).unwrap();
            serde_json::from_str::<Several<()>>(&json).map(|rows| rows.0.len())
        };
        assert_eq!(read(MOST_ROWS).unwrap(), MOST_ROWS);
        let problem = read(MOST_ROWS + 1).unwrap_err().to_string();
        assert!(problem.starts_with("it has more than 1000"), "{problem}");
    }
}
