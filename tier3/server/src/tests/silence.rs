//! Event 9277: a call that gets no answer, and a binding on which nothing is called.

use std::sync::Arc;

use event::Event;

use super::fixture::*;
use crate::link::run_peer;

async fn next(server: &mut Server, id: u32) -> Event {
    loop {
        let event = tokio::time::timeout(PATIENCE, server.events.recv()).await.unwrap().unwrap();
        if event.id == id {
            return event;
        }
    }
}

fn call(server: &Server, peer: &str) {
    tokio::spawn(run_peer(Arc::clone(&server.node), peer.to_owned()));
    server.node.wake_peer(peer);
}

/// WEST waits for its bind-back, which meets a port that says nothing, and so does EAST for WEST's answer.
#[tokio::test]
async fn a_call_without_an_answer_is_cancelled_and_told() {
    let (silent, for_west) = (Trap::set(), listener().await);
    let west_port = for_west.1;
    let short = [("call_timeout_s", "1"), ("bind_back_timeout_s", "1")];
    // EAST says that it can be bound back at the silent port.
    let (mapper, _) = listener().await;
    let for_east = (mapper, silent.port);
    let mut east = Server::start_with("EAST", for_east, &[("WEST", west_port)], &short).await;
    let _west = Server::start("WEST", for_west, &[("EAST", silent.port)]).await;
    call(&east, "WEST");
    let event = next(&mut east, event::id::CALL_CANCELLED).await;
    assert_eq!((event.word("call"), event.number("ms")), (Some("MtaBind"), Some(2000)));
    assert_eq!(event.peer.as_deref(), Some("WEST"));
    let event = next(&mut east, event::id::BIND_FAILED).await;
    assert_eq!((event.code(), event.comms(), event.bind()), (Some(1722), Some(1722), Some(0)));
    // The call was cancelled there too: WEST gives up its bind-back, and nothing is left opening.
    let opening = || _west.node.ltab().rows().any(|row| row.state == mta::State::Opening);
    until(|| (!opening()).then_some(())).await;
}

#[tokio::test]
async fn a_binding_that_is_idle_for_too_long_is_ended_and_told() {
    let (for_east, for_west) = (listener().await, listener().await);
    let (east_port, west_port) = (for_east.1, for_west.1);
    let short = [("idle_timeout_s", "1")];
    let mut east = Server::start_with("EAST", for_east, &[("WEST", west_port)], &short).await;
    let west = Server::start("WEST", for_west, &[("EAST", east_port)]).await;
    call(&east, "WEST");
    let event = next(&mut east, event::id::CALL_CANCELLED).await;
    assert_eq!((event.word("call"), event.number("ms")), (Some("RPC inactive"), Some(1000)));
    let string = event.word("protocol_string").unwrap();
    assert!(string.starts_with("ncacn_ip_tcp:127.0.0.1["), "{string}");
    let open = || west.node.ltab().rows().any(|row| row.state == mta::State::Open);
    until(|| (!open()).then_some(())).await;
}
