// Rows by keys: j and k go down and up, Enter opens.

const kRows = "tr.row, details.letter > summary, .cells";

const targetOf = (row) => (row.matches("summary") ? row : row.matches(".cells") ? row.querySelector('[tabindex="0"]') : row.querySelector("th button, th a[href]") ?? row);

export function moveBetweenRows(event, within) {
  const step = {j: 1, k: -1}[event.key];
  if (step === undefined) return false;
  const rows = [...within.querySelectorAll(kRows)].filter((row) => row.offsetParent !== null);
  if (rows.length === 0) return false;
  const now = rows.findIndex((row) => row.contains(document.activeElement));
  const next = rows[now < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, now + step))];
  const target = targetOf(next);
  if (target === next && !next.matches("summary")) next.tabIndex = -1;
  target?.focus();
  next.scrollIntoView({block: "nearest"});
  return true;
}
