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

// A date that is emptied part by part changes for Chromium with its first part, and for ipywidgets never.
function tellEmptied({ target }) {
  if (target.type === "date" && target.value === "" && !target.validity.badInput) {
    target.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

function render({ model, el }) {
  el.style.display = "none";
  const mark = () => {
    const panel = el.closest(".jesse-nb-panel");
    if (!panel) return;
    panel.addEventListener("focusin", keepKeys);
    for (const moment of ["keyup", "focusout"]) panel.addEventListener(moment, tellEmptied);
    panel.setAttribute("role", "form");
    panel.querySelector(".jesse-nb-panel-reason")?.setAttribute("aria-live", "polite");
    const wrong = new Set(model.get("wrong"));
    for (const row of panel.querySelectorAll(".jesse-nb-panel-field")) {
      const name = [...row.classList].find((one) => one.startsWith("jesse-nb-field-"))?.slice(15);
      for (const input of row.querySelectorAll("input, select")) {
        const line = input.closest(".jesse-nb-panel-row"); // of the parameter table, where only some are wrong
        input.setAttribute("aria-invalid", wrong.has(name) && (line?.classList.contains("jesse-nb-panel-wrong") ?? true));
      }
    }
  };
  const timers = [0, 150, 1000].map((delay) => setTimeout(mark, delay));
  const listen = (message) => { if (message.type === "copy") copy(message.text); };
  model.on("change:wrong", mark);
  model.on("msg:custom", listen);
  return () => {
    timers.forEach(clearTimeout);
    model.off("change:wrong", mark);
    model.off("msg:custom", listen);
  };
}
export default { render };
