"use strict";
// Parts of the page that are HTML of the report come as an attribute: React, which draws the rest,
// would otherwise take them apart, and put back what a reader has sorted.
(function () {
  function sorted(holder) {
    const heading = holder.querySelector("th[aria-sort]");
    if (heading === null) return null;
    return { title: heading.textContent, ascending: heading.getAttribute("aria-sort") === "ascending" };
  }

  function sortAgain(holder, was) {
    if (was === null) return;
    const headings = Array.from(holder.querySelectorAll("table.sortable th"));
    const heading = headings.find(function (th) { return th.textContent === was.title; });
    if (heading) window.automtl.sort(heading, was.ascending);
  }

  function show(holder) {
    if (holder.shownHtml === holder.dataset.html) return;
    const order = sorted(holder);
    const place = holder.querySelector(".scroll");
    const [top, left] = place === null ? [0, 0] : [place.scrollTop, place.scrollLeft];
    holder.shownHtml = holder.dataset.html;
    holder.innerHTML = holder.shownHtml;
    sortAgain(holder, order);
    const again = holder.querySelector(".scroll");
    if (again !== null) again.scrollTo({ top: top, left: left, behavior: "instant" });
  }

  function consider(node) {
    if (node.dataset.html !== undefined) show(node);
    const isFigure = node.classList.contains("js-plotly-plot");
    if (isFigure && !node.isLinked) window.automtl.link(node);
    // A figure that was taken down loses its class and its listeners.
    node.isLinked = isFigure;
  }

  function look(records) {
    records.forEach(function (record) {
      if (record.type === "attributes") consider(record.target);
      record.addedNodes.forEach(function (node) {
        if (node.nodeType !== Node.ELEMENT_NODE) return;
        consider(node);
        node.querySelectorAll("[data-html], .js-plotly-plot").forEach(consider);
      });
    });
  }

  const what = { subtree: true, childList: true, attributeFilter: ["data-html", "class"] };
  new MutationObserver(look).observe(document.body, what);
})();
