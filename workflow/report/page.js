// Tables that can be sorted, and searched and paged where they are long; without JavaScript they are plain tables.
const LONG = 15;
for (const table of document.querySelectorAll("table.grid")) {
  const isLong = table.tBodies[0].rows.length > LONG;
  new ITable(table, {
    order: [],
    autoWidth: false,
    paging: isLong,
    pageLength: LONG,
    lengthMenu: [LONG, 50, 100, { label: "all", value: -1 }],
    layout: {
      topStart: isLong ? "pageLength" : null,
      topEnd: "search",
      bottomStart: isLong ? "info" : null,
      bottomEnd: isLong ? "paging" : null,
    },
    language: { search: "Search:", lengthMenu: "_MENU_ rows", info: "_START_ to _END_ of _TOTAL_ rows" },
  });
}
// what is out of sight is said, but not a few pixels
const FEW = 20;
const widths = new ResizeObserver(entries => entries.forEach(({ target }) =>
  target.closest(".scroll").classList.toggle("wide", target.scrollWidth > target.clientWidth + FEW)));
document.querySelectorAll(".scroll .dt-layout-full").forEach(part => widths.observe(part));
document.documentElement.dataset.ready = "yes";
