//! The cluster that a command works with, and what a command does where the world is broken: it is heard while it waits, and what it
//! can't do it tells in one line with cause, server and remedy, an exit code, and still one value for the program that reads it.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIGroup;
use kube::{Client, Resource as _};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::circuit_breaker::CircuitBreaker;
use super::output::{self, print_message};
use super::{CommandOutput, ExitStatus, cluster_access};
use crate::api::RecordingCallback;
use crate::cluster::client::{Prompts, call};
use crate::cluster::crd_check::CRD_NAME;
use crate::cluster::error::{ClusterError, one_line};
use crate::cluster::in_flight::InFlight;
use crate::cluster::raw::RawObjects;
use crate::config::ClusterArgs;
use crate::config::objects::Output;

/// After so long a silence a command says what it waits for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The cluster that a command works with.
pub(super) struct CommandCluster {
    client: Client,
    server: String,
    in_flight: InFlight,
    breaker: Arc<CircuitBreaker>,
}

/// Does this with the cluster that the flags mean. An error is the one line that tells of it.
pub(super) async fn at_cluster<T>(
    args: &ClusterArgs,
    command: impl AsyncFnOnce(&CommandCluster) -> anyhow::Result<T>,
) -> Result<T, String> {
    CommandCluster::find(args).await?.aloud(command).await
}

/// Reads what may keep whoever reads it waiting: stdin, a pipe in the place of a file, the output of another program.
pub(super) async fn read_aloud<T: Send + 'static>(
    waits_for: impl Fn() -> String,
    read: impl FnOnce() -> T + Send + 'static,
) -> anyhow::Result<T> {
    Ok(aloud(waits_for, print_message, spawn_blocking(read)).await?)
}

/// What a command ends with: where it failed, with the line on stderr, and for a program a value on stdout that holds it.
pub fn ended(done: Result<CommandOutput, String>, output: Output) -> CommandOutput {
    done.unwrap_or_else(|problem| {
        failed(
            &problem,
            output::nothing(output, std::slice::from_ref(&problem)),
        )
    })
}

/// That nothing came of a command, with `text` for stdout.
pub(super) fn failed(problem: &str, text: String) -> CommandOutput {
    print_message(&format!("error: {}", one_line(problem)));
    CommandOutput {
        text,
        exit: ExitStatus::Failed,
    }
}

/// Awaits something, and tells of each time that passes without a word.
async fn aloud<T>(
    waits_for: impl Fn() -> String,
    print_message: impl Fn(&str),
    work: impl Future<Output = T>,
) -> T {
    let begun = Instant::now();
    let words = async {
        loop {
            sleep(PATIENCE).await;
            let seconds = begun.elapsed().as_secs();
            print_message(&format!(
                "still at work after {seconds} s, waiting for {}",
                waits_for()
            ));
        }
    };
    tokio::select! {
        done = work => done,
        never = words => match never {},
    }
}

impl CommandCluster {
    /// The one that the flags mean. An error is the one line that tells of it.
    pub(super) async fn find(args: &ClusterArgs) -> Result<Self, String> {
        let meant = args.clone();
        let waits_for = || "the kubeconfig".to_owned();
        let access = read_aloud(waits_for, move || cluster_access(&meant)).await;
        let access = access.map_err(|error| error.to_string())?;
        let access = access.map_err(|error| error.to_string())?;
        // A plugin of the kubeconfig may ask a person, or nobody who answers.
        let waits_for = || "the kubeconfig's credential plugin".to_owned();
        let access = aloud(waits_for, print_message, access.logged_in(Prompts::Shown)).await;
        let access = access.map_err(|error| error.to_string())?;
        let (server, in_flight) = (access.server(), InFlight::default());
        let seen = in_flight.clone();
        let client = read_aloud(waits_for, move || access.client_through(&seen)).await;
        let client = client.map_err(|error| error.to_string())?;
        Ok(Self {
            client: client.map_err(|error| error.to_string())?,
            server,
            in_flight,
            breaker: Arc::default(),
        })
    }

    /// Does this with it. An error is the one line that tells of it.
    pub(super) async fn aloud<T>(
        &self,
        command: impl AsyncFnOnce(&Self) -> anyhow::Result<T>,
    ) -> Result<T, String> {
        let waits_for = || {
            match self.in_flight.oldest() {
            Some(request) => format!("the API server {}: {request}", self.server),
            None => "the cloud: its answer, or the turn of the next call, of which there are 20 a minute at most".to_owned(),
        }
        };
        match aloud(waits_for, print_message, Box::pin(command(self))).await {
            Ok(done) => Ok(done),
            Err(error) => Err(self.describe_error(&error).await),
        }
    }

    /// The way to it.
    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// What calls go through of which there are many.
    pub(super) fn breaker(&self) -> &Arc<CircuitBreaker> {
        &self.breaker
    }

    /// Where it is.
    pub(super) fn server(&self) -> &str {
        &self.server
    }

    /// Its objects.
    pub(super) fn objects(&self) -> RawObjects {
        RawObjects::new(self.client.clone())
    }

    /// The namespace that is named, or that of the context.
    pub(super) fn namespace<'a>(&'a self, named: Option<&'a str>) -> &'a str {
        named.unwrap_or(self.client.default_namespace())
    }

    /// What went wrong in one line, a call or something else.
    pub(super) async fn describe_error(&self, error: &anyhow::Error) -> String {
        match error.downcast_ref::<ClusterError>() {
            Some(error) => self.describe_failed_call(error).await,
            None => format!("{error:#}"),
        }
    }

    /// A failed call in one line: what was tried where, why it failed, and what to do.
    pub(super) async fn describe_failed_call(&self, error: &ClusterError) -> String {
        let server = &self.server;
        if error.is_unserved() {
            return format!("{error} [API server {server}]; {}", self.unserved().await);
        }
        error.with_remedy(server)
    }

    /// Why an API server does not know the resource, and what to do.
    async fn unserved(&self) -> String {
        let group = RecordingCallback::group(&());
        let install =
            "install it: recording-callback-operator crd | kubectl apply --server-side -f -";
        let Ok(request) = Request::get(format!("/apis/{group}")).body(Vec::new()) else {
            return install.to_owned();
        };
        let asked = self.client.request::<APIGroup>(request);
        let found = match call("read the API group", asked).await {
            Ok(found) => found,
            Err(error) if error.is_not_found() || error.is_unserved() => {
                return format!("{CRD_NAME} is not installed there: {install}");
            }
            Err(_) => return format!("the CRD {CRD_NAME} may be missing there: {install}"),
        };
        let versions: Vec<&str> = found.versions.iter().map(|one| &*one.version).collect();
        format!(
            "{CRD_NAME} is served there as {}, and this program knows {}: use the program of the operator's version, or {install}",
            versions.join(", "),
            RecordingCallback::version(&()),
        )
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_waits_hears_what_for_at_least_every_ten_seconds() {
        let heard = RefCell::new(Vec::new());
        let print_message = |words: &str| heard.borrow_mut().push(words.to_owned());
        let waits_for = || "the API server https://a: GET /b".to_owned();
        aloud(waits_for, print_message, sleep(Duration::from_secs(84))).await;
        assert_eq!(heard.borrow().len(), 8);
        assert!(
            heard.borrow()[1].contains("20 s, waiting for the API server https://a"),
            "{heard:?}"
        );
        heard.borrow_mut().clear();
        aloud(waits_for, print_message, sleep(Duration::from_secs(9))).await;
        assert!(heard.borrow().is_empty(), "{heard:?}");
    }
}
