// Every name and value is placed with textContent or as a number; only a finished report is ever markup.

const SVG = "http://www.w3.org/2000/svg";
const ANNOUNCED_FOR_MS = 15000;
const REPORT_AFTER_MS = 5000;
const BUSY_AFTER_MS = 2500;
const AGAIN_AFTER_MS = [250, 1000]; // ipykernel 7 may leave the first message to a subshell lying until the next comes

// What becomes of a kernel that took its jobs along, and what is said then.
const GONE = ["restarting", "autorestarting", "terminating", "dead"];
const LOST = "Its kernel has ended, and with it this job. What had finished is kept: run the cell again to go on, or %jobs resume.";

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function drawn(tag, attributes, text) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  if (text !== undefined) made.textContent = text;
  return made;
}

function table(className, caption, head, rows, words = 1) {
  const made = element("table", className);
  made.append(element("caption", "", caption));
  const headRow = element("tr");
  head.forEach((text, column) => {
    const cell = element("th", column < words ? "word" : "", text);
    cell.scope = "col";
    headRow.append(cell);
  });
  const top = element("thead");
  top.append(headRow);
  const body = element("tbody");
  body.append(...rows);
  made.append(top, body);
  return made;
}

function row(texts, words = 1) {
  const made = element("tr");
  texts.forEach((text, column) => {
    const cell = element(column === 0 ? "th" : "td", column < words ? "word" : "", text);
    if (column === 0) cell.scope = "row";
    cell.title = text;
    made.append(cell);
  });
  return made;
}

function scrolling(label, content) {
  const made = element("div", "jesse-nb-scroll");
  made.tabIndex = 0;
  made.setAttribute("role", "region");
  made.setAttribute("aria-label", label);
  made.append(content);
  return made;
}

function convergence(board) {
  const width = 480, height = 150, left = 58, right = 8, top = 10, bottom = 24;
  const x = (share) => left + share * (width - left - right);
  const y = (share) => height - bottom - share * (height - top - bottom);
  const corners = board.steps.map(([across, up]) => `${x(across).toFixed(1)},${y(up).toFixed(1)}`);
  const [endAcross, endUp] = board.steps[board.steps.length - 1];
  const picture = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": board.described });
  picture.append(
    drawn("path", { class: "jesse-nb-axis", d: `M${left},${top}V${height - bottom}H${width - right}` }),
    drawn("polyline", { class: "jesse-nb-curve", points: corners.join(" ") }),
    drawn("circle", { class: "jesse-nb-dot", cx: x(endAcross), cy: y(endUp), r: 3.5 }),
    drawn("text", { x: left, y: height - 8 }, "0"),
    drawn("text", { x: width - right, y: height - 8, "text-anchor": "end" }, board.extent),
    drawn("text", { x: left - 6, y: y(board.flat ? 0.5 : 1) + 4, "text-anchor": "end" }, board.high),
  );
  for (const [share, text] of board.ticks ?? []) {
    picture.append(drawn("path", { class: "jesse-nb-axis", d: `M${x(share).toFixed(1)},${height - bottom}v4` }),
      drawn("text", { x: x(share), y: height - 8, "text-anchor": "middle" }, text));
  }
  if (!board.flat) picture.append(drawn("text", { x: left - 6, y: y(0) + 4, "text-anchor": "end" }, board.low));
  const figure = element("figure");
  figure.append(element("figcaption", "", board.caption), picture);
  const listed = board.table;
  const best = element("div");
  best.append(
    scrolling(listed.caption, table("jesse-nb-top", listed.caption, listed.head, listed.rows.map((texts) => row(texts)))),
    element("p", "jesse-nb-note", listed.note),
  );
  return [figure, best];
}

function square(state, label, share) {
  const made = element("span");
  made.dataset.state = state;
  if (label) made.title = label;
  if (share !== null && share !== undefined && state === "running") {
    const percent = (share * 100).toFixed(0);
    made.style.background = `linear-gradient(to top, var(--jn-main) ${percent}%, var(--jn-raised) ${percent}%)`;
  }
  return made;
}

