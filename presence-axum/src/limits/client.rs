//! Identifies the client that a request comes from.

use axum::extract::ConnectInfo;
use http::{Extensions, HeaderMap};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// A client as the limits count it: an IPv4 address, or the /64 network of an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl Client {
    /// The client that sent a request: its peer, or the address that the outermost of the
    /// `trusted_proxies` saw.
    ///
    /// `None` when the server does not provide the peer's address (no `ConnectInfo`);
    /// [`serve`](crate::serve::serve) does provide it.
    ///
    /// ```
    /// use http::{Extensions, HeaderMap, HeaderValue};
    /// use presence_axum::limits::Client;
    /// use std::net::{IpAddr, Ipv4Addr};
    /// let forwarded = HeaderValue::from_static("1.2.3.4, 203.0.113.9");
    /// let headers = HeaderMap::from_iter([("x-forwarded-for".parse().unwrap(), forwarded)]);
    /// let client = Client::of(&Extensions::new(), &headers, 1);
    /// assert_eq!(client, Some(Client::from(IpAddr::V4(Ipv4Addr::new(203, 0, 113, 9)))));
    /// ```
    pub fn of(extensions: &Extensions, headers: &HeaderMap, trusted_proxies: usize) -> Option<Self> {
        let peer = || extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(peer)| peer.ip());
        forwarded(headers, trusted_proxies).or_else(peer).map(Self::from)
    }
}

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Self {
        // A client that has one IPv6 address usually controls the 2^64 addresses of its network.
        Self(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
            v4 @ IpAddr::V4(_) => v4,
        })
    }
}

/// The `proxies`-th address from the right of `X-Forwarded-For`; anything left of it may be forged.
///
/// A list with fewer elements did not come through all proxies and is ignored as a whole. An
/// element that is not valid text still counts, so that it does not shift the others.
fn forwarded(headers: &HeaderMap, proxies: usize) -> Option<IpAddr> {
    let nth = proxies.checked_sub(1)?;
    let lists = headers.get_all("x-forwarded-for").into_iter().rev();
    let element = lists.flat_map(|list| list.as_bytes().rsplit(|byte| *byte == b',')).nth(nth)?;
    let text = std::str::from_utf8(element).ok()?.trim();
    text.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|with_port| with_port.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn client(peer: &str, forwarded: &[&str], proxies: usize) -> Option<Client> {
        let forwarded: Vec<_> = forwarded.iter().map(|list| list.as_bytes()).collect();
        client_of_bytes(peer, &forwarded, proxies)
    }

    fn client_of_bytes(peer: &str, forwarded: &[&[u8]], proxies: usize) -> Option<Client> {
        let mut extensions = Extensions::new();
        extensions.insert(ConnectInfo(SocketAddr::new(peer.parse().unwrap(), 1)));
        let mut headers = HeaderMap::new();
        for list in forwarded {
            headers.append("x-forwarded-for", HeaderValue::from_bytes(list).unwrap());
        }
        Client::of(&extensions, &headers, proxies)
    }

    fn is(address: &str) -> Client {
        Client::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn a_forwarded_address_counts_only_behind_trusted_proxies() {
        assert_eq!(client("10.0.0.1", &["1.1.1.1"], 0), Some(is("10.0.0.1")));
        assert_eq!(client("10.0.0.1", &["6.6.6.6, 1.1.1.1"], 1), Some(is("1.1.1.1")));
        assert_eq!(client("10.0.0.1", &["6.6.6.6", "1.1.1.1,10.0.0.9"], 2), Some(is("1.1.1.1")));
    }

    #[test]
    fn without_a_valid_forwarded_address_the_peer_counts() {
        assert_eq!(client("10.0.0.1", &["1.1.1.1"], 2), Some(is("10.0.0.1")));
        assert_eq!(client("10.0.0.1", &[], 1), Some(is("10.0.0.1")));
        assert_eq!(client("10.0.0.1", &["unknown"], 1), Some(is("10.0.0.1")));
    }

    #[test]
    fn an_element_that_is_not_text_still_counts() {
        let of = |lists: &[&[u8]], proxies| client_of_bytes("10.0.0.1", lists, proxies);
        // The proxy's own line is the last; a client may have written those before it.
        assert_eq!(of(&[b"6.6.6.6", b"\xff\xfe", b"10.0.0.9"], 2), Some(is("10.0.0.1")));
        assert_eq!(of(&[b"6.6.6.6, \xe9, 1.1.1.1"], 1), Some(is("1.1.1.1")));
        assert_eq!(of(&[b"6.6.6.6, \xe9, 1.1.1.1"], 2), Some(is("10.0.0.1")));
        assert_eq!(of(&[b"\xe9, 6.6.6.6", b"1.1.1.1"], 2), Some(is("6.6.6.6")));
        assert_eq!(of(&[b"1.1.1.1, "], 1), Some(is("10.0.0.1")));
    }

    #[test]
    fn ports_are_cut_and_addresses_made_comparable() {
        assert_eq!(client("10.0.0.1", &["1.1.1.1:4711"], 1), Some(is("1.1.1.1")));
        assert_eq!(client("::ffff:10.0.0.1", &[], 0), Some(is("10.0.0.1")));
        assert_eq!(client("2001:db8::1", &[], 0), client("2001:db8::ffff:2", &[], 0));
        assert_ne!(client("2001:db8::1", &[], 0), client("2001:db8:0:1::1", &[], 0));
    }

    #[test]
    fn without_an_address_there_is_no_client() {
        assert_eq!(Client::of(&Extensions::new(), &HeaderMap::new(), 0), None);
    }
}
