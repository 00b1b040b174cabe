// The part of a form that only the page can do.

function copy(text) {
  const fallback = () => {
    const area = document.createElement("textarea");
    area.value = text;
    area.style.position = "fixed";
    const before = document.activeElement;
    document.body.append(area);
    area.select();
    document.execCommand("copy"); // pages without https have no other clipboard
    area.remove();
    before?.focus();
  };
  if (navigator.clipboard) navigator.clipboard.writeText(text).catch(fallback);
  else fallback();
}

// Or a letter on a list would be a command of the notebook. Only the focused element itself can say so.
function keepKeys(event) {
  event.target.setAttribute("data-lm-suppress-shortcuts", "true");
}

// Whose keys are kept needs a way back to the notebook, and its commands.
function leave(event) {
  const cell = event.key === "Escape" && !event.isComposing && event.currentTarget.closest(".jp-Cell");
  if (!cell) return;
  if (!cell.hasAttribute("tabindex")) cell.tabIndex = -1;
  cell.focus({ preventScroll: true });
}

// A calendar beside a date that is written: it is there only while one chooses.
function addCalendar(text) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "jesse-nb-panel-calendar";
  button.setAttribute("aria-label", `${text.closest(".jesse-nb-panel-field").querySelector("label")?.textContent}: calendar`);
  button.addEventListener("click", () => {
    const picker = document.createElement("input");
    picker.type = "date";
    picker.value = text.value.slice(0, 10);
    picker.tabIndex = -1;
    picker.addEventListener("change", () => {
      text.value = picker.value;
      text.dispatchEvent(new Event("input", { bubbles: true }));
      text.focus();
    });
    picker.addEventListener("blur", () => picker.remove());
    button.after(picker);
    picker.focus();
    try {
      picker.showPicker?.();
    } catch { } // not within a frame of another origin: there the field itself is filled in
  });
  text.after(button);
}

let numbers = 0;

// Names of elements are unique in the page, also where a form is shown twice.
function idOf(node) {
  node.id ||= `jesse-nb-${++numbers}`;
  return node.id;
}

// What ipywidgets' own controls leave unsaid to those who cannot see them.
class Names {
  constructor(model, panel, form) {
    Object.assign(this, { model, panel, form });
    this.observer = new MutationObserver(() => this.soon());
    this.observer.observe(panel, { subtree: true, childList: true, attributeFilter: ["class"] });
    this.all();
  }

  soon() {
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.all());
  }

  all() {
    this.form.setAttribute("role", "form");
    this.form.setAttribute("aria-label", this.model.get("name"));
    this.form.querySelector(".jesse-nb-panel-reason")?.setAttribute("aria-live", "polite");
    const output = this.panel.querySelector(":scope > .jesse-nb-panel-output");
    if (output) {
      output.tabIndex = -1;
      output.setAttribute("role", "region");
      output.setAttribute("aria-label", `What ${this.model.get("name")} shows`);
    }
    this.fields();
    this.toggles();
  }

  fields() {
    for (const text of this.form.querySelectorAll(".jesse-nb-panel-date input[type=text]:only-of-type")) {
      if (!text.parentElement.querySelector("button")) addCalendar(text);
    }
    const wrong = new Set(this.model.get("wrong"));
    for (const row of this.form.querySelectorAll(".jesse-nb-panel-field")) {
      const name = [...row.classList].find((one) => one.startsWith("jesse-nb-field-"))?.slice(15);
      const told = row.querySelectorAll(":scope > .jesse-nb-panel-error, :scope > .jesse-nb-panel-help");
      for (const input of row.querySelectorAll("input, select")) {
        const line = input.closest(".jesse-nb-panel-row"); // of the parameter table, where only some are wrong
        input.setAttribute("aria-invalid", wrong.has(name) && (line?.classList.contains("jesse-nb-panel-wrong") ?? true));
        input.setAttribute("aria-describedby", [...told].map(idOf).join(" "));
      }
    }
  }

  toggles() {
    let root = this.panel; // the candles' forms are chosen by toggles around them
    for (let up; (up = root.parentElement?.closest(".jesse-nb-panel"));) root = up;
    for (const toggle of root.querySelectorAll(".widget-toggle-button, .widget-toggle-buttons button")) {
      const unfolds = toggle.classList.contains("jesse-nb-panel-unfolds");
      toggle.setAttribute(unfolds ? "aria-expanded" : "aria-pressed", toggle.classList.contains("mod-active"));
    }
  }

  end() {
    this.observer.disconnect();
    cancelAnimationFrame(this.frame);
  }
}

