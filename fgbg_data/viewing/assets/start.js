// --- keys -------------------------------------------------------------------------------------------------
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input[type=search], select, textarea")) {
    if (event.key === "Escape") { event.target.blur(); $("scroller").focus(); }
    return;
  }
  const page = across * Math.max(1, Math.floor($("scroller").clientHeight / stepDown));
  const inDialog = $("detail").open, slider = event.target.matches("input[type=range]");
  const moves = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: inDialog ? 1 : across, ArrowUp: inDialog ? -1 : -across,
    PageDown: page, PageUp: -page, Home: -1e9, End: 1e9 };
  if (event.key in moves && !slider) {
    if (state.chosen < 0) choose(Math.ceil(top_() / stepDown) * across);
    else go(moves[event.key]);
  } else if (event.key === "Enter" && !event.target.matches("button")) open_();
  else if (event.key === "m") toggle("mask");
  else if (event.key === "d" && "depth" in header.fields) toggle("depth");
  else if (event.key === "c" && "depth_composed" in header.fields) toggle("depth_composed");
  else if (event.key === "b") toggleBox();
  else if (event.key === "x" && state.chosen >= 0) mark(shown[state.chosen]);
  else if (event.key === "+" || event.key === "=") resize(state.side * 1.25);
  else if (event.key === "-") resize(state.side / 1.25);
  else if (event.key === "/") $("search").focus();
  else if (event.key === "?") $("help").showModal();
  else return;
  event.preventDefault();
});

// --- start --------------------------------------------------------------------------------------------------
function bytes(count) {
  for (const unit of ["B", "kB", "MB", "GB", "TB"]) {
    if (count < 1000 || unit === "TB") return (unit === "B" ? count : count.toFixed(1)) + " " + unit;
    count /= 1000;
  }
}
load().then(() => {
  document.title = header.name + " · fgbg";
  $("name").textContent = header.name;
  const rows = keyEnds.length, part = rows < header.samples ? `${number(rows)} of ` : "";
  $("about").textContent = [`${part}${number(header.samples)} samples`, `${header.width} × ${header.height} px`,
    header.bytes && bytes(header.bytes), header.estimator && `depth by ${header.estimator}`].filter(Boolean).join(" · ");
  for (const layer of DEPTHS)
    if (!(layer in header.fields)) $(layer + "-row").hidden = true, $(layer + "-row").style.display = "none";
  let most = 1;
  for (const area of columns.area) if (area > most) most = area;
  binPx = (most + 1) / BINS;
  $("area-high").textContent = percent(most / canvasPx);
  const mean = values => values.map(value => value.toFixed(3)).join(" ");
  $("statistics").replaceChildren(...[["", "mean", "std"], ...Object.entries(header.statistics).map(
    ([name, field]) => [name, mean(field.mean), mean(field.std)])].map((cells, i) => {
    const row = document.createElement("tr");
    row.append(...cells.map((text, j) => {
      const cell = document.createElement(i && j ? "td" : "th");
      cell.textContent = text;
      return cell;
    }));
    return row;
  }));
  document.documentElement.style.setProperty("--ratio", header.width / header.height);
  makeOverlayChips(); fillOrders(); restoreMarks();
  resize(innerWidth <= 760 ? 108 : state.side);
  openAddress();
  $("scroller").focus({ preventScroll: true });
  document.body.dataset.ready = "yes";
}).catch(error => { $("about").textContent = "The dataset could not be loaded: " + error.message; });
