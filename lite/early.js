// A worker that is started from an address has no policy, so that its Python could reach any host. One that is started
// from a blob has the page's: all are, and the page's policy refuses others.
const besides = (address, kind) => {
  const there = new URL(address, document.baseURI);
  if (there.protocol === "blob:") return there;
  // What it is told before its script has come is told again when it has.
  const text = kind !== "module" ? `importScripts("${there}");` : `
    const told = [];
    const keep = (event) => told.push(event);
    addEventListener("message", keep);
    await import("${there}");
    removeEventListener("message", keep);
    for (const { data, ports } of told) dispatchEvent(new MessageEvent("message", { data, ports: [...ports] }));`;
  return URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
};

// The kernel's worker starts with the page instead of after it; the first kernel that is asked for gets it.
(() => {
  const Kind = class extends Worker {
    constructor(address, options) {
      super(besides(address, options?.type), options);
    }
  };
  let waiting = crossOriginIsolated ? null : new Kind("../static/kernel.mjs", { type: "module" });
  window.Worker = class extends Kind {
    constructor(address, options) {
      if (waiting && String(address).includes("/comlink.worker.")) {
        const worker = waiting;
        waiting = null;
        return worker;
      }
      super(address, options);
    }
  };
})();

// A page's button asks for a notebook that has run: nobody who follows it should have to find out how.
// The application itself opens it half a second later, when it has saved its state, and finds it open.
(async () => {
  const asked = new URLSearchParams(location.search);
  if (!asked.has("run")) return;
  const moment = () => new Promise((again) => setTimeout(again, 20));
  while (!window.jupyterapp) await moment();
  const { commands, shell, started } = window.jupyterapp;
  await started;
  await commands.execute("docmanager:open", { path: asked.get("path"), options: { ref: "_noref" } });
  while (!shell.currentWidget?.sessionContext?.isReady) await moment();
  commands.execute("notebook:run-all-cells");
})();

// The book's pages draw lines, markers and bars. Their plotly, which is here too, knows no other traces, and sets itself
// up in a fifth of the time of the whole, which is fetched for whoever wants more.
const DRAWN = new Set(["scatter", "bar", "pie"]);
let whole;
function plotlyFor(traces) {
  if (window.Plotly && traces.every(({ type = "scatter" }) => DRAWN.has(type))) return null;
  whole ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    Object.assign(script, { src: "../static/pyodide/plotly-whole.js", onload: done, onerror: failed });
    document.head.append(script);
  });
  return whole;
}

// It draws before the notebook gives a figure its width, and a notebook's width changes without the window's.
function follow(view) {
  const fit = () => {
    const drawn = view.el._fullLayout?.width;
    if (drawn && view.el.clientWidth && drawn !== view.el.clientWidth) view.autosizeFigure();
  };
  new ResizeObserver(fit).observe(view.el);
}

import(new URL("../static/pyodide/plotly-widget.js", document.baseURI)).then(({ FigureView }) => {
  const { perform_render: draw, do_addTraces: add } = FigureView.prototype;
  FigureView.prototype.perform_render = async function () {
    await plotlyFor(this.model.get("_widget_data"));
    draw.call(this);
    follow(this);
  };
  FigureView.prototype.do_addTraces = async function () {
    const told = this.model.get("_py2js_addTraces");
    const waiting = plotlyFor(told?.trace_data ?? []);
    if (waiting === null) return add.call(this);
    await waiting;
    // By now the model has forgotten what it was told.
    await Plotly.addTraces(this.el, told.trace_data);
    this._sendTraceDeltas(told.trace_edit_id);
    this._sendLayoutDelta(told.layout_edit_id);
  };
});
