//! `verify-notification`: whether a body that was received is genuine.

use std::io::Read as _;
use std::path::Path;
use std::{fs, io};

use anyhow::{Context as _, anyhow, bail};

use super::{Expected, Told, now};
use crate::command::output::render;
use crate::command::{Done, Exit};
use crate::config::notifications::VerifyArgs;
use crate::live::notification::{Notification, Verdict};

/// Judges the body that `args` name.
pub fn run(args: &VerifyArgs) -> anyhow::Result<Done> {
    let expected = Expected::read(&args.signature)?;
    if expected.keys.is_empty() {
        bail!("with which key: name a file by --key-file");
    }
    let name = args.file.display();
    let body = body(&args.file).with_context(|| format!("{name} can't be read"))?;
    let notification = Notification::parse(&body)
        .map_err(|problem| anyhow!("{name}: no notification: {problem}"))?;
    let now = (!args.any_age).then(now);
    let verdict = notification.judge(&expected.keys, expected.sign_type, now);
    let told = Told::new(&notification, verdict);
    let line = format!("{}\n", told.line(&notification));
    Ok(Done {
        text: render(args.print.output, &[told], |_| line)?,
        exit: Exit::of(verdict == Verdict::Genuine),
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
