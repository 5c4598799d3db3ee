//! `status`: the story of one object, from what the API server holds of it. Calls no cloud.

mod story;
mod text;
pub mod watch;

use self::story::ObjectStory;
use super::output::{render_with, tell, tell_problems};
use super::readable::ReadObjects;
use super::trouble::{at_cluster, ended};
use super::{CommandOutput, ExitStatus, chosen, now};
use crate::config::objects::{Output, StatusArgs};

/// Tells of the objects that `args` name.
pub async fn run(args: StatusArgs) -> CommandOutput {
    let output = args.print.output;
    let told = look(&args).await.and_then(|found| {
        found.tell_problems();
        found.told(output)
    });
    ended(told, output)
}

/// What was found at one moment.
#[derive(PartialEq)]
struct FoundStories {
    stories: Vec<ObjectStory>,
    /// A sentence for each object that can't be read.
    problems: Vec<String>,
}

/// Reads the objects that `args` name.
async fn look(args: &StatusArgs) -> Result<FoundStories, String> {
    let found = at_cluster(&args.objects.scope.cluster, async |cluster| {
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
