import { expect, test } from "vitest";
import { FOLDERS, sourceFiles, visit } from "../support/sources.ts";

const PRODUCT = FOLDERS.filter((folder) => folder !== "test");

/** Every place in these files where `object.property` is read, however it is written. */
function placesOf(object: string, property: string, files: string[]): string[] {
  const places: string[] = [];
  for (const file of files) {
    visit(file, {
      MemberExpression(node) {
        const { object: owner, property: read } = node;
        const name = read.type === "Literal" ? read.value : read.type === "Identifier" && read.name;
        if (owner.type === "Identifier" && owner.name === object && name === property)
          places.push(file);
      },
    });
  }
  return [...new Set(places)];
}

test("the environment is read in one place of the platform, and in one of the command", () => {
  const outside = sourceFiles(PRODUCT.filter((folder) => folder !== "scripts"));

  expect(placesOf("process", "env", outside)).toEqual(["platform/env.ts", "cli/main.ts"]);
});

test("nothing but a pause is drawn from a generator that can be guessed", () => {
  expect(placesOf("Math", "random", sourceFiles(PRODUCT))).toEqual([
    "models/database.ts",
    "workflows/webhooks.ts",
  ]);
});

test("a digest that can be forged is only made where somebody else's program shows it", () => {
  const weak: string[] = [];

  for (const file of sourceFiles(PRODUCT)) {
    visit(file, {
      CallExpression({ callee, arguments: [first] }) {
        if (callee.type !== "Identifier" || !/^create(Hash|Hmac)$/.test(callee.name)) return;
        const name = first?.type === "Literal" ? first.value : "a name that is computed";
        if (name !== "sha256") weak.push(`${file}: ${String(name)}`);
      },
    });
  }

  expect(weak).toEqual([
    "platform/totp.ts: sha1",
    "activities/downloads/fetching.ts: md5",
    "activities/packages/steps/checksums.ts: md5",
  ]);
});
