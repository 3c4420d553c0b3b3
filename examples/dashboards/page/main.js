// The page: which dashboard, which time, which values of its variables; and the beat that keeps it live.
import { FILES, duration, fill, labels, scrapeInterval } from "./api.js";
import { make } from "./chart.js";
import { groups, pattern } from "./model.js";
import { Panel, sync } from "./panel.js";

const $ = (id) => document.getElementById(id);
const RANGES = ["5m", "15m", "1h", "6h", "24h", "7d"], BEATS = [["0", "Off"], ["2", "2 s"], ["5", "5 s"], ["10", "10 s"], ["30", "30 s"], ["60", "1 min"]];
const place = new URL(location.href);
const state = { range: "15m", beat: 5, values: {}, panels: [], scrape: 15, ...readPlace() };

function readPlace() {
  const p = place.searchParams, from = p.get("from") ?? "", to = p.get("to") ?? "", read = {};
  if (/^\d+$/.test(from) && /^\d+$/.test(to)) read.range = [from / 1000, to / 1000];
  else if (duration(from)) read.range = from.slice(4);
  if (p.has("refresh")) read.beat = duration(p.get("refresh"));
  return read;
}

function writePlace() {
  const p = place.searchParams, fixed = Array.isArray(state.range);
  p.set("from", fixed ? Math.round(state.range[0] * 1000) : `now-${state.range}`);
  p.set("to", fixed ? Math.round(state.range[1] * 1000) : "now");
  for (const [name, value] of Object.entries(state.values)) {
    p.delete(`var-${name}`);
    for (const v of [value].flat()) p.append(`var-${name}`, v);
  }
  history.replaceState(null, "", place);
}

function range() {
  if (Array.isArray(state.range)) return { from: state.range[0], to: state.range[1] };
  const to = Date.now() / 1000;
  return { from: to - duration(state.range), to };
}

// --- the live beat -------------------------------------------------------------------------------------------

let running, timer;
async function refresh() {
  clearTimeout(timer);
  running?.abort();
  const mine = (running = new AbortController());
  // A young data source may not know yet what a variable asks for.
  if (state.empty) await loadVariables().catch(() => {});
  const now = range();
  const height = innerHeight;
  const near = state.panels.filter((p) => {
    const box = p.root.getBoundingClientRect();
    return p.model.targets.length && p.root.offsetParent && box.bottom > -height && box.top < 2 * height;
  });
  const outcomes = await Promise.allSettled(near.map((p) => p.refresh(now, state.values, state.scrape, mine.signal)));
  if (mine.signal.aborted) return;
  $("grid").setAttribute("aria-busy", "false");
  report(outcomes.find((o) => o.reason?.kind === "down")?.reason);
  plan();
}

function plan() {
  clearTimeout(timer);
  if (state.beat > 0 && !document.hidden) timer = setTimeout(refresh, state.beat * 1000);
}

function report(down) {
  const banner = $("banner"), pulse = $("pulse"), live = state.beat > 0 && !Array.isArray(state.range);
  banner.hidden = !down;
  if (down) {
    banner.replaceChildren(make("b", "", "No answer from the data source: "), `${down.message}. ${state.beat > 0 ? "Trying again." : ""}`);
  }
  pulse.dataset.state = down ? "down" : live ? "live" : "still";
  pulse.lastElementChild.textContent = down ? "no data source" : live ? "live" : "paused";
}

// --- controls ------------------------------------------------------------------------------------------------

function option(value, text, selected) { return new Option(text, value, selected, selected); }

function drawRanges() {
  const fixed = Array.isArray(state.range), known = fixed || RANGES.includes(state.range) ? RANGES : [state.range, ...RANGES];
  $("ranges").replaceChildren(...[...known, "custom"].map((name) => {
    const button = make("button", "", name === "custom" ? "Custom" : name);
    button.type = "button";
    button.setAttribute("aria-pressed", String(name === "custom" ? fixed : name === state.range));
    button.addEventListener("click", () => (name === "custom" ? openCustom() : setRange(name)));
    return button;
  }));
}

function setRange(next) {
  state.range = next;
  $("custom").hidden = true;
  drawRanges();
  writePlace();
  refresh();
}

function openCustom() {
  const form = $("custom"), { from, to } = range();
  const local = (t) => new Date((t - new Date(t * 1000).getTimezoneOffset() * 60) * 1000).toISOString().slice(0, 19);
  form.from.value = local(from);
  form.to.value = local(to);
  form.hidden = !form.hidden;
}
$("custom").addEventListener("submit", (e) => {
  e.preventDefault();
  const [from, to] = [e.target.from, e.target.to].map((i) => new Date(i.value).getTime() / 1000);
  e.target.to.setCustomValidity(to > from ? "" : "The end is not after the beginning");
  if (e.target.reportValidity()) setRange([from, to]);
});
sync.onZoom = (from, to) => setRange([from, to]);

