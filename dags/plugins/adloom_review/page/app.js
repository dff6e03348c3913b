// Ties the page together: what is shown, what is chosen, what is said.

import "./theme.js";
import { $, make, plural, toast, verdictOf, WORDS } from "./dom.js";
import { get, post, publish, renderAgain, runPath } from "./api.js";
import { Grid, matches } from "./grid.js";
import { showDetail } from "./detail.js";
import { askReason, askRetake, compare, showHelp } from "./dialogs.js";
import { showGlance, showMeter } from "./glance.js";

const POLL_MS = 4000, GLANCE_MS = 400, RUNS_AT_A_GLANCE = 8, FIELDS = ["text", "product", "locale", "format", "finding", "decision"];
const state = { run: "", runs: [], me: null, ads: [], byKey: new Map(), bySha: new Map(), shown: [], selected: new Set(), current: "", anchor: "", revision: 0, version: "", size: 190, group: "", captions: true, overlays: false, seen: null };
const grid = new Grid(state, { choose, open: openDetail });
let opened = false;

async function start() {
  const asked = new URLSearchParams(location.search).get("run") ?? "";
  const early = asked.includes("/") ? get(`${runPath(asked)}/ads`).catch(() => null) : null; // the ads are on their way while the rest is asked
  [state.me, state.runs] = await Promise.all([get("api/me"), get("api/runs")]);
  const plain = asked.replace(/[^A-Za-z0-9._-]+/g, "-");
  $("run").replaceChildren(...state.runs.map((run) => make("option", { value: run }, run)));
  const first = state.runs.find((run) => run === asked || run.split("/")[1] === plain) ?? state.runs[0];
  if (!first) return empty("No run yet", "Render a campaign: its ads appear here.");
  $("run").value = first;
  await openRun(first, early);
  setInterval(() => { if (!document.hidden) sync().then(glance).catch(quiet); }, POLL_MS);
}

async function openRun(run, early = null) {
  Object.assign(state, { run, selected: new Set(), current: "", version: "" });
  $("detail").hidden = true; opened = false;
  await loadAds(early);
  await glance();
}

async function loadAds(early = null) {
  const known = await early;
  const answer = known?.run === state.run ? known : await get(`${runPath(state.run)}/ads`);
  Object.assign(state, { ads: answer.ads, revision: answer.revision, byKey: new Map(answer.ads.map((ad) => [ad.key, ad])), bySha: new Map(answer.ads.map((ad) => [ad.sha256, ad])) });
  options();
  show();
}

// Learn what others said and what was rendered meanwhile.
async function sync() {
  const news = await get(`${runPath(state.run)}/decisions?after=${state.revision}`), version = news.version.split("-")[0];
  const more = state.version && version !== state.version;
  state.version = version;
  if (more) await loadAds();
  for (const [sha256, decision] of Object.entries(news.decisions)) { const ad = state.bySha.get(sha256); if (ad) ad.decision = decision; }
  const changed = news.revision !== state.revision;
  state.revision = news.revision;
  if (changed) { options(); show(true); if (opened && state.current) openDetail(); }
}

async function glance() {
  const seen = await get(runPath(state.run));
  if (seen === state.seen) return;
  state.seen = seen;
  showMeter(seen);
  if (!$("glance").hidden) await openGlance();
}

async function openGlance() {
  const others = await Promise.all(state.runs.slice(0, RUNS_AT_A_GLANCE).map((run) => get(runPath(run)).catch(() => null)));
  showGlance(state.seen, state.runs, others.filter(Boolean));
}

const wanted = () => Object.fromEntries(FIELDS.map((name) => [name, $(name).value.trim()]));

// `still` keeps in sight what was just decided, though it no longer matches: nothing jumps under the reviewer's hands.
function show(still = false) {
  const filter = wanted(), before = new Set(state.shown.map((ad) => ad.key));
  state.shown = state.ads.filter((ad) => matches(ad, filter) || (still && before.has(ad.key) && matches(ad, { ...filter, decision: "" })));
  for (const key of state.selected) if (!state.byKey.has(key)) state.selected.delete(key);
  if (!state.shown.some((ad) => ad.key === state.current)) { state.current = state.shown[0]?.key ?? ""; }
  if (still && before.size === state.shown.length) grid.refresh(); else grid.arrange();
  document.querySelector(".empty")?.remove();
  if (!state.shown.length) state.ads.length ? empty("Nothing matches", "Loosen the filter.") : empty("No finished ads yet", "They appear as batches end.");
  actions();
}

function empty(title, text) { $("canvas").append(make("div", { class: "empty" }, make("b", {}, title), text)); }

