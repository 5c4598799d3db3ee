//! `status`: the story of one object, from what the API server holds of it. Calls no cloud.

mod story;
mod text;
pub mod watch;

use self::story::ObjectStory;
use super::output::{render_with, tell, tell_problems};
use super::readable::ReadObjects;
use super::trouble::{CommandCluster, ended};
use super::{CommandOutput, ExitStatus, chosen, now};
use crate::config::objects::{Output, StatusArgs};

/// Tells of the objects that `args` name.
pub async fn run(args: StatusArgs) -> CommandOutput {
    let output = args.print.output;
    ended(tell_once(&args).await, output)
}

async fn tell_once(args: &StatusArgs) -> Result<CommandOutput, String> {
    let cluster = CommandCluster::find(&args.objects.scope.cluster).await?;
    let found = look(&cluster, args).await?;
    found.tell_problems();
    found.told(args.print.output)
}

/// What was found at one moment.
#[derive(PartialEq)]
struct FoundStories {
    stories: Vec<ObjectStory>,
    /// A sentence for each object that can't be read.
    problems: Vec<String>,
}

/// Reads the objects that `args` name.
async fn look(cluster: &CommandCluster, args: &StatusArgs) -> Result<FoundStories, String> {
    let found = cluster.aloud(async |cluster| {
        let read = ReadObjects::of(chosen(cluster, &args.objects).await?);
        let stories = read.whole.into_iter().map(ObjectStory::of).collect();
        let problems = read.problems;
        Ok(FoundStories { stories, problems })
    });
    found.await
}

impl FoundStories {
    /// Says on stderr what could not be told.
    fn tell_problems(&self) {
        if self.stories.is_empty() && self.problems.is_empty() {
            tell("there is no RecordingCallback there");
        }
        tell_problems(&self.problems);
    }

    fn told(&self, output: Output) -> Result<CommandOutput, String> {
        let now = now();
        let text = |stories: &[ObjectStory]| text::render_stories(stories, now);
        let text = render_with(output, &self.stories, &self.problems, text);
        Ok(CommandOutput {
            text: text.map_err(|error| format!("{error:#}"))?,
            exit: ExitStatus::of(self.problems.is_empty()),
        })
    }
}
