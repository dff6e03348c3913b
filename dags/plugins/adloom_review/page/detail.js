// The panel beside the grid: one ad in full.

import { $, make, WORDS } from "./dom.js";
import { filePath, get, runPath } from "./api.js";
import { player } from "./grid.js";

export async function showDetail(state, ad, act) {
  const panel = $("detail");
  panel.hidden = false;
  if (panel.dataset.key !== ad.key) { panel.replaceChildren(make("p", { class: "sub" }, "…")); panel.dataset.key = ad.key; }
  const facts = await get(`${runPath(state.run)}/ads/${ad.key}`);
  if (panel.dataset.key !== ad.key) return; // another was opened meanwhile
  const old = panel.querySelector("video"), time = old?.dataset.key === ad.key ? old.currentTime : 0;
  panel.replaceChildren(
    make("div", { class: "head" }, make("h2", {}, ad.title || ad.product, make("small", {}, ad.variant_id)),
      make("button", { class: "quiet icon", "aria-label": "Close", onclick: act.close }, "✕")),
    stage(state, ad, facts, time),
    make("div", { class: "row" }, ...["approve", "reject", "retake", "undo"].map((verdict) =>
      make("button", { class: { approve: "good", reject: "bad", retake: "again" }[verdict] ?? "", disabled: (verdict === "approve" && !ad.passed) || (verdict === "undo" && !facts.decision), onclick: () => act.say(verdict, [ad.key]) }, { approve: "Approve", reject: "Reject", retake: "Retake", undo: "Undo" }[verdict]))),
    ...findings(facts), ...copy(facts), ...history(facts), ...measured(state, ad, facts));
}

export function stage(state, ad, facts, time = 0, most = 420) {
  const video = player(state.run, ad, state.captions, { controls: true, currentTime: time });
  video.dataset.key = ad.key;
  const box = make("div", { class: "stage" }, video);
  box.style.aspectRatio = `${ad.width} / ${ad.height}`;
  box.style.maxHeight = `${most}px`;
  box.style.maxWidth = `${(most * ad.width) / ad.height}px`;
  if (state.overlays && facts) overlay(box, video, facts);
  return box;
}

// The safe area of the placement, and every text where the composer put it, while it is on screen.
function overlay(box, video, facts) {
  const { safe_area: safe, width, height } = facts, share = (value, of) => `${(100 * value) / of}%`;
  const area = make("div", { class: "safe" });
  Object.assign(area.style, { left: share(safe.left, width), right: share(safe.right, width), top: share(safe.top, height), bottom: share(safe.bottom, height) });
  const boxes = facts.placed.map((one) => {
    const made = make("div", { class: "box" }, make("span", {}, one.contrast ? `${one.role} ${one.contrast.toFixed(1)}:1` : one.role));
    Object.assign(made.style, { left: share(one.x, width), top: share(one.y, height), width: share(one.width, width), height: share(one.height, height) });
    return made;
  });
  const tell = () => facts.placed.forEach((one, index) => {
    const frame = video.currentTime * facts.frame_rate;
    boxes[index].hidden = frame < one.first_frame || frame >= one.last_frame;
  });
  for (const event of ["timeupdate", "seeked", "loadedmetadata"]) video.addEventListener(event, tell);
  tell();
  box.append(area, ...boxes);
}

function findings(facts) {
  const wrong = facts.findings.filter((one) => one.severity !== "ok");
  const told = new Set(wrong.map((one) => one.message)), notes = facts.notes.filter((note) => !told.has(note)).map((note) => make("p", { class: "finding" }, note));
  if (!wrong.length && !notes.length) return [];
  return [make("h3", {}, "Findings"), ...wrong.map((one) => make("p", { class: "finding" }, make("span", { class: `mark ${one.severity}` }, `${one.check}: `), one.message, make("br"), make("small", {}, `${one.measured}; ${one.limit}`))), ...notes];
}

function copy(facts) {
  const price = [make("bdi", {}, facts.sale_price || facts.price), ...(facts.sale_price ? [" instead of ", make("bdi", {}, facts.price)] : [])];
  const scenes = facts.scenes.map((scene) => make("div", { class: "scene" },
    make("b", {}, scene.id), ...[scene.headline, scene.subline, scene.badge].filter(Boolean).map((text) => make("p", { dir: facts.direction }, text)),
    scene.narration ? make("p", { dir: facts.direction }, `“${scene.narration}”`) : null,
    make("p", { class: "fact" }, [scene.prompt && `prompt: ${scene.prompt}`, `seed ${scene.seed}`, `${scene.steps} steps`, scene.seconds_spent !== null && `made in ${scene.seconds_spent.toFixed(1)} s`, scene.fidelity !== null && `${Math.round(100 * scene.fidelity)} % of the product kept`, `shown by ${scene.shared_by} ads`].filter(Boolean).join(" · "))));
  const ending = [facts.cta, facts.legal].filter(Boolean).map((text) => make("p", { dir: facts.direction }, text));
  return [make("h3", {}, "What it says · ", make("bdi", {}, facts.language), " · ", ...price), ...scenes, ...(ending.length ? [make("div", { class: "scene" }, make("b", {}, "end card"), ...ending)] : [])];
}

function history(facts) {
  if (!facts.history.length) return [];
  return [make("h3", {}, "History"), ...[...facts.history].reverse().map((one) => make("div", { class: "said" },
    make("span", { class: `badge ${one.verdict}` }, WORDS[one.verdict]), make("span", {}, one.reviewer),
    make("small", {}, [new Date(one.decided_at).toLocaleString(), one.reason, ...one.retakes.map((take) => `${take.scene}: ${take.prompt || "next seed"}`), one.sha256 === facts.sha256 ? "" : `other file, ${one.sha256.slice(0, 12)}`].filter(Boolean).join(" · "))))];
}

function measured(state, ad, facts) {
  const rows = { model: `${facts.model} ${facts.model_revision}`, ...facts.measured, voices: facts.voices.join(", ") || "none", cost: `${(3600 * facts.share_gpu_hours).toFixed(1)} GPU seconds, its share of ${facts.scenes.length} takes, ${facts.scenes.every((scene) => scene.measured) ? "measured" : "estimated"}`, "SHA-256": facts.sha256 };
  const files = ["mp4", "vtt", "srt", "ttml"].map((kind) => make("a", { href: filePath(state.run, ad, kind), download: `${ad.variant_id.replaceAll("/", "-")}.${kind}` }, kind));
  return [make("h3", {}, "Facts"), make("dl", {}, ...Object.entries(rows).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]), make("dt", {}, "files"), make("dd", {}, ...files.flatMap((file) => [file, " "])))];
}
