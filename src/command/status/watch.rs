//! `status --watch`: the same story again whenever it changes. On a terminal it stands still and is written anew, elsewhere each one follows
//! the one before it.

use std::io::Write as _;
use std::time::Duration;

use console::Term;
use tokio::time::sleep;

use super::FoundStories;
use crate::command::command_cluster::CommandCluster;
use crate::command::output::print_message;
use crate::command::{CommandOutput, ended};
use crate::config;
use crate::config::objects::{Output, StatusArgs};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// Tells until it is interrupted, or nobody reads any more; an error ends it only if it is the first answer.
pub async fn run(args: StatusArgs) -> CommandOutput {
    let output = args.print.output;
    ended(watch(args).await, output)
}

async fn watch(args: StatusArgs) -> Result<CommandOutput, String> {
    let output = args.print.output;
    let is_still = output == Output::Table && config::is_able_terminal(&Term::stdout());
    // One for all looks: who logs in does so once.
    let cluster = CommandCluster::find(&args.objects.scope.cluster).await?;
    let mut found = super::look(&cluster, &args).await?;
    let mut printed_problems = None;
    loop {
        let mut rendered = found.render(output)?;
        if output == Output::Yaml {
            // Each is a document of its own.
            rendered.text.insert_str(0, "---\n");
        }
        if show(&rendered.text, is_still).is_err() {
            rendered.text.clear();
            return Ok(rendered);
        }
        // After the text, which may have cleared the screen.
        if is_still || printed_problems.as_ref() != Some(&found.problems) {
            found.print_problems();
            printed_problems = Some(found.problems.clone());
        }
        found = next(&cluster, &args, found, is_still).await;
    }
}

/// What is found next and is to be told: what differs, and where it stands still all, since ages go on. An error is told once for as
/// long as it is the same.
async fn next(
    cluster: &CommandCluster,
    args: &StatusArgs,
    before: FoundStories,
    is_still: bool,
) -> FoundStories {
    let mut printed = None;
    loop {
        sleep(PAUSE).await;
        match super::look(cluster, args).await {
            Ok(found) if is_still || found != before => return found,
            Ok(_) => printed = None,
            Err(problem) if printed.as_ref() != Some(&problem) => {
                print_message(&format!("error: {problem}"));
                printed = Some(problem);
            }
            Err(_) => {}
        }
    }
}

fn show(text: &str, is_still: bool) -> std::io::Result<()> {
    if is_still {
        Term::stdout().clear_screen()?;
    }
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
