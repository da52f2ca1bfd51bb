//! The log filter.

use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::LevelFilter;

/// Parses `LOG_LEVEL`: a level, or `module=level` pairs separated by commas.
///
/// Invalid text counts as `info`, and is returned with the filter so that it can be logged. The
/// library's own parser would take a misspelt level for a module name and silence
/// all other modules.
pub fn filter(level: &str) -> (EnvFilter, Option<&str>) {
    // The parser accepts an empty text as a level.
    let is_level = |text: &str| !text.trim().is_empty() && text.trim().parse::<LevelFilter>().is_ok();
    let is_readable = |directive: &str| {
        let (module, level) = directive.rsplit_once('=').unwrap_or(("all", directive));
        !module.trim().is_empty() && is_level(level)
    };
    let readable = level.split(',').all(is_readable);
    // The NATS client logs every attempt to connect; the store logs an outage once.
    let quiet = if level.contains("async_nats") { "" } else { ",async_nats=off" };
    let filter = readable.then(|| EnvFilter::try_new(format!("{level}{quiet}")).ok()).flatten();
    match filter {
        Some(filter) => (filter, None),
        None => (EnvFilter::new(format!("info{quiet}")), Some(level)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_invalid_level_means_info_and_is_logged() {
        for level in ["loud", "", "info,loud", "=debug", "a=b", "infos"] {
            let (filter, unreadable) = filter(level);
            assert_eq!(unreadable, Some(level));
            assert!(filter.to_string().contains("info"), "{level}: {filter}");
        }
    }

    #[test]
    fn levels_and_modules_are_read() {
        for level in ["info", "WARN", "off", "info,presence_core=debug", "debug,async_nats=trace", "3"] {
            assert_eq!(filter(level).1, None, "{level}");
        }
    }
}
