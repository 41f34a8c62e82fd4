"""The style sheet of a page: one column on a phone, light and dark by the reader's setting."""

STYLE = """
:root {
  --back: #f6f7f9; --card: #ffffff; --text: #1b1e23; --soft: #565c66; --edge: #d9dde3; --link: #0b57d0;
  --warn: #8a3b00; --warn-back: #fff3e6; --good: #14692f;
  --c0: #1663c7; --c1: #c2410c; --c2: #15803d; --c3: #7e22ce; --c4: #be123c; --c5: #0e7490;
}
@media (prefers-color-scheme: dark) {
  :root {
    --back: #14161a; --card: #1d2026; --text: #e7e9ec; --soft: #a9b0ba; --edge: #383d46; --link: #8ab4f8;
    --warn: #ffb77a; --warn-back: #35261a; --good: #7fd69a;
    --c0: #6cb2ff; --c1: #ff9d5c; --c2: #5fd38a; --c3: #c79bff; --c4: #ff8da1; --c5: #4dd0e1;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body { margin: 0; background: var(--back); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
header, main { max-width: 1120px; margin: 0 auto; padding: 0 16px; overflow-wrap: anywhere; }
header { padding-top: 20px; }
main { padding-bottom: 40px; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0; }
h2 { font-size: 1.2rem; margin: 0 0 8px; }
h3 { font-size: 1rem; margin: 20px 0 4px; }
p { margin: 0 0 10px; max-width: 75ch; }
.run, .note, small, figcaption { color: var(--soft); }
small { font-size: 0.8rem; font-weight: normal; display: block; }
code { display: block; font: 0.9em ui-monospace, monospace; background: var(--back); color: var(--text);
  padding: 6px 8px; margin-top: 4px; border-radius: 4px; overflow-x: auto; white-space: pre; }
.pictures { columns: 2 440px; column-gap: 16px; }
.pictures > section:first-child { margin-top: 0; }
.pictures > section:last-child { margin-bottom: 0; }
section { break-inside: avoid; }
section, .facts { background: var(--card); border: 1px solid var(--edge); border-radius: 10px; padding: 16px;
  margin: 16px 0; min-width: 0; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(185px, 100%), 1fr)); gap: 12px 24px; }
.facts dt { color: var(--soft); font-size: 0.8rem; }
.facts dd { margin: 0; }
.warning { color: var(--warn); background: var(--warn-back); padding: 8px 12px; border-radius: 6px; }
.good { color: var(--good); }
.findings { margin: 0; padding-left: 20px; }
.findings li { margin-bottom: 6px; max-width: 75ch; }
.wide { overflow-x: auto; max-width: 100%; margin: 8px 0; overflow-wrap: normal; }
.wide:focus-visible, summary:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; }
table { border-collapse: collapse; font-size: 0.9rem; }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); }
th, td { text-align: left; vertical-align: top; padding: 6px 16px 6px 0; border-top: 1px solid var(--edge); }
thead th { border-top: 0; color: var(--soft); font-weight: normal; font-size: 0.8rem; }
tbody th { font-weight: 500; min-width: 6.6rem; overflow-wrap: anywhere; }
td { font-variant-numeric: tabular-nums; }
.figures td { white-space: nowrap; }
.figures .refused { white-space: normal; min-width: 16em; color: var(--warn); }
.plain td { overflow-wrap: anywhere; min-width: 12em; }
.strips { table-layout: fixed; width: 100%; }
.strips th, .strips td { border: 0; padding: 2px 0; vertical-align: middle; }
.strips th:first-child { width: 5.4rem; min-width: 0; padding-right: 8px; font-size: 0.8rem; line-height: 1.2;
  overflow-wrap: break-word; }
.strips thead { display: none; }
.strips img { margin: 0; border-radius: 2px; }
details { margin: 8px 0; }
summary { cursor: pointer; color: var(--link); padding: 4px 0; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: 0.9rem; }
img { display: block; max-width: 100%; height: auto; image-rendering: pixelated; border-radius: 4px; background: #fff;
  margin-bottom: 4px; }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(310px, 100%), 1fr)); gap: 24px; }
.beside { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(280px, 100%), 1fr)); gap: 16px 32px; }
.halves { grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); }
.beside > * { min-width: 0; }
.halves .chart { margin-top: 16px; }
.beside h3:first-child { margin-top: 0; }
.chart { max-width: 440px; }
.chart figcaption { color: var(--text); }
.chart > svg { display: block; width: 100%; height: auto; color: var(--text); }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 0 14px; margin: 0; padding: 0; font-size: 0.8rem; }
.chart .note { font-size: 0.8rem; display: block; }
.swatch { width: 22px; height: 10px; margin-right: 5px; }
svg text { fill: currentColor; font-size: 11px; }
svg text.small { font-size: 9.5px; }
svg .gridline { stroke: currentColor; stroke-opacity: 0.15; }
svg .mark { stroke: currentColor; stroke-opacity: 0.7; stroke-width: 1.5; stroke-dasharray: 2 3; }
svg .mode { fill: currentColor; fill-opacity: 0.1; stroke: currentColor; stroke-opacity: 0.6; }
svg .line { fill: none; stroke-width: 2; stroke-linejoin: round; }
svg .dots { stroke-width: 2.5; stroke-linecap: round; fill: none; stroke-opacity: 0.75; }
.d1 { stroke-dasharray: 6 3; } .d2 { stroke-dasharray: 2 2; } .d3 { stroke-dasharray: 8 3 2 3; }
.c0 { fill: var(--c0); stroke: var(--c0); } .c1 { fill: var(--c1); stroke: var(--c1); }
.c2 { fill: var(--c2); stroke: var(--c2); } .c3 { fill: var(--c3); stroke: var(--c3); }
.c4 { fill: var(--c4); stroke: var(--c4); } .c5 { fill: var(--c5); stroke: var(--c5); }
@media (max-width: 600px) {
  section, .facts { padding: 12px; }
  th, td { padding-right: 10px; }
  header, main { padding-left: 12px; padding-right: 12px; }
}
"""
