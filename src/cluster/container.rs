//! What the process of a container is told, as the kubelet makes it of the container's description: variables of `envFrom`, then
//! those of `env`, later ones before earlier ones, and references to them. Only reads, and only what somebody asks for.

mod expansion;
mod sources;

use std::collections::BTreeMap;
use std::fmt;

use k8s_openapi::api::core::v1::{EnvFromSource, EnvVar, EnvVarSource};
use kube::Client;
use serde::Deserialize;

use self::expansion::{TextPart, parts, references};
use self::sources::{SourceContent, SourceName, read};
use super::secret::Keys;

/// What is read of a container.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerSpec {
    pub(super) name: String,
    pub(super) image: Option<String>,
    args: Option<Vec<String>>,
    env: Option<Vec<EnvVar>>,
    env_from: Option<Vec<EnvFromSource>>,
}

/// A text that a process is told. Its `Debug` shows nothing of a Secret.
#[derive(Clone, PartialEq, Eq)]
pub enum ContainerText {
    /// As it is.
    Plain(String),
    /// What has something of a Secret in it, which is named by the second: not to be shown.
    OfSecret(String, String),
    /// Why it is not known.
    NotKnown(String),
}

impl fmt::Debug for ContainerText {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plain(text) => write!(to, "Plain({text:?})"),
            Self::OfSecret(_, secret) => write!(to, "OfSecret({secret:?})"),
            Self::NotKnown(why) => write!(to, "NotKnown({why:?})"),
        }
    }
}

/// An argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerArgument {
    /// As the container's description has it.
    pub written: String,
    /// As the process gets it.
    pub text: ContainerText,
}

/// Arguments and variables of a container's process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerProcess {
    /// Its arguments, without the program's name where the image has that.
    pub arguments: Vec<ContainerArgument>,
    /// Those of its variables that were asked for.
    pub environment: ContainerEnvironment,
}

/// Variables.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContainerEnvironment {
    values: BTreeMap<String, ContainerText>,
    /// What may hold any variable whose name begins so, and why that is not known.
    unread: Vec<(String, String)>,
}

impl ContainerEnvironment {
    /// What a variable has, if it may be set.
    pub fn get(&self, name: &str) -> Option<ContainerText> {
        let of_unread = || {
            let mut unread = self.unread.iter();
            let (_, why) = unread.find(|(prefix, _)| name.starts_with(prefix))?;
            Some(ContainerText::NotKnown(why.clone()))
        };
        self.values.get(name).cloned().or_else(of_unread)
    }

    /// Adds what a `ConfigMap` or Secret sets.
    fn extend(&mut self, prefix: &str, source: &SourceName, content: &SourceContent) {
        let why = match content {
            SourceContent::Holds(texts) => {
                for (key, text) in texts {
                    let text = container_text(source, key, text.as_deref());
                    self.values.insert(format!("{prefix}{key}"), text);
                }
                return;
            }
            SourceContent::Absent => format!("there is no {source}"),
            SourceContent::Unreadable(why) => format!("{source}: {why}"),
        };
        // It may set anew what was set before.
        self.values.retain(|name, _| !name.starts_with(prefix));
        self.unread.push((prefix.to_owned(), why));
    }

    /// A text with what its references are now.
    fn expand(&self, text: &str) -> ContainerText {
        let (mut whole, mut of_secret) = (String::new(), None);
        for part in parts(text) {
            match part {
                TextPart::Literal(text) => whole.push_str(text),
                TextPart::Reference(name) => match self.get(name) {
                    Some(ContainerText::Plain(text)) => whole.push_str(&text),
                    Some(ContainerText::OfSecret(text, secret)) => {
                        whole.push_str(&text);
                        of_secret = Some(secret);
                    }
                    Some(unknown @ ContainerText::NotKnown(_)) => return unknown,
                    None if may_be_of_a_service(name) => {
                        let why = format!("{name} is what the cluster sets for a Service");
                        return ContainerText::NotKnown(why);
                    }
                    None => whole.extend(["$(", name, ")"]),
                },
            }
        }
        match of_secret {
            Some(secret) => ContainerText::OfSecret(whole, secret),
            None => ContainerText::Plain(whole),
        }
    }
}

/// Whether it is one of the names that the kubelet makes of a Service's, as `KUBERNETES_SERVICE_HOST`.
fn may_be_of_a_service(name: &str) -> bool {
    name.contains("_SERVICE_") || name.contains("_PORT")
}

fn container_text(source: &SourceName, key: &str, text: Option<&str>) -> ContainerText {
    match (source, text) {
        (_, None) => ContainerText::NotKnown(format!("{key} of {source} is no text that fits")),
        (SourceName::Secret(name), Some(text)) => {
            ContainerText::OfSecret(text.to_owned(), name.clone())
        }
        (SourceName::ConfigMap(_), Some(text)) => ContainerText::Plain(text.to_owned()),
    }
}

