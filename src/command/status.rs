//! `status`: the story of one object, from what the API server holds of it. Calls no cloud.

mod story;
mod text;
pub mod watch;

use jiff::Timestamp;

use self::story::ObjectStory;
use super::output::{render_with, tell, tell_problems};
use super::trouble::{CommandCluster, at_cluster, ended};
use super::{CommandOutput, ExitStatus, chosen, readable};
use crate::config::objects::StatusArgs;

/// Tells of the objects that `args` name.
pub async fn run(args: StatusArgs) -> CommandOutput {
    ended(told(&args).await, args.print.output)
}

async fn told(args: &StatusArgs) -> Result<CommandOutput, String> {
    let told = at_cluster(&args.objects.scope.cluster, async |cluster| {
        stories(cluster, args).await
    });
    told.await
}

#[expect(
    clippy::disallowed_methods,
    reason = "says how long ago; decides nothing"
)]
async fn stories(cluster: &CommandCluster, args: &StatusArgs) -> anyhow::Result<CommandOutput> {
    let (objects, problems) = readable(chosen(cluster, &args.objects).await?);
    if objects.is_empty() && problems.is_empty() {
        tell("there is no RecordingCallback there");
    }
    tell_problems(&problems);
    let stories: Vec<_> = objects.into_iter().map(ObjectStory::of).collect();
    let now = Timestamp::now();
    let text = |stories: &[ObjectStory]| text::render_stories(stories, now);
    Ok(CommandOutput {
        text: render_with(args.print.output, &stories, &problems, text)?,
        exit: ExitStatus::of(problems.is_empty()),
    })
}
