"use strict";

// Tables: a click on a column's head sorts by it; numbers by their value, what is empty always last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    if (!head.textContent || head.className === "u") return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => sort(table, heads, column));
  });
}

function sort(table, heads, column) {
  const numeric = heads[column].classList.contains("n");
  const before = heads[column].ariaSort;
  const falling = before ? before === "ascending" : numeric;
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [row, keyOf(row.cells[column], numeric)]);
  rows.sort(([, a], [, b]) => {
    if (a === null || b === null) return (a === null) - (b === null);
    return (numeric ? a - b : a.localeCompare(b)) * (falling ? -1 : 1);
  });
  body.append(...rows.map(([row]) => row));
  for (const head of heads) head.removeAttribute("aria-sort");
  heads[column].ariaSort = falling ? "descending" : "ascending";
}

function keyOf(cell, numeric) {
  const text = cell ? (numeric ? cell.dataset.value : cell.textContent.trim()) : "";
  if (text === "" || text === undefined) return null;
  return numeric ? Number(text) : text;
}

// The map: the track nearest to the pointer, or chosen by keys, is ringed and named. The table has the names.
const plot = document.querySelector(".plot");
if (plot) {
  const svg = plot.querySelector("svg");
  const ring = svg.querySelector("#ring");
  const tip = plot.querySelector("#tip");
  const names = [...tip.querySelectorAll("bdi")];
  const rows = [...document.querySelector("#map-table").tBodies[0].rows]; // before any sorting
  const points = [...svg.querySelectorAll("circle:not(#ring)")].map((c) => [c.cx.baseVal.value, c.cy.baseVal.value]);
  const reach = 24;
  let chosen = -1;

  function show(index) {
    chosen = index;
    const [x, y] = points[index];
    ring.setAttribute("cx", x);
    ring.setAttribute("cy", y);
    names.forEach((name, column) => { name.textContent = rows[index].cells[column].textContent; });
    tip.hidden = false;
    const box = svg.getBoundingClientRect();
    const left = (x / svg.viewBox.baseVal.width) * box.width;
    const top = (y / svg.viewBox.baseVal.height) * box.height;
    tip.style.left = `${Math.max(0, Math.min(left + 14, box.width - tip.offsetWidth))}px`;
    tip.style.top = `${top + 14 + tip.offsetHeight > box.height ? top - 14 - tip.offsetHeight : top + 14}px`;
  }

  function hide() {
    tip.hidden = true;
    ring.setAttribute("cx", -99);
  }

  function nearest(cost) {
    let best = -1;
    let least = Infinity;
    points.forEach((point, index) => {
      const found = cost(point, index);
      if (found < least) [best, least] = [index, found];
    });
    return best;
  }

  function pointed(event) {
    const at = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
    const index = nearest(([x, y]) => Math.hypot(x - at.x, y - at.y));
    const [x, y] = points[index];
    if (Math.hypot(x - at.x, y - at.y) <= reach) show(index);
    else hide();
  }

  function beyond(dx, dy) {
    const [fromX, fromY] = points[chosen];
    return nearest(([x, y]) => {
      const ahead = (x - fromX) * dx + (y - fromY) * dy;
      const aside = Math.abs((x - fromX) * dy) + Math.abs((y - fromY) * dx);
      return ahead > 0 && aside <= 2 * ahead ? ahead + 2 * aside : Infinity;
    });
  }

  const last = points.length - 1;
  const moves = {
    ArrowLeft: () => beyond(-1, 0),
    ArrowRight: () => beyond(1, 0),
    ArrowUp: () => beyond(0, -1),
    ArrowDown: () => beyond(0, 1),
    PageDown: () => Math.min(chosen + 1, last),
    PageUp: () => Math.max(chosen - 1, 0),
    Home: () => 0,
    End: () => last,
  };

  svg.addEventListener("pointermove", pointed);
  svg.addEventListener("pointerdown", pointed);
  svg.addEventListener("pointerleave", () => { if (document.activeElement !== svg) hide(); });
  svg.addEventListener("focus", () => { if (tip.hidden) show(Math.max(chosen, 0)); });
  svg.addEventListener("blur", hide);
  svg.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hide();
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    const index = move();
    if (index >= 0) show(index);
  });
}
