import { readFileSync } from "node:fs";
import { expect, test } from "vitest";

interface Locked {
  optionalDependencies?: Record<string, string>;
}

test("the lock names what every kind of machine needs, so that npm ci works wherever it was made", () => {
  const lock = JSON.parse(readFileSync("package-lock.json", "utf8")) as {
    packages: Record<string, Locked>;
  };

  const missing = Object.entries(lock.packages).flatMap(([path, { optionalDependencies = {} }]) =>
    Object.keys(optionalDependencies)
      .filter((name) => !isLocked(name, path, lock.packages))
      .map((name) => `${path} -> ${name}`),
  );

  expect(missing).toEqual([]);
});

/** Looked for the way Node.js looks for a module: in the package's own folder, then in those around it. */
function isLocked(name: string, from: string, packages: Record<string, Locked>): boolean {
  for (let folder = from; ; folder = folder.slice(0, folder.lastIndexOf("node_modules/") - 1)) {
    const path = folder ? `${folder}/node_modules/${name}` : `node_modules/${name}`;
    if (path in packages) return true;
    if (!folder) return false;
  }
}
