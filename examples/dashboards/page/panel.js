// One panel: asks its queries, draws the answer, or says why it cannot.
import { ask, duration, fill, timing } from "./api.js";
import { Sync, TimeChart, make, sparkline } from "./chart.js";
import { PALETTE, color, fieldFor, legendName, mapped, reduce, threshold } from "./model.js";
import { format, split } from "./units.js";

export const sync = new Sync();

export class Panel {
  constructor(model) {
    this.model = model;
    const { x, y, w, h } = model.at;
    this.body = make("div", "body");
    this.heading = make("h2", "", model.title);
    this.root = make("section", `panel is-${model.kind}`, make("header", "", this.heading), this.body);
    // Old dashboards say how wide a panel is, but not where it stands.
    this.root.style.gridArea = x === undefined ? `span ${h} / span ${w}` : `${y + 1} / ${x + 1} / span ${h} / span ${w}`;
    if (model.note) this.heading.after(Object.assign(make("span", "note", model.note), { title: model.note }));
    this.root.setAttribute("aria-label", model.title);
    this.state = make("div", "state");
    this.view = new (VIEWS[model.kind] ?? Unknown)(this);
  }

  async refresh(range, values, scrape, signal) {
    const { model } = this;
    const points = model.maxPoints ?? Math.max(60, Math.floor(this.body.clientWidth || 400));
    const time = timing(range.from, range.to, points, scrape, duration(fill(model.interval ?? "", values)) || undefined);
    const known = { ...values, ...time.builtin };
    try {
      const answers = await Promise.all(model.targets.map((target) => this.query(target, time, known, signal)));
      const data = { ...time, from: range.from, to: range.to, count: Math.round((time.end - time.start) / time.step) + 1, series: answers.flat() };
      delete this.root.dataset.stale;
      if (!data.series.length) { this.view.clear(); return this.say("No data", "nothing matches in this time range"); }
      this.say();
      this.heading.textContent = fill(model.title, known);
      this.view.show(data);
    } catch (error) {
      if (error.name === "AbortError") throw error;
      if (error.kind === "down") this.root.dataset.stale = "";
      else { this.view.clear(); this.say("The query failed", error.message, "error"); }
      throw error;
    }
  }

  async query(target, time, values, signal) {
    const query = fill(target.expr, values), instant = this.view.instant || (target.instant && !target.range);
    const { result, resultType } = instant
      ? await ask("query", { query, time: time.end }, signal)
      : await ask("query_range", { query, start: time.start, end: time.end, step: time.step }, signal);
    if (resultType === "scalar") return [this.series(target, {}, [result], time, instant)];
    return result.map((r) => this.series(target, r.metric, r.values ?? (r.value ? [r.value] : []), time, instant));
  }

  series(target, metric, pairs, { start, end, step }, instant) {
    const values = new Float64Array(instant ? 1 : Math.round((end - start) / step) + 1).fill(NaN);
    for (const [t, v] of pairs) values[instant ? 0 : Math.round((t - start) / step)] = v === "+Inf" ? Infinity : v === "-Inf" ? -Infinity : +v;
    const name = legendName(fill(target.legendFormat ?? "", {}), metric);
    const field = fieldFor(this.model, name, target.refId);
    return { name: field.displayName ?? name, metric, values, field };
  }

  say(title, detail, kind = "empty") {
    if (!title) return this.state.remove();
    this.state.dataset.kind = kind;
    this.state.replaceChildren(make("b", "", title), kind === "error" ? make("code", "", detail) : make("span", "", detail));
    this.body.append(this.state);
  }
}

const paint = (field, index) => (field.color?.mode === "fixed" && field.color.fixedColor ? color(field.color.fixedColor) : PALETTE[index % PALETTE.length]);
const last = (s) => reduce("lastNotNull", s.values);

class TimeSeries {
  constructor(panel) {
    this.panel = panel;
    this.plot = make("div", "plot");
    this.plot.setAttribute("role", "img");
    this.legend = make("ul", "legend");
    panel.body.append(this.plot, this.legend);
    this.chart = new TimeChart(this.plot, sync, (index) => this.point(index));
    this.legend.hidden = panel.model.options.legend?.showLegend === false;
  }

  show(data) {
    const { field } = this.panel.model;
    data.series.forEach((s, i) => {
      const c = s.field.custom;
      Object.assign(s, {
        color: paint(s.field, i), width: c.lineWidth ?? 1.6, fill: (c.fillOpacity ?? 0) / 100, negative: c.transform === "negative-Y",
        dash: c.lineStyle?.fill === "dash" ? c.lineStyle.dash ?? [5, 5] : undefined, stack: c.stacking && c.stacking.mode !== "none" ? c.stacking.group ?? "A" : undefined,
      });
    });
    Object.assign(data, { unit: field.unit, decimals: field.decimals, min: field.min, max: field.max, softMax: field.custom.axisSoftMax, mirrored: data.series.some((s) => s.negative) });
    this.data = data;
    this.chart.show(data);
    this.list();
    const words = data.series.slice(0, 8).map((s) => `${s.name} ${this.text(s, last(s))}`);
    this.plot.setAttribute("aria-label", `${this.panel.model.title}: ${words.join(", ")}`);
  }

  text(s, value) { return format(value === undefined || Number.isNaN(value) ? null : value, s.field.unit, s.field.decimals); }

