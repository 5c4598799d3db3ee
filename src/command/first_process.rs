//! The operator in whose container a command runs, where it runs in one: only there are the operator's own credentials, and only what
//! that operator was told says whose they are. Only reads.

use std::fs;
use std::path::Path;

use crate::config::{self, Command, RunConfig};

/// The command line of a container's first process.
const COMMAND_LINE: &str = "/proc/1/cmdline";

const PROGRAM: &str = "recording-callback-operator";

/// What the operator goes by that is the first process of this container, if that is one.
pub(super) fn operator_here() -> Option<RunConfig> {
    let line = fs::read_to_string(COMMAND_LINE).ok()?;
    let mut words = line.split_terminator('\0');
    let program = Path::new(words.next()?);
    (program.file_name()? == PROGRAM).then(|| own_configuration(words))?
}

/// What the program makes of these arguments, if it knows them all, and of the variables that it has here, too.
fn own_configuration<'a>(args: impl Iterator<Item = &'a str>) -> Option<RunConfig> {
    match config::parse(std::iter::once(PROGRAM).chain(args).map(Into::into)) {
        Ok(Command::Run(config)) => Some(*config),
        Ok(_) | Err(_) => None,
    }
}
