// --- one sample ----------------------------------------------------------------------------------------------
let big = "";
async function open_() {
  if (state.chosen < 0) return;
  const key = big = keyOf(shown[state.chosen]);
  const canvas = $("big");
  canvas.style.aspectRatio = `${header.width} / ${header.height}`;
  canvas.replaceChildren(...["image", ...DEPTHS, "mask"].map(newLayer), $("box") || boxElement);
  showBig();
  $("strip").replaceChildren(...header.layers.map(layer => {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption"), img = newLayer(layer);
    img.src = url(key, layer); caption.textContent = layer === "depth_composed" ? "composed" : layer; figure.append(img, caption);
    return figure;
  }));
  $("detail-key").textContent = key;
  $("detail-where").textContent = `${number(state.chosen + 1)} of ${number(shown.length)}`;
  showMark();
  const opens = !$("detail").open;
  if (opens) { $("detail").showModal(); $("detail").focus(); }
  saveAddress(opens);
  let about;
  try { about = await details(key); } catch { about = { meta: {} }; }
  if (key !== big) return;
  const { meta = {}, sources = {} } = about;
  $("strip").prepend(...["background", "foreground"].filter(kind => sources[kind]?.shown).map(kind => {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption"), img = newLayer("source");
    img.src = sourceUrl(kind, sources[kind].id); caption.textContent = kind;
    figure.className = kind === "foreground" ? "cutout source-picture" : "source-picture";
    figure.append(img, caption);
    return figure;
  }));
  $("meta").replaceChildren(...describe(about).map(([name, text]) => {
    const row = document.createElement("tr"), head = document.createElement("th"), cell = document.createElement("td");
    head.textContent = name; cell.textContent = text;
    row.append(head, cell);
    return row;
  }));
  const box = boxElement.style, [top, left, height, width] = Array.isArray(meta.box) && meta.box.length === 4 ? meta.box : [0, 0, 0, 0];
  box.top = 100 * top / header.height + "%"; box.left = 100 * left / header.width + "%";
  box.height = 100 * height / header.height + "%"; box.width = 100 * width / header.width + "%";
}
const boxElement = $("box");

// Rows of the table beside a sample: what its meta says, in words.
function describe({ meta = {}, sources = {}, split, shard, index }) {
  const rows = [], rest = { ...meta };
  // The value of a name, if it is of the type that this program writes; others are shown as they are, at the end.
  const take = (name, type) => {
    if (typeof rest[name] !== type) return undefined;
    const value = rest[name];
    delete rest[name];
    return value;
  };
  take("key", "string");
  for (const kind of ["background", "foreground"]) {
    const about = sources[kind] || {}, id = take(kind, "string") ?? about.id;
    if (!id) continue;
    const more = [about.file, about.author && `by ${about.author}`, about.licence, about.problem].filter(Boolean);
    rows.push([kind, more.length ? `${id} (${more.join(", ")})` : String(id)]);
  }
  const four = (name, label) => {
    if (Array.isArray(rest[name]) && rest[name].length === 4 && rest[name].every(part => typeof part === "number"))
      rows.push([label, take(name, "object").join(", ") + " px"]);
  };
  four("box", "box: top, left, height, width");
  four("bbox_xywh", "tight box: x, y, width, height");
  const area = take("mask_area_px", "number");
  if (area !== undefined) rows.push(["mask area", `${area} px (${percent(area / canvasPx)} of the image)`]);
  const scale = take("scale", "number");
  if (scale !== undefined) rows.push(["scale", `${scale} (share of the image that the box spans)`]);
  const mirrored = take("mirrored", "boolean");
  if (mirrored !== undefined) rows.push(["mirrored", mirrored ? "yes" : "no"]);
  const position = take("position", "number"), attempt = take("attempt", "number");
  if (position !== undefined) rows.push(["placement", `number ${position} of this foreground on this background`]);
  if (attempt) rows.push(["drawn again", `${attempt} times, because earlier placements had an empty mask`]);
  const bits = take("depth_bits", "number");
  if (bits !== undefined) rows.push(["depth is stored in", `${bits} bits`]);
  for (const layer of DEPTHS) {
    if (typeof rest[layer + "_min"] !== "number" || typeof rest[layer + "_max"] !== "number") continue;
    const low = take(layer + "_min", "number"), high = take(layer + "_max", "number");
    rows.push([
      layer === "depth" ? "depth, as estimated" : "composed depth", `${low.toFixed(2)} to ${high.toFixed(2)} (no unit, larger is nearer)`]);
  }
  for (const [name, value] of Object.entries(rest))
    rows.push([name.replaceAll("_", " "), value !== null && typeof value === "object" ? JSON.stringify(value) : String(value)]);
  if (shard) rows.push(["split", split], ["shard", shard], ["index in shard", String(index)]);
  return rows;
}
function showBig() {
  for (const img of $("big").querySelectorAll("img")) {
    const layer = img.dataset.layer;
    if (layer === "image" || (layer in header.fields && +$(layer).value)) {
      const source = url(big, layer);
      if (img.getAttribute("src") !== source) img.src = source;
    }
  }
}
function go(by) { choose(state.chosen + by); if ($("detail").open) open_(); }
function only(kind) { const i = shown[state.chosen]; $("detail").close(); state[kind] = columns[kind][i]; changed(); }
$("previous").onclick = () => go(-1); $("next").onclick = () => go(1); $("close").onclick = () => $("detail").close();
$("detail").addEventListener("close", () => saveAddress(true));
function toggleBox() { $("toggle-box").setAttribute("aria-pressed", $("big").classList.toggle("boxed")); }
$("toggle-box").onclick = toggleBox;
$("mark").onclick = () => mark(shown[state.chosen]);
$("only-bg").onclick = () => only("background"); $("only-fg").onclick = () => only("foreground");
$("help-button").onclick = () => $("help").showModal();
for (const dialog of document.querySelectorAll("dialog"))
  dialog.onclick = event => { if (event.target === dialog) dialog.close(); };
