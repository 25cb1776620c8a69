// --- the address keeps filters, order, overlays and the open sample, so that it can be sent, reloaded and gone back to
const OVERLAYS = { mask: 40, depth: 0, depth_composed: 0 }; // what they are at the start
let reading = true; // while the page follows the address, the address is not changed

function addressOf() {
  const parts = new URLSearchParams();
  if (state.text) parts.set("text", state.text);
  if (state.splits.size) parts.set("split", [...state.splits].sort().map(i => header.splits[i]).join(","));
  for (const kind of ["background", "foreground"])
    if (state[kind] !== null) parts.set(kind, header[kind + "s"][state[kind]]);
  if (state.low !== null) parts.set("area", `${state.low}-${state.high}`);
  if (state.order !== "stored") parts.set("order", state.order);
  for (const [layer, value] of Object.entries(OVERLAYS)) if (+$(layer).value !== value) parts.set(layer, $(layer).value);
  if ($("detail").open) parts.set("key", big);
  return "#" + parts;
}

function saveAddress(step) {
  if (reading) return;
  const wanted = addressOf();
  if (wanted === (location.hash || "#")) return;
  try { history[step ? "pushState" : "replaceState"](null, "", wanted); } catch { /* a frame without an address of its own */ }
}

function openAddress() {
  reading = true;
  const parts = new URLSearchParams(location.hash.slice(1)), lost = [];
  state.text = $("search").value = parts.get("text") || "";
  state.splits.clear();
  for (const name of (parts.get("split") || "").split(",").filter(Boolean)) {
    const i = header.splits.indexOf(name);
    i < 0 ? lost.push(`the split ${name}`) : state.splits.add(i);
  }
  for (const kind of ["background", "foreground"]) {
    const name = parts.get(kind), i = name === null ? -1 : header[kind + "s"].indexOf(name);
    if (name !== null && i < 0) lost.push(`the ${kind} ${name}`);
    state[kind] = i < 0 ? null : i;
  }
  const area = /^([0-9]{1,10})-([0-9]{1,10})$/.exec(parts.get("area") || "");
  state.low = area ? +area[1] : null; state.high = area ? +area[2] : null;
  const order = parts.get("order");
  state.order = $("order").value = order in ORDERS && isThere(ORDERS[order]) ? order : "stored";
  for (const [layer, value] of Object.entries(OVERLAYS)) {
    const given = parts.get(layer);
    setOverlay(layer, /^[0-9]{1,3}$/.test(given || "") ? Math.min(100, +given) : value);
  }
  changed();
  const key = parts.get("key");
  if (key !== null) {
    const i = numberOf(key);
    if (i < 0) lost.push(`the sample ${key}`);
    else {
      if (shown.indexOf(i) < 0) { // the filters in the address exclude the sample: show it, and drop the filters
        state.text = $("search").value = ""; state.splits.clear();
        state.background = state.foreground = state.low = state.high = null; state.marked = false;
        changed();
      }
      choose(shown.indexOf(i));
      open_();
    }
  }
  if (key === null || lost.length) $("detail").close();
  if (lost.length) notice(`This page does not have ${lost.join(", ")}.`);
  reading = false;
}

const isThere = order => !order.measure || header.measures.includes(order.measure);
function fillOrders() {
  $("order").replaceChildren(...Object.entries(ORDERS).filter(([, order]) => isThere(order)).map(([name, order]) => {
    const option = document.createElement("option");
    option.value = name; option.textContent = order.text;
    return option;
  }));
}
addEventListener("popstate", openAddress);