function windows(board) {
  const made = element("div", "jesse-nb-wide");
  const strip = element("div", "jesse-nb-strip");
  strip.setAttribute("aria-hidden", "true"); // the table says the same
  strip.append(...board.states.map(([state, label, share]) => square(state, label, share)));
  const legend = element("div", "jesse-nb-legend");
  legend.setAttribute("aria-hidden", "true");
  const known = board.head.includes("Out-of-sample")
    ? ["waiting", "in-sample", "out-of-sample", "done", "failed"] : ["waiting", "running", "done"];
  for (const state of known) {
    const entry = element("span");
    const sample = element("span", "jesse-nb-strip");
    sample.append(square(state));
    entry.append(sample, state);
    legend.append(entry);
  }
  const rows = board.rows.map((texts, index) => {
    const made = row(texts, 3);
    made.dataset.state = board.states[index][0];
    return made;
  });
  made.append(strip, legend, scrolling(board.caption, table("jesse-nb-windows", board.caption, board.head, rows, 3)),
    element("p", "jesse-nb-note", board.note));
  return [made];
}

function matrix(board) {
  const rows = board.cells.map((cells, index) => {
    const made = row([board.rows[index]]);
    for (const [text, remark, share] of cells) {
      const cell = element("td", "", text);
      if (share !== null) cell.style.setProperty("--jn-tint", `${(8 + 47 * share).toFixed(0)}%`);
      if (text && remark) cell.append(element("small", "", remark));
      else if (remark) cell.append(element("span", "jesse-nb-unseen", remark));
      made.append(cell);
    }
    return made;
  });
  const made = element("div", "jesse-nb-wide");
  made.append(
    scrolling(board.caption, table("jesse-nb-matrix", board.caption, [board.corner, ...board.columns], rows)),
    element("p", "jesse-nb-note", board.note),
  );
  return [made];
}

const BOARDS = { convergence, windows, matrix };

class View {
  constructor(live) {
    this.live = live;
    this.boardDrawn = "null";
    this.told = { phase: "", tenth: -1, state: "" };
    this.root = element("section", "jesse-nb-live");
    this.root.dataset.testid = "jesse-nb-live";
    this.rememberPlace();
    this.title = element("div", "jesse-nb-title");
    this.stop = element("button", "jesse-nb-stop", "Stop");
    this.stop.type = "button";
    this.stop.dataset.testid = "jesse-nb-stop";
    this.stop.addEventListener("click", () => live.requestStop());
    const head = element("div", "jesse-nb-head");
    head.append(this.title, this.stop);
    this.phaseText = element("span", "jesse-nb-outcome");
    this.count = element("span", "jesse-nb-count");
    const phase = element("div", "jesse-nb-phase");
    phase.append(this.phaseText, this.count);
    this.bar = element("div", "jesse-nb-bar");
    this.bar.dataset.testid = "jesse-nb-bar";
    this.bar.setAttribute("role", "progressbar");
    this.bar.setAttribute("aria-valuemin", "0");
    this.bar.setAttribute("aria-valuemax", "100");
    this.fill = element("div", "jesse-nb-fill");
    this.bar.append(this.fill);
    this.facts = element("dl", "jesse-nb-facts");
    this.message = element("p", "jesse-nb-message");
    this.board = element("div", "jesse-nb-board");
    this.status = element("div", "jesse-nb-unseen");
    this.status.setAttribute("role", "status");
    this.status.setAttribute("aria-live", "polite");
    this.root.append(head, phase, this.bar, this.facts, this.message, this.board, this.status);
    this.update();
  }

