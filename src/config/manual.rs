//! What is made of the command line's grammar: man pages. Pure.

use clap::CommandFactory as _;
use clap_mangen::Man;

use super::Cli;

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
