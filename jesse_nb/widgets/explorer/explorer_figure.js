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

// plotly's model takes the word for "as it was" in a change for a value, and whoever draws the figure afterwards would
// find nothing there: circles in place of crosses.
function understood(model) {
  const one = (value) => (value === "_undefined_" ? undefined : value);
  const all = (styles) => Object.fromEntries(Object.entries(styles ?? {}).map(
    ([name, values]) => [name, Array.isArray(values) ? values.map(one) : one(values)]));
  const read = {
    _py2js_update: (change) => ({ ...change, style_data: all(change.style_data) }),
    _py2js_restyle: (change) => ({ ...change, restyle_data: all(change.restyle_data) }),
  };
  const get = (name) => {
    const value = model.get(name);
    return value && read[name] ? read[name](value) : value;
  };
  return { get, set: model.set.bind(model), on: model.on.bind(model), save_changes: model.save_changes.bind(model) };
}

export default () => {
  let figure;
  async function begin(model) {
    const made = (await plotly(model)).figureWidget();
    await whole(model);
    made.initialize({ model: understood(model) });
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
