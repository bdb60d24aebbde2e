// Light, dark, or what the system wants.

import {svg, replace} from "./dom.js";

const kKey = "once-theme";
const kThemes = ["system", "light", "dark"];
const kIcons = {
  system: "M4 5h16v11H4zM9 20h6M12 16v4",
  light: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8M12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M5 19l2-2M17 7l2-2",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z",
};

const dark = matchMedia("(prefers-color-scheme: dark)");
// Where nothing can be stored it holds as long as the page does.
let held = "system";

function chosen() {
  try {
    const theme = localStorage.getItem(kKey);
    return kThemes.includes(theme) ? theme : "system";
  } catch {
    return held;
  }
}

export const nextTheme = () => kThemes[(kThemes.indexOf(chosen()) + 1) % kThemes.length];

export function applyTheme(theme = chosen()) {
  held = theme;
  document.documentElement.dataset.theme = theme === "system" ? (dark.matches ? "dark" : "light") : theme;
  try {
    localStorage.setItem(kKey, theme);
  } catch {
    // Then `held` has it.
  }
  const button = document.getElementById("theme");
  const text = `Colours: ${theme === "system" ? "as the system wants" : theme}`;
  button.setAttribute("aria-label", text);
  button.title = `${text} (t)`;
  replace(button, svg("svg", {viewBox: "0 0 24 24", "aria-hidden": "true"}, svg("path", {d: kIcons[theme]})));
}

dark.addEventListener("change", () => applyTheme());
