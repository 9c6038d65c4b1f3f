/* What moves: playing, seeking, zooming, and what is said about the moment under the cursor. */

const find = (id) => document.getElementById(id);
const sound = find("sound"), overview = find("overview"), scroll = find("scroll"), tip = find("tip");
const shownNow = [...document.querySelectorAll("[data-now]")];
const words = [...document.querySelectorAll("#lyrics [data-start]")]
  .map((node) => ({ node, start: +node.dataset.start, end: +node.dataset.end }));
const SHORTEST_S = Math.min(1, data.duration_s);
let now = 0, wordNow = null, awaited = null;

function drawAll() {
  for (const lane of lanes) draw[lane.kind](lane);
  drawTicks();
  drawOverview();
  placeCursor();
}

function placeCursor() {
  const canvas = find("ticks"), cursor = find("cursor"), place = (now - view.start) / view.span;
  cursor.hidden = place < 0 || place > 1;
  cursor.style.left = `${canvas.offsetLeft + place * canvas.clientWidth}px`;
}

function noteName(hz) {
  const midi = Math.round(69 + 12 * Math.log2(hz / 440));
  return `${["C", "C♯", "D", "E♭", "E", "F", "F♯", "G", "A♭", "A", "B♭", "B"][((midi % 12) + 12) % 12]}${Math.floor(midi / 12) - 1}`;
}

const f0At = (time) => (data.pitch?.hop_s ? f0[Math.round(time / data.pitch.hop_s)] || 0 : 0);

/* The last span that holds a time, or -1. */
function spanAt(spans, time) {
  const index = firstEndingAfter(spans, time);
  return index < spans.length && spans[index].start <= time ? index : -1;
}

function sayNow(lane, index) {
  if (lane.kind === "pitch") {
    const hz = f0At(now);
    return hz ? `${noteName(hz)} ${Math.round(hz)} Hz` : "–";
  }
  const span = lane.spans[index];
  if (!span) return "–";
  return lane.kind === "beats" ? span.detail.replace(/^bar (\d+), beat (\d+)$/, "$1.$2") : span.label || "–";
}

/* Everything that depends on the time of the cursor. Lanes are drawn again only if another span is under it. */
function show() {
  for (const lane of lanes) {
    const index = lane.spans.length && lane.kind !== "pitch" ? spanAt(lane.spans, now) : -1;
    if (index !== (at[lane.name] ?? -1)) { at[lane.name] = index; draw[lane.kind](lane); }
  }
  for (const node of shownNow) {
    const text = sayNow(laneOf(node.dataset.now), at[node.dataset.now]);
    if (node.textContent !== text) node.textContent = text;
  }
  const word = words[spanAt(words, now)] ?? null;
  if (word !== wordNow) { wordNow?.node.classList.remove("at"); word?.node.classList.add("at"); wordNow = word; }
  find("clock").textContent = clockText(now, true);
  overview.setAttribute("aria-valuenow", now.toFixed(1));
  overview.setAttribute("aria-valuetext", `${clockText(now)} of ${clockText(data.duration_s)}`);
  placeCursor();
}

function seek(time) {
  now = Math.min(Math.max(time, 0), data.duration_s);
  if (sound?.readyState) sound.currentTime = now; else awaited = now;
  if (now < view.start || now > view.start + view.span) look(now - view.span / 2, view.span);
  show();
}

function toggle() {
  if (!sound) return;
  if (!sound.paused) return sound.pause();
  if (now >= data.duration_s - 0.05) seek(0);
  sound.play().catch((error) => { find("play").textContent = "Cannot play"; find("play").title = error.message; });
}

function step() {
  if (!sound || sound.paused) return;
  now = Math.min(sound.currentTime, data.duration_s);
  if (now > view.start + view.span || now < view.start) look(now - view.span * 0.05, view.span);
  show();
  requestAnimationFrame(step);
}

/* Show a stretch of time. */
function look(start, span) {
  view.span = Math.min(Math.max(span, SHORTEST_S), data.duration_s);
  view.start = Math.min(Math.max(start, 0), data.duration_s - view.span);
  const bar = scroll.firstElementChild, share = view.span / data.duration_s;
  bar.style.width = `${100 / share}%`;
  scroll.hidden = share > 0.999;
  scroll.scrollLeft = (view.start / data.duration_s) * scroll.scrollWidth;
  drawAll();
}

function zoom(factor, about = now) {
  const place = Math.min(Math.max((about - view.start) / view.span, 0), 1);
  const span = Math.min(Math.max(view.span * factor, SHORTEST_S), data.duration_s);
  look(about - place * span, span);
}

const timeAt = (canvas, event) => {
  const box = canvas.getBoundingClientRect();
  return view.start + ((event.clientX - box.left) / box.width) * view.span;
};

