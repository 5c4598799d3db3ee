//! The grammar of the command line: flags, those of `run` with their environment twins, validated. Only this file and those in
//! `config/` read them; what the cloud's SDK, proxies and certificates go by is read in `platform::ambient` and `platform::transport`.
//!
//! A command is one variant of `Command`. Whoever holds one holds values that were checked.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "what `--help` prints is no Markdown: [::] is an address"
)]

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub mod cloud;
pub mod doctor;
pub mod duration;
pub mod elsewhere;
pub mod manual;
pub mod names;
pub mod notifications;
pub mod objects;
pub mod orphans;
pub mod plan;
pub mod release;
pub mod run;
pub mod selector;

use clap_complete::Shell;
use doctor::DoctorArgs;
use notifications::{ServeArgs, VerifyArgs};
use objects::{ObjectsArgs, StatusArgs};
use orphans::{ImportArgs, OrphansArgs};
use plan::PlanArgs;
pub use release::ReleaseArgs;
pub use run::RunConfig;

/// The name of the binary by which kubectl finds it as its plugin `rcb`.
const PLUGIN: &str = "kubectl-rcb";
/// Help has no longer lines than this, however wide the terminal is, and none that is longer than the terminal is wide.
const WIDEST_HELP: usize = 100;

/// A Kubernetes operator that makes Huawei Cloud Live hold the recording callbacks declared as `RecordingCallback` objects.
#[derive(Debug, Parser)]
#[command(
    version,
    arg_required_else_help = false,
    disable_help_subcommand = true,
    max_term_width = WIDEST_HELP
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What the program is asked to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the controller
    Run(Box<RunConfig>),
    /// Print the CRD as YAML, or the JSON schema of a manifest
    Crd {
        /// The JSON schema of a manifest, for editors and kubeconform
        #[arg(long)]
        json_schema: bool,
    },
    /// Tell class, meaning, reaction and remedy of an error code or a reason
    Explain {
        /// An error code such as LIVE.100011001, or a reason such as Conflict
        code: String,
    },
    /// Let objects go without a call to the cloud: take the operator's finalizer off, and print the ids of what stays there
    Release(ReleaseArgs),
    /// Tell the story of an object: target, conditions, last operations, next attempt, what to do
    Status(StatusArgs),
    /// Check all that the operator needs: cluster, CRD, rights, operator, credentials, cloud, quota; say what to do
    Doctor(DoctorArgs),
    /// List the callbacks at the cloud that no object of the cluster holds
    Orphans(OrphansArgs),
    /// Print manifests for the callbacks of a project that no object holds
    Import(ImportArgs),
    /// Tell what applying manifests would do at the cloud; exit code 2 when that would be a change
    Plan(PlanArgs),
    /// Ask for a look at the cloud now
    Retry(ObjectsArgs),
    /// Leave objects alone: no call to the cloud, and deletion waits
    Suspend(ObjectsArgs),
    /// Work on suspended objects again
    Resume(ObjectsArgs),
    /// Check the signature of a notification that was received
    VerifyNotification(VerifyArgs),
    /// Receive notifications, verify and print them
    ServeNotifications(ServeArgs),
    /// Print a shell's completion script
    Completion {
        /// Which shell
        shell: Shell,
    },
    /// Print the man page of the program or of a command
    Man {
        /// One of the commands
        command: Option<String>,
    },
}

/// Which cluster, as kubectl is told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ClusterArgs {
    /// Kubeconfig file, or several to be merged, separated as in PATH
    #[arg(long, env, value_name = "FILE")]
    kubeconfig: Option<OsString>,
    /// Context of the kubeconfig [default: its current-context]
    #[arg(long, value_name = "NAME")]
    context: Option<String>,
}

impl ClusterArgs {
    /// As flags with these values, or without, would give it.
    pub fn given(kubeconfig: Option<&OsStr>, context: Option<String>) -> Self {
        let kubeconfig = kubeconfig.map(OsStr::to_owned);
        Self {
            kubeconfig: kubeconfig.or_else(|| std::env::var_os("KUBECONFIG")),
            context,
        }
    }

    /// The kubeconfig files that were named.
    pub fn kubeconfigs(&self) -> Vec<PathBuf> {
        let paths = self.kubeconfig.as_deref().map(std::env::split_paths);
        paths
            .into_iter()
            .flatten()
            .filter(|path| !path.as_os_str().is_empty())
            .collect()
    }

    /// The kubeconfig that is used when none was named.
    pub fn usual_kubeconfig() -> Option<PathBuf> {
        std::env::home_dir().map(|home| home.join(".kube").join("config"))
    }

    /// The context that was chosen.
    pub fn context(&self) -> Option<&str> {
        self.context
            .as_deref()
            .filter(|context| !context.is_empty())
    }
}

/// Whether a screen can be written anew there.
pub fn is_able_terminal(terminal: &console::Term) -> bool {
    let is_dumb = std::env::var_os("TERM").is_none_or(|name| name == "dumb");
    terminal.is_term() && !is_dumb
}

