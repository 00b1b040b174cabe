// Puts views of a widget into outputs that are plain HTML, in place of the static form that stands there.

const KEPT_AFTER_MS = 1500; // by then an output has been drawn anew, where the page knows it
const AWAY_MS = 10000; // a view whose output has been off the page for so long is given up

// What the notebook does to an output, its widget does not do: so a view is told what Lumino would tell it.
class Copy {
  constructor(view) {
    this.view = view;
    this.lumino = view.luminoWidget || view.pWidget;
    this.Widget = this.lumino.constructor; // inherits attach, Msg and ResizeMessage from Lumino's Widget
    this.root = document.createElement("div");
    this.root.className = "jesse-nb-mounted";
    this.root.dataset.lmSuppressShortcuts = "true"; // or a letter on a list would be a command of the notebook
    this.host = null;
    this.still = [];
    this.scrolled = new Map();
    this.focused = null;
    this.width = 0;
    this.rememberPlace();
    this.sizes = new ResizeObserver(([entry]) => this.fit(entry.contentRect.width));
    this.sizes.observe(this.root);
  }

  get away() {
    return !this.root.isConnected;
  }

  placeIn(host) {
    const scrolled = [...this.scrolled], focused = this.focused;
    this.leave();
    this.host = host;
    this.still = [...host.childNodes];
    this.styled = host.closest(".jp-RenderedHTMLCommon");
    this.styled?.classList.remove("jp-RenderedHTMLCommon"); // or tables and buttons would look like a document's
    host.replaceChildren(this.root);
    if (!this.lumino.isAttached) this.Widget.attach(this.lumino, this.root);
    for (const [node, [top, left]] of scrolled) [node.scrollTop, node.scrollLeft] = [top, left];
    if (focused && document.activeElement !== focused) focused.focus({ preventScroll: true });
  }

  // The static form comes back.
  leave() {
    if (this.root.parentElement === this.host) this.host?.replaceChildren(...this.still);
    this.styled?.classList.add("jp-RenderedHTMLCommon");
    this.host = this.styled = null;
  }

  dispose() {
    this.sizes.disconnect();
    this.leave();
    if (this.lumino.isDisposed) return;
    if (this.lumino.isAttached) {
      // Lumino detaches only what is on the page, and disposes only what is detached.
      this.lumino.processMessage(this.Widget.Msg.BeforeDetach);
      this.lumino.processMessage(this.Widget.Msg.AfterDetach);
    }
    this.view.remove();
  }

  fit(width) {
    if (this.away || width === 0 || width === this.width) return;
    this.width = width;
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => {
      if (!this.away && !this.lumino.isDisposed) this.lumino.processMessage(this.Widget.ResizeMessage.UnknownSize);
    });
  }

  // What is scrolled or has the focus is so again after its element was moved. Both are kept as they happen:
  // once an output was drawn anew it is too late to ask.
  rememberPlace() {
    this.root.addEventListener("scroll", ({ target }) => {
      if (!this.away) this.scrolled.set(target, [target.scrollTop, target.scrollLeft]);
    }, true);
    this.root.addEventListener("focusin", ({ target }) => { this.focused = target; });
    this.root.addEventListener("focusout", () => setTimeout(() => {
      if (!this.away && !this.root.contains(document.activeElement)) this.focused = null;
    }));
  }
}

class Mounter {
  constructor(model) {
    this.model = model;
    this.copies = [];
    this.coming = 0;
    this.places = document.getElementsByClassName(model.get("place") || "jesse-nb-mounted-unnamed");
    this.observer = new MutationObserver(() => this.fill());
    // plotly draws before it is on the page, and hears of nothing but the window's size
    this.plots = new ResizeObserver((entries) => {
      const seen = entries.map(({ target }) => target).filter((plot) => this.copies.some(({ root }) => root.contains(plot)));
      requestAnimationFrame(() => { for (const plot of seen) plot._responsiveChartHandler?.(); });
    });
    this.drawn = ({ detail }) => this.plots.observe(detail.element);
    document.addEventListener("plotlywidget-after-render", this.drawn);
    model.on("comm:close", () => this.close());
    model.on("destroy", () => this.close());
    model.on("msg:custom", (message) => {
      if (message?.type !== "static") return;
      clearTimeout(this.keeping);
      this.keeping = setTimeout(() => this.keep(message.data), KEPT_AFTER_MS);
    });
    this.begin();
  }

  async begin() {
    let widget;
    try {
      widget = await older(this.model.widget_manager, this.model.get("widget_id"));
    } catch {
      return; // closed before the page was loaded: the static form stays
    }
    this.widget = widget;
    widget.on("comm_live_update", () => this.follow());
    widget.on("destroy", () => this.close());
    this.model.widget_manager.kernel?.disposed?.connect(() => this.letGo());
    // ipykernel 7 may leave the first message to a subshell lying until the next comes: so it is not the user's.
    for (const delay of [0, 250]) setTimeout(() => { if (!this.closed && widget.comm_live) this.model.send({}); }, delay);
    this.follow();
  }

  keep(data) {
    if (!this.closed) keepInNotebook(this.model.widget_manager, this.model.get("place"), data);
  }

  // Views of a widget that the kernel forgot would still look as if they could be used.
  follow() {
    if (this.closed) return;
    if (this.widget.comm_live) {
      this.observer.observe(document.body, { childList: true, subtree: true });
      this.fill();
    } else {
      this.clear();
    }
  }

  fill() {
    if (this.closed || !this.widget.comm_live) return;
    const waiting = [...this.places].filter((place) => !place.firstElementChild?.classList.contains("jesse-nb-mounted"));
    for (const copy of this.copies) if (copy.away && waiting.length) copy.placeIn(waiting.shift());
    for (let missing = waiting.length - this.coming; missing > 0; missing--) this.create();
    if (!this.pruning && this.copies.some((copy) => copy.away)) this.pruning = setTimeout(() => this.prune(), AWAY_MS);
  }

  async create() {
    this.coming++;
    try {
      const view = await this.model.widget_manager.create_view(this.widget);
      this.coming--;
      this.copies.push(new Copy(view));
      this.fill();
    } catch (error) {
      console.warn("jesse_nb: the static form stays, because the widget cannot be shown:", error);
      this.close();
    }
    if (this.closed || !this.widget.comm_live) this.clear();
  }

  prune() {
    this.pruning = 0;
    for (const copy of this.copies) if (copy.away) copy.dispose();
    this.copies = this.copies.filter((copy) => !copy.away);
    if (!this.copies.length && this.forgotten) this.model.send({ type: "forgotten" });
  }

  // Whether no output of the notebook shows it any more: its cell was deleted, or has run again.
  get forgotten() {
    const cells = this.model.widget_manager?.context?.model?.cells; // of JupyterLab and Notebook
    for (let at = 0; at < (cells?.length ?? 0); at++) {
      if (JSON.stringify(cells.get(at).outputs?.toJSON() ?? "").includes(this.model.get("place"))) return false;
    }
    return Boolean(cells);
  }

  // The kernel was shut down: to dispose views would tell it, and it cannot be told.
  letGo() {
    for (const copy of this.copies.splice(0)) copy.leave();
    this.clear();
  }

  clear() {
    this.observer.disconnect();
    clearTimeout(this.pruning);
    this.pruning = 0;
    for (const copy of this.copies.splice(0)) copy.dispose();
  }

  close() {
    this.closed = true;
    this.plots.disconnect();
    document.removeEventListener("plotlywidget-after-render", this.drawn);
    this.clear();
  }
}

export default {
  initialize({ model }) {
    const mounter = new Mounter(model);
    return () => mounter.close();
  },
};
