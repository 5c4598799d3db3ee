//! The operator as users run it: the real program as a process of its own, with the rights that the installation gives it.

use std::{
    ffi::OsStr,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::{Child, Command},
};

use super::{account, eventually, secrets};

/// How the API server's role-based rights refuse a call.
const REFUSED: &str = "is forbidden: User ";

/// What it does by itself comes within this, its start included: many start at once.
const LIMIT: Duration = Duration::from_mins(1);

/// It ends within 10 s, and a busy machine.
const END: Duration = Duration::from_secs(20);

/// A running operator. It is killed when this value goes.
pub(crate) struct OperatorProcess {
    process: Child,
    log: PathBuf,
    pub(crate) address: Option<SocketAddr>,
    /// Whether it has all the rights of the installation.
    granted: bool,
    _directory: TempDir,
}

impl OperatorProcess {
    /// Starts one with these flags, as the service account of the installation, and waits until it is ready.
    pub(crate) async fn start(flags: &[impl AsRef<OsStr>]) -> Self {
        let mut operator = Self::spawn(flags, &[]).await;
        operator.ready().await;
        operator
    }

    /// The same, with the API server at another address.
    pub(crate) async fn start_at(api_server: &str, flags: &[impl AsRef<OsStr>]) -> Self {
        let account = account::installed(Some(api_server)).await;
        let mut operator = Self::start_as(&account, flags).await;
        operator.granted = true;
        operator
    }

    /// The same with this kubeconfig.
    pub(crate) async fn start_as(account: &str, flags: &[impl AsRef<OsStr>]) -> Self {
        let mut operator = Self::spawn_as(account, flags, &[]);
        operator.ready().await;
        operator
    }

    /// Starts one without waiting.
    pub(crate) async fn spawn(flags: &[impl AsRef<OsStr>], environment: &[(&str, &str)]) -> Self {
        let mut operator = Self::spawn_as(&account::installed(None).await, flags, environment);
        operator.granted = true;
        operator
    }

    /// Starts one with this kubeconfig, without waiting.
    pub(crate) fn spawn_as(
        account: &str,
        flags: &[impl AsRef<OsStr>],
        environment: &[(&str, &str)],
    ) -> Self {
        // What is measured is the program that users get, and says what they see.
        let (program, level) = match std::env::var("OPERATOR_PROGRAM") {
            Ok(program) => (program, "info"),
            Err(_) => (
                env!("CARGO_BIN_EXE_recording-callback-operator").to_owned(),
                "debug",
            ),
        };
        Self::spawn_program((program.as_ref(), level), account, flags, environment)
    }

    /// Starts a program of another version, as the service account of the installation, and waits until it is ready.
    pub(crate) async fn start_program(program: &Path, flags: &[impl AsRef<OsStr>]) -> Self {
        let account = account::installed(None).await;
        let mut operator = Self::spawn_program((program, "debug"), &account, flags, &[]);
        operator.ready().await;
        operator
    }

    fn spawn_program(
        (program, level): (&Path, &str),
        account: &str,
        flags: &[impl AsRef<OsStr>],
        environment: &[(&str, &str)],
    ) -> Self {
        for (name, value) in environment {
            secrets::remember_variable(name, value);
        }
        let directory = TempDir::new().unwrap();
        let kubeconfig = directory.path().join("kubeconfig");
        fs::write(&kubeconfig, account).unwrap();
        let log = directory.path().join("log");
        let process = Command::new(program)
            .args(["run", "--listen", "127.0.0.1:0", "--log-level", level])
            .args(flags)
            .env("KUBECONFIG", &kubeconfig)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(fs::File::create(&log).unwrap())
            .stderr(fs::OpenOptions::new().append(true).open(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        Self {
            process,
            log,
            address: None,
            granted: false,
            _directory: directory,
        }
    }

    /// Waits until it says that it is ready.
    pub(crate) async fn ready(&mut self) {
        self.address().await;
        eventually("the operator is ready", LIMIT, async || {
            (self.get("/readyz").await?.0 == 200).then_some(())
        })
        .await;
    }

    /// Where it serves health and metrics.
    pub(crate) async fn address(&mut self) {
        let log = self.log.clone();
        let address = eventually("the operator listens", LIMIT, async || {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!(
                    "the operator ended with {status}:\n{}",
                    fs::read_to_string(&log).unwrap()
                );
            }
            lines(&log)
                .into_iter()
                .find_map(|line| line["listen"].as_str()?.parse().ok())
        })
        .await;
        self.address = Some(address);
    }

    /// Status and body of one of its pages.
    pub(crate) async fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(self.address?).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nHost: operator\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        let mut answer = String::new();
        BufReader::new(stream)
            .read_to_string(&mut answer)
            .await
            .ok()?;
        secrets::check(path, &answer);
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
    }

    /// Waits until its metrics have this line.
    pub(crate) async fn counts(&self, line: &str) {
        eventually(line, LIMIT, async || {
            let (_, page) = self.get("/metrics").await?;
            page.lines().any(|found| found == line).then_some(())
        })
        .await;
    }

    /// Everything that it wrote.
    pub(crate) fn output(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Kills it as a machine's failure would.
    pub(crate) async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// Whether something has ended it.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// Waits until something has ended it, without a bound.
    pub(crate) async fn ended(&mut self) {
        self.process.wait().await.unwrap();
    }

    /// Asks it to end, and waits until it has. What its pages tell is searched for secrets before.
    pub(crate) async fn terminate(&mut self) -> std::process::ExitStatus {
        self.get("/metrics").await;
        let id = self.process.id().unwrap().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .await
            .unwrap();
        assert!(sent.success());
        tokio::time::timeout(END, self.process.wait())
            .await
            .expect("it ends in time")
            .unwrap()
    }
}

impl Drop for OperatorProcess {
    fn drop(&mut self) {
        let output = self.output();
        if std::thread::panicking() {
            eprintln!("--- the operator wrote:\n{output}");
            return;
        }
        secrets::check("the log", &output);
        let refused = output.lines().find(|line| line.contains(REFUSED));
        assert!(
            !self.granted || refused.is_none(),
            "a right is missing: {refused:?}"
        );
    }
}

/// The log's lines that are JSON.
fn lines(log: &Path) -> Vec<Value> {
    let text = fs::read_to_string(log).unwrap_or_default();
    text.lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect()
}
