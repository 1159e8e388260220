"""How the page looks: one column, light or dark, on a telephone or on paper."""

CSS = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2024; --soft: #5a6169; --line: #d9dde2;
  --panel: #f5f7f9; --blue: #0063a0; --orange: #b34700; --amber: #fff6e0;
  --amber-line: #e0a800; --shade: #0003;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #16191d; --ink: #e6e8eb; --soft: #a3abb4; --line: #363c44;
    --panel: #1f2429; --blue: #6bbcf2; --orange: #f59a5f; --amber: #2c2611;
    --amber-line: #a67c00; --shade: #0009;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: auto; }
body {
  margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 62rem;
  background: var(--paper); color: var(--ink);
  font: 1rem/1.55 system-ui, "Segoe UI", Roboto, "Noto Sans", sans-serif;
  overflow-wrap: anywhere;
}
h1, h2, h3 { line-height: 1.25; text-wrap: balance; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
h2 {
  font-size: 1.25rem; margin: 3rem 0 .75rem; padding-top: .75rem;
  border-top: 1px solid var(--line);
}
h3 { font-size: 1.02rem; margin: 1.75rem 0 .5rem; }
p { margin: .6rem 0; max-width: 44rem; }
.soft, figcaption, .note { color: var(--soft); font-size: .9rem; }
a { color: var(--blue); }
:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px; }
.lead { font-size: 1.12rem; max-width: 48rem; margin: 1rem 0; }
.scores {
  display: grid; gap: .75rem; margin: 1.25rem 0; padding: 0;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 17rem), 1fr));
}
.scores > div {
  background: var(--panel); border: 1px solid var(--line);
  border-radius: .5rem; padding: .75rem .9rem;
}
.scores dt { font-size: .85rem; color: var(--soft); }
.scores dd { margin: 0; font-variant-numeric: tabular-nums; }
.scores .value { font-size: 1.55rem; font-weight: 650; line-height: 1.3; }
.scores .note { line-height: 1.35; }
.warnings {
  background: var(--amber); border-left: 4px solid var(--amber-line);
  border-radius: .25rem; padding: .6rem 1rem; margin: 1.25rem 0;
}
.warnings h2, .warnings h3 {
  margin: 0 0 .3rem; padding: 0; border: 0; font-size: 1rem;
}
.warnings ul { margin: 0; padding-left: 1.1rem; }
.warnings li { margin: .25rem 0; }
nav ol {
  columns: 15rem; column-gap: 2rem; padding-left: 1.4rem; margin: .5rem 0;
}
nav li { padding: .15rem 0; break-inside: avoid; }
.scroll {
  overflow-x: auto; margin: 1rem 0;
  background:
    linear-gradient(to right, var(--paper) 30%, transparent) left local,
    linear-gradient(to left, var(--paper) 30%, transparent) right local,
    linear-gradient(to right, var(--shade), transparent) left scroll,
    linear-gradient(to left, var(--shade), transparent) right scroll;
  background-repeat: no-repeat;
  background-size: 2.5rem 100%, 2.5rem 100%, .8rem 100%, .8rem 100%;
}
table {
  border-collapse: collapse; font-size: .92rem; min-width: min(100%, 30rem);
  font-variant-numeric: tabular-nums; overflow-wrap: normal;
}
caption {
  text-align: left; font-weight: 600; padding: 0 0 .4rem; font-size: .95rem;
}
caption span {
  display: block; position: sticky; left: 0; width: fit-content;
  max-width: min(100%, calc(100vw - 2rem));
}
th, td {
  padding: .35rem .8rem .35rem 0; text-align: right; vertical-align: baseline;
  border-bottom: 1px solid var(--line); white-space: nowrap;
}
th:first-child, .words { text-align: left; }
thead th { color: var(--soft); font-weight: 600; font-size: .85rem; }
tbody th { font-weight: 500; }
td.words { white-space: normal; min-width: 14rem; }
.facts { margin: .75rem 0; }
.facts > div {
  display: grid; grid-template-columns: minmax(9rem, 13rem) 1fr; gap: 0 1rem;
  padding: .35rem 0; border-bottom: 1px solid var(--line);
}
.facts dt { color: var(--soft); }
.facts dd { margin: 0; }
figure { margin: 1.25rem 0; }
.drawing img { display: block; max-width: 100%; height: auto; }
.drawing img.wide { max-width: none; }
figcaption { margin-top: .4rem; max-width: 44rem; }
pre, code { font: .86rem/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
pre {
  background: var(--panel); border: 1px solid var(--line);
  border-radius: .4rem; padding: .7rem .9rem; margin: 1rem 0;
  white-space: pre-wrap;
}
.grid {
  list-style: none; margin: 1rem 0; padding: 0; display: grid; gap: 1rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%, 16rem), 1fr));
}
.grid figure { margin: 0; break-inside: avoid; }
.pair { display: flex; gap: .4rem; }
.grid img, .row img {
  display: block; width: 7rem; height: 7rem; object-fit: contain;
  background: var(--panel); border: 3px solid transparent;
  border-radius: .3rem;
}
img.tiny { image-rendering: pixelated; }
img.right { border-color: var(--blue); }
img.wrong { border: 3px dashed var(--orange); }
.row {
  list-style: none; display: flex; flex-wrap: wrap; gap: .6rem;
  margin: .4rem 0 1.4rem; padding: 0;
}
.row img { width: 5.2rem; height: 5.2rem; }
.row figure { margin: 0; width: 5.2rem; }
.row figcaption { font-size: .78rem; line-height: 1.3; margin-top: .2rem; }
.row .query { margin-right: .8rem; }
.verdict-yes { color: var(--blue); font-weight: 600; }
.verdict-no { color: var(--orange); font-weight: 600; }
footer { margin-top: 3rem; border-top: 1px solid var(--line); }
@media (max-width: 44rem) {
  .drawing:has(.scroll) figcaption::after { content: " Scrolls sideways."; }
}
@media (max-width: 30rem) {
  .facts > div { grid-template-columns: 1fr; }
  h1 { font-size: 1.35rem; }
}
@media print {
  :root {
    color-scheme: light; --paper: #fff; --ink: #000; --soft: #444;
    --line: #bbb; --panel: #fff; --amber: #fff; --blue: #004a7a;
    --orange: #8f3900;
  }
  body { max-width: none; padding: 0; font-size: 10pt; }
  nav { display: none; }
  .drawing:has(.scroll) figcaption::after { content: none; }
  h2, h3, caption { break-after: avoid; }
  figure, tr, .scores > div, .facts > div { break-inside: avoid; }
  .scroll { overflow: visible; background: none; }
  .drawing img.wide { max-width: 100%; }
  table { font-size: 8.5pt; }
  a { color: inherit; text-decoration: none; }
}
"""
