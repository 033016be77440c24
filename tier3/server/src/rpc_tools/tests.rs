//! The client's steps against the echo server, on loopback.

use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use identity::Password;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use super::steps::StepEvidence;
use super::*;

const ACCOUNT: &str = "EAST\\ann";

struct Running {
    mapper_port: u16,
    task: JoinHandle<()>,
    _folder: TempDir,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn start() -> Running {
    start_at("127.0.0.1")
}

fn start_at(address: &str) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let accounts = folder.path().join("accounts");
    std::fs::write(&accounts, format!("{ACCOUNT}:right\n")).unwrap();
    std::fs::set_permissions(&accounts, std::fs::Permissions::from_mode(0o600)).unwrap();
    let server = EchoServer::open(EchoSettings {
        address: address.parse().unwrap(),
        mapper_port: 0,
        accounts,
        keytab: None,
        domain: None,
        realm: Some("EAST.TEST".to_owned()),
        name: "echo".to_owned(),
        netlogon: true,
        ready_file: Some(folder.path().join("ready")),
    })
    .unwrap();
    let mapper_port = server.ports().unwrap().0.port();
    let task = tokio::spawn(async move { server.run().await.unwrap() });
    Running { mapper_port, task, _folder: folder }
}

fn settings(running: &Running, interface: Option<SyntaxId>) -> PingSettings {
    PingSettings {
        host: "127.0.0.1".to_owned(),
        hosts: std::collections::BTreeMap::new(),
        port: None,
        mapper_port: running.mapper_port,
        interface,
        further: Vec::new(),
        caller: None,
        count: 2,
        patience: Duration::from_secs(10),
    }
}

fn told(steps: &[Step]) -> Vec<(&'static str, StepResult, u32)> {
    steps.iter().map(|step| (step.step, step.result, step.code)).collect()
}

#[tokio::test]
async fn every_mechanism_and_level_gets_through() {
    let running = start();
    let ok = |step| (step, StepResult::Ok, 0);
    let steps = ping(&settings(&running, None)).await;
    assert_eq!(told(&steps), ["name", "tcp", "bind", "call", "call"].map(ok));
    for mechanisms in [Mechanisms::Ntlm, Mechanisms::Negotiate] {
        for level in
            [AuthLevel::Connect, AuthLevel::Packet, AuthLevel::Integrity, AuthLevel::Privacy]
        {
            let (account, password) = (ACCOUNT.parse().unwrap(), Password::from("right"));
            let caller = Caller::with_password(account, password, mechanisms, level);
            let settings = PingSettings {
                caller: Some(caller),
                ..settings(&running, Some(dcerpc::echo::INTERFACE))
            };
            let steps = ping(&settings).await;
            let way = ["name", "tcp", "bind", "mapper", "tcp", "bind", "call", "call"];
            assert_eq!(told(&steps), way.map(ok), "{mechanisms:?} {level:?} {steps:?}");
        }
    }
}

#[tokio::test]
async fn where_it_stops_is_told() {
    let running = start();
    for mechanisms in [Mechanisms::Ntlm, Mechanisms::Negotiate] {
        let (account, password) = (ACCOUNT.parse().unwrap(), Password::from("wrong"));
        let caller = Caller::with_password(account, password, mechanisms, AuthLevel::Privacy);
        let steps = ping(&PingSettings { caller: Some(caller), ..settings(&running, None) }).await;
        let last = told(&steps).pop().unwrap();
        assert_eq!(last, ("authentication", StepResult::Denied, 5), "{steps:?}");
    }
    let unknown = SyntaxId::new(dcerpc::well_known::ORIGINAL_MTA, 1, 0);
    let steps = ping(&settings(&running, Some(unknown))).await;
    assert_eq!(told(&steps).pop().unwrap(), ("mapper", StepResult::Refused, 1753));
    assert!(steps.last().unwrap().target.contains("Exchange MTA"));
    let steps = ping(&PingSettings {
        port: Some(running.mapper_port),
        ..settings(&running, Some(unknown))
    })
    .await;
    assert_eq!(told(&steps).pop().unwrap(), ("bind", StepResult::Refused, 1717));
    let steps =
        ping(&PingSettings { host: "no.such.host.invalid".to_owned(), ..settings(&running, None) })
            .await;
    assert_eq!(told(&steps), [("name", StepResult::Error, 1722)]);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    // A table of names comes before the system's resolver.
    let steps = ping(&PingSettings {
        host: "No.Such.Host.invalid".to_owned(),
        hosts: [("no.such.host.invalid".to_owned(), vec![[127, 0, 0, 1].into()])].into(),
        ..settings(&running, None)
    })
    .await;
    assert_eq!(steps.last().unwrap().result, StepResult::Ok, "{steps:?}");
    let steps = ping(&PingSettings { port: Some(closed), ..settings(&running, None) }).await;
    assert_eq!(told(&steps).pop().unwrap(), ("tcp", StepResult::Refused, 1722));
}

#[tokio::test]
async fn endpoints_are_listed_with_their_names() {
    let running = start();
    let (steps, rows) =
        endpoints("127.0.0.1", running.mapper_port, None, Duration::from_secs(10)).await;
    assert!(steps.iter().all(|step| step.result == StepResult::Ok), "{steps:?}");
    let names: Vec<_> = rows.iter().filter_map(|row| row.name).collect();
    assert_eq!(names.len(), 3);
    assert!(names.iter().any(|name| name.contains("rpcecho")), "{names:?}");
    let binding = rows[0].binding.as_deref().unwrap();
    assert!(binding.starts_with("ncacn_ip_tcp:127.0.0.1["), "{binding}");
}