impl ContainerSpec {
    /// What its process is told, of the variables those of these names; `namespace` is the pod's.
    pub(super) async fn process(
        &self,
        client: &Client,
        namespace: &str,
        names: &Keys,
    ) -> ContainerProcess {
        let needed = self.needed(names);
        let contents = read(client, namespace, self.sources(&needed)).await;
        self.process_of(namespace, &needed, &contents)
    }

    /// The names that these and the arguments depend on.
    fn needed(&self, names: &Keys) -> Keys {
        let mut needed = names.clone();
        let args = self.args.iter().flatten();
        needed.extend(args.flat_map(|arg| references(arg)).map(str::to_owned));
        // A variable can only refer to those before it.
        for variable in self.env.iter().flatten().rev() {
            if needed.contains(&variable.name) {
                let value = variable.value.as_deref().unwrap_or_default();
                needed.extend(references(value).map(str::to_owned));
            }
        }
        needed
    }

    /// Where they may come from, with the keys that each may have there.
    fn sources(&self, needed: &Keys) -> BTreeMap<SourceName, Keys> {
        let mut sources: BTreeMap<SourceName, Keys> = BTreeMap::new();
        for from in self.env_from.iter().flatten() {
            let Some((source, _)) = whole(from) else {
                continue;
            };
            let prefix = from.prefix.as_deref().unwrap_or_default();
            let keys = needed.iter().filter_map(|name| name.strip_prefix(prefix));
            let keys = keys.map(str::to_owned);
            sources.entry(source).or_default().extend(keys);
        }
        let env = self.env.iter().flatten();
        for variable in env.filter(|variable| needed.contains(&variable.name)) {
            let one = variable.value_from.as_ref().and_then(key_of);
            if let Some((source, key, _)) = one {
                sources.entry(source).or_default().insert(key);
            }
        }
        sources
    }

    fn process_of(
        &self,
        namespace: &str,
        needed: &Keys,
        contents: &BTreeMap<SourceName, SourceContent>,
    ) -> ContainerProcess {
        let mut environment = ContainerEnvironment::default();
        for from in self.env_from.iter().flatten() {
            let prefix = from.prefix.as_deref().unwrap_or_default();
            let source = whole(from);
            let found = source.and_then(|(source, is_optional)| {
                let content = contents.get(&source)?;
                let is_left_out = is_optional && matches!(content, SourceContent::Absent);
                (!is_left_out).then_some((source, content))
            });
            if let Some((source, content)) = found {
                environment.extend(prefix, &source, content);
            }
        }
        let env = self.env.iter().flatten();
        for variable in env.filter(|variable| needed.contains(&variable.name)) {
            let value = variable.value.as_deref().unwrap_or_default();
            let text = match &variable.value_from {
                Some(source) if value.is_empty() => value_from(source, namespace, contents),
                _ => Some(environment.expand(value)),
            };
            if let Some(text) = text {
                environment.values.insert(variable.name.clone(), text);
            }
        }
        let args = self.args.iter().flatten().map(|arg| ContainerArgument {
            written: arg.clone(),
            text: environment.expand(arg),
        });
        ContainerProcess {
            arguments: args.collect(),
            environment,
        }
    }
}

/// What all keys are taken of, and whether it may be absent.
fn whole(from: &EnvFromSource) -> Option<(SourceName, bool)> {
    if let Some(source) = &from.config_map_ref {
        let name = SourceName::ConfigMap(source.name.clone());
        return Some((name, source.optional == Some(true)));
    }
    let source = from.secret_ref.as_ref()?;
    let name = SourceName::Secret(source.name.clone());
    Some((name, source.optional == Some(true)))
}

/// What one key is taken of, which, and whether it may be absent.
fn key_of(from: &EnvVarSource) -> Option<(SourceName, String, bool)> {
    if let Some(source) = &from.config_map_key_ref {
        let name = SourceName::ConfigMap(source.name.clone());
        return Some((name, source.key.clone(), source.optional == Some(true)));
    }
    let source = from.secret_key_ref.as_ref()?;
    let name = SourceName::Secret(source.name.clone());
    Some((name, source.key.clone(), source.optional == Some(true)))
}

/// What a variable has from elsewhere, if that sets it.
fn value_from(
    from: &EnvVarSource,
    namespace: &str,
    contents: &BTreeMap<SourceName, SourceContent>,
) -> Option<ContainerText> {
    let field = from.field_ref.as_ref().map(|field| &*field.field_path);
    if field == Some("metadata.namespace") {
        return Some(ContainerText::Plain(namespace.to_owned()));
    }
    let Some((source, key, is_optional)) = key_of(from) else {
        let why = "it is known in the pod only".to_owned();
        return Some(ContainerText::NotKnown(why));
    };
    let why = match contents.get(&source)? {
        SourceContent::Holds(texts) => match texts.get(&key) {
            Some(text) => return Some(container_text(&source, &key, text.as_deref())),
            None => format!("{source} has no key {key}"),
        },
        SourceContent::Absent => format!("there is no {source}"),
        SourceContent::Unreadable(why) => {
            return Some(ContainerText::NotKnown(format!("{source}: {why}")));
        }
    };
    (!is_optional).then_some(ContainerText::NotKnown(why))
}

#[cfg(test)]
mod tests;
