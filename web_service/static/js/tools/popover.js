// A panel that opens under a button and closes when one looks elsewhere.

const EDGE = 8;

/** Opens `panel`, a popover, under `button` and inside the window. */
export function openUnder(panel, button) {
  if (panel.matches(":popover-open")) return panel.hidePopover();
  panel.showPopover();
  button.setAttribute("aria-expanded", true);
  place(panel, button);
  const again = () => place(panel, button);
  window.addEventListener("resize", again);
  panel.addEventListener("toggle", function closed({ newState }) {
    if (newState !== "closed") return;
    button.setAttribute("aria-expanded", false);
    window.removeEventListener("resize", again);
    panel.removeEventListener("toggle", closed);
  });
  return panel.querySelector("input, button, a, summary")?.focus();
}

function place(panel, button) {
  const anchor = button.getBoundingClientRect();
  const width = panel.offsetWidth;
  panel.style.left = `${Math.max(EDGE, Math.min(anchor.left, document.documentElement.clientWidth - width - EDGE))}px`;
  panel.style.top = `${anchor.bottom + 4}px`;
  panel.style.maxHeight = `${innerHeight - anchor.bottom - 4 - EDGE}px`;
}
