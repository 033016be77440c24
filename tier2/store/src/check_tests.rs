//! Stores that are damaged octet by octet, checked and repaired.

use crate::disk::{self, DiskRecipient};
use crate::open::Engine;
use crate::spaces::Space;
use crate::tests::{id, open, put, recipient, record};
use crate::{Store, check};
use queue::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Every how many octets one is damaged, and every how many of these places is tried; all with `BINDBACK_EVERY_OCTET`.
const STRIDE: usize = 701;
const OF_PLACES: usize = 5;

/// A closed store with messages in its journal, and some in tables too.
fn filled(dir: &Path, flushed: bool) {
    let store = Store::open(dir).unwrap();
    for number in 1..=8 {
        let content = format!("content of {number} {}", "lorem ipsum ".repeat(20));
        store.commit_wait(vec![put(number, 2, content.as_bytes())]).unwrap();
        if flushed && number == 4 {
            let engine = store.shared_engine();
            for space in Space::ALL {
                engine.spaces.of(space).rotate_memtable_and_wait().unwrap();
            }
        }
    }
    store.close();
}

/// In memory where there is such a place: hundreds of stores are opened, and each syncs.
fn quick() -> TempDir {
    let memory = Path::new("/dev/shm");
    let dir = tempfile::Builder::new().prefix("bb").tempdir_in(memory);
    dir.unwrap_or_else(|_| TempDir::new().unwrap())
}

pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            crate::recover::copy_sparse(&entry.path(), &target).unwrap();
        }
    }
}

fn files(dir: &Path, below: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir.join(below)).unwrap() {
        let entry = entry.unwrap();
        let path = below.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            files(dir, &path, into);
        } else {
            into.push(path);
        }
    }
}

/// Messages that are whole: row, both recipients, envelope, content.
fn whole(dir: &Path) -> Vec<u64> {
    let store = Store::open(dir).unwrap();
    let records = store.load_messages().unwrap();
    let ids = records.iter().filter(|record| {
        let number = record.head.id;
        record.recipients.len() == 2
            && store.envelope(number).unwrap().is_some()
            && store.content(number).unwrap().is_some_and(|content| !content.is_empty())
    });
    ids.map(|record| record.head.id.number()).collect()
}

#[test]
fn a_sound_store_has_no_fault_and_a_live_one_is_refused() {
    let dir = TempDir::new().unwrap();
    filled(dir.path(), true);
    let found = check(dir.path(), None).unwrap();
    assert_eq!(found.faults, []);
    assert!(found.objects > 40, "{}", found.objects);
    let store = open(&dir);
    let error = check(dir.path(), None).unwrap_err();
    assert!(matches!(error, crate::StoreError::Locked { .. }), "{error}");
    drop(store);
    assert!(check(&dir.path().join("nothing"), None).is_err());
}

