// Runs compile.py in the Pyodide of the folder given, since only the same Python can make what it reads.
// Usage: node compile.mjs FOLDER JOBS.json, which holds what is to be compiled, and how.
import { readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const [folder, jobs] = process.argv.slice(2).map((path) => resolve(path));
const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")));
const pyodide = await loadPyodide({ indexURL: folder, env: { HOME: "/home/pyodide", PYTHONHASHSEED: "0" } }); // the same bytes each time
pyodide.FS.mkdirTree("/here");
pyodide.FS.mount(pyodide.FS.filesystems.NODEFS, { root: dirname(jobs) }, "/here");
pyodide.runPython(readFileSync(join(dirname(fileURLToPath(import.meta.url)), "compile.py"), "utf-8"));
const compiled = pyodide.globals.get("compiled");
const told = JSON.parse(readFileSync(jobs, "utf-8"));
const [drop, swap, terse] = [told.drop, told.swap, told.terse].map((one) => pyodide.toPy(one));
for (const { source, target, home, keep } of told.jobs) {
  compiled(`/here/${source}`, `/here/${target}`, home, keep, drop, swap, terse);
}
