//! `status`: the story of one object, from what the API server holds of it. Calls no cloud.

mod story;
mod text;
pub mod watch;

use anyhow::Context as _;
use jiff::Timestamp;
use kube::ResourceExt as _;

use self::story::ObjectStory;
use super::output::render;
use super::{CommandOutput, ExitStatus, access, chosen};
use crate::api::RecordingCallback;
use crate::cluster::raw::RawObjects;
use crate::config::objects::StatusArgs;

/// Tells of the objects that `args` name.
#[expect(
    clippy::disallowed_methods,
    reason = "says how long ago; decides nothing"
)]
pub async fn run(args: StatusArgs) -> anyhow::Result<CommandOutput> {
    let client = access(&args.objects.scope.cluster)?.client()?;
    let objects = RawObjects::new(client.clone());
    let found = chosen(&objects, &args.objects, client.default_namespace()).await?;
    let mut stories = Vec::new();
    for object in found {
        let name = object.name_any();
        let object = object.try_parse::<RecordingCallback>();
        let object = object.with_context(|| format!("{name} can't be read"))?;
        stories.push(ObjectStory::of(object));
    }
    if stories.is_empty() {
        eprintln!("there is no RecordingCallback there");
    }
    let now = Timestamp::now();
    Ok(CommandOutput {
        text: render(args.print.output, &stories, |stories| {
            text::render_stories(stories, now)
        })?,
        exit: ExitStatus::Well,
    })
}
