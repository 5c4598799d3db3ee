//! Files of the repository that are generated from code: a test tells when one is stale, and writes it anew when asked to.

use std::{env, fs, path::Path};

/// Panics when the file at `path` of the repository is not `text`; with `UPDATE_GENERATED=1` it writes the file instead.
pub(crate) fn assert_current(path: &str, text: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    if env::var_os("UPDATE_GENERATED").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
    }
    let current = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        current == text,
        "{path} is stale: run `UPDATE_GENERATED=1 cargo test --lib` and commit it"
    );
}
