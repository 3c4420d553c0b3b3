// Numbers as people read them. A unit is one of Grafana's ids; an unknown id is shown after the number.

const SI = ["", "k", "M", "G", "T", "P", "E"];
const IEC = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
const TIME = [[31536000, "y"], [604800, "w"], [86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"], [1e-6, "µs"], [1e-9, "ns"]];
const scaled = (base, prefixes, unit) => (v, d) => {
  let i = 0;
  for (let a = Math.abs(v); a >= base * (1 - 1e-9) && i < prefixes.length - 1; a /= base) i++;
  return [digits(v / base ** i, d), prefixes[i] + unit];
};
const seconds = (factor) => (v, d) => {
  const s = v * factor, [size, name] = TIME.find(([n]) => Math.abs(s) >= n) ?? (s ? TIME.at(-1) : [1, "s"]);
  return [digits(s / size, d), name];
};
const plain = (unit, factor = 1) => (v, d) => [digits(v * factor, d), unit];

const UNITS = {
  none: plain(""), short: scaled(1000, ["", " K", " Mil", " Bil", " Tri"], ""),
  percent: plain("%"), percentunit: plain("%", 100),
  bytes: scaled(1024, IEC, "B"), decbytes: scaled(1000, SI, "B"), bits: scaled(1024, IEC, "b"),
  kbytes: (v, d) => UNITS.bytes(v * 1024, d),
  Bps: scaled(1000, SI, "B/s"), binBps: scaled(1024, IEC, "B/s"), bps: scaled(1000, SI, "b/s"), binbps: scaled(1024, IEC, "b/s"),
  s: seconds(1), ms: seconds(1e-3), "µs": seconds(1e-6), ns: seconds(1e-9), dtdurations: seconds(1),
  ops: scaled(1000, SI, " ops/s"), iops: scaled(1000, SI, " io/s"), reqps: scaled(1000, SI, " req/s"),
  hertz: scaled(1000, SI, "Hz"), celsius: plain(" °C"), volt: plain(" V"), watt: plain(" W"),
};

function digits(v, d) {
  if (!Number.isFinite(v)) return Number.isNaN(v) ? "NaN" : v > 0 ? "+Inf" : "−Inf";
  const a = Math.abs(v);
  const n = d ?? (a === 0 || a >= 1e3 ? 0 : a >= 100 ? 1 : a >= 0.01 ? 2 : Math.min(9, 2 - Math.floor(Math.log10(a))));
  const text = v.toFixed(Math.max(0, Math.min(n, 12)));
  return (d === undefined && text.includes(".") ? text.replace(/\.?0+$/, "") : text).replace("-", "−");
}

// [number, unit] of a value; decimals as wished, or as many as say something.
export function split(value, unit, decimals) {
  if (value === null || value === undefined) return ["–", ""];
  return (UNITS[unit || "short"] ?? plain(unit ? " " + unit : ""))(value, decimals);
}
const GLUE = /^[%°]|^$/;
export function format(value, unit, decimals) {
  const [number, name] = split(value, unit, decimals);
  return GLUE.test(name) || name.startsWith(" ") ? number + name : `${number} ${name}`;
}
export const isBinary = (unit) => /^(bytes|kbytes|bits|binBps|binbps)$/.test(unit ?? "");
