//! The store on a real directory.

use crate::committer::prune_seen;
use crate::disk::{FORMAT, META_FORMAT};
use crate::open::Engine;
use crate::spaces::Space;
use crate::{EventLimits, Store, StoreError};
use identity::{Account, AccountName, NtHash};
use jiff::{SignedDuration, Timestamp};
use queue::{
    Haste, Kind, MessageHead, MessageId, MessageRecord, NextHop, Priority, RecipientRecord,
    StoredMessage, Write,
};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};
use tempfile::TempDir;

pub(crate) fn id(number: u64) -> MessageId {
    MessageId::from_number(number)
}

pub(crate) fn recipient(number: u32) -> RecipientRecord {
    RecipientRecord {
        number,
        address: format!("user{number}@west.test"),
        next_hop: NextHop::Peer("WEST".to_owned()),
        report_wanted: true,
        attempts: 0,
        last_error: None,
        due: None,
    }
}

pub(crate) fn record(number: u64, recipients: u32) -> MessageRecord {
    let head = MessageHead {
        id: id(number),
        kind: Kind::Message,
        mts_id: format!("EAST.{number}"),
        message_id_header: Some(format!("<{number}@east.test>")),
        originator: "sender@east.test".to_owned(),
        priority: Priority::Urgent,
        submitted: Timestamp::UNIX_EPOCH + SignedDuration::from_nanos(123_456_789),
        expires: Timestamp::UNIX_EPOCH + SignedDuration::from_hours(48),
        wishes: queue::Wishes::default(),
        size: 7,
        trouble: queue::Trouble::default(),
    };
    MessageRecord { head, recipients: (0..recipients).map(recipient).collect() }
}

pub(crate) fn put(number: u64, recipients: u32, content: &[u8]) -> Write {
    Write::PutMessage(Box::new(StoredMessage {
        record: record(number, recipients),
        envelope: format!("envelope {number}").into_bytes(),
        content: content.into(),
    }))
}

pub(crate) fn open(dir: &TempDir) -> Store {
    Store::open(dir.path()).unwrap()
}

#[test]
fn messages_outlive_the_store() {
    let dir = TempDir::new().unwrap();
    // Incompressible, so that it really is five megabytes on its way.
    let mut state = 1_u32;
    let large: Vec<u8> = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    })
    .take(5_000_000)
    .collect();
    let store = open(&dir);
    store.commit_wait(vec![put(1, 2, b"small")]).unwrap();
    store.commit_wait(vec![put(300, 3, &large)]).unwrap();
    store.close();

    let store = open(&dir);
    assert_eq!(store.load_messages().unwrap(), [record(1, 2), record(300, 3)]);
    assert_eq!(store.envelope(id(1)).unwrap().unwrap(), b"envelope 1");
    assert_eq!(store.content(id(1)).unwrap().unwrap(), b"small");
    assert!(store.content(id(300)).unwrap().unwrap() == large);
    assert_eq!(store.content(id(2)).unwrap(), None);
    assert_eq!(store.last_id().unwrap(), id(300));
}

#[test]
fn recipients_change_and_go() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let mut tried = recipient(1);
    tried.attempts = 3;
    tried.last_error = Some("connection refused".to_owned());
    tried.next_hop = NextHop::Local;
    store.commit_wait(vec![put(1, 3, b"c"), put(2, 1, b"d")]).unwrap();
    store
        .commit_wait(vec![
            Write::RemoveRecipient { id: id(1), number: 0 },
            Write::PutRecipient { id: id(1), recipient: tried.clone() },
        ])
        .unwrap();
    let mut expected = record(1, 3);
    expected.recipients = vec![tried, recipient(2)];
    assert_eq!(store.load_messages().unwrap(), [expected, record(2, 1)]);

    store.commit_wait(vec![Write::RemoveMessage { id: id(1) }]).unwrap();
    store.commit_wait(vec![Write::RemoveMessage { id: id(2) }]).unwrap();
    drop(store);
    let store = open(&dir);
    assert_eq!(store.load_messages().unwrap(), []);
    assert_eq!(store.envelope(id(1)).unwrap(), None);
    assert_eq!(store.content(id(1)).unwrap(), None);
    assert_eq!(store.shared_engine().spaces.of(Space::Recipients).len().unwrap(), 0);
    // The number is not free again.
    assert_eq!(store.last_id().unwrap(), id(2));
}

