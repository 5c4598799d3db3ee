//! The files that are to be planned for, as kubectl finds and reads them. Reads files and stdin only.

use std::fs::{self, FileType};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use crate::command::command_cluster;
use crate::lock::lock;

/// What a directory's files must end in to be taken.
const EXTENSIONS: [&str; 3] = ["json", "yaml", "yml"];

/// What kustomize builds from: no manifest.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// A file that was read.
pub(super) struct ReadFile {
    /// Its path, or stdin.
    pub(super) name: String,
    pub(super) text: String,
}

/// The files that are named or in a directory that is, and a sentence for each that can't be read. Says what it waits for: stdin and
/// other pipes may be silent.
pub(super) async fn read_aloud(
    named: &[PathBuf],
    recursive: bool,
) -> anyhow::Result<(Vec<ReadFile>, Vec<String>)> {
    let named = named.to_owned();
    let waited_for = Arc::new(Mutex::new(String::new()));
    let opened = Arc::clone(&waited_for);
    let waits_for = || lock(&waited_for).clone();
    command_cluster::read_aloud(waits_for, move || {
        read(&named, recursive, |name| {
            name.clone_into(&mut lock(&opened));
        })
    })
    .await
}

fn read(named: &[PathBuf], recursive: bool, opened: impl Fn(&str)) -> (Vec<ReadFile>, Vec<String>) {
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    for path in named {
        let mut files = vec![path.clone()];
        if path.is_dir() {
            files.clear();
            let before = problems.len();
            find(path, recursive, &mut files, &mut problems);
            if files.is_empty() && problems.len() == before {
                let endings = EXTENSIONS.join(", .");
                problems.push(format!(
                    "{}: holds no file that ends in .{endings}; --recursive looks into its directories",
                    path.display()
                ));
            }
        }
        for file in files {
            let name = if is_stdin(&file) {
                "stdin".to_owned()
            } else {
                file.display().to_string()
            };
            opened(&name);
            match text(&file) {
                Ok(text) => read.push(ReadFile { name, text }),
                Err(error) => problems.push(unreadable(&file, &error)),
            }
        }
    }
    (read, problems)
}

fn unreadable(path: &Path, error: &io::Error) -> String {
    let path = if is_stdin(path) {
        Path::new("stdin")
    } else {
        path
    };
    format!("{}: can't be read: {error}", path.display())
}

/// The manifests of a directory, in the order of their names. A directory that can't be read hides no other.
fn find(directory: &Path, recursive: bool, files: &mut Vec<PathBuf>, problems: &mut Vec<String>) {
    let mut entries = match entries(directory) {
        Ok(entries) => entries,
        Err(error) => return problems.push(unreadable(directory, &error)),
    };
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default();
        let leads_to = fs::metadata(&path).map(|metadata| metadata.file_type());
        if leads_to.as_ref().is_ok_and(FileType::is_dir) {
            // As kubectl, which follows no link to a directory: it may lead back here.
            if recursive && !path.is_symlink() {
                find(&path, recursive, files, problems);
            }
        } else if KUSTOMIZATIONS
            .iter()
            .any(|kustomization| name == *kustomization)
        {
            let directory = directory.display();
            problems.push(format!(
                "{directory}: is a kustomization: kubectl kustomize {directory} | recording-callback-operator plan -"
            ));
        } else if EXTENSIONS
            .iter()
            .any(|ending| path.extension() == Some(ending.as_ref()))
        {
            match leads_to {
                // Whoever reads a pipe waits for who writes to it.
                Ok(kind) if !kind.is_file() => problems.push(format!(
                    "{}: is neither a file nor a directory, so it is not read",
                    path.display()
                )),
                // Why one can't be found is told when it is read.
                Ok(_) | Err(_) => files.push(path),
            }
        }
    }
}

fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory)?;
    entries.map(|entry| Ok(entry?.path())).collect()
}

fn is_stdin(file: &Path) -> bool {
    file == Path::new("-")
}

fn text(file: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    if is_stdin(file) {
        io::stdin().read_to_end(&mut bytes)?;
    } else {
        bytes = fs::read(file)?;
    }
    decode(bytes)
}

