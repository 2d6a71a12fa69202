// An account on a page: the form it is entered in, the answer to it, and what it has to do with each claim. All that is
// answered is worked out by Python in a worker; here fields are read, and what comes back is shown. No margin is known here.
(() => {
  "use strict";

  const KEY = "marginlab-account"; // in the tab's own storage: the account as it stands in the fields
  const REST = 200; // milliseconds without a change, after which the account is asked about
  const MOST = 20; // positions
  const LONGEST = 100_000; // letters of a link that is read
  const OF_ACCOUNT = ["title", "venue", "wallet", "date", "brackets"];
  const PARTS = {
    position: { key: "positions", told: ["symbol", "side", "size", "entry"] },
    collateral: { key: "collateral", told: ["asset"] },
    order: { key: "orders", told: ["symbol", "side", "size", "price"] },
  };
  const ROWS_OF = Object.fromEntries(Object.entries(PARTS).map(([part, { key }]) => [key, part]));

  const said = (name) => document.querySelector(`meta[name="marginlab-${name}"]`)?.content; // by the page's head
  const all = (from, what) => [...from.querySelectorAll(what)];
  const named = (from, name) => from.querySelector(`[name="${name}"]`);
  const form = document.getElementById("account");
  const answer = document.getElementById("account-answer");

  function listed(words, last = "and") {
    return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} ${last} ${words.at(-1)}`;
  }

  function say(element, words) {
    if (element.textContent !== words) element.textContent = words;
    element.hidden = !words;
  }

  function list(words) {
    const items = document.createElement("ul");
    items.append(...words.map((one) => Object.assign(document.createElement("li"), { textContent: one })));
    return items;
  }

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

  const isEntry = (one) => one instanceof Object && Object.values(PARTS).every(({ key }) =>
    one[key] === undefined || (Array.isArray(one[key]) && one[key].every((row) => row instanceof Object)));

  function parsed(text) {
    try {
      const found = JSON.parse(text);
      return isEntry(found) && Array.isArray(found.positions) ? found : null;
    } catch {
      return null;
    }
  }

  const kept = () => parsed(sessionStorage.getItem(KEY));

  function keep(entry) {
    try {
      sessionStorage.setItem(KEY, JSON.stringify(entry));
    } catch {
      // Too large to keep: then it lasts as long as the page.
    }
  }

  // In the part of an address that no request carries.
  function packed(entry) {
    const bytes = new TextEncoder().encode(JSON.stringify(entry));
    const letters = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    return btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
  }

  function unpacked(text) {
    try {
      const letters = atob(text.slice(0, LONGEST).replaceAll("-", "+").replaceAll("_", "/"));
      return parsed(new TextDecoder("utf-8", { fatal: true }).decode(Uint8Array.from(letters, (one) => one.charCodeAt(0))));
    } catch {
      return null;
    }
  }

  // ---- Python in a worker. What it is asked before it is there waits with it.

  const WHY_NOT =
    location.protocol === "file:" ? "A page that is opened from a file cannot run Python, which your own account needs: serve the book, as make serve does. "
    : !said("account-python") ? "This copy of the book was built without Python for its pages: make book puts it in where node and npm are found. "
    : !window.WebAssembly || !window.Worker ? "Your own account needs WebAssembly, which this browser does not have. "
    : "";
  const PRESETS_ANSWER = "Until then the accounts to start from answer.";

  const python = {
    coming: null,
    last: 0,
    heard: new Map(), // by the number of a question: who takes what is answered

    start() {
      if (!this.coming) progress("Python is coming …");
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
      if (one.ready) return progress("");
      if (one.loading) return progress(arriving(one.loading));
      if (one.failed !== undefined && one.id === undefined) return this.fail(one.failed);
      const take = this.heard.get(one.id);
      if (one.done || (one.failed !== undefined && !one.name)) this.heard.delete(one.id);
      take?.(one);
    },

    fail(reason) {
      this.coming = null;
      this.heard.clear();
      progressed = "";
      stuck(reason);
    },
  };

  function arriving({ words, loaded, total }) {
    const mega = (bytes) => (bytes / 1e6).toFixed(1);
    return total ? `${words}: ${mega(loaded)} of ${mega(total)} MB` : words;
  }

  // ---- Screens: a place with settings, words, a figure and a table.

  class Screen {
    constructor(place, open, settings = null) {
      Object.assign(this, { place, open, fixed: settings });
      this.name = place.dataset.screen;
      this.fields = all(place, "[name]");
      this.shown = this.asked = null; // for which account and settings
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

    show({ state, failed: reason }) {
      this.shown = this.asked;
      const question = this.place.closest("details")?.querySelector("summary").textContent;
      draw(this.place, state ?? { sentence: `${reason}.`, table: "" }, question);
    }
  }

  function draw(place, state, question) {
    const [words, table, plot] = ["words", "table", "plot"].map((part) => place.querySelector(`.account-${part}`));
    words.textContent = state.sentence;
    table.innerHTML = state.table; // by the library, which lets no markup through
    const caption = table.querySelector("caption");
    if (caption) Object.entries({ tabindex: 0, role: "group", "aria-label": caption.textContent }).forEach((one) => table.setAttribute(...one));
    plot.hidden = !state.data?.length;
    if (plot.hidden) return;
    plot.setAttribute("role", "img");
    plot.setAttribute("aria-label", `${question ?? "The answer"} ${state.sentence}`);
    plot.style.minHeight = `${state.layout.height ?? 450}px`;
    marginlab.draw(plot, state);
  }

  // What is asked about, and what is shown of it. A change makes what is on its way out of date.
  const entered = { entry: null, example: null, version: 0, question: 0, timer: 0, problems: null };
  const screens = [];

  function change(entry, wait = 0) {
    entered.entry = entry;
    entered.version++;
    entered.problems = null;
    python.drop(entered.question);
    clearTimeout(entered.timer);
    if (entry) entered.timer = setTimeout(ask, wait);
    chance?.stale();
    look();
  }

  function ask() {
    const { entry, problems, version } = entered;
    python.drop(entered.question);
    const wanted = problems ? [] : screens.filter((one) => one.stale);
    look();
    if (!entry || !wanted.length) return;
    for (const one of wanted) one.asked = one.key;
    const question = { kind: "answer", account: entry, screens: wanted.map(({ name, settings }) => ({ name, settings })) };
    entered.question = python.ask(question, (one) => {
      if (version !== entered.version) return;
      if (one.problems) entered.problems = one.problems;
      else if (one.name) wanted.splice(wanted.findIndex(({ name }) => name === one.name), 1)[0].show(one);
      else if (one.failed !== undefined) entered.problems = [{ part: "account", row: null, field: "", reason: one.failed }];
      look(one.done);
    });
  }

  // ---- What the reader sees of where things stand.

  let progressed = "", failed = "";

  function progress(words) {
    progressed = words;
    if (words) failed = "";
    look();
  }

  function stuck(reason) {
    failed = reason;
    look();
  }

  // On a page of claims there is no form: what is wrong is said where the answer would be.
  function look(done = false) {
    const { entry, problems } = entered;
    const told = problems ? complained(problems) : form && !problems ? complained([]) : "";
    const stale = screens.some((one) => one.stale);
    const standing = failed ? `${failed}.` : progressed;
    if (answer) {
      const wrong = Boolean(problems);
      const busy = Boolean(entry) && !wrong && stale;
      answer.hidden = !entry && !standing && !WHY_NOT;
      answer.setAttribute("aria-busy", String(busy));
      answer.querySelector(".account-found").hidden = wrong || !screens[0].shown || !entry;
      say(answer.querySelector(".account-status"), wrong ? told : standing || (busy ? "Working it out …" : ""));
      retry.hidden = !failed;
      if (wrong) for (const one of screens) one.shown = null;
      if (done && !busy && !wrong) marginlab.say(screens[0].place.querySelector(".account-words").textContent);
      if (wrong) marginlab.say(told);
      if (go && (wrong || !busy)) arrive();
    }
    for (const one of claims) one.look(told, standing);
  }

  // Who pressed the button is taken to the answer.
  let go = false;
  function arrive() {
    go = false;
    const to = entered.problems ? form.querySelector("[aria-invalid=true]") ?? answer : answer;
    if (to !== answer) to.focus();
    to.scrollIntoView({ block: to === answer ? "start" : "center" });
  }

  const retry = Object.assign(document.createElement("button"), { type: "button", textContent: "Try again", hidden: true });
  retry.addEventListener("click", () => {
    failed = "";
    python.start();
    ask();
  });
  answer?.querySelector(".account-status").after(retry);

  // ---- The form: fields out of an account, and an account out of the fields.

  const seen = new WeakSet(); // fields that the reader has been in
  const rest = new WeakMap(); // of rows: what else was said of them, and of which fields that is true
  let beyond = {}; // of an account: what this form has no fields for
  let numbered = 0;

  const rowsOf = (part) => all(form, `[data-${part}]`);
  const fieldsOf = (row) => all(row, "[name]");
  const valuesOf = (row) => Object.fromEntries(fieldsOf(row).map((field) => [field.name, field.value]));

  function add(part, values = {}) {
    const rows = form.querySelector(`[data-rows=${part}]`);
    if (!rows) return null;
    const row = rows.querySelector("template").content.firstElementChild.cloneNode(true);
    for (const field of fieldsOf(row)) if (values[field.name] !== undefined) set(field, values[field.name]);
    const names = fieldsOf(row).map((field) => field.name);
    const more = Object.fromEntries(Object.entries(values).filter(([name]) => !names.includes(name)));
    rest.set(row, { of: identity(part, valuesOf(row)), more });
    rows.append(row);
    number(part);
    return row;
  }

  // A menu that does not have a value says so by being empty, which the account's reader then refuses.
  function set(field, value) {
    field.value = String(value ?? "");
    if (field.localName === "select" && field.value !== String(value)) field.selectedIndex = -1;
  }

  const identity = (part, values) => JSON.stringify(PARTS[part].told.map((name) => values[name]));

  function number(part) {
    const rows = rowsOf(part);
    rows.forEach((row, i) => {
      const legend = row.querySelector("legend");
      legend.textContent = legend.textContent.replace(/ \d+$/, "") + ` ${i + 1}`;
      row.querySelector(".account-remove").setAttribute("aria-label", `Remove ${legend.textContent.toLowerCase()}`);
    });
    form.querySelector(`[data-add=${part}]`).disabled = rows.length >= MOST;
    if (part === "position") {
      rows[0].querySelector(".account-remove").hidden = rows.length === 1;
      places(rows);
    }
  }

  // The next order is in one of the positions.
  function places(rows) {
    const menu = answer.querySelector("[name=position]"), before = menu.value;
    menu.replaceChildren(...rows.map((row, i) => new Option(`${i + 1}: ${named(row, "symbol").value || "position"}`, i)));
    menu.value = Number(before) < rows.length ? before : "0";
  }

  function read() {
    const entry = { title: "", date: "", note: "", brackets: "", collateral: [], orders: [], ...beyond };
    for (const name of OF_ACCOUNT) {
      const field = named(form, name);
      if (field) entry[name] = field.value;
    }
    for (const [part, { key }] of Object.entries(PARTS)) {
      if (!form.querySelector(`[data-rows=${part}]`)) continue;
      entry[key] = rowsOf(part).map((row) => {
        const values = valuesOf(row), { of, more } = rest.get(row);
        return of === identity(part, values) ? { ...more, ...values } : values;
      });
    }
    return entry;
  }

  function write(entry) {
    for (const name of OF_ACCOUNT) {
      const field = named(form, name);
      if (field) set(field, entry[name] ?? (name === "venue" ? field.options[0].value : ""));
    }
    const shown = (key) => form.querySelector(`[data-rows=${ROWS_OF[key]}]`);
    const here = [...OF_ACCOUNT.filter((name) => named(form, name)), ...Object.keys(ROWS_OF).filter(shown)];
    beyond = Object.fromEntries(Object.entries(entry).filter(([name]) => !here.includes(name)));
    for (const [part, { key }] of Object.entries(PARTS)) {
      for (const row of rowsOf(part)) row.remove();
      const rows = entry[key] ?? [];
      for (const values of part === "position" && !rows.length ? [{}] : rows.slice(0, MOST)) add(part, values);
    }
    const open = [entry.collateral, entry.orders].some((rows) => rows?.length) || entry.brackets || entry.date;
    if (open) form.querySelector(".account-more")?.setAttribute("open", "");
    fill();
    dated();
    told();
  }

  const isBlank = (entry) => !entry.wallet && entry.positions.length === 1 && ["symbol", "size", "entry"].every((name) => !entry.positions[0][name]);

  // What a short form does not show of an account is still part of it.
  function told() {
    const place = form.querySelector(".account-beyond");
    const counted = [["collateral", "asset behind it", "assets behind it"], ["orders", "open order", "open orders"]]
      .filter(([key]) => beyond[key]?.length)
      .map(([key, one, more]) => `${beyond[key].length} ${beyond[key].length === 1 ? one : more}`);
    if (beyond.brackets) counted.push("brackets of its own");
    if (beyond.date) counted.push(`the brackets of ${beyond.date}`);
    if (place) say(place, counted.length ? `This account also has ${listed(counted)}. The workbench shows them.` : "");
    if (answer) answer.querySelector("[data-further=reconciled]").hidden = !read().positions.some((row) => Object.keys(row).some((name) => name.startsWith("told_")));
  }

  // ---- What is wrong, beside the field it is wrong in.

  const shownAt = { notional: "size" };

  function place({ part, row, field }) {
    const where = row === null || part === "account" ? form : rowsOf(ROWS_OF[part])[row];
    return where && where.querySelector(`[data-field="${CSS.escape(shownAt[field] ?? field)}"] [name]`);
  }

  // Marks the fields, and returns in words what stands in the way; what was not yet come to is no error.
  function complained(problems) {
    if (!form) return listed(problems.map((one) => `${one.field} ${one.reason}`));
    const wrong = new Map(), missing = [], others = [];
    for (const one of problems) {
      const field = place(one);
      if (!field) others.push(one);
      else if (field.value === "" && !seen.has(field)) missing.push(nameOf(field));
      else wrong.set(field, [...(wrong.get(field) ?? []), one.reason]);
    }
    for (const field of fieldsOf(form)) mark(field, wrong.get(field)?.join("; ") ?? "");
    for (const row of all(form, ".account-row")) say(row.querySelector(".account-rest"), ofRow(row, others));
    const apart = others.filter((one) => one.row === null || one.part === "account" || !rowsOf(ROWS_OF[one.part])[one.row]);
    const parts = apart.map((one) => `${one.field} ${one.reason}`.trim());
    const count = wrong.size + (others.length - apart.length);
    if (count) parts.push(count === 1 ? "one field above cannot be read as it stands" : `${count} fields above cannot be read as they stand`);
    if (missing.length) parts.push(`still to fill in: ${listed([...new Set(missing)])}`);
    const words = parts.join("; ");
    return words && `No answer yet: ${words}.`;
  }

  function ofRow(row, others) {
    const own = others.filter((one) => one.row !== null && one.part !== "account" && rowsOf(ROWS_OF[one.part])[one.row] === row);
    return own.map((one) => `${one.field} ${one.reason}`).join("; ");
  }

  function nameOf(field) {
    const label = field.closest("label").querySelector("span").textContent.toLowerCase();
    const row = field.closest(".account-row");
    return row ? `${label} of ${row.querySelector("legend").textContent.toLowerCase()}` : label;
  }

  function note(field, kind, words) {
    const box = field.closest(".account-field");
    let one = box.querySelector(`.account-${kind}`);
    if (!one && !words) return;
    if (!one) {
      one = Object.assign(document.createElement("p"), { className: `account-${kind}`, id: `account-note-${++numbered}` });
      box.append(one);
    }
    say(one, words);
    const ids = all(box, "p:not([hidden])").map((each) => each.id).join(" ");
    if (ids) field.setAttribute("aria-describedby", ids);
    else field.removeAttribute("aria-describedby");
  }

  function mark(field, words) {
    note(field, "wrong", words);
    if (words) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }

  // ---- Markets, and the last prices on record.

  let known = null;

  async function learn() {
    if (known || WHY_NOT) return;
    known = {};
    try {
      const reply = await fetch(said("account-markets"));
      known = await reply.json();
    } catch {
      known = null; // asked again at the next touch; until then any name can be typed
    }
    if (!known) return;
    fill();
    rowsOf("position").forEach((row) => price(row));
  }

  const marketsOf = (name) => known?.venues?.[name] ?? [];
  const market = (venue, symbol) => marketsOf(venue).find(([one]) => one === symbol);

  let filled = "";
  function fill() {
    const venue = named(form, "venue").value;
    if (!known?.venues || venue === filled) return;
    filled = venue;
    document.getElementById("account-markets").replaceChildren(...marketsOf(venue).map(([symbol]) => new Option("", symbol)));
  }

  // What was typed in small letters, or is only the coin, becomes the name of the market.
  function complete(field) {
    const venue = named(form, "venue").value, typed = field.value.trim(), upper = typed.toUpperCase();
    if (!typed || market(venue, typed)) return;
    const found = marketsOf(venue).find(([symbol]) => symbol.toUpperCase() === upper) ?? marketsOf(venue).find(([, coin]) => coin === upper);
    if (found) field.value = found[0];
  }

  // At another venue the same coin's market has another name.
  function move(from, to) {
    delete beyond.held;
    for (const field of all(form, "[name=symbol]")) {
      const before = market(from, field.value);
      if (!before || market(to, field.value)) continue;
      const alike = marketsOf(to).filter(([, coin]) => coin === before[1]);
      const found = alike.find(([, , currency]) => currency === before[2]) ?? alike[0];
      if (found) field.value = found[0];
    }
  }

  const recorded = (row) => {
    const [, coin, currency] = market(named(form, "venue").value, named(row, "symbol").value) ?? [];
    return coin && (currency === coin || known.dollars.includes(currency)) ? known.marks[coin] : undefined;
  };

  // A mark that nobody has typed is the last price on record, with its day.
  function price(row) {
    const field = named(row, "mark"), found = recorded(row);
    const typed = field.value && field.value !== field.dataset.recorded;
    if (!typed && document.activeElement !== field && named(row, "symbol").value) {
      field.value = found?.[0] ?? "";
      field.dataset.recorded = field.value;
      if (field.value) renew();
    }
    dated();
  }

  function dated() {
    for (const row of rowsOf("position")) {
      const field = named(row, "mark"), found = recorded(row);
      note(field, "hint", found && field.value === found[0] ? `Of ${found[1]}, not live` : "");
    }
  }

  // ---- What the reader does.

  let before = null; // what stood there before it was replaced as a whole

  function renew(wait = 0) {
    const entry = read();
    const blank = isBlank(entry);
    if (blank) sessionStorage.removeItem(KEY);
    else keep(entry);
    change(blank ? null : entry, wait);
  }

  function replace(entry) {
    const old = read();
    before = isBlank(old) ? null : old;
    form.querySelector(".account-undo").hidden = !before;
    write(entry);
    renew();
  }

  function edited({ target }) {
    if (!target.closest(".account-rows") && !OF_ACCOUNT.includes(target.name)) return;
    form.querySelector(".account-undo").hidden = true;
    named(form, "start").value = "";
    say(form.querySelector(".account-told"), "");
    if (target.name === "symbol") places(rowsOf("position"));
    dated();
    told();
    renew(REST);
  }

  let at = ""; // the venue before
  function settled({ target }) {
    if (target.name === "start") return begin(target.value);
    if (target.name === "venue") {
      move(at, target.value);
      at = target.value;
      fill();
    }
    if (target.name === "symbol") complete(target);
    if (target.name === "symbol" || target.name === "venue") rowsOf("position").forEach(price);
    if (target.closest(".account-rows") || OF_ACCOUNT.includes(target.name)) edited({ target });
  }

  const starts = () => JSON.parse(document.getElementById("account-starts").textContent);

  function begin(name) {
    if (!WHY_NOT) replace(starts()[name] ?? { positions: [] });
    else if (name) example(name);
    at = named(form, "venue").value;
    named(form, "start").value = name;
  }

  function forget() {
    sessionStorage.removeItem(KEY);
    before = null;
    form.querySelector(".account-undo").hidden = true;
    write({ positions: [] });
    for (const field of all(form, ".account-paste textarea")) field.value = "";
    form.querySelector(".account-said")?.replaceChildren();
    for (const one of screens) one.shown = null;
    change(null);
    named(form, "start").value = "";
    say(form.querySelector(".account-told"), "Forgotten.");
    named(form, "venue").focus();
  }

  async function share() {
    const link = new URL(location.href);
    link.hash = `account=${packed(read())}`;
    const told = "The link contains your account: who has it can read it.";
    try {
      await navigator.clipboard.writeText(link.href);
      say(form.querySelector(".account-told"), `Copied. ${told}`);
    } catch {
      prompt(`${told} Copy it:`, link.href);
    }
  }

  function paste() {
    const box = form.querySelector(".account-paste"), place = box.querySelector(".account-said");
    const [way, mode, text, balance] = ["way", "pasted-mode", "text", "balance"].map((name) => named(box, name).value);
    const show = (words, items) => {
      place.replaceChildren(Object.assign(document.createElement("p"), { textContent: words }), ...(items.length ? [list(items)] : []));
      place.hidden = false;
    };
    show("Reading …", []);
    const id = python.ask({ kind: "read", way, text, balance, mode, account: read() }, (one) => {
      if (one.problems) show("Nothing is taken over:", one.problems.map(({ row, field, reason }) => `${row === null ? "" : `position ${row + 1}, `}${field} ${reason}`));
      else if (one.failed !== undefined) show("Nothing is taken over:", [one.failed]);
      else if (one.account) {
        replace(one.account);
        at = named(form, "venue").value;
        show("Taken over.", one.remarks ?? []);
      } else return;
      python.drop(id);
    });
  }

  function save(name) {
    const id = python.ask({ kind: "files", account: entered.entry }, (one) => {
      python.drop(id);
      const text = one.files?.[name];
      if (text === undefined) return;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: name.endsWith(".json") ? "application/json" : "text/csv" }));
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  }

  // ---- Chance: drawn when asked for, and shown as it grows.

  class Chance {
    constructor(box) {
      this.place = box.querySelector(".account-screen");
      [this.run, this.stop, this.progress] = ["run", "stop"].map((name) => box.querySelector(`.account-${name}`)).concat(box.querySelector("progress"));
      this.run.addEventListener("click", () => this.begin());
      this.stop.addEventListener("click", () => this.end());
      for (const field of all(box, "[name]")) field.addEventListener("change", () => this.stale());
    }

    begin() {
      this.end();
      const settings = Object.fromEntries(all(this.place, "[name]").map((field) => [field.name, field.value]));
      this.stop.disabled = false;
      this.id = python.ask({ kind: "chance", account: entered.entry, settings }, (one) => this.take(one));
    }

    take({ chance: drawn, done, failed: reason, problems }) {
      if (drawn) {
        this.progress.value = drawn.done / drawn.of;
        draw(this.place, drawn.state, "What does chance do?");
      }
      if (reason !== undefined) this.place.querySelector(".account-words").textContent = `${reason}.`;
      if (done || problems || reason !== undefined) {
        this.stop.disabled = true;
        if (done) marginlab.say(this.place.querySelector(".account-words").textContent);
      }
    }

    end() {
      if (this.id && !this.stop.disabled) python.send({ kind: "stop", id: this.id });
      python.drop(this.id);
      this.stop.disabled = true;
    }

    stale() {
      this.end();
      this.progress.value = 0;
      this.place.querySelector(".account-words").textContent = "";
      this.place.querySelector(".account-table").replaceChildren();
      this.place.querySelector(".account-plot").hidden = true;
    }
  }

  // ---- Without Python the accounts to start from answer, as they were worked out with the book.

  async function example(name) {
    await script(said("account-presets"));
    entered.example = window.marginlabPresets[name];
    entered.version++;
    answer.querySelector(".account-found").hidden = false;
    examples();
    marginlab.say(screens[0].place.querySelector(".account-words").textContent);
  }

  // What is folded is drawn once it is opened, and has its width.
  function examples() {
    for (const one of screens) {
      one.asked = one.key;
      if (one.stale && entered.example?.[one.name]) one.show({ state: entered.example[one.name] });
    }
  }

  function withoutPython() {
    for (const part of all(form, ":scope > :not(.account-head)")) part.hidden = true;
    for (const field of all(form, ".account-head .account-field:not([data-field=start])")) field.hidden = true;
    for (const part of all(answer, ".account-files, .account-chance, .account-screen > .account-fields, [data-further=reconciled]")) part.hidden = true;
    const menu = named(form, "start");
    menu.options[0].textContent = "choose an account";
    answer.hidden = false;
    say(answer.querySelector(".account-status"), WHY_NOT + PRESETS_ANSWER);
  }

  // ---- Below a claim.

  class Claim {
    constructor(box) {
      this.box = box;
      this.whose = box.querySelector(".account-whose");
      this.screen = new Screen(box.querySelector(".account-screen"), () => box.open && Boolean(entered.entry), JSON.parse(box.dataset.settings));
      box.addEventListener("toggle", () => this.open());
      this.open();
    }

    open() {
      if (!this.box.open) return;
      if (entered.entry && !WHY_NOT) ask();
      else this.example();
    }

    async example() {
      await script(said("account-claims"));
      draw(this.screen.place, window.marginlabClaims[this.box.dataset.claim], this.box.querySelector("summary").textContent);
    }

    look(wrong, standing) {
      if (!this.box.open || !entered.entry || WHY_NOT) return;
      this.whose.firstChild.textContent = wrong ? `Your account cannot be answered for: ${wrong}. Change it `
        : standing && this.screen.stale ? `${standing} Of the account that you entered `
        : "For the account that you entered ";
      this.box.toggleAttribute("aria-busy", this.screen.stale && !wrong);
    }
  }

  // ---- Beginning.

  let chance = null;
  const claims = [];

  function beginForm() {
    const found = answer.querySelector("[data-screen=summary]");
    screens.push(new Screen(found, () => true));
    for (const box of all(answer, "[data-further]")) {
      const one = new Screen(box.querySelector(".account-screen"), () => box.open && !box.hidden);
      screens.push(one);
      box.addEventListener("toggle", () => (WHY_NOT ? examples() : ask()));
      for (const field of one.fields) field.addEventListener("change", () => ask());
    }
    form.hidden = false;
    if (WHY_NOT) withoutPython();
    else chance = new Chance(answer.querySelector(".account-chance"));
    for (const sign of ["pointerenter", "focusin", "touchstart"]) {
      form.addEventListener(sign, () => { learn(); python.start(); }, { passive: true });
    }
    form.addEventListener("input", edited);
    form.addEventListener("change", settled);
    form.addEventListener("focusout", ({ target }) => {
      if (!target.name || seen.has(target)) return;
      seen.add(target);
      if (entered.problems) look();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      for (const field of fieldsOf(form)) seen.add(field);
      go = true;
      if (!entered.entry) change(read());
      else look();
    });
    form.addEventListener("click", ({ target }) => press(target.closest("button")));
    answer.addEventListener("click", ({ target }) => target.dataset.file && save(target.dataset.file));
  }

  function press(button) {
    if (!button) return;
    const is = (name) => button.classList.contains(`account-${name}`);
    if (is("add")) {
      const row = add(button.dataset.add);
      renew();
      fieldsOf(row)[0].focus();
    }
    if (is("remove")) {
      const row = button.closest(".account-row"), [part] = Object.keys(PARTS).filter((one) => row.matches(`[data-${one}]`));
      row.remove();
      number(part);
      renew();
      form.querySelector(`[data-add=${part}]`).focus();
    }
    if (is("undo")) {
      write(before);
      button.hidden = true;
      renew();
    }
    if (is("forget")) forget();
    if (is("link")) share();
    if (is("read")) paste();
  }

  // What the link to this page brings, or what the tab keeps. The link's account does not stay in the address.
  function recall() {
    const [, text] = /^#account=(.*)$/s.exec(location.hash) ?? [];
    if (!form || WHY_NOT || text === undefined) return kept();
    history.replaceState(history.state, "", location.pathname + location.search);
    const found = unpacked(text);
    say(form.querySelector(".account-told"), found ? "This account came with the link." : "The account in this link cannot be read.");
    return found ?? kept();
  }

  function resume() {
    const entry = recall();
    if (JSON.stringify(entry) === JSON.stringify(entered.entry)) return;
    if (form) {
      write(entry ?? { positions: [] });
      at = named(form, "venue").value;
      if (entry) keep(entry);
    }
    if (entry) learn();
    change(entry);
  }

  if (form) beginForm();
  for (const box of document.querySelectorAll("details.account-claim")) {
    const one = new Claim(box);
    claims.push(one);
    screens.push(one.screen);
  }
  if (form) write({ positions: [] });
  if (!WHY_NOT) resume();
  addEventListener("pageshow", ({ persisted }) => persisted && !WHY_NOT && resume());
  addEventListener("hashchange", () => form && !WHY_NOT && location.hash.startsWith("#account=") && resume());
})();
