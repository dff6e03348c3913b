// Follows Airflow's light or dark: the page around this frame marks its root element, and keeps the choice as "theme".

const dusk = matchMedia("(prefers-color-scheme: dark)");

function isDark() {
  try {
    if (parent !== window && parent.document.documentElement.matches(".dark, .light")) {
      return parent.document.documentElement.classList.contains("dark");
    }
    const kept = localStorage.getItem("theme");
    if (kept === "dark" || kept === "light") return kept === "dark";
  } catch { /* a frame of another origin: the system decides */ }
  return dusk.matches;
}

const follow = () => document.documentElement.classList.toggle("dark", isDark());

follow();
dusk.addEventListener("change", follow);
addEventListener("storage", follow);
try {
  if (parent !== window) new MutationObserver(follow).observe(parent.document.documentElement, { attributeFilter: ["class"] });
} catch { /* as above */ }
