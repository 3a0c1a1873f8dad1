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

// Paints inside a chart's frame alone, also when it shows a part of the run. `x` gives the place of a moment.
function within(chart, paint) {
  const { ctx, bbox } = chart;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  ctx.font = `${11 * devicePixelRatio}px system-ui, sans-serif`;
  ctx.textBaseline = "top";
  // The axes leave theirs behind.
  ctx.textAlign = "left";
  ctx.lineWidth = devicePixelRatio;
  paint(ctx, bbox, (at) => chart.valToPos(at, "x", true));
  ctx.restore();
}

// Where each phase lies in the frame, with its index.
function stretches({ left, width }, x) {
  return data.phases.map((phase, index) => {
    const end = Math.min(phase.end ?? data.duration, data.duration);
    return [phase, index, Math.max(x(phase.start), left), Math.min(x(end), left + width)];
  });
}

// Every second phase is shaded.
function shades(chart) {
  within(chart, (ctx, frame, x) => {
    ctx.fillStyle = color("shade");
    for (const [, index, from, to] of stretches(frame, x)) {
      if (index % 2) ctx.fillRect(from, frame.top, to - from, frame.height);
    }
  });
}

// Each phase is named where its name has room.
function names(chart) {
  within(chart, (ctx, frame, x) => {
    for (const [phase, , from, to] of stretches(frame, x)) {
      const text = phase.label === phase.name ? phase.name : `${phase.name}: ${phase.label}`;
      const room = to - from - 6 * devicePixelRatio;
      const said = [text, phase.label, phase.name].find((each) => ctx.measureText(each).width < room);
      if (said) written(ctx, said, from + 3 * devicePixelRatio, frame.top + 2 * devicePixelRatio);
    }
  });
}

// Legible on lines too: the paper shows around it.
function written(ctx, text, x, y) {
  ctx.save();
  ctx.lineJoin = "round";
  ctx.lineWidth = 4 * devicePixelRatio;
  ctx.strokeStyle = color("paper");
  ctx.strokeText(text, x, y);
  ctx.fillStyle = color("quiet");
  ctx.fillText(text, x, y);
  ctx.restore();
}

// What nobody could read is hatched; events are dotted lines, changes of conditions ticks, each with its name.
function marks(chart) {
  within(chart, (ctx, { left, top, width, height }, x) => {
    const pixels = (count) => count * devicePixelRatio;
    ctx.strokeStyle = ctx.fillStyle = color("quiet");
    for (const [start, end] of data.gaps) {
      ctx.save();
      ctx.beginPath();
      ctx.rect(x(start), top, x(end) - x(start), height);
      ctx.clip();
      ctx.globalAlpha = 0.4;
      ctx.beginPath();
      for (let at = x(start) - height; at < x(end); at += pixels(6)) {
        ctx.moveTo(at, top + height);
        ctx.lineTo(at + height, top);
      }
      ctx.stroke();
      ctx.restore();
    }
    const events = data.events.filter(([at]) => at >= 0 && at <= data.duration);
    ctx.setLineDash([pixels(2), pixels(3)]);
    for (const [at] of events) {
      ctx.beginPath();
      ctx.moveTo(x(at), top);
      ctx.lineTo(x(at), top + height);
      ctx.stroke();
    }
    ctx.setLineDash([]);
    const end = left + width;
    named(ctx, events.map(([at, reason]) => [x(at) + pixels(3), reason]), top + pixels(16), end);
    const conditions = data.conditions.map(([at, status, type]) => [x(at) + pixels(4), `${type}: ${status}`]);
    named(ctx, conditions, top + height - pixels(14), end);
    for (const [at, status, type] of data.conditions) {
      ctx.fillStyle = color(state(type, status));
      ctx.fillRect(x(at) - pixels(1), top + height - pixels(14), pixels(3), pixels(14));
    }
  });
}

// To be limited by the minimum or the maximum is no fault; of the other conditions not to hold is.
function state(type, status) {
  if (type === "ScalingLimited") return status === "False" ? "good" : "doubt";
  return status === "True" ? "good" : status === "False" ? "bad" : "doubt";
}

