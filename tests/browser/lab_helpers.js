// What the tests ask of JupyterLab, through its own models and commands.
window.labHelpers = {
  panel: null,
  commandEnds: [],
  lastClick: null,

  async open(path) {
    const app = window.jupyterapp;
    await app.restored;
    const panel = await app.commands.execute("docmanager:open", { path, factory: "Notebook" });
    await panel.context.ready;
    await panel.revealed;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
    this.panel = panel;
  },

  // The one notebook of a page of Notebook 7.
  async openOnly() {
    const app = window.jupyterapp;
    await app.restored;
    while (!app.shell.currentWidget?.sessionContext) await new Promise((resolve) => setTimeout(resolve, 50));
    const panel = app.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    await panel.sessionContext.session.kernel.info;
    this.panel = panel;
  },

  // Inserts no cell when the index is one of an existing cell.
  setSource(index, source) {
    const notebook = this.panel.content.model.sharedModel;
    if (index < notebook.cells.length) notebook.cells[index].setSource(source);
    else notebook.insertCell(index, { cell_type: "code", source });
  },

  async edit(index, source) {
    window.jupyterapp.shell.activateById(this.panel.id);
    this.setSource(index, source);
    const notebook = this.panel.content;
    notebook.activeCellIndex = index;
    notebook.mode = "edit";
    await notebook.scrollToItem(index);
    await notebook.activeCell.ready;
    notebook.activeCell.editor.focus();
  },

  cellCount() {
    return this.panel.content.model.cells.length;
  },

  // Starts a command on a cell and does not wait for it; its end is noted under the returned number.
  begin(command, index = null) {
    const app = window.jupyterapp;
    app.shell.activateById(this.panel.id);
    this.panel.content.deselectAll();
    if (index !== null) this.panel.content.activeCellIndex = index;
    const number = this.commandEnds.push(null) - 1;
    void app.commands.execute(command).then(() => (this.commandEnds[number] = Date.now()));
    return number;
  },

  outputs(index) {
    return this.panel.content.model.cells.get(index).outputs.toJSON();
  },

  html(index) {
    return this.outputs(index).map((output) => [].concat(output.data?.["text/html"] ?? "").join("")).join("\n");
  },

  node(index) {
    return this.panel.content.widgets[index].node;
  },

  // How far the bar in a cell's outputs is, from 0 to 1; null without a bar.
  progress(index) {
    const bar = this.node(index).querySelector("progress, [role=progressbar]");
    if (!bar) return null;
    if (bar.tagName === "PROGRESS") return bar.position < 0 ? 0 : bar.position;
    return Number(bar.getAttribute("aria-valuenow") ?? 0) / Number(bar.getAttribute("aria-valuemax") ?? 100);
  },

  // Marks a cell so that it can be found on the page, and brings it into view.
  async show(index) {
    this.node(index).dataset.cellOfTest = index;
    await this.panel.content.scrollToItem(index);
  },

  async ask(expression) {
    const kernel = this.panel.sessionContext.session.kernel;
    const request = kernel.requestExecute({
      code: "", silent: true, store_history: false, user_expressions: { answer: expression },
    });
    const { answer } = (await request.done).content.user_expressions;
    if (answer.status !== "ok") throw new Error(`${expression}: ${answer.ename}: ${answer.evalue}`);
    return answer.data["text/plain"];
  },
};
document.addEventListener("click", () => (window.labHelpers.lastClick = Date.now()), true);
