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
