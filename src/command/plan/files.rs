//! The files that are to be planned for, as kubectl finds and reads them. Reads files and stdin only.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::{fs, io};

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

/// The files that are named or in a directory that is, and a sentence for each that can't be read.
pub(super) fn read(named: &[PathBuf], recursive: bool) -> (Vec<ReadFile>, Vec<String>) {
    let (mut read, mut problems) = (Vec::new(), Vec::new());
    for path in named {
        let mut files = vec![path.clone()];
        if path.is_dir() {
            files.clear();
            if let Err(error) = find(path, recursive, &mut files, &mut problems) {
                problems.push(format!("{}: can't be read: {error}", path.display()));
            } else if files.is_empty() {
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
            match text(&file) {
                Ok(text) => read.push(ReadFile { name, text }),
                Err(error) => problems.push(format!("{name}: can't be read: {error}")),
            }
        }
    }
    (read, problems)
}

/// The manifests of a directory, in the order of their names.
fn find(
    directory: &Path,
    recursive: bool,
    files: &mut Vec<PathBuf>,
    problems: &mut Vec<String>,
) -> io::Result<()> {
    let entries = fs::read_dir(directory)?.map(|entry| entry.map(|entry| entry.path()));
    let mut entries = entries.collect::<io::Result<Vec<_>>>()?;
    entries.sort();
    for path in entries {
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() {
            if recursive {
                find(&path, recursive, files, problems)?;
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
            files.push(path);
        }
    }
    Ok(())
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

    #[test]
    fn a_directory_is_read_in_the_order_of_names() {
        let directory = tempfile::tempdir().unwrap();
        let inner = directory.path().join("more");
        fs::create_dir(&inner).unwrap();
        for name in ["b.yaml", "a.json", "c.yml", "notes.txt", "more/d.yaml"] {
            fs::write(directory.path().join(name), name).unwrap();
        }
        let names = |recursive| {
            let (files, problems) = read(&[directory.path().to_owned()], recursive);
            assert_eq!(problems, [""; 0]);
            files.into_iter().map(|file| file.text).collect::<Vec<_>>()
        };
        assert_eq!(names(false), ["a.json", "b.yaml", "c.yml"]);
        assert_eq!(names(true), ["a.json", "b.yaml", "c.yml", "more/d.yaml"]);
        fs::write(directory.path().join("kustomization.yaml"), "").unwrap();
        let (_, problems) = read(&[directory.path().to_owned()], false);
        assert!(problems[0].contains("kubectl kustomize"), "{problems:?}");
        let (_, problems) = read(&[inner.join("none")], false);
        assert!(problems[0].contains("can't be read"), "{problems:?}");
        fs::remove_file(inner.join("d.yaml")).unwrap();
        let (_, problems) = read(&[inner], false);
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
