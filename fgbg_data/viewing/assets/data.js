"use strict";
const EMBEDDED = /*EMBEDDED*/ null;
const DEPTHS = ["depth", "depth_composed"];
const $ = id => document.getElementById(id);
const GAP = 8, PAD = 16, MAX_SCROLL = 12e6; // browsers cut elements beyond some 17 million pixels
const number = new Intl.NumberFormat("en").format;
const percent = share => (100 * share).toFixed(share < .0995 ? 1 : 0) + "%";

// --- data: columns over all samples, from the server or from this file ---------------------------------
let header, columns, keyBytes, keyEnds, canvasPx, marks; // marks: a byte for each sample, 1 if it is marked
const decoder = new TextDecoder();
const keyOf = i => decoder.decode(keyBytes.subarray(i ? keyEnds[i - 1] + 1 : 0, keyEnds[i]));
const url = (key, layer, side) => EMBEDDED ? EMBEDDED.byKey.get(key).pictures[layer]
  : `picture/${layer}/${encodeURIComponent(key)}?v=${header.fingerprint.slice(0, 12)}${side ? "&side=" + side : ""}`;
const sourceUrl = (kind, id) => EMBEDDED ? EMBEDDED.sources[`${kind}/${id}`]
  : `source/${kind}/${encodeURIComponent(id)}?side=512`;
const details = async key => EMBEDDED ? EMBEDDED.byKey.get(key).details
  : (await fetch(`details/${encodeURIComponent(key)}`)).json();

async function load() {
  if (EMBEDDED) {
    header = EMBEDDED.header;
    const rows = EMBEDDED.rows;
    EMBEDDED.byKey = new Map(rows.map(row => [row.key, row]));
    columns = { area: Uint32Array.from(rows, r => r.area), split: Uint8Array.from(rows, r => r.split) };
    for (const kind of ["background", "foreground"]) {
      const names = header[kind + "s"] = [...new Set(rows.map(r => r[kind]))].sort();
      const at = new Map(names.map((name, i) => [name, i]));
      columns[kind] = Uint32Array.from(rows, r => at.get(r[kind]));
    }
    for (const name of header.measures) columns[name] = Float32Array.from(rows, r => r.measures[name] ?? NaN);
    keyBytes = new TextEncoder().encode(rows.map(r => r.key).join("\n"));
  } else {
    const data = await (await fetch("samples")).arrayBuffer();
    const length = new DataView(data).getUint32(0, true);
    header = JSON.parse(decoder.decode(new Uint8Array(data, 4, length)));
    columns = {};
    let start = 4 + length;
    for (const [name, size] of Object.entries(header.columns)) {
      const part = data.slice(start, start + size);
      if (name === "keys") keyBytes = new Uint8Array(part);
      else columns[name] = name === "split" ? new Uint8Array(part) : new Uint32Array(part);
      start += size;
    }
  }
  const count = columns.split.length;
  keyEnds = new Uint32Array(count);
  let start = 0;
  for (let i = 0; i < count; i++) {
    let end = keyBytes.indexOf(10, start);
    if (end < 0) end = keyBytes.length;
    keyEnds[i] = end; start = end + 1;
  }
  canvasPx = header.height * header.width;
  marks = new Uint8Array(count);
}

// Number of the sample that has a key, or -1.
function numberOf(key) {
  const wanted = new TextEncoder().encode(key);
  next: for (let i = 0, start = 0; i < keyEnds.length; start = keyEnds[i++] + 1) {
    if (keyEnds[i] - start !== wanted.length) continue;
    for (let j = 0; j < wanted.length; j++) if (keyBytes[start + j] !== wanted[j]) continue next;
    return i;
  }
  return -1;
}

// Numbers that the server must read or decode samples for. They come in blocks, when the samples are put in their order.
const BLOCK = 128;
const measured = {}; // name -> which blocks are here
let measuring = 0; // counts the calls of `measure`: an earlier one ends when a later one begins

async function measure(name) {
  if (EMBEDDED) return;
  const mine = ++measuring, late = () => mine !== measuring || ORDERS[state.order].measure !== name;
  columns[name] ??= new Float32Array(keyEnds.length).fill(NaN);
  const have = measured[name] ??= new Set();
  const wanted = [...new Set(Array.from(shown, i => Math.floor(i / BLOCK)))].filter(block => !have.has(block));
  let done = 0, last = performance.now();
  for (const block of wanted) {
    if (late()) return;
    const answer = await fetch(`measure/${name}?start=${block * BLOCK}&count=${BLOCK}`);
    if (!answer.ok) return notice(`The ${name} of the samples could not be measured.`);
    columns[name].set(new Float32Array(await answer.arrayBuffer()), block * BLOCK);
    have.add(block); done++;
    if (late()) return;
    if (done === wanted.length || performance.now() - last > 1500) {
      last = performance.now();
      resort();
      if (done < wanted.length) $("of").textContent = `measuring, ${percent(done / wanted.length)} done`;
    }
  }
}