$("refresh").replaceChildren(...BEATS.map(([s, text]) => option(s, s === "0" ? "Refresh off" : `Every ${text}`, +s === state.beat)));
$("refresh").addEventListener("change", (e) => { state.beat = +e.target.value; refresh(); });
document.addEventListener("visibilitychange", () => (document.hidden ? clearTimeout(timer) : refresh()));
addEventListener("scrollend", () => refresh());

// --- variables -----------------------------------------------------------------------------------------------

async function variableOptions(v) {
  if (v.type !== "query") return String(v.query ?? "").split(",").map((s) => s.trim().split(" : ").at(-1));
  const text = fill(typeof v.query === "string" ? v.query : v.query?.query ?? v.definition ?? "", state.values);
  const call = /^label_values\((?:(.+),)?\s*([\w.]+)\s*\)$/s.exec(text.trim());
  let found = call ? await labels(call[2], call[1]?.trim()) : [];
  if (v.regex) {
    const re = pattern(v.regex);
    found = found.map((s) => re.exec(s)).filter(Boolean).map((m) => m.groups?.value ?? m[1] ?? m[0]);
  }
  return [...new Set(found)].sort((a, b) => a.localeCompare(b, undefined, { numeric: true }));
}

async function loadVariables() {
  const controls = [];
  state.empty = false;
  for (const v of state.variables) {
    if (v.type === "datasource" || v.type === "adhoc") { state.values[v.name] = "default"; continue; }
    const options = await variableOptions(v);
    state.empty ||= !options.length;
    const asked = place.searchParams.getAll(`var-${v.name}`), current = [v.current?.value ?? []].flat();
    const all = v.includeAll, kept = [asked, current].find((c) => c.length && c.every((x) => options.includes(x) || (all && x === "$__all")));
    const chosen = kept ?? (all ? ["$__all"] : options.slice(0, 1));
    const apply = (names) => {
      const every = names.includes("$__all");
      state.values[v.name] = every && v.allValue ? v.allValue : every ? options : v.multi ? names : names[0] ?? "";
    };
    apply(chosen);
    if (v.hide === 2 || v.type === "constant") continue;
    const select = make("select", "", ...[...(all ? ["$__all"] : []), ...options].map((o) => option(o, o === "$__all" ? "All" : o, chosen.includes(o))));
    select.addEventListener("change", () => {
      place.searchParams.delete(`var-${v.name}`);
      place.searchParams.append(`var-${v.name}`, select.value);
      apply([select.value]);
      writePlace();
      loadVariables().then(refresh);
    });
    controls.push(make("label", "pick", v.label || v.name, select));
  }
  $("variables").replaceChildren(...controls);
}

// --- start ---------------------------------------------------------------------------------------------------

async function fetchJson(path) {
  const response = await fetch(`${FILES}/${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

// Moves panels up to those above them: files leave gaps where closed rows were.
function stack(panels) {
  const ends = Array(24).fill(0);
  for (const { at } of panels.sort((a, b) => a.at.y - b.at.y || a.at.x - b.at.x)) {
    at.y = Math.max(...ends.slice(at.x, at.x + at.w));
    ends.fill(at.y + at.h, at.x, at.x + at.w);
  }
  return panels;
}

// A row's heading, which opens and closes it, and its panels.
function section({ title, closed, panels }) {
  const mine = stack(panels).map((p) => new Panel(p));
  state.panels.push(...mine);
  const grid = make("div", "grid", ...mine.map((p) => p.root));
  if (title === undefined) return grid;
  const summary = make("summary", "", title), group = make("details", "", summary, grid);
  group.open = !closed;
  summary.addEventListener("click", () => setTimeout(refresh));
  return group;
}

async function start() {
  const known = await fetchJson("dashboards.json");
  const uid = place.searchParams.get("d") ?? known[0].uid;
  $("dashboards").replaceChildren(...known.map((d) => option(d.uid, d.title, d.uid === uid)));
  $("dashboards").addEventListener("change", (e) => location.assign(`?d=${encodeURIComponent(e.target.value)}`));
  const dashboard = await fetchJson(`dashboards/${encodeURIComponent(uid)}.json`);
  document.title = `${dashboard.title} · Pullstack`;
  if (!place.searchParams.has("from") && /^now-\w+$/.test(dashboard.time?.from ?? "")) state.range = dashboard.time.from.slice(4);
  if (!place.searchParams.has("refresh") && dashboard.refresh) state.beat = duration(dashboard.refresh) || state.beat;
  $("refresh").value = String(state.beat);
  $("grid").replaceChildren(...groups(dashboard).map(section));
  drawRanges();
  state.variables = dashboard.templating?.list ?? [];
  await connect();
}

// Variables come from the data source as well: until it answers, the page says so and tries again.
async function connect() {
  try {
    state.scrape = await scrapeInterval();
    await loadVariables();
  } catch (error) {
    report(error);
    return setTimeout(connect, 2000);
  }
  await refresh();
}

start().catch((error) => report(error));
