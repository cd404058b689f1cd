use std::collections::HashSet;

use super::attribute::{ATTRIBUTES, CONVENTIONS, DEVIATIONS};
use super::log::LOG_FIELDS;
use super::metric::{METRICS, Metric, SERVICE};

#[test]
fn every_name_is_declared_once_and_has_a_meaning() {
    for names in [ATTRIBUTES, LOG_FIELDS] {
        let unique: HashSet<&str> = names.iter().map(|it| it.name).collect();
        assert_eq!(unique.len(), names.len());
        assert!(names.iter().all(|it| !it.meaning.is_empty() && it.meaning == it.meaning.trim()));
    }
    let metrics: HashSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(metrics.len(), METRICS.len());
    assert!(METRICS.iter().all(|it| !it.meaning.is_empty() && it.meaning == it.meaning.trim()));
}

#[test]
fn the_documented_table_lists_every_metric_with_its_unit_and_dimensions() {
    let documented: Vec<String> = include_str!("../../../../../docs/telemetry.md")
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(name, rest)| {
            let cells: Vec<&str> = rest.split('|').map(str::trim).collect();
            format!("{name} {} {}", cells[0], cells[1])
        })
        .filter(|row| METRICS.iter().any(|metric| row.starts_with(&format!("{} ", metric.name))))
        .collect();
    let declared: Vec<String> = METRICS
        .iter()
        .map(|Metric { name, unit, dimensions, .. }| {
            let all: Vec<String> =
                [SERVICE].iter().chain(*dimensions).map(|name| format!("`{name}`")).collect();
            format!("{name} {unit} {}", all.join(", "))
        })
        .collect();
    assert_eq!(documented, declared);
}

#[test]
fn every_attribute_is_opentelemetrys_or_deviates_for_a_reason() {
    let conventions: HashSet<&str> = CONVENTIONS
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            assert!(
                cells.len() == 4 && ["string", "int", "boolean", "string[]"].contains(&cells[1]),
                "{line}"
            );
            cells[0]
        })
        .collect();
    let deviations: HashSet<&str> = DEVIATIONS.iter().map(|(name, _)| *name).collect();
    assert!(DEVIATIONS.iter().all(|(_, reason)| !reason.is_empty()));
    assert!(conventions.is_disjoint(&deviations));
    for name in ATTRIBUTES.iter().map(|it| it.name) {
        let is_own = name.starts_with("dmm.");
        let is_known = conventions.contains(name) || deviations.contains(name);
        assert!(is_own != is_known, "{name}");
    }
}
