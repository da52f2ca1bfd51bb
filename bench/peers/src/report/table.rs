//! Tables in Markdown.

use super::{About, Cell, Report, Row, Table};
use std::fmt::Write;

/// The whole report.
pub fn markdown(report: &Report) -> String {
    let mut text = format!("Measured on {}; {}.\n\n", report.machine, report.sizes);
    for About { name, about } in &report.peers {
        let _ = writeln!(text, "- **{name}**: {about}");
    }
    for table in &report.scenarios {
        let Table { name, about, load, .. } = table;
        let _ = write!(
            text,
            "\n### `{name}`\n\n{about} Load at its start: {load:.1}.\n\n{}",
            of(table, &report.peers)
        );
    }
    text
}

/// One scenario: a row for each figure, a column for each peer, the best value in bold.
pub fn of(table: &Table, peers: &[About]) -> String {
    let mut text = String::from("| |");
    for peer in peers {
        let _ = write!(text, " {} |", peer.name);
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(peers.len()));
    text.push('\n');
    for row in &table.rows {
        let _ = write!(text, "| {} |", row.what);
        let best = best(row);
        for peer in peers {
            let cell = row.cells.iter().find(|cell| cell.peer == peer.name);
            let _ = write!(text, " {} |", cell.map_or_else(|| "–".to_owned(), |cell| one(row, cell, best)));
        }
        text.push('\n');
    }
    text
}

fn best(row: &Row) -> Option<f64> {
    let medians = row.cells.iter().filter_map(|cell| Some(cell.spread()?.0));
    if row.more_is_better { medians.reduce(f64::max) } else { medians.reduce(f64::min) }
}

fn one(row: &Row, cell: &Cell, best: Option<f64>) -> String {
    let Some((median, least, most)) = cell.spread() else {
        return cell.why.clone().unwrap_or_else(|| "–".to_owned());
    };
    if row.unit == "yes" {
        return "yes".to_owned();
    }
    let value = value(median, &row.unit);
    let value = if Some(median) == best && row.cells.len() > 1 { format!("**{value}**") } else { value };
    let spread = if cell.samples.len() > 1 {
        format!(" ({}–{})", digits(least), digits(most))
    } else {
        String::new()
    };
    let why = cell.why.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
    format!("{value}{spread}{why}")
}

/// A value with its unit.
pub fn value(value: f64, unit: &str) -> String {
    let space = if unit.is_empty() || unit.starts_with('/') { "" } else { " " };
    format!("{}{space}{unit}", digits(value))
}

/// Three significant digits, with separated thousands.
fn digits(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let places = match value.abs() {
        v if v >= 100.0 || (v.fract() == 0.0 && v >= 1.0) => 0,
        v if v >= 10.0 => 1,
        v if v >= 1.0 => 2,
        _ => 3,
    };
    let mut text = format!("{value:.places$}");
    let whole = text.find('.').unwrap_or(text.len());
    for at in (1..whole).rev().filter(|at| (whole - at) % 3 == 0) {
        text.insert(at, ',');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::digits;

    #[test]
    fn a_figure_has_three_digits_and_its_thousands_apart() {
        let texts = [0.0, 7.0, 1.234, 12.34, 123.4, 1_234.5, 1_234_567.0].map(digits);
        assert_eq!(texts, ["0", "7", "1.23", "12.3", "123", "1,234", "1,234,567"]);
    }
}
