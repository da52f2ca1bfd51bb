//! Bar charts as SVG, legible on light and on dark pages.

use super::table::value;
use super::{Report, Row};
use std::fmt::Write;

/// A picture: its file, its title, and its panels (the scenario, the start of the row's name, and
/// the title of the panel).
struct Picture {
    file: &'static str,
    title: &'static str,
    panels: &'static [(&'static str, &'static str, &'static str)],
}

const PICTURES: [Picture; 3] = [
    Picture {
        file: "core.svg",
        title: "What one core does (longer is better)",
        panels: &[
            ("delivery", "deliveries", "deliveries a second in a room of 1,000"),
            ("beats", "over HTTP", "heartbeats a second over HTTP"),
            ("beats", "on an open socket", "heartbeats a second on open sockets"),
        ],
    },
    Picture {
        file: "gigabyte.svg",
        title: "What one gigabyte holds (longer is better)",
        panels: &[("idle", "10000 connections, so many", "idle connections, each in a room of ten")],
    },
    Picture {
        file: "time.svg",
        title: "How long it takes (shorter is better)",
        panels: &[
            ("join", "1 in the room, the last", "a user enters a room of one: the other has received it"),
            (
                "join",
                "10000 in the room, the last",
                "a user enters a room of 10,000: the last has received it",
            ),
            ("storm-1000", "1000, until", "1,000 users connect at once: all are known"),
            ("storm-10000", "10000, until", "10,000 users connect at once: all are known"),
            ("list", "10000, until", "the list of a room of 10,000"),
            ("killed", "until all", "a process is killed: its users are shown to have left"),
        ],
    },
];

const WIDTH: f64 = 720.0;
const LABEL: f64 = 110.0;
const BAR: f64 = 18.0;
const GAP: f64 = 6.0;
/// The space for the value beside the longest bar.
const RESERVED: f64 = 190.0;

/// All pictures that have results, with their file names.
pub fn all(report: &Report) -> Vec<(&'static str, String)> {
    PICTURES.iter().filter_map(|picture| Some((picture.file, draw(picture, report)?))).collect()
}

fn draw(picture: &Picture, report: &Report) -> Option<String> {
    let panels: Vec<(&str, &Row)> = picture
        .panels
        .iter()
        .filter_map(|(scenario, start, title)| {
            let table = report.scenarios.iter().find(|table| table.name == *scenario)?;
            Some((*title, table.rows.iter().find(|row| row.what.starts_with(start))?))
        })
        .collect();
    if panels.is_empty() {
        return None;
    }
    let (mut body, mut y) = (String::new(), 30.0);
    let _ = writeln!(body, r#"<text class="title" x="0" y="18">{}</text>"#, picture.title);
    for (title, row) in panels {
        y = panel(&mut body, y, title, row, report);
    }
    Some(format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" height=\"{y}\" role=\"img\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n{body}</svg>\n",
        picture.title
    ))
}

/// Bars have mid-tone colours; texts follow the colour scheme of the page.
const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #333 }
.title { font-size: 16px; font-weight: 600 }
.panel { font-weight: 600 }
.why { font-style: italic; fill: #777 }
.bar { fill: #8a93a3 }
.ours { fill: #2f7fd1 }
.spread { stroke: #d9822b; stroke-width: 2 }
@media (prefers-color-scheme: dark) {
  text { fill: #ddd }
  .why { fill: #999 }
}
";

/// Draws the bars of one figure. Returns the vertical position of their end.
fn panel(body: &mut String, mut y: f64, title: &str, row: &Row, report: &Report) -> f64 {
    y += 18.0;
    let _ = writeln!(body, r#"<text class="panel" x="0" y="{y:.0}">{title}</text>"#);
    y += 8.0;
    let most = row.cells.iter().filter_map(|cell| Some(cell.spread()?.2)).fold(f64::MIN_POSITIVE, f64::max);
    let scale = (WIDTH - LABEL - RESERVED) / most;
    for peer in &report.peers {
        let Some(cell) = row.cells.iter().find(|cell| cell.peer == peer.name) else { continue };
        let middle = y + BAR * 0.75;
        let _ = writeln!(body, r#"<text x="0" y="{middle:.0}">{}</text>"#, escaped(&peer.name));
        if let Some((median, least, greatest)) = cell.spread() {
            let class = if peer.name == "ours" { "bar ours" } else { "bar" };
            let width = (median * scale).max(1.0);
            let _ = writeln!(
                body,
                r#"<rect class="{class}" x="{LABEL}" y="{y:.0}" width="{width:.1}" height="{BAR}" rx="2"/>"#
            );
            let (from, to, at) = (LABEL + least * scale, LABEL + greatest * scale, y + BAR / 2.0);
            let _ = writeln!(
                body,
                r#"<line class="spread" x1="{from:.1}" y1="{at:.1}" x2="{to:.1}" y2="{at:.1}"/>"#
            );
            let (x, text) = (LABEL + (greatest * scale).max(width) + 6.0, value(median, &row.unit));
            let _ = writeln!(body, r#"<text x="{x:.0}" y="{middle:.0}">{text}</text>"#);
        } else if let Some(why) = &cell.why {
            let short = why.split([';', '(']).next().unwrap_or(why).trim();
            let _ =
                writeln!(body, r#"<text class="why" x="{LABEL}" y="{middle:.0}">{}</text>"#, escaped(short));
        }
        y += BAR + GAP;
    }
    y + 6.0
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
