//! Manifests, read as kubectl reads them: several documents in a file, lists of objects, JSON or YAML. Pure.

use std::collections::BTreeMap;

use kube::Resource as _;
use serde_json::Value;

use super::documents::{Document, documents, line_of};
use super::files::ReadFile;
use crate::api::RecordingCallback;
use crate::config::names;
use crate::similar::most_similar;

/// An object that is to be applied, and where it is declared.
pub(super) struct WantedManifest {
    pub(super) namespace: String,
    pub(super) name: String,
    /// As it is sent.
    pub(super) value: Value,
    /// That it is declared elsewhere, too, if it is.
    pub(super) note: Option<String>,
    place: ManifestPlace,
}

/// Where an object is declared.
struct ManifestPlace {
    file: String,
    document: usize,
    /// The document's first line.
    line: usize,
    text: String,
    /// What is before its fields in a list: `items[3].`.
    within: String,
}

/// What files hold.
#[derive(Default)]
pub(super) struct WantedManifests {
    /// Each object once, as it is declared last.
    pub(super) ours: Vec<WantedManifest>,
    /// How many there are of other kinds.
    pub(super) others: BTreeMap<String, usize>,
    /// Objects that are declared more than once, a sentence each.
    pub(super) repeated: Vec<String>,
    /// What can't be applied, a sentence each.
    pub(super) problems: Vec<String>,
}

/// Where objects go.
pub(super) struct TargetNamespaces<'a> {
    /// That of the context.
    pub(super) usual: &'a str,
    /// The one that was named, if any.
    pub(super) named: Option<&'a str>,
}

/// The objects in these files.
pub(super) fn read(files: &[ReadFile], destination: &TargetNamespaces<'_>) -> WantedManifests {
    let mut read = WantedManifests::default();
    for file in files {
        let (found, problems) = documents(&file.text);
        let before = read.count();
        let texts = problems
            .into_iter()
            .map(|problem| format!("{}: {problem}", file.name));
        read.problems.extend(texts);
        for mut document in found {
            let value = document.value.take();
            if !value.is_null() {
                read.take(&file.name, &document, value, String::new(), destination);
            }
        }
        if read.count() == before {
            let name = &file.name;
            let empty =
                format!("{name}: holds no manifest: nothing came from where it was to come from");
            read.problems.push(empty);
        }
    }
    read.once();
    read
}

impl WantedManifests {
    /// How many things were found, of whatever kind.
    fn count(&self) -> usize {
        self.ours.len() + self.others.values().sum::<usize>() + self.problems.len()
    }

    /// Takes an object, or each of a list.
    fn take(
        &mut self,
        file: &str,
        document: &Document<'_>,
        mut value: Value,
        within: String,
        destination: &TargetNamespaces<'_>,
    ) {
        let place = ManifestPlace {
            file: file.to_owned(),
            document: document.number,
            line: document.line,
            text: String::new(),
            within,
        };
        let (kind, version) = (
            word(&value, "kind").to_owned(),
            word(&value, "apiVersion").to_owned(),
        );
        let items = value.get("items").is_some_and(Value::is_array);
        let of_ours = kind.strip_suffix("List") == Some(RecordingCallback::kind(&()).as_ref())
            && is_of_our_group(&version);
        if (kind == "List" || of_ours) && !items {
            self.problems
                .push(format!("{place}: a {kind} without a list of items"));
        } else if kind == "List" || (kind.ends_with("List") && items) {
            let mut items = value.get_mut("items").map(Value::take);
            let items = items.iter_mut().filter_map(Value::as_array_mut).flatten();
            for (number, item) in items.enumerate() {
                let within = format!("{}items[{number}].", place.within);
                // A list of one kind need not say it again.
                if let (Some(of), Some(item)) = (kind.strip_suffix("List"), item.as_object_mut())
                    && !of.is_empty()
                {
                    item.entry("kind").or_insert_with(|| of.into());
                    item.entry("apiVersion")
                        .or_insert_with(|| version.clone().into());
                }
                self.take(file, document, item.take(), within, destination);
            }
        } else if kind.is_empty() || version.is_empty() {
            self.problems.push(format!(
                "{place}: has no apiVersion and kind, so it is no manifest"
            ));
        } else if let Some(slip) = slip(&kind, &version) {
            self.problems.push(format!("{place}: {slip}"));
        } else if !is_ours(&value) {
            *self.others.entry(kind).or_default() += 1;
        } else {
            let text = document.text.to_owned();
            match WantedManifest::new(value, ManifestPlace { text, ..place }, destination) {
                Ok(manifest) => self.ours.push(manifest),
                Err(problem) => self.problems.push(problem),
            }
        }
    }

    /// Leaves the last declaration of each object, as applying one after the other does.
    fn once(&mut self) {
        let mut places: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for manifest in &self.ours {
            let key = (manifest.namespace.clone(), manifest.name.clone());
            places
                .entry(key)
                .or_default()
                .push(manifest.place.to_string());
        }
        self.ours.reverse();
        let mut seen = std::collections::BTreeSet::new();
        self.ours
            .retain(|manifest| seen.insert((manifest.namespace.clone(), manifest.name.clone())));
        self.ours.reverse();
        for manifest in &mut self.ours {
            let (namespace, name) = (&manifest.namespace, &manifest.name);
            let places = places.get(&(namespace.clone(), name.clone()));
            let places = places.map(Vec::as_slice).unwrap_or_default();
            if places.len() > 1 {
                let (count, places) = (places.len(), places.join(", "));
                let note = format!("declared {count} times, planned is the last: {places}");
                self.repeated.push(format!("{namespace}/{name} is {note}"));
                manifest.note = Some(note);
            }
        }
    }
}

