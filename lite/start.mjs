// Starts Pyodide as soon as this is imported, with what every chapter imports, so that it is ready
// when the page asks for a kernel. The kernel takes this for Pyodide's own module.
// Not at the top: what a module names there is to Firefox a worker of its own, which the policy refuses.
const [{ loadPyodide: load }, { got, unpack, unpacked }] = await Promise.all([
  import("RUNTIME/VERSION/pyodide.mjs"),
  import("RUNTIME/unpack.mjs"),
]);

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
const here = (name) => new URL(name, import.meta.url).href;

async function archive(name) {
  return unpacked(await got(here(name)));
}

async function begin() {
  const [packages, contents] = [archive("site-packages.data"), archive("contents.data")];
  const pyodide = await load({
    indexURL: here("RUNTIME/VERSION/"),
    stdLibURL: here("python_stdlib.zip"),
    lockFileURL: here("pyodide-lock.json"),
  });
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