/// The last change of a key counts, also within one batch of the engine.
#[test]
fn writes_of_one_commit_keep_their_order() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let until = Timestamp::MAX;
    store
        .commit_wait(vec![
            put(1, 2, b"c"),
            Write::PutSeen { key: "a".to_owned(), until },
            Write::RemoveSeen { key: "a".to_owned() },
            Write::RemoveMessage { id: id(1) },
            put(2, 1, b"d"),
            Write::RemoveRecipient { id: id(2), number: 0 },
            Write::PutRecipient { id: id(2), recipient: recipient(0) },
        ])
        .unwrap();
    assert_eq!(store.load_messages().unwrap(), [record(2, 1)]);
    assert!(!store.seen("a").unwrap());
    assert_eq!(store.shared_engine().spaces.of(Space::Recipients).len().unwrap(), 1);
    assert_eq!(store.shared_engine().spaces.of(Space::Seen).len().unwrap(), 0);
}

#[test]
fn what_many_threads_commit_is_all_there() {
    const THREADS: u64 = 8;
    const EACH: u64 = 50;
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let answered = Arc::new(AtomicUsize::new(0));
    let start = Arc::new(Barrier::new(usize::try_from(THREADS).unwrap()));
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let (store, answered, start) =
                (store.clone(), Arc::clone(&answered), Arc::clone(&start));
            std::thread::spawn(move || {
                start.wait();
                for message in 1..=EACH {
                    let answered = Arc::clone(&answered);
                    store.commit(vec![put(thread * EACH + message, 1, b"c")], move |result| {
                        result.unwrap();
                        answered.fetch_add(1, Ordering::SeqCst);
                    });
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    store.close();
    assert_eq!(answered.load(Ordering::SeqCst), 400);
    let store = open(&dir);
    let found: Vec<u64> =
        store.load_messages().unwrap().iter().map(|record| record.head.id.number()).collect();
    assert_eq!(found, (1..=THREADS * EACH).collect::<Vec<_>>());
    assert_eq!(store.last_id().unwrap(), id(THREADS * EACH));
}

/// Others fill the disk too: it is known before anybody writes, and over when there is room.
#[test]
fn want_of_space_is_seen_while_nothing_is_written() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let cause = |wanted: Option<&str>| {
        let begin = Instant::now();
        while store.trouble().map(|trouble| trouble.cause) != wanted {
            assert!(begin.elapsed() < Duration::from_secs(60), "never {wanted:?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    cause(None);
    store.set_reserve(u64::MAX);
    cause(Some("disk-full"));
    store.set_reserve(0);
    cause(None);
}

/// What has time is written with what has none, and by itself when nothing else comes; who waits is told when it is there.
#[test]
fn writes_that_have_time_go_with_others() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    store.commit_wait(vec![put(1, 30, b"c")]).unwrap();
    let remove = |number| vec![Write::RemoveRecipient { id: id(1), number }];
    let soon = |number| {
        let (sender, told) = channel();
        store.commit_with(remove(number), Vec::new(), Haste::Soon, move |result| {
            sender.send(result).unwrap();
        });
        told
    };
    // A batch takes one number. A machine that is busy may let the time pass, but not each time.
    let batches = || store.shared_engine().db.seqno();
    let with_others = (0..20).any(|number| {
        let before = batches();
        let told = soon(number);
        std::thread::sleep(Duration::from_millis(1));
        store.commit_wait(remove(number)).unwrap();
        assert!(told.try_recv().unwrap().is_ok(), "in the order in which they came");
        batches() == before + 1
    });
    assert!(with_others);
    soon(20).recv_timeout(Duration::from_secs(60)).unwrap().unwrap();
    let left = store.load_messages().unwrap()[0].recipients.len();
    assert!(left < 30 && left >= 9, "{left}");
    // A stop does not wait and does not forget.
    let told = soon(21);
    store.close();
    assert!(told.try_recv().unwrap().is_ok());
}

#[test]
fn a_second_opening_is_refused_until_the_last_handle_is_gone() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let other = store.clone();
    for _ in 0..2 {
        let error = Store::open(dir.path()).unwrap_err();
        assert!(matches!(error, StoreError::Locked { .. }), "{error}");
        assert!(error.to_string().contains("in use by another process"));
    }
    store.close();
    assert!(matches!(Store::open(dir.path()), Err(StoreError::Locked { .. })));
    drop(other);
    open(&dir);
}

#[test]
fn a_closed_store_says_so_and_still_reads() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    store.commit_wait(vec![put(1, 1, b"c")]).unwrap();
    store.clone().close();
    let error = store.commit_wait(vec![put(2, 1, b"c")]).unwrap_err();
    assert!(matches!(error, StoreError::Closed { .. }), "{error}");
    let (sender, answer) = channel();
    store.commit(Vec::new(), move |result| sender.send(result.is_err()).unwrap());
    assert!(answer.recv().unwrap());
    assert!(store.append_event(b"{}", Timestamp::UNIX_EPOCH).is_err());
    assert_eq!(store.load_messages().unwrap(), [record(1, 1)]);
}

/// The last handle may live in an answer, which runs on the thread that closing would wait for.
#[test]
fn the_last_handle_may_go_in_an_answer() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let (sender, answer) = channel();
    let held = store.clone();
    store.commit(vec![put(1, 1, b"c")], move |result| {
        result.unwrap();
        drop(held);
        sender.send(()).unwrap();
    });
    drop(store);
    answer.recv().unwrap();
}

#[test]
fn a_newer_format_is_named() {
    let dir = TempDir::new().unwrap();
    drop(open(&dir));
    let engine = Engine::open(dir.path()).unwrap();
    let newer = (FORMAT + 1).to_be_bytes();
    engine.spaces.of(Space::Meta).insert(META_FORMAT, newer).unwrap();
    engine.sync().unwrap();
    drop(engine);
    let error = Store::open(dir.path()).unwrap_err();
    assert!(matches!(error, StoreError::Newer { found: 2, known: 1, .. }), "{error}");
}

#[test]
fn a_damaged_row_is_named() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    store.commit_wait(vec![put(1, 1, b"c")]).unwrap();
    let messages = store.shared_engine().spaces.of(Space::Messages).clone();
    for (damage, says) in [(b"\x01{".as_slice(), "EOF"), (b"\x09{}", "version 9"), (b"", "empty")] {
        messages.insert(1_u64.to_be_bytes(), damage).unwrap();
        let error = store.load_messages().unwrap_err().to_string();
        assert!(error.contains("0000000000000001 of messages") && error.contains(says), "{error}");
    }
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, b"").unwrap();
    let error = Store::open(&file.join("store")).unwrap_err();
    assert!(error.to_string().contains("making the directory failed"), "{error}");
}

