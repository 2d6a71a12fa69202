// Runs in a worker of a page: Python with what `marginlab` needs, which answers what the page asks of an account.
// Not at the top: what a module names there is to Firefox a worker of its own, which the policy refuses.
const [{ BYTES, LOCK, VERSION }, { Missing, got, unpack, unpacked }] = await Promise.all([
  import("./files.mjs"),
  import("./unpack.mjs"),
]);

const here = (name) => new URL(name, import.meta.url).href;
const mine = (name) => here(name) + new URL(import.meta.url).search; // another state of the book has others
const PYODIDE = here(`${VERSION}/`);
const HOME = "/lean";
const DATA = `${HOME}/marginlab/markets/data`;
const BRACKETS = "all_brackets.data";
const FAILURE = 29; // what Emscripten calls a failure of input or output

// What has come so far, in bytes as they are transferred.
const progress = { loaded: 0, total: Object.entries(BYTES).reduce((sum, [, one]) => sum + (one.first ? one.packed : 0), 0) };
function came(bytes) {
  progress.loaded = Math.min(progress.loaded + bytes, progress.total);
  tell("Python is loading");
}
const tell = (words) => postMessage({ loading: { words, loaded: Math.round(progress.loaded), total: progress.total } });

// Counts the bytes of an answer while somebody else reads it.
async function count(answer, name) {
  const { whole, packed } = BYTES[name];
  const reader = answer.clone().body.getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    came((value.length / whole) * packed);
  }
}

async function archive(name, counted = false) {
  const answer = await got(mine(name));
  if (counted) count(answer, name).catch(() => {});
  return unpacked(answer);
}

// Pyodide waits for ever for a program that does not come, or that comes as something else.
function watched() {
  const { instantiateStreaming } = WebAssembly;
  return new Promise((_, broken) => {
    WebAssembly.instantiateStreaming = async (source, imports) => {
      WebAssembly.instantiateStreaming = instantiateStreaming;
      try {
        const answer = await source;
        if (!answer.ok) throw new Missing(`pyodide.asm.wasm was not to be had: ${answer.status} ${answer.statusText}`);
        came(BYTES["pyodide.asm.mjs"].packed); // which asks for it
        count(answer, "pyodide.asm.wasm").catch(() => {});
        return await instantiateStreaming.call(WebAssembly, answer, imports);
      } catch (reason) {
        broken(reason instanceof Missing ? reason : new Missing(`pyodide.asm.wasm cannot be run: ${reason.message}`));
        throw reason;
      }
    };
  });
}

const place = (name) => `${DATA}/${name.replace(".data", ".json.gz")}`; // of what is sent under another name

// A file that is fetched when Python first looks at it, unless it has come before.
const had = new Map();
function whenAsked(FS, name) {
  const path = place(name);
  const at = path.lastIndexOf("/");
  FS.mkdirTree(path.slice(0, at));
  const node = FS.createFile(path.slice(0, at), path.slice(at + 1), {}, true, false);
  const read = () => {
    if (had.has(name)) return had.get(name);
    const request = new XMLHttpRequest();
    request.open("GET", mine(name), false);
    request.responseType = "arraybuffer";
    try {
      request.send();
    } catch {
      throw new FS.ErrnoError(FAILURE);
    }
    if (request.status !== 200) throw new FS.ErrnoError(FAILURE);
    had.set(name, new Uint8Array(request.response));
    return had.get(name);
  };
  Object.defineProperty(node, "contents", { get: read });
  Object.defineProperty(node, "usedBytes", { get: () => read().length });
}

// Python waits for one file after the other: those that it will look at come together before. What does not come, it
// asks for again itself.
const coming = new Map();
const beforehand = (names) =>
  Promise.allSettled(names.map((name) => `events/${name}.data`).filter((name) => !had.has(name)).map(ahead));

function ahead(name) {
  if (!coming.has(name)) coming.set(name, fetched(name).finally(() => coming.delete(name)));
  return coming.get(name);
}

async function fetched(name) {
  const answer = await got(mine(name));
  had.set(name, new Uint8Array(await answer.arrayBuffer()));
}

async function begin() {
  tell("Python is loading");
  const lean = archive("python.data", true);
  // It is needed for every account, and not so soon as the rest.
  const brackets = got(mine(BRACKETS)).then(async (answer) => {
    came(BYTES[BRACKETS].packed);
    return new Uint8Array(await answer.arrayBuffer());
  });
  const broken = watched();
  for (const one of [lean, brackets, broken]) one.catch(() => {}); // told below
  import(`${PYODIDE}pyodide.asm.mjs`).catch(() => {}); // which Pyodide asks for only when it has come itself
  const { loadPyodide } = await import(`${PYODIDE}pyodide.mjs`);
  const loading = loadPyodide({
    indexURL: PYODIDE,
    stdLibURL: here("empty.zip"),
    lockFileContents: LOCK,
    env: { HOME: "/home/pyodide", PYTHONPATH: HOME },
    async fsInit(FS) {
      unpack(await lean, FS, HOME);
    },
  });
  const pyodide = await Promise.race([loading, broken, lean.then(() => loading)]);
  tell("Python is starting");
  const { FS } = pyodide;
  FS.writeFile(place(BRACKETS), await brackets, { canOwn: true });
  for (const name of Object.keys(BYTES)) if (name.startsWith("events/")) whenAsked(FS, name);
  return { pyodide, answers: pyodide.pyimport("marginlab.display.answers") };
}

let random = null; // what draws numbers by chance, which few ask for
const withRandom = (FS) => (random ??= archive("random.data").then((tar) => unpack(tar, FS, HOME)));

let newest = null; // the answer that is not out of date
const stopped = new Set();
const moment = () => new Promise((again) => {
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = () => { port1.close(); again(); };
  port2.postMessage(0);
});
const wanted = ({ kind, id }) => (kind === "answer" ? id === newest : !stopped.has(id));

async function answer(message) {
  const { pyodide, answers } = await begun;
  const text = JSON.stringify(message);
  if (message.kind === "chance") await withRandom(pyodide.FS);
  const reads = answers.reads(text);
  await beforehand(reads.toJs());
  reads.destroy();
  const said = answers.replies(text);
  try {
    for (;;) {
      await moment(); // for what has come meanwhile
      if (!wanted(message)) return;
      const { done, value } = said.next();
      if (done) return;
      postMessage(JSON.parse(value));
    }
  } finally {
    said.destroy();
  }
}

async function run(message) {
  try {
    await answer(message);
  } catch (reason) {
    const { ffi } = (await begun).pyodide;
    const words = reason instanceof ffi.PythonError ? reason.message.trim().split("\n").at(-1) : reason.message;
    postMessage({ id: message.id, failed: words });
    if (reason instanceof Missing) random = null;
    else if (!(reason instanceof ffi.PythonError)) close(); // Python itself is broken
  }
  if (stopped.delete(message.id)) postMessage({ id: message.id, done: true });
}

const begun = begin();
begun.then(
  () => postMessage({ ready: true }),
  (reason) => postMessage({ failed: reason.message }),
);

addEventListener("message", ({ data }) => {
  if (data.kind === "stop") return void stopped.add(data.id);
  if (data.kind === "answer") newest = data.id;
  begun.then(() => run(data), () => {});
});

// Held as long as this lives, so that the page knows when it does no more.
const listening = () => {
  postMessage({ listening: true });
  return new Promise(() => {});
};
if (navigator.locks) navigator.locks.request(globalThis.LIVING, listening);
else listening();
