// Draws what stands in #data. Times are seconds from the run's start.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const charts = [];

function clock(seconds) {
  const whole = Math.round(seconds);
  const two = (value) => String(value).padStart(2, "0");
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  return hours ? `${hours}:${two(minutes)}:${two(rest)}` : `${minutes}:${two(rest)}`;
}

// Every second phase is shaded and each is named; what nobody could read is hatched out.
function phases(chart) {
  const { ctx, bbox } = chart;
  ctx.save();
  data.phases.forEach((phase, index) => {
    const from = chart.valToPos(phase.start, "x", true);
    const to = chart.valToPos(Math.min(phase.end ?? data.duration, data.duration), "x", true);
    if (index % 2) {
      ctx.fillStyle = color("shade");
      ctx.fillRect(from, bbox.top, to - from, bbox.height);
    }
    const text = phase.label === phase.name ? phase.name : `${phase.name}: ${phase.label}`;
    ctx.fillStyle = color("quiet");
    ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
    ctx.textBaseline = "top";
    const room = to - from - 6 * devicePixelRatio;
    const said = [text, phase.name].find((each) => ctx.measureText(each).width < room);
    if (said) ctx.fillText(said, from + 3 * devicePixelRatio, bbox.top + 2 * devicePixelRatio);
  });
  ctx.restore();
}

function marks(chart) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.fillStyle = color("shade");
  for (const [start, end] of data.gaps) {
    const from = chart.valToPos(start, "x", true);
    ctx.fillRect(from, bbox.top, chart.valToPos(end, "x", true) - from, bbox.height);
  }
  ctx.strokeStyle = color("quiet");
  ctx.setLineDash([2 * devicePixelRatio, 3 * devicePixelRatio]);
  for (const [at] of data.events) {
    if (at < 0 || at > data.duration) continue;
    const x = chart.valToPos(at, "x", true);
    ctx.beginPath();
    ctx.moveTo(x, bbox.top);
    ctx.lineTo(x, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.setLineDash([]);
  for (const [at, status] of data.conditions) {
    const x = chart.valToPos(at, "x", true);
    ctx.fillStyle = color(status === "True" ? "good" : status === "False" ? "bad" : "doubt");
    ctx.fillRect(x - devicePixelRatio, bbox.top + bbox.height - 8 * devicePixelRatio, 3 * devicePixelRatio, 8 * devicePixelRatio);
  }
  ctx.restore();
}

function line(label, stroke, unit, more = {}) {
  const value = (_, v) => (v == null ? "-" : `${v.toLocaleString("en", { maximumFractionDigits: 1 })}${unit}`);
  return { label, stroke: () => color(stroke), width: 1.5, value, points: { show: false }, ...more };
}

function axes(unit, values) {
  const both = { stroke: () => color("quiet"), grid: { stroke: () => color("line"), width: 1 }, ticks: { show: false } };
  return [
    { ...both, size: 28, values: values ?? ((_, splits) => splits.map(clock)) },
    { ...both, size: 64, values: (_, splits) => splits.map((v) => `${v.toLocaleString("en")}${unit}`) },
  ];
}

function draw(id, columns, series, { height = 220, hooks = [], axes: own, scales = {}, synced = true } = {}) {
  const place = document.getElementById(id);
  if (!place || !columns[0].length) return;
  const options = {
    width: place.clientWidth,
    height,
    scales: { x: { time: false, ...scales.x }, y: { range: (_, min, max) => [0, Math.max(max * 1.2, 1)], ...scales.y } },
    cursor: synced ? { sync: { key: "run" }, drag: { x: true, y: false } } : {},
    axes: own,
    series: [{ label: "at", value: (_, v) => (v == null ? "-" : clock(v)), ...scales.label }, ...series],
    hooks: { drawClear: hooks },
  };
  const chart = new uPlot(options, columns, place);
  charts.push([chart, place, height]);
}

const { at, ...points } = data.timeline;
const whole = { x: { range: () => [0, data.duration] } };
draw(
  "rates",
  [at, points.offered_rps, points.achieved_rps, points.failed_rps],
  [
    line("offered", "offered", "/s", { dash: [5, 4] }),
    line("answered", "first", "/s"),
    line("failed", "bad", "/s"),
  ],
  { axes: axes("/s"), hooks: [phases], scales: whole },
);
draw(
  "latency",
  [at, points.p50_ms, points.p95_ms, points.p99_ms],
  [line("p50", "first", " ms"), line("p95", "second", " ms"), line("p99", "third", " ms")],
  { axes: axes(" ms"), hooks: [phases], scales: whole },
);
if (data.replicas) {
  const stepped = { paths: uPlot.paths.stepped({ align: 1 }) };
  draw(
    "replicas",
    [data.replicas.at, data.replicas.desired, data.replicas.current, data.replicas.ready],
    [
      line("desired", "offered", "", { ...stepped, dash: [5, 4] }),
      line("current", "second", "", stepped),
      line("ready", "first", "", { ...stepped, width: 2 }),
    ],
    { axes: axes(""), hooks: [phases, marks], scales: whole },
  );
}

// Latency by percentile: the axis gives each nine the same room.
const percents = [0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 100];
const nines = (percent) => -Math.log10(1 - Math.min(percent, 99.999) / 100);
const ticks = [0, 50, 90, 99, 99.9, 99.99];
if (data.distribution.length) {
  const paint = ["first", "second", "third", "good", "bad", "doubt", "offered"];
  const columns = data.distribution.map(({ ms }) => percents.map((_, i) => (i < ms.length - 1 ? ms[i] : null)));
  const slowest = data.distribution.map(({ ms }) => ms[ms.length - 1]);
  columns.forEach((column, i) => (column[data.distribution[i].ms.length - 1] = slowest[i]));
  draw(
    "distribution",
    [percents.map(nines), ...columns],
    data.distribution.map(({ endpoint }, i) =>
      line(endpoint, paint[i % paint.length], " ms", i < paint.length ? {} : { dash: [6, 3] }),
    ),
    {
      height: 300,
      synced: false,
      axes: axes(" ms", (_, splits) => splits.map((v) => `p${+(100 - 100 * 10 ** -v).toFixed(3)}`)).map((axis, i) =>
        i ? axis : { ...axis, splits: () => ticks.map(nines) },
      ),
      scales: { label: { label: "percentile", value: (_, v) => (v == null ? "-" : `p${+(100 - 100 * 10 ** -v).toFixed(3)}`) } },
    },
  );
}

const resized = () => charts.forEach(([chart, place, height]) => chart.setSize({ width: place.clientWidth, height }));
addEventListener("resize", resized);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(([chart]) => chart.redraw()));
