//! Prints one line per figure: ours, the limit, the ratio, the target, and whether it is met.

/// The target of a figure.
pub enum Target {
    /// No target.
    None,
    /// The minimum ratio.
    AtLeast(f64),
    /// The maximum ratio.
    AtMost(f64),
    /// The maximum value, independently of the limit.
    ValueAtMost(f64),
}

pub fn head(what: &str, rounds: usize) {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    println!("\n== {what}, median of {rounds}, {cpus} processors");
    println!("{:<58} {:>11} {:>11} {:>7}  {:<10} met", "what", "ours", "limit", "ratio", "target");
}

pub fn section(title: &str) {
    println!("-- {title}");
}

/// Prints a figure with its limit.
pub fn beside(what: &str, (ours, limit): (f64, f64), unit: &str, ratio: f64, target: &Target) {
    print(what, ours, Some((limit, ratio)), unit, target);
}

/// Prints a figure without a limit.
pub fn alone(what: &str, ours: f64, unit: &str, target: &Target) {
    print(what, ours, None, unit, target);
}

fn print(what: &str, ours: f64, limit: Option<(f64, f64)>, unit: &str, target: &Target) {
    let ratio = limit.map_or(f64::NAN, |(_, ratio)| ratio);
    let (target, met) = match target {
        Target::None => (String::new(), None),
        Target::AtLeast(least) => (format!(">= {least}x"), Some(ratio >= *least)),
        Target::AtMost(most) => (format!("<= {most}x"), Some(ratio <= *most)),
        Target::ValueAtMost(most) => (format!("<= {most} {unit}"), Some(ours <= *most)),
    };
    let met = match met {
        None => "",
        Some(true) => "yes",
        Some(false) => "NO",
    };
    let value = |value: f64| format!("{} {unit}", digits(value));
    let (limit, ratio) =
        limit.map_or_else(Default::default, |(limit, ratio)| (value(limit), format!("{}x", small(ratio))));
    println!("{what:<58} {:>11} {limit:>11} {ratio:>7}  {target:<10} {met}", value(ours));
}

/// Formats three significant digits.
fn digits(value: f64) -> String {
    match value.abs() {
        v if v >= 100.0 => format!("{value:.0}"),
        v if v >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// Formats a ratio; a small one gets more decimals.
fn small(ratio: f64) -> String {
    match ratio.abs() {
        r if r >= 0.1 => format!("{ratio:.2}"),
        r if r >= 0.01 => format!("{ratio:.3}"),
        _ => format!("{ratio:.4}"),
    }
}
