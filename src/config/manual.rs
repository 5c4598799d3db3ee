//! What is made of the command line's grammar: shell completion and man pages. Pure.

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

use super::Cli;

/// A shell's completion script.
pub fn completion(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    let mut grammar = Cli::command();
    let name = grammar.get_name().to_owned();
    generate(shell, &mut grammar, name, &mut script);
    script
}

/// The man page of the program, or of one of its commands.
pub fn man(command: Option<&str>) -> Result<Vec<u8>, String> {
    let mut grammar = Cli::command();
    grammar.build();
    let page = match command {
        None => grammar,
        Some(name) => grammar
            .find_subcommand(name)
            .cloned()
            .ok_or_else(|| format!("there is no command {name:?}"))?,
    };
    let mut text = Vec::new();
    Man::new(page)
        .render(&mut text)
        .map_err(|error| error.to_string())?;
    Ok(text)
}