/// One octet anywhere, in any file: a repair makes a store that opens, that has no fault any more, and that lost no
/// more than what stood in the damaged place.
#[test]
fn every_damaged_octet_is_repaired() {
    let all_of_them = std::env::var_os("BINDBACK_EVERY_OCTET").is_some();
    let (stride, of_places) = if all_of_them { (1, 1) } else { (STRIDE, OF_PLACES) };
    for flushed in [false, true] {
        let base = quick();
        filled(base.path(), flushed);
        let mut all = Vec::new();
        files(base.path(), Path::new(""), &mut all);
        all.sort();
        let (mut tried, mut lost, mut worst) = (0, 0, 8);
        let (mut phase, mut seen) = (0, 0);
        for file in all {
            let octets = std::fs::read(base.path().join(&file)).unwrap();
            let end = crate::journal::written(&octets);
            let places: Vec<usize> = (phase..end).step_by(stride).collect();
            phase = (phase + 53) % stride.min(97);
            for at in places {
                seen += 1;
                if seen % of_places != 0 {
                    continue;
                }
                let dir = quick();
                let (store, aside) = (dir.path().join("store"), dir.path().join("aside"));
                copy(base.path(), &store);
                let bad = std::fs::File::options().write(true).open(store.join(&file)).unwrap();
                bad.write_all_at(&[octets[at] ^ 0x21], u64::try_from(at).unwrap()).unwrap();
                let place = format!("{} octet {at}", file.display());
                let repaired = check(&store, Some(&aside));
                let repaired = repaired.unwrap_or_else(|error| panic!("{place}: {error}"));
                assert!(repaired.faults.iter().all(|fault| fault.repaired), "{place}");
                let again = check(&store, Some(&aside)).unwrap();
                assert_eq!(again.faults, [], "{place}: a second repair finds something");
                let left = whole(&store).len();
                tried += 1;
                lost += usize::from(left < 8);
                worst = worst.min(left);
                // All of it stands in a journal, or half of it in tables.
                let least = if flushed { 4 } else { 7 };
                assert!(left >= least, "{place}: {left} of 8 messages, {repaired:?}");
            }
        }
        println!("flushed {flushed}: {tried} places, {lost} lost mail, at worst {worst} of 8 left");
        assert!(tried > 8, "{tried}");
    }
}

#[test]
fn rows_and_references_are_named_and_mended() {
    let dir = TempDir::new().unwrap();
    let (store, aside) = (dir.path().join("store"), dir.path().join("aside"));
    filled(&store, false);
    let engine = Engine::open(&store).unwrap();
    let key = |number: u64| disk::message_key(id(number)).to_vec();
    let put = |space: Space, key: Vec<u8>, value: &[u8]| {
        engine.spaces.of(space).insert(key, value).unwrap();
    };
    let remove = |space: Space, key: Vec<u8>| engine.spaces.of(space).remove(key).unwrap();
    put(Space::Messages, key(1), b"\x01{"); // its row cannot be read
    remove(Space::Messages, key(2)); // its row is gone
    remove(Space::Envelopes, key(3)); // its envelope is gone
    remove(Space::Contents, key(4)); // its content is gone
    put(Space::Recipients, disk::recipient_key(id(5), 0), b"\x07?"); // one recipient cannot be read
    put(Space::Contents, key(99), b"left over");
    put(Space::Peers, b"WEST".to_vec(), b"");
    engine.sync().unwrap();
    drop(engine);

    let found = check(&store, None).unwrap();
    let named: Vec<&str> = found.faults.iter().map(|fault| fault.object.as_str()).collect();
    for object in [
        "messages 0000000000000001",
        "messages 0000000000000002",
        "messages 0000000000000003",
        "messages 0000000000000004",
        "recipients 000000000000000500000000",
        "contents 0000000000000063",
        "peers 57455354",
    ] {
        assert!(named.contains(&object), "{object} is not in {named:?}");
    }
    assert!(found.faults.iter().all(|fault| !fault.repaired && !fault.loses.is_empty()));
    assert_eq!(check(&store, None).unwrap(), found, "a check changes nothing");

    check(&store, Some(&aside)).unwrap();
    assert_eq!(check(&store, Some(&aside)).unwrap().faults, []);
    let kept: Vec<String> = std::fs::read_dir(&aside)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    assert!(kept.iter().any(|name| name == "contents-0000000000000063"), "{kept:?}");
    let store = Store::open(&store).unwrap();
    let records = store.load_messages().unwrap();
    let numbers: Vec<u64> = records.iter().map(|record| record.head.id.number()).collect();
    // 3 cannot be sent without its envelope; 1 and 2 are made again of what is left.
    assert_eq!(numbers, [1, 2, 4, 5, 6, 7, 8]);
    assert_eq!(records[0].recipients.len(), 2);
    assert!(records[2].head.expires < record(4, 2).head.expires, "it comes back at once");
    assert_eq!(records[3].recipients, [recipient(1)]);
}

