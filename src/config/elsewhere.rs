//! What the flags and variables of another process make of `run`: those of a container, seen from outside. Grammar and checks only.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::time::Duration;

use clap::builder::{OsStr as ArgText, Resettable};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use super::names::{Grant, Namespaces};
use super::{Cli, Command, RunConfig};
use crate::platform::endpoint::AllowList;

const RUN: &str = "run";

const OTHER_VERSION: &str = "its flags and variables are not those of this version";

/// A text that another process is told, or why it is not known.
pub type GivenText = Result<String, String>;

/// An argument of another process.
#[derive(Debug, Clone)]
pub struct GivenArgument {
    /// As it is written, before anything in it is replaced.
    pub written: String,
    /// As the process gets it.
    pub text: GivenText,
}

/// What another process goes by, as far as it is known.
#[derive(Debug, PartialEq)]
pub struct RunElsewhere {
    /// With the usual values for what is not known.
    config: RunConfig,
    /// The flags whose values are not known, and why.
    not_known: BTreeMap<String, String>,
}

/// A flag of `run` that somebody asks for.
pub struct RunFlag<T: 'static> {
    name: &'static str,
    value: fn(&RunConfig) -> &T,
}

/// `--namespaces`.
pub const NAMESPACES: RunFlag<Namespaces> = RunFlag {
    name: "namespaces",
    value: |config| &config.namespaces,
};
/// `--label-selector`.
pub const LABEL_SELECTOR: RunFlag<Option<String>> = RunFlag {
    name: "label-selector",
    value: |config| &config.label_selector,
};
/// `--leader-elect`.
pub const LEADER_ELECT: RunFlag<bool> = RunFlag {
    name: "leader-elect",
    value: |config| &config.leader_elect,
};
/// `--lease-name`.
pub const LEASE_NAME: RunFlag<String> = RunFlag {
    name: "lease-name",
    value: |config| &config.lease_name,
};
/// `--lease-namespace`.
pub const LEASE_NAMESPACE: RunFlag<Option<String>> = RunFlag {
    name: "lease-namespace",
    value: |config| &config.lease_namespace,
};
/// `--check-crd`.
pub const CHECK_CRD: RunFlag<bool> = RunFlag {
    name: "check-crd",
    value: |config| &config.check_crd,
};
/// `--listen`.
pub const LISTEN: RunFlag<SocketAddr> = RunFlag {
    name: "listen",
    value: |config| &config.listen,
};
/// `--requests-per-minute`.
pub const REQUESTS_PER_MINUTE: RunFlag<u32> = RunFlag {
    name: "requests-per-minute",
    value: |config| &config.requests_per_minute,
};
/// `--resync-interval`.
pub const RESYNC_INTERVAL: RunFlag<Duration> = RunFlag {
    name: "resync-interval",
    value: |config| &config.resync_interval,
};
/// `--allowed-endpoints`.
pub const ALLOWED_ENDPOINTS: RunFlag<AllowList> = RunFlag {
    name: "allowed-endpoints",
    value: |config| &config.allowed_endpoints,
};
/// `--ambient-credentials-namespaces`.
pub const AMBIENT_CREDENTIALS_NAMESPACES: RunFlag<Grant> = RunFlag {
    name: "ambient-credentials-namespaces",
    value: |config| &config.ambient_credentials_namespaces,
};

impl RunElsewhere {
    /// What a flag is, or why that is not known.
    pub fn get<T>(&self, flag: &RunFlag<T>) -> Result<&T, &str> {
        match self.not_known.get(flag.name) {
            Some(why) => Err(why),
            None => Ok((flag.value)(&self.config)),
        }
    }

    /// The flags whose values are not known, and why.
    pub fn not_known(&self) -> impl Iterator<Item = (&str, &str)> {
        let not_known = self.not_known.iter();
        not_known.map(|(flag, why)| (flag.as_str(), why.as_str()))
    }
}

impl From<RunConfig> for RunElsewhere {
    fn from(config: RunConfig) -> Self {
        let not_known = BTreeMap::new();
        Self { config, not_known }
    }
}

/// The variables that flags of `run` may be set by.
pub fn run_variables() -> BTreeSet<String> {
    let grammar = Cli::command();
    let flags = grammar.find_subcommand(RUN).into_iter();
    let flags = flags.flat_map(clap::Command::get_arguments);
    let variables = flags.filter_map(|flag| settable(flag).map(|(_, variable)| variable));
    variables.map(str::to_owned).collect()
}

/// What a process goes by that has these arguments, its own name aside, and these variables. An error is why nothing of that can be
/// told. This process's own variables count for nothing.
pub fn run_elsewhere(
    args: &[GivenArgument],
    variable: impl Fn(&str) -> Option<GivenText>,
) -> Result<RunElsewhere, String> {
    let (mut all, mut not_known) = known(args)?;
    let given = matched(&all)?;
    let given = given.subcommand_matches(RUN).ok_or(OTHER_VERSION)?;
    let grammar = Cli::command();
    let run = grammar.find_subcommand(RUN).ok_or(OTHER_VERSION)?;
    for flag in run.get_arguments() {
        let is_given = given.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine);
        let Some((name, of)) = settable(flag) else {
            continue;
        };
        if is_given || not_known.contains_key(name) {
            continue;
        }
        match variable(of) {
            None => {}
            Some(Ok(value)) => all.push(format!("--{name}={value}")),
            Some(Err(why)) => {
                not_known.insert(name.to_owned(), why);
            }
        }
    }
    let command = Cli::from_arg_matches(&matched(&all)?);
    let Ok(Command::Run(config)) = command.map(|cli| cli.command) else {
        return Err(OTHER_VERSION.to_owned());
    };
    let config = config.checked()?;
    Ok(RunElsewhere { config, not_known })
}

