"use strict";
/* What is drawn: each lane is a canvas that shows the stretch of time in `view`. */

const data = JSON.parse(document.getElementById("data").textContent);
const view = { start: 0, span: data.duration_s };
const at = {};  // lane -> index of the span under the cursor, -1 if none
const lanes = data.lanes.map((lane) => ({
  ...lane,
  canvas: document.querySelector(`#lane-${lane.name} canvas`),
  spans: lane.spans.map(([start, end, label, detail, tone, strong]) => ({ start, end, label, detail, tone, strong })),
}));
const laneOf = (name) => lanes.find((lane) => lane.name === name);
const theme = {};

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}
const wave = data.waveform && { ...data.waveform, levels: new Int8Array(bytes(data.waveform.levels).buffer) };
const f0 = data.pitch && new Float32Array(bytes(data.pitch.f0_hz).buffer);
const picture = document.createElement("canvas");  // the whole spectrogram, a pixel a band and frame

function readTheme() {
  const style = getComputedStyle(document.documentElement);
  for (const name of ["paper", "ink", "muted", "rule", "faint", "accent", "wave", "block-l", "block-now-l", "deeper", "spectrum"])
    theme[name] = style.getPropertyValue(`--${name}`).trim();
  theme.font = getComputedStyle(document.body).fontFamily;
  if (data.spectrogram) paintSpectrogram();
}

function paintSpectrogram() {
  const { bands, frames, levels } = data.spectrogram;
  const stops = theme.spectrum.split(/\s+/).map((hex) => [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16)));
  const table = Array.from({ length: 256 }, (_, level) => {
    const place = (level / 255) * (stops.length - 1), low = Math.min(Math.floor(place), stops.length - 2);
    return stops[low].map((value, i) => value + (stops[low + 1][i] - value) * (place - low));
  });
  picture.width = frames;
  picture.height = bands;
  const context = picture.getContext("2d"), image = context.createImageData(frames, bands), source = bytes(levels);
  for (let band = 0; band < bands; band++)
    for (let frame = 0; frame < frames; frame++) {
      const pixel = 4 * ((bands - 1 - band) * frames + frame);
      const [red, green, blue] = table[source[band * frames + frame]];
      image.data[pixel] = red; image.data[pixel + 1] = green; image.data[pixel + 2] = blue; image.data[pixel + 3] = 255;
    }
  context.putImageData(image, 0, 0);
}

/* A cleared context in CSS pixels, with the size of the canvas. */
function fresh(canvas) {
  const width = canvas.clientWidth, height = canvas.clientHeight, ratio = devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.font = `12px ${theme.font}`;
  context.textBaseline = "middle";
  return { context, width, height, x: (time) => ((time - view.start) / view.span) * width };
}

const colour = (tone, lightness) => {
  const [hue, chroma, depth] = data.tones[tone];
  return `oklch(${lightness + depth * theme.deeper} ${chroma} ${hue})`;
};

function firstEndingAfter(spans, time) {
  let low = 0, high = spans.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (spans[middle].end > time) high = middle; else low = middle + 1;
  }
  return low;
}

function* visible(spans) {
  for (let i = firstEndingAfter(spans, view.start); i < spans.length && spans[i].start < view.start + view.span; i++)
    yield [i, spans[i]];
}

function drawBlocks(lane) {
  const { context, width, height, x } = fresh(lane.canvas);
  const fills = data.tones.map((_, tone) => colour(tone, +theme["block-l"]));
  const nowFills = data.tones.map((_, tone) => colour(tone, +theme["block-now-l"]));
  context.textAlign = "center";
  for (const [index, span] of visible(lane.spans)) {
    const left = Math.max(x(span.start), -4), right = Math.min(x(span.end), width + 4), room = right - left;
    const gap = room > 4 ? 1 : 0, isNow = index === at[lane.name];
    context.fillStyle = (isNow ? nowFills : fills)[span.tone];
    if (room > 8) {
      context.beginPath();
      context.roundRect(left, 0, room - gap, height, 3);
      context.fill();
    } else context.fillRect(left, 0, Math.max(room - gap, 0.6), height);
    if (isNow) { context.fillStyle = theme.accent; context.fillRect(left, height - 3, Math.max(room - gap, 2), 3); }
    if (span.strong) { context.fillStyle = theme.accent; context.fillRect(left, 0, 2, height); }
    if (room <= 8 || context.measureText(span.label).width + 3 > room) continue;
    context.fillStyle = theme.ink;
    context.fillText(span.label, (Math.max(left, 0) + Math.min(right, width)) / 2, height / 2);
  }
}

