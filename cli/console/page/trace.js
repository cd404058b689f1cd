// A trace as a waterfall: a table with a bar for each span.

import { el, svg } from "./dom.js";

/** Draws a trace. */
export function waterfall(trace) {
  const whole = Math.max(trace.took, 0.001);
  const row = ({ depth, name, service, from, took, failed, remark }) => {
    const [left, width] = [(from / whole) * 100, Math.max((took / whole) * 100, 0.7)];
    const bar = svg("svg", { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" });
    bar.append(svg("rect", { class: failed ? "failed" : "fine", x: Math.min(left, 99.3), y: 1, width, height: 8 }));
    const shown = el("span", { class: "span", text: name });
    shown.style.paddingInlineStart = `${Math.min(depth, 8) * 0.8}rem`;
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, shown, el("span", { class: "faint service", text: service })),
      el("td", {}, bar, remark ? el("span", { class: failed ? "remark failed" : "remark", text: remark }) : null),
      el("td", { class: "took", text: `${took < 10 ? took.toFixed(1) : took.toFixed(0)} ms` }),
    );
  };
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `Waterfall of the trace ${trace.id}` },
    el(
      "table",
      { class: "waterfall" },
      el("caption", {}, el("code", { text: trace.id })),
      el(
        "thead",
        {},
        el("tr", {}, ...["Span", "Time", "Duration"].map((text) => el("th", { scope: "col", text }))),
      ),
      el("tbody", {}, ...trace.spans.map(row)),
    ),
  );
}
