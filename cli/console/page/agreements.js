// One row for each agreement, and its details.

import { ask, byId, difference, el, keyed, notify, policy, setClass, setText, tell, time } from "./dom.js";
import { waterfall } from "./trace.js";

const STATES = {
  granted: ["✓", "Access granted", "ok"],
  refused: ["✗", "No access", "attention"],
  changing: ["…", "Changing", "unknown"],
  waiting: ["…", "Waiting for iam-grant", "unknown"],
  requested: ["?", "Requested", "unknown"],
  ended: ["–", "Ended", "none"],
};
const ACTIONS = { approve: "Approve", cancel: "Cancel", delete: "Delete" };

let latest = null;
let open = null;

/** Shows the agreements that the filter selects. */
export function agreements(state) {
  if (!latest) listen();
  latest = state;
  const wanted = byId("filter").value;
  const shown = state.agreements.filter((agreement) => !wanted || agreement.state === wanted);
  const granted = state.agreements.filter((agreement) => agreement.state === "granted").length;
  const refused = state.agreements.filter((agreement) => agreement.state === "refused").length;
  setText(
    byId("agreement-count"),
    `${state.agreements.length} agreements: ${granted} with access, ${refused} refused. ${shown.length} shown.`,
  );
  keyed(byId("agreement-list"), shown, keyOf, create, update);
  refresh();
}

function listen() {
  byId("filter").addEventListener("change", () => agreements(latest));
  byId("detail-close").addEventListener("click", () => byId("detail").close());
  byId("detail").addEventListener("close", () => {
    const row = open && [...byId("agreement-list").children].find((node) => node.dataset.key === open.key);
    open = null;
    row?.querySelector(".details")?.focus();
  });
}

const keyOf = ({ kind, id }) => `${kind}/${id}`;
const titleOf = ({ purpose, id }) => purpose || id;

function create(agreement) {
  const title = titleOf(agreement);
  return el(
    "li",
    { class: "row" },
    el(
      "div",
      { class: "what" },
      el("h3", { text: title }),
      el("p", { class: "faint parties" }),
      el("p", { class: "faint" }, el("code", { text: keyOf(agreement) })),
    ),
    el("div", { class: "state" }, el("span", { class: "badge" }), el("p", { class: "reason" })),
    el("div", { class: "roles" }),
    el("div", { class: "since" }),
    el(
      "div",
      { class: "buttons" },
      ...Object.entries(ACTIONS).map(([action, text]) =>
        el("button", {
          type: "button",
          class: action === "delete" ? "danger" : null,
          "data-action": action,
          "aria-label": `${text}: ${title}`,
          text,
          click: () => act(agreement, action),
        }),
      ),
      el("button", {
        type: "button",
        class: "details",
        "aria-label": `Details: ${title}`,
        "aria-haspopup": "dialog",
        text: "Details",
        click: () => show(agreement),
      }),
    ),
  );
}

function update(node, agreement) {
  const shown = JSON.stringify(agreement);
  if (node.shown === shown) return;
  node.shown = shown;
  const { product, port, consumer, state, reason, code, roles, since, until, actions } = agreement;
  const [sign, text, level] = STATES[state];
  const badge = node.querySelector(".badge");
  setClass(badge, `badge ${level}`);
  setText(badge, `${sign} ${text}`);
  const parties = [product && port ? `${product} / ${port}` : product, consumer].filter(Boolean).join(" → ");
  setText(node.querySelector(".parties"), parties);
  setText(node.querySelector(".reason"), state === "refused" ? (reason ?? code ?? "") : "");
  node.querySelector(".roles").replaceChildren(...roles.map((role) => el("code", { text: role })));
  const times = [time(since)];
  if (until) times.push(el("p", { class: "faint" }, "until ", time(until)));
  node.querySelector(".since").replaceChildren(...times);
  let moved = false;
  for (const button of node.querySelectorAll("[data-action]")) {
    const isPossible = actions.includes(button.dataset.action);
    moved ||= !isPossible && button === document.activeElement;
    button.hidden = !isPossible;
  }
  // The button that was pressed has gone: the focus stays in the row.
  if (moved) node.querySelector("[data-action]:not([hidden]), .details").focus();
}

async function act(agreement, action) {
  if (action === "delete" && !(await confirmed(`Delete the agreement “${titleOf(agreement)}”?`))) return;
  try {
    const { done } = await tell("act", { kind: agreement.kind, id: agreement.id, action });
    notify(done);
  } catch (error) {
    notify(error.message, true);
  }
}

