// --- filters -------------------------------------------------------------------------------------------
const state = { text: "", splits: new Set(), background: null, foreground: null, low: null, high: null, order: "stored",
  marked: false, chosen: -1, side: 160 };
// Orders: by a column, up or down; `measure` names a column that the server makes on demand. The contrast of depth at the
// edge of the mask is near 0 where the estimator did not see the pasted thing, and below 0 where it lies behind.
const ORDERS = {
  "stored": { text: "as stored" },
  "area-up": { text: "smallest mask first", column: "area", sign: 1 },
  "area-down": { text: "largest mask first", column: "area", sign: -1 },
  "scale-up": { text: "smallest scale first", measure: "scale", sign: 1 },
  "scale-down": { text: "largest scale first", measure: "scale", sign: -1 },
  "contrast-weak": { text: "weakest depth edge first", measure: "contrast", sign: 1, of: Math.abs },
  "contrast-up": { text: "lowest depth contrast first", measure: "contrast", sign: 1 },
  "contrast-down": { text: "highest depth contrast first", measure: "contrast", sign: -1 },
  "mixed": { text: "shuffled" },
};
const BINS = 48;
let shown = new Uint32Array(0), histogram = new Uint32Array(BINS), binPx = 1;

function textHits() {
  if (!state.text) return null;
  const hits = new Uint8Array(keyEnds.length), wanted = new TextEncoder().encode(state.text.toLowerCase());
  outer: for (let at = keyBytes.indexOf(wanted[0]), row = 0; at >= 0; at = keyBytes.indexOf(wanted[0], at + 1)) {
    for (let j = 1; j < wanted.length; j++) if (keyBytes[at + j] !== wanted[j]) continue outer;
    while (keyEnds[row] < at) row++;
    hits[row] = 1;
  }
  return hits;
}

function filter() {
  const { area, split, background, foreground } = columns, count = split.length, hits = textHits();
  const kept = new Uint32Array(count), ofBg = new Uint32Array(header.backgrounds.length),
    ofFg = new Uint32Array(header.foregrounds.length), ofSplit = new Uint32Array(header.splits.length);
  histogram.fill(0);
  const low = state.low ?? 0, high = state.high ?? 2 ** 32, anyBg = state.background === null,
    anyFg = state.foreground === null, bg = state.background ?? 0, fg = state.foreground ?? 0,
    splits = Uint8Array.from(header.splits, (_, i) => !state.splits.size || state.splits.has(i));
  const onlyMarked = state.marked;
  let total = 0;
  for (let i = 0; i < count; i++) {
    if (hits !== null && hits[i] === 0 || onlyMarked && !marks[i]) continue;
    const px = area[i], inSplit = splits[split[i]] === 1;
    const inBg = anyBg || background[i] === bg, inFg = anyFg || foreground[i] === fg;
    if (inSplit && inBg && inFg) histogram[Math.min(BINS - 1, px / binPx | 0)]++;
    if (px < low || px > high) continue;
    if (inBg && inFg) ofSplit[split[i]]++;
    if (inSplit && inFg) ofBg[background[i]]++;
    if (inSplit && inBg) ofFg[foreground[i]]++;
    if (inSplit && inBg && inFg) kept[total++] = i;
  }
  shown = kept.slice(0, total);
  const order = ORDERS[state.order], values = columns[order.column || order.measure];
  const of = order.of || (value => value);
  if (values) shown.sort((a, b) => { // samples without a number come last
    const x = of(values[a]), y = of(values[b]);
    return x !== x || y !== y ? (x !== x) - (y !== y) || a - b : order.sign * (x - y) || a - b;
  });
  else if (state.order === "mixed") {
    let seed = 1;
    for (let i = total - 1; i > 0; i--) {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      const j = seed % (i + 1), held = shown[i]; shown[i] = shown[j]; shown[j] = held;
    }
  }
  $("shown").textContent = number(total) + (total === 1 ? " sample" : " samples");
  $("of").textContent = total === count ? "" : "of " + number(count);
  document.body.dataset.shown = total;
  drawSplits(ofSplit); drawSources("background", ofBg); drawSources("foreground", ofFg); drawHistogram();
  for (const button of document.querySelectorAll("[data-reset]")) {
    const name = button.dataset.reset;
    button.classList.toggle("on", name === "text" ? !!state.text : name === "splits" ? !!state.splits.size
      : name === "area" ? state.low !== null : state[name] !== null);
  }
  document.body.classList.toggle("numbered", !!order.measure);
  $("empty").style.display = total ? "none" : "grid";
}

// The filters or the order have changed: show the samples from the top. `step` is false while the user is still dragging
// or typing, so that the back button undoes a whole change.
function changed(step = true) {
  filter(); state.chosen = -1; $("scroller").scrollTop = 0; layout();
  saveAddress(step);
  const { measure: name } = ORDERS[state.order];
  if (name) measure(name);
}

// Put the samples in order again, after more of them were measured, and keep the chosen one chosen.
function resort() {
  const chosen = state.chosen < 0 ? -1 : shown[state.chosen];
  filter();
  state.chosen = shown.indexOf(chosen);
  layout();
}
