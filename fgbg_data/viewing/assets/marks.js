// --- marked samples: they are kept in this browser, and can leave it as a list of keys
const STORE = () => "fgbg-marks:" + header.fingerprint;
const marked = () => { const found = []; for (let i = 0; i < marks.length; i++) if (marks[i]) found.push(i); return found; };

function mark(i, on = !marks[i]) {
  if (i === undefined) return;
  marks[i] = on ? 1 : 0;
  marksChanged();
}

function marksChanged() {
  const keys = marked().map(keyOf);
  try { localStorage.setItem(STORE(), keys.join("\n")); } catch { /* a browser that stores nothing forgets the marks */ }
  showMarks(keys);
  if (state.marked) resort();
  else draw();
}

function showMarks(keys) {
  $("marks-button").hidden = !keys.length && !state.marked;
  $("marks-button").textContent = state.marked ? `only the ${number(keys.length)} marked` : `${number(keys.length)} marked`;
  $("marks-title").textContent = keys.length === 1 ? "1 marked sample" : `${number(keys.length)} marked samples`;
  $("marks-keys").value = keys.join("\n") + (keys.length ? "\n" : "");
  $("marks-only").textContent = state.marked ? "show all samples" : "show only these";
  $("marks-command").textContent = `fgbg-data split ${header.name} --only-keys keys.txt --keep-splits --out marked/`;
  showMark();
}

function showMark() {
  const on = state.chosen >= 0 && marks[shown[state.chosen]] === 1;
  $("mark").firstChild.textContent = on ? "unmark " : "mark ";
  $("mark").classList.toggle("marked-button", on);
}

function restoreMarks() {
  let text = "";
  try { text = localStorage.getItem(STORE()) || ""; } catch { /* nothing is stored */ }
  const keys = new Set(text.split("\n").filter(Boolean));
  if (keys.size) for (let i = 0; i < marks.length; i++) if (keys.has(keyOf(i))) marks[i] = 1;
  showMarks(marked().map(keyOf));
}

$("marks-button").onclick = () => $("marks").showModal();
$("marks-only").onclick = () => {
  state.marked = !state.marked;
  $("marks").close();
  showMarks(marked().map(keyOf)); changed();
};
$("marks-add").onclick = () => { for (const i of shown) marks[i] = 1; marksChanged(); };
$("marks-clear").onclick = () => { marks.fill(0); state.marked = false; marksChanged(); changed(); };
$("marks-copy").onclick = async () => {
  try { await navigator.clipboard.writeText($("marks-keys").value); } catch { // pages of other machines may not use it
    $("marks-keys").select(); document.execCommand("copy");
  }
  notice("The keys are in the clipboard.");
};
$("marks-save").onclick = () => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([$("marks-keys").value], { type: "text/plain" }));
  link.download = "keys.txt"; link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};
