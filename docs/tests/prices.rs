//! The price tables add up, and count every kind of trace.

use dmm_docs_test::markdown::Document;

/// The price of a trace in X-Ray, in US dollars.
const TRACE: f64 = 5.0 / 1_000_000.0;

/// A number, whatever separates its thousands.
fn number(text: &str) -> f64 {
    text.trim_matches('*').replace(',', "").parse().unwrap()
}

fn cents(dollars: f64) -> String {
    format!("{dollars:.2}")
}

#[test]
fn the_price_of_traces_counts_events_batches_polls_and_comparisons() {
    let telemetry = Document::read("docs/telemetry.md");
    let table = telemetry.table("traces");
    for column in 1..table.header.len() {
        let numbers: Vec<f64> = table.rows.iter().map(|row| number(&row[column])).collect();
        let (dollars, traces) = numbers.split_last().unwrap();
        assert_eq!(traces.len(), 4);
        assert_eq!(cents(traces.iter().sum::<f64>() * TRACE), cents(*dollars), "{}", table.header[column]);
    }
    let readme = Document::read("README.md");
    let prices = readme.table("per month");
    let of_traces = prices.rows.iter().find(|row| row[0].starts_with("traces")).unwrap();
    assert_eq!(of_traces[2], table.rows.last().unwrap()[1].trim_matches('*'));
    // The small mesh has 1,000 events, each in a batch of its own.
    assert_eq!(of_traces[1], cents((1_000.0 + 1_000.0 + 43_800.0 + 730.0) * TRACE));
}

#[test]
fn the_price_of_a_month_is_the_sum_of_its_parts() {
    let readme = Document::read("README.md");
    let prices = readme.table("per month");
    for column in 1..prices.header.len() {
        let numbers: Vec<f64> = prices.rows.iter().map(|row| number(&row[column])).collect();
        let (total, parts) = numbers.split_last().unwrap();
        // The total has one digit after the point.
        assert!((parts.iter().sum::<f64>() - total).abs() < 0.0501, "{}: {parts:?}", prices.header[column]);
    }
}
