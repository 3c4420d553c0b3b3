// The server's own pages: a query box, alerts, rules, targets, status. Data comes from /api/v1 like everybody's.
import { ask } from "./dashboards/api.js";
import { Sync, TimeChart, make } from "./dashboards/chart.js";
import { PALETTE } from "./dashboards/model.js";
import { stepFor } from "./dashboards/scale.js";

const page = document.getElementById("page");
const prefix = document.querySelector("meta[name=pullstack-prefix]").content;
const RANGES = { "15m": 900, "1h": 3600, "6h": 21600, "1d": 86400, "1w": 604800 };
const MAX_LINES = 100;

const series = ({ __name__: name = "", ...labels }) => {
  const list = Object.entries(labels).map(([n, v]) => `${n}=${JSON.stringify(v)}`);
  return list.length || !name ? `${name}{${list.join(", ")}}` : name;
};
const table = (head, rows) => {
  const line = (cells, tag) => make("tr", "", ...cells.map((c) => {
    const cell = make(tag, c?.className ?? "");
    cell.append(c?.node ?? c ?? "");
    return cell;
  }));
  return make("table", "", ...(head ? [line(head, "th")] : []), ...rows.map((r) => line(r, "td")));
};
const code = (text) => make("code", "", text);
const mark = (text, kind) => make("span", `mark ${kind ?? ""}`, text);
const ago = (time) => {
  const s = (Date.now() - Date.parse(time)) / 1000;
  return Number.isFinite(s) && s < 1e8 ? `${s < 60 ? `${s.toFixed(1)} s` : s < 3600 ? `${(s / 60).toFixed(1)} min` : `${(s / 3600).toFixed(1)} h`} ago` : "never";
};
const state = { firing: "bad", pending: "warn", inactive: "good", up: "good", down: "bad", ok: "good", err: "bad" };

function queryPage() {
  const wanted = new URLSearchParams(location.search);
  const box = make("textarea"), go = make("button", "", "Execute"), range = make("select"), view = make("select"), note = make("span"), answer = make("div", "answer");
  box.rows = 1; box.spellcheck = false; box.placeholder = "PromQL, such as rate(node_cpu_seconds_total[1m])";
  box.setAttribute("aria-label", "Query");
  box.value = wanted.get("g0.expr") ?? wanted.get("query") ?? "";
  for (const v of ["Table", "Graph"]) view.append(new Option(v, v));
  for (const r of Object.keys(RANGES)) range.append(new Option(`last ${r}`, r));
  view.value = wanted.get("g0.tab") === "0" || wanted.get("g0.tab") === "graph" ? "Graph" : "Table";
  range.value = wanted.get("g0.range_input") in RANGES ? wanted.get("g0.range_input") : "1h";
  page.append(make("form", "ask", box, go), make("div", "options", view, range, note), answer);

  async function run(event) {
    event?.preventDefault();
    const query = box.value.trim();
    if (!query) return answer.replaceChildren(make("p", "note", "Type a query and press Enter."));
    const graph = view.value === "Graph", span = RANGES[range.value];
    range.hidden = !graph;
    history.replaceState(null, "", `?${new URLSearchParams({ "g0.expr": query, "g0.tab": graph ? "graph" : "table", "g0.range_input": range.value })}`);
    const began = performance.now();
    try {
      if (graph) {
        const step = stepFor(span, 600, 1), to = Math.floor(Date.now() / 1000 / step) * step, from = to - span;
        const { result } = await ask("query_range", { query, start: from, end: to, step });
        draw(result, from, to, step);
        note.textContent = said(began, result);
      } else {
        const data = await ask("query", { query });
        answer.replaceChildren(rows(data));
        note.textContent = said(began, data.result);
      }
    } catch (e) {
      answer.replaceChildren(make("p", "wrong", code(e.message + pointer(query, e.message))));
      note.textContent = "";
    }
  }
  // The query's line with a caret where the parser stopped, if the error names a place.
  const pointer = (text, message) => {
    const place = /(\d+):(\d+): parse error/.exec(message);
    return place ? `\n\n${text.split("\n")[place[1] - 1] ?? ""}\n${" ".repeat(place[2] - 1)}^` : "";
  };
  const said = (began, result) => `${Math.round(performance.now() - began)} ms, ${result.length} series`;

  function rows({ resultType, result }) {
    if (resultType === "scalar" || resultType === "string") return table(null, [[resultType, { node: result[1], className: "value" }]]);
    if (!result.length) return make("p", "note", "No series matches now.");
    const shown = (r) => (r.histogram ? `count ${r.histogram[1].count}, sum ${r.histogram[1].sum}` : r.value ? r.value[1] : [...(r.values ?? []), ...(r.histograms ?? []).map(([t, h]) => [t, `count ${h.count}`])].map(([t, v]) => `${v} @${t}`).join("\n"));
    return table(null, result.map((r) => [code(series(r.metric)), { node: make("pre", "", shown(r)), className: "value" }]));
  }

  function draw(result, from, to, step) {
    if (!result.length) return answer.replaceChildren(make("p", "note", "No series matches in this range."));
    const host = make("div", "plot"), count = Math.round((to - from) / step) + 1;
    const lines = result.slice(0, MAX_LINES).map((r, i) => {
      const values = new Array(count).fill(NaN);
      for (const [t, v] of r.values ?? []) values[Math.round((t - from) / step)] = Number(v);
      return { name: series(r.metric), color: PALETTE[i % PALETTE.length], values, width: 1.5, fill: 0 };
    });
    const legend = table(null, lines.map((l) => {
      const dot = make("i");
      dot.style.cssText = `display:inline-block;width:10px;height:10px;border-radius:3px;background:${l.color}`;
      return [make("span", "", dot, " ", code(l.name))];
    }));
    const more = result.length > MAX_LINES ? [make("p", "note", `${result.length - MAX_LINES} more series are not drawn.`)] : [];
    answer.replaceChildren(host, legend, ...more);
    new TimeChart(host, new Sync(), () => {}).show({ from, to, start: from, step, count, series: lines, unit: "short" });
  }

  page.querySelector("form").addEventListener("submit", run);
  box.addEventListener("keydown", (e) => { if (e.key === "Enter" && !e.shiftKey) run(e); });
  for (const input of [view, range]) input.addEventListener("change", () => run());
  range.hidden = view.value !== "Graph";
  run();
}

