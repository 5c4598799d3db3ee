//! `status`: the stories of objects, from what the API server holds of them. Calls no cloud, changes nothing.

mod story;
mod text;
pub mod watch;

use self::story::ObjectStory;
use super::command_cluster::{CommandCluster, ended};
use super::output::{print_message, print_problems, render};
use super::readable::ReadObjects;
use super::{CommandOutput, ExitStatus, chosen, now};
use crate::config::objects::{Output, StatusArgs};

/// Tells of the objects that `args` name.
pub async fn run(args: StatusArgs) -> CommandOutput {
    let output = args.print.output;
    ended(print_once(&args).await, output)
}

async fn print_once(args: &StatusArgs) -> Result<CommandOutput, String> {
    let cluster = CommandCluster::find(&args.objects.scope.cluster).await?;
    let found = look(&cluster, args).await?;
    found.print_problems();
    found.render(args.print.output)
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
    fn print_problems(&self) {
        if self.stories.is_empty() && self.problems.is_empty() {
            print_message("there is no RecordingCallback there");
        }
        print_problems(&self.problems);
    }

    fn render(&self, output: Output) -> Result<CommandOutput, String> {
        let now = now();
        let text = |stories: &[ObjectStory]| text::render_stories(stories, now);
        let text = render(output, &self.stories, &self.problems, text);
        Ok(CommandOutput {
            text: text.map_err(|error| format!("{error:#}"))?,
            exit: ExitStatus::of(self.problems.is_empty()),
        })
    }
}