impl WantedManifest {
    fn new(
        mut value: Value,
        place: ManifestPlace,
        destination: &TargetNamespaces<'_>,
    ) -> Result<Self, String> {
        let of = |key: &str| match value.get("metadata").and_then(|metadata| metadata.get(key)) {
            None | Some(Value::Null) => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(_) => Err(format!(
                "{place}: metadata.{key} is no text: put it in quotes"
            )),
        };
        let (name, namespace) = (of("name")?, of("namespace")?);
        if name.is_empty() {
            return Err(format!(
                "{place}: a RecordingCallback without metadata.name"
            ));
        }
        // They are parts of the address to which it is sent.
        names::subdomain(&name).map_err(|error| format!("{place}: metadata.name: {error}"))?;
        if !namespace.is_empty() {
            let held = names::label(&namespace);
            held.map_err(|error| format!("{place}: metadata.namespace: {error}"))?;
        }
        let api_version = word(&value, "apiVersion");
        let version = api_version.split_once('/').map(|(_, version)| version);
        if version.is_none_or(|version| names::label(version).is_err()) {
            return Err(format!(
                "{place}: apiVersion {api_version:?} names no version; did you mean {OURS}?"
            ));
        }
        let namespace = match destination.named {
            Some(named) if !namespace.is_empty() && namespace != named => {
                return Err(format!(
                    "{place}: {name} declares the namespace {namespace}, which is not that of --namespace {named}"
                ));
            }
            _ if namespace.is_empty() => destination.named.unwrap_or(destination.usual).to_owned(),
            _ => namespace,
        };
        if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
            metadata.insert("namespace".to_owned(), Value::String(namespace.clone()));
        }
        Ok(Self {
            namespace,
            name,
            value,
            note: None,
            place,
        })
    }

    /// What the API server said of fields that it does not know, with their lines; nothing where it spoke of something else.
    pub(super) fn unknown_fields(&self, said: &str) -> Option<String> {
        let strict = said.split("unknown field \"").skip(1);
        let strict = strict.filter_map(|rest| rest.split('"').next());
        // A server-side apply says it in other words.
        let undeclared = said.split(": field not declared in schema");
        let undeclared = undeclared.filter_map(|text| text.rsplit(' ').next()?.strip_prefix('.'));
        let texts: Vec<String> = strict
            .chain(undeclared)
            .map(|field| self.at_line(field))
            .collect();
        let words = texts.join(", nor ");
        (!texts.is_empty())
            .then(|| format!("kubectl apply refuses it, since there is no field {words}"))
    }

    fn at_line(&self, field: &str) -> String {
        let ManifestPlace {
            file,
            line,
            text,
            within,
            ..
        } = &self.place;
        let found = line_of(text, &format!("{within}{field}"));
        match found.and_then(|found| usize::try_from(found).ok()) {
            Some(found) => format!("{field} in {file} line {}", line + found - 1),
            None => format!("{field} in {}", self.place),
        }
    }
}

impl std::fmt::Display for ManifestPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            file,
            document,
            line,
            within,
            ..
        } = self;
        write!(f, "{file}: document {document}, line {line}")?;
        match within.strip_suffix('.') {
            Some(within) => write!(f, ", {within}"),
            None => Ok(()),
        }
    }
}

fn is_ours(document: &Value) -> bool {
    word(document, "kind") == RecordingCallback::kind(&())
        && is_of_our_group(word(document, "apiVersion"))
}

fn is_of_our_group(version: &str) -> bool {
    version.split('/').next() == Some(RecordingCallback::group(&()).as_ref())
}

/// As which version manifests are written for this program.
const OURS: &str = "live.huaweicloud.com/v1alpha1";

/// What is wrong with a kind that is nearly ours: kubectl would refuse it, and counted with the others it would pass for no change.
fn slip(kind: &str, version: &str) -> Option<String> {
    let (our_kind, our_group) = (RecordingCallback::kind(&()), RecordingCallback::group(&()));
    let (group, is_in_a_group) = match version.split_once('/') {
        Some((group, _)) => (group, true),
        None => (version, is_of_our_group(version)),
    };
    if kind == our_kind && group == our_group {
        return None;
    }
    let is_like = |word: &str, ours: &str| most_similar(word, [ours]).is_some();
    let is_meant = group == our_group
        || is_like(kind, &our_kind) && (!is_in_a_group || is_like(group, &our_group));
    is_meant.then(|| {
        format!("there is no kind {kind} in {version}; did you mean {our_kind} in {OURS}?")
    })
}

fn word<'a>(document: &'a Value, key: &str) -> &'a str {
    let value = document.get(key).and_then(Value::as_str);
    value.unwrap_or_default()
}

#[cfg(test)]
mod tests;
