//! Manifests, read as kubectl reads them: several documents in a file, lists of objects, JSON or YAML. Reads files and stdin only.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

use anyhow::{Context as _, bail};
use kube::Resource as _;
use kube::core::DynamicObject;
use serde_json::Value;

use crate::api::RecordingCallback;

/// The objects of ours in these files, and how many others there are.
pub(super) fn read(files: &[PathBuf]) -> anyhow::Result<(Vec<DynamicObject>, usize)> {
    let (mut ours, mut others) = (Vec::new(), 0);
    for file in files {
        let name = file.display();
        let text = text(file).with_context(|| format!("{name} can't be read"))?;
        let documents: Vec<Value> = serde_saphyr::from_multiple(&text)
            .map_err(|error| anyhow::anyhow!("{name} is not YAML: {error}"))?;
        for document in documents.into_iter().flat_map(items) {
            if !is_ours(&document) {
                others += 1;
                continue;
            }
            let object: DynamicObject = serde_json::from_value(document)
                .with_context(|| format!("{name} has a RecordingCallback that is none"))?;
            if object.metadata.name.is_none() {
                bail!("{name} has a RecordingCallback without metadata.name");
            }
            ours.push(object);
        }
    }
    Ok((ours, others))
}

fn text(file: &Path) -> io::Result<String> {
    if file == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    fs::read_to_string(file)
}

/// A list's items, or the document itself. An empty document is none.
fn items(mut document: Value) -> Vec<Value> {
    if word(&document, "kind").ends_with("List") {
        let items = document.get_mut("items").map(Value::take);
        return match items {
            Some(Value::Array(items)) => items,
            Some(_) | None => Vec::new(),
        };
    }
    if document.is_null() {
        Vec::new()
    } else {
        vec![document]
    }
}

fn is_ours(document: &Value) -> bool {
    let group = word(document, "apiVersion").split('/').next();
    word(document, "kind") == RecordingCallback::kind(&())
        && group == Some(RecordingCallback::group(&()).as_ref())
}

fn word<'a>(document: &'a Value, key: &str) -> &'a str {
    let value = document.get(key).and_then(Value::as_str);
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> anyhow::Result<(Vec<String>, usize)> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), text).unwrap();
        let (ours, others) = read(&[file.path().to_owned()])?;
        let names = ours.into_iter().map(|object| object.metadata.name.unwrap());
        Ok((names.collect(), others))
    }

    #[test]
    fn documents_lists_and_json_are_read_and_others_counted() {
        let text = "\
apiVersion: v1\nkind: Secret\nmetadata: {name: huaweicloud}\n---\n\
# nothing but a comment\n---\n\
apiVersion: live.huaweicloud.com/v1alpha1\nkind: RecordingCallback\nmetadata: {name: one}\nspec: {}\n---\n\
apiVersion: v1\nkind: List\nitems:\n\
- {apiVersion: live.huaweicloud.com/v1alpha1, kind: RecordingCallback, metadata: {name: two}, spec: {}}\n\
- {apiVersion: other.example.com/v1, kind: RecordingCallback, metadata: {name: three}}\n";
        let names = ["one", "two"].map(str::to_owned).to_vec();
        assert_eq!(read_text(text).unwrap(), (names, 2));
        let json = r#"{"apiVersion":"live.huaweicloud.com/v1alpha1","kind":"RecordingCallback","metadata":{"name":"j"},"spec":{}}"#;
        assert_eq!(read_text(json).unwrap(), (vec!["j".to_owned()], 0));
    }

    #[test]
    fn what_is_wrong_is_told_with_the_file() {
        for (text, words) in [
            ("kind: [", "is not YAML"),
            (
                "apiVersion: live.huaweicloud.com/v1alpha1\nkind: RecordingCallback\nspec: {}",
                "without metadata.name",
            ),
        ] {
            let told = format!("{:#}", read_text(text).unwrap_err());
            assert!(told.contains(words), "{told}");
        }
    }
}
