// Events that could not be processed, and sending them again.

import { ask, byId, el, keyed, notify, setText, tell, time } from "./dom.js";

let isReadOnly = true;
let isFirst = true;

/** Shows the number of events that need a person. The events themselves are listed on request. */
export function letters(state) {
  isReadOnly = state.readOnly;
  const count = (number, what) => `${number} ${what}${number === 1 ? "" : "s"}`;
  setText(
    byId("letter-count"),
    state.deadLetters + state.quarantined === 0
      ? "There are none."
      : `${count(state.deadLetters, "dead letter")}, ${count(state.quarantined, "event")} in quarantine.`,
  );
  if (isFirst) byId("list-letters").addEventListener("click", list);
  isFirst = false;
}

async function list() {
  const button = byId("list-letters");
  button.disabled = true;
  try {
    const { deadLetters, quarantine } = await ask("letters");
    const all = [
      ...deadLetters.map((letter) => ({ ...letter, time: letter.sent, place: letter.queue })),
      ...quarantine.map((held) => ({ ...held, place: "quarantine" })),
    ];
    keyed(byId("letters"), all, ({ place, id }) => `${place} ${id}`, create);
    if (!all.length) notify("There are no dead letters, and the quarantine is empty.");
  } catch (error) {
    notify(error.message, true);
  }
  button.disabled = false;
  button.focus();
}

function create(item) {
  const node = el(
    "li",
    {},
    el(
      "p",
      {},
      el("span", { class: "badge attention", text: item.place }),
      " ",
      time(item.time),
      item.eventType ? ` ${item.eventType.split(".").pop()}` : "",
      item.subject ? el("code", { text: ` ${item.subject}` }) : "",
    ),
    item.reason ? el("p", { class: "reason", text: item.reason }) : null,
    el("p", { class: "faint" }, el("code", { text: item.id.slice(0, 36) })),
  );
  if (isReadOnly) return node;
  if (item.place === "quarantine") node.append(repair(item));
  else {
    node.append(
      el("button", {
        type: "button",
        "aria-label": `Send again: ${item.subject ?? item.id}`,
        text: "Send again",
        click: () => send("resend-letter", { id: item.id }),
      }),
    );
  }
  return node;
}

/** An event in quarantine has to be repaired first. */
function repair(item) {
  const label = `The event ${item.id.slice(0, 8)}, repaired`;
  const text = item.event === null ? "" : JSON.stringify(item.event, null, 2);
  const editor = el("textarea", { rows: "8", spellcheck: "false", "aria-label": label });
  editor.value = text;
  return el(
    "details",
    {},
    el("summary", { text: "Repair and send" }),
    editor,
    el("button", {
      type: "button",
      text: "Send the repaired event",
      click: () => send("resend-held", { id: item.id, event: editor.value }),
    }),
  );
}

async function send(path, body) {
  try {
    const { done } = await tell(path, body);
    await list();
    notify(done);
  } catch (error) {
    notify(error.message, true);
  }
}
