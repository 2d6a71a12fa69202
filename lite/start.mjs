// Starts Pyodide as soon as this is imported, with what every chapter imports, so that it is ready
// when the page asks for a kernel. The kernel takes this for Pyodide's own module.
import { loadPyodide as load } from "./pyodide.mjs";

const HOME = "/home/pyodide";
const IMPORTED = `
import importlib, os

importlib.invalidate_caches()
os.chdir("${HOME}/book")  # where the notebooks are

import pyodide_kernel
import ipywidgets
import marginlab.display
from plotly.graph_objects import Figure, FigureWidget, Scatter

Figure(Scatter(y=[0]))  # reads what figures are checked against
`;
const decoder = new TextDecoder();

async function fetched(name) {
  const answer = await fetch(new URL(name, import.meta.url));
  if (!answer.ok) throw new Error(`${name} was not to be had: ${answer.status} ${answer.statusText}`);
  const unpacked = answer.body.pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

// The files of a tar: each has a head of 512 bytes, and its content is filled up to a multiple of that.
function* files(tar) {
  const text = (at, length) => decoder.decode(tar.subarray(at, at + length)).replace(/\0.*$/s, "");
  for (let at = 0; tar[at]; ) {
    const [name, size, folder] = [text(at, 100), parseInt(text(at + 124, 12), 8), text(at + 345, 155)];
    yield [folder ? `${folder}/${name}` : name, tar.subarray(at + 512, at + 512 + size)];
    at += 512 * (1 + Math.ceil(size / 512));
  }
}

function unpack(tar, FS, home) {
  const there = new Set();
  for (const [path, content] of files(tar)) {
    const whole = `${home}/${path}`;
    const folder = whole.slice(0, whole.lastIndexOf("/"));
    if (!there.has(folder)) FS.mkdirTree(folder);
    there.add(folder);
    FS.writeFile(whole, content, { canOwn: true });
  }
}

async function begin() {
  const [packages, contents] = [fetched("site-packages.data"), fetched("contents.data")];
  const pyodide = await load({ indexURL: new URL(".", import.meta.url).href });
  unpack(await packages, pyodide.FS, pyodide.runPython("import site; site.getsitepackages()[0]"));
  unpack(await contents, pyodide.FS, HOME);
  await pyodide.runPythonAsync(IMPORTED);
  return pyodide;
}

const begun = begin();
begun.catch(() => {}); // told to whoever asks for it

export async function loadPyodide({ stdout, stderr }) {
  const pyodide = await begun;
  pyodide.setStdout({ batched: stdout });
  pyodide.setStderr({ batched: stderr });
  return pyodide;
}
