//! The files that the services are deployed with.

use std::fs;
use std::path::Path;

/// The lines of files of these kinds below a folder, each with where it stands.
fn lines(folder: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
        if path.is_dir() {
            lines(&path, found);
        } else if ["yaml", "yml", "env", "conf"].contains(&kind) {
            let text = fs::read_to_string(&path).unwrap();
            let numbered = (1..).zip(text.lines());
            found.extend(numbered.map(|(n, line)| (format!("{}:{n}", path.display()), line.to_owned())));
        }
    }
}

/// What a line sets a secret to, if it does.
fn secret(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("export ");
    if line.starts_with('#') {
        return None;
    }
    let (name, value) = line.split_once([':', '='])?;
    let name = name.trim().to_ascii_lowercase();
    let is_secret = ["secret", "password", "token"].iter().any(|word| name.ends_with(word));
    (is_secret && !name.starts_with("existing")).then(|| value.trim().trim_matches('"'))
}

#[test]
fn no_file_ships_with_a_secret_that_works() {
    let mut found = Vec::new();
    lines(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut found);
    let secrets: Vec<_> = found.iter().filter_map(|(at, line)| Some((at, secret(line)?))).collect();
    assert!(secrets.len() > 3, "{secrets:?}");
    for (at, value) in secrets {
        // Nothing, a switch, what the environment has, or what the values of a chart have.
        let is_asked_for = ["", "true", "false"].contains(&value)
            || value.starts_with("{{")
            || (value.starts_with("${") && (value.ends_with(":-}") || value.contains(":?")));
        assert!(is_asked_for, "{at} ships {value}");
    }
}
