// Lists the modules that Python imports while it answers whatever a page can ask, and those that chance adds.
// Usage: node lean.mjs PYODIDE ALL.data OUT.json
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { gunzipSync } from "node:zlib";
import { unpack } from "./unpack.mjs";

const [folder, archive, out] = process.argv.slice(2).map((path) => resolve(path));
const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide.mjs")));
const pyodide = await loadPyodide({
  indexURL: folder,
  env: { HOME: "/home/pyodide", PYTHONPATH: "/lean" },
  fsInit: (FS) => unpack(new Uint8Array(gunzipSync(readFileSync(archive))), FS, "/lean"),
});
pyodide.runPython(readFileSync(join(dirname(fileURLToPath(import.meta.url)), "lean.py"), "utf-8"));
try {
  pyodide.runPython("raise ValueError('what is told of an error')");
} catch {
  // what tells of it has been imported now
}
const lists = JSON.parse(pyodide.runPython("listed()"));
writeFileSync(out, `${JSON.stringify(lists, null, 1)}\n`);
