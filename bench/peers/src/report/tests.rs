use super::{About, Report, Table, plot, table};
use crate::scenario::{self, Sample, Unit};

fn sample(what: &str, unit: Unit, value: Result<f64, &str>) -> Sample {
    Sample { what: what.to_owned(), unit, value: value.map_err(str::to_owned) }
}

/// A report of two peers: one with three rounds, one that cannot run.
fn report() -> Report {
    let scenario = scenario::ALL.iter().find(|scenario| scenario.name == "killed").unwrap();
    let mut table = Table::of(scenario);
    for value in [9.0, 7.0, 8.0] {
        table.take("ours", vec![sample("until all of them", Unit::Millis, Ok(value))]);
    }
    table.take(
        "theirs",
        vec![sample("until all of them", Unit::Millis, Err("cannot: nobody says so (1 < 2)"))],
    );
    let about = |name: &str| About { name: name.to_owned(), about: "a server".to_owned() };
    let mut report = Report {
        machine: "here".into(),
        sizes: "small".into(),
        peers: vec![about("ours"), about("theirs")],
        ..Report::default()
    };
    report.add(table);
    report
}

#[test]
fn a_row_has_median_and_spread_or_says_why_there_is_none() {
    let report = report();
    let text = report.markdown_of(&report.scenarios[0]);
    assert!(
        text.contains("| until all of them | **8 ms** (7–9) | cannot: nobody says so (1 < 2) |"),
        "{text}"
    );
    assert!(table::markdown(&report).contains("### `killed`"));
}

#[test]
fn a_peer_that_cannot_run_at_all_says_so_in_every_row() {
    let mut report = report();
    report.scenarios[0].cannot("third", "cannot: alone");
    let row = &report.scenarios[0].rows[0];
    assert_eq!(row.cells[2].why.as_deref(), Some("cannot: alone"));
}

#[test]
fn a_later_run_replaces_its_scenarios_and_keeps_the_others() {
    let folder = std::env::temp_dir().join(format!("peers-report-{}", std::process::id()));
    let mut first = report();
    first.scenarios[0].name = "join".into();
    first.write(&folder).unwrap();
    report().write(&folder).unwrap();
    let text = std::fs::read_to_string(folder.join("peers.json")).unwrap();
    let all: Report = serde_json::from_str(&text).unwrap();
    assert_eq!(all.scenarios.iter().map(|table| table.name.as_str()).collect::<Vec<_>>(), ["join", "killed"]);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_later_run_of_one_peer_keeps_the_results_of_the_others() {
    let mut report = report();
    let mut later = Table::of(scenario::ALL.iter().find(|scenario| scenario.name == "killed").unwrap());
    later.take("theirs", vec![sample("until all of them", Unit::Millis, Ok(5.0))]);
    later.take("theirs", vec![sample("and back", Unit::Millis, Ok(6.0))]);
    report.add(later);
    let text = report.markdown_of(&report.scenarios[0]);
    assert!(text.contains("| until all of them | 8 ms (7–9) | **5 ms** |"), "{text}");
    assert!(text.contains("| and back | – | 6 ms |"), "{text}");
}

#[test]
fn a_plot_has_a_bar_for_who_can_and_words_for_who_cannot() {
    let pictures = plot::all(&report());
    let [(file, svg)] = &pictures[..] else { panic!("one picture has figures") };
    assert_eq!(*file, "time.svg");
    assert_eq!(svg.matches("<rect").count(), 1);
    assert!(svg.contains("cannot: nobody says so") && svg.contains("prefers-color-scheme"), "{svg}");
}