// The focus goes where the eye goes, as long as nobody turned to something else.
class Look {
  constructor(model, panel, form, sections) {
    Object.assign(this, { model, panel, form, sections, away: false });
    this.turned = ({ target }) => { this.away = !this.isHere(target); };
    document.addEventListener("pointerdown", this.turned, true);
    document.addEventListener("focusin", this.turned, true);
    this.looked = () => this.go();
    model.on("change:look", this.looked);
    if (model.get("look") === "first") this.go();
    else this.done(); // of a page that was closed meanwhile
  }

  // Whether it is of this form, and of none that came of it; the button that opened a form is of the one before it.
  isHere(node) {
    const owner = node.closest?.(".jesse-nb-panel");
    const before = this.model.get("look") === "first" && this.panel.parentElement?.closest(".jesse-nb-panel");
    return owner && (owner === this.panel || owner === before);
  }

  // Who fills in a field meanwhile is not called away from it.
  get free() {
    const now = document.activeElement;
    return !this.away && (!now || now === document.body || (this.isHere(now) && !now.matches("input, select")));
  }

  get place() {
    const output = this.panel.querySelector(":scope > .jesse-nb-panel-output");
    switch (this.model.get("look")) {
      case "first": return this.form.querySelector("input, select");
      case "output": return output?.querySelector(".jesse-nb-live");
      case "result": return output?.querySelector(".jesse-nb-live") ? null : output?.querySelector("h2, h3, h4, p, table");
      case "question": return [...this.form.querySelectorAll(".jesse-nb-panel-asking button")].at(-1);
      case "wrong": return this.form.querySelector(".jesse-nb-panel-wrong :is(input, select)");
      default: return this.form.querySelector(".jesse-nb-panel-run");
    }
  }

  go(tries = 60) {
    clearTimeout(this.timer);
    const wish = this.model.get("look");
    if (!wish) return;
    if (wish === "result") this.sections.draw();
    let place = this.place;
    if (!place?.offsetParent || place.disabled) {
      if (tries) {
        if (wish === "output") this.settle(this.panel.querySelector(":scope > .jesse-nb-panel-output"));
        this.timer = setTimeout(() => this.go(tries - 1), 50);
        return;
      }
      place = this.panel.querySelector(":scope > .jesse-nb-panel-output");
    }
    this.settle(place);
    if (wish === "result") this.sections.draw();
    this.done();
  }

  settle(place) {
    if (!place || place === document.activeElement || !this.free) return;
    if (!place.matches("input, select, button, [tabindex]")) place.tabIndex = -1;
    place.focus();
  }

  done() {
    if (!this.model.get("look")) return;
    this.model.set("look", "");
    this.model.save_changes();
  }

  end() {
    clearTimeout(this.timer);
    document.removeEventListener("pointerdown", this.turned, true);
    document.removeEventListener("focusin", this.turned, true);
    this.model.off("change:look", this.looked);
  }
}

// Links to the headings of what a form shows. They stay in view as long as any of that is: the notebook's own elements
// between here and what scrolls cut `position: sticky` off.
class Sections {
  constructor(panel, el) {
    Object.assign(this, { panel, el, headings: [] });
    this.links = document.createElement("div");
    this.links.className = "jesse-nb-panel-sections";
    this.links.setAttribute("role", "navigation");
    this.links.setAttribute("aria-label", "Sections of the report");
    el.replaceChildren(this.links);
    this.moved = () => {
      cancelAnimationFrame(this.frame);
      this.frame = requestAnimationFrame(() => this.follow());
    };
    document.addEventListener("scroll", this.moved, true);
    this.sizes = new ResizeObserver(this.moved);
    this.sizes.observe(panel);
    this.draw();
  }

