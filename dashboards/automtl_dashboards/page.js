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
    Plotly.newPlot(holder, figure.data, figure.layout, config).then(function () {
      holder.on("plotly_click", function (event) { goTo(event.points[0].customdata); });
    });
  }

  // Where a figure says which trial a point is, a click leads to the trial's row.
  function goTo(number) {
    if (Number.isInteger(number) && document.getElementById("trial-" + number)) {
      location.hash = "trial-" + number;
    }
  }

  function keyOf(row, column) {
    const cell = row.cells[column];
    const value = cell.dataset.v;
    return value === undefined ? cell.textContent : parseFloat(value);
  }

  // Numbers before words, whatever the direction: empty cells are words and stay last.
  function compare(a, b, sign) {
    const numbers = [typeof a === "number", typeof b === "number"];
    if (numbers[0] !== numbers[1]) return numbers[0] ? -1 : 1;
    if (numbers[0]) return sign * (a - b);
    return sign * a.localeCompare(b);
  }

  function sortBy(heading) {
    const table = heading.closest("table");
    const body = table.tBodies[0];
    const column = heading.cellIndex;
    const ascending = heading.getAttribute("aria-sort") !== "ascending";
    table.querySelectorAll("th").forEach(function (th) { th.removeAttribute("aria-sort"); });
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const rows = Array.from(body.rows).map(function (row) {
      return { row: row, key: keyOf(row, column) };
    });
    rows.sort(function (a, b) { return compare(a.key, b.key, ascending ? 1 : -1); });
    rows.forEach(function (item) { body.appendChild(item.row); });
  }

  function makeSortable(heading) {
    heading.tabIndex = 0;
    heading.addEventListener("click", function () { sortBy(heading); });
    heading.addEventListener("keydown", function (event) {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        sortBy(heading);
      }
    });
  }

  document.querySelectorAll(".gallery img").forEach(function (picture) {
    picture.addEventListener("click", function () { picture.classList.toggle("large"); });
  });
  document.querySelectorAll("table.sortable th").forEach(makeSortable);
  document.querySelectorAll(".figure").forEach(draw);
})();