/** Asks the person. */
function confirmed(question) {
  const dialog = byId("confirm");
  setText(byId("confirm-title"), question);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    byId("confirm-no").onclick = () => dialog.close("no");
    byId("confirm-yes").onclick = () => dialog.close("yes");
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

async function show(agreement) {
  open = { key: keyOf(agreement), shown: "" };
  setText(byId("detail-title"), titleOf(agreement));
  byId("detail-body").replaceChildren(
    el("div", { id: "detail-now" }),
    el("section", { id: "detail-why" }, el("p", { class: "faint", text: "Reading what the rules decide" })),
    el("section", { id: "detail-changes" }),
    el("section", { id: "detail-traces" }, el("p", { class: "faint", text: "Reading the traces" })),
  );
  notify("");
  byId("detail").showModal();
  byId("detail-title").focus();
  refresh();
  const { kind, id } = agreement;
  await Promise.all([part("detail-why", kind, id, "explanation", explained), part("detail-traces", kind, id, "traces", traced)]);
}

/** Reads a part of the details, and shows it unless the person has gone on. */
async function part(place, kind, id, path, drawn) {
  let content;
  try {
    content = drawn(await ask(path, { kind, id }));
  } catch (error) {
    content = [el("p", { class: "faint", text: error.message })];
  }
  if (open?.key === `${kind}/${id}`) byId(place)?.replaceChildren(...content);
}

/** Updates the parts of the details that follow from the state. */
function refresh() {
  if (!open) return;
  const agreement = latest.agreements.find((other) => keyOf(other) === open.key);
  const policies = latest.roles.flatMap((role) => role.policies).filter(({ name }) => agreement?.policies.includes(name));
  const changes = latest.changes.filter(({ policy: name }) => agreement?.policies.includes(name));
  const shown = JSON.stringify([agreement, policies, changes]);
  if (open.shown === shown) return;
  open.shown = shown;
  if (!agreement) {
    byId("detail-now").replaceChildren(el("p", { text: "This agreement does not exist any more." }));
    return;
  }
  const [sign, text, level] = STATES[agreement.state];
  const remedy = agreement.state === "refused" ? (agreement.reason ?? agreement.code) : null;
  byId("detail-now").replaceChildren(
    el("p", {}, el("span", { class: `badge ${level}`, text: `${sign} ${text}` }), " since ", time(agreement.since)),
    ...(remedy ? [el("p", { class: "notice", text: remedy })] : []),
    ...(policies.length ? [el("h3", { text: "What IAM permits now" }), ...policies.map(policy)] : []),
  );
  byId("detail-changes").replaceChildren(
    ...(changes.length
      ? [el("h3", { text: "Changes" }), el("ol", { class: "changes" }, ...changes.map(difference))]
      : []),
  );
}

function explained({ decision, refusal, portType, resources, role, policies, findings }) {
  const finding = ({ code, text }) => el("p", { class: "notice" }, el("code", { text: code }), text ? ` ${text}` : "");
  return [
    el("h3", { text: "What the rules decide" }),
    el("p", { text: decision }),
    ...(refusal ? [finding(refusal)] : []),
    ...(role ? [el("p", {}, "The consumer names the role ", el("code", { text: role }), ".")] : []),
    ...(resources.length
      ? [
          el("p", { text: portType ? `The output port has the type ${portType} and names:` : "The output port names:" }),
          el(
            "ul",
            { class: "words" },
            ...resources.map(({ arn, origin }) =>
              el("li", {}, el("code", { text: arn }), el("span", { class: "faint", text: ` from the ${origin}` })),
            ),
          ),
        ]
      : []),
    ...(policies.length
      ? [el("details", {}, el("summary", { text: "The policies that should exist" }), ...policies.map(policy))]
      : []),
    ...findings.map(finding),
  ];
}

function traced(traces) {
  if (!traces.length) return [el("h3", { text: "Traces" }), el("p", { class: "faint", text: "No trace has been recorded yet." })];
  return [
    el("h3", { text: "Traces" }),
    ...traces.map((trace, index) =>
      el(
        "details",
        { class: "trace", open: index === 0 },
        el("summary", {}, trace.title, " ", time(trace.began), el("span", { class: "faint", text: ` ${trace.took.toFixed(0)} ms` })),
        waterfall(trace),
      ),
    ),
  ];
}
