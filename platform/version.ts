import { readFileSync } from "node:fs";

/** The version of the product, as the package.json above this file (or above `dist/`) has it. */
export function readVersion(): string {
  for (const place of ["../package.json", "../../package.json"]) {
    try {
      const text = readFileSync(new URL(place, import.meta.url), "utf8");
      return (JSON.parse(text) as { version: string }).version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  throw new Error("there is no package.json beside the program");
}
