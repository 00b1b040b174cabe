// A figure that waits for plotly's script and asks for what changed meanwhile.

const ANSWER_MS = 10000; // a kernel that is busy for longer has the figure drawn as it was

function isWhole(model) {
  const [layout, traces] = model.get("_whole_of");
  return layout === model.get("_last_layout_edit_id") && traces === model.get("_last_trace_edit_id");
}

// What changed before there was a script to hear it is asked for: else there would be empty axes.
async function whole(model) {
  if (isWhole(model)) return;
  await new Promise((resolve) => {
    model.on("change:_whole_of", resolve);
    setTimeout(resolve, ANSWER_MS);
    model.send({ ask: "whole" });
  });
}

export default () => {
  let figure;
  async function begin(model) {
    const made = (await plotly(model)).figureWidget();
    await whole(model);
    made.initialize({ model });
    return made;
  }
  return {
    async render({ model, el, ...others }) {
      figure ??= begin(model);
      figure.catch(() => { figure = undefined; });
      const made = await figure;
      return inTurn(() => made.render({ model, el, ...others }));
    },
  };
};
