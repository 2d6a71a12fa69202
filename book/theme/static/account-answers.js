// What is answered for the account that a reader enters: Python in a worker works it out, and screens show it. Here are
// the account that the tab keeps, the worker, the screens, and those below claims; account.js is the form. No margin is
// worked out here.
(() => {
  "use strict";

  const KEY = "marginlab-account"; // in the tab's own storage: the account as it stands in the fields

  const said = (name) => document.querySelector(`meta[name="marginlab-${name}"]`)?.content; // by the page's head
  const all = (from, what) => [...from.querySelectorAll(what)];

  // Once per page and address. A script comes from a file too, where nothing can be fetched.
  const scripts = new Map();
  function script(address) {
    if (!scripts.has(address)) {
      scripts.set(address, new Promise((arrived, failed) => {
        const one = document.createElement("script");
        one.src = address;
        one.onload = arrived;
        one.onerror = () => {
          scripts.delete(address);
          failed(new Error(`${address} did not arrive`));
        };
        document.head.append(one);
      }));
    }
    return scripts.get(address);
  }

  // ---- The account that the tab keeps.

  const isRows = (rows) => rows === undefined || (Array.isArray(rows) && rows.every((row) => row instanceof Object));
  const isEntry = (one) => one instanceof Object && Array.isArray(one.positions) && [one.positions, one.collateral, one.orders].every(isRows);

  function parsed(text) {
    try {
      const found = JSON.parse(text);
      return isEntry(found) ? found : null;
    } catch {
      return null;
    }
  }

  const kept = () => parsed(sessionStorage.getItem(KEY));
  const forget = () => sessionStorage.removeItem(KEY);

  function keep(entry) {
    try {
      sessionStorage.setItem(KEY, JSON.stringify(entry));
    } catch {
      // Too large to keep: then it lasts as long as the page.
    }
  }

  // ---- Python in a worker. What it is asked before it is there waits with it.

  const WHY_NOT =
    location.protocol === "file:" ? "A page that is opened from a file cannot run Python, which your own account needs: serve the book, as make serve does."
    : !said("account-python") ? "This copy of the book was built without Python for its pages, which your own account needs: make book puts it in where node and npm are found."
    : !window.WebAssembly || !window.Worker ? "Your own account needs WebAssembly, which this browser does not have."
    : "";

  const python = {
    coming: null,
    last: 0,
    heard: new Map(), // by the number of a question: who takes what is answered
    progress: "",
    failed: "",

    start() {
      if (!this.coming) this.tell("Python is coming …");
      this.coming ??= import(said("account-python")).then(({ start }) => {
        const worker = start();
        worker.onmessage = (one) => this.take(one);
        return worker;
      });
      this.coming.catch(() => this.fail("Python did not arrive"));
      return this.coming;
    },

    ask(question, take) {
      const id = ++this.last;
      this.heard.set(id, take);
      this.send({ id, ...question });
      return id;
    },

    send(message) {
      this.start().then((worker) => worker.send(message), () => {});
    },

    drop(id) {
      this.heard.delete(id);
    },

    take(one) {
      if (one.ready) return this.tell("");
      if (one.loading) return this.tell(arriving(one.loading));
      if (one.failed !== undefined && one.id === undefined) return this.fail(one.failed);
      const take = this.heard.get(one.id);
      if (one.done || (one.failed !== undefined && !one.name)) this.heard.delete(one.id);
      take?.(one);
    },

    tell(words) {
      Object.assign(this, { progress: words, failed: "" });
      look();
    },

    fail(reason) {
      this.heard.clear();
      Object.assign(this, { coming: null, progress: "", failed: `${reason}.` });
      look();
    },
  };

  function arriving({ words, loaded, total }) {
    const mega = (bytes) => (bytes / 1e6).toFixed(1);
    return total ? `${words}: ${mega(loaded)} of ${mega(total)} MB.` : `${words}.`;
  }

  // ---- Screens: a place with settings, words, a figure and a table.

  const screens = [];

  class Screen {
    constructor(place, open, settings = null) {
      Object.assign(this, { place, open, fixed: settings });
      this.name = place.dataset.screen;
      this.fields = all(place, "[name]");
      this.shown = this.asked = null; // for which account and settings
      screens.push(this);
    }

    get settings() {
      return this.fixed ?? Object.fromEntries(this.fields.map((field) => [field.name, field.value]));
    }

    get key() {
      return `${entered.version} ${JSON.stringify(this.settings)}`;
    }

    get stale() {
      return this.open() && this.shown !== this.key;
    }

    get words() {
      return this.place.querySelector(".account-words").textContent;
    }

    show({ state, failed }) {
      this.shown = this.asked;
      draw(this.place, state ?? { sentence: `${failed}.`, table: "" });
    }
  }

  function draw(place, state) {
    const [words, table, plot] = ["words", "table", "plot"].map((part) => place.querySelector(`.account-${part}`));
    words.textContent = state.sentence;
    table.innerHTML = state.table; // by the library, which lets no markup through
    named(table, "group", table.querySelector("caption")?.textContent ?? "");
    plot.hidden = !state.data?.length;
    if (plot.hidden) return;
    const question = place.closest("details")?.querySelector("summary").textContent ?? "Where are you liquidated?";
    named(plot, "img", `${question}: ${state.sentence}`);
    plot.style.minHeight = `${state.layout.height ?? 450}px`;
    marginlab.draw(plot, state);
  }

  // What is wider than a phone is scrolled, with the keyboard too.
  function named(part, role, name) {
    part.setAttribute("role", role);
    part.setAttribute("aria-label", name);
    if (role === "group") part.tabIndex = 0;
  }

  // ---- What is asked about. A change makes what is on its way out of date.

  const entered = { entry: null, version: 0, question: 0, timer: 0, problems: null, told: false };

  function change(entry, wait = 0) {
    entered.entry = entry;
    entered.version++;
    entered.problems = null;
    python.drop(entered.question);
    clearTimeout(entered.timer);
    if (entry) entered.timer = setTimeout(ask, wait);
    look();
  }

  function ask() {
    const { entry, problems, version } = entered;
    python.drop(entered.question);
    const wanted = problems || !entry ? [] : screens.filter((one) => one.stale), [first] = wanted;
    look();
    if (!wanted.length) return;
    for (const one of wanted) one.asked = one.key;
    const question = { kind: "answer", account: entry, screens: wanted.map(({ name, settings }) => ({ name, settings })) };
    entered.question = python.ask(question, (one) => {
      if (version !== entered.version) return;
      if (one.problems) entered.problems = one.problems;
      else if (one.name) {
        entered.told = one.told ?? entered.told;
        wanted.splice(wanted.findIndex(({ name }) => name === one.name), 1)[0].show(one);
      } else if (one.failed !== undefined) entered.problems = [{ part: "account", row: null, field: "it", reason: `cannot be answered: ${one.failed}` }];
      if (one.done && !entered.problems) marginlab.say(first.words);
      look();
    });
  }

  const watchers = []; // called whenever anything of this changes
  function look() {
    for (const watcher of watchers) watcher();
  }

  // ---- Below a claim: its screen, for the account that the tab keeps, and without one for a preset.

  class Claim {
    constructor(box) {
      this.box = box;
      const settings = JSON.parse(box.dataset.settings);
      this.screen = new Screen(box.querySelector(".account-screen"), () => box.open && Boolean(entered.entry), settings);
      box.addEventListener("toggle", () => this.open());
      watchers.push(() => this.look());
      this.open();
    }

    open() {
      if (!this.box.open) return;
      if (entered.entry) ask();
      else this.example();
    }

    async example() {
      await script(said("account-claims"));
      if (!entered.entry) draw(this.screen.place, window.marginlabClaims[this.box.dataset.claim]);
    }

    look() {
      if (!this.box.open || !entered.entry) return;
      const [words, link] = this.box.querySelector(".account-whose").children;
      const { problems } = entered, standing = python.failed || python.progress;
      const wrong = problems?.map(({ field, reason }) => `${field} ${reason}`).join("; ");
      words.textContent = problems ? `No answer yet for the account that you entered: ${wrong}.`
        : this.screen.stale && standing ? `For the account that you entered: ${standing}`
        : "For the account that you entered.";
      link.textContent = "Change it";
      this.box.setAttribute("aria-busy", String(this.screen.stale));
      this.screen.place.hidden = this.screen.stale && !this.screen.shown;
    }
  }

  function resume() {
    const entry = kept();
    if (JSON.stringify(entry) !== JSON.stringify(entered.entry)) change(entry);
  }

  const claims = all(document, "details.account-claim");
  if (claims.length && !WHY_NOT) {
    entered.entry = kept();
    addEventListener("pageshow", ({ persisted }) => persisted && resume());
  }
  for (const box of claims) new Claim(box);

  window.marginlab.account = { WHY_NOT, Screen, all, ask, change, draw, entered, forget, keep, kept, look, parsed, python, said, screens, script, watchers };
})();
