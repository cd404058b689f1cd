// Connects the page with the server: each new state is drawn where it differs from what is shown.

import { agreements } from "./agreements.js";
import { byId, difference, el, keyed, policy, setClass, setText, time } from "./dom.js";
import { letters } from "./letters.js";
import { pipeline } from "./pipeline.js";

function connect() {
  const events = new EventSource("states");
  const connection = byId("connection");
  events.addEventListener("open", () => {
    setClass(connection, "badge ok");
    setText(connection, "Live");
  });
  events.addEventListener("error", () => {
    setClass(connection, "badge attention");
    setText(connection, "Not connected: the program has ended or cannot be reached");
  });
  events.addEventListener("state", (event) => draw(JSON.parse(event.data)));
}

function draw(state) {
  const problem = byId("problem");
  problem.hidden = !state.problem;
  setText(problem, state.problem ?? "");
  if (!state.readAt) return;
  setText(byId("stack"), state.readOnly ? `${state.stack} · read-only` : state.stack);
  document.body.dataset.ready = "true";
  pipeline(state);
  health(state.health);
  agreements(state);
  happenings(state.happenings);
  changes(state.changes);
  letters(state);
  roles(state.roles);
}

const LEVELS = { ok: "OK", attention: "Needs attention", unknown: "Unknown" };

function health(lines) {
  keyed(
    byId("health"),
    lines,
    (line) => line.name,
    (line) => el("li", {}, el("span"), el("strong", { text: line.name }), el("span")),
    (node, { level, text }) => {
      const [badge, , shown] = node.children;
      setClass(badge, `badge ${level}`);
      setText(badge, LEVELS[level]);
      setText(shown, text);
    },
  );
}

function happenings(list) {
  byId("no-events").hidden = list.length > 0;
  const signs = { granted: "+", changed: "~", revoked: "−", refused: "✗", extension: "·" };
  keyed(
    byId("events"),
    list.slice(0, 60).map((item, index) => ({ ...item, key: `${item.time} ${list.length - index} ${item.text}` })),
    (item) => item.key,
    (item) =>
      el(
        "li",
        { class: item.kind },
        el("span", { class: "sign", "aria-hidden": "true", text: signs[item.kind] ?? "!" }),
        time(item.time),
        el("span", { text: ` ${item.text}` }),
      ),
  );
}

function changes(list) {
  byId("no-changes").hidden = list.length > 0;
  keyed(
    byId("changes"),
    list.slice(0, 30),
    (change) => `${change.time} ${change.role} ${change.policy}`,
    (change) => difference(change),
  );
}

function roles(list) {
  const holding = list.filter((role) => role.policies.length > 0);
  byId("no-roles").hidden = holding.length > 0;
  keyed(
    byId("roles"),
    holding,
    (role) => role.name,
    (role) => el("details", { class: "role" }, el("summary", {}, el("code", { text: role.name }), el("span")), el("div")),
    (node, role) => {
      const count = role.policies.length;
      setText(node.querySelector("summary span"), ` ${count} ${count === 1 ? "policy" : "policies"}`);
      const shown = JSON.stringify(role.policies);
      if (node.shown === shown) return;
      node.shown = shown;
      node.lastElementChild.replaceChildren(...role.policies.map(policy));
    },
  );
}

connect();
