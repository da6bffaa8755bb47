import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseSync, Visitor, type VisitorObject } from "oxc-parser";

/** The folders of the product, and what runs and tests it. */
export const FOLDERS = [
  "domain",
  "platform",
  "models",
  "activities",
  "workflows",
  "api",
  "workers",
  "supervisor",
  "cli",
  "scripts",
  "test",
] as const;

const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** Every TypeScript file under these folders, as paths from the repository's folder with `/`. */
export function sourceFiles(folders: readonly string[] = FOLDERS): string[] {
  return folders.flatMap((folder) =>
    readdirSync(join(ROOT, folder), { withFileTypes: true, recursive: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
      .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length).replaceAll("\\", "/"))
      .sort(),
  );
}

/** The text of a file of the repository. */
export function readSource(file: string): string {
  return readFileSync(join(ROOT, file), "utf8");
}

/** What a file of the repository exports. */
export async function loadSource(file: string): Promise<Record<string, unknown>> {
  const address = `../../${file}`;
  return (await import(/* @vite-ignore */ address)) as Record<string, unknown>;
}

/** One import or re-export of another module. */
export interface Import {
  from: string;
  /** True when nothing of it is left at run time. */
  typeOnly: boolean;
}

/** Everything that a file imports, re-exports or loads by `import()`. */
export function importsOf(file: string): Import[] {
  const found: Import[] = [];
  const reexport = (from: { value: string } | null, kind: string) => {
    if (from) found.push({ from: from.value, typeOnly: kind === "type" });
  };
  visit(file, {
    ImportDeclaration: ({ source, importKind }) => reexport(source, importKind ?? "value"),
    ExportNamedDeclaration: ({ source, exportKind }) => reexport(source, exportKind ?? "value"),
    ExportAllDeclaration: ({ source, exportKind }) => reexport(source, exportKind ?? "value"),
    ImportExpression: ({ source }) =>
      found.push({
        from: source.type === "Literal" ? String(source.value) : "an address that is computed",
        typeOnly: false,
      }),
    TSImportType: ({ source }) => found.push({ from: source.value, typeOnly: true }),
  });
  return found;
}

/** Walks the syntax tree of a file. */
export function visit(file: string, visitor: VisitorObject): void {
  const { program, errors } = parseSync(file, readSource(file));
  if (errors.length > 0) throw new Error(`${file}: ${errors[0]!.message}`);
  new Visitor(visitor).visit(program);
}
