//! What a command found, made into text: a table for people, JSON and YAML for programs, which `main` prints. What is said at once goes to
//! stderr from here.

mod fitting;

use std::io::Write as _;

use comfy_table::{Table, presets};
use console::{Term, measure_text_width};
use serde::Serialize;
use serde_json::json;

use super::progress::beside;
use super::{CommandOutput, ExitStatus};
use crate::cluster::error::one_line;
use crate::config::objects::Output;
use crate::platform::redact::is_obeyed;

/// Something of which a command prints several.
pub trait TableRow: Serialize {
    /// The heads of the columns.
    const HEADS: &'static [&'static str];

    /// What stands below them.
    fn cells(&self) -> Vec<String>;
}

/// What was found, as the user wants it: `text` is for people, who read on stderr the sentences about what could not be told.
pub fn render<T: Serialize>(
    output: Output,
    items: &[T],
    problems: &[String],
    text: impl FnOnce(&[T]) -> String,
) -> anyhow::Result<String> {
    let value = if problems.is_empty() {
        json!({ "items": items })
    } else {
        json!({ "items": items, "errors": problems })
    };
    Ok(match output {
        Output::Table => text(items),
        Output::Json => format!("{value:#}\n"),
        Output::Yaml => serde_saphyr::to_string(&value)?,
    })
}

/// What a command ends with that found these: all of them, and on stderr what could not be told.
pub(super) fn render_found<T: Serialize>(
    output: Output,
    items: &[T],
    problems: &[String],
    text: impl FnOnce(&[T]) -> String,
) -> anyhow::Result<CommandOutput> {
    print_problems(problems);
    Ok(CommandOutput {
        text: render(output, items, problems, text)?,
        exit: ExitStatus::of(problems.is_empty()),
    })
}

/// What a program reads of a command of which nothing came.
pub fn nothing(output: Output, problems: &[String]) -> String {
    // Strings can always be written.
    render::<()>(output, &[], problems, |_| String::new()).unwrap_or_default()
}

/// Says something on stderr, in a line of its own whatever names and texts are in it: it may be closed, which is no reason to end.
pub fn print_message(words: &str) {
    beside(|| {
        let _ = writeln!(std::io::stderr(), "{}", printable(words));
    });
}

/// Says on stderr what could not be told, a line each.
pub fn print_problems(problems: &[String]) {
    for problem in problems {
        print_message(&format!("error: {}", one_line(problem)));
    }
}

/// A table; empty without rows, as its heads would tell nothing. On a terminal it is made to fit.
pub fn table<T: TableRow>(rows: &[T]) -> String {
    let terminal = Term::stdout();
    let size = terminal.size_checked().filter(|_| terminal.is_term());
    let text = whole_table(rows);
    match size {
        Some((_, width)) if !fits(&text, width.into()) => fitting::table(rows, width.into()),
        _ => text,
    }
}

fn fits(text: &str, width: usize) -> bool {
    text.lines().all(|line| measure_text_width(line) <= width)
}

fn whole_table<T: TableRow>(rows: &[T]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(T::HEADS);
    for row in rows {
        table.add_row(row.cells().iter().map(|cell| printable(cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 3));
    }
    format!("{}\n", table.trim_fmt())
}

/// Text of the cloud or of a user on one line, and without what a terminal would obey; a dash for nothing.
pub fn printable(text: &str) -> String {
    if text.is_empty() {
        return "-".to_owned();
    }
    let clean = |c: char| if is_obeyed(c) { ' ' } else { c };
    let clean: String = text.chars().map(clean).collect();
    if clean.chars().any(is_right_to_left) {
        // Without them what follows on the line would be shown before it.
        return format!("\u{2068}{clean}\u{2069}");
    }
    clean
}

/// Hebrew, Arabic and their neighbours.
fn is_right_to_left(c: char) -> bool {
    matches!(c, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{feff}' | '\u{10800}'..='\u{10fff}' | '\u{1e800}'..='\u{1efff}')
}

/// Whether the page about commands shows this text, as an example.
#[cfg(test)]
pub(super) fn assert_in_docs(text: &str) {
    let indented = text.lines().map(|line| match line {
        "" => String::new(),
        line => format!("    {line}"),
    });
    let example = format!("\n{}\n", indented.collect::<Vec<_>>().join("\n"));
    let page = include_str!("../../docs/commands.md");
    assert!(page.contains(&example), "{example}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct SamplePair {
        name: &'static str,
        id: &'static str,
    }

    impl TableRow for SamplePair {
        const HEADS: &'static [&'static str] = &["NAME", "ID"];

        fn cells(&self) -> Vec<String> {
            vec![self.name.to_owned(), self.id.to_owned()]
        }
    }

    const ROWS: &[SamplePair] = &[
        SamplePair {
            name: "push-example",
            id: "\u{1b}[2Jid\n",
        },
        SamplePair {
            name: "中", id: ""
        },
    ];

    #[test]
    fn a_table_is_aligned_and_harmless() {
        let text = table(ROWS);
        assert_eq!(
            text,
            "NAME           ID\npush-example    [2Jid\n中             -\n"
        );
        assert_eq!(table::<SamplePair>(&[]), "");
    }

    #[test]
    fn what_is_wide_or_written_from_the_right_stays_in_its_column() {
        let row = |name| SamplePair { name, id: "id" };
        let rows = [row("👩‍👩‍👧‍👦-app"), row("تطبيق"), row("a\u{202e}b"), row("🇨🇳")];
        let text = table(&rows);
        let widths: Vec<usize> = text
            .lines()
            .map(|line| measure_text_width(line.trim_end()) - 2)
            .collect();
        assert!(
            widths.iter().all(|width| *width == widths[0]),
            "{text}: {widths:?}"
        );
        assert!(
            text.contains("\u{2068}تطبيق\u{2069}") && text.contains("a b"),
            "{text}"
        );
    }

    #[test]
    fn programs_get_every_value_as_it_is() {
        let json = render(Output::Json, ROWS, &[], table).unwrap();
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read, json!({ "items": ROWS }));
        let yaml = render(Output::Yaml, ROWS, &[], table).unwrap();
        let read: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(read, json!({ "items": ROWS }));
        let problems = ["one can't be read".to_owned()];
        let no = ["no".to_owned()];
        for output in [Output::Json, Output::Yaml] {
            let text = render(output, ROWS, &problems, table).unwrap();
            let read: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
            assert_eq!(read, json!({ "items": ROWS, "errors": problems }));
            let read: serde_json::Value = serde_saphyr::from_str(&nothing(output, &no)).unwrap();
            assert_eq!(read, json!({ "items": [], "errors": ["no"] }));
        }
        assert_eq!(nothing(Output::Table, &no), "");
        assert_eq!(
            render::<SamplePair>(Output::Yaml, &[], &[], table).unwrap(),
            "items: []\n"
        );
    }
}
