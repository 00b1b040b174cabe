// plotly's script is five megabytes. Sent with each figure, ten of them block the page, and anywidget gives up a figure
// whose script is not there within two seconds. So all share one, and no figure waits for it before it is drawn.

const PAUSE_MS = 30;
const HELD_MS = 3000; // whoever is found after so long was restored

// Figures are drawn one after the other, with a pause: while a page draws without one, nothing else of it is loaded, and
// anywidget gives up what takes two seconds to load.
function inTurn(draw) {
  const before = globalThis.jesseNbDrawing ?? Promise.resolve();
  const drawn = before.then(() => new Promise((go) => setTimeout(go, PAUSE_MS))).then(draw);
  globalThis.jesseNbDrawing = drawn.catch(() => {});
  return drawn;
}

function plotly(model) {
  const version = model.get("_version");
  const shared = (globalThis.jesseNbPlotly ??= new Map());
  if (!shared.has(version)) {
    const loading = load(model);
    shared.set(version, loading);
    loading.catch(() => shared.delete(version)); // a later figure tries again
  }
  return shared.get(version);
}

// The script is held by a widget. A page that was opened after that one may never know it: of the older ones a page knows
// none where a single one does not answer. Then the figure's own widget asks the kernel.
async function script(model) {
  try {
    return (await older(model.widget_manager, model.get("_script"), HELD_MS)).get("code");
  } catch {
    return asked(model);
  }
}

function asked(model) {
  return new Promise((resolve, reject) => {
    model.on("msg:custom", (message) => { if (message?.type === "script") resolve(message.code); });
    setTimeout(() => reject(new Error("the kernel did not send plotly's script")), RESTORED_MS);
    model.send({ ask: "script" });
  });
}

async function load(model) {
  const code = await script(model);
  const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
  try {
    const figureWidget = (await import(address)).default;
    return { figureWidget, Plotly: globalThis.Plotly }; // which the script has just set
  } finally {
    URL.revokeObjectURL(address);
  }
}

