"use strict";
// What a reader can do with sections, in a report and on the live page alike.
window.automtl = (function () {
  // Where a figure says which trial a point is, a click leads to the trial's row.
  function link(figure) {
    figure.on("plotly_click", function (event) { goTo(event.points[0].customdata); });
  }

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

  function sort(heading, ascending) {
    const table = heading.closest("table");
    const body = table.tBodies[0];
    const column = heading.cellIndex;
    table.querySelectorAll("th").forEach(function (th) { th.removeAttribute("aria-sort"); });
    heading.setAttribute("aria-sort", ascending ? "ascending" : "descending");
    const rows = Array.from(body.rows).map(function (row) {
      return { row: row, key: keyOf(row, column) };
    });
    rows.sort(function (a, b) { return compare(a.key, b.key, ascending ? 1 : -1); });
    rows.forEach(function (item) { body.appendChild(item.row); });
  }

  function turn(heading) {
    sort(heading, heading.getAttribute("aria-sort") !== "ascending");
  }

  document.addEventListener("click", function (event) {
    const heading = event.target.closest("table.sortable th");
    if (heading) turn(heading);
    const picture = event.target.closest(".gallery img");
    if (picture) picture.classList.toggle("large");
  });
  document.addEventListener("keydown", function (event) {
    const heading = event.target.closest("table.sortable th");
    if (heading && (event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      turn(heading);
    }
  });
  return { link: link, sort: sort };
})();