// A name that would run into the next mark, or out of the frame, is left to the table.
function named(ctx, names, y, end) {
  names.forEach(([x, text], index) => {
    const next = names[index + 1]?.[0] ?? end;
    if (x + ctx.measureText(text).width < Math.min(next, end)) written(ctx, text, x, y);
  });
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

function draw(id, columns, series, { height = 220, hooks = {}, axes: own, scales = {}, synced = true } = {}) {
  const place = document.getElementById(id);
  if (!place || !columns[0].length) return;
  const options = {
    width: place.clientWidth,
    height,
    scales: { x: { time: false, ...scales.x }, y: { range: (_, min, max) => [0, Math.max(max * 1.2, 1)], ...scales.y } },
    cursor: synced ? { sync: { key: "run" }, drag: { x: true, y: false } } : {},
    axes: own,
    series: [{ label: "at", value: (_, v) => (v == null ? "-" : clock(v)), ...scales.label }, ...series],
    hooks,
  };
  const chart = new uPlot(options, columns, place);
  charts.push([chart, place, height]);
}

const { at, ...points } = data.timeline;
// Shades below the grid, names and marks above it.
const course = { drawClear: [shades], drawAxes: [names] };
// All of the run, not only from the first number to the last; closer where somebody has dragged.
const whole = {
  x: {
    range: ({ data: [times] }, min, max) =>
      min === times[0] && max === times[times.length - 1] ? [0, data.duration] : [min, max],
  },
};
draw(
  "rates",
  [at, points.achieved_rps, points.failed_rps, points.offered_rps],
  [
    line("answered", "first", "/s", { width: 3 }),
    line("failed", "bad", "/s"),
    // Last, so that it is seen where all that was offered is answered.
    line("offered", "ink", "/s", { dash: [5, 4], width: 1 }),
  ],
  { axes: axes("/s"), hooks: course, scales: whole },
);
draw(
  "latency",
  [at, points.p50_ms, points.p95_ms, points.p99_ms],
  [line("p50", "first", " ms"), line("p95", "second", " ms"), line("p99", "third", " ms")],
  { axes: axes(" ms"), hooks: course, scales: whole },
);
if (data.replicas) {
  const stepped = { paths: uPlot.paths.stepped({ align: 1 }) };
  draw(
    "replicas",
    [data.replicas.at, data.replicas.ready, data.replicas.current, data.replicas.desired],
    // From wide to narrow, so that each is seen where they are the same.
    [
      line("ready", "first", "", { ...stepped, width: 5 }),
      line("current", "second", "", { ...stepped, width: 2 }),
      line("desired", "ink", "", { ...stepped, width: 1, dash: [5, 4] }),
    ],
    { axes: axes(""), hooks: { ...course, drawAxes: [marks, ...course.drawAxes] }, scales: whole },
  );
}

// Latency by percentile: the axis gives each nine the same room.
const percents = [0, 10, 25, 50, 75, 90, 95, 97.5, 99, 99.5, 99.9, 99.95, 99.99, 100];
const nines = (percent) => -Math.log10(1 - Math.min(percent, 99.999) / 100);
const ticks = [0, 50, 90, 99, 99.9, 99.99];
// Those that have room for their names, on a narrow screen too.
const spread = (values, width) => values.filter((value) => !value || (value / nines(100)) * width > 40);
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
        i ? axis : { ...axis, splits: ({ bbox }) => spread(ticks.map(nines), bbox.width / devicePixelRatio) },
      ),
      scales: { label: { label: "percentile", value: (_, v) => (v == null ? "-" : `p${+(100 - 100 * 10 ** -v).toFixed(3)}`) } },
    },
  );
}

const resized = () => charts.forEach(([chart, place, height]) => chart.setSize({ width: place.clientWidth, height }));
addEventListener("resize", resized);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => charts.forEach(([chart]) => chart.redraw()));
