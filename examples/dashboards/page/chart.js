// A time series chart on two canvases: the lines below, the cursor above, so that a moving mouse redraws nothing else.
import { timeTicks, valueTicks } from "./scale.js";
import { format, isBinary } from "./units.js";

export const make = (tag, className, ...children) => {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...children);
  return element;
};

const FONT = "11px Inter, ui-sans-serif, system-ui, sans-serif";
const TOP = 8, RIGHT = 12, BOTTOM = 20;

// All charts of a page share a cursor and a zoom.
export class Sync {
  charts = new Set();
  onZoom = () => {};
  move(time, from) { for (const chart of this.charts) chart.point(time, chart === from); }
}

export class TimeChart {
  hiddenNames = new Set();
  view = null;

  constructor(host, sync, onPoint) {
    Object.assign(this, { host, sync, onPoint });
    this.back = this.canvas();
    this.front = this.canvas();
    this.tip = make("div", "tip");
    this.tip.hidden = true;
    host.append(this.tip);
    sync.charts.add(this);
    new ResizeObserver(() => this.draw()).observe(host);
    host.addEventListener("pointermove", (e) => this.moved(e));
    host.addEventListener("pointerleave", () => { if (!this.drag) sync.move(null, this); });
    host.addEventListener("pointerdown", (e) => { if (e.button === 0 && e.pointerType === "mouse") { this.drag = { x: e.offsetX }; host.setPointerCapture(e.pointerId); } });
    host.addEventListener("pointerup", (e) => this.released(e));
  }

  canvas() {
    const canvas = make("canvas");
    canvas.setAttribute("aria-hidden", "true");
    this.host.append(canvas);
    return canvas;
  }

  // The page's colours, which follow the system's light or dark.
  ink() {
    const style = getComputedStyle(this.host);
    return (name) => style.getPropertyValue(`--${name}`);
  }

  // { start, step, count, series: [{ name, color, values, width, fill, dash, stack, negative, field }], unit, decimals, min, max }
  show(data) { this.data = data; this.draw(); }
  clear() { this.data = null; this.view = null; for (const c of [this.back, this.front]) this.fit(c); }

