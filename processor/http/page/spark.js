// A line of the last ten minutes, or of what there is of them.

import {svg, setAttribute, setText, el} from "./dom.js";
import {kHistorySeconds} from "./history.js";

const kWidth = 240;
const kHeight = 44;
const kInset = 3;
// So that the first readings do not fill the width.
const kLeastSeconds = 60;

// Gaps, where nothing was known, stay gaps.
function pathOf(points, from, span, top) {
  let path = "";
  let isDown = false;
  for (const {at, value} of points) {
    if (value === null) {
      isDown = false;
      continue;
    }
    const x = ((at - from) / span) * kWidth;
    const y = kHeight - kInset - (value / top) * (kHeight - 2 * kInset);
    path += `${isDown ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    isDown = true;
  }
  return path;
}

// {node, show(points, text, options)}. The reading under the pointer is said below the line.
export function spark(label) {
  const area = svg("path", {class: "area"});
  const line = svg("path", {class: "line"});
  const second = svg("path", {class: "second"});
  const drawing = svg("svg", {class: "spark", viewBox: `0 0 ${kWidth} ${kHeight}`, preserveAspectRatio: "none", role: "img", "aria-label": label},
    area, line, second);
  const peak = el("span", {class: "peak"});
  const node = el("div", {class: "sparkbox"}, drawing, peak);
  return {
    node,
    show(points, say, other = []) {
      const known = [...points, ...other].filter((point) => point.value !== null);
      const last = points[points.length - 1];
      const top = Math.max(...known.map((point) => point.value), 1e-9);
      const span = Math.min(kHistorySeconds, Math.max(kLeastSeconds, last ? last.at - points[0].at : 0));
      const from = (last?.at ?? 0) - span;
      const path = pathOf(points, from, span, top);
      setAttribute(line, "d", path);
      setAttribute(second, "d", pathOf(other, from, span, top));
      const first = points.find((point) => point.value !== null);
      const isWhole = first && points.every((point) => point.value !== null);
      const left = first ? (((first.at - from) / span) * kWidth).toFixed(1) : 0;
      setAttribute(area, "d", isWhole && points.length > 1 ? `${path}L${kWidth} ${kHeight}L${left} ${kHeight}Z` : "");
      const most = known.length > 0 && top > 1e-9 ? `max ${say(top)} in ${Math.ceil(span / 60)} min` : "";
      setText(peak, most);
      setAttribute(drawing, "aria-label", `${label}: ${last ? say(last.value) : "nothing yet"}. ${most}`);
    },
  };
}