/// Where this program may keep what it can read again, if there is such a place.
pub fn cache_directory() -> Option<PathBuf> {
    let cache_home = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache_home = cache_home.filter(|path| path.is_absolute());
    let usual = || std::env::home_dir().map(|home| home.join(".cache"));
    Some(cache_home.or_else(usual)?.join(env!("CARGO_PKG_NAME")))
}

/// Why the program ends before it begins.
#[derive(Debug, PartialEq, Eq)]
pub enum EarlyExit {
    /// Help or the version, asked for: for stdout.
    Help(String),
    /// A mistake in flags or environment, in one line: for stderr.
    Usage {
        /// The line.
        line: String,
        /// How the program ends.
        code: u8,
    },
}

/// Reads the command line, and the environment where it says nothing of `run`.
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Command, EarlyExit> {
    let args: Vec<OsString> = args.into_iter().collect();
    let matches = cli(args.first()).try_get_matches_from(&args);
    match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(Cli {
            command: Command::Run(config),
        }) => match config.checked() {
            Ok(config) => Ok(Command::Run(Box::new(config))),
            Err(problem) => Err(usage(format!("error: {problem}"), &args)),
        },
        Ok(cli) => Ok(cli.command),
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
            ) =>
        {
            Err(EarlyExit::Help(error.to_string()))
        }
        Err(error) => Err(usage(one_line(&error, &args), &args)),
    }
}

/// The command line's grammar, for completion.
pub fn grammar() -> clap::Command {
    cli(std::env::args_os().next().as_ref())
}

/// The end with a mistake. 2 says of a plan that there are changes, so that its mistakes end with 1, as those of terraform plan.
fn usage(line: String, args: &[OsString]) -> EarlyExit {
    let is_plan = args.get(1).is_some_and(|command| command == "plan");
    let code = if is_plan { 1 } else { 2 };
    EarlyExit::Usage { line, code }
}

/// The command line's grammar, with the name in its usage that the user calls the program by.
fn cli(called_as: Option<&OsString>) -> clap::Command {
    let is_plugin =
        called_as.is_some_and(|path| Path::new(path).file_stem() == Some(PLUGIN.as_ref()));
    let command = Cli::command();
    if is_plugin {
        command.bin_name("kubectl rcb")
    } else {
        command
    }
}

/// What clap says in several paragraphs, in one line, and naming the variable when the value came from one.
fn one_line(error: &clap::Error, args: &[OsString]) -> String {
    let text = error.to_string();
    let said: Vec<&str> = text
        .trim()
        .lines()
        .take_while(|line| !line.is_empty())
        .collect();
    let said = said
        .join(" ")
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let said = said.strip_prefix("error: ").unwrap_or(&said);
    let meant = asked_for_help(args).or_else(|| suggestion(error).map(str::to_owned));
    let meant = meant.map(|meant| format!("; did you mean {meant}?"));
    let said = format!("{said}{}", meant.unwrap_or_default());
    match variable(error, args) {
        Some(name) => format!("error: environment variable {name}: {said}"),
        None => format!("error: {said}"),
    }
}

/// How to ask for it, where that was done as other programs want it.
fn asked_for_help(args: &[OsString]) -> Option<String> {
    let mut words = args.iter().skip(1).filter_map(|word| word.to_str());
    if words.next() != Some("help") {
        return None;
    }
    let about = words.next().map(|command| format!("{command} "));
    Some(format!("{}--help", about.unwrap_or_default()))
}

/// What the user may have meant.
fn suggestion(error: &clap::Error) -> Option<&str> {
    let kinds = [
        ContextKind::SuggestedSubcommand,
        ContextKind::SuggestedArg,
        ContextKind::SuggestedValue,
    ];
    kinds.into_iter().find_map(|kind| {
        let context = error.get(kind)?;
        if let ContextValue::Strings(meant) = context {
            return meant.first().map(String::as_str);
        }
        let ContextValue::String(meant) = context else {
            return None;
        };
        Some(meant.as_str())
    })
}

/// The environment variable that the error is about, if the value came from it.
fn variable(error: &clap::Error, args: &[OsString]) -> Option<String> {
    if error.kind() == ErrorKind::InvalidUtf8 {
        let is_bad =
            |name: &&str| std::env::var_os(name).is_some_and(|value| value.to_str().is_none());
        let commands = Cli::command();
        let mut flags = commands
            .get_subcommands()
            .flat_map(clap::Command::get_arguments);
        return flags.find_map(|flag| flag.get_env()?.to_str().filter(is_bad).map(str::to_owned));
    }
    if !matches!(
        error.kind(),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation
    ) {
        return None;
    }
    let Some(ContextValue::String(usage)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    let flag = usage
        .split([' ', '[', '='])
        .next()
        .and_then(|flag| flag.strip_prefix("--"))?;
    let is_given = |arg: &OsString| {
        let rest = arg
            .to_str()
            .and_then(|arg| arg.strip_prefix("--")?.strip_prefix(flag));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    if args.iter().any(is_given) {
        return None;
    }
    let commands = Cli::command();
    let mut flags = commands
        .get_subcommands()
        .flat_map(clap::Command::get_arguments);
    let named = flags.find(|arg| arg.get_long() == Some(flag) && arg.get_env().is_some());
    Some(named?.get_env()?.to_str()?.to_owned())
}

#[cfg(test)]
mod tests;