function options() {
  const count = (values) => { const found = new Map(); for (const value of values) found.set(value, (found.get(value) ?? 0) + 1); return [...found].sort(([a], [b]) => a.localeCompare(b)); };
  const fill = (id, all, pairs, words = (value) => value) => {
    const kept = $(id).value;
    $(id).replaceChildren(make("option", { value: "" }, all), ...pairs.map(([value, number]) => make("option", { value }, `${words(value)} (${number.toLocaleString("en")})`)));
    $(id).value = pairs.some(([value]) => value === kept) ? kept : "";
  };
  const titles = new Map(state.ads.map((ad) => [ad.product, ad.title]));
  fill("product", "All products", count(state.ads.map((ad) => ad.product)), (product) => (titles.get(product) ? `${titles.get(product)} · ${product}` : product));
  fill("locale", "All locales", count(state.ads.map((ad) => ad.locale)));
  fill("format", "All formats", count(state.ads.map((ad) => ad.format)), (format) => format.replace("_", " "));
  fill("finding", "Any findings", count(state.ads.flatMap((ad) => [...new Set(ad.findings.flat())])));
  fill("decision", "All decisions", count(state.ads.map(verdictOf)), (verdict) => WORDS[verdict]);
}

function choose(key, how) {
  if (how === "toggle") state.selected.has(key) ? state.selected.delete(key) : state.selected.add(key);
  else if (how === "range") {
    const at = (one) => grid.order.findIndex((ad) => ad.key === one), [from, to] = [at(state.anchor || key), at(key)].sort((a, b) => a - b);
    state.selected = new Set(grid.order.slice(Math.max(0, from), to + 1).map((ad) => ad.key));
  } else state.selected.clear();
  if (how !== "range") state.anchor = key;
  state.current = key;
  grid.refresh();
  grid.reveal(key, true);
  actions();
  if (opened) openDetail();
}

const meant = () => (state.selected.size ? [...state.selected] : state.current ? [state.current] : []);

function actions() {
  const count = meant().length, all = $("choose-all"), everything = state.selected.size === state.shown.length && state.shown.length > 1;
  $("actions").hidden = !state.shown.length;
  $("chosen").textContent = state.selected.size ? `${state.selected.size.toLocaleString("en")} chosen` : `${plural(state.shown.length, "ad", "ads")}`;
  all.textContent = everything ? "Choose none" : `Choose all ${state.shown.length.toLocaleString("en")}`;
  for (const button of document.querySelectorAll("[data-say]")) button.disabled = !count;
}

async function openDetail() {
  const ad = state.byKey.get(state.current);
  if (!ad) return;
  opened = true;
  const before = $("detail").hidden;
  await showDetail(state, ad, { close: closeDetail, say }).catch(tell);
  if (before) { grid.arrange(); grid.reveal(state.current, true); }
}

function closeDetail() {
  opened = false;
  $("detail").hidden = true;
  $("detail").replaceChildren();
  $("detail").dataset.key = "";
  grid.arrange();
  grid.reveal(state.current, true);
}

// The question comes at once, then the next ad is current, as a reviewer's hand expects: who presses A three times in a
// row approves three ads. Rulings are sent one after the other.
let saying = Promise.resolve(), soon;
async function say(verdict, keys = meant()) {
  if (!keys.length) return undefined;
  const ads = keys.map((key) => state.byKey.get(key)), filter = wanted(), whole = keys.length > 1 && keys.length === state.shown.length && state.shown.every((ad) => matches(ad, filter));
  const more = await question(verdict, ads);
  if (!more) return undefined;
  if (keys.length === 1 && keys[0] === state.current && verdict !== "undo") next();
  saying = saying.then(() => send(verdict, more, ads, whole ? filter : null)).catch(tell);
  return saying;
}

async function send(verdict, more, ads, filter) {
  const seen = state.revision, whom = filter ? { filter, seen } : { ads: ads.map((ad) => ({ key: ad.key, sha256: ad.sha256, seen })) };
  const ruled = await post(`${runPath(state.run)}/decisions`, { verdict, ...more, ...whom });
  await sync();
  report(verdict, ruled);
  clearTimeout(soon);
  soon = setTimeout(() => glance().catch(quiet), GLANCE_MS);
}

function question(verdict, ads) {
  if (verdict === "reject") return askReason(verdict, ads.length);
  if (verdict !== "retake") return {};
  return askRetake(ads.length, ads[0].scenes, get(`${runPath(state.run)}/ads/${ads[0].key}`));
}

function next() {
  const key = grid.step(state.current, 1, 0);
  if (key) choose(key, "only");
}

