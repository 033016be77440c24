//! `bench queue`: (a) durable enqueues beside raw appends, (b) SMTP through the queue beside Postfix, (c) a long queue.
//!
//! The last line of standard output is one JSON object; docs/performance.md has what the newest run said.

use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use conformance::{Postfix, Session};
use serde_json::{Value, json};

use super::host;
use super::load::{Load, Sink};

/// Addresses of the bench alone; proofs take theirs from 127.64.0.0 on.
const SERVER: [u8; 4] = [127, 51, 0, 1];
const SINK: [u8; 4] = [127, 51, 0, 2];
const POSTFIX: [u8; 4] = [127, 51, 0, 3];
const DEAD: [u8; 4] = [127, 51, 0, 4];
const PORT: u16 = 2525;
/// Domains that nobody answers for.
const DEAD_DOMAINS: usize = 100;
/// How long anything may take, or a sink may see nothing new.
const PATIENCE: Duration = Duration::from_secs(600);

#[derive(Debug, clap::Args)]
#[group(id = "queue")]
pub struct Options {
    /// Which parts of the queue's benchmark
    #[arg(long, value_delimiter = ',', default_value = "a,b,c")]
    parts: Vec<String>,
    /// Messages of each measurement in (b)
    #[arg(long, default_value_t = 2000)]
    messages: usize,
    /// Sessions in (b)
    #[arg(long, value_delimiter = ',', default_value = "1,10,100")]
    sessions: Vec<usize>,
    /// Octets of a message in (b)
    #[arg(long, value_delimiter = ',', default_value = "2048,51200")]
    sizes: Vec<usize>,
    /// Messages that wait in (c): a million takes some minutes and 6 GB of disk, fewer show less
    #[arg(long, default_value_t = 1_000_000)]
    queued: usize,
}

pub fn run(options: &Options, seconds: u64) -> Result<ExitCode> {
    let folder = Folder::make()?;
    let mut result = json!({ "bench": "queue", "machine": host::machine() });
    println!("{}", host::machine());
    let has = |part: &str| options.parts.iter().any(|one| one == part);
    if has("a") {
        result["enqueue"] = enqueue(folder.path(), seconds)?;
    }
    let sink = Sink::listen(&[SocketAddr::from((SINK, PORT))])?;
    if has("b") {
        result["through"] = through(folder.path(), options, &sink)?;
    }
    if has("c") {
        result["long_queue"] = long_queue(folder.path(), options.queued, &sink)?;
    }
    println!("{result}");
    Ok(ExitCode::SUCCESS)
}

/// (a): the store, 1, 8 and 64 writers that each wait for the disk.
fn enqueue(folder: &Path, seconds: u64) -> Result<Value> {
    let mut build = Command::new("cargo");
    build.args(["build", "--release", "-p", "bindback-store", "--example", "enqueue"]);
    ensure!(build.status()?.success(), "the example does not build");
    let tool = workspace()?.join("target/release/examples/enqueue");
    let mut rows = Vec::new();
    for writers in ["1", "8", "64"] {
        let output = Command::new(&tool)
            .arg(folder)
            .args([writers, &seconds.to_string()])
            .stderr(Stdio::inherit())
            .output()?;
        ensure!(output.status.success(), "enqueue failed with {writers} writers");
        let mut row: Value = serde_json::from_slice(&output.stdout)?;
        let rate = |key: &str| row[key].as_f64().unwrap_or(0.0);
        let ratio = rate("store_per_s") / rate("raw_per_s").max(1.0);
        row["ratio"] = rounded(ratio).into();
        if writers == "64" {
            row["flushes_per_message"] = flushes(&tool, folder)?;
        }
        println!("(a) {row}");
        rows.push(row);
    }
    Ok(rows.into())
}

/// Sync calls for each message with 64 writers, counted by strace; its rate counts for nothing.
fn flushes(tool: &Path, folder: &Path) -> Result<Value> {
    let traced = folder.join("traced");
    std::fs::create_dir_all(&traced)?;
    let counted = Command::new("strace")
        .args(["-f", "-c", "-e", "trace=fsync,fdatasync,sync_file_range,msync", "-o"])
        .arg(folder.join("strace.txt"))
        .arg(tool)
        .arg(&traced)
        .args(["64", "2", "store"])
        .stderr(Stdio::null())
        .output();
    let Ok(output) = counted else { return Ok(Value::Null) };
    let row: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
    let messages = row["store_messages"].as_f64().unwrap_or(0.0).max(1.0);
    let table = std::fs::read_to_string(folder.join("strace.txt")).unwrap_or_default();
    let calls = table.lines().filter(|line| line.contains("sync")).filter_map(|line| {
        line.split_whitespace().nth(3).and_then(|text| text.parse::<f64>().ok())
    });
    Ok(rounded(calls.sum::<f64>() / messages).into())
}

