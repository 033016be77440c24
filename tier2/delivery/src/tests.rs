//! Deliveries into temporary directories.

use super::*;
use crate::FailureKind;
use tempfile::TempDir;

fn key(message: &str, recipient: &str) -> DeliveryKey {
    DeliveryKey { message: message.to_owned(), recipient: recipient.to_owned() }
}

fn open() -> (TempDir, Maildir) {
    let directory = tempfile::tempdir().unwrap();
    let maildir = Maildir::open(directory.path().join("a/b/mail")).unwrap();
    (directory, maildir)
}

fn list(maildir: &Maildir, folder: &str) -> Vec<PathBuf> {
    fs::read_dir(maildir.root().join(folder)).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[tokio::test]
async fn a_message_is_delivered_once() {
    let (_directory, maildir) = open();
    let content: [&[u8]; 2] = [b"Received: x\r\n", b"\r\nbody\0\n"];
    let first = maildir.deliver(&key("m1", "ada@x"), content).await.unwrap();
    assert!(!first.already);
    assert_eq!(fs::read(&first.path).unwrap(), content.concat());
    let again = maildir.deliver(&key("m1", "ada@x"), content).await.unwrap();
    assert_eq!(again, Delivered { path: first.path.clone(), already: true });
    assert_eq!(list(&maildir, "new"), [first.path]);
    assert!(list(&maildir, "tmp").is_empty());
}

#[tokio::test]
async fn keys_are_kept_apart() {
    let (_directory, maildir) = open();
    for (message, recipient) in [("m1", "ada@x"), ("m1", "bob@x"), ("m2", "ada@x"), ("m1a", "da@x")]
    {
        assert!(!maildir.deliver(&key(message, recipient), [b"x"]).await.unwrap().already);
    }
    assert_eq!(list(&maildir, "new").len(), 4);
}

#[tokio::test]
async fn a_message_that_was_read_is_found() {
    let (_directory, maildir) = open();
    for suffix in ["", ":2,", ":2,FS"] {
        let key = key("m1", suffix);
        let first = maildir.deliver(&key, [b"x"]).await.unwrap();
        let name = first.path.file_name().unwrap().to_str().unwrap();
        let moved = maildir.root().join("cur").join(format!("{name}{suffix}"));
        fs::rename(&first.path, &moved).unwrap();
        let again = maildir.deliver(&key, [b"x"]).await.unwrap();
        assert_eq!(again, Delivered { path: moved, already: true });
    }
    assert!(list(&maildir, "new").is_empty());
}

#[tokio::test]
async fn a_rival_that_was_moved_meanwhile_wins() {
    let (_directory, maildir) = open();
    let name = file_name(&key("m1", "ada@x"));
    let (tmp, file) = maildir.create_tmp(&name).unwrap();
    write_synced(&tmp, file, b"x").unwrap();
    let moved = maildir.root().join("cur").join(format!("{name}:2,S"));
    fs::write(&moved, b"x").unwrap();
    assert_eq!(maildir.link(&name, &tmp).unwrap(), Delivered { path: moved, already: true });
    assert!(list(&maildir, "new").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_deliveries_end_in_one_file() {
    let (_directory, maildir) = open();
    let key = key("m1", "ada@x");
    let tasks: Vec<_> =
        (0..32).map(|_| tokio::spawn(maildir.deliver(&key, [vec![b'x'; 100_000]]))).collect();
    let mut fresh = 0;
    for task in tasks {
        fresh += usize::from(!task.await.unwrap().unwrap().already);
    }
    assert_eq!(fresh, 1);
    assert_eq!(list(&maildir, "new").len(), 1);
    assert!(list(&maildir, "tmp").is_empty());
}

#[tokio::test]
async fn leftovers_of_a_crash_do_no_harm_and_are_cleaned() {
    let (_directory, maildir) = open();
    let hours = |count: u64| SystemTime::now() - Duration::from_secs(count * 3600);
    let name = file_name(&key("m1", "ada@x"));
    for (suffix, age) in [("old", 37), ("young", 35)] {
        let file =
            File::create(maildir.root().join("tmp").join(format!("{name}.{suffix}"))).unwrap();
        file.set_modified(hours(age)).unwrap();
    }
    assert!(!maildir.deliver(&key("m1", "ada@x"), [b"x"]).await.unwrap().already);
    Maildir::open(maildir.root()).unwrap();
    let left = list(&maildir, "tmp");
    assert!(left.len() == 1 && left[0].to_str().unwrap().ends_with("young"), "{left:?}");
    assert_eq!(maildir.clean_tmp(hours(0) + Duration::from_secs(2 * 3600)).unwrap(), 1);
}

#[tokio::test]
async fn errors_say_where_and_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let blocked = directory.path().join("file");
    fs::write(&blocked, b"").unwrap();
    for path in [blocked.clone(), blocked.join("below")] {
        let error = Maildir::open(&path).unwrap_err();
        assert!(
            matches!(error, DeliveryError::FileSystem { kind: FailureKind::NotADirectory, .. }),
            "{error:?}"
        );
        assert!(error.is_temporary() && error.to_string().contains(blocked.to_str().unwrap()));
    }
    let maildir = Maildir::open(directory.path().join("mail")).unwrap();
    fs::remove_dir(maildir.root().join("tmp")).unwrap();
    let error = maildir.deliver(&key("m1", "ada@x"), [b"x"]).await.unwrap_err();
    assert!(
        matches!(
            error,
            DeliveryError::FileSystem { action: "create", kind: FailureKind::Missing, .. }
        ),
        "{error:?}"
    );
}

#[test]
fn files_and_directories_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let (_directory, maildir) = open();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let delivered = runtime.block_on(maildir.deliver(&key("m1", "ada@x"), [b"x"])).unwrap();
    assert_eq!(fs::metadata(delivered.path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::metadata(maildir.root().join("new")).unwrap().permissions().mode() & 0o777,
        0o700
    );
}
