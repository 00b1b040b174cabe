// What the kernel draws anew reaches an output by a display id, which a page that was opened again has not got: there
// the notebook would be saved with what the output was before. So the output that has a place is written to instead.
function keepInNotebook(manager, place, data) {
  const cells = manager?.context?.model?.cells; // of JupyterLab and Notebook
  for (let at = 0; place && at < (cells?.length ?? 0); at++) {
    const outputs = cells.get(at).outputs;
    for (let one = 0; one < (outputs?.length ?? 0); one++) {
      const output = outputs.get(one).toJSON();
      const html = [].concat(output.data?.["text/html"] ?? "").join("");
      if (html.includes(place) && html !== data["text/html"]) outputs.set(one, { ...output, data: { ...output.data, ...data } });
    }
  }
}

