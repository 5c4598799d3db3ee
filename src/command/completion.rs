//! Completion on the command line: what the grammar has, and the names that a cluster, a kubeconfig and the table of codes have. A shell
//! asks this program each time; it is never kept waiting for long, and never shown an error.

use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use clap::{Arg, Command};
use clap_complete::Shell;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate, complete};
use clap_complete::env::{CompleteEnv, Shells};
use kube::ResourceExt as _;
use kube::core::DynamicObject;
use tokio::runtime::Builder;
use tokio::time::timeout;

use super::cluster_access;
use crate::cluster::client::{self, Prompts};
use crate::cluster::raw::RawObjects;
use crate::config::{self, ClusterArgs};
use crate::explain;

/// By which the script of a shell asks.
const VARIABLE: &str = "RECORDING_CALLBACK_OPERATOR_COMPLETE";
/// Who waits for longer types the name.
const PATIENCE: Duration = Duration::from_secs(3);

/// The name by which kubectl asks for what may follow `kubectl rcb`.
const KUBECTL_ASKS: &str = "kubectl_complete-rcb";

/// Answers a shell that asks, and says whether one did.
pub fn is_completed() -> bool {
    let called_as = std::env::args_os().next().unwrap_or_default();
    if Path::new(&called_as).file_name() == Some(KUBECTL_ASKS.as_ref()) {
        answer_kubectl();
        return true;
    }
    let directory = std::env::current_dir().ok();
    let completed = CompleteEnv::with_factory(grammar)
        .var(VARIABLE)
        .try_complete(std::env::args_os(), directory.as_deref());
    // What can't be completed is a shell's question without an answer.
    completed.unwrap_or(true)
}

/// What may follow, a line each with its meaning, and that there are no files: as kubectl reads it.
fn answer_kubectl() {
    let args: Vec<OsString> = std::env::args_os().collect();
    let last = args.len().saturating_sub(1);
    let directory = std::env::current_dir().ok();
    let found = complete(&mut grammar(), args, last, directory.as_deref());
    let mut out = std::io::stdout().lock();
    for candidate in found.unwrap_or_default() {
        let value = candidate.get_value().to_string_lossy();
        let help = candidate.get_help().map(ToString::to_string);
        let help = help.unwrap_or_default();
        let help = help.lines().next().unwrap_or_default();
        // Nobody is there to be told that it can't be written.
        let _ = writeln!(out, "{value}\t{help}");
    }
    let _ = writeln!(out, ":4");
}

/// The script by which a shell asks.
pub fn registration(shell: Shell) -> Result<Vec<u8>, String> {
    let name = env!("CARGO_PKG_NAME");
    let shells = Shells::builtins();
    let completer = shells
        .completer(&shell.to_string())
        .ok_or_else(|| format!("{shell} can't be told how to complete"))?;
    let mut script = Vec::new();
    completer
        .write_registration(VARIABLE, name, name, name, &mut script)
        .map_err(|error| error.to_string())?;
    Ok(script)
}

fn grammar() -> Command {
    let mut grammar = config::grammar();
    let names: Vec<String> = grammar
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    for name in names {
        grammar = grammar.mut_subcommand(name, |command| command.mut_args(with_candidates));
    }
    grammar
}

fn with_candidates(arg: Arg) -> Arg {
    match arg.get_id().as_str() {
        "name" => arg.add(ArgValueCandidates::new(objects)),
        "namespace" => arg.add(ArgValueCandidates::new(namespaces)),
        "context" => arg.add(ArgValueCandidates::new(contexts)),
        "code" => arg.add(ArgValueCandidates::new(codes)),
        _ => arg,
    }
}

/// The objects of the namespace that the command line names, each with its place.
fn objects() -> Vec<CompletionCandidate> {
    let line = CommandLine::read();
    let listed = ask(&line, async |client| {
        let namespace = line.value("--namespace", "-n");
        let namespace = namespace.unwrap_or_else(|| client.default_namespace().to_owned());
        RawObjects::new(client).list(Some(&namespace)).await.ok()
    });
    let place = |object: &DynamicObject| {
        let field = |name: &str| object.data.pointer(&format!("/spec/{name}"))?.as_str();
        Some(format!("{} {}", field("publishDomain")?, field("app")?))
    };
    let candidates = listed.into_iter().flatten().map(|object| {
        let help = place(&object).map(Into::into);
        CompletionCandidate::new(object.name_any()).help(help)
    });
    candidates.collect()
}

