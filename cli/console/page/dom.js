// Builds and updates the page. Everything from the server is set as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** Creates an element. `props` are attributes; `class` and `text` are short for the obvious, and functions are listeners. */
export function el(tag, props = {}, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** Creates an SVG element. */
export function svg(tag, props = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(node, props, children) {
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") node.addEventListener(name, value);
    else if (name === "text") node.textContent = value;
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

/** Sets a text if it is different, so that a screen reader announces only changes. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

export function setClass(node, name) {
  if (node.getAttribute("class") !== name) node.setAttribute("class", name);
}

/**
 * Makes the children of `parent` those of `items`. Nodes stay the same for the same key and keep the focus: a node moves only if
 * its place is wrong.
 */
export function keyed(parent, items, keyOf, create, update) {
  const known = new Map([...parent.children].map((node) => [node.dataset.key, node]));
  const wanted = new Set(items.map(keyOf));
  for (const [key, node] of known) {
    if (wanted.has(key)) continue;
    const hadFocus = node.contains(document.activeElement);
    const neighbour = node.nextElementSibling ?? node.previousElementSibling;
    node.remove();
    // The focus would otherwise go to the top of the page.
    if (hadFocus) (neighbour?.querySelector("button, summary") ?? parent.closest("[tabindex]") ?? parent)?.focus?.();
  }
  items.forEach((item, index) => {
    const key = keyOf(item);
    let node = known.get(key);
    if (!node) {
      node = create(item);
      node.dataset.key = key;
    }
    if (parent.children[index] !== node) parent.insertBefore(node, parent.children[index] ?? null);
    update?.(node, item);
  });
}

/** A time of the server, in the time zone of the reader. */
export function time(text) {
  if (!text) return el("span", { class: "faint", text: "–" });
  const moment = new Date(text);
  const isToday = moment.toDateString() === new Date().toDateString();
  const clock = moment.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const shown = isToday ? clock : `${moment.toLocaleDateString()} ${clock}`;
  return el("time", { datetime: text, title: text, text: shown });
}

/** Asks the server. Throws an error whose message is for the person. */
export async function ask(path, query) {
  const suffix = query ? `?${new URLSearchParams(query)}` : "";
  return answer(await fetch(path + suffix));
}

/** Asks the server to change something. */
export async function tell(path, body) {
  return answer(await fetch(path, { method: "POST", body: JSON.stringify(body) }));
}

async function answer(response) {
  let content = null;
  try {
    content = await response.json();
  } catch {
    throw new Error(`The server answers ${response.status}.`);
  }
  if (!response.ok) throw new Error(content.problem ?? `The server answers ${response.status}.`);
  return content;
}

let hiding;

/** Shows a message for a while; an empty one hides what is shown. */
export function notify(text, isProblem = false) {
  const notice = byId("notice");
  clearTimeout(hiding);
  setClass(notice, text ? `toast shown${isProblem ? " problem" : ""}` : "toast");
  setText(notice, text);
  hiding = setTimeout(() => {
    setClass(notice, "toast");
    setText(notice, "");
  }, 8000);
}

/** A policy in words, with its document. */
export function policy({ name, role, words, document: content }) {
  return el(
    "div",
    { class: "policy" },
    el("p", {}, el("code", { text: name }), " on the role ", el("code", { text: role })),
    el("ul", { class: "words" }, ...words.map((text) => el("li", { text }))),
    el(
      "details",
      {},
      el("summary", { text: `Document of ${name}` }),
      el("pre", { tabindex: "0", text: JSON.stringify(content, null, 2) }),
    ),
  );
}

/** The difference of a policy. */
export function difference({ time: when, kind, policy: name, role, lines, unchanged }) {
  const verbs = { granted: "appeared", changed: "changed", revoked: "disappeared" };
  return el(
    "li",
    { class: "change" },
    el("p", {}, time(when), ` ${name} ${verbs[kind]} on ${role}`),
    el(
      "ul",
      { class: "diff" },
      ...lines.map(({ mark, text }) =>
        el(
          "li",
          { class: mark === "+" ? "plus" : "minus" },
          el("span", { "aria-hidden": "true", text: mark === "+" ? "+ " : "− " }),
          el("span", { class: "hidden-visually", text: mark === "+" ? "added: " : "removed: " }),
          text,
        ),
      ),
      unchanged ? el("li", { class: "faint", text: `${unchanged} unchanged` }) : null,
    ),
  );
}