  update() {
    const shown = this.live.snapshot, running = shown.state === "running";
    const stopping = running && (this.live.stopping || shown.stopping);
    this.root.dataset.state = shown.state;
    this.root.setAttribute("aria-label", shown.title);
    this.title.textContent = shown.title;
    const ends = !running && !this.stop.hidden && this.focused?.[0] === this.stop.className;
    this.stop.hidden = !running;
    this.stop.style.display = running ? "" : "none"; // a page's own styles may undo `hidden`
    this.stop.setAttribute("aria-disabled", stopping); // what is `disabled` loses the focus
    this.stop.textContent = stopping ? "Stopping…" : "Stop";
    this.stop.setAttribute("aria-label", `${stopping ? "Stopping" : "Stop"} ${shown.title}`);
    this.phaseText.textContent = running ? shown.phase : shown.outcome;
    this.count.textContent = running ? shown.count : "";
    this.drawBar(shown, running);
    this.drawFacts(shown.facts);
    this.message.textContent = this.live.remark || (running ? shown.message : "");
    this.drawBoard(shown.board);
    this.tell(shown, running);
    if (ends) this.look();
  }

  // Whoever was on Stop is on what became of it.
  look() {
    this.phaseText.tabIndex = -1;
    this.phaseText.focus();
    this.focused = [this.phaseText.className, 0]; // also while an output is being drawn anew
  }

  drawBar(shown, running) {
    const known = shown.share !== null || !running;
    const percent = running ? Math.floor((shown.share || 0) * 100) : shown.state === "finished" ? 100 : (shown.share || 0) * 100;
    this.fill.classList.toggle("unknown", !known);
    this.fill.style.width = known ? `${percent}%` : "";
    this.bar.setAttribute("aria-label", shown.title);
    this.bar.setAttribute("aria-valuetext", running ? `${shown.phase} ${shown.count}`.trim() : shown.outcome);
    if (known) this.bar.setAttribute("aria-valuenow", String(Math.round(percent)));
    else this.bar.removeAttribute("aria-valuenow");
  }

  drawFacts(facts) {
    if (this.facts.children.length !== facts.length) {
      this.facts.replaceChildren(...facts.map(() => {
        const pair = element("div");
        pair.append(element("dt"), element("dd"));
        return pair;
      }));
    }
    facts.forEach(([label, text], index) => {
      const [term, description] = this.facts.children[index].children;
      if (term.textContent !== label) term.textContent = label;
      if (description.textContent !== text) description.textContent = text;
    });
  }

  drawBoard(board) {
    const wanted = JSON.stringify(board);
    if (wanted === this.boardDrawn) return;
    this.boardDrawn = wanted;
    this.keepingPlace(() => {
      this.board.replaceChildren(...(board && BOARDS[board.kind] ? BOARDS[board.kind](board) : []));
    });
  }

  // What is scrolled or has the focus is so again after its element was made anew or moved. Both are kept
  // as they happen: once an output was drawn anew it is too late to ask.
  rememberPlace() {
    this.scrolled = [];
    this.focused = null;
    this.root.addEventListener("scroll", (event) => {
      const index = [...this.root.querySelectorAll(".jesse-nb-scroll")].indexOf(event.target);
      if (index >= 0) this.scrolled[index] = [event.target.scrollTop, event.target.scrollLeft];
    }, true);
    this.root.addEventListener("focusin", (event) => {
      const name = event.target.className;
      this.focused = [name, [...this.root.getElementsByClassName(name)].indexOf(event.target)];
    });
    this.root.addEventListener("focusout", () => setTimeout(() => {
      if (this.root.isConnected && !this.root.contains(document.activeElement)) this.focused = null;
    }));
  }

  keepingPlace(change) {
    const scrolled = this.scrolled.slice(), focused = this.focused;
    change();
    this.root.querySelectorAll(".jesse-nb-scroll").forEach((one, index) => {
      if (scrolled[index]) [one.scrollTop, one.scrollLeft] = scrolled[index];
    });
    if (focused && !this.root.contains(document.activeElement)) {
      this.root.getElementsByClassName(focused[0])[focused[1]]?.focus({ preventScroll: true });
    }
  }