/// The namespaces of the cluster that the command line names, as far as they may be listed.
fn namespaces() -> Vec<CompletionCandidate> {
    let line = CommandLine::read();
    let listed = ask(&line, async |client| client::namespaces(client).await.ok());
    let names = listed.into_iter().flatten();
    names.map(CompletionCandidate::new).collect()
}

fn contexts() -> Vec<CompletionCandidate> {
    let usual = ClusterArgs::usual_kubeconfig();
    let files = CommandLine::read().cluster().kubeconfigs();
    let contexts = client::contexts(&files, usual.as_deref());
    contexts.into_iter().map(CompletionCandidate::new).collect()
}

fn codes() -> Vec<CompletionCandidate> {
    explain::words().map(CompletionCandidate::new).collect()
}

/// Asks the cluster that the command line names; nothing when it has no answer in time.
fn ask<T>(line: &CommandLine, question: impl AsyncFnOnce(kube::Client) -> Option<T>) -> Option<T> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = Builder::new_current_thread().enable_all().build().ok()?;
    let answer = runtime.block_on(async {
        // The kubeconfig's own program for logging in, too, has to answer in time.
        let answer = async {
            let access = cluster_access(&line.cluster()).ok()?;
            let access = access.logged_in(Prompts::Hidden).await.ok()?;
            question(access.client().ok()?).await
        };
        timeout(PATIENCE, answer).await.ok()?
    });
    runtime.shutdown_background();
    answer
}

/// What was typed so far, which the grammar can't read yet.
struct CommandLine(Vec<String>);

impl CommandLine {
    /// The words behind the `--` of a shell's question; kubectl has none.
    fn read() -> Self {
        let words: Vec<String> = std::env::args_os()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let start = words.iter().position(|word| word == "--");
        Self(words.into_iter().skip(start.unwrap_or(0) + 1).collect())
    }

    /// The value of a flag, as far as there is one already: an empty namespace would be every one.
    fn value(&self, long: &str, short: &str) -> Option<String> {
        let mut words = self.0.iter();
        while let Some(word) = words.next() {
            if word == long || word == short {
                return words.next().filter(|value| !value.is_empty()).cloned();
            }
            let joined = word
                .strip_prefix(long)
                .and_then(|rest| rest.strip_prefix('='));
            if let Some(value) = joined {
                return Some(value.to_owned()).filter(|value| !value.is_empty());
            }
        }
        None
    }

    fn cluster(&self) -> ClusterArgs {
        let kubeconfig = self.value("--kubeconfig", "--kubeconfig");
        let context = self.value("--context", "--context");
        ClusterArgs::given(kubeconfig.as_deref().map(OsStr::new), context)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_says_where_to_look() {
        let line = |words: &str| CommandLine(words.split(' ').map(str::to_owned).collect());
        let namespace = |words: &str| line(words).value("--namespace", "-n");
        assert_eq!(namespace("status -n media pu").as_deref(), Some("media"));
        assert_eq!(
            namespace("status --namespace=media ").as_deref(),
            Some("media")
        );
        assert_eq!(namespace("status -n"), None);
        assert_eq!(namespace("status --namespace= pu"), None);
        assert_eq!(namespace("status pu"), None);
        let cluster = line("status --kubeconfig /a:/b --context=test").cluster();
        assert_eq!(
            (cluster.kubeconfigs().len(), cluster.context()),
            (2, Some("test"))
        );
    }

    #[test]
    fn every_shell_has_its_script_and_every_name_its_candidates() {
        for shell in [
            Shell::Bash,
            Shell::Zsh,
            Shell::Fish,
            Shell::PowerShell,
            Shell::Elvish,
        ] {
            let script = String::from_utf8(registration(shell).unwrap()).unwrap();
            assert!(script.contains(VARIABLE), "{shell}: {script}");
        }
        let grammar = grammar();
        let status = grammar.find_subcommand("status").unwrap();
        for id in ["name", "namespace", "context"] {
            let arg = status
                .get_arguments()
                .find(|arg| arg.get_id() == id)
                .unwrap();
            assert!(arg.get::<ArgValueCandidates>().is_some(), "{id}");
        }
        assert!(codes().len() > 40);
    }
}
