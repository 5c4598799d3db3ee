//! The subscriber for logs: lines on stderr, as JSON for machines or as text for people, and a panic as one line like any other.

use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;

/// What may be said by the libraries unless the user asks for more. The Kubernetes client logs each failed request, of which the
/// controller tells better, and the body of what it can't decode, which may be a Secret; its watches log each try that was refused.
const LIBRARIES: &str = "warn,kube_client=off,kube_runtime::watcher=error";

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Which log lines there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level(String);

impl Level {
    /// A level, which then is that of this program's own lines, or directives `target=level`, separated by commas.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let is_level = |text: &str| LEVELS.contains(&text);
        if is_level(text) {
            let others = if text == "off" || text == "error" {
                text
            } else {
                "warn"
            };
            let own = env!("CARGO_CRATE_NAME");
            return Ok(Self(format!("{LIBRARIES},{others},{own}={text}")));
        }
        let wrong = |part: &str| {
            format!(
                "{part:?} is neither one of {} nor target=level",
                LEVELS.join(", ")
            )
        };
        let mut parts = text.split(',');
        if let Some(part) = parts.find(|part| !is_level(part) && !part.contains('=')) {
            return Err(wrong(part));
        }
        let directives = format!("{LIBRARIES},{text}");
        match EnvFilter::builder().parse(&directives) {
            Ok(_) => Ok(Self(directives)),
            Err(_) => Err(wrong(text)),
        }
    }
}

/// Starts logging. What is logged before is lost; a second call changes nothing.
pub fn init(format: Format, level: &Level) {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&level.0))
        .with_writer(std::io::stderr)
        .with_ansi(false);
    let result = match format {
        Format::Json => {
            let lines = lines.json().flatten_event(true);
            lines
                .with_current_span(false)
                .with_span_list(false)
                .try_init()
        }
        Format::Text => lines.try_init(),
    };
    if result.is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
}

fn log_panic(panic: &PanicHookInfo<'_>) {
    let location = panic
        .location()
        .map(ToString::to_string)
        .unwrap_or_default();
    let message = panic.payload_as_str().unwrap_or("a value that is not text");
    tracing::error!(location, "panic: {message}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_level_is_about_this_program() {
        let Level(directives) = Level::parse("debug").unwrap();
        assert_eq!(
            directives,
            "warn,kube_client=off,kube_runtime::watcher=error,warn,recording_callback_operator=debug"
        );
        assert!(Level::parse("off").unwrap().0.contains(",off,"));
    }

    #[test]
    fn directives_are_taken_and_libraries_stay_quiet() {
        let Level(directives) = Level::parse("info,hyper=debug").unwrap();
        assert_eq!(
            directives,
            "warn,kube_client=off,kube_runtime::watcher=error,info,hyper=debug"
        );
    }

    #[test]
    fn a_word_that_is_no_level_is_not_taken_for_a_target() {
        for wrong in [
            "",
            "inof",
            "INFORMATION",
            "info,kube",
            "kube=loud",
            "=",
            "info,",
        ] {
            let error = Level::parse(wrong).unwrap_err();
            assert!(error.contains("debug"), "{wrong:?} said {error}");
        }
    }
}
