import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../replay/histories", import.meta.url));

/** One recorded life of a workflow. */
export interface RecordedCase {
  workflow: string;
  name: string;
}

/** Where the history of a case is kept. */
export function historyFile({ workflow, name }: RecordedCase): string {
  return join(FOLDER, workflow, `${name}.json`);
}

/** Every history that is kept. */
export async function recordedCases(): Promise<RecordedCase[]> {
  const entries = await readdir(FOLDER, { withFileTypes: true, recursive: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => {
      const path = relative(FOLDER, join(entry.parentPath, entry.name));
      const [workflow = "", ...rest] = path.replace(/\.json$/, "").split(sep);
      return { workflow, name: rest.join("/") };
    });
}
