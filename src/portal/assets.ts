/** The portal's own files: nothing that a page loads comes from anywhere else. The palette is the console's. */
import { Hono } from 'hono';

export const CSP =
  "default-src 'none'; style-src 'self'; img-src 'self'; media-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/** The one page with a script. */
export const LINK_CSP = `${CSP}; script-src 'self'`;

const STYLE = `
:root {
  color-scheme: light dark;
  --text: light-dark(#1b1e23, #e4e7eb);
  --quiet: light-dark(#5a616b, #9aa2ad);
  --line: light-dark(#e3e6ea, #2a2e34);
  --ground: light-dark(#f7f8fa, #101214);
  --raised: light-dark(#ffffff, #17191c);
  --sunk: light-dark(#eff1f4, #1f2226);
  --edge: light-dark(#8b929c, #6b727c);
  --accent: light-dark(#2f5bd0, #8aabff);
  --accent-fill: light-dark(#5b83e8, #5d85e6);
  --good: light-dark(#176b45, #5ccb95);
  --good-ground: light-dark(#e6f4ec, #14291f);
  --warn: light-dark(#8a5200, #edb04f);
  --warn-ground: light-dark(#fbf0dd, #2c2212);
  --warn-fill: light-dark(#d9952f, #d9993c);
  --bad: light-dark(#b3261e, #ff9a90);
  --bad-ground: light-dark(#fdeceb, #331715);
  --bad-fill: light-dark(#e0604f, #d9695b);
  --radius: 8px;
  --gap: 16px;
  font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font-variant-numeric: tabular-nums; }
.top { background: var(--raised); border-bottom: 1px solid var(--line); }
.bar { max-width: 1080px; margin: 0 auto; padding: 12px 24px; display: flex; align-items: center; gap: 8px 18px; flex-wrap: wrap; }
.brand { font-weight: 650; letter-spacing: -.01em; color: var(--text); text-decoration: none; margin: 0; }
.top nav { display: flex; flex: 1 1 0; margin-left: 6px; }
.top nav a { padding: 4px 9px; border-radius: 6px; color: var(--quiet); text-decoration: none; }
.top nav a:hover { background: var(--sunk); color: var(--text); }
.top nav a[aria-current] { background: var(--sunk); color: var(--text); font-weight: 550; }
.who { display: flex; gap: 10px; align-items: baseline; font-size: 13px; color: var(--quiet); overflow-wrap: anywhere; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 24px 80px; outline: none; }
main.bare { max-width: 440px; padding-top: 12vh; }
.bare .brand { margin-bottom: 20px; }
h1 { font-size: 24px; line-height: 1.25; letter-spacing: -.015em; margin: 0 0 18px; font-weight: 620; overflow-wrap: anywhere; }
h2 { font-size: 15px; margin: 0 0 12px; font-weight: 600; }
p { margin: 0 0 10px; }
.lead { font-size: 16px; color: var(--quiet); margin-bottom: 20px; max-width: 62ch; }
.hint { font-size: 13px; color: var(--quiet); margin: 0 0 4px; overflow-wrap: anywhere; }
.said { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
a { color: var(--accent); text-underline-offset: 2px; text-decoration-thickness: from-font; overflow-wrap: anywhere; }
code { font: 13px/1.5 ui-monospace, "SF Mono", Menlo, Consolas, monospace; overflow-wrap: anywhere; }
.skip:not(:focus) { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.skip:focus { position: fixed; z-index: 2; top: 8px; left: 8px; padding: 8px 12px; background: var(--raised); border-radius: 6px; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px; }

.panel, .now { border: 1px solid var(--line); border-radius: var(--radius); background: var(--raised); padding: 18px 22px; margin: 0 0 var(--gap); min-width: 0; }
.panel > :last-child, .now > :last-child { margin-bottom: 0; }
.now { border-left: 4px solid var(--good); }
.now.stopped { border-color: var(--bad); background: var(--bad-ground); }
.headline { font-size: 20px; font-weight: 650; letter-spacing: -.015em; margin: 0 0 4px; color: var(--good); }
.now.stopped .headline { color: var(--bad); }
.lines { list-style: none; margin: 0; padding: 0; }
.lines li { padding: 10px 0; border-top: 1px solid var(--line); overflow-wrap: anywhere; }
.lines li:first-child { border-top: 0; padding-top: 0; } .lines li:last-child { padding-bottom: 0; }
.now .lines { margin-top: 10px; } .now .lines li { border-color: color-mix(in srgb, var(--bad) 22%, transparent); padding: 8px 0; } .now .lines li:first-child { border-top: 1px solid color-mix(in srgb, var(--bad) 22%, transparent); }
.badge { display: inline-block; padding: 0 7px; border-radius: 5px; font-size: 12.5px; line-height: 21px; font-weight: 550; background: var(--sunk); color: var(--quiet); }
.badge.good { background: var(--good-ground); color: var(--good); } .badge.warn { background: var(--warn-ground); color: var(--warn); } .badge.bad { background: var(--bad-ground); color: var(--bad); }
.chip { display: inline-block; padding: 0 8px; border-radius: 5px; background: var(--sunk); }
.empty { padding: 22px 16px; text-align: center; color: var(--quiet); border: 1px dashed var(--line); border-radius: var(--radius); margin: 0 0 var(--gap); }
.cards { list-style: none; padding: 0; margin: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 270px), 1fr)); gap: 0 var(--gap); }
.cards .panel { padding: 14px 18px; } .cards .panel > a { font-weight: 550; display: block; margin-bottom: 4px; }
.facts { margin: 0; }
.facts div { display: grid; grid-template-columns: minmax(120px, 26%) minmax(0, 1fr); gap: 12px; padding: 5px 0; }
.facts dt { color: var(--quiet); } .facts dd { margin: 0; overflow-wrap: anywhere; }
.figures { display: grid; grid-template-columns: repeat(auto-fill, minmax(150px, 1fr)); gap: 14px var(--gap); margin-bottom: 14px; }
.figures div { display: flex; flex-direction: column-reverse; gap: 0; padding: 0; justify-content: flex-end; }
.figures dt { font-size: 13px; } .figures dd { font-size: 22px; font-weight: 600; letter-spacing: -.015em; line-height: 1.3; }
.timeline { list-style: none; margin: 0; padding: 0 0 0 16px; border-left: 2px solid var(--line); }
.timeline li { position: relative; padding: 0 0 14px; overflow-wrap: anywhere; } .timeline li:last-child { padding-bottom: 0; } .timeline p { margin: 0; }
.timeline li::before { content: ""; position: absolute; left: -22px; top: 6px; width: 10px; height: 10px; border-radius: 50%; background: var(--bad-fill); border: 2px solid var(--raised); }
.timeline li.ends::before { background: var(--good); } .timeline time { font-size: 13px; color: var(--quiet); }
video { display: block; width: 100%; max-height: 62vh; aspect-ratio: 16 / 9; background: #0b0c0e; border-radius: var(--radius); margin-bottom: 14px; }
.signature { font-size: 12px; padding: 12px 14px; background: var(--sunk); border-radius: 6px; } .signature code { font-size: 12px; }

.chart { margin: 0; } .chart figcaption { font-size: 13px; color: var(--quiet); display: flex; justify-content: space-between; gap: 4px 16px; flex-wrap: wrap; margin-bottom: 8px; }
.key span { margin-left: 14px; } .key span:first-child { margin-left: 0; } .key span::before { content: ""; display: inline-block; width: 9px; height: 9px; border-radius: 2px; margin-right: 6px; background: var(--accent-fill); } .key .refused::before { background: var(--bad-fill); }
.plot { position: relative; } .plot svg { display: block; width: 100%; height: 110px; }
.plot .top { position: absolute; top: 0; left: 0; font-size: 11.5px; line-height: 1; color: var(--quiet); background: var(--raised); border: 0; padding: 2px 4px 2px 0; }
.axis { display: flex; justify-content: space-between; font-size: 11.5px; color: var(--quiet); border-top: 1px solid var(--line); padding-top: 4px; }
rect.allowed { fill: var(--accent-fill); } rect.refused { fill: var(--bad-fill); } .plot rect.ground { fill: transparent; } .plot g:hover rect.ground { fill: var(--sunk); }
.bounds { list-style: none; margin: 0; padding: 0; display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 260px), 1fr)); gap: 20px 28px; } .bounds p { margin: 0; } .bounds strong { font-size: 19px; font-weight: 600; letter-spacing: -.01em; }
.meter { display: block; width: 100%; height: 6px; border-radius: 3px; margin: 7px 0 5px; } .meter .ground { fill: var(--sunk); } .meter .used { fill: var(--accent-fill); } .meter.near .used { fill: var(--warn-fill); } .meter.full .used { fill: var(--bad-fill); }
details { margin-top: 10px; } summary { cursor: pointer; font-size: 13px; color: var(--quiet); } details table { margin-top: 8px; }

table { border-collapse: collapse; width: 100%; }
th { text-align: left; font-weight: 500; font-size: 13px; color: var(--quiet); padding: 0 14px 8px 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { padding: 8px 14px 8px 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; } td time { white-space: nowrap; }
th:last-child, td:last-child { padding-right: 0; } tbody tr:last-child td { border-bottom: 0; padding-bottom: 0; }

form { margin: 0; } .field { margin-bottom: 16px; min-width: 0; } .field > .hint { margin: 0 0 5px; }
label, legend { display: block; font-weight: 550; margin-bottom: 3px; padding: 0; }
input, select, textarea { font: inherit; color: var(--text); background: var(--raised); border: 1px solid var(--edge); border-radius: 6px; padding: 7px 10px; width: 100%; min-width: 0; }
textarea { min-height: 84px; resize: vertical; display: block; } input[aria-invalid], textarea[aria-invalid], select[aria-invalid] { border-color: var(--bad); }
input[type="radio"] { width: 16px; height: 16px; margin: 0; accent-color: var(--accent); flex: none; }
fieldset { border: 0; padding: 0; margin: 0 0 16px; } .choices { display: flex; flex-wrap: wrap; gap: 6px 18px; } .choices label { display: flex; gap: 7px; align-items: center; font-weight: 400; margin: 0; padding: 4px 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 220px), 1fr)); gap: 0 var(--gap); }
.field .fault, fieldset .fault { color: var(--bad); font-size: 13px; margin: 5px 0 0; }
button, .button { font: inherit; font-weight: 550; padding: 7px 14px; border: 1px solid var(--edge); border-radius: 6px; background: var(--raised); color: var(--text); cursor: pointer; text-decoration: none; display: inline-block; line-height: 1.5; }
button:hover, .button:hover { background: var(--sunk); }
button.primary { background: var(--accent); border-color: var(--accent); color: light-dark(#fff, #10131a); } button.primary:hover { background: color-mix(in srgb, var(--accent) 88%, var(--text)); }
button.link { border: 0; background: none; padding: 0; color: var(--accent); text-decoration: underline; font-weight: 400; }
.acts { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; } .acts .hint { margin: 0; flex: 1 1 220px; }
.filter { display: flex; flex-wrap: wrap; gap: 10px; align-items: end; margin-bottom: var(--gap); } .filter .field { margin: 0; flex: 0 1 220px; }

@media (max-width: 1000px) {
  .bar { padding: 10px 16px; } .who { margin-left: auto; }
  .top nav { order: 3; flex: 1 0 100%; flex-wrap: wrap; margin: 0 -9px; } .top nav a { padding: 3px 9px; }
  main { padding: 22px 16px 64px; } .panel, .now { padding: 16px; }
}
@media (max-width: 560px) {
  h1 { font-size: 21px; } .filter .field { flex: 1 1 130px; }
  .facts:not(.figures) div { grid-template-columns: 1fr; gap: 0; } .figures { grid-template-columns: 1fr 1fr; }
  thead { position: absolute; clip-path: inset(50%); } table, tbody, tr, td { display: block; }
  tr { padding: 10px 0; border-bottom: 1px solid var(--line); } tbody tr:first-child { padding-top: 0; } tbody tr:last-child { border-bottom: 0; padding-bottom: 0; }
  td { border: 0; padding: 1px 0; display: grid; grid-template-columns: 104px minmax(0, 1fr); gap: 10px; justify-items: start; } td.none { display: none; } td::before { content: attr(data-column); color: var(--quiet); font-size: 13px; }
}
@media print { .top, .noprint, .skip { display: none; } body { background: none; } .panel { break-inside: avoid; } main { padding: 0; } }
@media (prefers-reduced-motion: no-preference) { button, .button, .top nav a { transition: background .12s; } }
`;

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="#2f5bd0"/>
<path d="M9 7v16l2 3 2-3V7M19 7v16l2 3 2-3V7M7 11h18M7 17h18" fill="none" stroke="#fff" stroke-width="2.2"/></svg>`;

/** The secret stands behind the #, which no browser sends: it goes from there into the form, and out of the address. */
const LINK_SCRIPT = `const field = document.querySelector('input[name="link"]');
const secret = location.hash.slice(1);
if (field && secret) {
  history.replaceState(null, '', location.pathname);
  field.value = secret;
}
`;

export const assetRoutes = new Hono()
  .get('/portal/style.css', (c) => c.body(STYLE, 200, headersOf('text/css; charset=utf-8')))
  .get('/portal/icon.svg', (c) => c.body(ICON, 200, headersOf('image/svg+xml')))
  .get('/portal/link.js', (c) => c.body(LINK_SCRIPT, 200, headersOf('text/javascript; charset=utf-8')));

function headersOf(type: string): Record<string, string> {
  return { 'content-type': type, 'cache-control': 'public, max-age=3600' };
}
