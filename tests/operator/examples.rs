//! The manifests of `deploy/examples`, as a user applies them.

use std::{fs, path::Path};

use crate::support::{Namespace, kubectl};

#[tokio::test]
async fn the_api_server_takes_every_example() {
    let namespace = Namespace::new().await;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/examples");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let file = file.to_str().unwrap();
        let apply = [
            "apply",
            "--dry-run=server",
            "-n",
            namespace.name(),
            "-f",
            file,
        ];
        let said = kubectl(&apply).await.without_warning();
        count += said
            .matches("recordingcallback.live.huaweicloud.com/")
            .count();
    }
    assert!(count > 0, "there is no example");
}
