// Explorers on a page: labelled inputs, a figure and a sentence, with every state already in the page.
// The data are written by marginlab/island.py; its docstring says how.
(() => {
  "use strict";

  const root = document.documentElement;
  const css = (name) => getComputedStyle(root).getPropertyValue(name).trim();

  // Colours of text and lines follow the page's theme; traces keep theirs, which suit both.
  function themed(layout) {
    const text = css("--pst-color-text-base") || "#333";
    const line = css("--pst-color-border") || "#ccc";
    const out = { ...layout, font: { ...layout.font, color: text } };
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) {
        out[key] = { gridcolor: line, linecolor: line, zerolinecolor: line, ...layout[key] };
      }
    }
    return out;
  }

  class Explorer {
    constructor(figure) {
      this.figure = figure;
      this.data = JSON.parse(figure.querySelector("script").textContent);
      this.plot = figure.querySelector(".explorer-plot");
      this.words = figure.querySelector(".explorer-words");
      this.form = figure.querySelector("form");
      this.inputs = this.data.controls.map((control) => figure.querySelector(`[name="${control.name}"]`));
      this.start = this.data.controls.map((control) => control.start);
      this.places = [...this.start];
      this.near = false; // drawn only once it comes near the view
      this.waiting = false;
      if (this.form) this.listen();
    }

    listen() {
      this.form.hidden = false;
      this.inputs.forEach((input, i) => {
        input.addEventListener("input", () => this.move(i, Number(input.value)));
        input.addEventListener("change", () => remember(this));
      });
      this.form.addEventListener("submit", (event) => event.preventDefault());
      this.form.addEventListener("reset", (event) => {
        event.preventDefault();
        this.go(this.start);
        remember(this);
      });
    }

    move(i, place) {
      this.go(this.places.map((old, k) => (k === i ? place : old)));
    }

    go(places) {
      if (places.every((place, i) => place === this.places[i])) return;
      this.places = [...places];
      this.inputs.forEach((input, i) => {
        const written = this.data.controls[i].written[places[i]];
        input.value = places[i];
        if (input.type === "range") {
          input.setAttribute("aria-valuetext", written);
          input.nextElementSibling.textContent = written;
        }
      });
      this.refresh();
    }

    // At most one drawing a frame, of the latest values.
    refresh() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => {
        this.waiting = false;
        const state = this.state();
        if (this.words.textContent !== state.sentence) this.words.textContent = state.sentence;
        if (this.near) this.paint(state);
      });
    }

    state() {
      const state = structuredClone(this.data.base);
      for (const { path, shape, ids } of this.data.varying) {
        const place = shape.reduce((sum, length, i) => sum * length + (length === 1 ? 0 : this.places[i]), 0);
        let part = state;
        for (const key of path.slice(0, -1)) part = part[key] ??= {};
        part[path.at(-1)] = this.data.values[ids[place]];
      }
      return state;
    }

    paint(state = this.state()) {
      if (!window.Plotly) return;
      const config = { displayModeBar: false, responsive: true };
      Plotly.react(this.plot, state.data, themed(state.layout), config);
    }

    show() {
      this.near = true;
      this.paint();
    }
  }

  const explorers = [...document.querySelectorAll("figure.explorer")].map((figure) => new Explorer(figure));

  // The address holds the values: #fall=0.3, or #name.fall=0.3 where two explorers have a control of one name.
  const uses = (name) => explorers.filter((one) => one.data.controls.some((control) => control.name === name)).length;
  const key = (one, name) => (uses(name) > 1 ? `${one.data.name}.${name}` : name);
  const address = () => new URLSearchParams(location.hash.slice(1));

  function nearest(control, text) {
    const exact = control.values.indexOf(text);
    if (exact >= 0) return exact;
    const wanted = Number(text);
    const gaps = control.values.map((value) => Math.abs(Number(value) - wanted));
    const least = Math.min(...gaps);
    return text.trim() !== "" && Number.isFinite(least) ? gaps.indexOf(least) : control.start;
  }

  function remember(one) {
    const values = address();
    for (const name of [...values.keys()]) if (!isSetting(name)) values.delete(name);
    one.data.controls.forEach((control, i) => {
      values.delete(control.name);
      values.delete(`${one.data.name}.${control.name}`);
      if (one.places[i] !== control.start) values.set(key(one, control.name), control.values[one.places[i]]);
    });
    const hash = `${values}` && `#${values}`;
    if (hash !== location.hash) history.pushState(null, "", hash || location.pathname + location.search);
  }

  const isSetting = (name) =>
    explorers.some((one) =>
      one.data.controls.some((control) => name === control.name || name === `${one.data.name}.${control.name}`));

  // Sets every explorer to what the address says, and returns the first one it speaks of.
  // The address of a section says nothing of explorers and leaves them as they are.
  function recall() {
    const values = address();
    if (location.hash && ![...values.keys()].some(isSetting)) return null;
    let spoken = null;
    for (const one of explorers) {
      const places = one.data.controls.map((control) => {
        const text = values.get(`${one.data.name}.${control.name}`) ?? values.get(control.name);
        if (text === null) return control.start;
        spoken ??= one;
        return nearest(control, text);
      });
      one.go(places);
    }
    return spoken;
  }

  recall()?.figure.scrollIntoView();
  addEventListener("popstate", recall);
  addEventListener("hashchange", recall);

  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      watcher.unobserve(entry.target);
      explorers.find((one) => one.figure === entry.target).show();
    }
  }, { rootMargin: "400px" });
  for (const one of explorers) watcher.observe(one.figure);

  addEventListener("beforeprint", () => explorers.forEach((one) => one.show()));
  new MutationObserver(() => explorers.forEach((one) => one.near && one.paint()))
    .observe(root, { attributes: true, attributeFilter: ["data-theme"] });
})();
