
"use strict";
(() => {
  // What a field is sorted by: its key, or the number in its text, or its text.
  const keyOf = (row, place) => {
    const field = row.cells[place];
    if (!field) return "";
    if (field.dataset.k !== undefined) return Number(field.dataset.k);
    const text = field.textContent.trim();
    const number = Number(text.replace(/[,\s]/g, "").replace("−", "-"));
    return text !== "" && !Number.isNaN(number) ? number : text;
  };
  const compare = (a, b) => {
    if (typeof a === "number" && typeof b === "number") return a - b;
    if (typeof a === typeof b) return a.localeCompare(b, "en", { numeric: true });
    return typeof a === "number" ? -1 : 1;
  };
  const sortBy = (table, head, place) => {
    const down = head.getAttribute("aria-sort") === "ascending";
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [keyOf(row, place), row]);
    rows.sort((a, b) => compare(a[0], b[0]) * (down ? -1 : 1));
    for (const other of head.parentNode.cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    body.append(...rows.map((pair) => pair[1]));
  };
  const makeSortable = (table) => {
    [...table.tHead.rows[0].cells].forEach((head, place) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      button.addEventListener("click", () => sortBy(table, head, place));
      head.append(button);
    });
  };
  let boxes = 0;
  const makeSearchable = (table) => {
    const rows = [...table.tBodies[0].rows];
    const line = document.createElement("p");
    const label = document.createElement("label");
    const box = document.createElement("input");
    const status = document.createElement("output");
    boxes += 1;
    line.className = "search";
    box.type = "search";
    box.autocomplete = "off";
    box.id = "search-" + boxes;
    label.htmlFor = box.id;
    label.textContent = "Find in this table";
    status.htmlFor = box.id;
    line.append(label, " ", box, " ", status);
    box.addEventListener("input", () => {
      const wanted = box.value.trim().toLowerCase();
      let found = 0;
      for (const row of rows) {
        row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
        if (!row.hidden) found += 1;
      }
      status.textContent = wanted === "" ? "" : found + " of " + rows.length + " rows contain it";
    });
    (table.closest(".scroll") || table).before(line);
  };
  // Browsers that do not open what a link leads into.
  const unfold = () => {
    const target = document.getElementById(location.hash.slice(1));
    for (let one = target; one; one = one.parentElement) {
      if (one.tagName === "DETAILS") one.open = true;
    }
    if (target) target.scrollIntoView();
  };
  window.addEventListener("hashchange", unfold);
  unfold();
  for (const table of document.querySelectorAll("table.sortable")) {
    if (table.tBodies[0].rows.length < 2) continue;
    makeSortable(table);
    if (table.tBodies[0].rows.length > 12) makeSearchable(table);
  }
})();