  // A screen reader hears of a new phase, of every tenth, and of the end; nothing between.
  tell(shown, running) {
    const tenth = shown.share === null ? -1 : Math.floor(shown.share * 10);
    const told = this.told;
    if (shown.state === told.state && shown.phase === told.phase && tenth <= told.tenth) return;
    this.told = { phase: shown.phase, tenth, state: shown.state };
    this.status.textContent = running ? (tenth > 0 ? `${shown.phase}, ${tenth * 10} %` : shown.phase) : shown.outcome;
  }

  placeIn(host) {
    this.output = host.closest(".jp-OutputArea-child") ?? host.parentElement;
    this.keepingPlace(() => host.replaceChildren(this.root));
  }

  showReport(html) {
    const parsed = new DOMParser().parseFromString(html, "text/html");
    parsed.querySelectorAll("script, iframe, object, embed, link, base, meta").forEach((one) => one.remove());
    for (const one of parsed.querySelectorAll("*")) {
      for (const { name, value } of [...one.attributes]) {
        if (name.startsWith("on") || /^\s*javascript:/i.test(value)) one.removeAttribute(name);
      }
    }
    const report = element("div", "jesse-nb-report jp-RenderedHTMLCommon");
    report.append(...parsed.head.querySelectorAll("style"), ...parsed.body.childNodes);
    this.output = report;
    this.root.replaceWith(report);
    this.followReport();
  }

  // The focus that the view had goes to the report that stands in its place.
  followReport() {
    if (!this.focused || this.root.isConnected || !this.output?.isConnected) return;
    const now = document.activeElement, begins = this.output.querySelector("h2, h3, h4, p, table");
    if (!begins && (!now || now === document.body)) return; // it is not there yet
    this.focused = null;
    if (now && now !== document.body) return;
    begins.tabIndex = -1;
    begins.focus();
  }
}

function announce(title, text) {
  let corner = document.querySelector("body > .jesse-nb-toasts");
  if (!corner) {
    corner = element("div", "jesse-nb-toasts");
    corner.setAttribute("role", "status");
    corner.setAttribute("aria-live", "polite");
    document.body.append(corner);
  }
  const toast = element("div", "jesse-nb-toast");
  toast.dataset.testid = "jesse-nb-toast";
  const said = element("div");
  said.append(element("strong", "", title), element("span", "", text));
  const dismiss = element("button", "", "×");
  dismiss.type = "button";
  dismiss.setAttribute("aria-label", "Dismiss");
  toast.append(said, dismiss);
  let timer;
  const remove = () => { clearTimeout(timer); toast.remove(); };
  const wait = () => { clearTimeout(timer); timer = setTimeout(remove, ANNOUNCED_FOR_MS); };
  dismiss.addEventListener("click", remove);
  for (const event of ["mouseenter", "focusin"]) toast.addEventListener(event, () => clearTimeout(timer));
  for (const event of ["mouseleave", "focusout"]) toast.addEventListener(event, wait);
  wait();
  setTimeout(() => corner.append(toast), 50); // a live region tells what comes into it, not what it is born with
}

// One a model, shared by all its views: those drawn into outputs and those that a front end renders.
class Live {
  constructor(model) {
    this.model = model;
    this.views = [];
    this.stopping = false;
    this.remark = "";
    this.report = null;
    this.places = document.getElementsByClassName(model.get("view_class") || "jesse-nb-view-unnamed");
    this.observer = new MutationObserver(() => this.changedPage());
    this.changed = () => this.update();
    this.received = (message) => this.receive(message);
    this.lost = false;
    this.kernel = model.widget_manager?.kernel;
    this.kernelChanged = (_, status) => { if (GONE.includes(status)) this.lose(); };
    this.kernel?.statusChanged?.connect(this.kernelChanged);
    model.on("change:snapshot", this.changed);
    model.on("change:blocking", this.changed);
    model.on("msg:custom", this.received);
    model.on("comm:close", () => this.close());
    model.on("destroy", () => this.close());
    this.observer.observe(document.body, { childList: true, subtree: true });
    this.fillPlaces();
    if (this.snapshot.state !== "running") this.askForReport(0);
  }