function report(verdict, ruled) {
  const done = { approve: "approved", reject: "rejected", retake: "to be taken again", undo: "undone" }[verdict], words = [];
  if (ruled.decided.length || ruled.unchanged) words.push(`${plural(ruled.decided.length, "ad", "ads")} ${done}${ruled.unchanged ? `, ${ruled.unchanged} were already` : ""}`);
  if (ruled.conflicts.length) { const [first] = ruled.conflicts; words.push(`${ruled.conflicts.length} left as ${first.reviewer} said meanwhile: ${first.verdict}${first.reason ? `, ${first.reason}` : ""}`); }
  if (ruled.refused.length) words.push(`${ruled.refused.length} not: ${ruled.refused[0].reason}`);
  const text = words.join(". ");
  if (verdict === "retake" && ruled.decided.length) toast(text, "Render now", async () => { await renderAgain(state.me.dag || `campaign_${state.seen.campaign}`, state.seen.again).then(() => toast("A run has begun in Airflow. Its ads appear as a new run."), tell); });
  else if (ruled.decided.length > 1 || words.length > 1 || !ruled.decided.length) toast(text || "Nothing to do.");
  else toast(text);
}

function tell(error) { toast(error.message); }
function quiet() { /* the next poll tells, or the one after */ }

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function pressed(event) {
  if (document.querySelector("dialog[open]")) return;
  if (event.target.matches("input[type=search]") && event.key === "Escape") { event.preventDefault(); $("grid").focus(); return; }
  if (event.target.matches("input:not([type=checkbox]):not([type=range]), textarea, select")) return;
  const act = ARROWS[event.key] ? () => arrow(event) : keys(event)[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (!act || event.altKey || ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() !== "a")) return;
  if (event.key === " " && event.target.matches("button, input")) return;
  if (event.key === "Enter" && event.target.matches("button, a, summary")) return;
  event.preventDefault();
  Promise.resolve(act()).catch(tell);
}

const keys = (event) => ({
  a: () => (event.ctrlKey || event.metaKey ? chooseAll() : say("approve")),
  r: () => say("reject"), t: () => say("retake"), u: () => say("undo"), c: openCompare, x: () => choose(state.current, "toggle"),
  m: () => { const card = grid.cells.get(state.current); if (card) grid.sound(card); },
  Home: () => choose(grid.order[0]?.key ?? "", "only"), End: () => choose(grid.order.at(-1)?.key ?? "", "only"),
  " ": () => grid.togglePlay(state.current), Enter: openDetail, "/": () => { $("text").focus(); $("text").select(); }, "?": showHelp,
  Escape: () => { if (opened) closeDetail(); else { state.selected.clear(); grid.refresh(); actions(); } },
});

function arrow(event) {
  const key = grid.step(state.current, ...ARROWS[event.key]);
  if (key) choose(key, event.shiftKey ? "range" : "only");
}

function chooseAll() {
  const all = state.selected.size === state.shown.length;
  state.selected = new Set(all ? [] : state.shown.map((ad) => ad.key));
  grid.refresh();
  actions();
}

function openCompare() {
  const [one, two] = meant().map((key) => state.byKey.get(key));
  return one && compare(state, one, two);
}

async function publishApproved() {
  await publish(state.run);
  toast("Airflow publishes what is approved. The count of delivered ads follows.");
}

for (const name of FIELDS) $(name).addEventListener("input", () => { state.selected.clear(); show(); $("grid").scrollTop = 0; });
$("group").addEventListener("input", () => { state.group = $("group").value; grid.arrange(); });
$("size").addEventListener("input", () => { state.size = Number($("size").value); grid.arrange(); });
$("captions").addEventListener("input", () => { state.captions = $("captions").checked; grid.stop(); if (opened) openDetail(); });
$("overlays").addEventListener("input", () => { state.overlays = $("overlays").checked; openDetail(); });
$("run").addEventListener("input", () => openRun($("run").value).catch(tell));
$("glance-toggle").addEventListener("click", () => { $("glance").hidden = !$("glance").hidden; $("glance-toggle").setAttribute("aria-expanded", String(!$("glance").hidden)); if (!$("glance").hidden) openGlance().catch(tell); });
$("publish").addEventListener("click", () => publishApproved().catch(tell));
$("help-open").addEventListener("click", showHelp);
$("compare-open").addEventListener("click", () => openCompare()?.catch(tell));
$("choose-all").addEventListener("click", chooseAll);
for (const button of document.querySelectorAll("[data-say]")) button.addEventListener("click", () => say(button.dataset.say));
addEventListener("keydown", pressed);
if (matchMedia("(max-width: 720px)").matches) state.size = 150;
start().catch((error) => empty("This does not work", error.message));
