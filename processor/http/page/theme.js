// Before anything is drawn, so that a dark page does not flash. What the system wants counts until somebody chooses.
(() => {
  let chosen = null;
  try {
    chosen = localStorage.getItem("once-theme");
  } catch {
    // Without storage the system decides.
  }
  if (chosen !== "light" && chosen !== "dark") {
    chosen = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  }
  document.documentElement.dataset.theme = chosen;
})();