/// (b): generator, server, sink.
fn through(folder: &Path, options: &Options, sink: &Sink) -> Result<Value> {
    let mut rows = Vec::new();
    let hub = format!(
        "[[connector]]\nname = 'hub'\nkind = 'smtp'\nhosts = ['{}']\nmax_associations = 20\n[[connector.address_space]]\npattern = '*'\n",
        SocketAddr::from((SINK, PORT))
    );
    let relay = format!("[{}]:{PORT}", SocketAddr::from((SINK, PORT)).ip());
    for size in &options.sizes {
        for sessions in &options.sessions {
            let load = |target| Load {
                target,
                sessions: *sessions,
                messages: options.messages,
                size: *size,
                recipient: |number| format!("bert{}@far.bench.test", number % 100),
            };
            let ours = {
                let server = Server::start(&folder.join("through"), &hub, "")?;
                measure(&load(SocketAddr::from((SERVER, PORT))), sink, server.id())?
            };
            let mut row = json!({ "size": size, "sessions": sessions, "bindback": ours });
            if let Some(reason) = Postfix::why_not() {
                row["postfix"] = reason.into();
            } else {
                // Its default durability; only limits on the number of its processes are lifted for 100 sessions.
                let postfix = Postfix::start(
                    SocketAddr::from((POSTFIX, PORT)),
                    &[("relayhost", relay.clone()), ("default_process_limit", "120".to_owned())],
                )?;
                let theirs = measure(&load(postfix.address()), sink, postfix.master()?)?;
                let rate = |row: &Value| row["per_s"].as_f64().unwrap_or(0.0);
                row["times"] = rounded(rate(&row["bindback"]) / rate(&theirs).max(1.0)).into();
                row["postfix"] = theirs;
            }
            println!("(b) {row}");
            rows.push(row);
        }
    }
    Ok(rows.into())
}

fn measure(load: &Load, sink: &Sink, pid: u32) -> Result<Value> {
    let (before, count) = (host::cpu_seconds(pid)?, sink.count());
    let begin = Instant::now();
    let taken = load.run()?;
    let messages = u64::try_from(load.messages)?;
    sink.until(count + messages, PATIENCE)?;
    let through = begin.elapsed();
    let cpu = host::cpu_seconds(pid)? - before;
    let messages = f64::from(u32::try_from(messages)?);
    Ok(json!({
        "per_s": (messages / through.as_secs_f64()).round(),
        "accepted_per_s": (messages / taken.as_secs_f64()).round(),
        "cpu_s_per_1000": rounded(cpu * 1000.0 / messages),
    }))
}

/// (c): many messages for domains that nobody answers for.
fn long_queue(folder: &Path, queued: usize, sink: &Sink) -> Result<Value> {
    let folder = folder.join("long");
    let dead = SocketAddr::from((DEAD, PORT));
    let mut hosts = format!("'live.bench.test' = '{}'\n", SocketAddr::from((SINK, PORT)).ip());
    for number in 0..DEAD_DOMAINS {
        hosts += &format!("'dead{number}.bench.test' = '{}'\n", dead.ip());
    }
    let connector = format!(
        "[[connector]]\nname = 'internet'\nkind = 'smtp'\nport = {PORT}\nconnect_timeout_s = 5\n[[connector.address_space]]\npattern = '*'\n"
    );
    // Room for those and for the letters whose latency is measured.
    let connector = format!("[queue]\nmax_messages = {}\n{connector}", queued + 1000);
    let server = Server::start(&folder, &connector, &hosts)?;
    let target = SocketAddr::from((SERVER, PORT));
    let live_before = latency(target, sink)?;
    let empty = host::resident(server.id())?;
    let load = Load {
        target,
        sessions: 64,
        messages: queued,
        size: 2048,
        recipient: |number| format!("bert@dead{}.bench.test", number % DEAD_DOMAINS),
    };
    let filled = load.run()?;
    let many = f64::from(u32::try_from(queued)?);
    let full = host::resident(server.id())?;
    let live_full = latency(target, sink)?;
    println!("(c) {queued} queued after {:.0} s", filled.as_secs_f64());
    let timed = |arguments: &[&str]| -> Result<Duration> {
        let begin = Instant::now();
        server.command(arguments)?;
        Ok(begin.elapsed())
    };
    let list = timed(&["queue", "list", "--json"])?;
    let page = timed(&["queue", "show", "--limit", "100", "--json"])?;
    let begin = Instant::now();
    let server = server.stop()?;
    let stopped = begin.elapsed();
    let disk = disk_octets(&folder)?;
    let begin = Instant::now();
    let server = server.start_again()?;
    let started = begin.elapsed();
    latency_of(target, sink, 1)?;
    let first_delivery = begin.elapsed();
    let again = host::resident(server.id())?;
    println!("(c) greeting {started:?}, first delivery {first_delivery:?} after the start");
    let drained = drain(&server, queued)?;
    let each = |octets: u64| -> Result<u64> {
        Ok(octets.saturating_sub(empty) / u64::try_from(queued.max(1))?)
    };
    Ok(json!({
        "queued": queued,
        "accepted_per_s": (many / filled.as_secs_f64()).round(),
        "octets_of_memory_per_message": each(full)?,
        "octets_of_memory_per_message_after_restart": each(again)?,
        "octets_of_disk": disk,
        "live_latency_ms_before": millis(live_before),
        "live_latency_ms_full": millis(live_full),
        "queue_list_ms": millis(list),
        "queue_show_100_ms": millis(page),
        "stop_ms": millis(stopped),
        "restart_to_greeting_ms": millis(started),
        "restart_to_first_delivery_ms": millis(first_delivery),
        "drain_per_s": (many / drained.as_secs_f64()).round(),
    }))
}