fn bench_settings(running: &Running, operation: Operation, binds: bool) -> BenchSettings {
    let caller = Caller::with_password(
        ACCOUNT.parse().unwrap(),
        Password::from("right"),
        Mechanisms::Ntlm,
        AuthLevel::Privacy,
    );
    BenchSettings {
        reach: PingSettings { caller: Some(caller), ..settings(running, None) },
        operation,
        duration: Duration::from_millis(200),
        size: 3000,
        concurrency: 2,
        binds,
    }
}

/// Claims: 34.
/// Claims: 34.
#[tokio::test(flavor = "multi_thread")]
async fn a_bench_measures_both_directions_and_the_line() {
    let running = start();
    let done = bench(&bench_settings(&running, Operation::Any, false)).await;
    assert!(done.steps.iter().all(|step| step.result == StepResult::Ok), "{:?}", done.steps);
    for (figures, operation) in
        [(&done.to_server, "rpcecho SinkData"), (&done.from_server, "rpcecho SourceData")]
    {
        let figures = figures.as_ref().unwrap();
        assert_eq!((figures.operation, figures.failed), (operation, 0));
        assert!(figures.calls > 0 && figures.mb_per_s > 0.0, "{figures:?}");
        let latency = figures.latency;
        assert!(latency.p50_ms <= latency.p99_ms && latency.p99_ms <= latency.max_ms);
        // So many callers cannot make more calls than the time allows.
        let calls = f64::from(u32::try_from(figures.calls).unwrap());
        assert!((figures.calls_per_s * figures.seconds - calls).abs() < 1.0);
    }
    let line = done.line.unwrap();
    assert!(line.to_server_mb_per_s.unwrap() > 1.0 && line.from_server_mb_per_s.unwrap() > 1.0);
    assert_eq!(line.why_not, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bench_of_a_server_without_echo_says_what_it_calls() {
    let running = start();
    let done = bench(&bench_settings(&running, Operation::Mgmt, false)).await;
    assert!(done.to_server.unwrap().operation.starts_with("mgmt inq_if_ids"));
    assert_eq!(done.from_server, None);
    let done = bench(&bench_settings(&running, Operation::Mgmt, true)).await;
    let binds = done.binds.unwrap();
    assert!(binds.calls > 0 && binds.failed == 0, "{binds:?}");
    assert_eq!(done.to_server, None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bench_that_may_not_call_says_where_it_stopped() {
    let running = start();
    let mut settings = bench_settings(&running, Operation::Any, false);
    let caller = settings.reach.caller.as_mut().unwrap();
    caller.ntlm.as_mut().unwrap().1 = Password::from("wrong");
    let done = bench(&settings).await;
    let last = done.steps.last().unwrap();
    assert!(last.result != StepResult::Ok, "{last:?}");
    assert_eq!((done.to_server, done.line), (None, None));
}

/// Server and client over IPv6; and a server for both families, as a dual-stack socket is.
#[tokio::test]
async fn the_other_address_family_is_served_too() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: no IPv6 on this machine");
        return;
    }
    for (listens, calls) in [("::1", vec!["::1"]), ("::", vec!["::1", "127.0.0.1"])] {
        let running = start_at(listens);
        for host in calls {
            let caller = Caller::with_password(
                ACCOUNT.parse().unwrap(),
                Password::from("right"),
                Mechanisms::Negotiate,
                AuthLevel::Privacy,
            );
            let settings = PingSettings {
                host: host.to_owned(),
                caller: Some(caller),
                ..settings(&running, Some(dcerpc::echo::INTERFACE))
            };
            let steps = ping(&settings).await;
            assert_eq!(told(&steps).pop().unwrap(), ("call", StepResult::Ok, 0), "{steps:?}");
            let patience = Duration::from_secs(10);
            let (_, rows) = endpoints(host, running.mapper_port, None, patience).await;
            let binding = rows[0].binding.as_deref().unwrap();
            assert!(binding.starts_with(&format!("ncacn_ip_tcp:{host}[")), "{binding}");
        }
    }
}

#[tokio::test]
async fn who_said_no_and_by_which_pdu_is_told() {
    let running = start();
    let unknown = SyntaxId::new(dcerpc::well_known::ORIGINAL_MTA, 1, 0);
    let seen = |steps: &[Step]| {
        let evidence = steps.last().unwrap().evidence.clone();
        (evidence.pdu, evidence.status, evidence.refused_by)
    };
    let steps = ping(&settings(&running, Some(unknown))).await;
    let not_registered = Some("0x16c9a0d6".to_owned());
    assert_eq!(seen(&steps), (Some("response"), not_registered, Some("the endpoint mapper")));
    let port = Some(running.mapper_port);
    let steps = ping(&PingSettings { port, ..settings(&running, Some(unknown)) }).await;
    let unknown_interface = Some("0x00000001".to_owned());
    assert_eq!(seen(&steps), (Some("bind_ack"), unknown_interface, Some("the server")));
    let host = "no.such.host.invalid".to_owned();
    let steps = ping(&PingSettings { host, ..settings(&running, None) }).await;
    assert_eq!(seen(&steps), (None, None, Some("the network")));
    let well = ping(&settings(&running, None)).await;
    assert!(well.iter().all(|step| step.evidence == StepEvidence::default()), "{well:?}");
}
