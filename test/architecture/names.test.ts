import { describe, expect, test } from "vitest";
import { FOLDERS, sourceFiles, visit } from "../support/sources.ts";

/** The words of the product. A domain has its word in every folder, and no folder has another. */
const DOMAINS = [
  "accounts",
  "billing",
  "cards",
  "disks",
  "downloads",
  "feeds",
  "gates",
  "operations",
  "packages",
  "pipelines",
  "proxies",
  "webhooks",
];

/** What a folder has beside its domains: parts that belong to none of them. */
const KERNEL: Readonly<Record<string, readonly string[]>> = {
  workflows: ["helpers", "index"],
  activities: ["index"],
  models: [
    "columns",
    "database",
    "index",
    "migrations",
    "paging",
    "questions",
    "schema",
    "sqlite",
    "statements",
  ],
  "api/routes": ["documentation", "index", "platform"],
  "api/schemas": [],
  "api/policies": [],
};

/** Words that say nothing. */
const EMPTY_WORDS = /^(common|data|helpers?|info|managers?|misc|services?|utils?|utilit(y|ies))$/;

/** Names that stand for something all the same. */
const MEANT = [
  // What several workflows are told with: part of the layout.
  "workflows/helpers",
  // What handlers may use, and what a test run is provided with.
  "api/services.ts",
  "test/support/services",
];

/** What Temporal calls the halves of its API, and we what handlers may use. */
const MEANT_TYPES = new Set(["Services"]);

describe.each(Object.entries(KERNEL))("%s", (folder, kernel) => {
  test("has a file or a folder of each domain's word, and no other word", () => {
    const words = sourceFiles([folder]).map((file) =>
      file.slice(folder.length + 1).replace(/(\/.*|\.ts)$/, ""),
    );

    expect(words.filter((word) => ![...DOMAINS, ...kernel].includes(word))).toEqual([]);
  });
});

test("every domain has its word in domain/ or stands in the models", () => {
  const files = sourceFiles(["domain", "models"]);
  const words = new Set(files.map((file) => file.split(/[/.]/)[1]));

  expect(DOMAINS.filter((word) => !words.has(word))).toEqual([]);
});

test("files and folders are named in kebab-case", () => {
  const wrong = sourceFiles().filter((file) => !/^([a-z0-9-]+\/)+[a-z0-9.-]+\.ts$/.test(file));

  // A migration begins with the moment it was written, as in ISO 8601.
  expect(wrong.filter((file) => !/\/migrations\/\d{8}T\d{4}-[a-z-]+\.ts$/.test(file))).toEqual([]);
});

test("no file is named by a word that says nothing", () => {
  const wrong = sourceFiles().filter((file) => {
    const rest = MEANT.reduce((path, meant) => path.replace(meant, ""), file);
    return rest.split(/[/.-]/).some((word) => EMPTY_WORDS.test(word));
  });

  expect(wrong).toEqual([]);
});

test("no class, function or type is named by a word that says nothing", () => {
  const wrong: string[] = [];
  const judge = (file: string, name = "") => {
    if (MEANT_TYPES.has(name)) return;
    const words = name.match(/[A-Z]?[a-z0-9]+/g) ?? [];
    if (words.some((word) => EMPTY_WORDS.test(word.toLowerCase()))) wrong.push(`${file}: ${name}`);
  };

  for (const file of sourceFiles(FOLDERS.filter((folder) => folder !== "test"))) {
    visit(file, {
      ClassDeclaration: ({ id }) => judge(file, id?.name),
      FunctionDeclaration: ({ id }) => judge(file, id?.name),
      TSInterfaceDeclaration: ({ id }) => judge(file, id.name),
      TSTypeAliasDeclaration: ({ id }) => judge(file, id.name),
    });
  }

  expect(wrong).toEqual([]);
});