  // Rebuilt only when the series change, so that a pressed button keeps its focus over refreshes.
  list() {
    const names = this.data.series.map((s) => s.name + s.color).join("\n");
    if (names !== this.names) {
      this.names = names;
      this.legend.replaceChildren(...this.data.series.map((s) => {
        const swatch = make("i"), button = make("button", "", swatch, make("span", "name", s.name), make("span", "value"));
        swatch.style.background = s.color;
        button.type = "button";
        button.title = "Show or hide; with Alt: show alone";
        button.setAttribute("aria-pressed", String(!this.chart.hiddenNames.has(s.name)));
        button.addEventListener("click", (e) => this.toggle(s.name, e.altKey));
        return make("li", "", button);
      }));
    }
    this.point(null);
  }

  toggle(name, alone) {
    const hidden = this.chart.hiddenNames, others = this.data.series.map((s) => s.name).filter((n) => n !== name);
    if (alone) { const back = others.every((n) => hidden.has(n)); hidden.clear(); if (!back) others.forEach((n) => hidden.add(n)); }
    else if (!hidden.delete(name)) hidden.add(name);
    [...this.legend.children].forEach((li, i) => li.firstChild.setAttribute("aria-pressed", String(!hidden.has(this.data.series[i].name))));
    this.chart.draw();
  }

  point(index) {
    this.data?.series.forEach((s, i) => {
      const value = this.legend.children[i]?.querySelector(".value");
      if (value) value.textContent = this.text(s, index === null ? last(s) : s.values[index]);
    });
  }

  clear() { this.data = null; this.names = null; this.chart.clear(); this.legend.replaceChildren(); }
}

class Stat {
  constructor(panel) {
    this.panel = panel;
    this.canvas = make("canvas");
    this.canvas.setAttribute("aria-hidden", "true");
    this.figures = make("div", "figures");
    panel.body.append(this.canvas, this.figures);
    new ResizeObserver(() => this.graph()).observe(panel.body);
  }

  show({ series }) {
    const { options, field } = this.panel.model, calc = options.reduceOptions?.calcs?.[0] ?? "lastNotNull";
    this.figures.replaceChildren(...series.slice(0, 6).map((s) => {
      const value = reduce(calc, s.values), map = mapped(s.field, value), tint = map?.color ?? threshold(s.field, value);
      const [number, unit] = map?.text ? [map.text, ""] : split(Number.isNaN(value) ? null : value, s.field.unit, s.field.decimals);
      const strong = make("strong", "", number, ...(unit ? [make("em", "", unit)] : []));
      strong.style.color = options.colorMode === "none" || !tint ? "" : tint;
      return make("div", "figure", ...(series.length > 1 || options.textMode === "value_and_name" ? [make("small", "", s.name)] : []), strong);
    }));
    const [first] = series;
    this.line = options.graphMode === "none" || series.length > 1 ? null : [first.values, threshold(field, reduce(calc, first.values)) ?? PALETTE[0], field.min];
    this.graph();
  }

  graph() { if (this.line) sparkline(this.canvas, ...this.line); else this.canvas.width = 0; }
  clear() { this.line = null; this.graph(); this.figures.replaceChildren(); }
}

class Bars {
  instant = true;
  constructor(panel) { this.panel = panel; panel.body.append(this.list = make("div", "bars")); }

  show({ series }) {
    const { field } = this.panel.model;
    const most = field.max ?? (field.unit === "percentunit" ? 1 : field.unit === "percent" ? 100 : Math.max(...series.map(last)));
    this.list.replaceChildren(...series.map((s, i) => {
      const value = last(s), part = Math.max(0, Math.min(1, (value - (field.min ?? 0)) / (most - (field.min ?? 0) || 1))), bar = make("i");
      bar.style.width = `${(part || 0) * 100}%`;
      bar.style.background = threshold(s.field, value) ?? paint(s.field, i);
      return make("div", "", make("p", "", make("span", "", series.length > 1 ? s.name : ""), make("b", "", mapped(s.field, value)?.text ?? format(value === value ? value : null, s.field.unit, s.field.decimals))), make("u", "", bar));
    }));
  }
  clear() { this.list.replaceChildren(); }
}

class Table {
  instant = true;
  constructor(panel) { this.panel = panel; panel.body.append(this.box = make("div", "table")); }

  show({ series }) {
    const { excludeByName: hidden = {}, renameByName: renamed = {} } = this.panel.model.transformations.find((t) => t.id === "organize")?.options ?? {};
    const columns = [...new Set(series.flatMap((s) => Object.keys(s.metric)))].filter((c) => c !== "__name__" && !hidden[c]).sort();
    const head = make("tr", "", ...columns.map((c) => make("th", "", renamed[c] ?? c)), make("th", "number", renamed.Value ?? "Value"));
    const rows = series.map((s) => {
      const value = last(s), map = mapped(s.field, value), cell = make("td", "number");
      const badge = make("span", map ? "badge" : "", map?.text ?? format(value, s.field.unit, s.field.decimals));
      if (map?.color) { badge.style.color = map.color; badge.style.background = map.color + "22"; }
      cell.append(badge);
      return make("tr", "", ...columns.map((c) => make("td", "", s.metric[c] ?? "")), cell);
    });
    this.box.replaceChildren(make("table", "", make("thead", "", head), make("tbody", "", ...rows)));
  }
  clear() { this.box.replaceChildren(); }
}

class Text {
  constructor(panel) { panel.body.append(make("div", "text", panel.model.content ?? "")); panel.model.targets = []; }
}

class Unknown {
  constructor(panel) { panel.say("Not drawn", `no panels of type ${panel.model.kind} here`); panel.model.targets = []; }
}

const VIEWS = { timeseries: TimeSeries, stat: Stat, gauge: Bars, bargauge: Bars, table: Table, text: Text };
