//! A trace as a picture in SVG, as X-Ray's console shows it: the map of the services, and below it the timeline of the
//! segments. It is readable on a light and on a dark background.

mod map;
mod timeline;

use std::fmt::Write;
use std::time::Duration;

use crate::map::Map;
use crate::segment::{Outcome, Segment};
use crate::trace::Trace;
use crate::waterfall::formatted;

/// The width of a picture, in pixels.
const WIDTH: usize = 1000;
/// The space around what is drawn, in pixels.
const MARGIN: usize = 24;
/// The height of the line with the event and the trace, in pixels.
const TITLE: usize = 44;

/// Colors are X-Ray's: green, yellow for an error, purple for a throttle and red for a fault.
const STYLE: &str = "
  text { font: 13px 'Segoe UI', Roboto, Helvetica, Arial, sans-serif; fill: #16191f; }
  .faint { fill: #545b64; font-size: 12px; } .title { font-weight: 600; font-size: 15px; }
  .function { font-weight: 600; } .middle { text-anchor: middle; } .end { text-anchor: end; }
  .ground { fill: #ffffff; } .band { fill: #f2f3f3; } .edge { stroke: #879596; stroke-width: 1.5; fill: none; }
  .ring { fill: #ffffff; stroke-width: 4; }
  .ok { stroke: #1d8102; } .error { stroke: #b7791f; } .throttle { stroke: #8a3ffc; } .fault { stroke: #d13212; }
  .bar { stroke: none; } .bar.ok { fill: #1d8102; } .bar.error { fill: #b7791f; }
  .bar.throttle { fill: #8a3ffc; } .bar.fault { fill: #d13212; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f2f3f3; } .faint { fill: #a4afba; }
    .ground { fill: #161d26; } .band { fill: #202a35; } .edge { stroke: #7d8998; } .ring { fill: #161d26; }
    .ok { stroke: #5fc24a; } .error { stroke: #f0b429; } .throttle { stroke: #be95ff; } .fault { stroke: #ff6b4a; }
    .bar.ok { fill: #5fc24a; } .bar.error { fill: #f0b429; } .bar.throttle { fill: #be95ff; } .bar.fault { fill: #ff6b4a; }
  }
";

/// Returns the picture of a trace: its map and its timeline.
#[must_use]
pub fn trace_svg(trace: &Trace) -> String {
    let segments = trace.segments();
    let drawn = Map::of(&segments);
    let height = TITLE + map::height(&drawn) + timeline::height(&segments) + MARGIN;
    let mut svg = title(trace, &segments);
    svg.push_str(&map::draw(&drawn, TITLE));
    svg.push_str(&timeline::draw(&segments, TITLE + map::height(&drawn)));
    document(&svg, height)
}

/// Returns the picture of a map.
#[must_use]
pub fn map_svg(drawn: &Map) -> String {
    document(&map::draw(drawn, MARGIN), map::height(drawn) + 2 * MARGIN)
}

fn document(content: &str, height: usize) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
         <style>{STYLE}</style>\n\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{height}\" rx=\"8\"/>\n\
         {content}</svg>\n"
    )
}

/// The event and the trace.
fn title(trace: &Trace, segments: &[Segment]) -> String {
    let event = trace.text("cloudevents.event_type").map(|it| it.rsplit('.').next().unwrap_or(it));
    let (begin, end) = range(segments);
    let mut svg = String::new();
    text(&mut svg, MARGIN, 28, "title", event.unwrap_or("Trace"));
    let about = format!("{} · {}", trace.xray_id(), formatted(took(begin, end)));
    text(&mut svg, WIDTH - MARGIN, 28, "faint end", &about);
    svg
}

/// When the first segment begins and the last one ends.
fn range(segments: &[Segment]) -> (f64, f64) {
    let begin = segments.iter().map(|it| it.start).fold(f64::INFINITY, f64::min);
    let end = segments.iter().map(|it| it.end).fold(begin, f64::max);
    if begin.is_finite() { (begin, end) } else { (0.0, 0.0) }
}

fn took(begin: f64, end: f64) -> Duration {
    Duration::try_from_secs_f64(end - begin).unwrap_or_default()
}

fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "ok",
        Outcome::Error => "error",
        Outcome::Throttle => "throttle",
        Outcome::Fault => "fault",
    }
}

fn text(svg: &mut String, x: usize, y: usize, class: &str, content: &str) {
    // Writing to a String cannot fail.
    let _ = writeln!(svg, "<text x=\"{x}\" y=\"{y}\" class=\"{class}\">{}</text>", escaped(content));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::grant;

    #[test]
    fn the_picture_shows_every_node_edge_and_segment() {
        let svg = trace_svg(&grant());
        for name in ["feed", "dmm_events", "router", "EventBridge", "iam-grant", "Data Mesh Manager", "IAM"] {
            assert!(svg.contains(&format!("data-node=\"{name}\"")), "{name}\n{svg}");
        }
        assert_eq!(svg.matches("data-edge=").count(), 6, "{svg}");
        assert_eq!(svg.matches("class=\"bar ").count(), grant().segments().len(), "{svg}");
        assert!(svg.contains("class=\"ring throttle\"") && svg.contains("class=\"bar throttle\""), "{svg}");
        assert!(svg.contains("prefers-color-scheme: dark"), "{svg}");
        assert_eq!(map_svg(&Map::of(&grant().segments())).matches("data-edge=").count(), 6);
    }

    #[test]
    fn names_are_escaped() {
        assert_eq!(escaped("a<b>&\"c\""), "a&lt;b&gt;&amp;&quot;c&quot;");
    }
}