  get output() {
    return this.panel.querySelector(":scope > .jesse-nb-panel-output");
  }

  draw() {
    for (const table of this.output.querySelectorAll(".wide")) {
      if (table.scrollWidth <= table.clientWidth) table.removeAttribute("tabindex"); // there is nothing to scroll
    }
    this.headings = [...this.output.querySelectorAll(":is(h2, h3)")];
    this.el.style.display = this.headings.length > 1 ? "" : "none";
    this.links.replaceChildren(...this.headings.map((heading, number) => {
      const link = document.createElement("button");
      link.type = "button";
      link.textContent = number ? heading.firstChild?.textContent.trim() || heading.textContent : "Report";
      link.addEventListener("click", () => {
        heading.tabIndex = -1;
        heading.focus({ preventScroll: true });
        heading.scrollIntoView({ block: "start" });
      });
      return link;
    }));
    this.moved();
  }

  // Where what is seen begins: below the notebook's toolbar, for example.
  get top() {
    for (let node = this.panel.parentElement; node; node = node.parentElement) {
      const scrolls = /auto|scroll/.test(getComputedStyle(node).overflowY) && node.scrollHeight > node.clientHeight + 1;
      if (scrolls) return Math.max(0, node.getBoundingClientRect().top);
    }
    return 0;
  }

  follow() {
    if (this.el.style.display === "none" || !this.el.isConnected) return;
    const top = this.top, place = this.el.getBoundingClientRect(), end = this.output.getBoundingClientRect().bottom;
    const away = place.top < top && end > top;
    if (away && !this.links.classList.contains("jesse-nb-panel-away")) this.el.style.height = `${place.height}px`;
    if (!away) this.el.style.height = ""; // what it takes stays taken, or all would jump
    this.links.classList.toggle("jesse-nb-panel-away", away);
    const by = Math.min(top, end - this.links.offsetHeight) - place.top;
    this.links.style.transform = away ? `translateY(${by}px)` : "";
    this.mark(away ? top + 60 : -Infinity); // a heading that was gone to lies a little higher
    if (away) this.moved(); // what is above may grow or be moved, which is no scrolling: the links would lie elsewhere
  }

  // The section that is read now.
  mark(line) {
    const now = this.headings.findLastIndex((heading) => heading.getBoundingClientRect().top <= line);
    [...this.links.children].forEach((link, number) => {
      if (number !== now) link.removeAttribute("aria-current");
      else if (!link.hasAttribute("aria-current")) {
        link.setAttribute("aria-current", "location");
        this.links.scrollLeft = link.offsetLeft - this.links.clientWidth / 3;
      }
    });
  }

  end() {
    cancelAnimationFrame(this.frame);
    document.removeEventListener("scroll", this.moved, true);
    this.sizes.disconnect();
  }
}

function render({ model, el }) {
  el.style.display = "none";
  const parts = [];
  const begin = () => {
    const panel = el.closest(".jesse-nb-panel"), form = panel?.querySelector(":scope > .jesse-nb-panel-form");
    if (parts.length || !panel || !form || !el.isConnected) return;
    panel.addEventListener("focusin", keepKeys);
    panel.addEventListener("keydown", leave, true); // ipywidgets' texts keep their keys to themselves
    const sections = new Sections(panel, el), names = new Names(model, panel, form);
    parts.push(names, sections, new Look(model, panel, form, sections));
    const mark = () => names.all();
    model.on("change:wrong", mark);
    parts.push({ end: () => model.off("change:wrong", mark) });
  };
  const timers = [0, 50, 150, 400, 1000].map((delay) => setTimeout(begin, delay)); // it is drawn before it is in its place
  const listen = (message) => { if (message.type === "copy") copy(message.text); };
  model.on("msg:custom", listen);
  return () => {
    timers.forEach(clearTimeout);
    for (const part of parts) part.end();
    model.off("msg:custom", listen);
  };
}
export default { render };