function drawBeats(lane) {
  const { context, width, height, x } = fresh(lane.canvas);
  const bars = lane.spans.filter((span) => span.strong);
  const apart = bars.length > 1 ? (width * (bars.at(-1).start - bars[0].start)) / (bars.length - 1) / view.span : width;
  const beatApart = (width * data.duration_s) / Math.max(lane.spans.length, 1) / view.span;
  let every = 1;
  while (every * apart < 30) every *= 2;
  context.textAlign = "center";
  for (const [index, span] of visible(lane.spans)) {
    const isNow = index === at[lane.name], left = x(span.start);
    if (!span.strong && beatApart < 3) continue;
    context.fillStyle = isNow ? theme.accent : span.strong ? theme.ink : theme.muted;
    const tall = span.strong ? 0.5 : 0.24;
    context.fillRect(left - (span.strong ? 0.75 : 0.5), height * (1 - tall), isNow ? 3 : span.strong ? 1.5 : 1, height * tall);
    if (span.strong && (Number(span.label) - 1) % every === 0) {
      context.fillStyle = isNow ? theme.accent : theme.muted;
      context.font = `11px ${theme.font}`;
      context.fillText(span.label, left, height * 0.22);
    }
  }
}

function drawEnvelope(canvas, start, span, filled) {
  const { context, width, height } = fresh(canvas);
  const bins = wave.levels.length / 2, perPixel = span / width / wave.bin_s;
  context.fillStyle = filled;
  for (let pixel = 0; pixel < width; pixel++) {
    const first = Math.floor((start + (pixel / width) * span) / wave.bin_s);
    let low = 127, high = -127;
    for (let bin = first; bin < Math.min(bins, Math.max(first + 1, first + perPixel)); bin++) {
      low = Math.min(low, wave.levels[bin]);
      high = Math.max(high, wave.levels[bins + bin]);
    }
    if (low <= high) context.fillRect(pixel, (1 - high / 128) * height / 2, 1, Math.max(1, ((high - low) / 256) * height));
  }
  return { context, width, height };
}

function drawSections(context, x, height) {
  context.strokeStyle = theme.ink;
  context.globalAlpha = 0.3;
  context.setLineDash([3, 3]);
  context.beginPath();
  for (const [, span] of visible(laneOf("sections")?.spans ?? []))
    if (span.start > 0) { context.moveTo(x(span.start), 0); context.lineTo(x(span.start), height); }
  context.stroke();
  context.globalAlpha = 1;
  context.setLineDash([]);
}

function drawWaveform(lane) {
  const { context, width, height } = drawEnvelope(lane.canvas, view.start, view.span, theme.wave);
  drawSections(context, (time) => ((time - view.start) / view.span) * width, height);
}

const mel = (hz) => 2595 * Math.log10(1 + hz / 700);
const hertz = (hz) => (hz >= 1000 ? `${hz / 1000} kHz` : `${hz} Hz`);

/* Frequencies at the left edge, on a patch of background that keeps them readable. */
function drawScale(context, frequencies, y) {
  context.font = `10.5px ${theme.font}`;
  context.textAlign = "left";
  for (const hz of frequencies) {
    const text = hertz(hz);
    context.globalAlpha = 0.78;
    context.fillStyle = theme.paper;
    context.fillRect(0, y(hz) - 7, context.measureText(text).width + 7, 14);
    context.globalAlpha = 1;
    context.fillStyle = theme.muted;
    context.fillText(text, 3, y(hz));
  }
}

