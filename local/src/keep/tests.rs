//! The state folder on its own.

use serde_json::{Value, json};

use super::*;

fn state(aws: &[u8]) -> State {
    State { at: Timestamp::UNIX_EPOCH, aws: aws.to_vec(), mesh: None, deployment: Kept::default() }
}

fn restored(path: &Path) -> Option<Vec<u8>> {
    let restored = StateFolder::open(path, false).unwrap().restored().unwrap();
    restored.map(|restored| fs::read(restored.aws).unwrap())
}

/// Changes the manifest, and returns the error of the next use.
fn with_manifest(path: &Path, change: impl FnOnce(&mut Value)) -> String {
    let file = path.join(MANIFEST);
    let before = fs::read(&file).unwrap();
    let mut manifest = serde_json::from_slice(&before).unwrap();
    change(&mut manifest);
    fs::write(&file, manifest.to_string()).unwrap();
    let error = StateFolder::open(path, false).unwrap_err().to_string();
    fs::write(file, before).unwrap();
    error
}

#[test]
fn the_last_state_is_restored_and_the_ones_before_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new").join("folder");
    assert_eq!(restored(&path), None);
    let mut states = StateFolder::open(&path, false).unwrap();
    states.save(&state(b"one")).unwrap();
    states.save(&state(b"two")).unwrap();
    let before = fs::read(path.join(MANIFEST)).unwrap();
    states.save(&state(b"two")).unwrap();
    assert_eq!(fs::read(path.join(MANIFEST)).unwrap(), before, "nothing has changed");
    drop(states);
    assert_eq!(restored(&path).unwrap(), b"two");
    let mut found = names(&path).unwrap();
    found.sort();
    assert_eq!(found, [LOCK, MANIFEST, "state-2"]);
}

#[test]
fn a_relative_path_is_fine() {
    let folder = tempfile::tempdir_in(".").unwrap();
    let path = Path::new(folder.path().file_name().unwrap());
    let mut states = StateFolder::open(path, false).unwrap();
    states.save(&state(b"one")).unwrap();
    let restored = states.restored().unwrap().unwrap();
    assert!(restored.aws.is_absolute() && states.logs().is_absolute(), "other processes use them");
}

#[test]
fn what_a_crash_leaves_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let unfinished = |number: u32| {
        let folder = path.join(format!("{STATE}{number}"));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(AWS), b"to").unwrap();
        fs::write(path.join(NEW_MANIFEST), b"{").unwrap();
    };
    drop(StateFolder::open(path, false).unwrap());
    unfinished(1);
    assert_eq!(restored(path), None, "the process ended before its first state was complete");
    StateFolder::open(path, false).unwrap().save(&state(b"one")).unwrap();
    unfinished(3);
    assert_eq!(restored(path).unwrap(), b"one");
    StateFolder::open(path, false).unwrap().save(&state(b"two")).unwrap();
    assert_eq!(restored(path).unwrap(), b"two");
    assert!(!path.join("state-3").exists());
}

#[test]
fn a_folder_has_one_user() {
    let folder = tempfile::tempdir().unwrap();
    let first = StateFolder::open(folder.path(), false).unwrap();
    let error = StateFolder::open(folder.path(), false).unwrap_err();
    assert!(
        matches!(&error, KeepError::InUse { pid, .. } if *pid == std::process::id().to_string()),
        "{error}"
    );
    drop(first);
    StateFolder::open(folder.path(), false).unwrap();
}

#[test]
fn other_folders_are_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("thesis.txt"), b"my only copy").unwrap();
    let error = StateFolder::open(folder.path(), false).unwrap_err().to_string();
    assert!(
        error.contains("is not a state folder") && error.contains("use an empty or a new folder"),
        "{error}"
    );
    assert_eq!(names(folder.path()).unwrap(), ["thesis.txt"]);
    let file = folder.path().join("thesis.txt");
    assert!(matches!(StateFolder::open(&file, false).unwrap_err(), KeepError::Io { .. }));
}

#[test]
fn a_state_that_this_version_cannot_read_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    StateFolder::open(path, false).unwrap().save(&state(b"one")).unwrap();
    let newer = with_manifest(path, |manifest| {
        *manifest = json!({ "kind": manifest["kind"], "format": 2, "product": "9.0.0", "unknown": true });
    });
    assert!(newer.contains("format 2 of version 9.0.0") && newer.contains("use version 9.0.0"), "{newer}");
    let moto = with_manifest(path, |manifest| manifest["moto"] = json!("4.0.0"));
    assert!(moto.contains("written with moto 4.0.0"), "{moto}");
    let kind = with_manifest(path, |manifest| manifest["kind"] = json!("package"));
    assert!(kind.contains("is not a state folder"), "{kind}");
    let real = with_manifest(path, |manifest| manifest["simulated"] = json!(true));
    assert!(real.contains("without --dmm-url"), "{real}");
    let torn = with_manifest(path, |manifest| *manifest = json!({ "kind": manifest["kind"] }));
    assert!(torn.contains("damaged"), "{torn}");

    let file = path.join("state-1").join(AWS);
    fs::write(&file, b"on").unwrap();
    let error = StateFolder::open(path, false).unwrap().restored().unwrap_err().to_string();
    assert!(error.contains("state-1/aws is missing or damaged"), "{error}");
}

#[test]
fn only_the_owner_can_read_a_state() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("kept");
    StateFolder::open(&path, false).unwrap().save(&state(b"one")).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(path.clone()), 0o700);
    assert_eq!(mode(path.join("state-1").join(AWS)), 0o600);
}
