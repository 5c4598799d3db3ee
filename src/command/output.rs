//! Prints what a command found: a table for people, JSON and YAML for programs. Pure.

use comfy_table::{Table, presets};
use serde::Serialize;
use serde_json::json;

use crate::config::objects::Output;

/// Something of which a command prints several.
pub trait TableRow: Serialize {
    /// The heads of the columns.
    const HEADS: &'static [&'static str];

    /// What stands below them.
    fn cells(&self) -> Vec<String>;
}

/// What was found, as the user wants it: `text` is for people.
pub fn render<T: Serialize>(
    output: Output,
    items: &[T],
    text: impl FnOnce(&[T]) -> String,
) -> anyhow::Result<String> {
    Ok(match output {
        Output::Table => text(items),
        Output::Json => format!("{:#}\n", json!({ "items": items })),
        Output::Yaml => serde_saphyr::to_string(&json!({ "items": items }))?,
    })
}

/// A table; empty without rows, as its heads would tell nothing.
pub fn table<T: TableRow>(rows: &[T]) -> String {
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
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    text.chars().map(clean).collect()
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
    fn programs_get_every_value_as_it_is() {
        let json = render(Output::Json, ROWS, table).unwrap();
        let read: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(read, json!({ "items": ROWS }));
        let yaml = render(Output::Yaml, ROWS, table).unwrap();
        let read: serde_json::Value = serde_saphyr::from_str(&yaml).unwrap();
        assert_eq!(read, json!({ "items": ROWS }));
        assert_eq!(
            render::<SamplePair>(Output::Yaml, &[], table).unwrap(),
            "items: []\n"
        );
    }
}