function drawSpectrogram(lane) {
  const { context, width, height, x } = fresh(lane.canvas), { frame_s, frames, lowest_hz, highest_hz } = data.spectrogram;
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, x(0), 0, ((frames * frame_s) / view.span) * width, height);
  drawSections(context, x, height);
  const low = mel(lowest_hz), high = mel(highest_hz);
  const shown = [100, 500, 1000, 2000, 5000, 10000].filter((hz) => hz > lowest_hz && hz < highest_hz * 0.97);
  drawScale(context, shown, (hz) => height * (1 - (mel(hz) - low) / (high - low)));
}

function drawPitch(lane) {
  const { context, width, height, x } = fresh(lane.canvas), { hop_s, lowest_hz, highest_hz } = data.pitch;
  const y = (hz) => height * (1 - Math.log(hz / lowest_hz) / Math.log(highest_hz / lowest_hz));
  context.fillStyle = theme.wave;
  context.globalAlpha = 0.3;
  for (const [, breath] of visible(lane.spans)) context.fillRect(x(breath.start), 0, Math.max(1, x(breath.end) - x(breath.start)), height);
  context.globalAlpha = 1;
  const shown = [50, 100, 200, 300, 400, 600, 800, 1000, 1500, 2000].filter((hz) => hz > lowest_hz && hz < highest_hz);
  context.fillStyle = theme.rule;
  for (const hz of shown) context.fillRect(0, y(hz), width, 1);
  drawSections(context, x, height);
  context.strokeStyle = theme.accent;
  context.lineWidth = 1.5;
  context.lineJoin = "round";
  context.beginPath();
  const last = hop_s ? Math.min(f0.length - 1, Math.ceil((view.start + view.span) / hop_s)) : -1;
  for (let frame = Math.max(0, Math.floor(view.start / (hop_s || 1))); frame <= last; frame++) {
    if (!f0[frame]) continue;
    const joined = frame > 0 && f0[frame - 1] > 0;
    context[joined ? "lineTo" : "moveTo"](x(frame * hop_s), y(f0[frame]));
    if (!joined && !f0[frame + 1]) context.lineTo(x(frame * hop_s) + 1, y(f0[frame]));  // a lone frame is a dot
  }
  context.stroke();
  drawScale(context, shown, y);
}

function drawTicks() {
  const { context, width, height, x } = fresh(document.getElementById("ticks"));
  const step = [0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600].find((s) => (s / view.span) * width >= 64) ?? 600;
  context.font = `11px ${theme.font}`;
  for (let index = Math.ceil(view.start / step); index * step <= view.start + view.span; index++) {
    const left = x(index * step), text = clockText(index * step, step < 1);
    context.textAlign = left < 16 ? "left" : left > width - 16 ? "right" : "center";
    context.fillStyle = theme.rule;
    context.fillRect(left, 0, 1, 5);
    context.fillStyle = theme.muted;
    context.fillText(text, left, height / 2 + 3);
  }
}

function drawOverview() {
  const canvas = document.getElementById("overview");
  const { context, width, height } = wave ? drawEnvelope(canvas, 0, data.duration_s, theme.muted) : fresh(canvas);
  if (view.span >= data.duration_s) return;
  const left = (view.start / data.duration_s) * width, wide = Math.max(3, (view.span / data.duration_s) * width);
  context.globalAlpha = 0.7;
  context.fillStyle = theme.paper;
  context.fillRect(0, 0, left, height);
  context.fillRect(left + wide, 0, width, height);
  context.globalAlpha = 1;
  context.strokeStyle = theme.muted;
  context.strokeRect(left + 0.5, 0.5, wide - 1, height - 1);
}

function clockText(time, tenths) {
  const whole = tenths ? Math.floor(time * 10 + 1e-6) / 10 : Math.floor(time + 1e-6), seconds = whole % 60;
  return `${Math.floor(whole / 60)}:${seconds.toFixed(tenths ? 1 : 0).padStart(tenths ? 4 : 2, "0")}`;
}

const draw = { blocks: drawBlocks, beats: drawBeats, waveform: drawWaveform, spectrogram: drawSpectrogram, pitch: drawPitch };
