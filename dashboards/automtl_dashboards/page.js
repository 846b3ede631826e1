"use strict";
(function () {
  const stored = JSON.parse(document.getElementById("figure-data").textContent);
  const config = {
    responsive: true,
    displaylogo: false,
    // plotly.js offers by default to upload a chart; a report is private.
    showSendToCloud: false,
    plotlyServerURL: "",
    modeBarButtonsToRemove: ["select2d", "lasso2d", "autoScale2d"],
  };

  function restore(trace) {
    for (const key of ["text", "hovertext"]) {
      const places = trace[key + "Ref"];
      if (places) {
        trace[key] = places.map(function (place) { return stored.texts[place]; });
        delete trace[key + "Ref"];
      }
    }
  }

  function draw(holder) {
    const figure = stored.figures[holder.dataset.figure];
    figure.data.forEach(restore);
    figure.layout.hoverlabel = Object.assign({}, figure.layout.hoverlabel, {
      bgcolor: "#1c222b",
      bordercolor: "#5b6675",
    });
    figure.layout.hoverlabel.font = Object.assign({}, figure.layout.hoverlabel.font, {
      color: "#f1f4f8",
    });
    Plotly.newPlot(holder, figure.data, figure.layout, config).then(window.automtl.link);
  }

  document.querySelectorAll(".figure").forEach(draw);
})();
