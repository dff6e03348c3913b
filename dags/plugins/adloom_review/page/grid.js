// The grid: only what is in sight exists, so ten thousand ads scroll like ten. One video plays at a time.

import { $, make, verdictOf, WORDS } from "./dom.js";
import { filePath } from "./api.js";

const GAP = 14, EDGE = 16, HEADING = 40, TEXT = 56, AHEAD = 600; // pixels
const HOVER_MS = 120;

export class Grid {
  constructor(state, act) {
    this.state = state; // run, shown, current, selected, size, group, captions
    this.act = act; // open, choose
    this.box = $("grid");
    this.canvas = $("canvas");
    this.cells = new Map(); // key: element
    this.lines = [];
    this.columns = 1;
    this.box.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.arrange()).observe(this.box);
    this.canvas.addEventListener("mouseover", (event) => this.hover(event.target.closest(".ad")));
    this.canvas.addEventListener("mouseleave", () => this.hover(null));
    this.canvas.addEventListener("click", (event) => this.click(event));
    this.canvas.addEventListener("dblclick", (event) => { if (event.target.closest(".ad")) this.act.open(); });
  }

  // Lay all ads out in lines: headings and rows, each with its top, so that drawing is a search in a list.
  arrange() {
    const { shown, size, group } = this.state, width = this.box.clientWidth - 2 * EDGE;
    if (width <= 0) return;
    this.columns = Math.max(1, Math.floor((width + GAP) / (size + GAP)));
    this.cell = (width - GAP * (this.columns - 1)) / this.columns;
    this.tall = Math.round(this.cell * 1.35) + TEXT;
    this.lines = [];
    this.place = new Map();
    let top = EDGE / 2;
    for (const part of groups(shown, group)) {
      if (group) { this.lines.push({ top, height: HEADING, heading: part }); top += HEADING; }
      for (let first = 0; first < part.ads.length; first += this.columns) {
        const ads = part.ads.slice(first, first + this.columns);
        ads.forEach((ad, column) => this.place.set(ad.key, { line: this.lines.length, column }));
        this.lines.push({ top, height: this.tall + GAP, ads });
        top += this.tall + GAP;
      }
    }
    this.canvas.style.height = `${top + EDGE}px`;
    this.order = this.lines.flatMap((line) => line.ads ?? []);
    this.box.setAttribute("aria-rowcount", String(this.lines.length));
    for (const element of this.cells.values()) element.remove();
    this.cells.clear();
    this.draw();
  }

  draw() {
    const from = this.box.scrollTop - AHEAD, to = this.box.scrollTop + this.box.clientHeight + AHEAD, wanted = new Set();
    for (let index = this.first(from); index < this.lines.length && this.lines[index].top < to; index++) {
      const line = this.lines[index];
      if (line.heading) this.keep(wanted, `group ${index}`, () => heading(line));
      else line.ads.forEach((ad, column) => this.keep(wanted, ad.key, () => this.card(ad, line.top, column, index)));
    }
    for (const [key, element] of this.cells) if (!wanted.has(key)) { element.remove(); this.cells.delete(key); }
  }

  first(from) {
    let low = 0, high = this.lines.length;
    while (low < high) { const middle = (low + high) >> 1; if (this.lines[middle].top + this.lines[middle].height < from) low = middle + 1; else high = middle; }
    return low;
  }

  keep(wanted, key, build) {
    wanted.add(key);
    if (this.cells.has(key)) return;
    const element = build();
    this.cells.set(key, element);
    this.canvas.append(element);
  }

  card(ad, top, column, line) {
    const screen = make("div", { class: "screen" },
      make("img", { src: filePath(this.state.run, ad, "jpg"), alt: "", loading: "lazy", decoding: "async", draggable: false }),
      make("span", { class: "badge" }), make("button", { class: "tick", tabIndex: -1, "aria-hidden": "true" }, "✓"));
    const card = make("div", { class: "ad", role: "gridcell", tabIndex: -1, "aria-rowindex": line + 1, "aria-colindex": column + 1 },
      screen, make("div", { class: "name" }, ad.title || ad.product), make("div", { class: "sub" }, mark(ad), `${ad.locale} · ${ad.format.replace("_", " ")}${axes(ad)}`));
    card.dataset.key = ad.key;
    card.title = ad.variant_id;
    Object.assign(card.style, { width: `${this.cell}px`, height: `${this.tall}px`, top: `${top}px`, left: `${EDGE + column * (this.cell + GAP)}px` });
    screen.style.height = `${this.tall - TEXT}px`;
    this.mark(card, ad);
    return card;
  }

  mark(card, ad) {
    const verdict = verdictOf(ad), badge = card.querySelector(".badge"), chosen = this.state.selected.has(ad.key), current = this.state.current === ad.key;
    badge.className = `badge ${verdict}`;
    badge.textContent = verdict === "waiting" ? "" : WORDS[verdict];
    badge.hidden = verdict === "waiting";
    card.classList.toggle("current", current);
    card.tabIndex = current ? 0 : -1;
    card.setAttribute("aria-selected", String(chosen));
    card.setAttribute("aria-label", `${ad.title || ad.product}, ${ad.locale}, ${ad.format.replace("_", " ")}, ${WORDS[verdict]}${ad.passed ? "" : ", checks failed"}`);
  }

  // Show again who is current, chosen and decided, without laying out anew.
  refresh() {
    for (const [key, element] of this.cells) { const ad = this.state.byKey.get(key); if (ad) this.mark(element, ad); }
  }

  reveal(key, focus) {
    const place = this.place?.get(key);
    if (!place) return;
    const line = this.lines[place.line], above = line.top - 8, below = line.top + line.height - this.box.clientHeight;
    if (this.box.scrollTop > above) this.box.scrollTop = above; else if (this.box.scrollTop < below) this.box.scrollTop = below;
    this.draw();
    if (focus) this.cells.get(key)?.focus({ preventScroll: true });
  }

  // Where an arrow leads: a row up or down keeps the column, across headings and short rows too.
  step(key, dx, dy) {
    const place = this.place?.get(key);
    if (!place) return this.order[0]?.key;
    if (dx) return this.order[this.order.findIndex((ad) => ad.key === key) + dx]?.key;
    for (let index = place.line + dy; index >= 0 && index < this.lines.length; index += dy) {
      const ads = this.lines[index].ads;
      if (ads) return ads[Math.min(place.column, ads.length - 1)].key;
    }
    return undefined;
  }

  click(event) {
    const card = event.target.closest(".ad");
    if (!card) return;
    const key = card.dataset.key;
    if (event.target.closest(".sound")) return this.sound(card);
    if (event.target.closest(".tick")) return this.act.choose(key, "toggle");
    this.act.choose(key, event.shiftKey ? "range" : event.ctrlKey || event.metaKey ? "toggle" : "only");
    if (event.shiftKey || event.ctrlKey || event.metaKey) return;
    if (event.target.closest(".screen")) this.play(card, true);
    else this.act.open();
  }

  hover(card) {
    clearTimeout(this.soon);
    if (card?.dataset.key === this.playing?.key) return;
    if (matchMedia("(hover: none)").matches) return;
    this.soon = setTimeout(() => { if (card) this.play(card, false); else this.stop(); }, HOVER_MS);
  }

  play(card, loud) {
    if (this.playing?.key === card.dataset.key) { if (loud) this.sound(card, true); return; }
    this.stop();
    const ad = this.state.byKey.get(card.dataset.key), video = player(this.state.run, ad, this.state.captions);
    video.muted = !loud;
    const sound = make("button", { class: "sound", tabIndex: -1 }, loud ? "Mute" : "Sound");
    card.querySelector(".screen").append(video, sound);
    video.play().catch(() => { video.muted = true; sound.textContent = "Sound"; video.play().catch(() => {}); });
    this.playing = { key: ad.key, video, sound };
  }

  sound(card, loud) {
    const { video, sound } = this.playing ?? {};
    if (!video) return this.play(card, true);
    video.muted = loud === undefined ? !video.muted : !loud;
    sound.textContent = video.muted ? "Sound" : "Mute";
  }

  stop() {
    if (!this.playing) return;
    const { video, sound } = this.playing;
    video.pause(); video.removeAttribute("src"); video.load(); video.remove(); sound.remove();
    this.playing = null;
  }

  togglePlay(key) {
    if (this.playing?.key === key) return this.stop();
    const card = this.cells.get(key);
    if (card) this.play(card, false);
  }
}