/// What a folder and all below it take.
fn disk_octets(folder: &Path) -> Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let data = entry.metadata()?;
        sum += if data.is_dir() { disk_octets(&entry.path())? } else { data.len() };
    }
    Ok(sum)
}

/// The dead ones live again: how long until all is gone.
fn drain(server: &Server, queued: usize) -> Result<Duration> {
    let revived = Sink::listen(&[SocketAddr::from((DEAD, PORT))])?;
    let begin = Instant::now();
    server.command(&["queue", "retry", "--all", "--json"])?;
    revived.until(u64::try_from(queued)?, PATIENCE)?;
    Ok(begin.elapsed())
}

/// From the first octet of a letter to its arrival, the middle one of several.
fn latency(target: SocketAddr, sink: &Sink) -> Result<Duration> {
    let mut all = latency_of(target, sink, 21)?;
    all.sort();
    all.get(10).copied().context("no letter")
}

fn latency_of(target: SocketAddr, sink: &Sink, count: usize) -> Result<Vec<Duration>> {
    let mut all = Vec::new();
    for _ in 0..count {
        let before = sink.count();
        let begin = Instant::now();
        let load = Load {
            target,
            sessions: 1,
            messages: 1,
            size: 2048,
            recipient: |_| "bert@live.bench.test".to_owned(),
        };
        load.run()?;
        sink.until(before + 1, PATIENCE)?;
        all.push(begin.elapsed());
    }
    Ok(all)
}

/// A server of the release build.
struct Server {
    program: PathBuf,
    folder: PathBuf,
    child: Option<Child>,
}

impl Server {
    fn start(folder: &Path, connectors: &str, hosts: &str) -> Result<Self> {
        if folder.exists() {
            std::fs::remove_dir_all(folder)?;
        }
        std::fs::create_dir_all(folder.join("secrets"))?;
        std::fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(folder.join("secrets/service.password"))
            .and_then(|mut file| {
                std::io::Write::write_all(&mut file, b"bench of a mouse trap\n")
            })?;
        let address = SocketAddr::from((SERVER, PORT));
        let text = format!(
            "[server]\nname = 'EAST'\norganisation = 'Bench'\nsite = 'HQ'\nhost_name = 'east.bench.test'\n\
             [smtp]\nlisten = ['{address}']\nrelay = ['127.0.0.0/8']\n\
             [mail]\ndomains = ['east.bench.test']\nmailboxes = ['anna']\n\
             [rpc]\nlisten = '{}'\nmapper_port = 1135\naccount = 'BENCH\\svc-east'\n\
             [events]\nstderr_level = 'off'\n{connectors}[hosts]\n{hosts}",
            address.ip()
        );
        std::fs::write(folder.join("bindback.toml"), text)?;
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        let program = conformance::release_binary()?;
        Self { program, folder: folder.to_owned(), child: None }.start_again()
    }

    fn start_again(mut self) -> Result<Self> {
        let child = Command::new(&self.program)
            .args(["serve", "-c"])
            .arg(self.folder.join("bindback.toml"))
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(self.folder.join("stderr.txt"))?)
            .spawn()?;
        self.child = Some(child);
        let begin = Instant::now();
        while Session::connect(SocketAddr::from((SERVER, PORT))).is_err() {
            ensure!(begin.elapsed() < PATIENCE, "the server does not greet");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(self)
    }

    fn id(&self) -> u32 {
        self.child.as_ref().map_or(0, Child::id)
    }

    fn command(&self, arguments: &[&str]) -> Result<()> {
        let output = Command::new(&self.program)
            .args(arguments)
            .arg("-c")
            .arg(self.folder.join("bindback.toml"))
            .output()?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// SIGTERM, as by a service manager.
    fn stop(mut self) -> Result<Self> {
        if let Some(mut child) = self.child.take() {
            let id = child.id().to_string();
            ensure!(Command::new("kill").arg(&id).status()?.success(), "kill {id}");
            child.wait()?;
        }
        Ok(self)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// A folder on the disk that holds the workspace, since /tmp may be memory; removed in the end.
struct Folder(PathBuf);

impl Folder {
    fn make() -> Result<Self> {
        let path = workspace()?.join("target/bench-queue");
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn workspace() -> Result<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace")?;
    Ok(folder.to_owned())
}

fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

fn millis(time: Duration) -> f64 {
    rounded(time.as_secs_f64() * 1000.0)
}
