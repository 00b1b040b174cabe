// A file chooser whose files go to the kernel in parts, each once the one before has arrived: no message is too long.

const PART = 2 ** 20;

function render({ model, el }) {
  const chooser = Object.assign(document.createElement("input"), { type: "file", multiple: true, hidden: true });
  const button = Object.assign(document.createElement("button"), {
    type: "button", className: "jupyter-button", textContent: "Upload …", title: model.get("tip") });
  const said = Object.assign(document.createElement("span"), { className: "jesse-nb-panel-said" });
  said.setAttribute("aria-live", "polite");
  el.classList.add("jesse-nb-panel-upload");
  el.append(chooser, button, said);

  const say = () => { said.textContent = model.get("said"); };
  let arrived = () => {};
  const listen = (message) => { if (message.type === "arrived") arrived(message.ok); };
  const send = (content, bytes) => new Promise((resolve) => {
    arrived = resolve;
    model.send(content, undefined, [bytes]);
  });

  async function upload() {
    button.setAttribute("aria-disabled", "true"); // what is `disabled` loses the focus
    try {
      const files = [...chooser.files];
      for (const [number, file] of files.entries()) {
        for (let first = 0; first === 0 || first < file.size; first += PART) {
          const bytes = new DataView(await file.slice(first, first + PART).arrayBuffer());
          const content = { type: "part", name: file.name, size: file.size, first, left: files.length - 1 - number };
          if (!await send(content, bytes)) return;
        }
      }
    } catch (error) {
      said.textContent = `It could not be read: ${error.message}`;
    } finally {
      button.setAttribute("aria-disabled", "false");
      chooser.value = "";
    }
  }
  button.addEventListener("click", () => { if (button.ariaDisabled !== "true") chooser.click(); });
  chooser.addEventListener("change", upload);
  model.on("change:said", say);
  model.on("msg:custom", listen);
  say();
  return () => {
    model.off("change:said", say);
    model.off("msg:custom", listen);
  };
}
export default { render };