#[test]
fn what_is_too_large_is_refused_alone() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let key = "k".repeat(5000);
    let seen = Write::PutSeen { key, until: Timestamp::MAX };
    let error = store.commit_wait(vec![seen]).unwrap_err();
    assert!(matches!(error, StoreError::TooLarge { what: "dedupe key", .. }));
    let event = vec![b'x'; 100_000];
    assert!(store.append_event(&event, Timestamp::UNIX_EPOCH).is_err());
    store.commit_wait(vec![put(1, 1, b"c")]).unwrap();
}

#[test]
fn dedupe_keys_are_kept_until_their_time() {
    let dir = TempDir::new().unwrap();
    let now = Timestamp::now();
    let hour = SignedDuration::from_hours(1);
    let seen = |key: &str, until| Write::PutSeen { key: key.to_owned(), until };
    let store = open(&dir);
    store
        .commit_wait(vec![
            seen("late#1", now + hour),
            seen("soon#1", now + hour),
            seen("again#1", now + hour),
            seen("again#1", now + hour * 3),
            seen("gone#1", now + hour),
            Write::RemoveSeen { key: "gone#1".to_owned() },
        ])
        .unwrap();
    store.commit_wait(vec![seen("late#1", now + hour * 3)]).unwrap();
    let kept = |store: &Store| {
        ["late#1", "soon#1", "again#1", "gone#1"].map(|key| store.seen(key).unwrap())
    };
    assert_eq!(kept(&store), [true, true, true, false]);
    assert!(!prune_seen(&store.shared_engine(), now).unwrap());
    assert_eq!(kept(&store), [true, true, true, false]);
    prune_seen(&store.shared_engine(), now + hour * 2).unwrap();
    assert_eq!(kept(&store), [true, false, true, false]);
    prune_seen(&store.shared_engine(), now + hour * 4).unwrap();
    assert_eq!(store.shared_engine().spaces.of(Space::Seen).len().unwrap(), 0);
}

#[test]
fn accounts_are_found_whatever_the_case() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let account = |name: &str, octet| {
        let sid = identity::well_known::system();
        Account::new(name.parse().unwrap(), sid, NtHash::new([octet; 16]), 0)
    };
    store.put_account(account("DEMO\\west", 1)).unwrap();
    store.put_account(account("DEMO\\east", 2)).unwrap();
    store.put_account(account("demo\\WEST", 3)).unwrap();
    drop(store);
    let store = open(&dir);
    let names: Vec<String> =
        store.accounts().unwrap().iter().map(|account| account.name.to_string()).collect();
    assert_eq!(names, ["DEMO\\east", "demo\\WEST"]);
    let name: AccountName = "Demo\\West".parse().unwrap();
    assert_eq!(store.account(&name).unwrap().unwrap().nt_hash, NtHash::new([3; 16]));
    assert!(store.remove_account(&name).unwrap());
    assert!(!store.remove_account(&name).unwrap());
    assert!(store.account(&name).unwrap().is_none());
}

