//! Logs that somebody made to hurt: each ends in little time and memory, with an error that says where or with what could be read.

#![expect(clippy::unwrap_used, reason = "what cannot be made fails the test")]

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use eventlog::{EventLogError, read_file};

/// Far over what a debug build on a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Beyond what the whole test process held before, in KiB: a file of text may be held as it stands, 512 MiB at most, and no file here
/// is held that is longer.
const MOST_KIB: u64 = 256 * 1024;
const FOUR_GIB: u64 = 4 << 30;

/// The most memory that this process ever held, in KiB (proc(5), VmHWM).
fn held() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What comes of a file: how many events, or why none.
fn read(path: &Path) -> Result<u64, EventLogError> {
    let (started, before) = (Instant::now(), held());
    let mut count = 0;
    let read = read_file(path, |_| count += 1);
    assert!(started.elapsed() < PATIENCE, "{}: {:?}", path.display(), started.elapsed());
    let more = held().saturating_sub(before);
    assert!(more < MOST_KIB, "{}: {more} KiB more", path.display());
    read.map(|_| count)
}

fn file(folder: &Path, name: &str, octets: &[u8]) -> std::path::PathBuf {
    let path = folder.join(name);
    File::create(&path).unwrap().write_all(octets).unwrap();
    path
}

/// The first octets of a .evtx: magic, chunks, header of 128 octets in a block of 4096, version 3.1 (libevtx, 3.1).
fn evtx_head() -> Vec<u8> {
    let mut head = b"ElfFile\0".to_vec();
    head.extend([0; 16]);
    head.extend(1_u64.to_le_bytes());
    head.extend(128_u32.to_le_bytes());
    head.extend([1, 0, 3, 0]);
    head.extend(4096_u16.to_le_bytes());
    head.extend(u16::MAX.to_le_bytes());
    head.resize(4096, 0);
    head
}

/// The head of a .evt (MS-EVEN 2.2.7 describes the file; libevt, 3): length, magic, versions, offsets.
fn evt_head() -> Vec<u8> {
    let mut head = Vec::new();
    for value in [48_u32, 0x654c_664c, 1, 1, 48, 48, 2, 1, 0x0001_0000, 0, 0, 48] {
        head.extend(value.to_le_bytes());
    }
    head
}

#[test]
fn four_gibibytes_of_nothing_are_refused_or_read_piece_by_piece() {
    let folder = tempfile::tempdir().unwrap();
    let heads: [(&str, Vec<u8>); 6] = [
        ("text", b"Event ID: 9318\nSource: MSExchangeMTA\n".to_vec()),
        ("csv", b"Date,Time,Source,Type,Category,Event,User,Computer\n".to_vec()),
        ("xml", b"<Events><Event><System><EventID>9318</EventID>".to_vec()),
        ("jsonl", b"{\"id\":9318}\n".to_vec()),
        ("evt", evt_head()),
        ("evtx", evtx_head()),
    ];
    for (name, head) in heads {
        let path = file(folder.path(), name, &head);
        // The new form is read chunk by chunk however long it is, in time that grows with it: a part of it tells as much.
        let octets = if name == "evtx" { FOUR_GIB / 64 } else { FOUR_GIB };
        File::options().write(true).open(&path).unwrap().set_len(octets).unwrap();
        match read(&path) {
            Ok(events) => assert!(events <= 1, "{name}: {events} events of nothing"),
            Err(error) => {
                let said = error.to_string();
                let says_where = matches!(
                    error,
                    EventLogError::TooLarge { .. }
                        | EventLogError::Malformed { .. }
                        | EventLogError::Line { .. }
                );
                assert!(says_where, "{name}: {said}");
            }
        }
    }
}

#[test]
fn wrong_encodings_are_read_as_far_as_they_go() {
    let folder = tempfile::tempdir().unwrap();
    let line = "Event ID: 9318\r\nSource: MSExchangeMTA\r\nDescription: Unable to bind.\r\n";
    let wide: Vec<u8> = line.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let cut = |octets: &[u8]| octets[..octets.len() - 1].to_vec();
    for (name, octets) in [
        ("half a unit", cut(&[&[0xff, 0xfe], wide.as_slice()].concat())),
        ("a mark that lies", [&[0xfe, 0xff], wide.as_slice()].concat()),
        ("a mark of UTF-8 before UTF-16", [&[0xef, 0xbb, 0xbf], wide.as_slice()].concat()),
        ("lone surrogates", [0xff, 0xfe].into_iter().chain([0, 0xd8].repeat(50_000)).collect()),
        ("no UTF-8", [line.as_bytes(), &[0xc3, 0x28, 0xff, 0x80]].concat()),
        ("overlong", [0xc0, 0xaf].repeat(10_000)),
        ("zeros", vec![0; 100_000]),
        ("a mark alone", vec![0xff, 0xfe]),
        ("nothing", Vec::new()),
    ] {
        let path = file(folder.path(), "log.txt", &octets);
        // What counts is that it ends, and within bounds.
        let read = read(&path);
        assert!(read.is_ok() || !read.unwrap_err().to_string().is_empty(), "{name}");
    }
    let plain = file(folder.path(), "log.txt", &[&[0xff, 0xfe], wide.as_slice()].concat());
    assert_eq!(read(&plain).unwrap(), 1, "the same in order");
}

#[test]
fn nests_bombs_and_endless_rows_end() {
    let folder = tempfile::tempdir().unwrap();
    let entities = (0..20).map(|n| format!("<!ENTITY a{} '&a{n};&a{n};&a{n};'>", n + 1));
    let entities: String = entities.collect();
    let bomb = format!(
        "<!DOCTYPE x [<!ENTITY a0 'boom'>{entities}]><Events><Event>&a20;</Event></Events>"
    );
    let one_row = format!("Date,Time,Source,Type,Category,Event\n{}", "1,".repeat(3_000_000));
    for (name, octets) in [
        ("open tags", "<Event>".repeat(500_000)),
        ("entities", bomb),
        ("attributes", format!("<Event {}>", "a='1' ".repeat(500_000))),
        ("a comment that never ends", format!("<Events><!--{}", "x".repeat(5_000_000))),
        ("arrays", format!("{{\"id\":{}", "[".repeat(2_000_000))),
        ("a line of JSON", format!("{{\"id\":1,\"text\":\"{}\"}}", "x".repeat(5_000_000))),
        ("columns", one_row),
        ("a quote that never ends", format!("a,b,c,d,e\n\"{}", "x,\n".repeat(1_000_000))),
        ("empty lines", "\r\n".repeat(3_000_000)),
        ("labels", "Event ID:\n".repeat(500_000)),
    ] {
        let path = file(folder.path(), "log.txt", octets.as_bytes());
        let read = read(&path);
        assert!(read.is_ok() || !read.unwrap_err().to_string().is_empty(), "{name}");
    }
    // A folder, and a file that is not there, are told as what they are.
    for missing in [folder.path().to_owned(), folder.path().join("none")] {
        assert!(matches!(read(&missing), Err(EventLogError::Io(_))), "{}", missing.display());
    }
}

#[test]
fn every_cut_of_a_binary_log_ends() {
    let folder = tempfile::tempdir().unwrap();
    for (name, mut octets) in [("evt", evt_head()), ("evtx", evtx_head())] {
        octets.extend([0x5a; 300]);
        for end in (0..octets.len()).step_by(7) {
            let path = file(folder.path(), name, &octets[..end]);
            let _ = read(&path);
        }
    }
}
