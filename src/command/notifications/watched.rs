//! Files that may change while a receiver runs. What they say is a level: they are read each time it is asked for, and a change that
//! makes no sense leaves what was read before.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use anyhow::{Context as _, bail};
use ring::digest::{SHA256, digest};

use crate::lock::lock;

/// No file that is meant is larger.
const LARGEST: u64 = 256 * 1024;

/// One file.
pub(super) struct FileContent {
    /// Its path.
    pub(super) path: PathBuf,
    /// What it holds; may be secret.
    pub(super) bytes: Vec<u8>,
}

/// Says something beside what is printed. It may be called while a request waits, so it waits for nobody.
pub(super) type Say = Arc<dyn Fn(&str) + Send + Sync>;

type Parse<T> = fn(&[FileContent]) -> anyhow::Result<T>;

/// What files say, by a parser.
pub(super) struct WatchedFiles<T> {
    paths: Vec<PathBuf>,
    parse: Parse<T>,
    /// Tells of each change.
    say: Say,
    /// What can be read only once, as a pipe, is not read again.
    is_fixed: bool,
    last: Mutex<LastRead<T>>,
}

/// What was made of the files.
struct LastRead<T> {
    /// Of the contents that were judged last, good or bad, so that each is told once.
    digest: Vec<u8>,
    value: Arc<T>,
}

impl<T> WatchedFiles<T> {
    /// Reads the files, and those of the directories.
    pub(super) fn read(paths: &[PathBuf], parse: Parse<T>, say: Say) -> anyhow::Result<Self> {
        let contents = read_all(paths)?;
        let value = Arc::new(parse(&contents)?);
        Ok(Self {
            is_fixed: paths.iter().any(|path| !path.is_file() && !path.is_dir()),
            paths: paths.to_vec(),
            parse,
            say,
            last: Mutex::new(LastRead {
                digest: digest_of(&contents),
                value,
            }),
        })
    }

    /// What they say now, or said when they last made sense.
    pub(super) fn current(&self) -> Arc<T> {
        let mut last = lock(&self.last);
        if self.is_fixed {
            return Arc::clone(&last.value);
        }
        let read = read_all(&self.paths);
        let digest = match &read {
            Ok(contents) => digest_of(contents),
            Err(error) => format!("{error:#}").into_bytes(),
        };
        if digest != last.digest {
            last.digest = digest;
            let names = self.paths.iter().map(|path| path.display().to_string());
            let names = names.collect::<Vec<_>>().join(", ");
            match read.and_then(|contents| (self.parse)(&contents)) {
                Ok(value) => {
                    last.value = Arc::new(value);
                    (self.say)(&format!("read again, since it changed: {names}"));
                }
                Err(error) => (self.say)(&format!(
                    "error: {error:#}; what {names} said before still counts"
                )),
            }
        }
        Arc::clone(&last.value)
    }
}

fn read_all(paths: &[PathBuf]) -> anyhow::Result<Vec<FileContent>> {
    let mut contents = Vec::new();
    for path in paths {
        let cannot = || format!("{} can't be read", path.display());
        if path.is_dir() {
            for path in files_of(path).with_context(cannot)? {
                contents.push(read_file(path)?);
            }
        } else {
            contents.push(read_file(path.clone())?);
        }
    }
    Ok(contents)
}

/// The files of a directory, by name. Those with a dot are how Kubernetes exchanges all others at once.
fn files_of(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !is_hidden && entry.path().is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

fn read_file(path: PathBuf) -> anyhow::Result<FileContent> {
    let cannot = || format!("{} can't be read", path.display());
    let mut bytes = Vec::new();
    let file = fs::File::open(&path).with_context(cannot)?;
    file.take(LARGEST + 1)
        .read_to_end(&mut bytes)
        .with_context(cannot)?;
    if bytes.len() as u64 > LARGEST {
        bail!("{} is larger than 256 KiB", path.display());
    }
    Ok(FileContent { path, bytes })
}

fn digest_of(contents: &[FileContent]) -> Vec<u8> {
    let mut digests = Vec::new();
    for file in contents {
        digests.extend_from_slice(digest(&SHA256, &file.bytes).as_ref());
    }
    digests
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lengths(contents: &[FileContent]) -> anyhow::Result<Vec<usize>> {
        if contents.iter().any(|file| file.bytes.is_empty()) {
            bail!("empty");
        }
        Ok(contents.iter().map(|file| file.bytes.len()).collect())
    }

    #[test]
    fn a_change_counts_at_once_and_nonsense_not_at_all() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("key");
        fs::write(&path, "one").unwrap();
        let said = Arc::new(Mutex::new(Vec::new()));
        let to = Arc::clone(&said);
        let say: Say = Arc::new(move |words| lock(&to).push(words.to_owned()));
        let watched = WatchedFiles::read(std::slice::from_ref(&path), lengths, say).unwrap();
        assert_eq!(*watched.current(), [3]);
        fs::write(&path, "three").unwrap();
        assert_eq!(*watched.current(), [5]);
        fs::write(&path, "").unwrap();
        assert_eq!(*watched.current(), [5]);
        fs::remove_file(&path).unwrap();
        assert_eq!(*watched.current(), [5]);
        fs::write(&path, "seventh").unwrap();
        assert_eq!(*watched.current(), [7]);
        fs::write(&path, "x".repeat(300_000)).unwrap();
        assert_eq!(*watched.current(), [7]);
        assert_eq!(*watched.current(), [7]);
        let said = lock(&said);
        let bad: Vec<_> = said.iter().map(|it| it.starts_with("error: ")).collect();
        assert_eq!(bad, [false, true, true, false, true], "{said:?}");
    }

    #[test]
    fn all_files_of_a_directory_are_meant_but_hidden_ones() {
        let directory = tempfile::TempDir::new().unwrap();
        let paths = [directory.path().to_owned()];
        for (name, text) in [("sign", "one"), ("..data", "hidden"), ("previous", "three")] {
            fs::write(directory.path().join(name), text).unwrap();
        }
        let watched = WatchedFiles::read(&paths, lengths, Arc::new(|_| {})).unwrap();
        assert_eq!(*watched.current(), [5, 3]);
        fs::remove_file(directory.path().join("previous")).unwrap();
        assert_eq!(*watched.current(), [3]);
    }
}
