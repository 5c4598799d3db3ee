//! What docs/architecture.md names is there: the modules of its rooms and its picture, the types of its glossary, and the functions that
//! answer its questions.

use std::{collections::BTreeSet, fs, path::Path};

use super::source;

/// The page's parts, as they are checked.
struct Page {
    rooms: Vec<String>,
    picture: Vec<String>,
    glossary: Vec<(String, String)>,
    questions: Vec<(String, String)>,
}

impl Page {
    fn read(text: &str) -> Self {
        let of_two = |heading| {
            let rows = rows(section(text, heading)).into_iter();
            rows.map(|cells| (cells[0].clone(), unquoted(&cells[cells.len() - 1])))
                .collect()
        };
        let rooms = rows(section(text, "Rooms")).into_iter();
        let picture = text.split("```mermaid").nth(1).unwrap_or_default();
        let picture = picture.split("```").next().unwrap_or_default();
        let nodes = picture.split("[\"").skip(1);
        Self {
            rooms: rooms
                .flat_map(|cells| cells[0].split(", ").map(unquoted).collect::<Vec<_>>())
                .collect(),
            picture: nodes
                .filter_map(|node| node.split_once("\"]").map(|(name, _)| name.to_owned()))
                .collect(),
            glossary: of_two("Glossary"),
            questions: of_two("Where is it decided"),
        }
    }

    /// What it names and nobody has.
    fn missing(&self) -> Vec<String> {
        let modules = self.rooms.iter().chain(&self.picture);
        let modules = modules.filter(|path| text_of(path).is_none());
        let types = self.glossary.iter().map(|(_, path)| path);
        let types = types.filter(|path| !is_type(path));
        let functions = self.questions.iter().map(|(_, path)| path);
        let functions = functions.filter(|path| !is_function(path));
        modules.chain(types).chain(functions).cloned().collect()
    }
}

/// The text from a heading of the second order to the next one.
fn section<'a>(text: &'a str, heading: &str) -> &'a str {
    let rest = text.split_once(&format!("## {heading}\n"));
    let rest = rest.map(|(_, rest)| rest).unwrap_or_default();
    rest.split("\n## ").next().unwrap_or_default()
}

/// The cells of a section's table, without its head.
fn rows(section: &str) -> Vec<Vec<String>> {
    let lines = section.lines().filter(|line| line.starts_with('|'));
    let cells = lines.skip(2).map(|line| {
        let cells = line.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().to_owned()).collect()
    });
    cells.collect()
}

fn unquoted(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

/// The source of a module, `plan::facts`.
fn text_of(module: &str) -> Option<String> {
    let file = source().join(module.replace("::", "/"));
    fs::read_to_string(file.with_extension("rs")).ok()
}

/// Whether a line of code declares this with one of these keywords.
fn declares(line: &str, keywords: &[&str], name: &str) -> bool {
    let code = line.split("//").next().unwrap_or_default();
    let mut words = code
        .split(|letter: char| !letter.is_alphanumeric() && letter != '_')
        .filter(|word| !word.is_empty());
    words.any(|word| keywords.contains(&word)) && words.next() == Some(name)
}

fn is_type(path: &str) -> bool {
    let Some((module, name)) = path.rsplit_once("::") else {
        return false;
    };
    text_of(module).is_some_and(|text| {
        text.lines()
            .any(|line| declares(line, &["struct", "enum", "trait", "type"], name))
    })
}

/// Whether the function is in its module, or in the implementations of its type there.
fn is_function(path: &str) -> bool {
    let Some((home, name)) = path.rsplit_once("::") else {
        return false;
    };
    if let Some(text) = text_of(home) {
        return text.lines().any(|line| declares(line, &["fn"], name));
    }
    let Some((module, owner)) = home.rsplit_once("::") else {
        return false;
    };
    let text = text_of(module).unwrap_or_default();
    let mut inside = false;
    text.lines().any(|line| {
        if line.starts_with("impl") {
            let mut words = line.split(|letter: char| !letter.is_alphanumeric());
            inside = words.any(|word| word == owner);
        }
        inside && declares(line, &["fn"], name)
    })
}

fn page() -> Page {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/architecture.md");
    Page::read(&fs::read_to_string(file).unwrap())
}

#[test]
fn what_the_page_names_is_there() {
    let page = page();
    assert_eq!(page.missing(), Vec::<String>::new());
    assert!(page.picture.len() > 20, "{:?}", page.picture);
}

#[test]
fn every_module_has_its_room() {
    let files = fs::read_dir(source()).unwrap();
    let files = files.map(|entry| entry.unwrap().path().with_extension(""));
    let modules = files.map(|file| file.file_name().unwrap().to_str().unwrap().to_owned());
    let rooms = page().rooms;
    let without: BTreeSet<String> = modules
        .filter(|module| module != "lib" && module != "main" && !rooms.contains(module))
        .collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn a_word_has_one_meaning_and_there_are_few() {
    let Page {
        glossary,
        questions,
        ..
    } = page();
    let words: BTreeSet<_> = glossary.iter().map(|(word, _)| word).collect();
    let types: BTreeSet<_> = glossary.iter().map(|(_, path)| path).collect();
    assert_eq!((words.len(), types.len()), (glossary.len(), glossary.len()));
    assert!(glossary.len() <= 40, "{} words", glossary.len());
    let asked: BTreeSet<_> = questions.iter().map(|(question, _)| question).collect();
    assert_eq!(asked.len(), questions.len());
    assert!(questions.len() >= 40, "{} questions", questions.len());
}

#[test]
fn what_is_made_up_is_found_missing() {
    let page = Page::read(
        "## Rooms\n| module | is |\n|---|---|\n| `plan`, `made_up` | x |\n\
         ## The way of an event\n```mermaid\na[\"plan::facts\"] --> b[\"plan::dreams\"]\n```\n\
         ## Where is it decided\n| question | by |\n|---|---|\n\
         | a? | `plan::ownership::find_owner` |\n\
         | b? | `plan::ownership::find_nobody` |\n\
         | c? | `plan::ownership::rows::Facts::is_ours` |\n\
         | d? | `plan::facts::Facts::as_str` |\n\
         | e? | `plan::facts::Deletion::as_str` |\n\
         ## Glossary\n| word | means | type |\n|---|---|---|\n\
         | facts | x | `plan::facts::Facts` |\n\
         | fact | x | `plan::facts::Fact` |\n",
    );
    assert_eq!(
        page.missing(),
        [
            "made_up",
            "plan::dreams",
            "plan::facts::Fact",
            "plan::ownership::find_nobody",
            "plan::facts::Facts::as_str",
        ]
    );
}
