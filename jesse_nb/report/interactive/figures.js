// Draws the figures of a report that is on the page: each element holds its data, layout and config as JSON.

function drawFigures(root, Plotly) {
  const plots = [...root.querySelectorAll(".jesse-nb .figure")];
  const sizes = new ResizeObserver((entries) => {
    for (const { target, contentRect } of entries) if (contentRect.width && target._fullLayout) Plotly.Plots.resize(target);
  });
  for (const plot of plots) {
    const { data, layout, config } = JSON.parse(plot.querySelector("script").textContent);
    plot.replaceChildren();
    Plotly.newPlot(plot, data, layout, config).then(() => {
      follow(plot, plots, Plotly);
      sizes.observe(plot);
    });
  }
  return plots;
}

// A zoom of days is one of all figures that show some of these days.
function follow(plot, plots, Plotly) {
  let told = false;
  plot.on("plotly_relayout", (change) => {
    if (plot.led || told || !Object.keys(change).some((key) => /^xaxis\d*\.(range|autorange)/.test(key))) return;
    told = true;
    setTimeout(() => { told = false; });
    const range = days(plot);
    if (!range) return;
    const whole = range.every((day, end) => day === days(plot, true)[end]);
    for (const other of plots) {
      const own = other === plot ? null : days(other, true);
      if (!own || own[1] <= range[0] || own[0] >= range[1]) continue;
      other.led = true;
      const wanted = {};
      for (const axis of Object.keys(other.layout).filter((key) => /^xaxis/.test(key) && other._fullLayout[key]?.type === "date")) {
        wanted[`${axis}.range`] = whole ? [...own] : [...range];
      }
      Plotly.relayout(other, wanted).then(() => { other.led = false; });
    }
  });
}

// The first axis of days: the range that is seen, or the one that was drawn first.
function days(plot, first = false) {
  const axis = Object.values(plot._fullLayout).find((part) => part?._id?.[0] === "x" && part.type === "date");
  if (!axis) return null;
  return first ? [axis._rangeInitial0 ?? axis.range[0], axis._rangeInitial1 ?? axis.range[1]] : [...axis.range];
}
