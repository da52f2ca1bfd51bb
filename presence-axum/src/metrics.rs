//! Counters and gauges, through the `metrics` facade. METRICS.md lists them.

use metrics::{Counter, Gauge, Histogram, Unit};
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram};
use std::sync::LazyLock;

/// Registered once, at first use: a lookup by name and labels costs more than counting.
pub(crate) static HITS: LazyLock<Hits> = LazyLock::new(|| {
    describe_counter!("presence_hits_total", "Hits, by what became of them");
    let of = |outcome: &'static str| counter!("presence_hits_total", "outcome" => outcome);
    Hits {
        stored: of("stored"),
        postponed: of("postponed"),
        late: of("late"),
        left: of("left"),
        degraded: of("degraded"),
        invalid: of("invalid"),
        refused: of("refused"),
    }
});

pub(crate) static STREAMS: LazyLock<Streams> = LazyLock::new(|| {
    describe_gauge!("presence_streams_open", "Open streams");
    describe_counter!("presence_streams_refused_total", "Streams refused, by reason");
    describe_counter!("presence_sse_events_total", "Events handed to connections, by stream");
    describe_counter!("presence_sse_skipped_total", "Snapshots that slow readers never got");
    let lag = "From when the broker stored a live event until its first viewer here got it";
    describe_histogram!("presence_sse_replay_lag_seconds", Unit::Seconds, lag);
    let refused = |reason: &'static str| counter!("presence_streams_refused_total", "reason" => reason);
    let events = |stream: &'static str| counter!("presence_sse_events_total", "stream" => stream);
    Streams {
        open: gauge!("presence_streams_open"),
        refused_all: refused("full"),
        refused_client: refused("client"),
        snapshots: events("snapshot"),
        diffs: events("diff"),
        replays: events("replay"),
        skipped: counter!("presence_sse_skipped_total"),
        lag: histogram!("presence_sse_replay_lag_seconds"),
    }
});

pub(crate) static LIMITS: LazyLock<Limits> = LazyLock::new(|| {
    describe_counter!("presence_rate_refused_total", "Requests refused for their rate, by whose it was");
    let refused = |of: &'static str| counter!("presence_rate_refused_total", "of" => of);
    Limits { client: refused("client"), hits_user: refused("user") }
});

pub(crate) static SOCKETS: LazyLock<Sockets> = LazyLock::new(|| {
    describe_gauge!("presence_sockets_open", "Open WebSockets");
    describe_counter!("presence_sockets_total", "WebSockets that were opened");
    describe_counter!("presence_sockets_closed_total", "WebSockets that were closed, by reason");
    describe_counter!("presence_socket_frames_total", "Frames, by direction");
    describe_counter!("presence_socket_errors_total", "Errors told to clients of WebSockets");
    describe_counter!("presence_socket_signals_lost_total", "Short-lived values that were lost");
    let frames = |direction: &'static str| counter!("presence_socket_frames_total", "direction" => direction);
    Sockets {
        open: gauge!("presence_sockets_open"),
        opened: counter!("presence_sockets_total"),
        received: frames("received"),
        sent: frames("sent"),
        problems: counter!("presence_socket_errors_total"),
        signals_lost: counter!("presence_socket_signals_lost_total"),
    }
});

pub(crate) static CONNECTIONS: LazyLock<Connections> = LazyLock::new(|| {
    describe_gauge!("presence_connections_open", "Open connections");
    describe_counter!("presence_connections_refused_total", "Connections refused beyond the cap");
    Connections {
        open: gauge!("presence_connections_open"),
        refused: counter!("presence_connections_refused_total"),
    }
});

pub(crate) struct Hits {
    pub stored: Counter,
    pub postponed: Counter,
    pub late: Counter,
    pub left: Counter,
    pub degraded: Counter,
    pub invalid: Counter,
    pub refused: Counter,
}

pub(crate) struct Streams {
    pub open: Gauge,
    pub refused_all: Counter,
    pub refused_client: Counter,
    pub snapshots: Counter,
    pub diffs: Counter,
    pub replays: Counter,
    pub skipped: Counter,
    pub lag: Histogram,
}

pub(crate) struct Limits {
    pub client: Counter,
    pub hits_user: Counter,
}

pub(crate) struct Sockets {
    pub open: Gauge,
    pub opened: Counter,
    pub received: Counter,
    pub sent: Counter,
    pub problems: Counter,
    pub signals_lost: Counter,
}

/// Counts the end of a WebSocket. `reason` is one of a fixed set.
pub(crate) fn socket_closed(reason: &'static str) {
    counter!("presence_sockets_closed_total", "reason" => reason).increment(1);
}

/// Counts a refused caller. `reason` is one of a fixed set.
pub(crate) fn auth_refused(reason: &'static str) {
    static DESCRIBED: LazyLock<()> = LazyLock::new(|| {
        describe_counter!("presence_auth_refused_total", "Callers refused, by reason");
    });
    *DESCRIBED;
    counter!("presence_auth_refused_total", "reason" => reason).increment(1);
}

pub(crate) struct Connections {
    pub open: Gauge,
    pub refused: Counter,
}
