// Round places for an axis.

// At most `count` round values across [low, high]; for bytes round means powers of two.
export function valueTicks(low, high, count, binary) {
  const raw = (high - low) / Math.max(1, count);
  if (!(raw > 0)) return [low];
  let unit = 1;
  if (binary && raw > 1) unit = 1024 ** Math.floor(Math.log(raw) / Math.log(1024));
  const rough = raw / unit, power = 10 ** Math.floor(Math.log10(rough));
  const round = binary && unit > 1 ? [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] : [1, 2, 2.5, 5, 10].map((n) => n * power);
  const step = (round.find((n) => n >= rough * 0.999) ?? round.at(-1)) * unit;
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) ticks.push(i * step);
  return ticks;
}

const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000, 7776000, 31536000];

// Round local times in [from, to], in seconds, at most `count`; with a function that writes them.
export function timeTicks(from, to, count) {
  const step = STEPS.find((s) => (to - from) / s <= count) ?? STEPS.at(-1);
  const shift = new Date(from * 1000).getTimezoneOffset() * 60;
  const ticks = [];
  for (let t = Math.ceil((from - shift) / step) * step + shift; t <= to; t += step) ticks.push(t);
  const style = step >= 86400 ? { month: "short", day: "numeric" } : { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  if (step < 60) style.second = "2-digit";
  if (step < 86400 && to - from > 86400) Object.assign(style, { month: "2-digit", day: "2-digit" });
  const writer = new Intl.DateTimeFormat(undefined, style);
  return { ticks, text: (t) => writer.format(t * 1000) };
}

// The width of a step that Grafana takes for a range: round, with at most one point per pixel.
const ROUND = [[750, 500], [1500, 1e3], [3500, 2e3], [7500, 5e3], [12500, 1e4], [17500, 15e3], [25e3, 2e4], [45e3, 3e4], [9e4, 6e4], [21e4, 12e4], [45e4, 3e5], [75e4, 6e5], [105e4, 9e5], [15e5, 12e5], [27e5, 18e5], [54e5, 36e5], [9e6, 72e5], [162e5, 108e5], [324e5, 216e5], [864e5, 432e5], [6048e5, 864e5], [18144e5, 6048e5], [36288e5, 2592e6]];
export function roundInterval(ms) {
  return (ROUND.find(([below]) => ms < below) ?? [0, 31536e6])[1];
}
// In seconds: the range, the points there is room for, the least interval that makes sense.
export function stepFor(range, points, least) {
  return Math.max(roundInterval((range / Math.max(1, points)) * 1000) / 1000, least, Math.ceil((range / 11000) * 1000) / 1000);
}
