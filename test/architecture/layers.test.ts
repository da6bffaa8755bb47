import { posix } from "node:path";
import { describe, expect, test } from "vitest";
import { importsOf, sourceFiles, visit } from "../support/sources.ts";

interface Layer {
  /** Folders that may be imported at run time, beside its own. */
  values: readonly string[];
  /** Folders of which only types may be imported. */
  types?: readonly string[];
  /** The only packages allowed; any when not given. */
  packages?: readonly string[];
}

/** Who may import whom (docs/architecture.md). Scripts and tests may import anything. */
const LAYERS: Readonly<Record<string, Layer>> = {
  domain: { values: [], packages: ["@temporalio/common"] },
  platform: { values: ["domain"] },
  models: { values: ["domain"] },
  activities: { values: ["domain", "models"], types: ["platform"] },
  workflows: {
    values: ["domain"],
    types: ["activities"],
    packages: ["@temporalio/workflow", "@temporalio/common"],
  },
  api: { values: ["domain", "models", "workflows", "platform"] },
  workers: { values: ["domain", "platform", "models", "activities", "workflows"] },
  supervisor: { values: ["domain", "platform"] },
  cli: { values: ["domain"] },
};

/** Inside api/. `kernel` is what lies beside the folders of routes, schemas and policies. */
const API_PARTS: Readonly<Record<string, Layer>> = {
  routes: {
    values: ["schemas", "policies", "kernel", "workflows", "models", "domain", "platform"],
  },
  schemas: { values: ["kernel", "domain"], types: ["models"] },
  policies: { values: ["kernel", "domain", "models", "platform"], types: ["schemas"] },
};

const isOwn = (from: string) => from.startsWith(".");
const targetOf = (file: string, from: string) => posix.join(posix.dirname(file), from);
const folderOf = (path: string) => path.split("/")[0]!;

function partOf(path: string): string {
  const [folder, part = ""] = path.split("/");
  if (folder !== "api") return folder!;
  return part in API_PARTS ? part : "kernel";
}

function allows({ values, types = [] }: Layer, target: string, typeOnly: boolean): boolean {
  return values.includes(target) || (typeOnly && types.includes(target));
}

/** Every import of these files as `from -> to` for which `isWrong` says so. */
function wrongImports(
  files: string[],
  isWrong: (file: string, from: string, typeOnly: boolean) => boolean,
): string[] {
  return files.flatMap((file) =>
    importsOf(file)
      .filter(({ from, typeOnly }) => isWrong(file, from, typeOnly))
      .map(({ from, typeOnly }) => `${file} -> ${from}${typeOnly ? " (types)" : ""}`),
  );
}

describe.each(Object.entries(LAYERS))("%s", (folder, layer) => {
  const files = sourceFiles([folder]);

  test("imports only the folders below it", () => {
    const wrong = wrongImports(files, (file, from, typeOnly) => {
      if (!isOwn(from)) return false;
      const target = folderOf(targetOf(file, from));
      return target !== folder && !allows(layer, target, typeOnly);
    });

    expect(wrong).toEqual([]);
  });
});

const closed = Object.entries(LAYERS).filter(([, { packages }]) => packages);
test.each(closed)("%s imports only the packages that it may", (folder, { packages = [] }) => {
  const wrong = wrongImports(
    sourceFiles([folder]),
    (_, from, typeOnly) => !typeOnly && !isOwn(from) && !packages.includes(from),
  );

  expect(wrong).toEqual([]);
});

test("relative imports name the file with its ending", () => {
  const wrong = wrongImports(sourceFiles(), (_, from) => isOwn(from) && !/\.(ts|json)$/.test(from));

  expect(wrong).toEqual([]);
});

test("the activities of one domain know nothing of another's", () => {
  const domainOf = (path: string) => path.split("/")[1]!.replace(/\.ts$/, "");
  const files = sourceFiles(["activities"]).filter((file) => domainOf(file) !== "index");

  const wrong = wrongImports(files, (file, from) => {
    const target = targetOf(file, from);
    return isOwn(from) && folderOf(target) === "activities" && domainOf(target) !== domainOf(file);
  });

  expect(wrong).toEqual([]);
});

describe.each(Object.entries(API_PARTS))("api/%s", (part, layer) => {
  test("imports only the parts that it may", () => {
    const wrong = wrongImports(sourceFiles([`api/${part}`]), (file, from, typeOnly) => {
      if (!isOwn(from)) return false;
      const target = partOf(targetOf(file, from));
      return target !== part && !allows(layer, target, typeOnly);
    });

    expect(wrong).toEqual([]);
  });
});

test("routes write through models or workflows, never to a table themselves", () => {
  const writing = new Set([
    "create",
    "bulkCreate",
    "update",
    "destroy",
    "save",
    "upsert",
    "increment",
  ]);
  const wrong: string[] = [];

  for (const file of sourceFiles(["api/routes"])) {
    visit(file, {
      CallExpression({ callee }) {
        if (callee.type !== "MemberExpression" || callee.property.type !== "Identifier") return;
        if (writing.has(callee.property.name)) wrong.push(`${file}: .${callee.property.name}()`);
      },
    });
  }

  expect(wrong).toEqual([]);
});
