// Questions before a decision, the keyboard's help, and two ads side by side.

import { $, make, plural } from "./dom.js";
import { get, runPath } from "./api.js";
import { stage } from "./detail.js";

const REASONS = ["Wrong product", "Picture is broken", "Text is hard to read", "Wrong words", "Sound is bad", "Off brand"];

// Ask for a reason; resolves to null where the reviewer turns back.
export function askReason(verdict, count) {
  const reason = make("textarea", { id: "reason", maxLength: 1000, "aria-label": "Reason" });
  return ask(`Reject ${plural(count, "ad", "ads")}`, [make("label", { class: "label", htmlFor: "reason" }, "What is wrong?"), reason, chips(reason)], "Reject",
    () => (reason.value.trim() ? { reason: reason.value.trim() } : (reason.focus(), undefined)), reason);
}

// Opens at once, for keys pressed next are meant for it; the prompts of the takes arrive with `facts`.
export function askRetake(count, scenes, facts) {
  const reason = make("textarea", { id: "reason", maxLength: 1000, "aria-label": "Reason" });
  const boxes = scenes.map((scene, index) => make("label", { class: "check" }, make("input", { type: "checkbox", value: scene, checked: index === 0 }), scene));
  const prompt = make("textarea", { id: "prompt", maxLength: 4000, "aria-label": "Prompt" });
  const words = make("div", { hidden: true }, make("label", { class: "label", htmlFor: "prompt" }, "Prompt"), prompt), note = make("p", { class: "label" });
  let prompts = [];
  facts.then((told) => {
    prompts = told.scenes.map((scene) => scene.prompt);
    words.hidden = !told.takes_prompts;
    prompt.value = prompts[0] ?? "";
    note.textContent = `${told.takes_prompts ? "Leave the prompt as it is to try the next seed; another prompt keeps the seed." : "This model reads no prompts: the next seed is tried."} All ads that show this take are made anew; everything else is kept.`;
  }, (error) => { note.textContent = error.message; });
  boxes.forEach((box, index) => box.firstChild.addEventListener("change", () => { if (prompts.includes(prompt.value)) prompt.value = prompts[index] ?? ""; }));
  return ask(`Take again: ${plural(count, "ad", "ads")}`, [make("fieldset", {}, make("legend", {}, "Scenes"), ...boxes),
    make("label", { class: "label", htmlFor: "reason" }, "What is wrong with the picture?"), reason, chips(reason), words, note], "Retake",
  () => {
    const chosen = boxes.filter((box) => box.firstChild.checked).map((box) => box.firstChild.value);
    if (!reason.value.trim()) { reason.focus(); return undefined; }
    if (!chosen.length) { boxes[0].firstChild.focus(); return undefined; }
    const edited = !words.hidden && !prompts.includes(prompt.value) ? prompt.value.trim() : "";
    return { reason: reason.value.trim(), scenes: chosen, prompt: edited };
  }, reason);
}

function chips(field) {
  return make("div", { class: "chips" }, ...REASONS.map((text) => make("button", { type: "button", onclick: () => { field.value = field.value ? `${field.value}; ${text}` : text; field.focus(); } }, text)));
}

function ask(title, parts, verb, read, first) {
  const dialog = $("ask");
  return new Promise((resolve) => {
    let answer = null;
    const finish = () => { const found = read(); if (found) { answer = found; dialog.close(); } };
    dialog.replaceChildren(make("h2", { id: "ask-title" }, title), ...parts.filter(Boolean), make("div", { class: "ends" },
      make("button", { onclick: () => dialog.close() }, "Cancel"), make("button", { class: "chief", onclick: finish }, verb)));
    dialog.onkeydown = (event) => { if (event.key === "Enter" && !event.shiftKey && event.target.tagName !== "BUTTON") { event.preventDefault(); finish(); } event.stopPropagation(); };
    dialog.onclose = () => resolve(answer);
    dialog.showModal();
    first.focus();
  });
}