/// A newer program of the same format adds fields; an older one left some out. Both are read, and a row that is written
/// again keeps what this program does not know.
#[test]
fn fields_of_a_newer_program_are_kept_and_those_of_an_older_one_not_missed() {
    let dir = TempDir::new().unwrap();
    filled(dir.path(), false);
    let engine = Engine::open(dir.path()).unwrap();
    let change =
        |space: Space,
         key: &[u8],
         change: &dyn Fn(&mut serde_json::Map<String, serde_json::Value>)| {
            let row = engine.get(space, key).unwrap().unwrap();
            let mut fields = disk::decode(&row).unwrap();
            change(&mut fields);
            engine.spaces.of(space).insert(key, disk::encode(&fields).unwrap()).unwrap();
        };
    let (message, one) = (disk::message_key(id(1)), disk::recipient_key(id(1), 0));
    change(Space::Messages, &message, &|fields| {
        fields.insert("colour".to_owned(), "green".into());
    });
    change(Space::Recipients, &one, &|fields| {
        fields.insert("ways".to_owned(), serde_json::json!([1, 2]));
        fields.insert("last_error".to_owned(), "old".into());
    });
    // As the version before this one wrote it.
    let older = disk::encode(&serde_json::json!({
        "kind": "message", "mts_id": "EAST.2", "originator": "a@b.test", "priority": "normal",
        "submitted": "2026-01-01T00:00:00Z", "expires": "2026-01-08T00:00:00Z", "size": 3
    }))
    .unwrap();
    engine.spaces.of(Space::Messages).insert(disk::message_key(id(2)), older).unwrap();
    engine.sync().unwrap();
    drop(engine);

    let store = open(&dir);
    let records = store.load_messages().unwrap();
    assert_eq!(records[1].head.trouble, queue::Trouble::default());
    let mut head = records[0].head.clone();
    head.trouble.crashes = 1;
    let mut tried = recipient(0);
    tried.attempts = 2;
    store
        .commit_wait(vec![
            Write::PutHead(Box::new(head.clone())),
            Write::PutRecipient { id: id(1), recipient: tried.clone() },
        ])
        .unwrap();
    let engine = store.shared_engine();
    let fields = |space, key: &[u8]| -> serde_json::Value {
        disk::decode(&engine.get(space, key).unwrap().unwrap()).unwrap()
    };
    let row = fields(Space::Messages, &message);
    assert_eq!((&row["colour"], &row["crashes"]), (&"green".into(), &1.into()));
    let row = fields(Space::Recipients, &one);
    assert_eq!((&row["ways"], &row["attempts"]), (&serde_json::json!([1, 2]), &2.into()));
    // What this program knows and took away is gone.
    assert_eq!(row["last_error"], serde_json::Value::Null);
    let read: DiskRecipient =
        disk::decode(&engine.get(Space::Recipients, &one).unwrap().unwrap()).unwrap();
    assert_eq!(read.into_record(0), tried);
    drop(engine);
    drop(store);
    assert_eq!(open(&dir).load_messages().unwrap()[0].head, head);
}

#[test]
fn a_copy_of_a_running_store_is_a_store() {
    let dir = TempDir::new().unwrap();
    let (source, copy, files) =
        (dir.path().join("store"), dir.path().join("copy"), dir.path().join("files"));
    filled(&source, true);
    let store = Store::open(&source).unwrap();
    let done = store.backup(&copy).unwrap();
    assert_eq!(done.messages, 8);
    store.commit_wait(vec![put(9, 1, b"later")]).unwrap();
    assert!(store.backup(&copy).is_err(), "a copy never mixes with what is there");
    assert_eq!(check(&copy, None).unwrap().faults, []);
    assert_eq!(whole(&copy), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(store.export(&files).unwrap().messages, 9);
    let content = std::fs::read(files.join("0000000000000009.content")).unwrap();
    assert_eq!(content, b"later");
}
