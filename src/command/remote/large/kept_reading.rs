//! What was read of a large project, in a file of the user's cache: where the quota or the network ended a reading, the next call goes on.
//! Callbacks only, which are no secret; and no longer than an hour, since the cloud goes on changing.

use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::Reading;
use crate::terms::target::Target;

/// For so long what was read counts.
const COUNTS: SignedDuration = SignedDuration::from_hours(1);

/// Where the reading of one project is kept; nowhere when the user has no cache.
pub(in crate::command) struct KeptReading(Option<PathBuf>);

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct KeptFile {
    begun: Timestamp,
    reading: Reading,
}

impl KeptReading {
    /// That of a project, in this directory.
    pub(in crate::command) fn of(cache: Option<&Path>, target: &Target) -> Self {
        let name = format!("{} {}", target.endpoint, target.project_id);
        let name = digest(&SHA256, name.as_bytes());
        let name = name.as_ref().iter().take(8);
        let name = name.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        Self(cache.map(|cache| cache.join(format!("reading-{name:016x}.json"))))
    }

    /// What was read not long ago and not to its end, and when that began.
    pub(in crate::command) fn load(&self, now: Timestamp) -> Option<(Timestamp, Reading)> {
        let kept = fs::read(self.0.as_ref()?).ok()?;
        let KeptFile { begun, reading } = serde_json::from_slice(&kept).ok()?;
        let age = now.duration_since(begun);
        let counts = age >= SignedDuration::ZERO && age <= COUNTS;
        counts.then_some((begun, reading))
    }

    /// Keeps it; says whether that could be done.
    pub(in crate::command) fn keep(&self, begun: Timestamp, reading: &Reading) -> bool {
        let Some(path) = &self.0 else { return false };
        write(path, begun, reading).is_ok()
    }

    /// It was read to its end.
    pub(in crate::command) fn forget(&self) {
        if let Some(path) = &self.0 {
            // There is none where nothing could be kept.
            let _ = fs::remove_file(path);
        }
    }
}

/// At once or not at all, so that an end in the middle leaves what was kept before.
fn write(path: &Path, begun: Timestamp, reading: &Reading) -> std::io::Result<()> {
    let kept = KeptFile {
        begun,
        reading: reading.clone(),
    };
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    let part = path.with_extension("part");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    let mut file = options.open(&part)?;
    file.write_all(&serde_json::to_vec(&kept)?)?;
    fs::rename(part, path)
}
