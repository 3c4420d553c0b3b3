// Grafana's dashboard JSON made plain: a list of panels with the few settings that are drawn.

export const PALETTE = ["#4f8df7", "#f2a33a", "#22b58c", "#ea5f74", "#9a7bf0", "#2cb4cf", "#e07fc0", "#97b53b", "#e57f4b", "#7f93b2", "#d1b13a", "#5ccf7f"];
const NAMED = { green: "#22b58c", yellow: "#e8bd3a", orange: "#f2913a", red: "#ea5164", blue: "#4f8df7", purple: "#9a7bf0", gray: "#7f93b2", text: "currentColor" };
export const color = (name) => NAMED[(name ?? "").replace(/^(semi-|super-)?(light|dark)-/, "")] ?? name;

// Groups of panels in reading order, each below the row that begins it; the panels of a closed row are kept inside it.
export function groups(dashboard) {
  const list = dashboard.panels ?? dashboard.rows?.flatMap((r) => [{ type: "row", title: r.title, collapsed: r.collapse }, ...(r.panels ?? [])]) ?? [];
  const found = [{ panels: [] }];
  for (const p of list) {
    if (p.type === "row") found.push({ title: p.title ?? "", closed: p.collapsed, panels: p.panels?.map(plain) ?? [] });
    else found.at(-1).panels.push(plain(p));
  }
  return found.filter((g) => g.title !== undefined || g.panels.length);
}

const KINDS = { graph: "timeseries", singlestat: "stat", piechart: "bargauge" };

function plain(p) {
  const defaults = p.fieldConfig?.defaults ?? {};
  const panel = {
    title: p.title ?? "", note: p.description ?? "", kind: KINDS[p.type] ?? p.type, at: p.gridPos ?? { w: (p.span ?? 6) * 2, h: 8 },
    content: p.options?.content, interval: p.interval, maxPoints: p.maxDataPoints,
    targets: (p.targets ?? []).filter((t) => t.expr && !t.hide),
    field: { unit: p.yaxes?.[0]?.format ?? p.format, ...defaults, custom: defaults.custom ?? {} },
    overrides: p.fieldConfig?.overrides ?? [], options: p.options ?? {}, transformations: p.transformations ?? [],
  };
  if (p.type === "graph") panel.field.custom = { fillOpacity: (p.fill ?? 1) * 10, stacking: { mode: p.stack ? "normal" : "none" }, lineWidth: p.linewidth };
  return panel;
}

// The settings of one series: the panel's, changed by the overrides that match its name or its query.
export function fieldFor(panel, name, refId) {
  const field = { ...panel.field, custom: { ...panel.field.custom } };
  for (const { matcher, properties } of panel.overrides) {
    const wanted = matcher?.options;
    const hit = matcher?.id === "byName" ? wanted === name
      : matcher?.id === "byRegexp" ? pattern(wanted).test(name)
      : matcher?.id === "byFrameRefID" ? wanted === refId : false;
    if (!hit) continue;
    for (const { id, value } of properties ?? []) {
      if (id.startsWith("custom.")) field.custom[id.slice(7)] = value;
      else field[id] = value;
    }
  }
  return field;
}
export function pattern(text) {
  const [, body, flags] = /^\/(.*)\/([a-z]*)$/s.exec(text ?? "") ?? [null, text ?? "", ""];
  try { return new RegExp(body, flags.replace("g", "")); } catch { return /$^/; }
}

// The colour of a threshold that a value has reached.
export function threshold(field, value) {
  const t = field.thresholds;
  if (!t?.steps?.length) return undefined;
  const at = t.mode === "percentage" ? ((value - (field.min ?? 0)) / ((field.max ?? 100) - (field.min ?? 0))) * 100 : value;
  let found = t.steps[0];
  for (const s of t.steps) if (s.value === null || s.value === undefined || at >= s.value) found = s;
  return color(found.color);
}

// The text and colour that a value mapping gives, if one applies.
export function mapped(field, value) {
  for (const m of field.mappings ?? []) {
    const o = m.options;
    const hit = m.type === "value" ? o[String(value)]
      : m.type === "range" && value >= (o.from ?? -Infinity) && value <= (o.to ?? Infinity) ? o.result
      : m.type === "special" && value !== value ? o.result : undefined;
    if (hit) return { text: hit.text, color: color(hit.color) };
  }
}

export function legendName(format, metric) {
  if (format && format !== "__auto") return format.replace(/\{\{\s*(.+?)\s*\}\}/g, (_, label) => metric[label] ?? "");
  const { __name__: name = "", ...rest } = metric;
  const inside = Object.entries(rest).map(([k, v]) => `${k}="${v}"`).join(", ");
  return inside ? `${name}{${inside}}` : name || "value";
}

const REDUCERS = {
  lastNotNull: (v) => v.findLast((x) => !Number.isNaN(x)), last: (v) => v.at(-1),
  min: (v) => fold(v, Math.min), max: (v) => fold(v, Math.max), sum: (v) => fold(v, (a, b) => a + b) ?? 0,
  mean: (v) => { const k = known(v); return k.length ? fold(k, (a, b) => a + b) / k.length : undefined; },
};
const known = (v) => Array.prototype.filter.call(v, (x) => !Number.isNaN(x));
const fold = (v, f) => { const k = known(v); return k.length ? k.reduce((a, b) => f(a, b)) : undefined; };
export const reduce = (name, values) => (REDUCERS[name] ?? REDUCERS.lastNotNull)(values);