const card = (...children) => make("div", "answer", ...children);
const heading = (text, small) => make("h2", "", text, " ", make("small", "", small ?? ""));
const none = (text) => card(make("p", "note", text));

async function alertsPage() {
  const { groups } = await ask("rules?type=alert");
  const rules = groups.flatMap((g) => g.rules);
  if (!rules.length) return [none("No alerting rules are loaded.")];
  return [card(table(["State", "Alert", "Expression", "Active"], rules.map((r) => [
    mark(r.state, state[r.state]), r.name, code(r.query),
    { node: make("div", "", ...r.alerts.map((a) => make("div", "", mark(a.state, state[a.state]), " ", code(series(a.labels)), ` = ${a.value}, ${ago(a.activeAt)}`))) },
  ])))];
}

async function rulesPage() {
  const { groups } = await ask("rules");
  if (!groups.length) return [none("No rules are loaded.")];
  return groups.flatMap((g) => [heading(g.name, `${g.file}, every ${g.interval} s, ${ago(g.lastEvaluation)}`), card(table(["Health", "Rule", "Expression", "Took"], g.rules.map((r) => [
    mark(r.health, state[r.health]), r.name, code(r.query), { node: `${(r.evaluationTime * 1000).toFixed(1)} ms`, className: "value" },
  ])))]);
}

async function targetsPage() {
  const { activeTargets } = await ask("targets?state=active");
  if (!activeTargets.length) return [none("No targets are configured.")];
  const pools = Map.groupBy(activeTargets, (t) => t.scrapePool);
  return [...pools].flatMap(([pool, targets]) => [heading(pool, `${targets.filter((t) => t.health === "up").length} of ${targets.length} up`), card(table(["Health", "URL", "Labels", "Last scrape", "Error"], targets.map((t) => [
    mark(t.health, state[t.health]), code(t.scrapeUrl), code(series(t.labels)), `${ago(t.lastScrape)}, ${(t.lastScrapeDuration * 1000).toFixed(1)} ms`, t.lastError,
  ])))]);
}

async function statusPage() {
  const [build, runtime, flags, config] = await Promise.all(["buildinfo", "runtimeinfo", "flags", "config"].map((s) => ask(`status/${s}`)));
  const facts = (o) => card(table(null, Object.entries(o).map(([k, v]) => [k, code(String(v))])));
  return [heading("Build"), facts(build), heading("Runtime"), facts(runtime), heading("Flags"), facts(flags), heading("Configuration"), card(make("pre", "note", config.yaml))];
}

const PAGES = { alerts: alertsPage, rules: rulesPage, targets: targetsPage, status: statusPage };
const here = location.pathname.slice(prefix.length + 1).split("/")[0] || "query";
for (const link of document.querySelectorAll(".tabs a")) if (link.pathname === location.pathname) link.setAttribute("aria-current", "page");
document.title = `${here} · Pullstack`;
if (here in PAGES) {
  const show = async () => {
    try { page.replaceChildren(...await PAGES[here]()); } catch (e) { page.replaceChildren(card(make("p", "wrong", e.message))); }
  };
  show();
  if (here !== "status") setInterval(() => { if (!document.hidden) show(); }, 5000);
} else queryPage();
