// --- the grid: only the visible tiles exist, and they are reused ------------------------------------
const pool = new Map(); // index in `shown` -> tile
let across = 1, step = 168, stepDown = 168, rows = 0, full = 0, pending = 0, lastTop = 0;

function layout() {
  const scroller = $("scroller"), width = scroller.clientWidth - 2 * PAD;
  across = Math.max(1, Math.floor((width + GAP) / (state.side + GAP)));
  const wide = Math.floor((width + GAP) / across) - GAP, tall = Math.round(wide * header.height / header.width);
  step = wide + GAP; stepDown = tall + GAP;
  rows = Math.ceil(shown.length / across);
  full = Math.max(0, rows * stepDown - GAP + 2 * PAD);
  $("spacer").style.height = Math.min(full, MAX_SCROLL) + "px";
  for (const tile of pool.values()) tile.remove();
  pool.clear();
  draw();
}

// Position in the full height. Where that is more than a browser can scroll, the scroll bar shows a share of it.
const squeeze = () => { const seen = $("scroller").clientHeight;
  return full > MAX_SCROLL ? (full - seen) / (MAX_SCROLL - seen) : 1; };
const top_ = () => $("scroller").scrollTop * squeeze();

function draw() {
  const scroller = $("scroller"), top = top_(), tall = scroller.clientHeight;
  const first = Math.max(0, Math.floor((top - PAD) / stepDown) - 1) * across;
  const last = Math.min(shown.length, (Math.ceil((top + tall - PAD) / stepDown) + 1) * across);
  const free = [];
  for (const [index, tile] of pool) if (index < first || index >= last) { pool.delete(index); free.push(tile); }
  for (let index = first; index < last; index++) {
    let tile = pool.get(index);
    if (!tile) { tile = free.pop() || newTile(); pool.set(index, tile); fill(tile, index); }
    const x = PAD + index % across * step, y = PAD + Math.floor(index / across) * stepDown - top;
    tile.style.transform = `translate(${x}px, ${y}px)`;
    tile.classList.toggle("chosen", index === state.chosen);
    tile.classList.toggle("marked", marks[shown[index]] === 1);
  }
  for (const tile of free) tile.remove();
  const fast = Math.abs(top - lastTop) > 2 * tall;
  lastTop = top;
  clearTimeout(pending);
  pending = setTimeout(() => { for (const tile of pool.values()) show(tile); }, fast ? 90 : 0);
}

function newTile() {
  const tile = document.createElement("figure"), layers = document.createElement("div"),
    caption = document.createElement("figcaption"), tick = document.createElement("button");
  tick.className = "tick"; tick.textContent = "\u2713"; tick.title = "mark this sample"; tick.tabIndex = -1;
  tick.onclick = event => { event.stopPropagation(); mark(shown[tile.index]); };
  tile.className = "tile"; tile.style.margin = 0; layers.className = "layers";
  for (const layer of ["image", ...DEPTHS, "mask"]) layers.append(newLayer(layer));
  layers.firstChild.onerror = () => tile.classList.add("bad");
  tile.append(layers, tick, caption);
  tile.onclick = () => { choose(tile.index); open_(); };
  $("tiles").append(tile);
  return tile;
}
function newLayer(layer) {
  const img = document.createElement("img");
  img.dataset.layer = layer; img.alt = ""; img.decoding = "async"; img.draggable = false;
  return img;
}
function fill(tile, index) {
  tile.index = index; tile.key = keyOf(shown[index]);
  tile.classList.remove("bad");
  tile.style.width = step - GAP + "px"; tile.style.height = stepDown - GAP + "px";
  for (const img of tile.firstChild.children) img.removeAttribute("src");
  const order = ORDERS[state.order], value = order.measure && columns[order.measure]?.[shown[index]];
  tile.lastChild.textContent = (value === value && value !== undefined ? value.toFixed(2) + " \u00b7 " : "") + tile.key;
  tile.isConnected || $("tiles").append(tile);
}
function show(tile) {
  const wanted = Math.ceil((step - GAP) * (devicePixelRatio || 1));
  const side = wanted < Math.max(header.width, header.height) / 2 ? wanted : 0; // 0 asks for the stored file
  for (const img of tile.firstChild.children) {
    const layer = img.dataset.layer;
    if (layer !== "image" && (!(layer in header.fields) || !+$(layer).value)) continue;
    const source = url(tile.key, layer, side);
    if (img.getAttribute("src") !== source) img.src = source;
  }
}
$("scroller").addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
$("scroller").addEventListener("wheel", event => { // with a shortened scroll bar, one notch of the wheel would skip rows
  if (squeeze() > 1 && !event.ctrlKey) {
    event.preventDefault();
    $("scroller").scrollTop += event.deltaY * (event.deltaMode ? 32 : 1) / squeeze();
  }
}, { passive: false });
new ResizeObserver(() => header && keepPlace(layout)).observe($("scroller"));

function keepPlace(change) {
  const index = Math.floor(Math.max(0, top_() - PAD) / stepDown) * across;
  change();
  if (index) scrollTo_(PAD + Math.floor(index / across) * stepDown);
}
function scrollTo_(y) { $("scroller").scrollTop = y / squeeze(); draw(); }
function choose(index) {
  if (!shown.length) return;
  state.chosen = Math.max(0, Math.min(shown.length - 1, index));
  const y = PAD + Math.floor(state.chosen / across) * stepDown, tall = $("scroller").clientHeight;
  if (y - GAP < top_()) scrollTo_(y - PAD);
  else if (y + stepDown > top_() + tall) scrollTo_(y + stepDown - tall + GAP);
  else draw();
}
