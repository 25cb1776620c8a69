// --- panel
function drawSplits(counts) {
  $("splits").replaceChildren(...header.splits.map((name, i) => {
    const chip = document.createElement("button"), count = document.createElement("span");
    chip.className = "chip"; chip.dataset.split = name; chip.textContent = name; count.textContent = number(counts[i]);
    chip.append(count); chip.setAttribute("aria-pressed", state.splits.has(i));
    chip.onclick = () => { state.splits.delete(i) || state.splits.add(i); changed(); };
    return chip;
  }));
}

function drawSources(kind, counts) {
  const list = $(kind + "s"), most = Math.max(1, ...counts);
  if (list.childElementCount !== counts.length) list.replaceChildren(...header[kind + "s"].map((name, i) => {
    const row = document.createElement("button");
    row.className = "source"; row.title = name;
    row.append(...["b", "i", "u"].map(tag => document.createElement(tag)));
    row.children[0].textContent = name || "unknown";
    row.onclick = () => { state[kind] = state[kind] === i ? null : i; changed(); };
    return row;
  }));
  [...list.children].forEach((row, i) => {
    row.children[1].textContent = number(counts[i]);
    row.children[2].style.width = 100 * counts[i] / most + "%";
    row.setAttribute("aria-pressed", state[kind] === i);
    row.hidden = !counts[i] && state[kind] !== i; // no sample of it passes the other filters
  });
}

function drawHistogram() {
  const canvas = $("histogram"), style = getComputedStyle(document.body), dpr = devicePixelRatio || 1;
  const width = canvas.clientWidth, height = canvas.clientHeight, pen = canvas.getContext("2d");
  canvas.width = width * dpr; canvas.height = height * dpr; pen.scale(dpr, dpr);
  const most = Math.max(1, ...histogram), step = width / BINS, probe = document.createElement("i");
  probe.style.color = "var(--bar)"; document.body.append(probe);
  const bar = getComputedStyle(probe).color; probe.remove();
  histogram.forEach((count, i) => {
    const tall = count ? Math.max(2, (height - 4) * count / most) : 0, middle = (i + .5) * binPx;
    pen.fillStyle = state.low === null || (middle >= state.low && middle <= state.high)
      ? (state.low === null ? bar : style.getPropertyValue("--accent")) : bar;
    pen.globalAlpha = state.low !== null && !(middle >= state.low && middle <= state.high) ? .5 : 1;
    pen.fillRect(i * step + .5, height - tall, Math.max(1, step - 1), tall);
  });
  $("area-value").textContent = state.low === null ? ""
    : `${percent(state.low / canvasPx)} – ${percent(Math.min(state.high, BINS * binPx) / canvasPx)}`;
}

$("histogram").onpointerdown = event => {
  const canvas = $("histogram"), bin = e => Math.max(0, Math.min(BINS - 1,
    Math.floor((e.clientX - canvas.getBoundingClientRect().left) / canvas.clientWidth * BINS)));
  const first = bin(event);
  const choose = e => {
    const [a, b] = [first, bin(e)].sort((x, y) => x - y);
    state.low = Math.ceil(a * binPx); state.high = b === BINS - 1 ? 2 ** 32 : Math.ceil((b + 1) * binPx) - 1;
    cancelAnimationFrame(canvas.frame);
    canvas.frame = requestAnimationFrame(() => changed(false));
  };
  canvas.setPointerCapture(event.pointerId);
  canvas.onpointermove = choose; canvas.onpointerup = () => { canvas.onpointermove = canvas.onpointerup = null; };
  choose(event);
};
for (const button of document.querySelectorAll("[data-reset]")) button.onclick = () => {
  const name = button.dataset.reset;
  if (name === "text") $("search").value = state.text = "";
  else if (name === "splits") state.splits.clear();
  else if (name === "area") state.low = state.high = null;
  else state[name] = null;
  changed();
};
$("search").oninput = () => { state.text = $("search").value.trim(); changed(false); };
$("order").onchange = () => { state.order = $("order").value; changed(); };

// --- overlays ----------------------------------------------------------------------------------------------
for (const layer of ["mask", ...DEPTHS]) {
  $(layer).oninput = () => {
    document.documentElement.style.setProperty("--" + layer, $(layer).value / 100);
    $(layer + "-value").textContent = $(layer).value + "%";
    $(layer).style.setProperty("--part", $(layer).value + "%");
    for (const chip of document.querySelectorAll(`.overlay[data-layer=${layer}]`))
      chip.setAttribute("aria-pressed", +$(layer).value > 0);
    saveAddress(false);
    for (const tile of pool.values()) show(tile);
    if ($("detail").open) showBig();
  };
}
function setOverlay(layer, value) {
  $(layer).value = value;
  $(layer).dispatchEvent(new Event("input"));
}
function toggle(layer) { setOverlay(layer, +$(layer).value ? 0 : layer === "mask" ? 40 : 100); }
function makeOverlayChips() {
  for (const chips of document.querySelectorAll(".overlays"))
    chips.prepend(...["mask", ...DEPTHS].filter(layer => layer in header.fields).map(layer => {
      const chip = document.createElement("button");
      chip.className = "chip overlay"; chip.dataset.layer = layer;
      chip.textContent = layer === "depth_composed" ? "composed" : layer;
      chip.setAttribute("aria-pressed", +$(layer).value > 0);
      chip.onclick = () => toggle(layer);
      return chip;
    }));
}

// --- the panel on a narrow screen is a drawer
function drawer(open) {
  document.body.classList.toggle("drawer", open);
  $("panel-button").setAttribute("aria-expanded", open);
  if (open) drawHistogram();
}
$("panel-button").onclick = () => drawer(true);
for (const id of ["shade", "panel-close"]) $(id).onclick = () => drawer(false);

let noticeEnds = 0;
function notice(text) {
  $("notice").textContent = text; $("notice").style.display = "block";
  clearTimeout(noticeEnds);
  noticeEnds = setTimeout(() => { $("notice").style.display = "none"; }, 6000);
}
function resize(side) {
  state.side = Math.max(72, Math.min(420, side)); $("size").value = state.side;
  $("size").style.setProperty("--part", (state.side - 72) / 3.48 + "%");
  keepPlace(layout);
}
$("size").oninput = () => resize(+$("size").value);
