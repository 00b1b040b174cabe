// A table of trades: sorted by any column, moved through by keys; a row that is chosen is told to Python.
const CHUNK = 200;

function compare(a, b) {
  if (a === b) return 0;
  if (a === null) return 1;
  if (b === null) return -1;
  return a < b ? -1 : 1;
}

function render({ model, el }) {
  const box = document.createElement("div");
  box.className = "jesse-nb-trades";
  box.tabIndex = -1;
  box.dataset.lmSuppressShortcuts = "true";  // JupyterLab would take Enter and the arrows for its own
  const table = document.createElement("table");
  table.setAttribute("role", "grid"); // one stop of Tab: arrows move inside
  table.setAttribute("aria-label", "Trades. Arrow keys move through rows and, above them, headings. Enter shows a trade "
    + "on the chart, or sorts by a heading.");
  const caption = document.createElement("div");
  const head = table.createTHead().insertRow();
  const body = table.createTBody();
  for (const part of [head.parentElement, body]) part.setAttribute("role", "rowgroup"); // also where drawn as a CSS grid
  head.setAttribute("role", "row");
  const said = document.createElement("span");
  const file = document.createElement("button");
  file.type = "button";
  file.className = "csv";
  file.textContent = "CSV";
  file.title = "Download these trades, with all that is known of them, as a CSV file";
  file.addEventListener("click", () => model.send({ csv: true }));
  caption.append(said, file);
  caption.className = "caption"; // not the table's own: a grid has no button in it
  box.append(caption, table);
  el.append(box);
  let order = { column: 0, down: false };
  let rows = [];
  let shown = 0;
  let active = 0;

  model.get("columns").forEach((column, number) => {
    const cell = document.createElement("th");
    cell.scope = "col";
    cell.dataset.column = column.name;
    cell.setAttribute("role", "columnheader");
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = column.label;
    button.tabIndex = -1;
    button.title = `Sort by ${column.label}`;
    button.addEventListener("click", () => {
      order = { column: number, down: order.column === number ? !order.down : false };
      fill();
    });
    cell.append(button);
    if (!column.word) cell.className = "number";
    head.append(cell);
  });

  function fill() {
    const kept = new Set(model.get("kept"));
    const columns = model.get("columns");
    rows = model.get("rows").filter((row) => kept.has(row[0][0]));
    const sign = order.down ? -1 : 1;
    rows.sort((a, b) => sign * compare(a[order.column][0], b[order.column][0]) || a[0][0] - b[0][0]);
    [...head.children].forEach((cell, number) => {
      cell.setAttribute("aria-sort", number !== order.column ? "none" : order.down ? "descending" : "ascending");
    });
    const all = model.get("rows").length;
    file.hidden = rows.length === 0;
    said.textContent = all === 0 ? "No trade was closed." : rows.length === all
      ? `${all.toLocaleString("en")} trades` : `${rows.length.toLocaleString("en")} of ${all.toLocaleString("en")} trades`;
    body.replaceChildren();
    shown = 0;
    active = Math.max(0, rows.findIndex((row) => row[0][0] === model.get("selected")));
    more(Math.max(CHUNK, active + 20), columns);
    mark(false);
  }

  function more(count, columns = model.get("columns")) {
    for (const row of rows.slice(shown, shown + count)) {
      const line = body.insertRow();
      line.tabIndex = -1;
      line.dataset.trade = row[0][0];
      line.setAttribute("role", "row");
      row.forEach(([, text, tone], number) => {
        const cell = line.insertCell();
        cell.dataset.column = columns[number].name;
        cell.setAttribute("role", "gridcell");
        cell.textContent = text;  // names are text, never HTML
        if (tone) cell.classList.add(tone);
        if (!columns[number].word) cell.classList.add("number");
      });
    }
    shown = Math.min(rows.length, shown + count);
  }

  function mark(scroll) {
    const selected = String(model.get("selected"));
    [...body.rows].forEach((line, number) => {
      line.classList.toggle("selected", line.dataset.trade === selected);
      line.setAttribute("aria-selected", line.dataset.trade === selected);
      line.tabIndex = number === active ? 0 : -1;
    });
    if (!rows.length) head.querySelector("button").tabIndex = 0;
    const line = body.querySelector("tr.selected");
    if (scroll && line) {
      const top = line.offsetTop - box.clientHeight / 2;
      if (line.offsetTop < box.scrollTop + 40 || line.offsetTop > box.scrollTop + box.clientHeight - 40) box.scrollTop = top;
    }
  }

  function go(number) {
    if (number < 0 || !rows.length) {
      head.querySelector("button").focus();
      return;
    }
    active = Math.min(number, rows.length - 1);
    if (active >= shown) more(active - shown + CHUNK);
    mark(false);
    body.rows[active]?.focus();
  }

  function choose(number) {
    if (!rows[number]) return;
    active = number;
    model.set("selected", rows[number][0][0]);
    model.save_changes();
    model.send({ jump: rows[number][0][0] });
    mark(false);
  }

  body.addEventListener("click", (event) => {
    const line = event.target.closest("tr");
    if (line) choose([...body.rows].indexOf(line));
  });
  body.addEventListener("focusin", (event) => {
    const line = event.target.closest("tr");
    if (line) active = [...body.rows].indexOf(line);
  });
  body.addEventListener("keydown", (event) => {
    const places = { ArrowDown: active + 1, ArrowUp: active - 1, PageDown: active + 10, PageUp: Math.max(active - 10, 0) };
    if (event.key in places) go(places[event.key]);
    else if (event.key === "Home") go(0);
    else if (event.key === "End") go(rows.length - 1);
    else if (event.key === "Enter" || event.key === " ") choose(active);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  head.addEventListener("keydown", (event) => {
    const buttons = [...head.querySelectorAll("button")], now = buttons.indexOf(event.target);
    const steps = { ArrowRight: now + 1, ArrowLeft: now - 1, Home: 0, End: buttons.length - 1 };
    if (event.key in steps) buttons[steps[event.key]]?.focus();
    else if (event.key === "ArrowDown") go(active);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  box.addEventListener("scroll", () => {
    if (box.scrollTop + box.clientHeight > box.scrollHeight - 400 && shown < rows.length) { more(CHUNK); mark(false); }
  });
  const follow = () => {
    const place = rows.findIndex((row) => row[0][0] === model.get("selected"));
    if (place >= 0) { active = place; if (place >= shown) more(place - shown + CHUNK); }
    mark(true);
  };
  const save = ({ csv }) => {
    if (csv === undefined) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
    link.download = "trades.csv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };
  model.on("msg:custom", save);
  model.on("change:kept", fill);
  model.on("change:selected", follow);
  fill();
  return () => { model.off("msg:custom", save); model.off("change:kept", fill); model.off("change:selected", follow); };
}

export default { render };
