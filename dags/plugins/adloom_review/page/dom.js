// Small things the whole page uses. Text always enters as text, never as markup.

const MOST_TOASTS = 2;

export const $ = (id) => document.getElementById(id);

export function make(name, facts = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(facts)) {
    if (value === undefined || value === null) continue;
    if (key === "class") element.className = value;
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (key in element && !key.includes("-")) element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

export function toast(text, action, act) {
  const box = make("div", { class: "toast" }, make("span", {}, text));
  if (action) box.append(make("button", { onclick: () => { box.remove(); act(); } }, action));
  const all = $("toasts");
  if (all.childElementCount >= MOST_TOASTS) all.firstChild.remove();
  all.append(box);
  setTimeout(() => box.remove(), action ? 15000 : 6000);
}

export const plural = (count, one, many) => `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
export const WORDS = { waiting: "Waiting", approve: "Approved", reject: "Rejected", retake: "Retake", undo: "Undone" };
export const verdictOf = (ad) => ad.decision?.verdict ?? "waiting";