/* Click to go there, drag to move the view, wheel with Ctrl to zoom. */
function listen(lane) {
  const { canvas } = lane;
  let from = null;
  canvas.addEventListener("pointerdown", (event) => {
    from = { x: event.clientX, start: view.start, moved: false };
    canvas.setPointerCapture(event.pointerId);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (from && Math.abs(event.clientX - from.x) > 4) from.moved = true;
    if (from?.moved) look(from.start - ((event.clientX - from.x) / canvas.clientWidth) * view.span, view.span);
    else hint(lane, event);
  });
  canvas.addEventListener("pointerup", (event) => {
    if (from && !from.moved) seek(timeAt(canvas, event));
    from = null;
  });
  canvas.addEventListener("pointercancel", () => { from = null; });
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("wheel", (event) => {
    const sideways = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (event.ctrlKey || event.metaKey) zoom(2 ** (event.deltaY / 200), timeAt(canvas, event));
    else if (Math.abs(sideways) > 0 && Math.abs(sideways) >= Math.abs(event.shiftKey ? 0 : event.deltaY))
      look(view.start + (sideways / canvas.clientWidth) * view.span, view.span);
    else return;
    event.preventDefault();
  }, { passive: false });
}

function hint(lane, event) {
  const time = timeAt(lane.canvas, event), span = lane.spans[spanAt(lane.spans, time)];
  const box = lane.canvas.getBoundingClientRect(), height = 1 - (event.clientY - box.top) / box.height;
  let text = span ? span.label : "", detail = span ? span.detail : "";
  if (lane.kind === "pitch" && f0At(time)) text = `${noteName(f0At(time))} ${f0At(time).toFixed(1)} Hz`;
  if (lane.kind === "spectrogram") {
    const low = mel(data.spectrogram.lowest_hz), high = mel(data.spectrogram.highest_hz);
    text = `${Math.round(700 * (10 ** ((low + height * (high - low)) / 2595) - 1))} Hz`;
  }
  if (lane.kind === "beats" && span) text = "";
  const when = document.createElement("small");
  when.textContent = [clockText(time, true), detail].filter(Boolean).join(" · ");
  tip.replaceChildren(text, when);
  tip.hidden = false;
  tip.style.left = `${Math.min(event.clientX + 12, innerWidth - tip.offsetWidth - 8)}px`;
  tip.style.top = `${event.clientY + 16}px`;
}

const beatsOn = (direction) => {
  const starts = (laneOf("beats")?.spans ?? []).map((beat) => beat.start);
  return direction > 0 ? starts.find((start) => start > now + 0.01) ?? now + 1 : starts.findLast((start) => start < now - 0.05) ?? now - 1;
};
const sectionOn = (direction) => {
  const starts = (laneOf("sections")?.spans ?? []).map((section) => section.start);
  return direction > 0 ? starts.find((start) => start > now + 0.01) ?? data.duration_s : starts.findLast((start) => start < now - 1) ?? 0;
};
const keys = {
  " ": toggle,
  ArrowLeft: (event) => seek(event.shiftKey ? beatsOn(-1) : now - 5),
  ArrowRight: (event) => seek(event.shiftKey ? beatsOn(1) : now + 5),
  Home: () => seek(0),
  End: () => seek(data.duration_s),
  "[": () => seek(sectionOn(-1)),
  "]": () => seek(sectionOn(1)),
  "+": () => zoom(0.5),
  "=": () => zoom(0.5),
  "-": () => zoom(2),
  "0": () => look(0, data.duration_s),
};
addEventListener("keydown", (event) => {
  const onControl = event.target.closest?.("button, summary, a, input");
  if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key] || (event.key === " " && onControl)) return;
  event.preventDefault();
  keys[event.key](event);
});

function seekOverview(event) {
  const box = overview.getBoundingClientRect();
  seek(((event.clientX - box.left) / box.width) * data.duration_s);
}
overview.addEventListener("pointerdown", (event) => { overview.setPointerCapture(event.pointerId); seekOverview(event); });
overview.addEventListener("pointermove", (event) => { if (event.buttons) seekOverview(event); });
scroll.addEventListener("scroll", () => {
  const start = (scroll.scrollLeft / scroll.scrollWidth) * data.duration_s;
  if (Math.abs(start - view.start) > (2 * view.span) / scroll.clientWidth) { view.start = start; drawAll(); }
});
find("play").addEventListener("click", toggle);
find("zoom-in").addEventListener("click", () => zoom(0.5));
find("zoom-out").addEventListener("click", () => zoom(2));
find("zoom-all").addEventListener("click", () => look(0, data.duration_s));
document.addEventListener("click", (event) => {
  const place = event.target.closest("[data-seek], #lyrics [data-start]");
  if (place) seek(+(place.dataset.seek ?? place.dataset.start));
});
if (sound) {
  const playing = () => { find("play").textContent = sound.paused ? "Play" : "Pause"; find("play").setAttribute("aria-pressed", !sound.paused); };
  sound.addEventListener("play", () => { playing(); step(); });
  sound.addEventListener("pause", () => { playing(); now = Math.min(sound.currentTime, data.duration_s); show(); });
  sound.addEventListener("loadedmetadata", () => { if (awaited !== null) sound.currentTime = awaited; });
}
lanes.forEach(listen);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => { readTheme(); drawAll(); });
new ResizeObserver(() => drawAll()).observe(find("lanes"));
readTheme();
look(0, data.duration_s);
show();
