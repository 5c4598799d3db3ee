//! Manifests as files of a directory, one for each. What is there already is somebody's: it is not written over unless that is asked for.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::ImportedManifest;

/// What became of the files.
#[derive(Debug, Default, PartialEq)]
pub(super) struct WrittenFiles {
    /// Those that have their manifest now, whether they had it before or not.
    pub(super) paths: Vec<PathBuf>,
    /// A sentence for each that was left as it is.
    pub(super) problems: Vec<String>,
}

/// Writes each manifest to the file of its name.
pub(super) fn write(
    directory: &Path,
    ending: &str,
    manifests: &[ImportedManifest],
    force: bool,
) -> WrittenFiles {
    let mut written = WrittenFiles::default();
    if let Err(error) = fs::create_dir_all(directory) {
        let problem = format!("{} can't be made: {error}", directory.display());
        written.problems.push(problem);
        return written;
    }
    for manifest in manifests {
        let path = directory.join(format!("{}.{ending}", manifest.name));
        match write_file(&path, manifest.text.as_bytes(), force) {
            Ok(()) => written.paths.push(path),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                written.problems.push(format!(
                    "{} is there and says something else: it is left as it is, --force writes over it",
                    path.display()
                ));
            }
            Err(error) => {
                let problem = format!("{} can't be written: {error}", path.display());
                written.problems.push(problem);
            }
        }
    }
    written
}

fn write_file(path: &Path, text: &[u8], force: bool) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    if !force && path.exists() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    // At once or not at all: half a manifest may be one, too.
    let (part, mut file) = new_part(path)?;
    let written = file.write_all(text).and_then(|()| {
        if force {
            fs::rename(&part, path)
        } else {
            put(&part, path)
        }
    });
    // After a rename there is none.
    let _ = fs::remove_file(part);
    written
}

/// A new file beside the one of this path: whatever is there already is somebody's.
fn new_part(path: &Path) -> io::Result<(PathBuf, File)> {
    let mut number: u32 = 0;
    loop {
        let part = path.with_extension(format!("{number}.part"));
        match File::create_new(&part) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => number += 1,
            opened => return Ok((part, opened?)),
        }
    }
}

/// Gives a file its name, unless another one has it meanwhile.
fn put(part: &Path, path: &Path) -> io::Result<()> {
    match fs::hard_link(part, path) {
        // Not every file system has links.
        Err(error) if error.kind() != ErrorKind::AlreadyExists && !path.exists() => {
            fs::rename(part, path)
        }
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_says_something_else_is_left_unless_force_is_given() {
        let directory = tempfile::TempDir::new().unwrap();
        let directory = directory.path().join("callbacks");
        let manifest = |name: &str, text: &str| ImportedManifest {
            name: name.to_owned(),
            text: text.to_owned(),
        };
        let (one, two) = (manifest("one", "spec: 1\n"), manifest("two", "spec: 2\n"));
        let paths = ["one.yaml", "two.yaml"].map(|name| directory.join(name));
        let first = write(&directory, "yaml", &[one], false);
        assert_eq!(
            (first.paths, first.problems),
            (vec![paths[0].clone()], vec![])
        );
        let changed = manifest("one", "spec: 3\n");
        let all = [changed, two];
        let second = write(&directory, "yaml", &all, false);
        assert_eq!(second.paths, [paths[1].clone()]);
        assert!(
            second.problems[0].contains("--force"),
            "{:?}",
            second.problems
        );
        assert_eq!(fs::read_to_string(&paths[0]).unwrap(), "spec: 1\n");
        let third = write(&directory, "yaml", &all, true);
        assert_eq!((third.paths.len(), third.problems.len()), (2, 0));
        assert_eq!(fs::read_to_string(&paths[0]).unwrap(), "spec: 3\n");
        assert_eq!(
            write(&directory, "yaml", &all, false),
            third,
            "the same is no change"
        );
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 2);
        fs::remove_file(&paths[1]).unwrap();
        fs::create_dir(&paths[1]).unwrap();
        let problems = write(&directory, "yaml", &all, true).problems;
        assert!(problems[0].contains("can't be written"), "{problems:?}");
        assert_eq!(
            fs::read_dir(&directory).unwrap().count(),
            2,
            "no part is left"
        );
        fs::remove_dir(&paths[1]).unwrap();
        // Nor is a file that happens to be called as a part is.
        let mine = directory.join("two.0.part");
        fs::write(&mine, "mine").unwrap();
        assert_eq!(write(&directory, "yaml", &all, true), third);
        assert_eq!(fs::read_to_string(&mine).unwrap(), "mine");
        assert_eq!(fs::read_dir(&directory).unwrap().count(), 3);
        let problems = write(&paths[0], "yaml", &all, false).problems;
        assert!(problems[0].contains("can't be made"), "{problems:?}");
    }
}
