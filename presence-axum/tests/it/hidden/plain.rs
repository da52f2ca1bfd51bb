//! Removes from a text what differs between any two servers.

use serde_json::Value;

/// The events of a step without the parts that differ between any two rosters, and the greatest
/// version in them. Hashes are random, so that users and watches that change together come, and are
/// numbered, in any order.
pub fn plain(sent: &str) -> (Vec<String>, u64) {
    let mut newest = 0;
    let line = |line: &str| match line.strip_prefix("data: ").map(serde_json::from_str::<Value>) {
        Some(Ok(data)) => format!("data: {data}"),
        _ => line.to_owned(),
    };
    let mut events: Vec<String> = sent
        .split("\n\n")
        .map(|event| {
            let event: Vec<String> = event.lines().map(line).collect();
            let (event, version) = without_versions(&event.join("\n"));
            newest = newest.max(version);
            event
        })
        .collect();
    events.sort();
    (events, newest)
}

/// A text without its versions, and the greatest version.
fn without_versions(text: &str) -> (String, u64) {
    let (mut plain, mut rest, mut newest) = (String::new(), text, 0);
    while let Some(at) = rest.find('-') {
        let drawn = rest[..at].bytes().rev().take_while(u8::is_ascii_hexdigit).count();
        let digits = rest[at + 1..].bytes().take_while(u8::is_ascii_digit).count();
        let number = rest[at + 1..at + 1 + digits].parse::<u64>().ok().filter(|_| drawn >= 8);
        plain.push_str(&rest[..at - number.map_or(0, |_| drawn)]);
        match number {
            Some(number) => newest = newest.max(number),
            None => plain.push_str(&rest[at..=at + digits]),
        }
        rest = &rest[at + 1 + digits..];
    }
    (plain + rest, newest)
}