  fit(canvas) {
    const ratio = devicePixelRatio || 1, { clientWidth: w, clientHeight: h } = this.host;
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) { canvas.width = Math.round(w * ratio); canvas.height = Math.round(h * ratio); }
    const g = canvas.getContext("2d");
    g.setTransform(ratio, 0, 0, ratio, 0, 0);
    g.clearRect(0, 0, w, h);
    g.font = FONT;
    return g;
  }

  // Values as drawn: negated where a series hangs below the axis, summed where series are stacked.
  layers() {
    const sums = {};
    return this.data.series.filter((s) => !this.hiddenNames.has(s.name)).map((s) => {
      const key = s.stack && s.stack + s.negative, base = key && (sums[key] ?? new Float64Array(s.values.length));
      const top = s.values.map((v, i) => (s.negative ? -v : v) + (base ? base[i] : 0));
      if (base) sums[key] = top.map((v, i) => (Number.isNaN(v) ? base[i] : v));
      return { s, top, base };
    });
  }

  // The values that the axis spans, and round ticks in them. A filled area starts at zero, and so does an axis that
  // would otherwise begin near it; shares end at the whole.
  extent(layers, rows) {
    const { min, max, softMax, unit } = this.data, binary = isBinary(unit);
    let low = Infinity, high = -Infinity;
    for (const { top } of layers) for (const v of top) if (Number.isFinite(v)) { if (v < low) low = v; if (v > high) high = v; }
    if (low > high) [low, high] = [0, 1];
    const whole = unit === "percentunit" ? 1 : unit === "percent" ? 100 : Infinity, cap = high <= whole * 1.05 ? whole : Infinity;
    if (layers.some((l) => l.s.fill > 0) || (low > 0 && low < high * 0.6)) { low = Math.min(low, 0); high = Math.max(high, 0); }
    if (high === low) { high += Math.abs(high) * 0.1 || 1; if (low !== 0) low -= Math.abs(low) * 0.1; }
    high = Math.max(high, softMax ?? high);
    const rough = valueTicks(min ?? low, max ?? high, rows, binary), gap = rough.length > 1 ? rough[1] - rough[0] : high - low;
    low = min ?? Math.floor(low / gap + 1e-9) * gap;
    high = max ?? Math.min(cap, Math.ceil(high / gap - 1e-9) * gap);
    return { low, high, ticks: valueTicks(low, high, Math.round((high - low) / gap), binary) };
  }

  draw() {
    const g = this.fit(this.back), { clientWidth: w, clientHeight: h } = this.host;
    if (!this.data || w < 40 || h < 40) return;
    const { start, step, count, unit } = this.data, ink = this.ink();
    const layers = this.layers();
    const { low, high, ticks } = this.extent(layers, Math.max(2, Math.floor((h - TOP - BOTTOM) / 34)));
    const texts = ticks.map((t) => format(this.data.mirrored ? Math.abs(t) : t, unit));
    const left = Math.ceil(Math.max(26, ...texts.map((t) => g.measureText(t).width))) + 16;
    const from = this.data.from, to = this.data.to, width = w - left - RIGHT, height = h - TOP - BOTTOM;
    const x = (t) => left + ((t - from) / (to - from)) * width, y = (v) => TOP + height - ((v - low) / (high - low)) * height;
    this.view = { left, width, height, from, to, x, y, layers };

    g.textBaseline = "middle"; g.textAlign = "right"; g.lineWidth = 1;
    ticks.forEach((t, i) => {
      const at = Math.round(y(t)) + 0.5;
      g.strokeStyle = t === 0 && low < 0 ? ink("faint") : ink("grid");
      g.beginPath(); g.moveTo(left, at); g.lineTo(w - RIGHT, at); g.stroke();
      g.fillStyle = ink("muted");
      g.fillText(texts[i], left - 8, at);
    });
    const times = timeTicks(from, to, Math.max(2, Math.floor(width / 92)));
    g.textAlign = "center"; g.textBaseline = "alphabetic";
    for (const t of times.ticks) if (x(t) > left + 8 && x(t) < w - RIGHT - 8) g.fillText(times.text(t), x(t), h - 5);

    g.save();
    g.beginPath(); g.rect(left, TOP - 2, width, height + 4); g.clip();
    g.lineJoin = "round"; g.lineCap = "round";
    // Stacked layers from the top down, so that each one's line stays visible.
    for (const { s, top, base } of layers.toReversed()) {
      const runs = this.runs(top, count), at = (i) => x(start + i * step);
      const trace = (a, b) => { g.beginPath(); for (let i = a; i <= b; i++) g.lineTo(at(i), y(top[i])); };
      if (s.fill > 0) {
        const shade = g.createLinearGradient(0, TOP, 0, TOP + height);
        const alpha = (a) => Math.round(a * 255).toString(16).padStart(2, "0");
        const strong = s.color + alpha(s.fill), weak = s.color + alpha(s.stack ? s.fill : s.fill * 0.12);
        shade.addColorStop(0, s.negative ? weak : strong); shade.addColorStop(1, s.negative ? strong : weak);
        g.fillStyle = shade;
        for (const [a, b] of runs) {
          trace(a, b);
          for (let i = b; i >= a; i--) g.lineTo(at(i), y(base ? base[i] : Math.min(Math.max(0, low), high)));
          g.fill();
        }
      }
      g.strokeStyle = g.fillStyle = s.color; g.lineWidth = s.width; g.setLineDash(s.dash ?? []);
      for (const [a, b] of runs) {
        trace(a, b);
        if (a === b) { g.arc(at(a), y(top[a]), 2, 0, 7); g.fill(); } else g.stroke();
      }
    }
    g.restore(); g.setLineDash([]);
    this.point(this.time ?? null, false);
  }

  // Stretches of known values, as first and last index.
  runs(values, count) {
    const runs = [];
    for (let i = 0, a = -1; i <= count; i++) {
      const known = i < count && Number.isFinite(values[i]);
      if (known && a < 0) a = i;
      if (!known && a >= 0) { runs.push([a, i - 1]); a = -1; }
    }
    return runs;
  }

  moved(e) {
    if (!this.view) return;
    if (this.drag) this.drag.to = e.offsetX;
    this.mouse = { x: e.offsetX, y: e.offsetY };
    this.sync.move(this.timeAt(e.offsetX), this);
  }

  timeAt(px) {
    const { left, width, from, to } = this.view;
    return from + Math.min(1, Math.max(0, (px - left) / width)) * (to - from);
  }

  released(e) {
    const drag = this.drag;
    this.drag = null;
    if (!drag || !this.view || Math.abs(e.offsetX - drag.x) < 8) return this.draw();
    const [a, b] = [drag.x, e.offsetX].sort((p, q) => p - q).map((px) => this.timeAt(px));
    if (b - a >= 2) this.sync.onZoom(a, b);
  }

  point(time, mine) {
    this.time = time;
    const g = this.fit(this.front);
    if (!this.view || !this.data) return;
    const { x, y, height, layers } = this.view, { start, step, count, unit, decimals } = this.data, ink = this.ink();
    if (this.drag?.to !== undefined) {
      g.fillStyle = ink("accent-soft");
      g.fillRect(Math.min(this.drag.x, this.drag.to), TOP, Math.abs(this.drag.to - this.drag.x), height);
    }
    const index = time === null ? -1 : Math.round((time - start) / step);
    if (index < 0 || index >= count) {
      this.tip.hidden = true;
      return this.onPoint(null);
    }
    const at = start + index * step, px = Math.round(x(at)) + 0.5;
    g.strokeStyle = ink("faint"); g.setLineDash([3, 3]);
    g.beginPath(); g.moveTo(px, TOP); g.lineTo(px, TOP + height); g.stroke(); g.setLineDash([]);
    for (const { s, top } of layers) {
      if (!Number.isFinite(top[index])) continue;
      g.fillStyle = s.color; g.strokeStyle = ink("card"); g.lineWidth = 1.5;
      g.beginPath(); g.arc(x(at), y(top[index]), 3.5, 0, 7); g.fill(); g.stroke();
    }
    this.onPoint(index);
    this.tip.hidden = !mine;
    if (mine) this.fillTip(at, layers.filter((l) => !Number.isNaN(l.s.values[index])).map(({ s }) => [s, s.values[index]]), unit, decimals);
  }

  fillTip(at, rows, unit, decimals) {
    const time = make("time");
    time.textContent = new Date(at * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
    const shown = rows.sort((a, b) => b[1] - a[1]).slice(0, 14);
    this.tip.replaceChildren(time, ...shown.map(([s, v]) => row(s.color, s.name, format(v, s.field?.unit ?? unit, decimals))));
    if (rows.length > shown.length) this.tip.append(`and ${rows.length - shown.length} more`);
    const { clientWidth: w, clientHeight: h } = this.host, { offsetWidth: tw, offsetHeight: th } = this.tip;
    const { x, y } = this.mouse ?? { x: w / 2, y: 0 };
    this.tip.style.left = `${x + 16 + tw > w ? Math.max(0, x - tw - 14) : x + 16}px`;
    this.tip.style.top = `${Math.max(-4, Math.min(y - th / 2, h - th))}px`;
  }
}

