//! Tables that are wider than the terminal. The last column, which has sentences, is broken into lines where there is room for that;
//! else each row becomes a block of its own, so that an id can be copied in one piece. Pure.

use comfy_table::{ColumnConstraint, ContentArrangement, Table, Width, presets};
use console::measure_text_width;

use super::{TableRow, printable};

/// What stands between two columns.
const GAP: usize = 3;
/// A column of sentences with less room is no help.
const LEAST: usize = 24;

/// The rows, no line wider than this as far as words can be broken.
pub(super) fn table<T: TableRow>(rows: &[T], width: usize) -> String {
    let cells: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.cells().iter().map(|cell| printable(cell)).collect())
        .collect();
    let widest = |column: usize| {
        let cells = cells.iter().filter_map(|row| row.get(column));
        let heads = T::HEADS.get(column);
        let cells = cells.map(|cell| measure_text_width(cell));
        cells
            .chain(heads.map(|head| head.len()))
            .max()
            .unwrap_or_default()
    };
    let last = T::HEADS.len().saturating_sub(1);
    let before: usize = (0..last).map(|column| widest(column) + GAP).sum();
    let room = width.saturating_sub(before);
    if room < LEAST {
        return blocks(T::HEADS, &cells, width);
    }
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(T::HEADS);
    for row in cells {
        table.add_row(row);
    }
    for (number, column) in table.column_iter_mut().enumerate() {
        column.set_padding((
            0,
            u16::try_from(if number == last { 0 } else { GAP }).unwrap_or(0),
        ));
        if number == last {
            let room = u16::try_from(room).unwrap_or(u16::MAX);
            column.set_constraint(ColumnConstraint::Absolute(Width::Fixed(room)));
        }
    }
    format!("{}\n", table.trim_fmt())
}

/// A block of lines for each row: head and cell.
fn blocks(heads: &[&str], rows: &[Vec<String>], width: usize) -> String {
    let label = heads
        .iter()
        .map(|head| head.len() + 2)
        .max()
        .unwrap_or_default();
    let mut text = Vec::new();
    for row in rows {
        let lines = heads.iter().zip(row).flat_map(|(head, cell)| {
            let lines = broken(cell, width.saturating_sub(label).max(LEAST));
            let lines = lines.into_iter().enumerate();
            let lines = lines.map(move |(number, line)| {
                let head = if number == 0 {
                    format!("{head}:")
                } else {
                    String::new()
                };
                format!("{head:label$}{line}")
            });
            lines.collect::<Vec<_>>()
        });
        text.push(lines.collect::<Vec<_>>().join("\n"));
    }
    format!("{}\n", text.join("\n\n"))
}

/// A text in lines of this width; a word that is longer stays whole.
fn broken(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { break };
        let length = measure_text_width(line) + 1 + measure_text_width(word);
        if line.is_empty() {
            line.push_str(word);
        } else if length <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    struct NotedId {
        subject: &'static str,
        id: &'static str,
        note: &'static str,
    }

    impl TableRow for NotedId {
        const HEADS: &'static [&'static str] = &["SUBJECT", "ID", "NOTE"];

        fn cells(&self) -> Vec<String> {
            [self.subject, self.id, self.note].map(str::to_owned).into()
        }
    }

    const ROWS: &[NotedId] = &[NotedId {
        subject: "media/push",
        id: "e2fe84def7e476651034ec4b9e92bc30",
        note: "wanted by media/push (Conflict), whose project is not known 中文 👍",
    }];

    #[test]
    fn no_line_is_wider_than_the_terminal_and_no_id_is_broken() {
        for width in [40, 60, 80, 100, 200] {
            let text = table(ROWS, width);
            let widest = text.lines().map(measure_text_width).max().unwrap();
            // A block has room for the longest word.
            assert!(widest <= width.max(42), "{width}: {text}");
            assert!(
                text.contains("e2fe84def7e476651034ec4b9e92bc30"),
                "{width}: {text}"
            );
            assert!(text.contains("Conflict"), "{width}: {text}");
        }
        assert!(table(ROWS, 60).starts_with("SUBJECT: media/push\nID:      e2fe"));
        assert!(table(ROWS, 80).starts_with("SUBJECT      ID"));
    }
}
