//! What commands show at a terminal: a table that fits it, no colours, and where it can do little nothing but lines.

use console::measure_text_width;
use serde_json::{Value, json};

use super::program;
use super::world::{Trouble, World};

/// Runs a command at a terminal of this size, with these variables.
const TERMINAL: &str = "
import fcntl, os, pty, struct, sys, termios
columns, command = int(sys.argv[1]), sys.argv[2:]
child, terminal = pty.fork()
if child == 0:
    fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, columns, 0, 0))
    os.execv(command[0], command)
while True:
    try: text = os.read(terminal, 65536)
    except OSError: break
    if not text: break
    os.write(1, text)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
";

/// What a person sees.
async fn seen(world: &World, line: &str, columns: usize, env: &[(&str, &str)]) -> String {
    let command = program(line);
    let mut python = tokio::process::Command::new("python3");
    python.args(["-c", TERMINAL, &columns.to_string()]);
    python.arg(command.get_program()).args(command.get_args());
    python.arg(format!("--allowed-endpoints={}", world.cloud));
    python.env("KUBECONFIG", &world.kubeconfig);
    python.envs(env.iter().copied());
    let said = python.kill_on_drop(true).output().await.unwrap();
    assert!(said.status.success(), "{said:?}");
    String::from_utf8(said.stdout).unwrap()
}

const ID: &str = "e2fe84def7e476651034ec4b9e92bc3";

#[tokio::test]
async fn a_table_fits_its_terminal_and_one_that_can_do_little_gets_lines() {
    let apps = ["free", "تطبيق", "👩‍👩‍👧‍👦-app"].into_iter().enumerate();
    let rows: Vec<Value> = apps
        .map(|(number, app)| json!({ "id": format!("{ID}{number}"), "publish_domain": "push.example.com", "app": app }))
        .collect();
    let page = json!({ "total": 3, "callback_config": rows }).to_string();
    let page: &'static str = Box::leak(page.into_boxed_str());
    let world = World::new(Trouble::None, Trouble::Says(200, page)).await;
    for (columns, head) in [(80, "DOMAIN:    push"), (200, "DOMAIN             APP")] {
        let text = seen(&world, "orphans -n media", columns, &[("TERM", "xterm")]).await;
        let (bar, table) = text.rsplit_once("\u{1b}[2K").unwrap();
        assert!(bar.contains("3/3 callbacks"), "{text}");
        assert!(table.contains(head), "{text}");
        assert_eq!(table.matches(ID).count(), 3, "no id is broken: {text}");
        let widest = table
            .lines()
            .map(|line| measure_text_width(line.trim_end()));
        assert!(widest.max().unwrap() <= columns, "{text}");
    }
    for (variable, value, is_dumb) in [("TERM", "dumb", true), ("NO_COLOR", "1", false)] {
        let env = [("TERM", "xterm"), (variable, value)];
        let text = seen(&world, "orphans -n media", 80, &env).await;
        assert_eq!(text.contains('\u{1b}'), !is_dumb, "{text}");
        let is_colour = |rest: &str| {
            rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
                .starts_with('m')
        };
        assert!(!text.split("\u{1b}[").skip(1).any(is_colour), "{text}");
    }
}
