// Validates FHIR R4 resources: one JSON array of resources on a line in, one JSON array of lists of faults out.
// Medplum's core expects a WebSocket where it is loaded; it opens none here.
globalThis.WebSocket ??= class {};
const fs = require("fs");
const path = require("path");
const readline = require("readline");

const folder = process.argv[2];
const read = (...name) => JSON.parse(fs.readFileSync(path.join(folder, ...name)));
const { indexStructureDefinitionBundle, validateResource } = require(path.resolve(folder, "core", "index.cjs"));
for (const name of ["profiles-types.json", "profiles-resources.json"]) {
  indexStructureDefinitionBundle(read("definitions", name));
}

function faultsOf(resource) {
  try {
    return validateResource(resource).map(told);
  } catch (error) {
    if (!error.outcome) throw error;
    return error.outcome.issue.map(told);
  }
}

function told(issue) {
  return `${issue.severity}: ${issue.details?.text} at ${issue.expression}`;
}

readline.createInterface({ input: process.stdin }).on("line", (line) => {
  process.stdout.write(JSON.stringify(JSON.parse(line).map(faultsOf)) + "\n");
});
process.stdout.write("ready\n");
