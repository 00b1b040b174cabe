// The report as HTML with plotly's figures in the places of its pictures. What is in it was escaped when it was rendered.

export default {
  async render({ model, el }) {
    el.innerHTML = model.get("html");
    const { Plotly } = await plotly(model);
    const plots = await inTurn(() => drawFigures(el, Plotly));
    return () => { for (const plot of plots) Plotly.purge(plot); };
  },
};
