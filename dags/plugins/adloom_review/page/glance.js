// A run at a glance.

import { $, make, plural } from "./dom.js";

export function showMeter(seen) {
  const parts = { approve: seen.approved, reject: seen.rejected, retake: seen.retaken, waiting: seen.waiting, failed: seen.failed };
  $("meter").replaceChildren(...Object.entries(parts).filter(([, count]) => count).map(([name, count]) => {
    const part = make("i", { class: name });
    part.style.width = `${(100 * count) / Math.max(1, seen.requested)}%`;
    return part;
  }));
  const left = seen.missing && !seen.closed ? `${seen.rendered.toLocaleString("en")} of ${seen.requested.toLocaleString("en")} rendered · ` : "";
  $("meter-text").textContent = `${left}${seen.waiting.toLocaleString("en")} wait, ${seen.approved.toLocaleString("en")} approved`;
}

export function showGlance(seen, runs, others) {
  const tiles = [["requested", "requested"], ["rendered", "rendered"], ["waiting", "wait for you"], ["approved", "approved", "approve"], ["rejected", "rejected", "reject"], ["retaken", "to retake", "retake"], ["failed", "failed", seen.failed ? "reject" : ""], ["withdrawn", "withdrawn"], ["delivered", "delivered"]]
    .map(([name, words, look]) => tile(seen[name].toLocaleString("en"), words, look));
  tiles.push(tile(seen.ads_per_hour === null ? "–" : Math.round(seen.ads_per_hour).toLocaleString("en"), "ads an hour"), tile(seen.eta_s === null ? "–" : duration(seen.eta_s), "left"),
    ...money(seen.cost));
  $("glance").replaceChildren(make("div", { class: "tiles" }, ...tiles), make("div", { class: "columns" }, stages(seen), failures(seen)), ...(others.length > 1 ? [make("h3", {}, "Runs"), table(others)] : []));
}

function money(cost) {
  const left = cost.gpu_hours_left ? [tile(`$${cost.usd_left.toFixed(2)}`, `still to spend, ${hours(cost.gpu_hours_left)} of GPU, estimated`, "money")] : [];
  return [tile(`$${cost.usd_spent.toFixed(2)}`, `spent, ${hours(cost.gpu_hours_spent)} of GPU, measured`, cost.over_budget ? "money reject" : "money"), ...left,
    tile(`$${cost.usd_saved.toFixed(2)}`, `saved by reuse, ${hours(cost.gpu_hours_saved)} of GPU, ${cost.saved_measured ? "measured" : "partly estimated"}`, "money")];
}

const tile = (value, words, look = "") => make("div", { class: `tile ${look}` }, make("b", {}, value), make("span", {}, words));
const hours = (value) => (value >= 1 ? `${value.toFixed(1)} h` : value >= 1 / 60 ? `${(60 * value).toFixed(1)} min` : `${(3600 * value).toFixed(0)} s`);
const duration = (seconds) => (seconds >= 5400 ? `${(seconds / 3600).toFixed(1)} h` : seconds >= 90 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds)} s`);
const cell = (value) => make("td", { class: "number" }, value);

function stages(seen) {
  const rows = seen.stages.map((one) => make("tr", {}, make("td", {}, one.stage), cell(one.stage in { expand: 1, plan: 1, review: 1, publish: 1 } ? "" : `${one.batches} / ${seen.batches}`), cell(one.made.toLocaleString("en")), cell(one.failed ? String(one.failed) : ""), cell(duration(one.seconds))));
  return make("div", {}, make("h3", {}, "Stages"), make("table", {}, make("tr", {}, make("th", {}, "stage"), ...["batches", "made", "failed", "time"].map((name) => make("th", { class: "number" }, name))), ...rows));
}

function failures(seen) {
  const groups = seen.failures.map((one) => make("details", {}, make("summary", {}, make("span", { class: "count" }, String(one.count)), `${one.stage}: ${one.error}`), make("ul", {}, ...one.items.map((item) => make("li", {}, item)), one.count > one.items.length ? make("li", {}, `and ${one.count - one.items.length} more`) : null)));
  const problems = seen.problems.length ? [make("details", {}, make("summary", {}, plural(seen.problems.length, "problem of the input", "problems of the input")), make("ul", {}, ...seen.problems.slice(0, 100).map((text) => make("li", {}, text))))] : [];
  return make("div", {}, make("h3", {}, "Failures by cause"), ...(seen.cost.over_budget ? [make("p", { class: "over" }, `Over budget. ${seen.cost.over_budget}`)] : []), ...(groups.length + problems.length ? [...groups, ...problems] : [make("p", {}, "None.")]));
}

function table(others) {
  const names = ["requested", "rendered", "waiting", "approved", "rejected", "retaken", "failed", "delivered"];
  return make("table", {}, make("tr", {}, make("th", {}, "run"), ...names.map((name) => make("th", { class: "number" }, name))),
    ...others.map((one) => make("tr", {}, make("td", {}, make("a", { href: `?run=${encodeURIComponent(one.run)}` }, one.run)), ...names.map((name) => cell(one[name].toLocaleString("en"))))));
}
