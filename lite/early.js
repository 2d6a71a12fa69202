// The kernel's worker starts with the page instead of after it; the first kernel that is asked for gets it.
(() => {
  const Kind = Worker;
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
(async () => {
  if (!new URLSearchParams(location.search).has("run")) return;
  const ready = () => window.jupyterapp?.shell.currentWidget?.sessionContext?.isReady;
  while (!ready()) await new Promise((again) => setTimeout(again, 50));
  window.jupyterapp.commands.execute("notebook:run-all-cells");
})();

// What draws figures takes half a second to set itself up: now, while the page waits for its other scripts.
// It draws before the notebook gives a figure its width, and a notebook's width changes without the window's.
import(new URL("../static/pyodide/plotly-widget.js", document.baseURI)).then(({ FigureView }) => {
  const { perform_render: draw } = FigureView.prototype;
  FigureView.prototype.perform_render = function () {
    draw.call(this);
    const fit = () => {
      const drawn = this.el._fullLayout?.width;
      if (drawn && this.el.clientWidth && drawn !== this.el.clientWidth) this.autosizeFigure();
    };
    new ResizeObserver(fit).observe(this.el);
  };
});
