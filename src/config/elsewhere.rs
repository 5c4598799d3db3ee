//! What the flags and variables of another process make of `run`: those of a container, seen from outside. Grammar and checks only.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use clap::builder::{OsStr as ArgText, Resettable};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};

use super::{Cli, Command, RunConfig};

const RUN: &str = "run";

/// What a process goes by that has these arguments, its own name aside, and these variables; nothing where that can't be told: it has
/// flags of another version, or one whose variable has a value from elsewhere. This process's own variables count for nothing.
pub fn run_elsewhere(
    args: &[String],
    environment: &BTreeMap<String, Option<String>>,
) -> Option<RunConfig> {
    let given = matched(args)?;
    let given = given.subcommand_matches(RUN)?;
    let mut all = args.to_vec();
    let grammar = Cli::command();
    for flag in grammar.find_subcommand(RUN)?.get_arguments() {
        let variable = flag.get_env().and_then(OsStr::to_str);
        let is_given = given.value_source(flag.get_id().as_str()) == Some(ValueSource::CommandLine);
        let Some((name, variable)) = flag.get_long().zip(variable) else {
            continue;
        };
        // A hidden one is the pod's own affair.
        if is_given || flag.is_hide_set() {
            continue;
        }
        if let Some(value) = environment.get(variable) {
            all.push(format!("--{name}={}", value.as_deref()?));
        }
    }
    let Command::Run(config) = Cli::from_arg_matches(&matched(&all)?).ok()?.command else {
        return None;
    };
    config.checked().ok()
}

fn matched(args: &[String]) -> Option<ArgMatches> {
    let unset = |flag: clap::Arg| flag.env(Resettable::<ArgText>::Reset);
    let grammar = Cli::command().mut_subcommand(RUN, |run| run.mut_args(unset));
    let words = std::iter::once(env!("CARGO_PKG_NAME")).chain(args.iter().map(String::as_str));
    grammar.try_get_matches_from(words).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn read(args: &str, variables: &[(&str, Option<&str>)]) -> Option<RunConfig> {
        let args: Vec<String> = args.split_whitespace().map(str::to_owned).collect();
        let variables = variables.iter();
        let variables =
            variables.map(|(name, value)| ((*name).to_owned(), value.map(str::to_owned)));
        run_elsewhere(&args, &variables.collect())
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
        let config = read("run --lease-name=first --listen :9090", &variables).unwrap();
        assert_eq!(config.resync_interval, Duration::from_mins(20));
        assert_eq!(config.lease_name, "first");
        assert_eq!(config.listen.port(), 9090);
        assert!(config.read_only);
        assert_eq!(config.namespaces.len(), 2);
    }

    #[test]
    fn what_can_not_be_told_is_not_guessed() {
        for (args, variables) in [
            ("run --unknown", &[][..]),
            ("crd", &[]),
            ("", &[]),
            ("run", &[("LEASE_NAME", None)]),
            ("run", &[("RESYNC_INTERVAL", Some("soon"))]),
            ("run", &[("SETTLE_TIME", Some("6s"))]),
        ] {
            assert_eq!(read(args, variables), None, "{args} {variables:?}");
        }
        let known = read("run --lease-name=first", &[("LEASE_NAME", None)]);
        assert_eq!(known.unwrap().lease_name, "first");
    }
}
