//! `status --watch`: the same story again whenever it changes. On a terminal it stands still and is written anew, elsewhere each one follows
//! the one before it.

use std::io::Write as _;
use std::time::Duration;

use console::Term;
use tokio::time::sleep;

use crate::command::output::tell;
use crate::command::{CommandOutput, ended};
use crate::config::objects::{Output, StatusArgs};
use crate::config::{self};

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(2);

/// Tells until it is interrupted, or nobody reads any more; an error ends it only if it is the first answer.
pub async fn run(args: StatusArgs) -> CommandOutput {
    let output = args.print.output;
    ended(watch(args).await, output)
}

async fn watch(args: StatusArgs) -> Result<CommandOutput, String> {
    let mut last = super::told(&args).await?;
    let mut key = comparable(&args, &last.text).await;
    let is_still = args.print.output == Output::Table && config::is_able_terminal(&Term::stdout());
    loop {
        if show(&last.text, is_still).is_err() {
            last.text = String::new();
            return Ok(last);
        }
        loop {
            sleep(PAUSE).await;
            match super::told(&args).await {
                Ok(next) => {
                    let next_key = comparable(&args, &next.text).await;
                    // Where it stands still, ages go on.
                    let is_news = is_still || next_key != key;
                    (last, key) = (next, next_key);
                    if is_news {
                        break;
                    }
                }
                Err(problem) => tell(&format!("error: {problem}")),
            }
        }
    }
}

/// What changes with the objects only, and not with time.
async fn comparable(args: &StatusArgs, text: &str) -> String {
    if args.print.output != Output::Table {
        return text.to_owned();
    }
    let mut args = args.clone();
    args.print.output = Output::Json;
    let told = super::told(&args).await;
    told.map(|told| told.text).unwrap_or_default()
}

fn show(text: &str, is_still: bool) -> std::io::Result<()> {
    if is_still {
        Term::stdout().clear_screen()?;
    }
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}
