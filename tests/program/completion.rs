//! Completion in real shells: bash always, the others where they are installed. What a cluster has is completed in tests/operator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{output, program};

const KUBECONFIG: &str = "
apiVersion: v1
kind: Config
contexts:
- {name: production, context: {cluster: one, user: me}}
- {name: staging, context: {cluster: two, user: me}}
";

/// A shell with the program on its PATH and two contexts in its kubeconfig.
struct World {
    directory: TempDir,
}

impl World {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("kubeconfig"), KUBECONFIG).unwrap();
        Self { directory }
    }

    fn run(&self, shell: &Path, args: &[&str]) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_recording-callback-operator"));
        let path = format!("{}:/usr/bin:/bin", program.parent().unwrap().display());
        let mut command = Command::new(shell);
        command
            .args(args)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.directory.path())
            .env("KUBECONFIG", self.directory.path().join("kubeconfig"));
        let (code, said, stderr) = output(&mut command);
        assert_eq!(code, Some(0), "{said}{stderr}");
        said
    }
}

fn installed(shell: &str) -> Option<PathBuf> {
    let places = [
        "/bin",
        "/usr/bin",
        "/usr/local/bin",
        "/opt/microsoft/powershell/7",
    ];
    let mut places = places.iter().map(|place| Path::new(place).join(shell));
    places.find(|path| path.exists())
}

/// A line that is typed, and what may follow.
const LINES: [(&str, &str); 5] = [
    ("explain LIVE.10001101", "LIVE.100011013"),
    ("explain Conf", "Conflict"),
    ("status --context prod", "production"),
    ("serve-not", "serve-notifications"),
    ("run --resync-i", "--resync-interval"),
];

#[test]
fn bash_completes_commands_flags_contexts_and_codes() {
    let world = World::new();
    for (line, expected) in LINES {
        let words = format!("recording-callback-operator {line}");
        let count = words.split(' ').count() - 1;
        let script = format!(
            "source <(recording-callback-operator completion bash)
             COMP_WORDS=({words}) COMP_CWORD={count} COMP_LINE='{words}' COMP_POINT={} COMP_TYPE=9
             shopt -s extglob
             function=$(complete -p recording-callback-operator | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
             $function recording-callback-operator \"${{COMP_WORDS[COMP_CWORD]}}\" \"${{COMP_WORDS[COMP_CWORD-1]}}\"
             printf '%s\\n' \"${{COMPREPLY[@]}}\"",
            words.len()
        );
        let said = world.run(&installed("bash").unwrap(), &["-c", &script]);
        assert!(
            said.lines().any(|word| word.trim() == expected),
            "{line}: {said}"
        );
    }
}

#[test]
fn fish_completes_the_same() {
    let Some(fish) = installed("fish") else {
        return;
    };
    let world = World::new();
    for (line, expected) in LINES {
        let script = format!(
            "recording-callback-operator completion fish | source; complete -C 'recording-callback-operator {line}'"
        );
        let said = world.run(&fish, &["-c", &script]);
        let mut words = said.lines().filter_map(|line| line.split('\t').next());
        assert!(words.any(|word| word == expected), "{line}: {said}");
    }
}

#[test]
fn zsh_completes_the_same() {
    let Some(zsh) = installed("zsh") else { return };
    let world = World::new();
    for (line, expected) in LINES {
        // What zsh's own functions would show is printed instead.
        let words = format!("recording-callback-operator {line}");
        let script = format!(
            "autoload -Uz compinit && compinit -u -d $HOME/zcompdump
             source <(recording-callback-operator completion zsh)
             _describe() {{ print -rl -- ${{(P)@[-1]}} ${{(P)3}} }}
             compadd() {{ print -rl -- \"$@\" }}
             words=({words}) CURRENT=${{#words}}
             function=${{_comps[recording-callback-operator]}}
             $function"
        );
        let said = world.run(&zsh, &["-c", &script]);
        let mut found = said.lines().map(|line| line.replace("\\:", ":"));
        assert!(
            found.any(|word| word.split(':').next().unwrap().trim() == expected),
            "{line}: {said}"
        );
    }
}

#[test]
fn powershell_completes_the_same() {
    let Some(pwsh) = installed("pwsh") else {
        return;
    };
    let world = World::new();
    for (line, expected) in LINES {
        let words = format!("recording-callback-operator {line}");
        let script = format!(
            "recording-callback-operator completion powershell | Out-String | Invoke-Expression
             (TabExpansion2 '{words}' {}).CompletionMatches.CompletionText",
            words.len()
        );
        let said = world.run(&pwsh, &["-NoProfile", "-Command", &script]);
        assert!(
            said.lines().any(|word| word.trim() == expected),
            "{line}: {said}"
        );
    }
}

/// A shell that asks for the names of objects.
fn asking() -> Command {
    let mut asked = program("-- recording-callback-operator status pu");
    asked
        .env("RECORDING_CALLBACK_OPERATOR_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", "2")
        .env("_CLAP_COMPLETE_COMP_TYPE", "9")
        .env("_CLAP_COMPLETE_SPACE", "true")
        .env("_CLAP_IFS", "\n");
    asked
}

fn assert_offers_nothing(asked: &mut Command) {
    let (code, said, stderr) = output(asked);
    assert_eq!((code, said.trim(), stderr.as_str()), (Some(0), "", ""));
}

#[test]
fn a_shell_that_asks_without_a_cluster_gets_no_error() {
    assert_offers_nothing(&mut asking());
}

#[test]
fn a_program_that_logs_in_keeps_no_shell_waiting_and_says_nothing_to_it() {
    let world = World::new();
    let ended = world.directory.path().join("ended");
    let script = format!("echo Password: >&2; /bin/sleep 60; : >{}", ended.display());
    let exec = format!(
        "{{apiVersion: client.authentication.k8s.io/v1, command: /bin/sh, args: [-c, '{script}']}}"
    );
    let config = format!(
        "{KUBECONFIG}current-context: production\nclusters: [{{name: one, cluster: {{server: 'http://127.0.0.1:1'}}}}]\nusers: [{{name: me, user: {{exec: {exec}}}}}]\n"
    );
    fs::write(world.directory.path().join("kubeconfig"), config).unwrap();
    let kubeconfig = world.directory.path().join("kubeconfig");
    assert_offers_nothing(asking().env("KUBECONFIG", kubeconfig));
    assert!(!ended.exists());
}

#[test]
fn kubectl_gets_what_may_follow_the_plugin_s_name() {
    let world = World::new();
    let named = world.directory.path().join("kubectl_complete-rcb");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_recording-callback-operator"), &named).unwrap();
    for (words, expected) in [
        (["stat"].as_slice(), "status\tTell the story of an object"),
        (["explain", "Conf"].as_slice(), "Conflict\t"),
        (["status", "--context", "prod"].as_slice(), "production\t"),
    ] {
        let said = world.run(&named, words);
        assert!(
            said.lines().any(|line| line.starts_with(expected)),
            "{said}"
        );
        assert!(said.ends_with("\n:4\n"), "{said}");
    }
}
