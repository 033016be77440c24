//! The way to a KDC, and files, on loopback.

use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use identity::Password;
use krb5::message::KrbError;
use net::Resolver;
use security::KerberosCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, UdpSocket};

use super::*;

const REALM: &str = "EAST.TEST";

fn refusal(code: KerberosCode, ahead: i64) -> Vec<u8> {
    let mut server_time = now();
    server_time.seconds += ahead;
    KrbError {
        server_time,
        code,
        client_realm: None,
        server: Principal::ticket_granting(REALM, REALM),
        text: None,
        data: None,
    }
    .encode()
}

fn client(ports: &[u16]) -> Client {
    let kdcs = ports.iter().map(|port| KdcAddress { host: "127.0.0.1".to_owned(), port: *port });
    Client {
        realms: Realms::default().with_kdcs(REALM, kdcs.collect()),
        resolver: Resolver::default(),
        patience: Duration::from_millis(600),
    }
}

fn login() -> Login {
    let client = Principal::account("ann", REALM);
    Login::Secret { client, secret: Secret::Password(Password::from("x")) }
}

/// A KDC on TCP that answers once with these octets, whatever it is asked.
async fn over_tcp(answer: Vec<u8>) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let length = stream.read_u32().await.unwrap();
        let mut request = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut request).await.unwrap();
        assert_eq!(request[0], 0x6a, "an AS-REQ");
        stream.write_all(&answer).await.unwrap();
        // Stays open: whoever waits for more waits until its patience ends.
        tokio::time::sleep(Duration::from_secs(5)).await;
    });
    port
}

fn framed(answer: &[u8]) -> Vec<u8> {
    [&u32::try_from(answer.len()).unwrap().to_be_bytes()[..], answer].concat()
}

async fn closed_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn the_kdc_s_refusal_comes_with_code_and_clock() {
    let port = over_tcp(framed(&refusal(KerberosCode::KRB_AP_ERR_SKEW, 900))).await;
    let error = client(&[port]).log_on(&login()).await.unwrap_err();
    assert_eq!(error.code(), Some(KerberosCode::KRB_AP_ERR_SKEW));
    assert_eq!(error.win32(), 1398);
    let told = error.to_string();
    assert!(told.contains("(37)") && told.contains("s ahead of this machine's"), "{told}");
}

#[tokio::test]
async fn a_silent_closed_or_lying_kdc_is_passed_over() {
    let closed = closed_port().await;
    // One that announces four GiB, and one that sends half of what it announces.
    let lying = over_tcp(vec![0xff; 8]).await;
    let half = over_tcp(framed(&[0; 40])[..20].to_vec()).await;
    let good = over_tcp(framed(&refusal(KerberosCode::KDC_ERR_CLIENT_REVOKED, 0))).await;
    let error = client(&[closed, lying, half, good]).log_on(&login()).await.unwrap_err();
    assert_eq!(error.code(), Some(KerberosCode::KDC_ERR_CLIENT_REVOKED));
    let error = client(&[closed]).log_on(&login()).await.unwrap_err();
    assert!(
        matches!(&error, KerberosError::NoKdc { tried, .. } if tried.contains("refused")),
        "{error}"
    );
    assert_eq!((error.code(), error.win32()), (None, 1311));
    assert!(error.remedy().contains("--kdc"));
}

#[tokio::test]
async fn udp_serves_where_no_tcp_port_is_open() {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let port = socket.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut buffer = [0; 2048];
        // The first one is lost on the way.
        socket.recv_from(&mut buffer).await.unwrap();
        let (_, from) = socket.recv_from(&mut buffer).await.unwrap();
        let answer = refusal(KerberosCode::KDC_ERR_KEY_EXPIRED, 0);
        socket.send_to(&answer, from).await.unwrap();
    });
    let error = client(&[port]).log_on(&login()).await.unwrap_err();
    assert_eq!(error.code(), Some(KerberosCode::KDC_ERR_KEY_EXPIRED));
}

fn file(octets: &[u8], mode: u32) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, octets).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    (folder, path)
}

fn keytab(etype: i32) -> Keytab {
    let octets = vec![7; if etype == 18 { 32 } else { 16 }];
    Keytab::new(vec![KeytabEntry {
        principal: "svc@EAST.TEST".parse().unwrap(),
        timestamp: 0,
        kvno: 1,
        key: krb5::RawKey { etype, octets: octets.into() },
    }])
}

#[test]
fn keytabs_are_read_unless_everybody_may_or_nothing_is_in_them() {
    let (_folder, path) = file(&keytab(18).encode(), 0o640);
    let read = read_keytab(&path).unwrap();
    let who = Login::with_keytab(Some(&"SVC@east.test".parse().unwrap()), &read).unwrap();
    assert_eq!(who.client().to_string(), "svc@EAST.TEST");
    assert_eq!(Login::with_keytab(None, &read).unwrap().client().name(), "svc");
    let other = Login::with_keytab(Some(&"ann@EAST.TEST".parse().unwrap()), &read).unwrap_err();
    assert!(other.to_string().contains("it has keys of svc@EAST.TEST"), "{other}");
    let (_folder, path) = file(&keytab(18).encode(), 0o644);
    assert!(matches!(read_keytab(&path), Err(ReadError::Exposed { mode: 0o644, .. })));
    let (_folder, path) = file(&keytab(23).encode(), 0o600);
    let weak = read_keytab(&path).unwrap_err().to_string();
    assert!(weak.contains("RC4"), "{weak}");
    let (_folder, path) = file(b"Passw0rd", 0o600);
    assert!(matches!(read_keytab(&path), Err(ReadError::Format { .. })));
}

#[test]
fn caches_elsewhere_than_in_files_are_named() {
    let told = read_ccache(std::path::Path::new("KCM:0")).unwrap_err().to_string();
    assert!(told.contains("KCM") && told.contains("FILE:"), "{told}");
    let missing = read_ccache(std::path::Path::new("FILE:/nonexistent/cache")).unwrap_err();
    assert!(matches!(missing, ReadError::Read { .. }));
}
