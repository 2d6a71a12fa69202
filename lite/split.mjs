// Takes the drawing library out of the script of plotly's widget, which then draws with whatever the page has loaded.
// It is by far the largest of what the script defines, so that a parser finds it in any version.
// Usage: node split.mjs ACORN.mjs WIDGET.js OUT.js
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [acorn, widget, out] = process.argv.slice(2).map((path) => resolve(path));
const { parse } = await import(pathToFileURL(acorn));
const source = readFileSync(widget, "utf-8");
const length = ({ start, end }) => end - start;
const defined = parse(source, { ecmaVersion: "latest", sourceType: "module" })
  .body.flatMap((one) => (one.type === "VariableDeclaration" ? one.declarations : []))
  .map((one) => one.init)
  .filter((one) => one !== null)
  .sort((one, other) => length(other) - length(one));
const [library] = defined;
if (!library || length(library) < source.length / 2 || !source.slice(library.start, library.end).includes("newPlot")) {
  throw new Error(`no drawing library was found in ${widget}`);
}
// Asked for anew at each call, so that a page can load more of it later.
const given = "() => new Proxy({}, { get: (_, name) => globalThis.Plotly?.[name] })";
writeFileSync(out, source.slice(0, library.start) + given + source.slice(library.end));
