// Explorers on a page: labelled inputs, a figure, a sentence and perhaps a table, with every state already in the page.
// The data are written by marginlab/display/page.py; its docstring says how.
(() => {
  "use strict";

  const REST = 300; // milliseconds without a change, after which it is remembered and said
  const NEAR = "300px"; // how far outside the view a figure is drawn, once somebody reads
  const PRINTED = 640; // width of a figure on paper, in pixels
  const MISSING = "The script that draws this figure did not arrive. The words below say what it shows.";

  const root = document.documentElement;
  const said = (name) => document.querySelector(`meta[name="marginlab-${name}"]`)?.content; // by the page's head
  const config = { displayModeBar: false };

  // Plotly comes once, when the first figure is near or somebody begins to read.
  let arriving = null;
  function plotly() {
    arriving ??= new Promise((arrived, failed) => {
      const script = document.createElement("script");
      script.src = said("plotly");
      script.onload = arrived;
      script.onerror = () => {
        arriving = null;
        failed(new Error(`${script.src} did not arrive`));
      };
      document.head.append(script);
    });
    return arriving;
  }

  // Paper does not wait. From a file this is not allowed; there plotly comes at once.
  function plotlyNow() {
    if (window.Plotly || location.protocol === "file:") return;
    const request = new XMLHttpRequest();
    request.open("GET", said("plotly"), false);
    request.send();
    const script = document.createElement("script");
    script.textContent = request.responseText;
    document.head.append(script);
  }

  // Colours of text and lines follow the page's theme; traces keep theirs, which suit both.
  let ink = null;
  let printing = false;
  function themed(layout) {
    const css = (name, otherwise) => getComputedStyle(root).getPropertyValue(name).trim() || otherwise;
    ink ??= { text: css("--pst-color-text-base", "#333"), line: css("--pst-color-border", "#ccc") };
    const out = { ...layout, font: { ...layout.font, color: ink.text } };
    for (const key of Object.keys(layout)) {
      if (/^[xy]axis\d*$/.test(key)) {
        out[key] = { gridcolor: ink.line, linecolor: ink.line, zerolinecolor: ink.line, ...layout[key] };
      }
    }
    return printing ? { ...out, width: PRINTED } : out;
  }

  // The room for a figure changes with the window, and while a sidebar slides away after that. Its height stays: plotly's
  // own way to follow the window forgets it.
  const rooms = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const drawn = target.querySelector(".main-svg");
      const other = drawn && Math.abs(drawn.clientWidth - target.clientWidth) > 1;
      if (other && target.clientWidth && !printing) Plotly.relayout(target, { width: target.clientWidth });
    }
  });

  function react(plot, state) {
    if (!window.Plotly) return;
    if (!plot.classList.contains("js-plotly-plot")) rooms.observe(plot);
    Plotly.react(plot, state.data, themed(state.layout), config);
  }

  // A copy that can be changed in its parts; lists of numbers and words are shared, since nothing changes those.
  function copied(part) {
    if (Array.isArray(part)) return part.some((item) => item instanceof Object) ? part.map(copied) : part;
    if (!(part instanceof Object)) return part;
    return Object.fromEntries(Object.entries(part).map(([key, item]) => [key, copied(item)]));
  }

  // What a screen reader says, apart from the sentence that is seen: that one changes with every frame of a drag.
  const spoken = document.createElement("p");
  spoken.className = "visually-hidden";
  spoken.setAttribute("role", "status");
  (document.querySelector("main") ?? document.body).append(spoken);
  const say = (text) => {
    if (spoken.textContent !== text) spoken.textContent = text;
  };

  // What differs in a drawing is set part by part: text as text, all else as attributes.
  function redraw(parts, state) {
    for (const [name, { text, ...attributes }] of Object.entries(state)) {
      const part = parts.get(name);
      if (text !== undefined && part.textContent !== text) part.textContent = text;
      for (const [key, value] of Object.entries(attributes)) {
        if (part.getAttribute(key) !== value) part.setAttribute(key, value);
      }
    }
  }

  // A drawing by itself, as it is seen: its pictures where they stand, on the page's ground, in the text's colour.
  function alone(plot, ground) {
    const box = plot.getBoundingClientRect();
    const { color, fontFamily, fontSize } = getComputedStyle(plot);
    const whole = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    const sized = (element, sizes) => {
      for (const [key, value] of Object.entries(sizes)) element.setAttribute(key, value);
    };
    sized(whole, { width: box.width, height: box.height, color, "font-family": fontFamily, "font-size": fontSize });
    const under = document.createElementNS(whole.namespaceURI, "rect");
    sized(under, { width: "100%", height: "100%", fill: ground });
    whole.append(under);
    for (const picture of plot.children) {
      const { x, y, width, height } = picture.getBoundingClientRect();
      const copy = picture.cloneNode(true);
      copy.removeAttribute("style");
      sized(copy, { x: x - box.x, y: y - box.y, width, height });
      whole.append(copy);
    }
    return new XMLSerializer().serializeToString(whole);
  }

  // The file of a drawing: SVG as it is, PNG twice as fine as it is seen.
  async function pictured(plot, format, ground) {
    const file = new Blob([alone(plot, ground)], { type: "image/svg+xml" });
    if (format === "svg") return file;
    const image = new Image();
    image.src = URL.createObjectURL(file);
    await image.decode();
    URL.revokeObjectURL(image.src);
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [2 * image.width, 2 * image.height];
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    return new Promise((made) => canvas.toBlob(made, "image/png"));
  }

  function download(file, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(file);
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  // The rows of a table; a cell is its text, or text and the address it leads to.
  function fill(table, rows) {
    const kinds = [...table.tHead.rows[0].cells].map((cell) => cell.className);
    const lines = rows.map((cells) => {
      const line = document.createElement("tr");
      cells.forEach((cell, i) => {
        const place = line.insertCell();
        if (kinds[i]) place.className = kinds[i];
        if (!Array.isArray(cell)) return void (place.textContent = cell);
        const link = document.createElement("a");
        [link.textContent, link.href] = cell;
        place.append(link);
      });
      return line;
    });
    table.tBodies[0].replaceChildren(...lines);
  }

  // Figures that another script of the page has drawn here; they too follow theme and paper.
  const others = new Map();
  async function draw(plot, state) {
    others.set(plot, state);
    try {
      await plotly();
    } catch {
      plot.textContent = MISSING;
    }
    if (others.get(plot) === state) react(plot, copied(state));
  }
  const again = () => others.forEach((state, plot) => (plot.isConnected ? react(plot, copied(state)) : others.delete(plot)));
  window.marginlab = { draw, say };

  const startOf = (field) =>
    field.options ? [...field.options].findIndex((one) => one.defaultSelected) : Number(field.defaultValue);

  class Explorer {
    constructor(figure) {
      this.figure = figure;
      this.name = figure.id.replace(/^explorer-/, "");
      this.plot = figure.querySelector(".explorer-plot");
      this.words = figure.querySelector(".explorer-words");
      this.table = figure.querySelector(".explorer-table table");
      this.form = figure.querySelector("form");
      this.fields = [...this.form.querySelectorAll("[name]")];
      this.start = this.fields.map(startOf);
      this.places = [...this.start];
      // A drawing is there from the start, made of parts; any other figure is drawn once it comes near the view.
      this.drawing = this.plot.classList.contains("explorer-drawing");
      this.near = this.drawing;
      this.waiting = false; // for the frame that shows what was drawn
      this.stale = false; // since something changed meanwhile
      this.listen();
    }

    // Read when it is first needed: a page holds many states.
    get data() {
      this.read ??= JSON.parse(this.figure.querySelector('script[type="application/json"]').textContent);
      return this.read;
    }

    get controls() {
      return this.data.controls;
    }

    listen() {
      this.form.hidden = false;
      this.fields.forEach((field, i) => {
        field.addEventListener("input", () => this.move(i, Number(field.value)));
        field.addEventListener("change", () => this.settle());
      });
      this.form.addEventListener("submit", (event) => event.preventDefault());
      this.form.addEventListener("reset", (event) => {
        event.preventDefault();
        this.go(this.start);
        this.settle();
      });
      const [copy] = this.form.getElementsByClassName("explorer-copy");
      copy.addEventListener("click", () => share(this, copy));
      if (this.drawing) {
        const named = this.plot.querySelectorAll("[data-part]");
        this.parts = new Map([...named].map((part) => [part.dataset.part, part]));
        this.drag();
      }
      for (const save of this.form.getElementsByClassName("explorer-save")) {
        save.addEventListener("click", () => this.save(save.value));
      }
    }

    // A finger on a drawing moves its first slider, by as much of it as of the drawing's width.
    drag() {
      const i = this.fields.findIndex((field) => field.type === "range");
      if (i < 0) return;
      const last = Number(this.fields[i].max);
      let from = null;
      this.plot.classList.add("explorer-dragged");
      this.plot.addEventListener("pointerdown", (event) => {
        if (event.button) return;
        from = { x: event.clientX, place: this.places[i] };
        this.plot.setPointerCapture(event.pointerId);
      });
      this.plot.addEventListener("pointermove", (event) => {
        if (!from) return;
        const steps = Math.round(((event.clientX - from.x) / this.plot.clientWidth) * last);
        this.move(i, Math.min(Math.max(from.place + steps, 0), last));
      });
      for (const end of ["pointerup", "pointercancel"]) {
        this.plot.addEventListener(end, () => {
          if (from && from.place !== this.places[i]) this.settle();
          from = null;
        });
      }
    }

    move(i, place) {
      this.go(this.places.map((old, k) => (k === i ? place : old)));
    }

    go(places) {
      if (places.every((place, i) => place === this.places[i])) return;
      this.places = [...places];
      this.fields.forEach((field, i) => {
        field.value = places[i];
        if (field.type !== "range") return;
        const written = this.controls[i].written[places[i]];
        field.setAttribute("aria-valuetext", written);
        field.nextElementSibling.textContent = written;
      });
      this.refresh();
    }

    // Drawn at once, for the frame that comes. What changes before that frame waits for the next one, and only the
    // latest of it is drawn: no drag is ever followed by drawings that are out of date.
    refresh() {
      this.stale = this.waiting;
      if (this.waiting) return;
      this.waiting = true;
      const state = this.state();
      if (this.words.textContent !== state.sentence) this.words.textContent = state.sentence;
      if (this.table) fill(this.table, state.table);
      if (this.near) this.paint(state);
      requestAnimationFrame(() => {
        this.waiting = false;
        if (this.stale) requestAnimationFrame(() => this.stale && this.refresh());
      });
    }

    // The last of quick changes is the one that the address keeps and a screen reader says.
    settle() {
      clearTimeout(this.resting);
      this.resting = setTimeout(() => {
        remember(this);
        say(this.words.textContent);
      }, REST);
    }

    state() {
      const state = copied(this.data.base);
      for (const { path, shape, ids } of this.data.varying) {
        const place = shape.reduce((sum, length, i) => sum * length + (length === 1 ? 0 : this.places[i]), 0);
        let part = state;
        for (const key of path.slice(0, -1)) part = part[key] ??= {};
        part[path.at(-1)] = copied(this.data.values[ids[place]]);
      }
      return state;
    }

    paint(state = this.state()) {
      if (this.drawing) redraw(this.parts, state.parts);
      else react(this.plot, state);
    }

    // As large as it is seen, and on the page's ground: what is saved is looked at elsewhere.
    async save(format) {
      const ground = getComputedStyle(document.body).backgroundColor;
      if (this.drawing) {
        download(await pictured(this.plot, format, ground), `${this.name}.${format}`);
        return;
      }
      await plotly();
      const { data, layout } = this.state();
      const { width, height } = this.plot.getBoundingClientRect();
      const shown = { ...themed(layout), paper_bgcolor: ground };
      await Plotly.downloadImage({ data, layout: shown }, { format, width, height, filename: this.name });
    }

    show() {
      this.near = true;
      plotly().then(
        () => this.paint(),
        () => { this.plot.textContent = MISSING; },
      );
    }
  }

  const explorers = [...document.querySelectorAll("figure.explorer")].map((figure) => new Explorer(figure));
  const plotted = explorers.filter((one) => !one.drawing);

  // The address holds the values: #fall=0.3, or #name.fall=0.3 where two explorers have a control of one name.
  const named = explorers.flatMap((one) => one.fields.map((field) => field.name));
  const key = (one, name) => (named.filter((other) => other === name).length > 1 ? `${one.name}.${name}` : name);
  const keys = new Set(explorers.flatMap((one) => one.fields.flatMap(({ name }) => [name, `${one.name}.${name}`])));
  const address = () => new URLSearchParams(location.hash.slice(1));

  function nearest(control, start, text) {
    const exact = control.values.indexOf(text);
    if (exact >= 0) return exact;
    const wanted = Number(text);
    const gaps = control.values.map((value) => Math.abs(Number(value) - wanted));
    const least = Math.min(...gaps);
    return text.trim() !== "" && Number.isFinite(least) ? gaps.indexOf(least) : start;
  }

  // Writes what differs from the start of one explorer into values of the address.
  function written(one, values) {
    one.fields.forEach(({ name }, i) => {
      values.delete(name);
      values.delete(`${one.name}.${name}`);
      if (one.places[i] !== one.start[i]) values.set(key(one, name), one.controls[i].values[one.places[i]]);
    });
    return `${values}`;
  }

  function remember(one) {
    const values = address();
    for (const name of [...values.keys()]) if (!keys.has(name)) values.delete(name);
    const hash = written(one, values);
    if (hash !== location.hash.slice(1)) {
      history.pushState(null, "", hash ? `#${hash}` : location.pathname + location.search);
    }
  }

  // Sets every explorer to what the address says, and returns the first one it speaks of.
  // The address of a section says nothing of explorers and leaves them as they are.
  function recall() {
    const values = address();
    if (location.hash && ![...values.keys()].some((name) => keys.has(name))) return null;
    let first = null;
    for (const one of explorers) {
      const places = one.fields.map(({ name }, i) => {
        const text = values.get(`${one.name}.${name}`) ?? values.get(name);
        if (text === null) return one.start[i];
        first ??= one;
        return nearest(one.controls[i], one.start[i], text);
      });
      one.go(places);
    }
    return first;
  }

  async function share(one, button) {
    const link = new URL(location.href);
    link.hash = written(one, new URLSearchParams()) || one.figure.id;
    try {
      await navigator.clipboard.writeText(link.href);
    } catch {
      prompt("Copy this link:", link.href); // the page came without encryption, or the reader does not allow it
      return;
    }
    say("Link copied.");
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy link"; }, 2000);
  }

  // Where the page's notebook opens, if anywhere.
  const python = said("python");
  for (const one of python ? explorers : []) {
    const link = document.createElement("a");
    link.href = python;
    link.textContent = "Open in Python";
    if (new URL(link.href).pathname.endsWith(".ipynb")) link.download = "";
    one.form.querySelector(".explorer-tools").append(link);
  }

  recall()?.figure.scrollIntoView();
  for (const event of ["popstate", "hashchange"]) {
    addEventListener(event, () => {
      const one = recall();
      if (one) requestAnimationFrame(() => say(one.words.textContent));
    });
  }

  // What is in view is drawn. What is near it waits until somebody begins to read: the page itself comes first.
  function watch(margin) {
    const watcher = new IntersectionObserver((entries) => {
      for (const { isIntersecting, target } of entries) {
        if (!isIntersecting) continue;
        watcher.unobserve(target);
        const one = explorers.find(({ figure }) => figure === target);
        if (!one.near) one.show();
      }
    }, { rootMargin: margin });
    for (const one of explorers) if (!one.near) watcher.observe(one.figure);
    return watcher;
  }
  const inView = watch("0px");

  // Paper is light, narrower than most windows, and shows every figure.
  let theme = "";
  addEventListener("beforeprint", () => {
    if (plotted.length || others.size) plotlyNow();
    theme = root.dataset.theme;
    root.dataset.theme = "light";
    printing = true;
    ink = null;
    for (const one of plotted) one.paint();
    again();
  });
  addEventListener("afterprint", () => {
    printing = false;
    root.dataset.theme = theme; // draws those on the screen anew, below
  });

  new MutationObserver(() => {
    if (printing) return;
    ink = null;
    for (const one of plotted) if (one.near) one.paint();
    again();
  }).observe(root, { attributes: true, attributeFilter: ["data-theme"] });

  let begun = false;
  function begin() {
    if (begun) return;
    begun = true;
    inView.disconnect();
    watch(NEAR);
    if (plotted.length) plotly().catch(() => {}); // whoever needs it asks again
  }
  if (location.protocol === "file:") begin();
  const signs = ["scroll", "pointermove", "pointerdown", "keydown"];
  for (const sign of signs) addEventListener(sign, begin, { once: true, passive: true });
})();
