//! Where the sender of a message hears what became of it.
//!
//! Invariants: there is one outcome, the first. Before it the sender may be asked, once, to send the message to another
//! instance as well.

use std::future::poll_fn;
use std::task::{Poll, Waker};

use lapin::types::ShortString;
use parking_lot::Mutex;

use crate::transport::fault::Fault;
use crate::transport::payload::Payload;

/// What a sender hears.
#[derive(Debug)]
pub(super) enum News {
    /// What became of the message.
    Outcome(Result<Payload, Fault>),
    /// It hangs where it is; this instance answers others.
    Elsewhere(ShortString),
}

/// Where one sender hears of his message.
#[derive(Debug, Default)]
pub(super) struct Slot(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    news: Option<News>,
    told: bool,
    waker: Option<Waker>,
}

impl Slot {
    /// Says what became of the message, unless that was said.
    pub(super) fn settle(&self, outcome: Result<Payload, Fault>) {
        self.put(News::Outcome(outcome));
    }

    /// Asks for the message to be sent to another instance as well.
    pub(super) fn elsewhere(&self, instance: ShortString) {
        self.put(News::Elsewhere(instance));
    }

    fn put(&self, news: News) {
        let waker = {
            let mut state = self.0.lock();
            if state.told {
                return;
            }
            state.told = matches!(news, News::Outcome(_));
            state.news = Some(news);
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The next thing there is to hear.
    pub(super) async fn next(&self) -> News {
        poll_fn(|cx| {
            let mut state = self.0.lock();
            if let Some(news) = state.news.take() {
                return Poll::Ready(news);
            }
            state.waker = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// What became of the message.
    pub(super) async fn outcome(&self) -> Result<Payload, Fault> {
        loop {
            if let News::Outcome(outcome) = self.next().await {
                return outcome;
            }
        }
    }
}
