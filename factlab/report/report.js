
"use strict";
(() => {
  const box = document.getElementById("search");
  const rows = [...document.querySelectorAll("#questions tbody tr")];
  if (!box || !rows.length) return;
  const status = document.getElementById("found");
  box.closest("p").hidden = false;
  box.addEventListener("input", () => {
    const wanted = box.value.trim().toLowerCase();
    let found = 0;
    for (const row of rows) {
      row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
      if (!row.hidden) found += 1;
    }
    status.textContent = wanted === "" ? "" : found + " of " + rows.length + " questions contain it";
  });
})();
