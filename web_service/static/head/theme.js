// Light or dark, before anything is painted: the one script that is not a module, so that the page never flashes.
(() => {
  const KEY = "clip-branches.theme";
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark";
  let chosen = null;
  try {
    chosen = localStorage.getItem(KEY);
  } catch {
    // Storage is blocked: the system's choice holds.
  }
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;

  const name = () => {
    const button = document.getElementById("theme");
    const words = isDark() ? button.dataset.light : button.dataset.dark;
    button.setAttribute("aria-label", words);
    button.title = words;
  };
  // Heard wherever it falls, so that the button works from when it is seen, while the page is still on its way.
  document.addEventListener("click", ({ target }) => {
    if (!target.closest("#theme")) return;
    const next = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem(KEY, next);
    } catch {
      // It holds for as long as the page is open.
    }
    name();
  });
  document.addEventListener("DOMContentLoaded", () => {
    dark.addEventListener("change", name);
    name();
  });
})();
