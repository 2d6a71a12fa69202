// Starts Pyodide as soon as this is imported, with what every chapter imports, so that it is ready
// when the page asks for a kernel. The kernel takes this for Pyodide's own module.
import { loadPyodide as load } from "./pyodide.mjs";

const PACKAGES = []; // those of jupyter-lite.json, put in by site.py
const IMPORTED = `
import pyodide_kernel
import ipywidgets
import marginlab
from plotly.graph_objects import Figure, FigureWidget, Scatter

Figure(Scatter(y=[0]))  # reads what figures are checked against
`;

async function begin() {
  const pyodide = await load({ indexURL: new URL(".", import.meta.url).href, packages: PACKAGES });
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
