// What scrolls by itself must be reachable by keyboard.
document.addEventListener("DOMContentLoaded", () => {
  for (const part of document.querySelectorAll("article pre, article .table-wrapper")) part.tabIndex = 0;
});
