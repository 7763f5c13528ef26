"""Theme and style sheet of the app."""

from __future__ import annotations

import gradio as gr

FONTS = [gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"]
MONO = [gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"]

THEME = gr.themes.Base(
    primary_hue=gr.themes.colors.blue,
    neutral_hue=gr.themes.colors.gray,
    font=FONTS,
    font_mono=MONO,
    radius_size=gr.themes.sizes.radius_md,
).set(
    button_primary_background_fill="*primary_700",
    button_primary_background_fill_hover="*primary_800",
    button_primary_background_fill_dark="*primary_700",
    button_primary_text_color="white",
    block_border_width="0px",
    block_shadow="none",
    block_background_fill="*body_background_fill",
    block_background_fill_dark="*body_background_fill",
    body_text_color_subdued="*neutral_600",
    body_text_color_subdued_dark="*neutral_300",
)

CSS = """
.gradio-container { max-width: 1180px !important; width: 100% !important; margin: 0 auto !important; }
.mv-head h1 { font-size: 1.75rem; margin: 0 0 .2rem; }
.mv-head p { margin: 0; max-width: 62ch; }
#steps button[role=tab] { font-size: 1.02rem; }
body:not(.dark) #steps button[role=tab][aria-selected=true] { color: #1d4ed8; }
#next-1, #next-2, #next-3, #next-4, #next-5, #next-6 { max-width: 320px; margin: 1rem auto 0; }
/* One left and one right edge for everything: blocks with a label keep 12 px to their sides, so the others do, too. */
.tabitem .row:has(> button) { padding-inline: 12px; box-sizing: border-box; }
.tabitem .column > button:not([id^=next-]) { margin-inline: 12px; width: auto; }
.tabitem .block:not(.padded, [style*=dashed]):not(:has(> .html-container)), #family { box-sizing: border-box;
  padding-inline: 12px !important; }
.tabitem .block[style*=dashed] { margin-inline: 12px; width: auto; border-width: 1px; border-radius: 8px;
  border-color: var(--neutral-400); }
.tabitem .block[style*=dashed] > label.float { border: 0; background: none; position: static; width: auto;
  padding: 8px 12px 0; align-items: flex-start; line-height: 1.35; }  /* above the sign to press, not across it */
.tabitem .block[style*=dashed] > label.float > span { flex: none; margin-top: .15em; }
.tabitem .block[style*=dashed] [data-testid=upload-text] { padding: 0; min-height: 0; }
@media (min-width: 641px) { #steps > .tab-wrapper { padding-inline: 12px; box-sizing: border-box; } }
/* Under the mouse, too, what is chosen looks chosen. */
input:is([type=radio], [type=checkbox]):checked:hover { border-color: var(--checkbox-border-color-selected) !important;
  background-color: var(--checkbox-background-color-selected) !important; }
.mv-subject { margin: .2rem 0 0; font-size: .95rem; opacity: .9; }
.mv-lead { max-width: 68ch; font-size: 1.05rem; }
.mv-strip { display: grid; grid-template-columns: repeat(auto-fit, minmax(118px, 1fr)); gap: 14px; margin: .4rem 0; }
.mv-strip.mv-three { max-width: 780px; }
.mv-strip.mv-few { max-width: 520px; }
.mv-beside .mv-strip { max-width: 420px; }
.mv-beside figcaption { overflow-wrap: anywhere; }
.mv-beside ul { margin: .3rem 0; }
.mv-beside li { margin: .1rem 0 !important; }
.mv-tile { margin: 0; min-width: 0; }
.mv-px { width: 100%; aspect-ratio: 1; object-fit: contain; image-rendering: pixelated; border-radius: 6px;
  display: block; }
.mv-tile figcaption { margin-top: .35rem; font-size: .95rem; line-height: 1.3; }
.mv-note { display: block; opacity: .8; font-size: .86rem; }
.mv-rows { display: grid; gap: 10px; }
.mv-compare { max-width: 440px; }
.mv-stack { position: relative; }
.mv-stack .mv-over { position: absolute; inset: 0; clip-path: inset(0 calc(100% - var(--p)) 0 0); }
.mv-stack b { position: absolute; top: 0; bottom: 0; left: var(--p); width: 3px; margin-left: -1.5px;
  background: #fff; box-shadow: 0 0 0 1px #000; }
.mv-ends { display: flex; justify-content: space-between; margin: .35rem 0 .1rem; }
.mv-compare input { width: 100%; accent-color: #1d4ed8; height: 28px; }
.mv-scale { display: flex; gap: 8px; align-items: center; font-size: .86rem; flex-wrap: wrap; margin: .2rem 0 .6rem; }
.mv-scale i { width: 140px; height: 12px; border-radius: 3px; display: inline-block; }
.mv-scale em { font-style: normal; opacity: .85; }
.mv-card { border: 1px solid var(--border-color-primary); border-radius: 10px; padding: 12px 14px; }
.mv-card dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 12px;
  margin: .4rem 0 0; font-size: .93rem; }
.mv-card dt { opacity: .8; }
.mv-card dd { margin: 0; overflow-wrap: anywhere; }
.mv-answer { border-left: 6px solid var(--c, #888); padding: 6px 0 6px 16px; margin: .4rem 0; }
.mv-answer h2 { margin: 0 0 .2rem; font-size: 1.35rem; }
.mv-answer p { margin: .15rem 0; max-width: 68ch; }
.mv-answer h3 { margin: 0 0 .2rem; font-size: 1.08rem; }
.mv-answer ul { margin: .3rem 0; padding-left: 1.2rem; max-width: 68ch; }
.mv-ratio { max-width: 640px; margin: .8rem 0 .6rem; padding: 0 22px; }
.mv-track { position: relative; height: 14px; border-radius: 7px; background: linear-gradient(90deg,
  rgba(213, 94, 0, .28), rgba(128, 136, 144, .14) 50%, rgba(0, 114, 178, .28)); }
.mv-track i { position: absolute; top: 0; bottom: 0; background: rgba(128, 136, 144, .45); border-radius: 7px; }
.mv-track b { position: absolute; top: -1px; width: 16px; height: 16px; margin-left: -8px; rotate: 45deg;
  background: var(--body-text-color); border: 1.5px solid var(--body-background-fill); }
.mv-marks { position: relative; height: 1.5rem; font-size: .82rem; }
.mv-marks span { position: absolute; translate: -50% 4px; }
.mv-ratio .mv-ends { font-size: .82rem; gap: 1rem; margin: 0 -22px; }
.mv-ratio .mv-ends span:last-child { text-align: right; }
.mv-checks dt { font-weight: 700; margin-top: .5rem; }
.mv-checks dd { margin: 0; max-width: 68ch; }
.mv-list { padding-left: 1.1rem; max-width: 72ch; }
.mv-sub, .mv-answer .mv-sub { font-size: 1rem; font-weight: 600; line-height: 1.3; margin: 0; }
.mv-answer .mv-sub { font-size: 1.08rem; margin: 0 0 .2rem; }
.mv-tall { max-height: 460px; overflow-y: auto; }
#truth:not(:has(p)), #beside:not(:has(p)) { display: none; }
#make-report { max-width: 320px; }
#noise-ask { max-width: 420px; }
.mv-files { display: flex; flex-wrap: wrap; gap: 10px; margin: .5rem 0; }
.mv-file { border: 1px solid var(--border-color-primary); border-radius: 8px; padding: 10px 14px;
  color: inherit !important; }
.mv-appendix { overflow-wrap: anywhere; font-size: .93rem; }
.mv-appendix table { width: 100%; table-layout: fixed; border-collapse: collapse; border: 0 !important; }
.mv-appendix td, .mv-appendix th { border: 0 !important; border-top: 1px solid var(--border-color-primary) !important;
  padding: 4px 10px 4px 0 !important; text-align: left; vertical-align: top; }
.mv-appendix tr { border: 0 !important; }
.mv-appendix .fixed { font-family: "IBM Plex Mono", monospace; font-size: .82rem; }
.mv-appendix .note { opacity: .8; font-size: .86rem; }
.mv-bar { height: 8px; background: var(--border-color-primary); border-radius: 4px; overflow: hidden; }
.mv-bar i { display: block; height: 100%; background: #1d4ed8; transition: width .2s; }
.mv-status { min-height: 1.6rem; }
.mv-chosen { max-width: 170px; }
.mv-error { border-left: 6px solid #b45309; padding: 6px 14px; }
.mv-again { all: unset; cursor: pointer; padding: 3px 0; text-decoration: underline; text-underline-offset: 4px; }
.mv-again:focus-visible { outline: 2px solid #1d4ed8; }
.mv-table { border-collapse: collapse; width: 100%; font-size: .93rem; border: 0 !important; }
.mv-table tr { border: 0 !important; }
.mv-table td, .mv-table th { text-align: left; padding: 5px 14px 5px 0 !important; border: 0 !important;
  border-bottom: 1px solid var(--border-color-primary) !important; white-space: nowrap; }
.mv-table th { white-space: normal !important; vertical-align: bottom; min-width: 9ch; }
.mv-table td.mv-wide { white-space: normal; min-width: 20ch; }
.mv-table a { margin: 0 !important; padding: 0 !important; text-indent: 0; color: inherit !important; }
.mv-scroll { overflow-x: auto; }
.mv-pad { width: 100%; max-width: 320px; aspect-ratio: 1; display: block; border-radius: 6px; background: #000;
  border: 1px solid var(--border-color-primary); cursor: crosshair; touch-action: none; }
#gallery .grid-wrap { max-height: none !important; min-height: 0 !important; height: auto !important;
  overflow: visible !important; padding: 0 !important; }
#gallery .grid-container { grid-template-columns: repeat(6, minmax(0, 1fr)) !important; gap: 8px !important; }
#gallery .thumbnail-lg, #gallery .gallery-item, #gallery button {
  width: 100% !important; height: auto !important; aspect-ratio: 1; }
.modebar { display: none !important; }
#gallery img { image-rendering: pixelated; background: #000; }
#gallery .caption-label { display: none; }
@media screen {
  .dark .js-plotly-plot [style*="rgb(1, 1, 1)"] { stroke: #fff !important; }
  .dark .js-plotly-plot path.point[style*="rgb(1, 1, 1)"],
  .dark .js-plotly-plot .legendpoints path[style*="rgb(1, 1, 1)"] { fill: #fff !important; }
}
.js-plotly-plot text { fill: var(--body-text-color) !important; }
footer { display: none !important; }
@media (max-width: 640px) {
  .mv-strip { grid-template-columns: repeat(2, minmax(0, 1fr)); }
  .mv-strip.mv-three { grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 8px; }
  .mv-beside .mv-strip { grid-template-columns: 1fr; gap: 10px; }
  .mv-beside .mv-tile { display: grid; grid-template-columns: 42% 1fr; gap: 12px; }
  .mv-beside .mv-tile figcaption { margin-top: 0; }
  .mv-head h1 { font-size: 1.4rem; }
  .mv-appendix .scroll { overflow-x: auto; }
  .mv-appendix table.wide { width: 44rem; }
  .mv-appendix table.pairs td { display: block; width: 100% !important; padding-right: 0 !important; }
  .mv-appendix table.pairs td:last-child { border-top: 0 !important; padding-top: 0 !important; }
  #gallery .grid-container { grid-template-columns: repeat(4, minmax(0, 1fr)) !important; }
}
"""
