// What makes the flame graph move. A frame is `<g class="f" data-x data-w data-l>`: its first tick, its ticks, its
// level.
#pragma once

#include <string_view>

namespace profd {

inline constexpr std::string_view kFlameStyle = R"css(
svg { font: 11px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; }
.title { font: 600 16px system-ui, "DejaVu Sans", sans-serif; fill: #4a2c17; }
.note, .button { font: 12px system-ui, "DejaVu Sans", sans-serif; fill: #8a6a50; }
.button { cursor: pointer; fill: #b4501e; }
.button:hover { text-decoration: underline; }
.f { cursor: pointer; }
.f text { fill: #2b1a0e; pointer-events: none; }
.f:hover rect { stroke: #4a2c17; stroke-width: 1; }
.f.recursion text { fill: #fff; font-weight: 700; }
.f.marker text, .f.unknown text { fill: #6b5b4d; font-style: italic; }
.f.base { opacity: .55; }
.f.match rect { fill: #8e3fb5; }
.f.match text { fill: #fff; }
.hidden { display: none; }
)css";

inline constexpr std::string_view kFlameScript = R"js(
(function () {
  "use strict";
  var svg = document.documentElement;
  if (svg.tagName.toLowerCase() !== "svg") svg = document.currentScript.ownerSVGElement;
  var left = +svg.dataset.left, wide = +svg.dataset.wide, total = +svg.dataset.total, letter = +svg.dataset.letter;
  var info = svg.getElementById("info"), reset = svg.getElementById("reset"), rest = info.textContent;
  var frames = Array.prototype.map.call(svg.querySelectorAll(".f"), function (g) {
    var title = g.querySelector("title").textContent;
    return { g: g, rect: g.querySelector("rect"), text: g.querySelector("text"), title: title,
             name: title.slice(0, title.lastIndexOf("\n")), x: +g.dataset.x, w: +g.dataset.w, l: +g.dataset.l };
  });

  function fit(name, width) {
    var letters = Array.from(name), room = Math.floor((width - 6) / letter);
    if (room < 3) return "";
    return letters.length <= room ? name : letters.slice(0, room - 2).join("") + "..";
  }
  function place(frame, x, width) {
    frame.rect.setAttribute("x", x.toFixed(2));
    frame.rect.setAttribute("width", Math.max(width - 0.4, 0.1).toFixed(2));
    frame.text.setAttribute("x", (x + 3).toFixed(2));
    frame.text.textContent = fit(frame.name, width);
  }
  function zoom(to) {
    var scale = wide / to.w;
    frames.forEach(function (frame) {
      var holds = frame.l < to.l && frame.x <= to.x && frame.x + frame.w >= to.x + to.w;
      var inside = frame.l >= to.l && frame.x >= to.x && frame.x + frame.w <= to.x + to.w;
      frame.g.classList.toggle("hidden", !holds && !inside);
      frame.g.classList.toggle("base", holds);
      if (holds) place(frame, left, wide);
      if (inside) place(frame, left + (frame.x - to.x) * scale, frame.w * scale);
    });
    reset.classList.toggle("hidden", to.l === 0);
  }
  function search(words) {
    var pattern = null;
    if (words) {
      try { pattern = new RegExp(words, "i"); } catch (error) {
        pattern = new RegExp(words.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"), "i");
      }
    }
    var covered = 0, end = -1;
    frames.forEach(function (frame) {
      frame.hit = pattern !== null && frame.l > 0 && pattern.test(frame.name);
      frame.g.classList.toggle("match", frame.hit);
    });
    // A match on top of a match is the same ticks: count each tick once.
    frames.filter(function (frame) { return frame.hit; }).sort(function (a, b) { return a.x - b.x || b.w - a.w; })
      .forEach(function (frame) {
        if (frame.x + frame.w <= end) return;
        covered += frame.w;
        end = frame.x + frame.w;
      });
    rest = pattern ? words + ": " + (100 * covered / total).toFixed(2) + " % of all samples" : "";
    info.textContent = rest;
  }
  function ask() {
    var words = prompt("Search functions (regular expression)");
    if (words !== null) search(words);
  }

  frames.forEach(function (frame) {
    frame.g.addEventListener("click", function () { zoom(frame); });
    frame.g.addEventListener("mouseenter", function () { info.textContent = frame.title.replace(/\n/g, "  "); });
    frame.g.addEventListener("mouseleave", function () { info.textContent = rest; });
  });
  reset.addEventListener("click", function () { if (frames.length) zoom(frames[0]); });
  svg.getElementById("search").addEventListener("click", ask);
  window.addEventListener("keydown", function (event) {
    if ((event.ctrlKey || event.metaKey) && event.key === "f") { event.preventDefault(); ask(); }
    if (event.key === "Escape") { search(""); if (frames.length) zoom(frames[0]); }
  });
})();
)js";

}  // namespace profd