// A video of an ad with its captions; they stand in the file beside it where they are not in the picture.
export function player(run, ad, captions, facts = {}) {
  const video = make("video", { src: filePath(run, ad, "mp4"), poster: filePath(run, ad, "jpg"), loop: true, playsInline: true, preload: "auto", ...facts });
  const track = make("track", { kind: "captions", src: filePath(run, ad, "vtt"), srclang: ad.locale, label: ad.locale });
  video.append(track);
  track.track.mode = captions && !ad.burned_in ? "showing" : "hidden";
  return video;
}

export function matches(ad, wanted) {
  ad.haystack ??= `${ad.variant_id} ${ad.title} ${ad.words}`.toLowerCase();
  return (!wanted.product || ad.product === wanted.product) && (!wanted.locale || ad.locale === wanted.locale)
    && (!wanted.format || ad.format === wanted.format) && (!wanted.decision || verdictOf(ad) === wanted.decision)
    && (!wanted.finding || ad.findings.some((one) => one.includes(wanted.finding)))
    && wanted.text.toLowerCase().split(/\s+/).every((word) => ad.haystack.includes(word));
}

function groups(ads, by) {
  if (!by) return [{ name: "", ads }];
  const found = new Map();
  for (const ad of ads) { if (!found.has(ad[by])) found.set(ad[by], { name: by === "product" ? ad.title || ad.product : ad.locale, note: ad[by], ads: [] }); found.get(ad[by]).ads.push(ad); }
  return [...found.values()];
}

function heading(line) {
  const { name, note, ads } = line.heading;
  const made = make("div", { class: "group", role: "row" }, make("span", { role: "rowheader" }, name), make("span", {}, `${note === name ? "" : `${note} · `}${ads.length}`));
  made.firstChild.style.color = "inherit";
  made.firstChild.style.fontWeight = "600";
  made.style.top = `${line.top}px`;
  return made;
}

function mark(ad) {
  const worst = ad.findings.some(([severity]) => severity === "error") ? "error" : ad.findings.length ? "warning" : "";
  return worst && make("span", { class: `mark ${worst}`, title: ad.findings.map(([, check]) => check).join(", ") }, worst === "error" ? "✕ " : "! ");
}

const axes = (ad) => Object.values(ad.axes).map((value) => ` · ${value}`).join("");
