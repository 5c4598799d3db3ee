//! `verify-notification`: whether a body that was received is genuine. Reads files and stdin only.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};

use anyhow::{Context as _, anyhow, bail};

use super::expected::Expected;
use super::verdict::{Verdict, VerifiedNotification};
use crate::command::command_cluster::read_aloud;
use crate::command::output::{print_message, render};
use crate::command::{CommandOutput, ExitStatus, now};
use crate::config::notifications::VerifyArgs;
use crate::live::notification::Notification;

/// Judges the body that `args` name.
pub async fn run(args: &VerifyArgs) -> anyhow::Result<CommandOutput> {
    let expected = Expected::read(&args.signature, Arc::new(print_message))?;
    if !expected.has_keys() {
        bail!("with which key: name a file by --key-file");
    }
    let name = args.file.display();
    let file = args.file.clone();
    let read = read_aloud(|| name.to_string(), move || body(&file)).await?;
    let body = read.with_context(|| format!("{name} can't be read"))?;
    let notification = Notification::parse(&body)
        .map_err(|problem| anyhow!("{name}: no notification: {problem}"))?;
    let now = (!args.any_age).then(now);
    let verdict = expected.judge(&notification, now);
    let verified = VerifiedNotification::new(&notification, &verdict);
    let line = format!("{}\n", verified.line());
    Ok(CommandOutput {
        text: render(args.print.output, &[verified], &[], |_| line)?,
        exit: ExitStatus::of(verdict == Verdict::Genuine),
    })
}

fn body(file: &Path) -> io::Result<Vec<u8>> {
    if file == Path::new("-") {
        let mut body = Vec::new();
        io::stdin().read_to_end(&mut body)?;
        return Ok(body);
    }
    fs::read(file)
}