/// A flag and its variable. A hidden one is the pod's own affair.
fn settable(flag: &clap::Arg) -> Option<(&str, &str)> {
    let variable = flag.get_env().and_then(OsStr::to_str);
    let named = flag.get_long().zip(variable);
    named.filter(|_| !flag.is_hide_set())
}

/// The arguments that are known, and the flags whose values are not: one of `--flag=$(NAME)`, or of `--flag` and then `$(NAME)`.
fn known(args: &[GivenArgument]) -> Result<(Vec<String>, BTreeMap<String, String>), String> {
    let (mut known, mut not_known) = (Vec::new(), BTreeMap::new());
    for arg in args {
        let why = match &arg.text {
            Ok(text) => {
                known.push(text.clone());
                continue;
            }
            Err(why) => why,
        };
        let flag = match arg.written.split_once('=') {
            Some((flag, _)) => Some(flag.to_owned()),
            None => known.pop(),
        };
        let name = flag.as_deref().and_then(|flag| flag.strip_prefix("--"));
        let name = name.filter(|name| !name.contains(['$', '=']));
        not_known.insert(name.ok_or(why)?.to_owned(), why.clone());
    }
    Ok((known, not_known))
}

fn matched(args: &[String]) -> Result<ArgMatches, String> {
    let unset = |flag: clap::Arg| flag.env(Resettable::<ArgText>::Reset);
    let grammar = Cli::command().mut_subcommand(RUN, |run| run.mut_args(unset));
    let words = std::iter::once(env!("CARGO_PKG_NAME")).chain(args.iter().map(String::as_str));
    let matched = grammar.try_get_matches_from(words);
    // What clap says may quote a value.
    matched.map_err(|_| OTHER_VERSION.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = Result<RunElsewhere, String>;

    fn read(args: &str, variables: &[(&str, Option<&str>)]) -> Read {
        let args = args.split_whitespace().map(|arg| GivenArgument {
            written: arg.to_owned(),
            text: if arg.contains("$(") {
                Err("closed".to_owned())
            } else {
                Ok(arg.to_owned())
            },
        });
        let args: Vec<_> = args.collect();
        run_elsewhere(&args, |name| {
            let (_, value) = variables.iter().find(|(known, _)| *known == name)?;
            Some(
                value
                    .map(str::to_owned)
                    .ok_or_else(|| "elsewhere".to_owned()),
            )
        })
    }

    #[test]
    fn variables_count_where_flags_say_nothing() {
        let variables = [
            ("RESYNC_INTERVAL", Some("20m")),
            ("LEASE_NAME", Some("second")),
            ("READ_ONLY", Some("true")),
            ("NAMESPACES", Some("media,news")),
            ("HTTPS_PROXY", Some("http://p")),
            ("POD_NAME", None),
        ];
        let read = read("run --lease-name=first --listen :9090", &variables).unwrap();
        assert_eq!(read.not_known().count(), 0);
        assert_eq!(read.get(&RESYNC_INTERVAL), Ok(&Duration::from_mins(20)));
        assert_eq!(read.get(&LEASE_NAME), Ok(&"first".to_owned()));
        assert_eq!(read.get(&LISTEN).unwrap().port(), 9090);
        assert!(read.config.read_only);
        assert_eq!(read.get(&NAMESPACES).unwrap().len(), 2);
    }

    #[test]
    fn what_can_not_be_told_is_not_guessed() {
        for (args, variables) in [
            ("run --unknown", &[][..]),
            ("crd", &[]),
            ("", &[]),
            ("run $(MORE)", &[]),
            ("$(COMMAND)", &[]),
            ("run --$(FLAG)=5", &[]),
            ("run", &[("RESYNC_INTERVAL", Some("soon"))]),
            ("run", &[("SETTLE_TIME", Some("6s"))]),
        ] {
            assert!(read(args, variables).is_err(), "{args} {variables:?}");
        }
    }

    #[test]
    fn one_value_that_is_not_known_leaves_the_others() {
        let of = |args: &str, variables: &[(&str, Option<&str>)]| {
            let read = read(args, variables).unwrap();
            let lease = read.get(&LEASE_NAME).cloned().map_err(str::to_owned);
            (lease, read.get(&RESYNC_INTERVAL).copied().is_ok())
        };
        let elsewhere = [("LEASE_NAME", None)];
        let (first, why) = (Ok("first".to_owned()), |why: &str| Err(why.to_owned()));
        assert_eq!(of("run", &elsewhere), (why("elsewhere"), true));
        assert_eq!(of("run --lease-name=first", &elsewhere), (first, true));
        let both = "run --lease-name=$(NAME) --resync-interval $(INTERVAL) --read-only";
        assert_eq!(of(both, &[]), (why("closed"), false));
    }

    #[test]
    fn each_flag_that_is_asked_for_is_one() {
        let variables = run_variables();
        for name in [
            NAMESPACES.name,
            LABEL_SELECTOR.name,
            LEADER_ELECT.name,
            LEASE_NAME.name,
            LEASE_NAMESPACE.name,
            CHECK_CRD.name,
            LISTEN.name,
            REQUESTS_PER_MINUTE.name,
            RESYNC_INTERVAL.name,
            ALLOWED_ENDPOINTS.name,
            AMBIENT_CREDENTIALS_NAMESPACES.name,
        ] {
            let variable = name.to_uppercase().replace('-', "_");
            assert!(variables.contains(&variable), "{name}");
        }
        assert!(!variables.contains("POD_NAME"));
    }
}
