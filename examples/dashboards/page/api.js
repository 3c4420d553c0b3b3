// Questions to /api/v1, and the words for what can go wrong.
import { stepFor } from "./scale.js";

const meta = (name) => document.querySelector(`meta[name=pullstack-${name}]`)?.content;
export const API = meta("api"), FILES = meta("files");

export class QueryError extends Error {
  // kind: "down" if nobody answers, else the API's own word such as bad_data
  constructor(kind, message) { super(message); this.kind = kind; }
}

export async function ask(path, params, signal) {
  let response, answer;
  try {
    response = await fetch(`${API}/${path}`, params ? { method: "POST", body: new URLSearchParams(params), signal } : { signal });
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (!response) throw new QueryError("down", "this page's server does not answer");
  }
  if (answer?.status === "success") return answer.data;
  if (response.status === 502 || response.status === 504) throw new QueryError("down", answer?.error ?? "it is silent");
  throw new QueryError(answer?.errorType ?? "http", answer?.error ?? `the data source answered ${response.status}`);
}

export const labels = (name, match, signal) => {
  const query = match ? "?" + new URLSearchParams({ "match[]": match }) : "";
  return ask(`label/${encodeURIComponent(name)}/values${query}`, undefined, signal);
};

// How often targets are scraped, in seconds: the shortest interval that the data source tells.
export async function scrapeInterval() {
  try {
    const { activeTargets } = await ask("targets?state=active");
    const found = activeTargets.map((t) => duration(t.scrapeInterval)).filter((s) => s > 0);
    if (found.length) return Math.min(...found);
  } catch { /* not every source has targets; then the field's usual interval */ }
  return 15;
}

const SIZES = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86400, w: 604800, y: 31536000 };
export function duration(text) {
  let total = 0;
  for (const [, n, unit] of String(text ?? "").matchAll(/([\d.]+)(ms|[smhdwy])/g)) total += n * SIZES[unit];
  return total;
}
function written(seconds) {
  return seconds % 1 ? `${Math.round(seconds * 1000)}ms` : `${seconds}s`;
}

// What a range means for one panel: aligned ends, step, and the values of Grafana's built-in variables.
export function timing(from, to, points, scrape, least) {
  const step = stepFor(to - from, points, least ?? scrape);
  const rate = Math.max(step + scrape, 4 * scrape);
  return {
    start: Math.floor(from / step) * step, end: Math.floor(to / step) * step, step,
    builtin: {
      __interval: written(step), __interval_ms: String(step * 1000), __rate_interval: written(rate),
      __range: written(Math.round(to - from)), __range_s: String(Math.round(to - from)),
    },
  };
}

// Puts values for $name, ${name} and ${name:format}; several values become an alternation.
export function fill(text, values) {
  return text.replace(/\$(\w+)|\$\{(\w+)(?:\.[^:}]+)?(?::(\w+))?\}/g, (whole, a, b, how) => {
    const value = values[a ?? b];
    if (value === undefined) return whole;
    if (!Array.isArray(value)) return value;
    if (how === "csv" || how === "pipe") return value.join(how === "csv" ? "," : "|");
    const quoted = value.map((v) => v.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&").replace(/\\/g, "\\\\"));
    return quoted.length === 1 && how !== "regex" ? value[0] : quoted.length === 1 ? quoted[0] : `(${quoted.join("|")})`;
  });
}
