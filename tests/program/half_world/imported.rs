//! What `import` does with the API server and with a directory, whatever room there is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::say;
use super::world::{Trouble, World};

/// A project of so many callbacks, as the cloud lists it.
fn project(count: usize) -> Trouble {
    let row = |number: usize| json!({ "id": number.to_string(), "publish_domain": "push.example.com", "app": format!("app{number}") });
    let rows: Vec<Value> = (0..count).map(row).collect();
    let page = json!({ "total": count, "callback_config": rows }).to_string();
    Trouble::Says(200, Box::leak(page.into_boxed_str()))
}

#[tokio::test]
async fn an_import_asks_about_its_manifests_side_by_side_and_of_none_says_so() {
    let world = World::new(Trouble::Together(16), project(64)).await;
    let said = say(&world, "import --secret huaweicloud", &["-o", "json"]).await;
    assert_eq!((said.code, said.errors().len()), (Some(0), 0), "{said}");
    let value = said.value();
    let names = value["items"].as_array().unwrap().iter();
    let apps: Vec<&str> = names
        .map(|item| item["spec"]["app"].as_str().unwrap())
        .collect();
    assert_eq!(apps.len(), 64);
    assert!(apps.is_sorted(), "in the order of their places: {apps:?}");
    assert_eq!(world.asked("POST", "recordingcallbacks"), 64);
    let world = World::new(Trouble::None, Trouble::None).await;
    let said = say(&world, "import --secret huaweicloud", &[]).await;
    assert_eq!((said.code, said.stdout.as_str()), (Some(0), ""), "{said}");
    said.assert_says(&["nothing to import"]);
}

#[tokio::test]
async fn what_would_end_all_manifests_is_told_once() {
    let world = World::new(Trouble::Terminates, project(64)).await;
    let said = say(&world, "import --secret huaweicloud", &["-o", "json"]).await;
    assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{said}");
    said.assert_says(&[
        "is being terminated",
        &world.server,
        "wait until the namespace is gone",
    ]);
    assert_eq!(
        said.value()["errors"].as_array().unwrap().len(),
        1,
        "{said}"
    );
    let manifest = fs::read_to_string(&world.manifest).unwrap();
    fs::write(&world.manifest, manifest.replace("\"push\"", "\"new\"")).unwrap();
    let said = say(&world, "plan MANIFEST", &["-o", "json"]).await;
    said.assert_says(&["media/new", "wait until the namespace is gone"]);
    assert_eq!((said.code, said.errors().len()), (Some(1), 1), "{said}");
}

/// The files of a directory, by name.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[tokio::test]
async fn where_no_room_is_left_no_half_of_a_file_stays_and_the_rest_comes_later() {
    let may_mount = Command::new("unshare").args(["-rm", "true"]).status();
    if !may_mount.is_ok_and(|status| status.success()) {
        eprintln!("nobody may mount here: a full directory is not tried");
        return;
    }
    let world = World::new(Trouble::None, project(40)).await;
    let at = |name: &str| world.manifest.with_file_name(name);
    let (full, kept, again) = (at("full"), at("kept"), at("again"));
    fs::create_dir(&full).unwrap();
    let import = format!(
        "{} import --secret huaweicloud --allowed-endpoints {} --directory {}",
        env!("CARGO_BIN_EXE_recording-callback-operator"),
        world.cloud,
        full.display()
    );
    // A file system of its own, gone with the shell.
    let script = format!(
        "mount -t tmpfs -o size=64k none {full} || exit 9
         {import} >{stdout} 2>{stderr} && exit 8
         cp -r {full} {kept}
         mount -o remount,size=1m {full} && {import} >{stdout}.again 2>{stderr}.again || exit 7
         cp -r {full} {again}",
        full = full.display(),
        kept = kept.display(),
        again = again.display(),
        stdout = at("stdout").display(),
        stderr = at("stderr").display(),
    );
    let mut shell = tokio::process::Command::new("unshare");
    shell.args(["-rm", "sh", "-c", &script]);
    let ended = shell.env("KUBECONFIG", &world.kubeconfig).output().await;
    let ended = ended.unwrap();
    assert_eq!(ended.status.code(), Some(0), "{ended:?}");
    let told = fs::read_to_string(at("stderr")).unwrap();
    let (first, all) = (files(&kept), files(&again));
    let refused = told
        .lines()
        .filter(|line| line.contains("No space left on device"));
    assert_eq!(first.len() + refused.count(), 40, "{told}");
    assert!(!first.is_empty() && first.len() < 40, "{first:?}");
    assert_eq!(all.len(), 40, "{all:?}");
    let printed = fs::read_to_string(at("stdout")).unwrap();
    assert_eq!(printed.lines().count(), first.len());
    for file in &first {
        let text = fs::read_to_string(file).unwrap();
        let whole = again.join(file.file_name().unwrap());
        assert_eq!(text, fs::read_to_string(whole).unwrap(), "{file:?}");
        let manifest: Value = serde_saphyr::from_str(&text).unwrap();
        assert_eq!(manifest["spec"]["publishDomain"], "push.example.com");
    }
}