function row(color, name, value) {
  const swatch = make("i");
  swatch.style.background = color;
  return make("div", "", swatch, make("span", "", name), make("b", "", value));
}

// A line without axes, for the background of a number.
export function sparkline(canvas, values, color, min) {
  const ratio = devicePixelRatio || 1, w = canvas.clientWidth, h = canvas.clientHeight;
  canvas.width = w * ratio; canvas.height = h * ratio;
  const g = canvas.getContext("2d");
  g.scale(ratio, ratio);
  const known = Array.prototype.filter.call(values, Number.isFinite);
  if (known.length < 2 || !/^#/.test(color)) return;
  const low = Math.min(min ?? Infinity, ...known), high = Math.max(...known), span = high - low || 1;
  const points = [];
  values.forEach((v, i) => { if (Number.isFinite(v)) points.push([(i / (values.length - 1)) * w, h - 2 - ((v - low) / span) * (h - 6) * (high === low ? 0 : 1)]); });
  const shade = g.createLinearGradient(0, 0, 0, h);
  shade.addColorStop(0, color + "38"); shade.addColorStop(1, color + "05");
  g.beginPath(); for (const [x, y] of points) g.lineTo(x, y);
  g.strokeStyle = color + "99"; g.lineWidth = 1.5; g.lineJoin = "round"; g.stroke();
  g.lineTo(points.at(-1)[0], h); g.lineTo(points[0][0], h); g.fillStyle = shade; g.fill();
}
