//! What must not compile: each file of `tests/compile_fail` begins with the errors that the compiler has to end it with. A wrong order
//! that would lose a callback, say Ready of what nobody saw or call twice by one token is no code that a test could run. The compiler is
//! called as Cargo calls it, on the library that is built.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The library, as this program was linked with it.
fn library() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_recording-callback-operator"));
    let built = fs::read_dir(program.with_file_name("deps")).unwrap();
    let built = built.map(|entry| entry.unwrap().path()).filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.starts_with("librecording_callback_operator-") && name.ends_with(".rlib")
    });
    let newest = built.max_by_key(|path| path.metadata().unwrap().modified().unwrap());
    newest.expect("Cargo has built the library")
}

/// The errors that a file ends with, each without where.
fn errors(library: &Path, file: &Path) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let crates = library.parent().unwrap().display();
    let compiled = Command::new("rustc")
        .args(["--edition=2024", "--crate-type=lib", "--emit=metadata"])
        .args(["-L", &format!("dependency={crates}"), "--extern"])
        .arg(format!("recording_callback_operator={}", library.display()))
        .arg("--out-dir")
        .arg(directory.path())
        .arg(file)
        .env_remove("RUSTC_BOOTSTRAP")
        .output()
        .unwrap();
    let stderr = String::from_utf8(compiled.stderr).unwrap();
    let errors = stderr.lines().filter(|line| line.starts_with("error"));
    let errors = errors.filter(|line| !line.starts_with("error: aborting"));
    errors.map(str::to_owned).collect()
}

#[test]
fn a_wrong_order_does_not_compile() {
    let library = library();
    let files = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/compile_fail");
    let files = fs::read_dir(files)
        .unwrap()
        .map(|file| file.unwrap().path());
    let (mut right, mut wrong) = (0, 0);
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        let wanted = text.lines().map_while(|line| line.strip_prefix("//! "));
        let wanted: Vec<&str> = wanted.filter(|line| line.starts_with("error")).collect();
        assert_eq!(errors(&library, &file), wanted, "{}", file.display());
        if wanted.is_empty() {
            right += 1;
        } else {
            wrong += 1;
        }
    }
    assert!(right >= 2 && wrong >= 9, "{right} compile, {wrong} do not");
}
