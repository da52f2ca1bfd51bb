//! Checks the text of `/metrics` in the spirit of `promtool check metrics`.

use std::collections::HashSet;

/// Panics with the first line that Prometheus, or its linter, would complain of.
pub fn check(text: &str) {
    let (mut helped, mut typed, mut current) = (HashSet::new(), HashSet::new(), String::new());
    let mut kind = String::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap_or((rest, ""));
            assert!(!help.trim().is_empty() && helped.insert(name.to_owned()), "HELP: {line}");
            name.clone_into(&mut current);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, said) = rest.split_once(' ').unwrap_or((rest, ""));
            assert!(helped.contains(name) && name == current, "TYPE without HELP: {line}");
            assert!(typed.insert(name.to_owned()), "TYPE twice: {line}");
            said.clone_into(&mut kind);
            assert_eq!(name.ends_with("_total"), kind == "counter", "{line}");
            assert!(
                name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_'),
                "{line}"
            );
            let wrong_units = ["_milliseconds", "_ms", "_minutes", "_kilobytes", "_percent"];
            assert!(!wrong_units.iter().any(|unit| name.ends_with(unit)), "not a base unit: {line}");
        } else {
            let name = line.split(['{', ' ']).next().unwrap_or_default();
            let belongs = name == current
                || ["_sum", "_count", "_bucket"].iter().any(|end| name.strip_suffix(end) == Some(&*current));
            assert!(belongs && typed.contains(&current), "a figure without HELP and TYPE: {line}");
            let value = line.rsplit(' ').next().unwrap_or_default();
            assert!(value.parse::<f64>().is_ok(), "no number: {line}");
        }
    }
    assert!(!typed.is_empty(), "nothing is there");
}

#[test]
fn what_a_linter_would_complain_of_is_found() {
    check("# HELP a_total A\n# TYPE a_total counter\na_total{b=\"c d\"} 1\n");
    for wrong in [
        "",
        "a_total 1\n",
        "# TYPE a_total counter\na_total 1\n",
        "# HELP a A\n# TYPE a counter\na 1\n",
        "# HELP a_total A\n# TYPE a_total gauge\na_total 1\n",
        "# HELP a_total A\n# TYPE a_total counter\nb_total 1\n",
        "# HELP a_ms A\n# TYPE a_ms gauge\na_ms 1\n",
        "# HELP a A\n# TYPE a gauge\na x\n",
    ] {
        assert!(std::panic::catch_unwind(|| check(wrong)).is_err(), "{wrong}");
    }
}
