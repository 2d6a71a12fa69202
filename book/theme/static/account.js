// The form of an account: its fields, what is wrong beside them, what is pasted, shared and saved, and the answer below.
// What is answered comes from account-answers.js.
(() => {
  "use strict";

  const { WHY_NOT, Screen, all, ask, change, draw, entered, forget, keep, kept, look, parsed, python, said, screens, script, watchers } = marginlab.account;
  const REST = 200; // milliseconds without a change, after which the account is asked about
  const MOST = 20; // rows of a kind
  const LONGEST = 100_000; // letters of a link that is read
  const OF_ACCOUNT = ["title", "venue", "wallet", "date", "brackets"];
  // Of each kind of row: its name in an account.
  const PARTS = { position: "positions", collateral: "collateral", order: "orders" };
  const PART_OF = Object.fromEntries(Object.entries(PARTS).map(([part, key]) => [key, part]));

  const form = document.getElementById("account");
  const answer = document.getElementById("account-answer");
  const named = (from, name) => from.querySelector(`[name="${name}"]`);

  const listed = (words) => (words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);

  function say(element, words) {
    if (element.textContent !== words) element.textContent = words;
    element.hidden = !words;
  }

  function made(tag, properties, ...inside) {
    const one = Object.assign(document.createElement(tag), properties);
    one.append(...inside);
    return one;
  }

  // ---- The form: fields out of an account, and an account out of the fields.

  const seen = new WeakSet(); // fields that the reader has been in
  const came = new WeakMap(); // of rows: all that was said of them when they came, which Python weighs against the fields
  let beyond = {}; // of an account: what this form has no fields for
  let at = ""; // the venue that the names of markets are of
  let moving = 0; // the question that asks for their names at another
  let numbered = 0;

  const rowsOf = (part) => all(form, `[data-${part}]`);
  const fieldsOf = (row) => all(row, "[name]");
  const valuesOf = (row) => Object.fromEntries(fieldsOf(row).map((field) => [field.name, field.value]));

  function add(part, values = {}) {
    const rows = form.querySelector(`[data-rows=${part}]`);
    if (!rows) return null; // of a short form
    const row = rows.querySelector("template").content.firstElementChild.cloneNode(true);
    for (const field of fieldsOf(row)) if (values[field.name] !== undefined) set(field, values[field.name]);
    remember(row, values);
    rows.append(row);
    number(part);
    return row;
  }

  // A menu that does not have a value says so by being empty, which the account's reader then refuses.
  function set(field, value) {
    field.value = String(value ?? "");
    if (field.localName === "select" && field.value !== String(value)) field.selectedIndex = -1;
  }

  // Of what says no more than its fields, these are enough.
  function remember(row, { was, ...values }) {
    const shown = valuesOf(row), isMore = Object.keys(values).some((name) => !(name in shown));
    came.set(row, was ?? (isMore ? { ...values, ...shown } : undefined));
  }

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
    for (const [part, key] of Object.entries(PARTS)) {
      if (!form.querySelector(`[data-rows=${part}]`)) continue;
      entry[key] = rowsOf(part).map((row) => (came.get(row) ? { ...valuesOf(row), was: came.get(row) } : valuesOf(row)));
    }
    return entry;
  }

  function write(entry) {
    for (const name of OF_ACCOUNT) {
      const field = named(form, name);
      if (field) set(field, entry[name] ?? (name === "venue" ? field.options[0].value : ""));
    }
    pass(entry);
    for (const [part, key] of Object.entries(PARTS)) {
      for (const row of rowsOf(part)) row.remove();
      const rows = entry[key] ?? [];
      for (const values of part === "position" && !rows.length ? [{}] : rows.slice(0, MOST)) add(part, values);
    }
    const open = [entry.collateral, entry.orders].some((rows) => rows?.length) || entry.brackets || entry.date;
    if (open) form.querySelector(".account-more")?.setAttribute("open", "");
    at = named(form, "venue").value;
    moving = 0;
    fill();
    hint();
    told();
  }

  // What this form has no fields for goes through it.
  function pass(entry) {
    const isShown = (key) => form.querySelector(`[data-rows=${PART_OF[key]}]`);
    const here = [...OF_ACCOUNT.filter((name) => named(form, name)), ...Object.keys(PART_OF).filter(isShown)];
    beyond = Object.fromEntries(Object.entries(entry).filter(([name]) => !here.includes(name)));
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
  }

  // ---- What is wrong, beside the field it is wrong in.

  const rowOf = ({ part, row }) => (row === null || part === "account" ? null : rowsOf(PART_OF[part])[row]);

  function fieldOf(problem) {
    const wanted = `[data-field="${CSS.escape(problem.field)}"] [name]`;
    const row = rowOf(problem);
    if (row) return row.querySelector(wanted);
    return problem.part === "account" ? all(form, wanted).find((field) => !field.closest(".account-row")) : undefined;
  }

  // Marks the fields, and returns in words what stands in the way; what was not yet come to is no error.
  function complained(problems) {
    const wrong = new Map(), missing = new Set(), ofRows = new Map(), apart = [];
    const note = (notes, of, words) => notes.set(of, [...(notes.get(of) ?? []), words]);
    for (const one of problems) {
      const field = fieldOf(one), row = rowOf(one);
      if (field?.value === "" && !seen.has(field)) missing.add(nameOf(field));
      else if (field) note(wrong, field, one.reason);
      else if (row) note(ofRows, row, `${one.field} ${one.reason}`);
      else apart.push(`${one.row === null ? "" : `${one.part} ${one.row + 1}, `}${one.field} ${one.reason}`);
    }
    for (const field of fieldsOf(form)) mark(field, wrong.get(field)?.join("; ") ?? "");
    for (const row of all(form, ".account-row")) say(row.querySelector(".account-rest"), ofRows.get(row)?.join("; ") ?? "");
    const count = wrong.size + ofRows.size;
    if (count) apart.push(count === 1 ? "one field above cannot be read as it stands" : `${count} fields above cannot be read as they stand`);
    if (missing.size) apart.push(`still to fill in: ${listed([...missing])}`);
    return apart.length ? `No answer yet: ${apart.join("; ")}.` : "";
  }

  function nameOf(field) {
    const label = field.closest("label").querySelector("span").textContent.toLowerCase();
    const row = field.closest(".account-row");
    return row ? `${label} of ${row.querySelector("legend").textContent.toLowerCase()}` : label;
  }

  function note(field, kind, words) {
    const box = field.closest(".account-field");
    let one = box.querySelector(`.${kind}`);
    if (!one && !words) return;
    if (!one) {
      one = made("p", { className: kind, id: `account-note-${++numbered}` });
      box.append(one);
    }
    say(one, words);
    const ids = all(box, "p:not([hidden])").map((each) => each.id).join(" ");
    if (ids) field.setAttribute("aria-describedby", ids);
    else field.removeAttribute("aria-describedby");
  }

  function mark(field, words) {
    note(field, "account-wrong", words);
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
    document.getElementById("account-markets").replaceChildren(...marketsOf(venue).map(([symbol]) => new Option(symbol)));
  }

  // What was typed in small letters, or is only the coin, becomes the name of the market.
  function complete(field) {
    const venue = named(form, "venue").value, typed = field.value.trim(), upper = typed.toUpperCase();
    if (!typed || market(venue, typed)) return;
    const found = marketsOf(venue).find(([symbol]) => symbol.toUpperCase() === upper) ?? marketsOf(venue).find(([, coin]) => coin === upper);
    if (found) field.value = found[0];
  }

  // At another venue the same market has another name, and what was said of the account here may not hold there: Python
  // knows. What was changed until it has answered stays.
  function move(to) {
    const sent = { ...read(), venue: at }, rows = Object.keys(PARTS).flatMap((part) => rowsOf(part).map((row, i) => [row, PARTS[part], i]));
    const mine = moving = python.ask({ kind: "move", account: sent, venue: to }, ({ account: found }) => {
      if (!found || moving !== mine || named(form, "venue").value !== to) return;
      at = to;
      pass(found);
      for (const [row, key, i] of rows.filter(([row]) => row.isConnected)) {
        for (const field of fieldsOf(row)) if (field.value === sent[key][i][field.name]) set(field, found[key][i][field.name]);
        remember(row, found[key][i]);
      }
      places(rowsOf("position"));
      rowsOf("position").forEach(price);
      told();
      renew();
    });
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
    hint();
  }

  // Of which day a mark is, and what a size counts where that is not coins.
  function hint() {
    for (const row of [...rowsOf("position"), ...rowsOf("order")]) {
      const mark = named(row, "mark"), found = mark && recorded(row);
      if (mark) note(mark, "account-hint", found && mark.value === found[0] ? `Of ${found[1]}, not live` : "");
      const [, , , unit] = market(at, named(row, "symbol").value) ?? [];
      note(named(row, "size"), "account-hint", unit ? `In ${unit}` : "");
    }
  }

  // ---- What the reader does.

  let before = null; // what stood there before it was replaced as a whole

  function changed(entry, wait = 0) {
    chance?.stale();
    change(entry, wait);
  }

  function renew(wait = 0) {
    const entry = read();
    const blank = isBlank(entry);
    if (blank) forget();
    else keep(entry);
    changed(blank ? null : entry, wait);
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
    hint();
    told();
    renew(REST);
  }

  function settled({ target }) {
    if (target.name === "start") return start(target.value);
    if (target.name === "venue") {
      if (target.value !== at) move(target.value);
      fill();
    }
    if (target.name === "symbol") {
      complete(target);
      rowsOf("position").forEach(price);
    }
    if (target.closest(".account-rows") || OF_ACCOUNT.includes(target.name)) edited({ target });
  }

  const starts = () => JSON.parse(document.getElementById("account-starts").textContent);

  function start(name) {
    if (!WHY_NOT) replace(starts()[name] ?? { positions: [] });
    else if (name) exemplify(name);
    named(form, "start").value = name;
  }

  function clear() {
    forget();
    before = null;
    form.querySelector(".account-undo").hidden = true;
    write({ positions: [] });
    for (const field of all(form, ".account-paste textarea")) field.value = "";
    form.querySelector(".account-said")?.replaceChildren();
    changed(null);
    named(form, "start").value = "";
    say(form.querySelector(".account-told"), "Forgotten.");
    named(form, "venue").focus();
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
      return parsed(new TextDecoder().decode(Uint8Array.from(letters, (one) => one.charCodeAt(0))));
    } catch {
      return null;
    }
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
      const points = items.map((one) => made("li", { textContent: one }));
      place.replaceChildren(made("p", { textContent: words }), ...(points.length ? [made("ul", {}, ...points)] : []));
      place.hidden = false;
    };
    show("Reading …", []);
    const id = python.ask({ kind: "read", way, text, balance, mode, account: read() }, (one) => {
      if (one.problems) show("Nothing is taken over:", one.problems.map(({ row, field, reason }) => `${row === null ? "" : `position ${row + 1}, `}${field} ${reason}`));
      else if (one.failed !== undefined) show("Nothing is taken over:", [one.failed]);
      else if (one.account) {
        replace(one.account);
        show("Taken over.", one.account.remarks);
      } else return;
      python.drop(id);
    });
  }

  function save(name) {
    const id = python.ask({ kind: "files", account: entered.entry }, (one) => {
      python.drop(id);
      const text = one.files?.[name];
      if (text === undefined) return;
      const file = new Blob([text], { type: name.endsWith(".json") ? "application/json" : "text/csv" });
      const link = made("a", { href: URL.createObjectURL(file), download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  }

  // ---- Chance: drawn when asked for, and shown as it grows.

  class Chance {
    constructor(box) {
      this.place = box.querySelector(".account-screen");
      [this.run, this.stop, this.progress] = [".account-run", ".account-stop", "progress"].map((what) => box.querySelector(what));
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
        draw(this.place, drawn.state);
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

  let example = null;

  async function exemplify(name) {
    await script(said("account-presets"));
    example = window.marginlabPresets[name];
    change(null);
    answer.querySelector(".account-found").hidden = false;
    examples();
    marginlab.say(screens[0].words);
  }

  // What is folded is drawn once it is opened, and has its width.
  function examples() {
    for (const one of screens) {
      one.asked = one.key;
      if (one.stale && example?.[one.name]) one.show({ state: example[one.name] });
    }
  }

  const NEEDS_PYTHON = ".account-files, .account-chance, .account-screen > .account-fields, [data-further=reconciled]";
  function withoutPython() {
    const fields = [...all(form, ":scope > :not(.account-head)"), ...all(form, ".account-head > :not([data-field=start])")];
    for (const part of [...fields, ...all(answer, NEEDS_PYTHON)]) part.hidden = true;
    named(form, "start").options[0].textContent = "choose an account";
    answer.hidden = false;
    say(answer.querySelector(".account-status"), `${WHY_NOT} Until then the accounts to start from answer.`);
  }

  // ---- Where things stand.

  let go = false; // who pressed the button is taken to the answer
  const retry = made("button", { type: "button", textContent: "Try again", hidden: true });

  function shown() {
    const { entry, problems } = entered, [summary] = screens;
    const told = complained(problems ?? []);
    const busy = Boolean(entry) && !problems && screens.some((one) => one.stale);
    const standing = python.failed || python.progress || (busy && !summary.shown ? "Working it out …" : "");
    answer.hidden = !entry && !standing;
    answer.setAttribute("aria-busy", String(busy));
    if (problems) for (const one of screens) one.shown = null;
    answer.querySelector(".account-found").hidden = !entry || !summary.shown;
    answer.querySelector("[data-further=reconciled]").hidden = !entered.told;
    say(answer.querySelector(".account-status"), told || standing);
    retry.hidden = !python.failed;
    if (told) marginlab.say(told);
    if (go && !busy && (entry || problems)) arrive();
  }

  function arrive() {
    go = false;
    const wrong = entered.problems && form.querySelector("[aria-invalid=true]");
    wrong?.focus();
    (wrong ?? answer).scrollIntoView({ block: wrong ? "center" : "start" });
  }

  // ---- Beginning.

  let chance = null;

  function begin() {
    new Screen(answer.querySelector("[data-screen=summary]"), () => true);
    for (const box of all(answer, "[data-further]")) {
      const one = new Screen(box.querySelector(".account-screen"), () => box.open);
      box.addEventListener("toggle", () => (WHY_NOT ? examples() : ask()));
      for (const field of one.fields) field.addEventListener("change", ask);
    }
    form.hidden = false;
    form.addEventListener("change", settled);
    write({ positions: [] });
    if (WHY_NOT) return withoutPython();
    chance = new Chance(answer.querySelector(".account-chance"));
    watchers.push(shown);
    listen();
    resume();
  }

  function listen() {
    const touched = () => {
      learn();
      python.start();
    };
    for (const sign of ["pointerenter", "touchstart", "focusin"]) form.addEventListener(sign, touched, { passive: true });
    form.addEventListener("input", edited);
    form.addEventListener("focusout", ({ target }) => {
      if (!target.name || seen.has(target)) return;
      seen.add(target);
      if (entered.problems) look();
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      for (const field of fieldsOf(form)) seen.add(field);
      go = true;
      if (entered.entry) look();
      else change(read());
    });
    form.addEventListener("click", ({ target }) => press(target.closest("button")));
    answer.addEventListener("click", ({ target }) => target.dataset.file && save(target.dataset.file));
    answer.querySelector(".account-status").after(retry);
    retry.addEventListener("click", () => {
      python.start();
      ask();
    });
    addEventListener("pageshow", ({ persisted }) => persisted && resume());
    addEventListener("hashchange", () => location.hash.startsWith("#account=") && resume());
  }

  function press(button) {
    if (!button) return;
    const is = (name) => button.classList.contains(`account-${name}`);
    if (is("add")) more(button.dataset.add);
    if (is("remove")) less(button.closest(".account-row"));
    if (is("undo")) undo(button);
    if (is("forget")) clear();
    if (is("link")) share();
    if (is("read")) paste();
  }

  function more(part) {
    const row = add(part);
    renew();
    fieldsOf(row)[0].focus();
  }

  function less(row) {
    const part = Object.keys(PARTS).find((one) => row.matches(`[data-${one}]`));
    row.remove();
    number(part);
    told();
    renew();
    form.querySelector(`[data-add=${part}]`).focus();
  }

  function undo(button) {
    write(before);
    button.hidden = true;
    renew();
  }

  // What a link to this page brings, or what the tab keeps. A link's account does not stay in the address.
  function recall() {
    const [, text] = /^#account=(.*)$/s.exec(location.hash) ?? [];
    if (text === undefined) return kept();
    history.replaceState(history.state, "", location.pathname + location.search);
    const found = unpacked(text);
    say(form.querySelector(".account-told"), found ? "This account came with the link." : "The account in this link cannot be read.");
    return found ?? kept();
  }

  function resume() {
    const entry = recall();
    if (JSON.stringify(entry) === JSON.stringify(entered.entry)) return;
    write(entry ?? { positions: [] });
    if (!entry) return changed(null);
    learn();
    renew();
  }

  begin();
})();
