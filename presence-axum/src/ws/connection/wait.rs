//! Polls the sources of a connection's events.

use super::{Connection, Event, MAX_UNWRITTEN};
use crate::ws::pending;
use crate::ws::socket::FULL;
use crate::ws::topic_feed::TopicEvent;
use futures_util::future::BoxFuture;
use futures_util::{Stream, StreamExt};
use presence_core::Timestamp;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite};

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Connection<S> {
    /// Writes queued frames, and waits for the next event.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(waker) = self.rare.take(cx)
            && let Poll::Ready(event) = self.poll_rare(&mut Context::from_waker(&waker))
        {
            // Sources after the one that was ready have not been polled.
            self.rare.set();
            return Poll::Ready(event);
        }
        // All frames that are ready are written together.
        while self.socket.queued() < FULL {
            match Pin::new(&mut self.feeds).poll_next(cx) {
                Poll::Ready(Some((_, TopicEvent::Skipped))) => self.sent.forget(),
                Poll::Ready(Some((topic, TopicEvent::Frames(frames)))) => {
                    self.queue(&frames);
                    self.note_messages(topic.as_ref(), &frames);
                }
                Poll::Ready(None) | Poll::Pending => break,
            }
        }
        if !self.effects.is_empty() {
            return Poll::Ready(Event::Wrote);
        }
        let reads = self.busy.is_none() && self.socket.queued() < MAX_UNWRITTEN;
        self.socket.poll(reads, cx).map(|event| event.map_or(Event::Wrote, Event::Socket))
    }

    /// Polls the rare event sources: all but the socket and the topics.
    fn poll_rare(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Poll::Ready(after) = self.draining.as_mut().poll(cx) {
            return Poll::Ready(Event::Drain(after));
        }
        if let Some(removal) = &mut self.removal
            && removal.as_mut().poll(cx).is_ready()
        {
            self.removal = None;
            return Poll::Ready(Event::Removed);
        }
        if self.poll_timer(cx).is_ready() {
            return Poll::Ready(Event::Tick);
        }
        if let Some(busy) = &mut self.busy
            && let Poll::Ready(outcome) = busy.as_mut().poll(cx)
        {
            self.busy = None;
            return Poll::Ready(Event::Outcome(outcome));
        }
        if let Some(checking) = &mut self.checking
            && let Poll::Ready(checked) = checking.as_mut().poll(cx)
        {
            self.checking = None;
            return Poll::Ready(Event::Checked(checked));
        }
        match self.views.poll_next_unpin(cx) {
            Poll::Ready(Some(view)) => Poll::Ready(Event::View(view)),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    /// Begins the pending step of a command; no frame is read until it completes.
    pub(super) fn begin(&mut self, step: BoxFuture<'static, pending::Outcome>) {
        self.busy = Some(step);
        self.rare.set();
    }

    /// Ends the connection once `removal` completes, in place of an earlier one.
    pub(super) fn await_removal(&mut self, removal: Option<BoxFuture<'static, ()>>) {
        self.removal = removal;
        self.rare.set();
    }

    /// Starts a check of the caller's rights.
    pub(super) fn await_check(&mut self, check: BoxFuture<'static, pending::Checked>) {
        self.checking = Some(check);
        self.rare.set();
    }

    /// The time at which the next tick is due.
    fn due_at(&self) -> Timestamp {
        self.session.deadline().min(self.check_at)
    }

    /// Whether the timer is not set, or is set for later than the next deadline.
    pub(super) fn timer_is_late(&self) -> bool {
        self.timer.as_ref().is_none_or(|(at, _)| *at > self.due_at())
    }

    /// Polls the timer. It is reset when it fires and when an earlier deadline appears, but not
    /// each time that a frame moves the deadline.
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let clock = self.environment.mount.presence().clock();
        loop {
            let due = self.due_at();
            if due <= clock.now() {
                return Poll::Ready(());
            }
            let set = self.timer.as_mut().filter(|(at, _)| *at <= due);
            let Some((_, timer)) = set else {
                let clock = Arc::clone(clock);
                self.timer = Some((due, Box::pin(async move { clock.sleep_until(due).await })));
                continue;
            };
            if timer.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            self.timer = None;
        }
    }
}
