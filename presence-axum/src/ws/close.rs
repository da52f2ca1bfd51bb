//! The reasons for which a socket is closed, with their close codes.

/// Why the server closes a socket: the one table of close codes.
///
/// ```
/// use presence_axum::ws::Close;
/// assert_eq!((Close::Slow.code(), Close::Slow.reason()), (1013, "too slow"));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Close {
    /// 1000: the client has closed.
    Normal,
    /// 1002: the client's framing is broken.
    Protocol,
    /// 1003: the client has sent a binary frame.
    Binary,
    /// 1007: the client's text is not UTF-8.
    NotText,
    /// 1008: the client went on sending frames after errors for exceeding the rate limit.
    Flood,
    /// 1008: the client has sent no frame for too long.
    Idle,
    /// 1009: the client's message is too large.
    TooLarge,
    /// 1012: this process shuts down, and the client should reconnect.
    Reconnect,
    /// 1013: the client reads too slowly.
    Slow,
    /// 4401: the client's token has expired.
    Expired,
    /// 4403: an operator has disconnected the user, or the user may not be here any more.
    Forbidden,
}

impl Close {
    /// The code of the close frame.
    pub const fn code(self) -> u16 {
        match self {
            Self::Normal => 1000,
            Self::Protocol => 1002,
            Self::Binary => 1003,
            Self::NotText => 1007,
            Self::Flood | Self::Idle => 1008,
            Self::TooLarge => 1009,
            Self::Reconnect => 1012,
            Self::Slow => 1013,
            Self::Expired => 4401,
            Self::Forbidden => 4403,
        }
    }

    /// The reason in the close frame.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Normal => "",
            Self::Protocol => "protocol error",
            Self::Binary => "text only",
            Self::NotText => "not utf-8",
            Self::Flood => "too many frames",
            Self::Idle => "idle",
            Self::TooLarge => "too large",
            Self::Reconnect => "reconnect",
            Self::Slow => "too slow",
            Self::Expired => "token expired",
            Self::Forbidden => "forbidden",
        }
    }

    /// The label of the reason in metrics.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::Normal => "client",
            Self::Protocol => "protocol",
            Self::Binary => "binary",
            Self::NotText => "not_text",
            Self::Flood => "flood",
            Self::Idle => "idle",
            Self::TooLarge => "too_large",
            Self::Reconnect => "reconnect",
            Self::Slow => "slow",
            Self::Expired => "expired",
            Self::Forbidden => "forbidden",
        }
    }
}