  get snapshot() {
    const shown = this.model.get("snapshot");
    return this.lost && shown.state === "running" ? { ...shown, state: "cancelled", outcome: LOST } : shown;
  }

  // The kernel was restarted or has ended: nobody will ever tell how the job goes on.
  lose() {
    if (this.lost || this.closed || this.snapshot.state !== "running") return;
    this.lost = this.ended = true;
    this.remark = "";
    for (const view of this.views) view.update();
  }

  changedPage() {
    this.fillPlaces();
    if (this.ended) for (const view of this.views) view.followReport();
  }

  fillPlaces() {
    for (const place of this.places) {
      const first = place.firstElementChild;
      if (first && (first.classList.contains("jesse-nb-live") || first.classList.contains("jesse-nb-report"))) continue;
      let view = this.views.find((one) => one.drawnHere && !one.root.isConnected);
      if (!view) {
        view = new View(this);
        view.drawnHere = true;
        this.views.push(view);
      }
      view.placeIn(place);
      if (this.report) view.showReport(this.report);
    }
  }

  update() {
    const shown = this.snapshot;
    for (const view of this.views) view.update();
    // Apart from the end, which a refresh may have told before.
    if (shown.announcement && !this.announced) {
      this.announced = true;
      announce(shown.announcement.title, shown.announcement.text);
    }
    if (shown.state === "running" || this.ended) return;
    this.ended = true;
    this.remark = "";
    for (const view of this.views) view.update();
    this.askForReport(REPORT_AFTER_MS);
  }

  // The report comes into the output's place by itself, unless the page was closed when the job ended.
  askForReport(after) {
    setTimeout(() => {
      if (!this.closed && this.views.some((view) => view.root.isConnected)) this.send("report", () => !this.report);
    }, after);
  }

  receive(message) {
    if (message?.type !== "report" || !message.data["text/html"]) return;
    this.report = message.data["text/html"];
    keepInNotebook(this.model.widget_manager, this.model.get("view_class"), message.data);
    for (const view of this.views) if (view.root.isConnected) view.showReport(this.report);
  }

  send(type, unheard) {
    this.model.send({ type });
    for (const delay of AGAIN_AFTER_MS) {
      setTimeout(() => { if (!this.closed && unheard()) this.model.send({ type }); }, delay);
    }
  }

  requestStop() {
    if (this.stopping) return;
    this.stopping = true;
    for (const view of this.views) view.update();
    const kernel = this.model.widget_manager?.kernel;
    if (this.model.get("blocking") && kernel?.interrupt) {
      Promise.resolve(kernel.interrupt()).catch(() => this.model.send({ type: "stop" }));
      return;
    }
    const unheard = () => this.snapshot.state === "running" && !this.snapshot.stopping;
    this.send("stop", unheard);
    setTimeout(() => {
      if (this.closed || !unheard()) return;
      this.remark = "The kernel is busy with a cell: this job stops as soon as that has ended.";
      for (const view of this.views) view.update();
    }, BUSY_AFTER_MS);
  }

  render(host) {
    const view = new View(this);
    this.views.push(view);
    host.append(view.root);
    if (this.report) view.showReport(this.report);
    return () => { this.views = this.views.filter((one) => one !== view); };
  }

  close() {
    if (this.closed) return;
    this.lose();
    this.closed = true;
    this.observer.disconnect();
    this.model.off("change:snapshot", this.changed);
    this.model.off("change:blocking", this.changed);
    this.model.off("msg:custom", this.received);
    this.kernel?.statusChanged?.disconnect(this.kernelChanged);
    for (const view of this.views) view.stop.style.display = "none"; // there is nobody to hear it any more
  }
}

const lives = new Map();

export default {
  initialize({ model }) {
    const live = new Live(model);
    lives.set(model.get("view_class"), live);
    return () => live.close();
  },
  render({ model, el }) {
    return lives.get(model.get("view_class"))?.render(el);
  },
};