/// Text in UTF-8 or, as editors and shells of Windows write it with a mark in front, UTF-16.
fn decode(bytes: Vec<u8>) -> io::Result<String> {
    let bad = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
    let wide = |from: fn([u8; 2]) -> u16| -> Vec<u16> {
        let pairs = bytes.as_chunks::<2>().0.iter();
        pairs.map(|pair| from(*pair)).collect()
    };
    match bytes.as_slice() {
        [0xff, 0xfe, ..] => Ok(String::from_utf16_lossy(&wide(u16::from_le_bytes))),
        [0xfe, 0xff, ..] => Ok(String::from_utf16_lossy(&wide(u16::from_be_bytes))),
        _ => String::from_utf8(bytes).map_err(bad),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use std::os::unix::fs::symlink;
    use std::process::Command;

    /// The files that are found, by what they hold, and the problems.
    fn found(directory: &Path, recursive: bool) -> (Vec<String>, Vec<String>) {
        let (files, problems) = read(&[directory.to_owned()], recursive, |_| ());
        (files.into_iter().map(|file| file.text).collect(), problems)
    }

    #[test]
    fn links_to_files_are_read_and_links_to_directories_lead_nowhere() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("more");
        fs::create_dir(&inner).unwrap();
        fs::write(inner.join("a.yaml"), "a").unwrap();
        // Each way round would come back here by two others.
        for name in ["one", "two"] {
            symlink(directory.path(), inner.join(name)).unwrap();
        }
        symlink(inner.join("a.yaml"), directory.path().join("b.yaml")).unwrap();
        let (files, problems) = found(directory.path(), true);
        assert_eq!((files.concat().as_str(), problems.len()), ("aa", 0));
        symlink("nowhere", directory.path().join("c.yaml")).unwrap();
        let (files, problems) = found(directory.path(), false);
        assert_eq!((files.len(), problems.len()), (1, 1));
        assert!(
            problems[0].contains("c.yaml: can't be read"),
            "{problems:?}"
        );
    }

    #[test]
    fn a_pipe_in_a_directory_is_told_and_not_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let pipe = directory.path().join("a.yaml");
        assert!(Command::new("mkfifo").arg(pipe).status().unwrap().success());
        fs::write(directory.path().join("b.yaml"), "b").unwrap();
        let (files, problems) = found(directory.path(), false);
        assert_eq!(files, ["b"]);
        assert!(problems[0].contains("a.yaml: is neither"), "{problems:?}");
    }

    #[test]
    fn a_directory_that_can_not_be_read_hides_no_other() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("z.yaml"), "z").unwrap();
        let (mut files, mut problems) = (Vec::new(), Vec::new());
        // One that is gone stands for one without rights, which root has everywhere.
        find(
            &directory.path().join("gone"),
            true,
            &mut files,
            &mut problems,
        );
        find(directory.path(), true, &mut files, &mut problems);
        assert_eq!(files.len(), 1);
        assert!(problems[0].contains("gone: can't be read"), "{problems:?}");
    }

    #[test]
    fn a_directory_is_read_in_the_order_of_names() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("more");
        fs::create_dir(&inner).unwrap();
        for name in ["b.yaml", "a.json", "c.yml", "notes.txt", "more/d.yaml"] {
            fs::write(directory.path().join(name), name).unwrap();
        }
        let names = |recursive| {
            let (files, problems) = found(directory.path(), recursive);
            assert_eq!(problems, [""; 0]);
            files
        };
        assert_eq!(names(false), ["a.json", "b.yaml", "c.yml"]);
        assert_eq!(names(true), ["a.json", "b.yaml", "c.yml", "more/d.yaml"]);
        fs::write(directory.path().join("kustomization.yaml"), "").unwrap();
        let (_, problems) = found(directory.path(), false);
        assert!(problems[0].contains("kubectl kustomize"), "{problems:?}");
        let (_, problems) = found(&inner.join("none"), false);
        assert!(problems[0].contains("can't be read"), "{problems:?}");
        fs::remove_file(inner.join("d.yaml")).unwrap();
        let (_, problems) = found(&inner, false);
        assert!(problems[0].contains("holds no file"), "{problems:?}");
    }

    #[test]
    fn text_is_read_in_the_encodings_that_kubectl_reads() {
        assert_eq!(decode(b"kind".to_vec()).unwrap(), "kind");
        let wide = b"\xff\xfek\0i\0n\0d\0".to_vec();
        assert_eq!(decode(wide).unwrap(), "\u{feff}kind");
        assert!(decode(b"caf\xe9".to_vec()).is_err());
    }
}
