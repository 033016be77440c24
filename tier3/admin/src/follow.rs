//! Events as they happen: one line of JSON each, for as long as the reader stays.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use event::Event;
use hyper::body::{Bytes, Frame};
use tokio::sync::{broadcast, mpsc};

use crate::api::{EventQuery, Events};
use crate::envelope::enveloped;
use crate::operations::Operations;
use crate::reply::{JSON_LINES, refuse, response};
use crate::routes::Shared;

/// Lines that wait for a slow reader; behind them the broadcast channel fills, and then events are counted as missed.
const LINES_AHEAD: usize = 64;
/// So many events of the past are remembered, to leave out those that come both from the store and live.
const REMEMBERED: usize = 1024;

/// The response that follows: the past first, where the query names a beginning, then every event from now on.
pub(crate) async fn stream<O: Operations>(shared: Shared<O>, query: EventQuery) -> Response {
    // Subscribed before the past is read, so that there is no gap between the two.
    let live = match shared.operations.follow() {
        Ok(live) => live,
        Err(error) => return refuse(error),
    };
    let past = if query.since.is_some() || query.limit.is_some() {
        match shared.operations.events(query.clone()).await {
            Ok(past) => past,
            Err(error) => return refuse(error),
        }
    } else {
        Vec::new()
    };
    let (sender, receiver) = mpsc::channel(LINES_AHEAD);
    tokio::spawn(async move {
        let mut stopping = shared.stopping;
        tokio::select! {
            _ = stopping.wait_for(|stop| *stop) => {}
            () = sender.closed() => {}
            () = pump(past, live, &query, &sender) => {}
        }
    });
    response(StatusCode::OK, JSON_LINES, Body::new(Lines(receiver)))
}

async fn pump(
    past: Vec<Event>,
    mut live: broadcast::Receiver<Event>,
    query: &EventQuery,
    sender: &mpsc::Sender<Bytes>,
) {
    let mut known: VecDeque<Event> = VecDeque::new();
    for event in past {
        if !put(sender, Events { events: vec![event.clone()], missed: 0 }).await {
            return;
        }
        if known.len() == REMEMBERED {
            known.pop_front();
        }
        known.push_back(event);
    }
    let mut missed = 0;
    loop {
        match live.recv().await {
            Ok(event) => {
                if let Some(at) = known.iter().position(|one| *one == event) {
                    known.remove(at);
                } else if query.matches(&event) {
                    if !put(sender, Events { events: vec![event], missed }).await {
                        return;
                    }
                    missed = 0;
                }
            }
            Err(broadcast::error::RecvError::Lagged(count)) => missed += count,
            Err(broadcast::error::RecvError::Closed) => return,
        }
    }
}

/// False when the reader has gone.
async fn put(sender: &mpsc::Sender<Bytes>, events: Events) -> bool {
    let Ok(mut line) = enveloped(&events) else {
        return true;
    };
    line.push('\n');
    sender.send(Bytes::from(line)).await.is_ok()
}

/// A body of lines that a task hands over.
struct Lines(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Lines {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line))))
    }
}