#[test]
fn events_come_back_in_order_and_the_oldest_go() {
    let dir = TempDir::new().unwrap();
    let limits = EventLimits { keep: 100 };
    let store = Store::open_with(dir.path(), limits).unwrap();
    let at = |second| Timestamp::UNIX_EPOCH + SignedDuration::from_secs(second);
    let text = |event: &Vec<u8>| String::from_utf8(event.clone()).unwrap();
    for number in 0..250 {
        store.append_event(format!("{number}").as_bytes(), at(number / 10)).unwrap();
        if number % 7 == 0 {
            store.sync().unwrap();
        }
    }
    store.close();
    let store = Store::open_with(dir.path(), limits).unwrap();
    let all: Vec<String> = store.events(None, usize::MAX).unwrap().iter().map(text).collect();
    assert!((100..=101).contains(&all.len()), "{}", all.len());
    let expected: Vec<String> =
        (250 - i64::try_from(all.len()).unwrap()..250).map(|number| number.to_string()).collect();
    assert_eq!(all, expected);
    let last: Vec<String> = store.events(None, 2).unwrap().iter().map(text).collect();
    assert_eq!(last, ["248", "249"]);
    let since: Vec<String> = store.events(Some(at(24)), 100).unwrap().iter().map(text).collect();
    assert_eq!(since.first().map(String::as_str), Some("240"));
    assert_eq!(since.len(), 10);
    store.append_event(b"250", at(24)).unwrap();
    store.sync().unwrap();
    assert_eq!(store.events(None, 1).unwrap(), [b"250"]);
}

#[test]
fn peers_outlive_the_store_and_the_last_word_counts() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    store.put_peer("West", b"{\"old\":1}").unwrap();
    store.put_peer("NORTH", b"{}").unwrap();
    store.put_peer("WEST", b"{\"new\":2}").unwrap();
    // Nobody waits for them: at the latest they are there once the store was closed.
    store.close();
    let store = open(&dir);
    let kept = [("NORTH", b"{}".as_slice()), ("WEST", b"{\"new\":2}")]
        .map(|(name, json)| (name.to_owned(), json.to_vec()));
    assert_eq!(store.peers().unwrap(), kept);

    // Or with the next commit of anybody.
    store.put_peer("west", b"{}").unwrap();
    store.commit_wait(Vec::new()).unwrap();
    assert_eq!(store.peers().unwrap()[1], ("WEST".to_owned(), b"{}".to_vec()));
    store.clone().close();
    assert!(matches!(store.put_peer("WEST", b"{}"), Err(StoreError::Closed { .. })));
}

#[test]
fn a_store_from_before_peers_were_kept_opens() {
    let dir = TempDir::new().unwrap();
    // As the program without them made it: every other keyspace, and the format.
    let db = fjall::Database::builder(dir.path()).manual_journal_persist(true).open().unwrap();
    for name in
        ["meta", "messages", "envelopes", "contents", "recipients", "seen", "accounts", "events"]
    {
        let space = db.keyspace(name, fjall::KeyspaceCreateOptions::default).unwrap();
        match name {
            "meta" => space.insert(META_FORMAT, 1_u32.to_be_bytes()).unwrap(),
            "events" => space.insert(b"0123456789abcdef01234567", b"an event").unwrap(),
            _ => {}
        }
    }
    db.persist(fjall::PersistMode::SyncAll).unwrap();
    drop(db);

    let store = open(&dir);
    assert_eq!(store.peers().unwrap(), []);
    assert_eq!(store.events(None, 10).unwrap(), [b"an event"]);
    store.put_peer("WEST", b"{}").unwrap();
    store.close();
    assert_eq!(open(&dir).peers().unwrap().len(), 1);
}

#[test]
fn a_peer_that_cannot_be_kept_or_read_is_named() {
    let dir = TempDir::new().unwrap();
    let store = open(&dir);
    let large = store.put_peer("WEST", &vec![b' '; 100_000]).unwrap_err();
    assert!(matches!(large, StoreError::TooLarge { what: "peer's history", .. }), "{large}");
    let long = store.put_peer(&"W".repeat(300), b"{}").unwrap_err();
    assert!(matches!(long, StoreError::TooLarge { what: "peer's name", .. }), "{long}");
    let peers = store.shared_engine().spaces.of(Space::Peers).clone();
    for (damage, says) in [(b"\x09{}".as_slice(), "version 9"), (b"", "empty")] {
        peers.insert(b"WEST", damage).unwrap();
        let error = store.peers().unwrap_err().to_string();
        assert!(error.contains("57455354 of peers") && error.contains(says), "{error}");
    }
}
