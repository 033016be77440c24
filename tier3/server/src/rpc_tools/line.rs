//! A plain TCP service beside the echo server, to tell what the line carries without RPC.
//!
//! An interface of one operation says on which port. There the first octet says what follows: 1, octets from the client,
//! which the server counts and answers with their number once the client has ended; 2, octets from the server until the
//! client closes. No connection lasts longer than a minute.

use std::time::Duration;

use dcerpc::{ByteOrder, NdrReader, NdrWriter, SyntaxId, Uuid, status};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Of our own; its one operation gives the port.
pub(super) const INTERFACE: SyntaxId =
    SyntaxId::new(Uuid::from_u128(0x1d6c8a52_7f0e_4c1b_a94e_5b3d2f8e6071), 1, 0);
pub(super) const OP_PORT: u16 = 0;
pub(super) const TO_SERVER: u8 = 1;
pub(super) const FROM_SERVER: u8 = 2;
/// Octets of one read or write: what a fast line takes in some tens of microseconds.
pub(super) const CHUNK: usize = 256 * 1024;
/// The longest transfer: a bench asks for seconds.
const LONGEST: Duration = Duration::from_secs(60);

/// Executes an operation of the interface.
pub(super) fn dispatch(opnum: u16, port: u16) -> Result<Vec<u8>, u32> {
    if opnum != OP_PORT {
        return Err(status::NCA_OP_RNG_ERROR);
    }
    let mut writer = NdrWriter::with_order(ByteOrder::Little);
    writer.u16(port);
    Ok(writer.into_vec())
}

/// The port that an answer names.
pub(super) fn port(stub: &[u8], order: ByteOrder) -> Option<u16> {
    NdrReader::new("line port", stub, order).u16("port").ok()
}

/// Serves one connection after another, each in a task of its own.
pub(super) async fn serve(listener: TcpListener) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => drop(tokio::spawn(tokio::time::timeout(LONGEST, transfer(stream)))),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn transfer(mut stream: TcpStream) {
    let mut octets = vec![0; CHUNK];
    match stream.read_u8().await {
        Ok(TO_SERVER) => {
            let mut total: u64 = 0;
            while let Ok(count @ 1..) = stream.read(&mut octets).await {
                total += u64::try_from(count).unwrap_or(0);
            }
            // The client measures until it hears this; one that is gone does not.
            let _ = stream.write_u64(total).await;
        }
        Ok(FROM_SERVER) => while stream.write_all(&octets).await.is_ok() {},
        _ => {}
    }
}