const KEYS = { "← ↑ → ↓": "go to another ad", "Home End": "to the first, to the last", "Shift + arrow, click": "choose several", "X": "choose this one", "Ctrl A": "choose all that match", "Enter": "open in detail", "Space": "play, stop", "M": "sound", "A": "approve", "R": "reject, with a reason", "T": "take again", "U": "undo", "C": "compare two, or with another run", "/": "search", "Esc": "close, choose none", "?": "this help" };

export function showHelp() {
  const dialog = $("help");
  dialog.replaceChildren(make("h2", { id: "help-title" }, "Keyboard"), make("dl", { class: "keys" }, ...Object.entries(KEYS).flatMap(([key, what]) => [make("dt", {}, ...key.split(" ").map((part) => (part === "+" ? " + " : make("kbd", {}, part)))), make("dd", {}, what)])),
    make("p", { class: "label" }, make("a", { href: "api/docs" }, "The interface for programs")), make("div", { class: "ends" }, make("button", { class: "chief", onclick: () => dialog.close() }, "Close")));
  dialog.showModal();
}

// Two ads side by side, in step: two chosen ones, or the same variant of another run.
export async function compare(state, first, second) {
  const dialog = $("compare"), others = state.runs.filter((run) => run !== state.run && run.split("/")[0] === state.run.split("/")[0]);
  const right = make("div"), picker = make("select", { "aria-label": "Other run" }, make("option", { value: "" }, "Another run …"), ...others.map((run) => make("option", { value: run }, run)));
  const left = await side(state, state.run, first);
  picker.addEventListener("change", async () => {
    if (!picker.value) return;
    const twin = (await get(`${runPath(picker.value)}/ads`)).ads.find((ad) => ad.variant_id === first.variant_id);
    right.replaceChildren(...(twin ? (await side(state, picker.value, twin)).childNodes : [make("p", { class: "empty" }, "That run has no such ad.")]));
    link(left, right);
  });
  if (second) right.replaceChildren(...(await side(state, state.run, second)).childNodes);
  else right.append(make("p", { class: "empty" }, others.length ? "Choose another run, or two ads in the grid." : "There is no other run of this campaign. Choose two ads in the grid."));
  dialog.replaceChildren(make("div", { class: "bar" }, make("h2", { id: "compare-title" }, "Compare"), make("span", { class: "space" }), picker, make("button", { onclick: () => { left.querySelector("video").paused ? left.querySelector("video").play() : left.querySelector("video").pause(); } }, "Play, pause"), make("button", { onclick: () => dialog.close() }, "Close")), make("div", { class: "pair" }, left, right));
  dialog.onclose = () => dialog.replaceChildren();
  dialog.showModal();
  link(left, right);
}

async function side(state, run, ad) {
  const facts = await get(`${runPath(run)}/ads/${ad.key}`), view = { ...state, run }, box = stage(view, ad, facts, 0, 560);
  box.removeAttribute("style");
  const rows = { run, ad: ad.variant_id, model: facts.model, seeds: facts.scenes.map((scene) => scene.seed).join(", "), words: facts.scenes.map((scene) => scene.headline).filter(Boolean).join(" · "), price: facts.sale_price || facts.price, decision: ad.decision ? `${ad.decision.verdict}, ${ad.decision.reviewer}` : facts.decision ? `${facts.decision.verdict}, ${facts.decision.reviewer}` : "waiting" };
  return make("div", {}, box, make("h3", {}, "Facts"), make("dl", {}, ...Object.entries(rows).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)])));
}

function link(left, right) {
  const one = left.querySelector("video"), two = right.querySelector("video");
  if (!one || !two) return;
  two.muted = true;
  one.onplay = () => two.play();
  one.onpause = () => two.pause();
  one.onseeked = () => { if (Math.abs(two.currentTime - one.currentTime) > 0.1) two.currentTime = one.currentTime; };
}
